#include "tools/bench_path_intake.h"

#include <stdlib.h>

#include "node/admission.h"
#include "node/mempool.h"
#include "proto/base/check.h"

/* As the daemon has. */
#define CHECKER_THREADS 2
#define PROPOSAL_ARENA_BUDGET (64u * MIB)
/* Blocks read and checked ahead of those that were taken. */
#define AHEAD_MAX 4u

/* One batch of a block, on its way through a checker as from a peer. */
struct incoming_batch {
    struct job job;
    struct incoming *incoming;
    struct span bytes;
    struct held_batch *held;
    int error;
    struct admission_refusal refusal;
};

struct path_intake {
    const struct chain *chain;
    int load;
    uint64_t blocks, begun;
    uint64_t offset; /* in the load: the reader's */
    const struct path_intake_callbacks *callbacks;
    void *context;
    struct admission *admission;
    struct worker *checkers, *reader;
    struct incoming *first, **end; /* in order: being read and checked, or ready */
    uint32_t count;
    bool stopped, failed;
};

void incoming_close(struct incoming *incoming)
{
    for (uint32_t i = 0; incoming->arriving != NULL && i < incoming->record.batch_count; i++)
        held_batch_close(incoming->arriving[i].held);
    free(incoming->arriving);
    free(incoming->block.batches);
    arena_close(&incoming->arena);
    chain_record_close(&incoming->record);
    free(incoming);
}

static struct incoming *of_job(struct job *job)
{
    return (struct incoming *)(void *)((char *)job - offsetof(struct incoming, job));
}

static void fail(struct path_intake *intake, const char *what, int error)
{
    if (intake->failed) return;
    intake->failed = intake->stopped = true;
    intake->callbacks->on_failed(intake->context, what, error);
}

/* ---- Checking ---- */

static void run_batch(struct job *job)
{
    struct incoming_batch *batch = (struct incoming_batch *)(void *)job;
    const struct incoming *incoming = batch->incoming;
    batch->error = TALLY_ENOMEM;
    struct held_batch *held = batch->held = held_batch_open(batch->bytes);
    if (held == NULL) return;
    batch->error = admission_check(incoming->intake->admission, ADMISSION_FLOODED, held->bytes,
        incoming->record.time_ms, &held->arena, &held->batch, &batch->refusal);
}

static void run_proposal(struct job *job)
{
    struct incoming *incoming = of_job(job);
    const struct chain *chain = incoming->intake->chain;
    const struct digest *chain_id = &chain->genesis.chain_id;
    struct certificate *finalization = &incoming->block.finalization;
    int error = proposal_decode(incoming->record.proposal, &incoming->arena, &incoming->proposal);
    if (error == TALLY_OK) error = proposal_check(&chain->validators, chain_id, &incoming->proposal);
    if (error == TALLY_OK) error = certificate_decode(incoming->record.finalization, finalization);
    if (error == TALLY_OK) error = certificate_check(&chain->validators, chain_id, finalization);
    incoming->error = error;
}

static void one_checked(struct incoming *incoming, int error, const char *what)
{
    struct path_intake *intake = incoming->intake;
    CHECK(incoming->unchecked > 0);
    incoming->unchecked--;
    if (error != TALLY_OK)
        fail(intake, what, error);
    else if (!intake->failed && intake->first->unchecked == 0)
        intake->callbacks->on_ready(intake->context);
}

static void batch_done(struct job *job)
{
    struct incoming_batch *batch = (struct incoming_batch *)(void *)job;
    one_checked(batch->incoming, batch->error, "a batch of the load was not admitted");
}

static void proposal_done(struct job *job)
{
    struct incoming *incoming = of_job(job);
    one_checked(incoming, incoming->error, "a block of the load does not hold");
}

/* ---- Reading ---- */

static void run_read(struct job *job)
{
    struct incoming *incoming = of_job(job);
    incoming->error = chain_record_read(incoming->intake->load, &incoming->intake->offset, &incoming->record);
}

static void read_done(struct job *job)
{
    struct incoming *incoming = of_job(job);
    struct path_intake *intake = incoming->intake;
    uint32_t count = incoming->record.batch_count;
    if (incoming->error != TALLY_OK) fail(intake, "the load cannot be read", incoming->error);
    if (intake->failed) return;
    incoming->arriving = calloc((size_t)count + 1, sizeof *incoming->arriving);
    CHECK(incoming->arriving != NULL);
    incoming->unchecked += count; /* it was 1, and goes on as the proposal's */
    incoming->job = (struct job){.run = run_proposal, .done = proposal_done};
    worker_submit(intake->checkers, &incoming->job);
    for (uint32_t i = 0; i < count; i++) {
        struct incoming_batch *batch = &incoming->arriving[i];
        *batch = (struct incoming_batch){.job = {.run = run_batch, .done = batch_done},
            .incoming = incoming,
            .bytes = incoming->record.batches[i]};
        worker_submit(intake->checkers, &batch->job);
    }
}

void path_intake_begin(struct path_intake *intake)
{
    while (!intake->stopped && intake->begun < intake->blocks && intake->count < AHEAD_MAX) {
        struct incoming *incoming = calloc(1, sizeof *incoming);
        CHECK(incoming != NULL);
        incoming->intake = intake;
        incoming->job = (struct job){.run = run_read, .done = read_done};
        incoming->unchecked = 1;
        arena_init(&incoming->arena, PROPOSAL_ARENA_BUDGET);
        *intake->end = incoming;
        intake->end = &incoming->next;
        intake->count++;
        intake->begun++;
        worker_submit(intake->reader, &incoming->job);
    }
}

/* ---- Handing on ---- */

/* The block as the ledger takes it: the proposal, its finalization, and the batches it names. */
static int block_fill(struct incoming *incoming)
{
    const struct proposal *proposal = &incoming->proposal;
    struct block *block = &incoming->block;
    if (proposal->batch_count != incoming->record.batch_count) return TALLY_EFORM;
    block->batches = calloc((size_t)proposal->batch_count + 1, sizeof *block->batches);
    CHECK(block->batches != NULL);
    for (uint32_t i = 0; i < proposal->batch_count; i++) {
        block->batches[i] = incoming->arriving[i].held->batch;
        incoming->bytes += incoming->arriving[i].bytes.size;
        if (!digest_equal(&block->batches[i].digest, &proposal->batches[i])) return TALLY_EFORM;
    }
    block->header = proposal->header;
    block->hash = proposal->hash;
    block->justification = proposal->justification_bytes;
    block->signature = proposal->signature;
    block->has_finalization = true;
    block->batch_count = proposal->batch_count;
    return TALLY_OK;
}

struct incoming *path_intake_take(struct path_intake *intake)
{
    struct incoming *incoming = intake->first;
    if (intake->failed || incoming == NULL || incoming->unchecked > 0) return NULL;
    int error = block_fill(incoming);
    if (error != TALLY_OK) {
        fail(intake, "a block of the load is not whole", error);
        return NULL;
    }
    intake->first = incoming->next;
    if (intake->first == NULL) intake->end = &intake->first;
    intake->count--;
    incoming->next = NULL;
    return incoming;
}

void path_intake_stop(struct path_intake *intake)
{
    intake->stopped = true;
}

bool path_intake_is_done(const struct path_intake *intake)
{
    return intake->count == 0 && (intake->stopped || intake->begun == intake->blocks);
}

struct worker *path_intake_reader(struct path_intake *intake)
{
    return intake->reader;
}

/* ---- Life ---- */

int path_intake_open(uv_loop_t *loop, const struct chain *chain, struct register_view *members, int load,
    uint64_t blocks, const struct path_intake_callbacks *callbacks, void *context, struct path_intake **out)
{
    struct path_intake *intake = calloc(1, sizeof *intake);
    if (intake == NULL) return TALLY_ENOMEM;
    *intake = (struct path_intake){
        .chain = chain, .load = load, .blocks = blocks, .callbacks = callbacks, .context = context};
    intake->end = &intake->first;
    int error = admission_open(&chain->genesis.chain_id, members, NULL, &intake->admission);
    if (error == TALLY_OK) error = worker_open(loop, "checks", CHECKER_THREADS, &intake->checkers);
    if (error == TALLY_OK) error = worker_open(loop, "load", 1, &intake->reader);
    if (error != TALLY_OK) {
        path_intake_close(intake);
        return error;
    }
    *out = intake;
    return TALLY_OK;
}

void path_intake_close(struct path_intake *intake)
{
    if (intake == NULL) return;
    intake->failed = intake->stopped = true; /* what is still done is let go */
    worker_close(intake->reader);
    worker_close(intake->checkers);
    admission_release(intake->admission);
    while (intake->first != NULL) {
        struct incoming *incoming = intake->first;
        intake->first = incoming->next;
        incoming_close(incoming);
    }
    free(intake);
}
