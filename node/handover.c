#include "node/handover.h"

#include <stdlib.h>

#include "node/joiner.h"
#include "node/net/log.h"
#include "node/ranges.h"
#include "proto/base/check.h"
#include "proto/codec/transfer.h"
#include "storage/snapshot_file.h"

/* Answers under way for one peer. One that a node that joins waits for in vain is held against this node. */
#define ANSWERS_MAX JOINER_REQUESTS_MAX
#define ARENA_BUDGET (64u * MIB)

struct handover {
    const char *data_dir;
    struct executor *executor;
    struct worker *checkers;
    struct links *links; /* NULL once stopped */
    uint32_t answers[PEERS_MAX];
};

struct answer {
    struct job job;
    struct handover *handover;
    uint32_t peer;
    uint64_t final_height;
    struct chunk_place place;
    uint64_t from_height;
    enum frame_kind kind;
    struct buffer bytes;
};

static void answer_done(struct job *job)
{
    struct answer *answer = (struct answer *)(void *)job;
    struct handover *handover = answer->handover;
    handover->answers[answer->peer]--;
    if (handover->links != NULL && !answer->bytes.failed) {
        int error = links_send(handover->links, answer->peer, answer->kind, buffer_span(&answer->bytes));
        if (error != TALLY_OK)
            LOG_DEBUG("an answer was not sent", LOG_U("peer", answer->peer), LOG_E("why", error));
    }
    buffer_close(&answer->bytes);
    free(answer);
}

/* ---- Snapshots ---- */

static void run_offer(struct job *job)
{
    struct answer *answer = (struct answer *)(void *)job;
    struct snapshot_offer offer = {.finalized_height = answer->final_height};
    struct buffer head;
    uint64_t height;
    buffer_init(&head, FRAME_SIZE_MAX);
    int error = snapshot_newest(disk_system(), answer->handover->data_dir, UINT64_MAX, &height);
    if (error == TALLY_OK)
        error = snapshot_head_read(disk_system(), answer->handover->data_dir, height, &head);
    if (error == TALLY_OK) offer.head = buffer_span(&head);
    snapshot_offer_encode(&offer, &answer->bytes);
    buffer_close(&head);
}

/* The one who asked checks it: here it is only read. */
static void run_chunk(struct job *job)
{
    struct answer *answer = (struct answer *)(void *)job;
    const struct chunk_place *place = &answer->place;
    struct buffer chunk;
    buffer_init(&chunk, FRAME_SIZE_MAX);
    int error = snapshot_part_read(
        disk_system(), answer->handover->data_dir, place->height, place->kind, place->index, &chunk);
    if (error != TALLY_OK) buffer_clear(&chunk);
    chunk_encode(place, buffer_span(&chunk), &answer->bytes);
    buffer_close(&chunk);
}

/* ---- Older blocks ---- */

/* Encoded blocks, and their encoded results, each one after the other. */
struct gathered {
    struct buffer blocks, results;
    size_t block_ends[BACKFILL_BLOCKS_MAX], result_ends[BACKFILL_BLOCKS_MAX];
    size_t count;
};

static int gather_results(struct state *state, uint64_t height, struct arena *arena, struct buffer *out)
{
    struct state_result *results;
    uint32_t count;
    int error = state_results_read(state, height, arena, &results, &count);
    for (uint32_t i = 0; error == TALLY_OK && i < count; i++)
        block_results_encode(&results[i].result, 1, out);
    return error;
}

static int gather_one(
    struct executor *executor, uint64_t height, struct arena *arena, struct gathered *gathered)
{
    struct block block;
    arena_reset(arena);
    int error = ledger_read(executor_ledger(executor), height, true, arena, &block);
    if (error == TALLY_OK)
        error = gather_results(executor_state(executor), height, arena, &gathered->results);
    if (error != TALLY_OK) return error;
    block_encode(&block, true, &gathered->blocks);
    if (gathered->blocks.failed || gathered->results.failed) return TALLY_ELIMIT;
    gathered->block_ends[gathered->count] = gathered->blocks.size;
    gathered->result_ends[gathered->count++] = gathered->results.size;
    return TALLY_OK;
}

static void encode(const struct gathered *gathered, struct buffer *out)
{
    struct span *blocks = calloc(2 * gathered->count + 1, sizeof *blocks);
    CHECK(blocks != NULL);
    struct span *results = blocks + gathered->count;
    size_t block = 0, result = 0;
    for (size_t i = 0; i < gathered->count; i++) {
        blocks[i] = span_of(gathered->blocks.data + block, gathered->block_ends[i] - block);
        results[i] = span_of(gathered->results.data + result, gathered->result_ends[i] - result);
        block = gathered->block_ends[i];
        result = gathered->result_ends[i];
    }
    backfill_encode(blocks, results, gathered->count, out);
    free(blocks);
}

static void run_backfill(struct job *job)
{
    struct answer *answer = (struct answer *)(void *)job;
    struct executor *executor = answer->handover->executor;
    struct gathered *gathered = calloc(1, sizeof *gathered);
    struct arena arena;
    CHECK(gathered != NULL);
    arena_init(&arena, ARENA_BUDGET);
    buffer_init(&gathered->blocks, FRAME_SIZE_MAX - MIB);
    buffer_init(&gathered->results, MIB - 64u * KIB);
    int error = executor_state(executor) != NULL ? TALLY_OK : TALLY_ECLOSED;
    for (uint64_t height = answer->from_height; error == TALLY_OK && gathered->count < BACKFILL_BLOCKS_MAX &&
                                                gathered->blocks.size < RANGE_SIZE_ENOUGH;
         height++)
        error = gather_one(executor, height, &arena, gathered);
    encode(gathered, &answer->bytes);
    buffer_close(&gathered->blocks);
    buffer_close(&gathered->results);
    arena_close(&arena);
    free(gathered);
}

/* ---- Requests ---- */

static struct answer *begin_answer(
    struct handover *handover, uint32_t peer, enum frame_kind kind, void (*run)(struct job *job))
{
    struct answer *answer = calloc(1, sizeof *answer);
    CHECK(answer != NULL);
    *answer = (struct answer){.job = {.run = run, .done = answer_done},
        .handover = handover,
        .peer = peer,
        .kind = kind,
        .final_height = ledger_height(executor_ledger(handover->executor))};
    buffer_init(&answer->bytes, FRAME_SIZE_MAX);
    handover->answers[peer]++;
    return answer;
}

static int give_chunk(struct handover *handover, uint32_t peer, struct span payload)
{
    struct chunk_place place;
    int error = chunk_request_decode(payload, &place);
    if (error != TALLY_OK) return error;
    struct answer *answer = begin_answer(handover, peer, FRAME_CHUNK, run_chunk);
    answer->place = place;
    worker_submit(handover->checkers, &answer->job);
    return TALLY_OK;
}

static int give_older(struct handover *handover, uint32_t peer, struct span payload)
{
    uint64_t from_height;
    int error = backfill_request_decode(payload, &from_height);
    if (error != TALLY_OK) return error;
    struct answer *answer = begin_answer(handover, peer, FRAME_BACKFILL, run_backfill);
    answer->from_height = from_height;
    executor_read(handover->executor, &answer->job);
    return TALLY_OK;
}

void handover_frame(struct handover *handover, uint32_t peer, enum frame_kind kind, struct span payload)
{
    int error = TALLY_OK;
    if (handover->links == NULL || handover->answers[peer] >= ANSWERS_MAX) return;
    if (kind == FRAME_SNAPSHOT_REQUEST)
        worker_submit(handover->checkers, &begin_answer(handover, peer, FRAME_SNAPSHOT, run_offer)->job);
    else if (kind == FRAME_CHUNK_REQUEST)
        error = give_chunk(handover, peer, payload);
    else
        error = give_older(handover, peer, payload);
    if (error != TALLY_OK) links_charge(handover->links, peer, "a request that does not parse");
}

/* ---- Life ---- */

int handover_open(
    const char *data_dir, struct executor *executor, struct worker *checkers, struct handover **out)
{
    struct handover *handover = calloc(1, sizeof *handover);
    if (handover == NULL) return TALLY_ENOMEM;
    handover->data_dir = data_dir;
    handover->executor = executor;
    handover->checkers = checkers;
    *out = handover;
    return TALLY_OK;
}

void handover_start(struct handover *handover, struct links *links)
{
    handover->links = links;
}

void handover_stop(struct handover *handover)
{
    if (handover != NULL) handover->links = NULL;
}

void handover_close(struct handover *handover)
{
    free(handover);
}
