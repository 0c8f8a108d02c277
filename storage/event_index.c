#include "storage/event_index.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/event_filter.h"
#include "storage/state_record.h"

/* A page has so many entries, about. */
#define PAGE_BITS 7u
#define BUCKET_BITS_MAX 16u
/* Entries of one record of a run. */
#define RUN_ENTRIES 1024u
#define ENTRY_SIZE (EVENT_KEY_SIZE + 8u)
/* Entries that were added and wait for their places in the table to come in from memory: so many at a time,
 * for the processor translates several addresses at once, but where it meets them one by one, waits for each.
 */
#define FETCH_GROUP 16u

#define HEIGHT_MAX ((1ull << (EVENT_KIND_SHIFT - EVENT_INDEX_BITS)) - 1)

struct entries {
    struct event_entry *items;
    size_t count, capacity;
};

struct filters {
    struct event_filter *items;
    uint32_t count, capacity;
};

struct event_index {
    struct store *store;
    struct event_hash hash;
    struct event_index_config config;
    uint32_t bucket_bits;
    struct event_index_head stored; /* what the store says, or will once what is frozen is written */
    struct entries fresh, frozen;   /* not in the store, and on their way there */
    size_t added;                   /* of the fresh, how many the table has */
    bool is_frozen;
    size_t next_size; /* entries of the next table, where it may be wanted by the next freeze; else 0 */
    struct event_table *next;    /* that table, once it is made: by whoever gathers, to whom it is no hurry */
    struct event_filter closing; /* of the closed table, once it is gathered */
    pthread_rwlock_t lock;       /* the owner changes and grows what follows under it; others read under it */
    struct event_table *open, *closed;
    struct filters filters;       /* of each generation that the store has pages of */
    atomic_uint_fast64_t visible; /* height */
};

/* ---- Places ---- */

static uint64_t pack(enum event_index_kind kind, struct state_place place)
{
    CHECK(place.height <= HEIGHT_MAX && place.index < 1u << EVENT_INDEX_BITS);
    return (uint64_t)kind << EVENT_KIND_SHIFT | place.height << EVENT_INDEX_BITS | place.index;
}

static struct state_place unpack(uint64_t packed)
{
    uint64_t place = packed & ((1ull << EVENT_KIND_SHIFT) - 1);
    return (struct state_place){
        place >> EVENT_INDEX_BITS, (uint32_t)(place & ((1u << EVENT_INDEX_BITS) - 1))};
}

static void entry_encode(const struct event_entry *entry, struct buffer *out)
{
    buffer_append(out, entry->key, EVENT_KEY_SIZE);
    buffer_u64(out, entry->place);
}

/* One of a record's entries. */
static struct event_entry entry_at(struct span bytes, size_t i)
{
    struct event_entry entry;
    const uint8_t *at = bytes.data + i * ENTRY_SIZE;
    memcpy(entry.key, at, EVENT_KEY_SIZE);
    entry.place = get_u64(at + EVENT_KEY_SIZE);
    return entry;
}

static bool entries_are_whole(struct span bytes)
{
    if (bytes.size % ENTRY_SIZE != 0) return false;
    for (size_t i = 0; i < bytes.size / ENTRY_SIZE; i++)
        if (entry_at(bytes, i).place >> EVENT_KIND_SHIFT == 0) return false;
    return true;
}

static uint32_t bucket_of(const struct event_index *index, uint32_t hash)
{
    return (uint32_t)((uint64_t)hash << index->bucket_bits >> 32);
}

/* ---- Opening ---- */

static int entries_add(struct entries *entries, const struct event_entry *entry)
{
    if (entries->count == entries->capacity) {
        size_t capacity = entries->capacity == 0 ? 256 : entries->capacity * 2;
        struct event_entry *items = realloc(entries->items, capacity * sizeof *items);
        if (items == NULL) return TALLY_ENOMEM;
        entries->items = items;
        entries->capacity = capacity;
    }
    entries->items[entries->count++] = *entry;
    return TALLY_OK;
}

static int table_add(struct event_index *index, const struct event_entry *entry)
{
    int error = TALLY_OK;
    if (event_table_is_full(index->open, entry->key)) {
        CHECK(pthread_rwlock_wrlock(&index->lock) == 0);
        error = event_table_grow(index->open, entry->key);
        CHECK(pthread_rwlock_unlock(&index->lock) == 0);
    }
    if (error == TALLY_OK) event_table_add(index->open, entry);
    return error;
}

static int read_run(struct event_index *index, uint32_t run, struct buffer *value)
{
    struct state_key key = state_key_of_index_run(index->stored.generation, run);
    buffer_clear(value);
    int error = store_get(index->store, state_key_span(&key), value);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
    struct span bytes = buffer_span(value);
    if (!entries_are_whole(bytes)) return TALLY_EDAMAGED;
    for (size_t i = 0; error == TALLY_OK && i < bytes.size / ENTRY_SIZE; i++) {
        struct event_entry entry = entry_at(bytes, i);
        error = table_add(index, &entry);
    }
    return error;
}

static struct event_index_head fresh_head(uint32_t generation)
{
    struct event_index_head head = {.bucket_bits = 0};
    random_bytes(&head.hash, sizeof head.hash);
    while (head.bucket_bits < BUCKET_BITS_MAX && generation >> (PAGE_BITS + head.bucket_bits + 1) != 0)
        head.bucket_bits++;
    return head;
}

static int read_head(struct event_index *index, struct buffer *value)
{
    struct state_key key = state_key_alone('I');
    int error = store_get(index->store, state_key_span(&key), value);
    if (error == TALLY_OK) error = state_index_head_decode(buffer_span(value), &index->stored);
    if (error == TALLY_ENOTFOUND && index->config.may_be_fresh) {
        index->stored = fresh_head(index->config.generation);
        error = TALLY_OK;
    }
    if (error == TALLY_OK && index->stored.bucket_bits > BUCKET_BITS_MAX) error = TALLY_EDAMAGED;
    return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
}

static int filters_reserve(struct filters *filters)
{
    if (filters->count < filters->capacity) return TALLY_OK;
    uint32_t capacity = filters->capacity == 0 ? 16 : filters->capacity * 2;
    struct event_filter *items = realloc(filters->items, capacity * sizeof *items);
    if (items == NULL) return TALLY_ENOMEM;
    filters->items = items;
    filters->capacity = capacity;
    return TALLY_OK;
}

static int read_filter(struct event_index *index, uint32_t generation, struct buffer *value)
{
    struct filters *filters = &index->filters;
    struct state_key key = state_key_of_index_filter(generation);
    buffer_clear(value);
    int error = store_get(index->store, state_key_span(&key), value);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
    error = filters_reserve(filters);
    if (error == TALLY_OK) error = event_filter_read(&filters->items[filters->count], buffer_span(value));
    if (error == TALLY_OK) filters->count++;
    return error;
}

static int read_stored(struct event_index *index)
{
    struct buffer value;
    buffer_init(&value, SIZE_MAX / 8);
    int error = read_head(index, &value);
    if (error == TALLY_OK) {
        index->hash = index->stored.hash;
        index->bucket_bits = index->stored.bucket_bits;
        index->open = event_table_make(&index->hash, 0);
        if (index->open == NULL) error = TALLY_ENOMEM;
    }
    for (uint32_t i = 0; error == TALLY_OK && i < index->stored.generation; i++)
        error = read_filter(index, i, &value);
    for (uint32_t run = 0; error == TALLY_OK && run < index->stored.runs; run++)
        error = read_run(index, run, &value);
    buffer_close(&value);
    return error;
}

int event_index_open(struct store *store, const struct event_index_config *config, struct event_index **index)
{
    struct event_index *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return TALLY_ENOMEM;
    CHECK(config->generation > 0 && pthread_rwlock_init(&opened->lock, NULL) == 0);
    opened->store = store;
    opened->config = *config;
    opened->visible = config->height;
    int error = read_stored(opened);
    if (error == TALLY_OK)
        *index = opened;
    else
        event_index_close(opened);
    return error;
}

void event_index_close(struct event_index *index)
{
    if (index == NULL) return;
    event_table_close(index->open);
    event_table_close(index->closed);
    event_table_close(index->next);
    free(index->fresh.items);
    free(index->frozen.items);
    event_filter_close(&index->closing);
    for (uint32_t i = 0; i < index->filters.count; i++)
        event_filter_close(&index->filters.items[i]);
    free(index->filters.items);
    CHECK(pthread_rwlock_destroy(&index->lock) == 0);
    free(index);
}

/* ---- The owner ---- */

/* Gives the table what was added, but for the newest `left`. */
static int catch_up(struct event_index *index, size_t left)
{
    int error = TALLY_OK;
    while (error == TALLY_OK && index->fresh.count - index->added > left)
        error = table_add(index, &index->fresh.items[index->added++]);
    return error;
}

static struct event_entry entry_of(enum event_index_kind kind, const struct digest *name, uint64_t place)
{
    struct event_entry entry = {.place = (uint64_t)kind << EVENT_KIND_SHIFT | place};
    memcpy(entry.key, name->bytes, EVENT_KEY_SIZE);
    return entry;
}

int event_index_add(struct event_index *index, enum event_index_kind kind, const struct digest *name,
    struct state_place place)
{
    struct event_entry entry = entry_of(kind, name, pack(kind, place));
    int error = entries_add(&index->fresh, &entry);
    if (error != TALLY_OK || index->fresh.count - index->added < 2 * FETCH_GROUP) return error;
    for (size_t i = index->fresh.count - FETCH_GROUP; i < index->fresh.count; i++)
        event_table_fetch(index->open, index->fresh.items[i].key);
    return catch_up(index, FETCH_GROUP);
}

int event_index_publish(struct event_index *index, uint64_t height)
{
    int error = catch_up(index, 0);
    if (error == TALLY_OK) index->visible = height;
    return error;
}

size_t event_index_unflushed_size(const struct event_index *index)
{
    return (index->fresh.count + index->frozen.count) * sizeof(struct event_entry);
}

/* The table after the open one, where that is full; *next is else NULL. Errors: TALLY_ENOMEM. */
static int next_take(struct event_index *index, struct event_table **next)
{
    size_t added = event_table_added(index->open);
    *next = NULL;
    if (added < index->config.generation) {
        /* The next freeze may fill it, even were it twice as large as this one. */
        bool is_near = added + 2 * index->fresh.count >= index->config.generation;
        index->next_size = is_near ? index->config.generation + index->fresh.count : 0;
        return TALLY_OK;
    }
    index->next_size = 0;
    CHECK(pthread_rwlock_wrlock(&index->lock) == 0);
    int error = filters_reserve(&index->filters);
    CHECK(pthread_rwlock_unlock(&index->lock) == 0);
    if (error != TALLY_OK) return error;
    *next = index->next != NULL ? index->next : event_table_make(&index->hash, added);
    index->next = NULL;
    return *next != NULL ? TALLY_OK : TALLY_ENOMEM;
}

int event_index_freeze(struct event_index *index)
{
    CHECK(!index->is_frozen && index->added == index->fresh.count);
    struct event_table *next;
    int error = next_take(index, &next);
    if (error != TALLY_OK) return error;
    struct entries recycled = index->frozen;
    recycled.count = 0;
    index->frozen = index->fresh;
    index->fresh = recycled;
    index->added = 0;
    index->is_frozen = true;
    if (next == NULL) return TALLY_OK;
    CHECK(pthread_rwlock_wrlock(&index->lock) == 0);
    index->closed = index->open;
    index->open = next;
    CHECK(pthread_rwlock_unlock(&index->lock) == 0);
    return TALLY_OK;
}

struct event_table *event_index_drop_frozen(struct event_index *index)
{
    CHECK(index->is_frozen);
    struct event_table *closed = index->closed;
    index->is_frozen = false;
    index->frozen.count = 0;
    if (closed == NULL) return NULL;
    CHECK(pthread_rwlock_wrlock(&index->lock) == 0);
    index->filters.items[index->filters.count++] = index->closing;
    index->closing = (struct event_filter){.bytes = NULL};
    index->closed = NULL;
    CHECK(pthread_rwlock_unlock(&index->lock) == 0);
    return closed;
}

/* ---- Looking up ---- */

struct looking {
    uint8_t key[EVENT_KEY_SIZE];
    uint32_t hash;
    uint64_t least, greatest, found;
};

static void look_in_memory(struct event_index *index, struct looking *looking)
{
    CHECK(pthread_rwlock_rdlock(&index->lock) == 0);
    looking->found = event_table_find(index->open, looking->key, looking->least, looking->greatest);
    if (looking->found == 0 && index->closed != NULL)
        looking->found = event_table_find(index->closed, looking->key, looking->least, looking->greatest);
    CHECK(pthread_rwlock_unlock(&index->lock) == 0);
}

static void look_in_page(struct span page, struct looking *looking)
{
    for (size_t i = 0; i < page.size / ENTRY_SIZE; i++) {
        if (memcmp(page.data + i * ENTRY_SIZE, looking->key, EVENT_KEY_SIZE) != 0) continue;
        uint64_t place = entry_at(page, i).place;
        if (place >= looking->least && place <= looking->greatest && place > looking->found)
            looking->found = place;
    }
}

static int read_page(struct event_index *index, uint32_t generation, uint32_t bucket, struct buffer *page)
{
    struct state_key key = state_key_of_index_page(generation, bucket);
    buffer_clear(page);
    int error = store_get(index->store, state_key_span(&key), page);
    if (error == TALLY_OK && !entries_are_whole(buffer_span(page))) error = TALLY_EDAMAGED;
    return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
}

/* The newest generation below `below` that may have it, and one more; 0 where there is none. */
static uint32_t candidate(struct event_index *index, const struct looking *looking, uint32_t below)
{
    CHECK(pthread_rwlock_rdlock(&index->lock) == 0);
    const struct filters *filters = &index->filters;
    uint32_t left = below < filters->count ? below : filters->count;
    while (left > 0 && !event_filter_may_have(&filters->items[left - 1], looking->hash, looking->key))
        left--;
    CHECK(pthread_rwlock_unlock(&index->lock) == 0);
    return left;
}

/* Newest first. What is back-filled is older than its generation, so the last refusal may be in any. What
 * left memory since has its filter here. */
static int look_in_pages(struct event_index *index, bool in_all, struct looking *looking)
{
    struct buffer page;
    int error = TALLY_OK;
    buffer_init(&page, SIZE_MAX / 8);
    for (uint32_t left = UINT32_MAX; error == TALLY_OK && (looking->found == 0 || in_all); left--) {
        left = candidate(index, looking, left);
        if (left == 0) break;
        error = read_page(index, left - 1, bucket_of(index, looking->hash), &page);
        if (error == TALLY_OK) look_in_page(buffer_span(&page), looking);
    }
    buffer_close(&page);
    return error;
}

static int find(struct event_index *index, enum event_index_kind kind, const struct digest *name,
    uint64_t height_max, struct state_place *place)
{
    struct looking looking = {.least = (uint64_t)kind << EVENT_KIND_SHIFT};
    looking.greatest = looking.least | height_max << EVENT_INDEX_BITS | ((1u << EVENT_INDEX_BITS) - 1);
    memcpy(looking.key, name->bytes, EVENT_KEY_SIZE);
    looking.hash = event_key_hash(&index->hash, looking.key);
    look_in_memory(index, &looking);
    int error = look_in_pages(index, kind == INDEX_REFUSED, &looking);
    if (error != TALLY_OK) return error;
    if (looking.found == 0) return TALLY_ENOTFOUND;
    *place = unpack(looking.found);
    return TALLY_OK;
}

int event_index_find_own(struct event_index *index, enum event_index_kind kind, const struct digest *name,
    struct state_place *place)
{
    int error = catch_up(index, 0);
    return error == TALLY_OK ? find(index, kind, name, HEIGHT_MAX, place) : error;
}

int event_index_find(struct event_index *index, enum event_index_kind kind, const struct digest *name,
    struct state_place *place)
{
    /* Numbers of what came with a snapshot are no heights, and were there before anybody looked. */
    return find(index, kind, name, kind == INDEX_BASE ? HEIGHT_MAX : index->visible, place);
}

/* ---- Writing ---- */

static int put(struct store_batch *batch, const struct state_key *key, struct buffer *value)
{
    if (value->failed) return TALLY_ENOMEM;
    store_batch_put(batch, state_key_span(key), buffer_span(value));
    buffer_clear(value);
    return TALLY_OK;
}

static int gather_runs(struct event_index *index, struct store_batch *batch, struct buffer *value)
{
    int error = TALLY_OK;
    for (size_t from = 0; error == TALLY_OK && from < index->frozen.count; from += RUN_ENTRIES) {
        size_t left = index->frozen.count - from;
        for (size_t i = 0; i < RUN_ENTRIES && i < left; i++)
            entry_encode(&index->frozen.items[from + i], value);
        struct state_key key = state_key_of_index_run(index->stored.generation, index->stored.runs++);
        error = put(batch, &key, value);
    }
    return error;
}

/* The entries of a closed table, each bucket's together. */
struct dealt {
    struct event_entry *entries;
    uint32_t *order; /* numbers of entries, bucket by bucket */
    uint32_t *ends;  /* of each bucket, in `order` */
    size_t count;
};

static void dealt_close(struct dealt *dealt)
{
    free(dealt->entries);
    free(dealt->order);
    free(dealt->ends);
}

static uint32_t bucket_of_entry(const struct event_index *index, const struct event_entry *entry)
{
    return bucket_of(index, event_key_hash(&index->hash, entry->key));
}

static void deal(const struct event_index *index, struct dealt *dealt)
{
    uint32_t end = 0;
    for (size_t i = 0; i < dealt->count; i++)
        dealt->ends[bucket_of_entry(index, &dealt->entries[i])]++;
    for (uint32_t bucket = 0; bucket < 1u << index->bucket_bits; bucket++) {
        uint32_t size = dealt->ends[bucket];
        dealt->ends[bucket] = end;
        end += size;
    }
    for (uint32_t i = 0; i < dealt->count; i++)
        dealt->order[dealt->ends[bucket_of_entry(index, &dealt->entries[i])]++] = i;
}

static int dealt_open(const struct event_index *index, struct dealt *dealt)
{
    *dealt = (struct dealt){.count = event_table_count(index->closed)};
    CHECK(dealt->count < UINT32_MAX);
    dealt->entries = malloc((dealt->count + 1) * sizeof *dealt->entries);
    dealt->order = malloc((dealt->count + 1) * sizeof *dealt->order);
    dealt->ends = calloc((size_t)1 << index->bucket_bits, sizeof *dealt->ends);
    if (dealt->entries == NULL || dealt->order == NULL || dealt->ends == NULL) return TALLY_ENOMEM;
    event_table_copy(index->closed, dealt->entries);
    deal(index, dealt);
    return TALLY_OK;
}

static int put_pages(
    struct event_index *index, const struct dealt *dealt, struct store_batch *batch, struct buffer *value)
{
    int error = TALLY_OK;
    size_t at = 0;
    for (uint32_t bucket = 0; error == TALLY_OK && bucket < 1u << index->bucket_bits; bucket++) {
        for (; at < dealt->ends[bucket]; at++)
            entry_encode(&dealt->entries[dealt->order[at]], value);
        struct state_key key = state_key_of_index_page(index->stored.generation, bucket);
        error = put(batch, &key, value);
    }
    CHECK(error != TALLY_OK || at == dealt->count);
    return error;
}

/* In the same order, in which they also stand in the filter. */
static int put_filter(
    struct event_index *index, const struct dealt *dealt, struct store_batch *batch, struct buffer *value)
{
    struct event_filter *filter = &index->closing;
    int error = event_filter_open(filter, dealt->count);
    if (error != TALLY_OK) return error;
    for (size_t i = 0; i < dealt->count; i++) {
        const uint8_t *key = dealt->entries[dealt->order[i]].key;
        event_filter_add(filter, event_key_hash(&index->hash, key), key);
    }
    struct state_key key = state_key_of_index_filter(index->stored.generation);
    buffer_append(value, filter->bytes, filter->size);
    return put(batch, &key, value);
}

static int gather_pages(struct event_index *index, struct store_batch *batch, struct buffer *value)
{
    struct dealt dealt;
    int error = dealt_open(index, &dealt);
    if (error == TALLY_OK) error = put_pages(index, &dealt, batch, value);
    if (error == TALLY_OK) error = put_filter(index, &dealt, batch, value);
    dealt_close(&dealt);
    for (uint32_t run = 0; error == TALLY_OK && run < index->stored.runs; run++) {
        struct state_key key = state_key_of_index_run(index->stored.generation, run);
        store_batch_remove(batch, state_key_span(&key));
    }
    index->stored.generation++;
    index->stored.runs = 0;
    return error;
}

int event_index_gather(struct event_index *index, struct store_batch *batch)
{
    CHECK(index->is_frozen);
    struct buffer value;
    struct state_key key = state_key_alone('I');
    buffer_init(&value, SIZE_MAX / 8);
    int error =
        index->closed != NULL ? gather_pages(index, batch, &value) : gather_runs(index, batch, &value);
    if (error == TALLY_OK) {
        state_index_head_encode(&index->stored, &value);
        error = put(batch, &key, &value);
    }
    buffer_close(&value);
    if (index->next_size != 0 && index->next == NULL)
        index->next = event_table_make(&index->hash, index->next_size); /* or else the freeze makes it */
    return error;
}

/* ---- Looking at everything ---- */

static int count_page(struct event_index *index, uint32_t generation, uint32_t bucket, struct buffer *page,
    uint64_t counts[EVENT_INDEX_KINDS])
{
    int error = read_page(index, generation, bucket, page);
    for (size_t i = 0; error == TALLY_OK && i < page->size / ENTRY_SIZE; i++) {
        struct event_entry entry = entry_at(buffer_span(page), i);
        uint32_t hash = event_key_hash(&index->hash, entry.key);
        if (bucket_of(index, hash) != bucket ||
            !event_filter_may_have(&index->filters.items[generation], hash, entry.key))
            error = TALLY_EDAMAGED;
        counts[entry.place >> EVENT_KIND_SHIFT]++;
    }
    return error;
}

static int count_open(const struct event_index *index, uint64_t counts[EVENT_INDEX_KINDS])
{
    size_t entry_count = event_table_count(index->open);
    struct event_entry *entries = malloc((entry_count + 1) * sizeof *entries);
    if (entries == NULL) return TALLY_ENOMEM;
    event_table_copy(index->open, entries);
    for (size_t i = 0; i < entry_count; i++)
        counts[entries[i].place >> EVENT_KIND_SHIFT]++;
    free(entries);
    return TALLY_OK;
}

int event_index_count(struct event_index *index, uint64_t counts[EVENT_INDEX_KINDS])
{
    struct buffer page;
    CHECK(!index->is_frozen && index->fresh.count == 0);
    memset(counts, 0, EVENT_INDEX_KINDS * sizeof *counts);
    int error = count_open(index, counts);
    buffer_init(&page, SIZE_MAX / 8);
    for (uint32_t generation = 0; error == TALLY_OK && generation < index->filters.count; generation++)
        for (uint32_t bucket = 0; error == TALLY_OK && bucket < 1u << index->bucket_bits; bucket++)
            error = count_page(index, generation, bucket, &page, counts);
    buffer_close(&page);
    return error;
}
