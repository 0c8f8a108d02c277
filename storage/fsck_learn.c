/* Before anything is looked at: what the state knows that the genesis does not, by which the rest is judged.
 * What cannot be read is told of when the state is looked at. */
#include <stdlib.h>

#include "storage/fsck_internal.h"
#include "storage/state_record.h"
#include "storage/store.h"

static int read_value(struct store *store, const struct state_key *key, struct buffer *value)
{
    buffer_clear(value);
    return store_get(store, state_key_span(key), value);
}

static int read_register(struct fsck *fsck, struct store *store, struct buffer *value)
{
    struct state_key key = state_key_alone('M');
    struct state_meta meta;
    struct state_register stored;
    int error = read_value(store, &key, value);
    if (error == TALLY_OK) error = state_meta_decode(buffer_span(value), &meta);
    key = state_key_alone('N');
    if (error == TALLY_OK) error = read_value(store, &key, value);
    if (error == TALLY_OK) error = state_register_decode(buffer_span(value), &stored);
    if (error != TALLY_OK) return error;
    struct member_register *members = malloc(sizeof *members);
    if (members == NULL) return TALLY_ENOMEM;
    error = register_decode(stored.bytes, members);
    if (error != TALLY_OK) {
        free(members);
        return error;
    }
    fsck->members = members;
    fsck->members_height = meta.height;
    return TALLY_OK;
}

static int read_seals(struct fsck *fsck, struct store *store, struct buffer *value)
{
    int error = TALLY_OK;
    for (uint64_t epoch = 1; error == TALLY_OK && epoch <= EPOCH_SEALS_MAX; epoch++) {
        struct state_key key = state_key_of_height('K', epoch);
        error = read_value(store, &key, value);
        if (error == TALLY_OK) buffer_append(&fsck->seals, value->data, value->size);
    }
    return fsck->seals.failed ? TALLY_ENOMEM : error;
}

int fsck_learn(struct fsck *fsck)
{
    char path[DISK_PATH_SIZE_MAX];
    struct store *store;
    struct buffer value;
    if (!fsck_state_is_there(fsck)) return TALLY_OK;
    fsck->leveldb = fsck_leveldb(fsck);
    if (fsck->leveldb != TALLY_OK) return TALLY_OK;
    int error = disk_join(fsck->options->dir, "state", path);
    if (error == TALLY_OK) error = store_open(path, &store);
    if (error != TALLY_OK) return error == TALLY_ENOMEM ? error : TALLY_OK;
    buffer_init(&value, MIB);
    error = read_register(fsck, store, &value);
    if (error != TALLY_ENOMEM) error = read_seals(fsck, store, &value);
    buffer_close(&value);
    store_close(store);
    return error == TALLY_ENOMEM ? error : TALLY_OK;
}
