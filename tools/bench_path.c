#include "tools/bench_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

#include "node/admission.h"
#include "node/certifier.h"
#include "node/commit/durable.h"
#include "node/commit/executor.h"
#include "node/mempool.h"
#include "proto/base/check.h"

/* As the daemon has. */
#define CHECKER_THREADS 2
#define PROPOSAL_ARENA_BUDGET (64u * MIB)
/* Blocks read and checked ahead of those that the ledger has. */
#define AHEAD_MAX 4u
#define TICK_MS 100u

/* One block, from the load's file until it is applied. */
struct moving {
    struct moving *next;
    struct job job; /* reading it, then checking its proposal and finalization */
    struct path *path;
    struct chain_record record;
    struct arena arena;
    struct proposal proposal;
    struct certificate finalization;
    struct arriving *arriving; /* one for each batch */
    uint32_t unchecked;        /* jobs under way */
    int error;
    const char *refusal;
    struct block block;
    struct batch *batches;
    bool told;
    uint64_t handed_ns;
};

/* One batch of a block, on its way through a checker as from a peer. */
struct arriving {
    struct job job;
    struct moving *moving;
    struct span bytes;
    struct held_batch *held;
    int error;
    struct admission_refusal refusal;
};

/* The other validators' signatures on a checkpoint. */
struct signing {
    struct job job;
    struct path *path;
    struct checkpoint_vote votes[CHAIN_VALIDATORS];
};

struct queue {
    struct moving *first, **end;
    uint32_t count;
};

struct path {
    struct path_options options;
    uv_loop_t loop;
    uv_timer_t tick;
    struct ledger *ledger;
    struct durable *durable;
    struct executor *executor;
    struct certifier *certifier;
    struct admission *admission;
    struct worker *checkers, *loader;
    uint64_t offset;      /* in the load: the loader's */
    uint64_t started;     /* blocks */
    struct queue arrived; /* in order: being read and checked, or ready */
    struct queue handing; /* in order: given to the ledger, and not yet applied */
    bool stopping;        /* no more blocks are begun */
    int error;
    char why[256];
    uint64_t start_ns;
    struct path_result result;
};

static uint64_t now_ns(const struct path *path)
{
    return uv_hrtime() - path->start_ns;
}

static void queue_add(struct queue *queue, struct moving *moving)
{
    moving->next = NULL;
    *queue->end = moving;
    queue->end = &moving->next;
    queue->count++;
}

static struct moving *queue_take(struct queue *queue)
{
    struct moving *moving = queue->first;
    CHECK(moving != NULL && queue->count > 0);
    queue->first = moving->next;
    if (queue->first == NULL) queue->end = &queue->first;
    queue->count--;
    return moving;
}

static void moving_close(struct moving *moving)
{
    for (uint32_t i = 0; moving->arriving != NULL && i < moving->record.batch_count; i++)
        held_batch_close(moving->arriving[i].held);
    free(moving->arriving);
    free(moving->batches);
    arena_close(&moving->arena);
    chain_record_close(&moving->record);
    free(moving);
}

/* ---- The end ---- */

static void finish_if_done(struct path *path)
{
    bool idle = path->arrived.count == 0 && path->handing.count == 0;
    bool certified = path->result.certified == path->result.blocks;
    if (path->error != TALLY_OK || (path->stopping && idle && certified)) uv_stop(&path->loop);
}

static void fail(struct path *path, int error, const char *what)
{
    if (path->error == TALLY_OK) {
        path->error = error;
        snprintf(path->why, sizeof path->why, "%s: %s", what, tally_error_text(error));
    }
    path->stopping = true;
    finish_if_done(path);
}

static void on_part_failed(void *context, const char *what, int error)
{
    fail(context, error, what);
}

/* ---- Arriving: read from the file, checked as from peers ---- */

static void hand_over(struct path *path);
static void begin_more(struct path *path);

static void run_arriving(struct job *job)
{
    struct arriving *arriving = (struct arriving *)(void *)job;
    const struct moving *moving = arriving->moving;
    arriving->error = TALLY_ENOMEM;
    struct held_batch *held = arriving->held = held_batch_open(arriving->bytes);
    if (held == NULL) return;
    arriving->error = admission_check(moving->path->admission, ADMISSION_FLOODED, held->bytes,
        moving->record.time_ms, &held->arena, &held->batch, &arriving->refusal);
}

static void run_proposal(struct job *job)
{
    struct moving *moving = (struct moving *)(void *)((char *)job - offsetof(struct moving, job));
    const struct chain *chain = moving->path->options.chain;
    const struct digest *chain_id = &chain->genesis.chain_id;
    moving->error = proposal_decode(moving->record.proposal, &moving->arena, &moving->proposal);
    if (moving->error == TALLY_OK)
        moving->error = proposal_check(&chain->validators, chain_id, &moving->proposal);
    if (moving->error == TALLY_OK)
        moving->error = certificate_decode(moving->record.finalization, &moving->finalization);
    if (moving->error == TALLY_OK)
        moving->error = certificate_check(&chain->validators, chain_id, &moving->finalization);
}

static void one_checked(struct moving *moving, int error, const char *what)
{
    struct path *path = moving->path;
    CHECK(moving->unchecked > 0);
    moving->unchecked--;
    if (error != TALLY_OK)
        fail(path, error, what);
    else
        hand_over(path);
}

static void arriving_done(struct job *job)
{
    struct arriving *arriving = (struct arriving *)(void *)job;
    one_checked(arriving->moving, arriving->error, "a batch of the load was not admitted");
}

static void proposal_done(struct job *job)
{
    struct moving *moving = (struct moving *)(void *)((char *)job - offsetof(struct moving, job));
    one_checked(moving, moving->error, "a block of the load does not hold");
}

static void run_load(struct job *job)
{
    struct moving *moving = (struct moving *)(void *)((char *)job - offsetof(struct moving, job));
    moving->error = chain_record_read(moving->path->options.load, &moving->path->offset, &moving->record);
}

static void load_done(struct job *job)
{
    struct moving *moving = (struct moving *)(void *)((char *)job - offsetof(struct moving, job));
    struct path *path = moving->path;
    uint32_t count = moving->record.batch_count;
    if (moving->error != TALLY_OK) fail(path, moving->error, "the load cannot be read");
    if (path->error != TALLY_OK) return;
    moving->arriving = calloc((size_t)count + 1, sizeof *moving->arriving);
    CHECK(moving->arriving != NULL);
    moving->unchecked += count; /* it was 1, and goes on as the proposal's */
    moving->job = (struct job){.run = run_proposal, .done = proposal_done};
    worker_submit(path->checkers, &moving->job);
    for (uint32_t i = 0; i < count; i++) {
        moving->arriving[i] = (struct arriving){
            .job = {.run = run_arriving, .done = arriving_done},
            .moving = moving,
            .bytes = moving->record.batches[i],
        };
        worker_submit(path->checkers, &moving->arriving[i].job);
    }
}

static void begin_more(struct path *path)
{
    while (!path->stopping && path->arrived.count < AHEAD_MAX) {
        if (path->started == path->options.blocks) {
            path->stopping = true;
            return;
        }
        struct moving *moving = calloc(1, sizeof *moving);
        CHECK(moving != NULL);
        moving->path = path;
        moving->job = (struct job){.run = run_load, .done = load_done};
        moving->unchecked = 1;
        arena_init(&moving->arena, PROPOSAL_ARENA_BUDGET);
        queue_add(&path->arrived, moving);
        path->started++;
        worker_submit(path->loader, &moving->job);
    }
}

/* ---- Committing ---- */

/* The block as the ledger takes it: the proposal, its finalization, and the batches it names. */
static int block_fill(struct moving *moving)
{
    const struct proposal *proposal = &moving->proposal;
    moving->batches = calloc((size_t)proposal->batch_count + 1, sizeof *moving->batches);
    CHECK(moving->batches != NULL);
    if (proposal->batch_count != moving->record.batch_count) return TALLY_EFORM;
    for (uint32_t i = 0; i < proposal->batch_count; i++) {
        moving->batches[i] = moving->arriving[i].held->batch;
        if (!digest_equal(&moving->batches[i].digest, &proposal->batches[i])) return TALLY_EFORM;
    }
    moving->block = (struct block){
        .header = proposal->header,
        .hash = proposal->hash,
        .justification = proposal->justification_bytes,
        .signature = proposal->signature,
        .has_finalization = true,
        .finalization = moving->finalization,
        .batch_count = proposal->batch_count,
        .batches = moving->batches,
    };
    return TALLY_OK;
}

static void hand_over(struct path *path)
{
    bool any = false;
    while (path->arrived.first != NULL && path->arrived.first->unchecked == 0 &&
           path->handing.count < path->options.pipeline && path->error == TALLY_OK) {
        struct moving *moving = queue_take(&path->arrived);
        queue_add(&path->handing, moving);
        int error = block_fill(moving);
        if (error != TALLY_OK) {
            fail(path, error, "a block of the load is not whole");
            return;
        }
        moving->handed_ns = now_ns(path);
        durable_append(path->durable, &moving->block);
        any = true;
    }
    if (any) durable_commit(path->durable);
    begin_more(path);
}

static void on_recorded(void *context, uint64_t sequence)
{
    (void)context;
    (void)sequence;
    CHECK_UNREACHABLE(); /* nothing is given to a vote record */
}

static void on_appended(void *context, uint64_t height)
{
    struct path *path = context;
    for (struct moving *at = path->handing.first; at != NULL && at->block.header.height <= height;
         at = at->next) {
        if (at->told) continue;
        at->told = true;
        executor_apply(path->executor, &at->block);
    }
}

/* ---- Certifying ---- */

static void sign(const struct path *path, uint32_t signer, struct checkpoint_vote *vote)
{
    struct digest digest = checkpoint_digest(&vote->checkpoint);
    vote->signer = signer;
    signature_make(&path->options.chain->nodes[signer], &digest, &vote->signature);
}

static void vote_take(struct path *path, const struct checkpoint_vote *vote)
{
    int error = certifier_vote(path->certifier, vote);
    if (error != TALLY_OK) fail(path, error, "a checkpoint's signature does not hold");
}

static void run_signing(struct job *job)
{
    struct signing *signing = (struct signing *)(void *)job;
    for (uint32_t i = 1; i < CHAIN_VALIDATORS; i++)
        sign(signing->path, i, &signing->votes[i]);
}

static void signing_done(struct job *job)
{
    struct signing *signing = (struct signing *)(void *)job;
    for (uint32_t i = 1; i < CHAIN_VALIDATORS; i++)
        vote_take(signing->path, &signing->votes[i]);
    free(signing);
}

/* This node, validator 0, signs on its loop, as it does; the others' signatures take a thread's way round. */
static void certify(struct path *path, const struct checkpoint *checkpoint)
{
    struct signing *signing = calloc(1, sizeof *signing);
    CHECK(signing != NULL);
    signing->job = (struct job){.run = run_signing, .done = signing_done};
    signing->path = path;
    for (uint32_t i = 0; i < CHAIN_VALIDATORS; i++)
        signing->votes[i].checkpoint = *checkpoint;
    sign(path, 0, &signing->votes[0]);
    certifier_applied(path->certifier, checkpoint);
    vote_take(path, &signing->votes[0]);
    worker_submit_urgent(path->loader, &signing->job);
}

static void on_certified(void *context, const struct certified_checkpoint *checkpoint)
{
    struct path *path = context;
    executor_certified(path->executor, checkpoint);
    path->result.certified = checkpoint->checkpoint.height;
    finish_if_done(path);
}

static void on_divergence(void *context, uint64_t height)
{
    (void)height;
    fail(context, TALLY_EINVALID, "a quorum signed another state than this node computed");
}

static void on_evidence(void *context, const struct evidence *evidence)
{
    (void)evidence;
    fail(context, TALLY_EINVALID, "a validator signed two checkpoints of one height");
}

static void on_applied(void *context, const struct applied_block *applied)
{
    struct path *path = context;
    struct path_result *result = &path->result;
    struct moving *moving = queue_take(&path->handing);
    CHECK(applied->block == &moving->block && result->blocks < path->options.blocks);
    result->times[result->blocks++] =
        (struct path_block_time){moving->handed_ns, now_ns(path), applied->result_count};
    result->events += applied->result_count;
    for (uint32_t i = 0; i < applied->result_count; i++)
        result->refused += applied->results[i].code != RESULT_OK;
    for (uint32_t i = 0; i < moving->record.batch_count; i++)
        result->event_bytes += moving->record.batches[i].size;
    result->state_applied = applied->counts.applied;
    result->state_subjects = applied->counts.subjects;
    certify(path, &applied->checkpoint);
    moving_close(moving);
    hand_over(path);
}

static void on_rebuilt(void *context, const struct checkpoint *last)
{
    (void)last;
    fail(context, TALLY_EDAMAGED, "the state was rebuilt");
}

/* ---- Life ---- */

static void on_tick(uv_timer_t *tick)
{
    struct path *path = tick->data;
    uint64_t elapsed_ns = now_ns(path), seconds_max = path->options.seconds_max;
    if (!path->options.go_on(path->options.context, path->result.events, elapsed_ns))
        fail(path, TALLY_ECLOSED, "stopped");
    if (seconds_max != 0 && elapsed_ns >= seconds_max * UINT64_C(1000000000)) path->stopping = true;
    finish_if_done(path);
}

static int open_parts(struct path *path, char *why, size_t why_size)
{
    static const struct executor_callbacks executor_callbacks = {on_applied, on_rebuilt, on_part_failed};
    static const struct durable_callbacks durable_callbacks = {on_recorded, on_appended, on_part_failed};
    static const struct certifier_callbacks certifier_callbacks = {on_certified, on_divergence, on_evidence};
    const struct chain *chain = path->options.chain;
    const struct genesis *genesis = &chain->genesis;
    struct ledger_report report;
    int error =
        ledger_open(disk_system(), path->options.data_dir, &genesis->chain_id, NULL, &path->ledger, &report);
    if (error != TALLY_OK) snprintf(why, why_size, "the ledger cannot be opened: %s", report.detail);
    if (error == TALLY_OK)
        error = executor_open(&path->loop, path->options.data_dir, genesis, path->ledger, &executor_callbacks,
            path, &path->executor, why, why_size);
    if (error == TALLY_OK)
        error = durable_open(&path->loop, NULL, path->ledger, &durable_callbacks, path, &path->durable);
    if (error == TALLY_OK)
        error = certifier_open(
            &chain->validators, &genesis->chain_id, 0, &certifier_callbacks, path, &path->certifier);
    if (error == TALLY_OK) error = admission_open(genesis, &path->admission);
    if (error == TALLY_OK) error = worker_open(&path->loop, "checks", CHECKER_THREADS, &path->checkers);
    if (error == TALLY_OK) error = worker_open(&path->loop, "load", 1, &path->loader);
    return error;
}

int path_open(const struct path_options *options, struct path **out, char *why, size_t why_size)
{
    struct path *path = calloc(1, sizeof *path);
    if (path == NULL) return TALLY_ENOMEM;
    path->options = *options;
    path->arrived.end = &path->arrived.first;
    path->handing.end = &path->handing.first;
    snprintf(why, why_size, "not enough memory");
    CHECK(uv_loop_init(&path->loop) == 0 && uv_timer_init(&path->loop, &path->tick) == 0);
    path->tick.data = path;
    path->result.times = calloc(options->blocks + 1, sizeof *path->result.times);
    int error = path->result.times == NULL ? TALLY_ENOMEM : open_parts(path, why, why_size);
    if (error != TALLY_OK) {
        path_close(path);
        return error;
    }
    *out = path;
    return TALLY_OK;
}

int path_run(struct path *path, struct path_result *result, char *why, size_t why_size)
{
    path->start_ns = uv_hrtime();
    CHECK(uv_timer_start(&path->tick, on_tick, TICK_MS, TICK_MS) == 0);
    begin_more(path);
    uv_run(&path->loop, UV_RUN_DEFAULT);
    CHECK(uv_timer_stop(&path->tick) == 0);
    *result = path->result;
    if (path->error != TALLY_OK) snprintf(why, why_size, "%s", path->why);
    return path->error;
}

void path_close(struct path *path)
{
    if (path == NULL) return;
    path->stopping = true;
    if (path->error == TALLY_OK) path->error = TALLY_ECLOSED;
    /* In the daemon's order: what the workers finish may still speak to everything else. */
    worker_close(path->loader);
    worker_close(path->checkers);
    executor_close(path->executor);
    durable_close(path->durable);
    certifier_close(path->certifier);
    admission_close(path->admission);
    ledger_close(path->ledger);
    while (path->arrived.first != NULL)
        moving_close(queue_take(&path->arrived));
    while (path->handing.first != NULL)
        moving_close(queue_take(&path->handing));
    uv_close((uv_handle_t *)&path->tick, NULL);
    uv_run(&path->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&path->loop) == 0);
    free(path->result.times);
    free(path);
}
