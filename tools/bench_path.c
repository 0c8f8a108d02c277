#include "tools/bench_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

#include "node/certifier.h"
#include "node/commit/durable.h"
#include "node/commit/executor.h"
#include "proto/base/check.h"
#include "tools/bench_path_intake.h"

#define TICK_MS 100u

/* A block between the ledger's being given it and its being applied. */
struct handed {
    struct handed *next;
    struct incoming *incoming;
    uint64_t at_ns;
    bool told; /* to the executor */
};

/* The other validators' signatures on a checkpoint. */
struct signing {
    struct job job;
    struct path *path;
    struct checkpoint_vote votes[CHAIN_VALIDATORS];
};

struct path {
    struct path_options options;
    uv_loop_t loop;
    uv_timer_t tick, due;
    struct path_intake *intake;
    struct ledger *ledger;
    struct durable *durable;
    struct executor *executor;
    struct certifier *certifier;
    struct handed *first, **end; /* in order of height */
    uint32_t handed_count;
    uint64_t handed_events; /* in all */
    int error;
    char why[256];
    uint64_t start_ns;
    struct path_result result;
};

static uint64_t now_ns(const struct path *path)
{
    return uv_hrtime() - path->start_ns;
}

/* ---- The end ---- */

static void finish_if_done(struct path *path)
{
    bool idle = path->handed_count == 0 && path_intake_is_done(path->intake);
    bool certified = path->result.certified == path->result.blocks;
    if (path->error != TALLY_OK || (idle && certified)) uv_stop(&path->loop);
}

static void on_part_failed(void *context, const char *what, int error)
{
    struct path *path = context;
    if (path->error == TALLY_OK) {
        path->error = error;
        snprintf(path->why, sizeof path->why, "%s: %s", what, tally_error_text(error));
    }
    path_intake_stop(path->intake);
    finish_if_done(path);
}

/* ---- Committing ---- */

static void hand_over(void *context);

static void on_due(uv_timer_t *due)
{
    hand_over(due->data);
}

/* When the next block is due, which is now where no rate is given; false where it is not yet. */
static bool next_is_due(struct path *path, uint64_t *due_ns)
{
    uint64_t now = now_ns(path);
    *due_ns = now;
    if (path->options.rate == 0) return true;
    *due_ns = (uint64_t)((double)path->handed_events * 1e9 / (double)path->options.rate);
    if (*due_ns <= now) return true;
    CHECK(uv_timer_start(&path->due, on_due, (*due_ns - now) / 1000000 + 1, 0) == 0);
    return false;
}

static void hand_over(void *context)
{
    struct path *path = context;
    bool any = false;
    struct incoming *incoming;
    uint64_t due_ns;
    while (path->error == TALLY_OK && path->handed_count < path->options.pipeline &&
           next_is_due(path, &due_ns) && (incoming = path_intake_take(path->intake)) != NULL) {
        struct handed *handed = calloc(1, sizeof *handed);
        CHECK(handed != NULL);
        *handed = (struct handed){.incoming = incoming, .at_ns = due_ns};
        path->handed_events += incoming->block.header.payload_events;
        *path->end = handed;
        path->end = &handed->next;
        path->handed_count++;
        durable_append(path->durable, &incoming->block);
        any = true;
    }
    if (any) durable_commit(path->durable);
    path_intake_begin(path->intake);
}

static struct handed *handed_take(struct path *path)
{
    struct handed *handed = path->first;
    CHECK(handed != NULL && path->handed_count > 0);
    path->first = handed->next;
    if (path->first == NULL) path->end = &path->first;
    path->handed_count--;
    return handed;
}

static void handed_close(struct handed *handed)
{
    incoming_close(handed->incoming);
    free(handed);
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
    for (struct handed *at = path->first; at != NULL && at->incoming->block.header.height <= height;
         at = at->next) {
        if (at->told) continue;
        at->told = true;
        executor_apply(path->executor, &at->incoming->block);
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
    if (error != TALLY_OK) on_part_failed(path, "a checkpoint's signature does not hold", error);
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
    worker_submit_urgent(path_intake_reader(path->intake), &signing->job);
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
    on_part_failed(context, "a quorum signed another state than this node computed", TALLY_EINVALID);
}

static void on_evidence(void *context, const struct evidence *evidence)
{
    (void)evidence;
    on_part_failed(context, "a validator signed two checkpoints of one height", TALLY_EINVALID);
}

static void on_applied(void *context, const struct applied_block *applied)
{
    struct path *path = context;
    struct path_result *result = &path->result;
    struct handed *handed = handed_take(path);
    CHECK(applied->block == &handed->incoming->block && result->blocks < path->options.blocks);
    result->times[result->blocks++] =
        (struct path_block_time){handed->at_ns, now_ns(path), applied->result_count};
    result->events += applied->result_count;
    for (uint32_t i = 0; i < applied->result_count; i++)
        result->refused += applied->results[i].code != RESULT_OK;
    result->event_bytes += handed->incoming->bytes;
    result->state_applied = applied->counts.applied;
    result->state_subjects = applied->counts.subjects;
    certify(path, &applied->checkpoint);
    handed_close(handed);
    hand_over(path);
}

static void on_rebuilt(void *context, const struct checkpoint *last)
{
    (void)last;
    on_part_failed(context, "the state was rebuilt", TALLY_EDAMAGED);
}

static void on_level(void *context)
{
    on_part_failed(context, "the ledger lost a block", TALLY_EDAMAGED);
}

/* ---- Life ---- */

static void on_tick(uv_timer_t *tick)
{
    struct path *path = tick->data;
    uint64_t elapsed_ns = now_ns(path), seconds_max = path->options.seconds_max;
    if (!path->options.go_on(path->options.context, path->result.events, elapsed_ns))
        on_part_failed(path, "stopped", TALLY_ECLOSED);
    if (seconds_max != 0 && elapsed_ns >= seconds_max * UINT64_C(1000000000)) path_intake_stop(path->intake);
    finish_if_done(path);
}

static int open_parts(struct path *path, char *why, size_t why_size)
{
    static const struct executor_callbacks executor_callbacks = {
        on_applied, on_rebuilt, on_level, on_part_failed, NULL, NULL, NULL};
    static const struct durable_callbacks durable_callbacks = {on_recorded, on_appended, on_part_failed};
    static const struct certifier_callbacks certifier_callbacks = {on_certified, on_divergence, on_evidence};
    static const struct path_intake_callbacks intake_callbacks = {hand_over, on_part_failed};
    const struct chain *chain = path->options.chain;
    const struct genesis *genesis = &chain->genesis;
    struct ledger_report report;
    int error =
        ledger_open(disk_system(), path->options.data_dir, &genesis->chain_id, NULL, &path->ledger, &report);
    if (error != TALLY_OK) snprintf(why, why_size, "the ledger cannot be opened: %s", report.detail);
    if (error == TALLY_OK)
        error = executor_open(&path->loop, path->options.data_dir, path->options.subject_cache_size, genesis,
            path->ledger, &executor_callbacks, path, &path->executor, why, why_size);
    if (error == TALLY_OK)
        error = durable_open(&path->loop, NULL, path->ledger, &durable_callbacks, path, &path->durable);
    if (error == TALLY_OK)
        error = certifier_open(
            &chain->validators, &genesis->chain_id, 0, &certifier_callbacks, path, &path->certifier);
    if (error == TALLY_OK)
        error = path_intake_open(&path->loop, chain, executor_register(path->executor), path->options.load,
            path->options.blocks, &intake_callbacks, path, &path->intake);
    return error;
}

int path_open(const struct path_options *options, struct path **out, char *why, size_t why_size)
{
    struct path *path = calloc(1, sizeof *path);
    if (path == NULL) return TALLY_ENOMEM;
    path->options = *options;
    path->end = &path->first;
    snprintf(why, why_size, "not enough memory");
    CHECK(uv_loop_init(&path->loop) == 0 && uv_timer_init(&path->loop, &path->tick) == 0);
    CHECK(uv_timer_init(&path->loop, &path->due) == 0);
    path->tick.data = path->due.data = path;
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
    path_intake_begin(path->intake);
    uv_run(&path->loop, UV_RUN_DEFAULT);
    CHECK(uv_timer_stop(&path->tick) == 0 && uv_timer_stop(&path->due) == 0);
    *result = path->result;
    if (path->error != TALLY_OK) snprintf(why, why_size, "%s", path->why);
    return path->error;
}

void path_close(struct path *path)
{
    if (path == NULL) return;
    if (path->error == TALLY_OK) path->error = TALLY_ECLOSED;
    /* In the daemon's order: what the workers finish may still speak to everything else. */
    path_intake_close(path->intake);
    executor_close(path->executor);
    durable_close(path->durable);
    certifier_close(path->certifier);
    ledger_close(path->ledger);
    while (path->first != NULL)
        handed_close(handed_take(path));
    uv_close((uv_handle_t *)&path->tick, NULL);
    uv_close((uv_handle_t *)&path->due, NULL);
    uv_run(&path->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&path->loop) == 0);
    free(path->result.times);
    free(path);
}
