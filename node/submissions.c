#include "node/submissions.h"

#include <stdlib.h>

#include "node/metrics/meters.h"
#include "proto/base/check.h"

#define BUCKETS 1024u
/* How long after its expiry a batch that nothing holds is given up: a block of before may still be on its way
 * here. */
#define GIVE_UP_MS 10000u

enum phase {
    CHECKING, /* by a worker, then against the state */
    WAITING,  /* for its block to be applied */
    APPLIED,  /* for a certified checkpoint at or above its height */
};

struct submission {
    struct submission *next; /* in its bucket, or in the list of those applied */
    struct submissions *owner;
    enum phase phase;
    bool listed;  /* in a bucket or the list */
    bool looking; /* a job reads the state for it */
    enum submission_wait wait;
    submission_done done; /* NULL once told or forgotten */
    void *context;
    struct held_batch *held; /* checked, until it is admitted */
    struct digest batch;
    uint64_t expires_at_ms;
    uint64_t height;
    uint32_t result_count;
    struct submission_result *results;
    struct job look;
    int look_error;
    bool known;
};

struct submissions {
    struct intake *intake;
    struct mempool *mempool;
    struct executor *executor;
    uint32_t member_id;
    uint32_t count;
    struct submission *buckets[BUCKETS]; /* those whose batch is known and not applied, by digest */
    struct submission *applied;
};

int submissions_open(
    struct intake *intake, struct mempool *mempool, struct executor *executor, struct submissions **out)
{
    struct submissions *submissions = calloc(1, sizeof *submissions);
    if (submissions == NULL) return TALLY_ENOMEM;
    submissions->intake = intake;
    submissions->mempool = mempool;
    submissions->executor = executor;
    *out = submissions;
    return TALLY_OK;
}

void submissions_set_member(struct submissions *submissions, uint32_t member_id)
{
    submissions->member_id = member_id;
}

/* ---- Lists ---- */

static struct submission **bucket_of(struct submissions *submissions, const struct digest *batch)
{
    return &submissions->buckets[get_u32(batch->bytes) % BUCKETS];
}

static struct submission **list_of(struct submission *submission)
{
    return submission->phase == APPLIED ? &submission->owner->applied
                                        : bucket_of(submission->owner, &submission->batch);
}

static void enlist(struct submission *submission)
{
    struct submission **list = list_of(submission);
    CHECK(!submission->listed);
    submission->next = *list;
    *list = submission;
    submission->listed = true;
}

static void delist(struct submission *submission)
{
    if (!submission->listed) return;
    struct submission **at = list_of(submission);
    while (*at != submission)
        at = &(*at)->next;
    *at = submission->next;
    submission->listed = false;
}

/* Frees it, unless a worker or the state thread still has it: then that one's end does. */
static void let_go(struct submission *submission)
{
    delist(submission);
    submission->done = NULL;
    if (submission->looking || (submission->phase == CHECKING && submission->held == NULL)) return;
    held_batch_close(submission->held);
    free(submission->results);
    submission->owner->count--;
    free(submission);
}

static enum meter_submission outcome_meter(enum submission_outcome_kind kind)
{
    switch (kind) {
    case OUTCOME_DONE:
        return METER_SUBMISSION_DONE;
    case OUTCOME_REFUSED:
        return METER_SUBMISSION_REFUSED;
    case OUTCOME_BUSY:
        return METER_SUBMISSION_BUSY;
    case OUTCOME_EXPIRED:
        return METER_SUBMISSION_EXPIRED;
    case OUTCOME_FAILED:
        return METER_SUBMISSION_FAILED;
    }
    CHECK_UNREACHABLE();
}

static void tell(struct submission *submission, struct submission_outcome *outcome)
{
    submission_done done = submission->done;
    void *context = submission->context;
    outcome->batch = submission->batch;
    if (outcome->kind == OUTCOME_DONE && submission->wait != SUBMISSION_ACCEPTED) {
        outcome->height = submission->height;
        outcome->result_count = submission->result_count;
        outcome->results = submission->results;
    }
    submission->done = NULL;
    if (done != NULL) {
        meter_add(&meters.submissions[outcome_meter(outcome->kind)], 1);
        done(context, outcome);
    }
    let_go(submission);
}

static void tell_kind(struct submission *submission, enum submission_outcome_kind kind, int error)
{
    tell(submission, &(struct submission_outcome){.kind = kind, .error = error});
}

/* ---- Looking the batch up in the state ---- */

/* A batch that was ordered before gets the results it got then. */
static int read_results(struct submission *submission, struct state *state)
{
    const struct batch *batch = &submission->held->batch;
    for (uint32_t i = 0; i < batch->event_count; i++) {
        struct submission_result *result = &submission->results[i];
        struct state_event event;
        struct state_result stored;
        int error = state_event_get(state, &batch->events[i].id, &event);
        if (error == TALLY_OK) error = state_result_get(state, event.height, event.index, &stored);
        if (error != TALLY_OK) return error;
        *result = (struct submission_result){batch->events[i].id, stored.result, event.height, event.index};
    }
    return TALLY_OK;
}

static int look_up(struct submission *submission, struct state *state)
{
    const struct batch *batch = &submission->held->batch;
    struct known_event *known = calloc(batch->event_count, sizeof *known);
    submission->results = calloc(batch->event_count, sizeof *submission->results);
    if (known == NULL || submission->results == NULL) {
        free(known);
        return TALLY_ENOMEM;
    }
    bool all = false, seen = false;
    int error = admission_known(state, batch, known, &all);
    if (error == TALLY_OK && !all)
        error = state_batch_seen(state, 0, &batch->digest, batch->expires_at_ms, &seen);
    if (error == TALLY_OK && all)
        for (uint32_t i = 0; i < batch->event_count; i++)
            submission->results[i] = (struct submission_result){
                batch->events[i].id, {.code = RESULT_DUPLICATE}, known[i].height, known[i].index};
    else if (error == TALLY_OK && seen)
        error = read_results(submission, state);
    submission->known = all || seen;
    submission->result_count = batch->event_count;
    free(known);
    return error;
}

static void run_look(struct job *job)
{
    struct submission *submission =
        (struct submission *)(void *)((char *)job - offsetof(struct submission, look));
    struct state *state = executor_state(submission->owner->executor);
    submission->look_error = state == NULL ? TALLY_ECLOSED : look_up(submission, state);
}

static void admit(struct submission *submission)
{
    struct submissions *owner = submission->owner;
    struct held_batch *held = submission->held;
    submission->held = NULL;
    submission->phase = WAITING;
    free(submission->results);
    submission->results = NULL;
    submission->result_count = 0;
    int error = intake_admit_take(owner->intake, held);
    /* The same batch is on its way already, from this client's first try or through another node: wait with
     * it. */
    if (error == TALLY_EEXISTS) error = TALLY_OK;
    if (error == TALLY_EFULL)
        tell_kind(submission, OUTCOME_BUSY, error);
    else if (error == TALLY_ETIMEOUT)
        tell_kind(submission, OUTCOME_EXPIRED, error);
    else if (error != TALLY_OK)
        tell_kind(submission, OUTCOME_FAILED, error);
    else if (submission->wait == SUBMISSION_ACCEPTED)
        tell_kind(submission, OUTCOME_DONE, TALLY_OK);
}

/* A forgotten one is admitted all the same: its client may only have lost the connection. But nobody is told.
 */
static void go_on(struct submission *submission)
{
    if (submission->done != NULL) {
        admit(submission);
        return;
    }
    struct held_batch *held = submission->held;
    submission->held = NULL;
    submission->phase = WAITING;
    int error = intake_admit_take(submission->owner->intake, held);
    (void)error; /* its client has gone, and will ask again */
    let_go(submission);
}

static void look_done(struct job *job)
{
    struct submission *submission =
        (struct submission *)(void *)((char *)job - offsetof(struct submission, look));
    submission->looking = false;
    if (submission->look_error == TALLY_EDAMAGED) executor_mistrust(submission->owner->executor);
    if (submission->look_error != TALLY_OK) {
        tell_kind(submission, OUTCOME_FAILED, submission->look_error);
    } else if (submission->known) {
        submission->phase = WAITING;
        tell_kind(submission, OUTCOME_DONE, TALLY_OK);
    } else {
        go_on(submission);
    }
}

static void on_checked(
    void *context, int error, const struct admission_refusal *refusal, struct held_batch *held)
{
    struct submission *submission = context;
    submission->held = held;
    struct admission_refusal foreign;
    /* A ballot's signature speaks for itself: a member whose only node has ended is heard through another's.
     */
    if (error == TALLY_OK && held->batch.governance == NULL &&
        held->batch.member_id != submission->owner->member_id) {
        foreign = (struct admission_refusal){.reason = "NOT_OWN_MEMBER",
            .field = "member_id",
            .member_id = held->batch.member_id,
            .key = held->batch.signing_key};
        error = TALLY_EDENIED;
        intake_count_refusal(submission->owner->intake, INTAKE_CLIENT, error, &foreign);
        refusal = &foreign;
    }
    if (error != TALLY_OK) {
        submission->phase = WAITING; /* no worker has it any longer */
        tell(submission,
            &(struct submission_outcome){.kind = OUTCOME_REFUSED, .error = error, .refusal = refusal});
        return;
    }
    submission->batch = held->batch.digest;
    submission->expires_at_ms = held->batch.expires_at_ms;
    if (submission->done != NULL) enlist(submission);
    if (held->batch.governance != NULL) {
        /* One that was ordered before is known by its sequence, which is used up: it did not come this far.
         */
        go_on(submission);
        return;
    }
    submission->looking = true;
    submission->look = (struct job){.run = run_look, .done = look_done};
    executor_read(submission->owner->executor, &submission->look);
}

static int start(struct submissions *submissions, struct span bytes, enum submission_wait wait,
    submission_done done, void *context, struct submission **out)
{
    if (submissions->count >= SUBMISSIONS_MAX) return TALLY_EFULL;
    struct submission *submission = calloc(1, sizeof *submission);
    if (submission == NULL) return TALLY_ENOMEM;
    submission->owner = submissions;
    submission->wait = wait;
    submission->done = done;
    submission->context = context;
    int error = intake_submit(submissions->intake, bytes, on_checked, submission);
    if (error != TALLY_OK) {
        free(submission);
        return error;
    }
    submissions->count++;
    *out = submission;
    return TALLY_OK;
}

int submissions_start(struct submissions *submissions, struct span bytes, enum submission_wait wait,
    submission_done done, void *context, struct submission **out)
{
    int error = start(submissions, bytes, wait, done, context, out);
    if (error != TALLY_OK) meter_add(&meters.submissions[METER_SUBMISSION_BUSY], 1);
    return error;
}

void submission_forget(struct submission *submission)
{
    meter_add(&meters.submissions[METER_SUBMISSION_FORGOTTEN], 1);
    let_go(submission);
}

void submissions_close(struct submissions *submissions)
{
    if (submissions == NULL) return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (submissions->buckets[i] != NULL)
            let_go(submissions->buckets[i]);
    while (submissions->applied != NULL)
        let_go(submissions->applied);
    CHECK(submissions->count == 0);
    free(submissions);
}

/* ---- What happened meanwhile ---- */

/* Each event has a result, and a governance transaction one. */
static uint32_t result_count(const struct batch *batch)
{
    return batch->governance != NULL ? 1 : batch->event_count;
}

static bool keep_results(struct submission *submission, const struct applied_block *applied,
    const struct batch *batch, uint32_t first_index)
{
    uint32_t count = result_count(batch);
    free(submission->results);
    submission->results = calloc(count, sizeof *submission->results);
    if (submission->results == NULL) return false;
    for (uint32_t i = 0; i < count; i++)
        submission->results[i] =
            (struct submission_result){batch->governance != NULL ? batch->digest : batch->events[i].id,
                applied->results[first_index + i], applied->block->header.height, first_index + i};
    submission->result_count = count;
    submission->height = applied->block->header.height;
    return true;
}

static void batch_applied(struct submissions *submissions, const struct applied_block *applied,
    const struct batch *batch, uint32_t first_index)
{
    struct submission *next;
    for (struct submission *at = *bucket_of(submissions, &batch->digest); at != NULL; at = next) {
        next = at->next;
        /* One that is still looked up will find it applied: what it looks at comes after this block. */
        if (at->phase != WAITING || !digest_equal(&at->batch, &batch->digest)) continue;
        delist(at);
        if (!keep_results(at, applied, batch, first_index)) {
            tell_kind(at, OUTCOME_FAILED, TALLY_ENOMEM);
        } else if (at->wait == SUBMISSION_CHECKPOINTED) {
            at->phase = APPLIED;
            enlist(at);
        } else {
            tell_kind(at, OUTCOME_DONE, TALLY_OK);
        }
    }
}

void submissions_applied(struct submissions *submissions, const struct applied_block *applied)
{
    /* Those of transactions stand behind those of all events. */
    uint32_t event_index = 0, ruling_index = applied->block->header.payload_events;
    if (applied->result_count != block_result_count(applied->block)) return; /* replayed in a rebuild */
    for (uint32_t i = 0; i < applied->block->batch_count; i++) {
        const struct batch *batch = &applied->block->batches[i];
        uint32_t *index = batch->governance != NULL ? &ruling_index : &event_index;
        batch_applied(submissions, applied, batch, *index);
        *index += result_count(batch);
    }
}

void submissions_certified(struct submissions *submissions, uint64_t height)
{
    struct submission *next;
    for (struct submission *at = submissions->applied; at != NULL; at = next) {
        next = at->next;
        if (at->height <= height) tell_kind(at, OUTCOME_DONE, TALLY_OK);
    }
}

void submissions_expired(struct submissions *submissions, const struct digest *batch)
{
    struct submission *next;
    for (struct submission *at = *bucket_of(submissions, batch); at != NULL; at = next) {
        next = at->next;
        if (at->phase == WAITING && digest_equal(&at->batch, batch))
            tell_kind(at, OUTCOME_EXPIRED, TALLY_ETIMEOUT);
    }
}

void submissions_overtaken(
    struct submissions *submissions, const struct digest *transaction, enum ruling ruling)
{
    const struct admission_refusal refusal = {.reason = ruling_name(ruling), .field = ""};
    struct submission *next;
    for (struct submission *at = *bucket_of(submissions, transaction); at != NULL; at = next) {
        next = at->next;
        if (at->phase == WAITING && digest_equal(&at->batch, transaction))
            tell(at, &(struct submission_outcome){
                         .kind = OUTCOME_REFUSED, .error = TALLY_EDENIED, .refusal = &refusal});
    }
}

void submissions_sweep(struct submissions *submissions, uint64_t wall_ms)
{
    struct submission *next;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct submission *at = submissions->buckets[i]; at != NULL; at = next) {
            next = at->next;
            if (at->phase == WAITING && at->expires_at_ms + GIVE_UP_MS < wall_ms &&
                mempool_find(submissions->mempool, &at->batch) == NULL)
                tell_kind(at, OUTCOME_EXPIRED, TALLY_ETIMEOUT);
        }
}
