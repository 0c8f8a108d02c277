#include "node/commit/execution.h"

#include <stdlib.h>

#include "node/credit/rules.h"
#include "proto/base/check.h"
#include "proto/crypto/digest_hash.h"
#include "storage/state.h"

#define SUBJECT_BUCKETS 16384u
#define SUBJECTS_START 64u
/* Memory that a large block took is given back after it where it is more than this many subjects' or events'.
 */
#define SUBJECTS_KEPT_MAX 1024u
#define RESULTS_KEPT_MAX 2048u
/* Events whose subjects are fetched from memory together. */
#define FETCH_GROUP 16u

/* A subject's file as the block has left it so far: read and decoded once, encoded and written once. */
struct touched_subject {
    struct digest id;
    struct subject_state file;
    bool changed;
    uint32_t next_in_bucket; /* index + 1; 0 = none */
};

struct execution {
    struct state *state;
    const struct genesis *genesis;
    struct digest set_hash;
    struct credit_reads reads;
    struct credit_read read; /* from `reads` */
    struct digest_hash_key key;
    /* Of one block: */
    uint32_t touched_count, touched_capacity;
    struct touched_subject *touched; /* in the order they were first touched, in which they are written too */
    uint32_t buckets[SUBJECT_BUCKETS]; /* index + 1; 0 = none */
    uint32_t result_capacity;
    struct event_result *results;
    struct buffer encoding;
};
_Static_assert((SUBJECT_BUCKETS & (SUBJECT_BUCKETS - 1)) == 0, "a bucket is chosen by masking");
_Static_assert(
    SUBJECT_STATE_SIZE_MAX <= STATE_SUBJECT_SIZE_MAX, "the largest file fits its place in the state");

/* ---- Life ---- */

int execution_open(struct state *state, const struct genesis *genesis, const struct header_source *headers,
    struct execution **execution)
{
    struct validator_set set;

    if (genesis->validator_count < VALIDATORS_MIN || genesis->validator_count > VALIDATORS_MAX)
        return TALLY_EFORM;
    struct execution *opened = calloc(1, sizeof(*opened));
    if (!opened) return TALLY_ENOMEM;
    opened->state = state;
    opened->genesis = genesis;
    genesis_validator_set(genesis, &set);
    opened->set_hash = validator_set_hash(&set);
    opened->reads = (struct credit_reads){.state = state, .genesis = genesis, .headers = *headers};
    opened->read = credit_reads_open(&opened->reads);
    digest_hash_key_init(&opened->key);
    buffer_init(&opened->encoding, SUBJECT_STATE_SIZE_MAX);
    *execution = opened;
    return TALLY_OK;
}

void execution_close(struct execution *execution)
{
    if (!execution) return;
    for (uint32_t i = 0; i < execution->touched_count; i++)
        subject_state_close(&execution->touched[i].file);
    free(execution->touched);
    free(execution->results);
    buffer_close(&execution->encoding);
    free(execution);
}

/* ---- Subjects touched by the block ---- */

static int touched_grow(struct execution *execution)
{
    if (execution->touched_count < execution->touched_capacity) return TALLY_OK;

    uint32_t capacity = execution->touched_capacity ? execution->touched_capacity * 2 : SUBJECTS_START;
    struct touched_subject *touched = realloc(execution->touched, capacity * sizeof(*touched));
    if (!touched) return TALLY_ENOMEM;
    execution->touched = touched;
    execution->touched_capacity = capacity;
    return TALLY_OK;
}

static int file_read(struct execution *execution, const struct digest *id, struct subject_state *file)
{
    struct state_subject stored;

    subject_state_init(file);
    int error = state_block_subject(execution->state, id, &stored);
    if (error == TALLY_ENOTFOUND) return TALLY_OK;
    if (error) return error;
    error = subject_state_decode(stored.bytes, file);
    if (error) subject_state_close(file);
    return error == TALLY_EFORM ? TALLY_EDAMAGED : error;
}

/* The file of a subject, read when it is first touched. The pointer holds until another subject is. */
static int subject_touch(
    struct execution *execution, const struct digest *id, struct touched_subject **touched)
{
    uint32_t *bucket = &execution->buckets[digest_hash(&execution->key, id) & (SUBJECT_BUCKETS - 1)];

    for (uint32_t slot = *bucket; slot; slot = execution->touched[slot - 1].next_in_bucket) {
        if (digest_equal(&execution->touched[slot - 1].id, id)) {
            *touched = &execution->touched[slot - 1];
            return TALLY_OK;
        }
    }
    int error = touched_grow(execution);
    if (error) return error;
    struct touched_subject *added = &execution->touched[execution->touched_count];
    error = file_read(execution, id, &added->file);
    if (error) return error;
    added->id = *id;
    added->changed = false;
    added->next_in_bucket = *bucket;
    *bucket = ++execution->touched_count;
    *touched = added;
    return TALLY_OK;
}

static int subjects_write(struct execution *execution)
{
    for (uint32_t i = 0; i < execution->touched_count; i++) {
        struct touched_subject *touched = &execution->touched[i];
        if (!touched->changed) continue;
        buffer_clear(&execution->encoding);
        subject_state_encode(&touched->file, &execution->encoding);
        if (execution->encoding.failed) return TALLY_ENOMEM;
        int error = state_subject_put(execution->state, &touched->id, buffer_span(&execution->encoding));
        if (error) return error;
    }
    return TALLY_OK;
}

/* Forgets the block's files, and the memory that only a large block needs. */
static void subjects_forget(struct execution *execution)
{
    for (uint32_t i = 0; i < execution->touched_count; i++) {
        struct touched_subject *touched = &execution->touched[i];
        execution->buckets[digest_hash(&execution->key, &touched->id) & (SUBJECT_BUCKETS - 1)] = 0;
        subject_state_close(&touched->file);
    }
    execution->touched_count = 0;
    if (execution->touched_capacity > SUBJECTS_KEPT_MAX) {
        free(execution->touched);
        execution->touched = NULL;
        execution->touched_capacity = 0;
    }
}

/* ---- One event, one batch ---- */

static int account_event_store(struct execution *execution, const struct event_header *header, uint32_t index)
{
    struct state *state = execution->state;
    int error = TALLY_OK;

    if (header->type == EVENT_ACCOUNT_OPEN)
        error = state_account_put(state, header->member_id, header->account_ref, &header->subject_id);
    if (!error && header->type == EVENT_CORRECT)
        error = state_remedy_put(state, STATE_CORRECTED, &header->target, index);
    if (!error && header->type == EVENT_RETRACT)
        error = state_remedy_put(state, STATE_RETRACTED, &header->target, index);
    if (error) return error;
    return state_account_event_put(state, header->member_id, header->account_ref, header->account_seq, index);
}

/* Carries an event that folds into the state: its account's chain, its item id and what it aims at, and its
 * subject's history. */
static int event_store(
    struct execution *execution, const struct batch_event *event, uint32_t index, uint16_t code)
{
    const struct event_header *header = &event->fields;
    int error = header->has_account
                    ? account_event_store(execution, header, index)
                    : state_item_put(execution->state, header->member_id, header->item_id, index);

    return error ? error : state_fold(execution->state, &header->subject_id, &event->id, index, code);
}

static int event_apply(struct execution *execution, const struct batch_event *event, uint32_t index,
    uint64_t block_time_ms, struct event_result *result)
{
    struct touched_subject *touched;
    int error = subject_touch(execution, &event->fields.subject_id, &touched);
    if (error) return error;

    error = credit_apply(&execution->read, &touched->file, &event->fields, &event->id, block_time_ms, result);
    if (error || !credit_result_folds(event->fields.type, result->code)) return error;
    touched->changed = true;
    return event_store(execution, event, index, result->code);
}

static bool key_is_members(const struct genesis_member *member, const struct public_key *key)
{
    for (uint32_t i = 0; i < member->key_count; i++) {
        if (public_key_equal(&member->keys[i], key)) return true;
    }
    return false;
}

/* "A batch digest is applied at most once, and expires_at_ms lies at most 10 minutes after block time." Sets
 * *code to what all events of the batch get, RESULT_OK where the credit rules are to say. */
static int batch_rule(
    struct execution *execution, const struct batch *batch, uint64_t block_time_ms, enum result_code *code)
{
    bool seen;

    if (batch->expires_at_ms <= block_time_ms ||
        batch->expires_at_ms - block_time_ms > BATCH_LIFETIME_MS_MAX) {
        *code = RESULT_BATCH_EXPIRED;
        return TALLY_OK;
    }
    int error =
        state_batch_seen(execution->state, block_time_ms, &batch->digest, batch->expires_at_ms, &seen);
    if (error) return error;
    if (seen) {
        *code = RESULT_BATCH_REPLAYED;
        return TALLY_OK;
    }
    error = state_batch_remember(execution->state, &batch->digest, batch->expires_at_ms);
    if (error) return error == TALLY_EINVALID ? TALLY_EDAMAGED : error;

    const struct genesis_member *member = genesis_member_by_id(execution->genesis, batch->member_id);
    if (!member) {
        *code = RESULT_NOT_ALLOWED;
    } else {
        *code = key_is_members(member, &batch->signing_key) ? RESULT_OK : RESULT_KEY_REVOKED;
    }
    return TALLY_OK;
}

/* The subjects of the next few events from `first` on. */
static void subjects_fetch(const struct execution *execution, const struct batch *batch, uint32_t first)
{
    const struct digest *ids[FETCH_GROUP];
    uint32_t count = 0;

    for (; count < FETCH_GROUP && first + count < batch->event_count; count++)
        ids[count] = &batch->events[first + count].fields.subject_id;
    state_subjects_fetch(execution->state, ids, count);
}

static int batch_apply(
    struct execution *execution, const struct batch *batch, uint32_t first_index, uint64_t block_time_ms)
{
    enum result_code code;
    int error = batch_rule(execution, batch, block_time_ms, &code);
    if (error) return error;

    for (uint32_t i = 0; i < batch->event_count; i++) {
        if (code == RESULT_OK && i % FETCH_GROUP == 0) subjects_fetch(execution, batch, i);
        const struct batch_event *event = &batch->events[i];
        struct event_result *result = &execution->results[first_index + i];
        *result = (struct event_result){.code = (uint16_t)code};
        if (code == RESULT_OK) error = event_apply(execution, event, first_index + i, block_time_ms, result);
        if (!error) error = state_result_record(execution->state, first_index + i, &event->id, result);
        if (error) return error;
    }
    return TALLY_OK;
}

/* ---- The block ---- */

/* Room for every event's result. */
static int results_reserve(struct execution *execution, uint64_t count)
{
    if (count > BLOCK_EVENTS_MAX) return TALLY_ELIMIT;
    if (count <= execution->result_capacity) return TALLY_OK;

    struct event_result *results = realloc(execution->results, count * sizeof(*results));
    if (!results) return TALLY_ENOMEM;
    execution->results = results;
    execution->result_capacity = (uint32_t)count;
    return TALLY_OK;
}

static void results_forget(struct execution *execution)
{
    if (execution->result_capacity <= RESULTS_KEPT_MAX) return;
    free(execution->results);
    execution->results = NULL;
    execution->result_capacity = 0;
}

static int batches_apply(struct execution *execution, const struct block *block)
{
    uint32_t first_index = 0;

    for (uint32_t i = 0; i < block->batch_count; i++) {
        int error = batch_apply(execution, &block->batches[i], first_index, block->header.time_ms);
        if (error) return error;
        first_index += block->batches[i].event_count;
    }
    return subjects_write(execution);
}

static void batches_tell(struct execution *execution, const struct block *block,
    void (*done)(void *context, const struct executed_batch *executed), void *context)
{
    struct executed_batch executed = {.height = block->header.height};

    for (uint32_t i = 0; i < block->batch_count; i++) {
        executed.batch_index = i;
        executed.batch = &block->batches[i];
        executed.results = &execution->results[executed.first_index];
        done(context, &executed);
        executed.first_index += block->batches[i].event_count;
    }
}

/* In this epoch the set does not change, so the next one is the same. */
static struct checkpoint checkpoint_of(
    const struct execution *execution, const struct block *block, const struct state_roots *roots)
{
    return (struct checkpoint){
        .chain_id = execution->genesis->chain_id,
        .epoch = block->header.epoch,
        .height = block->header.height,
        .block = block->hash,
        .time_ms = block->header.time_ms,
        .state_root = roots->state_root,
        .results_root = roots->results_root,
        .history_root = roots->history_root,
        .set_hash = execution->set_hash,
        .next_set_hash = execution->set_hash,
    };
}

int execution_apply(struct execution *execution, const struct block *block,
    void (*done)(void *context, const struct executed_batch *executed), void *context,
    struct checkpoint *checkpoint)
{
    uint64_t event_count = 0;
    struct state_roots roots;

    CHECK(execution->touched_count == 0);
    execution->reads.block = block;
    for (uint32_t i = 0; i < block->batch_count; i++)
        event_count += block->batches[i].event_count;
    int error = results_reserve(execution, event_count);
    if (!error) {
        error =
            state_block_begin(execution->state, block->header.height, &block->hash, block->header.time_ms);
    }
    if (error) return error;

    error = batches_apply(execution, block);
    subjects_forget(execution);
    execution->reads.block = NULL;
    if (!error) error = state_block_end(execution->state, &roots);
    if (error) return error;
    if (done) batches_tell(execution, block, done, context);
    *checkpoint = checkpoint_of(execution, block, &roots);
    results_forget(execution);
    return TALLY_OK;
}
