#include "node/commit/execution.h"

#include <stdlib.h>

#include "node/commit/governed.h"
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
    struct governed governed;
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
_Static_assert(BLOCK_EVENTS_MAX + GOVERNANCE_BLOCK_MAX <= UINT16_MAX, "a result's index fits its place");

/* ---- Life ---- */

int execution_open(struct state *state, const struct genesis *genesis, const struct header_source *headers,
    struct execution **execution)
{
    if (genesis->validator_count < VALIDATORS_MIN || genesis->validator_count > VALIDATORS_MAX)
        return TALLY_EFORM;
    struct execution *opened = calloc(1, sizeof(*opened));
    if (!opened) return TALLY_ENOMEM;
    opened->state = state;
    digest_hash_key_init(&opened->key);
    buffer_init(&opened->encoding, SUBJECT_STATE_SIZE_MAX);
    int error = governed_open(&opened->governed, state, genesis);
    if (error) {
        execution_close(opened);
        return error;
    }
    opened->reads = (struct credit_reads){.state = state,
        .registered = opened->governed.value,
        .policy = &opened->governed.policy,
        .headers = *headers};
    opened->read = credit_reads_open(&opened->reads);
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
    governed_close(&execution->governed);
    free(execution);
}

const struct member_register *execution_register(const struct execution *execution)
{
    return execution->governed.value;
}

bool execution_register_changed(const struct execution *execution)
{
    return execution->governed.changed;
}

uint32_t execution_unknown_flag(const struct execution *execution)
{
    return register_unknown_flag(
        execution->governed.value, FLAGS_KNOWN, state_applied_height(execution->state) + 1);
}

void execution_epoch_at(const struct execution *execution, uint64_t height, struct checkpoint *checkpoint)
{
    governed_epoch_at(&execution->governed, height, checkpoint);
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

/* "A batch digest is applied at most once, and expires_at_ms lies at most 10 minutes after block time." Sets
 * *code to what all events of the batch get, RESULT_OK where the credit rules are to say. */
static int batch_rule(struct execution *execution, const struct batch *batch,
    const struct block_header *block, enum result_code *code)
{
    uint64_t block_time_ms = block->time_ms;
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
    *code = governed_batch_rule(&execution->governed, batch, block->height);
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

static int batch_apply(struct execution *execution, const struct batch *batch, uint32_t first_index,
    const struct block_header *block)
{
    enum result_code code;
    int error = batch_rule(execution, batch, block, &code);
    if (error) return error;

    for (uint32_t i = 0; i < batch->event_count; i++) {
        if (code == RESULT_OK && i % FETCH_GROUP == 0) subjects_fetch(execution, batch, i);
        const struct batch_event *event = &batch->events[i];
        struct event_result *result = &execution->results[first_index + i];
        *result = (struct event_result){.code = (uint16_t)code};
        if (code == RESULT_OK) error = event_apply(execution, event, first_index + i, block->time_ms, result);
        if (!error) error = state_result_record(execution->state, first_index + i, &event->id, result);
        if (error) return error;
    }
    return TALLY_OK;
}

/* ---- The block ---- */

/* Of a block: events, and governance transactions, whose results come after theirs. */
struct content {
    uint64_t events, transactions;
};

static struct content content_of(const struct block *block)
{
    struct content content = {0};

    for (uint32_t i = 0; i < block->batch_count; i++) {
        content.events += block->batches[i].event_count;
        content.transactions += block->batches[i].governance != NULL;
    }
    return content;
}

/* Room for every result. */
static int results_reserve(struct execution *execution, const struct content *content)
{
    uint64_t count = content->events + content->transactions;

    if (content->events > BLOCK_EVENTS_MAX || content->transactions > GOVERNANCE_BLOCK_MAX)
        return TALLY_ELIMIT;
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
        if (block->batches[i].governance != NULL) continue;
        int error = batch_apply(execution, &block->batches[i], first_index, &block->header);
        if (error) return error;
        first_index += block->batches[i].event_count;
    }
    return subjects_write(execution);
}

/* The transactions, after all batches: what these came to is told of by the register before the block. */
static int governance_carry_out(struct execution *execution, const struct block *block,
    const struct content *content, struct checkpoint *checkpoint)
{
    uint32_t index = (uint32_t)content->events;
    int error = governed_block(&execution->governed, block, &execution->results[index], &checkpoint->set_hash,
        &checkpoint->next_set_hash);

    for (uint32_t i = 0; !error && i < block->batch_count; i++) {
        const struct batch *batch = &block->batches[i];
        if (batch->governance == NULL) continue;
        error = state_ruling_record(execution->state, index, &batch->digest, &execution->results[index]);
        index++;
    }
    return error;
}

static void batches_tell(struct execution *execution, const struct block *block,
    const struct content *content, void (*done)(void *context, const struct executed_batch *executed),
    void *context)
{
    uint32_t event_index = 0, transaction_index = (uint32_t)content->events;

    for (uint32_t i = 0; i < block->batch_count; i++) {
        const struct batch *batch = &block->batches[i];
        uint32_t *index = batch->governance != NULL ? &transaction_index : &event_index;
        struct executed_batch executed = {
            .height = block->header.height,
            .batch_index = i,
            .first_index = *index,
            .batch = batch,
            .result_count = batch->governance != NULL ? 1 : batch->event_count,
            .results = &execution->results[*index],
        };
        done(context, &executed);
        *index += executed.result_count;
    }
}

/* What is not known of the checkpoint before the block has ended. */
static void checkpoint_end(
    const struct block *block, const struct state_roots *roots, struct checkpoint *checkpoint)
{
    checkpoint->chain_id = block->header.chain_id;
    checkpoint->epoch = block->header.epoch;
    checkpoint->height = block->header.height;
    checkpoint->block = block->hash;
    checkpoint->time_ms = block->header.time_ms;
    checkpoint->state_root = roots->state_root;
    checkpoint->results_root = roots->results_root;
    checkpoint->history_root = roots->history_root;
}

static int block_begin(struct execution *execution, const struct block *block)
{
    uint64_t height = block->header.height;
    bool next = height == state_applied_height(execution->state) + 1;

    if (next && execution_unknown_flag(execution) != 0) return TALLY_EVERSION;
    if (next && block->header.epoch != execution->governed.value->epoch) return TALLY_EINVALID;
    return state_block_begin(execution->state, height, &block->hash, block->header.time_ms);
}

int execution_apply(struct execution *execution, const struct block *block,
    void (*done)(void *context, const struct executed_batch *executed), void *context,
    struct checkpoint *checkpoint)
{
    struct content content = content_of(block);
    struct checkpoint ending;
    struct state_roots roots;

    CHECK(execution->touched_count == 0);
    execution->reads.block = block;
    int error = results_reserve(execution, &content);
    if (!error) error = block_begin(execution, block);
    if (error) return error;

    error = batches_apply(execution, block);
    subjects_forget(execution);
    execution->reads.block = NULL;
    if (!error) error = governance_carry_out(execution, block, &content, &ending);
    if (!error) error = state_block_end(execution->state, &roots);
    if (error) return error;
    if (done) batches_tell(execution, block, &content, done, context);
    checkpoint_end(block, &roots, &ending);
    *checkpoint = ending;
    results_forget(execution);
    return TALLY_OK;
}
