#include "storage/state_load.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/base_record.h"
#include "storage/snapshot_internal.h"
#include "storage/snapshot_reading.h"
#include "storage/state_internal.h"

/* What a part's events are to be found by, kept until all of it has been checked. */
struct load_names {
    struct load_name {
        struct digest name;
        uint64_t number;
        bool newest; /* a newer one counts, if there is one */
    } * items;
    size_t count, capacity;
};

struct state_load {
    const struct snapshot_head *head;
    struct snapshot_reading *reading;
    struct snapshot_seam *start; /* of a subject's whole history */
    struct store *store;
    struct store_batch *batch;
    struct buffer value;
    bool failed; /* a value of the batch lacks memory */
    struct event_index *index;
    struct load_names names;
    struct buffer items;    /* the page under 'J' that is being filled */
    uint32_t items_pages;   /* of parts that are there */
    uint32_t items_part;    /* and those of this one, but for that */
    uint64_t subject_count; /* of the parts that were loaded, */
    uint64_t subjects_part; /* and of this one */
    bool indexed;           /* events of the subject are found by their ids */
    struct merkle_frontier history;
    uint32_t history_next, events_next;
    bool *batches, *subjects; /* that are there */
};

/* ---- Writing ---- */

static void put(struct state_load *load, const struct state_key *key)
{
    if (load->value.failed) load->failed = true;
    store_batch_put(load->batch, state_key_span(key), buffer_span(&load->value));
    buffer_clear(&load->value);
}

static void put_digest(struct state_load *load, const struct state_key *key, const struct digest *digest)
{
    buffer_append(&load->value, digest->bytes, DIGEST_SIZE);
    put(load, key);
}

/* ---- History ---- */

static void node_seen(void *context, uint32_t level, uint64_t index, const struct digest *node)
{
    struct state_key key = state_key_of_tree(level, index);
    put_digest(context, &key, node);
}

static int height_seen(void *context, const struct snapshot_height *height)
{
    struct state_load *load = context;
    struct state_roots roots = {.block = height->block,
        .time_ms = height->time_ms,
        .state_root = height->state_root,
        .results_root = height->results_root};
    struct digest leaf =
        history_leaf(&height->block, height->time_ms, &height->state_root, &height->results_root);
    merkle_frontier_append(&load->history, &leaf, node_seen, load);
    roots.history_root = merkle_frontier_root(&load->history);
    struct state_key key = state_key_of_height('B', height->height);
    state_roots_encode(&roots, &load->value);
    put(load, &key);
    return load->failed ? TALLY_ENOMEM : TALLY_OK;
}

static int load_history(struct state_load *load, uint32_t index, struct span bytes)
{
    struct merkle_frontier before = load->history;
    if (index != load->history_next) return TALLY_EINVALID;
    int error = snapshot_history_walk(load->head, index, bytes, height_seen, load);
    if (error != TALLY_OK) load->history = before;
    return error;
}

/* ---- Remembered batches ---- */

static int batch_seen(
    void *context, uint64_t minute, uint32_t order, const struct remembered_batch *remembered)
{
    struct state_load *load = context;
    struct state_key key = state_key_of_batch(minute, &remembered->digest);
    state_batch_encode(
        &(struct state_batch){.order = order, .expires_at_ms = remembered->expires_at_ms}, &load->value);
    put(load, &key);
    return load->failed ? TALLY_ENOMEM : TALLY_OK;
}

/* ---- Subjects ---- */

static void put_accounts(struct state_load *load, const struct snapshot_subject *subject)
{
    for (uint32_t i = 0; i < subject->chain_count; i++) {
        struct state_key key = state_key_of_account(subject->chains[i].member_id, subject->chains[i].ref);
        put_digest(load, &key, &subject->id);
    }
}

static int names_add(struct load_names *names, const struct load_name *name)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity == 0 ? 1024 : names->capacity * 2;
        struct load_name *items = realloc(names->items, capacity * sizeof *items);
        if (items == NULL) return TALLY_ENOMEM;
        names->items = items;
        names->capacity = capacity;
    }
    names->items[names->count++] = *name;
    return TALLY_OK;
}

static void items_end(struct state_load *load)
{
    struct state_key key = state_key_of_base_items(load->items_pages + load->items_part);
    if (load->items.size == 0) return;
    store_batch_put(load->batch, state_key_span(&key), buffer_span(&load->items));
    buffer_clear(&load->items);
    load->items_part++;
}

static int item_seen(struct state_load *load, const struct snapshot_event *event)
{
    uint64_t page = load->items_pages + load->items_part;
    struct load_name name = {.name = state_item_name(event->facts.member_id, event->facts.item_id),
        .number = page * BASE_ITEMS + load->items.size / BASE_ITEM_SIZE};
    base_item_encode(&(struct state_item){.event_id = event->id, .result = event->result}, &load->items);
    if (load->items.failed) return TALLY_ENOMEM;
    if (load->items.size == BASE_ITEMS * BASE_ITEM_SIZE) items_end(load);
    return names_add(&load->names, &name);
}

static int event_seen(void *context, const struct snapshot_event *event, uint32_t number)
{
    struct state_load *load = context;
    enum event_type type = event->facts.type;
    int error = TALLY_OK;
    if (snapshot_event_has_item(event)) error = item_seen(load, event);
    if (error != TALLY_OK || !load->indexed) return error;
    error = names_add(&load->names, &(struct load_name){.name = event->id, .number = number});
    if (error != TALLY_OK || (type != EVENT_CORRECT && type != EVENT_RETRACT)) return error;
    return names_add(&load->names,
        &(struct load_name){
            .name = base_remedy_name(type, &event->facts.link), .number = number, .newest = true});
}

static void base_put(void *context, const struct state_key *key)
{
    put(context, key);
}

static int put_events(struct state_load *load, const struct digest *position,
    const struct snapshot_seam *start, struct span events, bool indexed)
{
    load->indexed = indexed;
    return base_events_write(&(struct base_writing){.position = position,
        .start = start,
        .events = events,
        .indexed = indexed,
        .value = &load->value,
        .context = load,
        .put = base_put,
        .seen = event_seen});
}

static int run_seen(void *context, const struct snapshot_run_events *run)
{
    struct state_load *load = context;
    int error = put_events(load, run->position, run->start, run->events, true);
    return error == TALLY_OK && load->failed ? TALLY_ENOMEM : error;
}

/* Where in its block the newest event stands is not known, and not needed: the chain of places ends at the
 * snapshot's height. */
static int subject_seen(void *context, const struct snapshot_subject *subject)
{
    struct state_load *load = context;
    struct state_subject stored = {.subject_id = subject->id, .leaf = subject->leaf, .bytes = subject->bytes};
    struct state_key key = state_key_of_position('S', &subject->position);
    state_subject_encode(&stored, &load->value);
    put(load, &key);
    load->subjects_part++;
    put_accounts(load, subject);
    snapshot_seam_start(
        load->start, &load->head->config.chain_id, &subject->id, subject->chains, subject->chain_count);
    /* What is one piece is looked through. */
    int error = subject->is_long ? TALLY_OK
                                 : put_events(load, &subject->position, load->start, subject->events,
                                       subject->leaf.count > BASE_CHUNK);
    return error == TALLY_OK && load->failed ? TALLY_ENOMEM : error;
}

/* ---- Parts ---- */

uint32_t state_load_count(const struct state_load *load, uint32_t kind)
{
    return snapshot_reading_count(load->reading, kind);
}

bool state_load_has(const struct state_load *load, uint32_t kind, uint32_t index)
{
    if (index >= state_load_count(load, kind)) return false;
    switch ((enum snapshot_part)kind) {
    case SNAPSHOT_BLOCK:
        return false;
    case SNAPSHOT_HISTORY:
        return index < load->history_next;
    case SNAPSHOT_BATCHES:
        return load->batches[index];
    case SNAPSHOT_SUBJECTS:
        return load->subjects[index];
    case SNAPSHOT_EVENTS:
        return index < load->events_next;
    }
    return false;
}

static int walk_part(struct state_load *load, uint32_t kind, uint32_t index, struct span bytes)
{
    switch ((enum snapshot_part)kind) {
    case SNAPSHOT_BLOCK:
        return TALLY_EINVALID;
    case SNAPSHOT_HISTORY:
        return load_history(load, index, bytes);
    case SNAPSHOT_BATCHES:
        return snapshot_batches_walk(load->head, index, bytes, batch_seen, load);
    case SNAPSHOT_SUBJECTS:
        return snapshot_reading_subjects(load->reading, index, bytes, subject_seen, load);
    case SNAPSHOT_EVENTS:
        return snapshot_reading_events(load->reading, index, bytes, run_seen, load);
    }
    return TALLY_EINVALID;
}

/* Forgets what was gathered of a part that turned out wrong. */
static int forget(struct state_load *load)
{
    store_batch_close(load->batch);
    load->batch = store_batch_make();
    buffer_clear(&load->value);
    buffer_clear(&load->items);
    load->subjects_part = 0;
    load->items_part = 0;
    load->names.count = 0;
    load->failed = false;
    return load->batch == NULL ? TALLY_ENOMEM : TALLY_OK;
}

/* The newest are first, as runs come: then what an older one aims at has a newer one already. */
static int index_add(struct state_load *load)
{
    int error = TALLY_OK;
    for (size_t i = load->names.count; error == TALLY_OK && i > 0; i--) {
        const struct load_name *name = &load->names.items[i - 1];
        struct state_place place;
        error = name->newest ? event_index_find_own(load->index, INDEX_BASE, &name->name, &place)
                             : TALLY_ENOTFOUND;
        if (error == TALLY_ENOTFOUND)
            error = event_index_add(
                load->index, INDEX_BASE, &name->name, (struct state_place){.height = name->number + 1});
    }
    load->names.count = 0;
    return error;
}

/* Writes what was gathered of a part that was checked. */
static int commit(struct state_load *load)
{
    items_end(load);
    int error = load->failed ? TALLY_ENOMEM : index_add(load);
    if (error == TALLY_OK) error = event_index_publish(load->index, 0);
    if (error == TALLY_OK) error = event_index_freeze(load->index);
    if (error != TALLY_OK) return error;
    error = event_index_gather(load->index, load->batch);
    if (error == TALLY_OK) error = store_commit(load->store, load->batch);
    if (error != TALLY_OK) return error;
    event_table_close(event_index_drop_frozen(load->index));
    load->items_pages += load->items_part;
    load->items_part = 0;
    load->subject_count += load->subjects_part;
    load->subjects_part = 0;
    return TALLY_OK;
}

int state_load_part(struct state_load *load, uint32_t kind, uint32_t index, struct span bytes)
{
    if (state_load_has(load, kind, index)) return TALLY_OK;
    if (index >= state_load_count(load, kind)) return TALLY_EDAMAGED;
    int error = walk_part(load, kind, index, bytes);
    if (error != TALLY_OK) return forget(load) == TALLY_OK ? error : TALLY_ENOMEM;
    error = commit(load);
    if (error != TALLY_OK) return error;
    if (kind == SNAPSHOT_HISTORY) load->history_next++;
    if (kind == SNAPSHOT_BATCHES) load->batches[index] = true;
    if (kind == SNAPSHOT_SUBJECTS) load->subjects[index] = true;
    if (kind == SNAPSHOT_EVENTS) load->events_next++;
    return TALLY_OK;
}

/* ---- Beginning and ending ---- */

static int index_open(struct state_load *load)
{
    uint32_t generation = load->head->config.index_generation;
    struct event_index_config config = {
        .generation = generation != 0 ? generation : EVENT_INDEX_GENERATION, .may_be_fresh = true};
    return event_index_open(load->store, &config, &load->index);
}

int state_load_begin(const char *dir, const struct snapshot_head *head, struct state_load **load)
{
    char path[DISK_PATH_SIZE_MAX];
    int error = disk_join(dir, "state", path);
    if (error == TALLY_OK) error = state_discard(dir);
    if (error != TALLY_OK) return error;
    struct state_load *begun = calloc(1, sizeof *begun);
    if (begun == NULL) return TALLY_ENOMEM;
    begun->head = head;
    buffer_init(&begun->value, SIZE_MAX / 8);
    buffer_init(&begun->items, SIZE_MAX / 8);
    merkle_frontier_init(&begun->history);
    begun->batches = calloc(snapshot_part_count(head, SNAPSHOT_BATCHES) + 1u, sizeof *begun->batches);
    begun->subjects = calloc(snapshot_part_count(head, SNAPSHOT_SUBJECTS), sizeof *begun->subjects);
    begun->batch = store_batch_make();
    begun->start = snapshot_seam_make(ACCOUNTS_PER_SUBJECT_MAX);
    error = snapshot_reading_open(head, &begun->reading);
    if (begun->batches == NULL || begun->subjects == NULL || begun->batch == NULL || begun->start == NULL)
        error = TALLY_ENOMEM;
    if (error == TALLY_OK) error = store_open(path, &begun->store);
    if (error == TALLY_OK) error = index_open(begun);
    if (error != TALLY_OK) {
        state_load_close(begun);
        return error;
    }
    *load = begun;
    return TALLY_OK;
}

static void check_whole(const struct state_load *load)
{
    for (uint32_t kind = SNAPSHOT_HISTORY; kind <= SNAPSHOT_EVENTS; kind++)
        for (uint32_t i = 0; i < state_load_count(load, kind); i++)
            CHECK(state_load_has(load, kind, i));
}

/* So that what it proves can be verified from genesis on. */
static int put_seals(struct state_load *load)
{
    struct span seals = buffer_span(&load->head->seals);
    int error = TALLY_OK;
    while (error == TALLY_OK && seals.size > 0) {
        struct epoch_seal seal;
        error = epoch_seal_take(&seals, &seal);
        if (error != TALLY_OK) break;
        struct state_key key = state_key_of_height('K', seal.checkpoint.checkpoint.epoch);
        epoch_seal_append(&seal, &load->value);
        put(load, &key);
    }
    return error;
}

static void put_register(struct state_load *load)
{
    struct state_register stored = snapshot_register(load->head);
    struct state_key key = state_key_alone('N');
    state_register_encode(&stored, &load->value);
    put(load, &key);
}

int state_load_end(struct state_load *load)
{
    const struct snapshot_head *head = load->head;
    uint64_t height = head->certified.checkpoint.height;
    check_whole(load);
    int error = put_seals(load);
    if (error != TALLY_OK) return error;
    put_register(load);
    struct state_key key = state_key_of_height('C', height);
    certified_checkpoint_encode(&head->certified, &load->value);
    put(load, &key);
    key = state_key_alone('Q');
    buffer_u64(&load->value, height);
    put(load, &key);
    key = state_key_alone('P');
    state_base_encode(&(struct state_base){.height = height}, &load->value);
    put(load, &key);
    struct state_meta *meta = calloc(1, sizeof *meta);
    if (meta == NULL) return TALLY_ENOMEM;
    *meta = (struct state_meta){head->config.chain_id, height, head->counts, head->window};
    meta->counts.subjects = load->subject_count;
    key = state_key_alone('M');
    state_meta_encode(meta, &load->value);
    put(load, &key);
    free(meta);
    return load->failed ? TALLY_ENOMEM : store_commit(load->store, load->batch);
}

void state_load_close(struct state_load *load)
{
    if (load == NULL) return;
    event_index_close(load->index);
    store_close(load->store);
    store_batch_close(load->batch);
    buffer_close(&load->value);
    buffer_close(&load->items);
    free(load->names.items);
    snapshot_reading_close(load->reading);
    free(load->start);
    free(load->batches);
    free(load->subjects);
    free(load);
}
