#include "node/ranges.h"

#include <stdlib.h>

#include "consensus/consensus.h"
#include "node/net/log.h"
#include "node/peer_message.h"
#include "proto/base/check.h"

#define ARENA_BUDGET (64u * MIB)

struct range_job {
    struct job job;
    struct ledger *ledger;
    uint32_t peer;
    uint64_t from_height;
    void (*done)(void *context, uint32_t peer, struct span range);
    void *context;
    struct buffer range;
};

/* Encoded blocks, one after the other, up to the last that carries its FC. */
struct gathered {
    struct buffer bytes;
    size_t ends[RANGE_BLOCKS_MAX];
    size_t count;    /* gathered */
    size_t complete; /* of them, up to the last with an FC */
    bool whole;      /* one of them has all its bodies */
    bool sealed;     /* the last seals its epoch: what follows is signed by others */
    struct certificate finalization;
};

/* A block whose bodies are not to be had here ends a range, unless all of it are such blocks, or no FC came
 * yet: then whoever asks for just these learns that. */
static int gather_one(
    struct range_job *range, uint64_t height, struct arena *arena, struct gathered *gathered)
{
    struct block block;
    arena_reset(arena);
    int error = ledger_read(range->ledger, height, true, arena, &block);
    bool may_end = gathered->whole && gathered->complete > 0;
    if (error == TALLY_EDAMAGED && may_end) return TALLY_EPENDING;
    if (error == TALLY_EDAMAGED) {
        arena_reset(arena);
        error = ledger_read(range->ledger, height, false, arena, &block);
    }
    if (error != TALLY_OK) return error;
    bool whole = block_is_whole(&block);
    if (!whole && may_end) return TALLY_EPENDING;
    block_encode(&block, true, &gathered->bytes);
    if (gathered->bytes.failed) return TALLY_ELIMIT;
    gathered->ends[gathered->count++] = gathered->bytes.size;
    gathered->whole = gathered->whole || whole;
    gathered->sealed = block.header.seals;
    if (block.has_finalization) {
        gathered->complete = gathered->count;
        gathered->finalization = block.finalization;
    }
    return TALLY_OK;
}

static void gather(struct range_job *range, struct gathered *gathered)
{
    struct arena arena;
    arena_init(&arena, ARENA_BUDGET);
    struct ledger_head head;
    ledger_head(range->ledger, &head);
    for (uint64_t height = range->from_height;
         height <= head.height && gathered->count < RANGE_BLOCKS_MAX && !gathered->sealed; height++) {
        if (gathered->bytes.size >= RANGE_SIZE_ENOUGH && gathered->complete == gathered->count) break;
        int error = gather_one(range, height, &arena, gathered);
        if (error == TALLY_OK) continue;
        if (error != TALLY_ELIMIT && error != TALLY_EPENDING)
            LOG_BROKEN("a block cannot be read back", LOG_U("height", height), LOG_E("why", error));
        break;
    }
    arena_close(&arena);
}

static void run_read(struct job *job)
{
    struct range_job *range = (struct range_job *)(void *)job;
    if (range->from_height == 0) return;
    struct gathered *gathered = calloc(1, sizeof *gathered);
    CHECK(gathered != NULL);
    buffer_init(&gathered->bytes, FRAME_SIZE_MAX - 64u * KIB);
    gather(range, gathered);
    if (gathered->complete > 0) {
        struct span blocks[RANGE_BLOCKS_MAX];
        size_t start = 0;
        for (size_t i = 0; i < gathered->complete; i++) {
            blocks[i] = span_of(gathered->bytes.data + start, gathered->ends[i] - start);
            start = gathered->ends[i];
        }
        block_range_encode(blocks, gathered->complete, &gathered->finalization, &range->range);
        if (range->range.failed) buffer_clear(&range->range);
    }
    buffer_close(&gathered->bytes);
    free(gathered);
}

static void read_done(struct job *job)
{
    struct range_job *range = (struct range_job *)(void *)job;
    range->done(range->context, range->peer, buffer_span(&range->range));
    buffer_close(&range->range);
    free(range);
}

void range_read_start(struct worker *worker, struct ledger *ledger, uint32_t peer, uint64_t from_height,
    void (*done)(void *context, uint32_t peer, struct span range), void *context)
{
    struct range_job *range = calloc(1, sizeof *range);
    CHECK(range != NULL);
    *range = (struct range_job){
        .job = {.run = run_read, .done = read_done},
        .ledger = ledger,
        .peer = peer,
        .from_height = from_height,
        .done = done,
        .context = context,
    };
    buffer_init(&range->range, FRAME_SIZE_MAX);
    worker_submit(worker, &range->job);
}
