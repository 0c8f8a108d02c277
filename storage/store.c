#include "storage/store.h"

#include <errno.h>
#include <leveldb/c.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/base/check.h"
#include "storage/write_behind.h"

/* Memory is taken as it is used: a fresh node stays small. */
#define WRITE_BUFFER_SIZE (64u << 20)
#define CACHE_SIZE (16u << 20)
/* Small files are begun and ended, and synced, in little time, and of two levels less is merged at a time. */
#define FILE_SIZE (8u << 20)
#define OPEN_FILES_MAX 1000 /* so many LevelDB maps, and then holds no descriptor for them */
#define BLOOM_BITS 10

struct store {
    leveldb_t *db;
    leveldb_options_t *options;
    leveldb_readoptions_t *reads;
    leveldb_readoptions_t *scans;
    leveldb_writeoptions_t *writes;
    leveldb_filterpolicy_t *filter;
    leveldb_cache_t *cache;
    struct write_behind *early; /* NULL = the system gives no watch: others' syncs wait longer */
    bool failed;
};

struct store_batch {
    leveldb_writebatch_t *writes;
};

static const char *chars(struct span bytes)
{
    return bytes.size == 0 ? "" : (const char *)bytes.data;
}

/* LevelDB tells its errors as text alone; these words are those of its Status::ToString, and strerror's. */
static int error_of(char *text)
{
    int error = TALLY_EIO;
    /* A table that is shorter than it was, and is read behind its end, is an invalid argument. */
    if (strstr(text, "Corruption") != NULL || strstr(text, strerror(EINVAL)) != NULL)
        error = TALLY_EDAMAGED;
    else if (strncmp(text, "IO error: lock ", 15) == 0)
        error = TALLY_EBUSY;
    else if (strstr(text, strerror(ENOSPC)) != NULL)
        error = TALLY_EFULL;
    leveldb_free(text);
    return error;
}

static leveldb_options_t *options_make(leveldb_filterpolicy_t *filter, leveldb_cache_t *cache)
{
    leveldb_options_t *options = leveldb_options_create();
    leveldb_options_set_create_if_missing(options, 1);
    leveldb_options_set_paranoid_checks(options, 1);
    leveldb_options_set_compression(options, leveldb_no_compression);
    leveldb_options_set_write_buffer_size(options, WRITE_BUFFER_SIZE);
    leveldb_options_set_max_file_size(options, FILE_SIZE);
    leveldb_options_set_max_open_files(options, OPEN_FILES_MAX);
    if (filter != NULL) leveldb_options_set_filter_policy(options, filter);
    if (cache != NULL) leveldb_options_set_cache(options, cache);
    return options;
}

int store_open(const char *dir, struct store **store)
{
    struct store *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return TALLY_ENOMEM;
    opened->filter = leveldb_filterpolicy_create_bloom(BLOOM_BITS);
    opened->cache = leveldb_cache_create_lru(CACHE_SIZE);
    opened->options = options_make(opened->filter, opened->cache);
    opened->reads = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(opened->reads, 1);
    opened->scans = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(opened->scans, 1);
    leveldb_readoptions_set_fill_cache(opened->scans, 0);
    opened->writes = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(opened->writes, 1);
    char *text = NULL;
    opened->db = leveldb_open(opened->options, dir, &text);
    if (text != NULL) {
        opened->db = NULL;
        store_close(opened);
        return error_of(text);
    }
    if (write_behind_open(dir, &opened->early) != TALLY_OK) opened->early = NULL;
    *store = opened;
    return TALLY_OK;
}

bool store_writes_early(const struct store *store)
{
    return store->early != NULL;
}

void store_trust(struct store *store)
{
    leveldb_readoptions_set_verify_checksums(store->reads, 0);
    leveldb_readoptions_set_verify_checksums(store->scans, 0);
}

void store_close(struct store *store)
{
    if (store == NULL) return;
    write_behind_close(store->early);
    if (store->db != NULL) leveldb_close(store->db);
    leveldb_writeoptions_destroy(store->writes);
    leveldb_readoptions_destroy(store->scans);
    leveldb_readoptions_destroy(store->reads);
    leveldb_options_destroy(store->options);
    leveldb_cache_destroy(store->cache);
    leveldb_filterpolicy_destroy(store->filter);
    free(store);
}

int store_destroy(const char *dir)
{
    struct stat status;
    if (stat(dir, &status) != 0) return errno == ENOENT ? TALLY_OK : TALLY_EIO;
    leveldb_options_t *options = options_make(NULL, NULL);
    char *text = NULL;
    leveldb_destroy_db(options, dir, &text);
    leveldb_options_destroy(options);
    return text == NULL ? TALLY_OK : error_of(text);
}

static int get(struct store *store, const leveldb_readoptions_t *reads, struct span key, struct buffer *value)
{
    char *text = NULL;
    size_t found_size;
    char *found = leveldb_get(store->db, reads, chars(key), key.size, &found_size, &text);
    if (text != NULL) return error_of(text);
    if (found == NULL) return TALLY_ENOTFOUND;
    buffer_append(value, found, found_size);
    leveldb_free(found);
    return value->failed ? TALLY_ENOMEM : TALLY_OK;
}

int store_get(struct store *store, struct span key, struct buffer *value)
{
    return get(store, store->reads, key, value);
}

struct store_batch *store_batch_make(void)
{
    struct store_batch *batch = malloc(sizeof *batch);
    if (batch != NULL) batch->writes = leveldb_writebatch_create();
    return batch;
}

void store_batch_close(struct store_batch *batch)
{
    if (batch == NULL) return;
    leveldb_writebatch_destroy(batch->writes);
    free(batch);
}

void store_batch_put(struct store_batch *batch, struct span key, struct span value)
{
    leveldb_writebatch_put(batch->writes, chars(key), key.size, chars(value), value.size);
}

void store_batch_remove(struct store_batch *batch, struct span key)
{
    leveldb_writebatch_delete(batch->writes, chars(key), key.size);
}

int store_commit(struct store *store, struct store_batch *batch)
{
    if (store->failed) return TALLY_EIO;
    char *text = NULL;
    leveldb_write(store->db, store->writes, batch->writes, &text);
    if (text != NULL) {
        store->failed = true;
        return error_of(text);
    }
    leveldb_writebatch_clear(batch->writes);
    return TALLY_OK;
}

static unsigned long property(struct store *store, const char *name)
{
    char *value = leveldb_property_value(store->db, name);
    CHECK(value != NULL);
    unsigned long number = strtoul(value, NULL, 10);
    leveldb_free(value);
    return number;
}

/* In files of level 0; LevelDB's kL0_StopWritesTrigger is what it takes no more beyond. */
uint32_t store_lag(struct store *store)
{
    return (uint32_t)property(store, "leveldb.num-files-at-level0");
}

void store_usage(struct store *store, struct store_usage *usage)
{
    char name[] = "leveldb.num-files-at-level0";
    for (uint32_t level = 0; level < STORE_LEVELS; level++) {
        name[sizeof name - 2] = (char)('0' + level);
        usage->files[level] = (uint32_t)property(store, name);
    }
    usage->memory = property(store, "leveldb.approximate-memory-usage");
}

static int scan(leveldb_iterator_t *iterator, struct span prefix, struct span from,
    bool (*seen)(void *context, struct span key, struct span value), void *context)
{
    CHECK(from.size >= prefix.size && memcmp(from.data, prefix.data, prefix.size) == 0);
    for (leveldb_iter_seek(iterator, chars(from), from.size); leveldb_iter_valid(iterator);
         leveldb_iter_next(iterator)) {
        struct span key, value;
        key.data = (const uint8_t *)leveldb_iter_key(iterator, &key.size);
        if (key.size < prefix.size || memcmp(key.data, prefix.data, prefix.size) != 0) break;
        value.data = (const uint8_t *)leveldb_iter_value(iterator, &value.size);
        if (!seen(context, key, value)) break;
    }
    char *text = NULL;
    leveldb_iter_get_error(iterator, &text);
    return text == NULL ? TALLY_OK : error_of(text);
}

int store_scan(struct store *store, struct span prefix, struct span from,
    bool (*seen)(void *context, struct span key, struct span value), void *context)
{
    leveldb_iterator_t *iterator = leveldb_create_iterator(store->db, store->scans);
    int error = scan(iterator, prefix, from, seen, context);
    leveldb_iter_destroy(iterator);
    return error;
}

/* ---- Views ---- */

/* One iterator, which stays at what was there when it was made: it keeps the files of then, where a snapshot
 * of LevelDB's would have every merge keep all that is overwritten from then on. */
struct store_view {
    leveldb_iterator_t *iterator;
};

struct store_view *store_view_make(struct store *store)
{
    struct store_view *view = malloc(sizeof *view);
    if (view != NULL) view->iterator = leveldb_create_iterator(store->db, store->scans);
    return view;
}

void store_view_close(struct store_view *view)
{
    if (view == NULL) return;
    leveldb_iter_destroy(view->iterator);
    free(view);
}

struct getting {
    struct buffer *value;
    size_t key_size;
    bool found;
};

/* The first whose key begins with the one that is sought. */
static bool first_seen(void *context, struct span key, struct span value)
{
    struct getting *getting = context;
    getting->found = key.size == getting->key_size;
    if (getting->found) buffer_append(getting->value, value.data, value.size);
    return false;
}

int store_view_get(const struct store_view *view, struct span key, struct buffer *value)
{
    struct getting getting = {.value = value, .key_size = key.size};
    int error = scan(view->iterator, key, key, first_seen, &getting);
    if (error == TALLY_OK && !getting.found) error = TALLY_ENOTFOUND;
    return error == TALLY_OK && value->failed ? TALLY_ENOMEM : error;
}

int store_view_scan(const struct store_view *view, struct span prefix, struct span from,
    bool (*seen)(void *context, struct span key, struct span value), void *context)
{
    return scan(view->iterator, prefix, from, seen, context);
}
