#include "consensus/core.h"

/* Walks from `hash` down to the floor over held candidates, newest first into c->path. Returns the length, or
 * 0 when a candidate or a payload is lacking, or the chain misses the floor. */
static uint32_t chain_to_floor(struct consensus *c, const struct digest *hash)
{
    uint32_t count = 0;
    const struct block *block = block_find(c, hash);
    while (block) {
        if (block->payload != PAYLOAD_HELD || block->withheld) return 0;
        CHECK(count < BLOCKS_HELD);
        c->path[count++] = block_index(c, block);
        if (block->header.parent_view <= c->floor.view) break;
        block = block_find(c, &block->header.parent_hash);
    }
    if (!block || !digest_equal(&block->header.parent_hash, &c->floor.block)) return 0;
    return block->header.height == c->floor.height + 1 ? count : 0;
}

static void commit_emit(struct consensus *c, const struct block_header *header, const struct digest *hash)
{
    struct consensus_output *output = emit(c, OUTPUT_COMMIT);
    output->block = *hash;
    output->header = *header;
}

/* The floor is now the block that `certificate` finalizes, whose commit was the output emitted last. */
static void floor_move(struct consensus *c, const struct block_header *header, const struct digest *hash,
    const struct certificate *certificate)
{
    CHECK(!c->commit_used && c->output_count > 0);
    CHECK(header->view > c->floor.view && certificate->view == header->view);
    c->commit_used = true;
    c->commit_out = *certificate;
    c->outputs[c->output_count - 1].certificate = &c->commit_out;
    c->floor.height = header->height;
    c->floor.view = header->view;
    c->floor.time_ms = header->time_ms;
    c->floor.block = *hash;
    c->floor.header = *header;
    c->floor.has_finalization = true;
    c->floor.finalization = *certificate;
    struct block *block = block_newest(c);
    while (block) {
        struct block *older = block_older(c, block);
        if (block->header.view <= c->floor.view) {
            emit(c, OUTPUT_DROP)->block = block->hash;
            block_remove(c, block);
        }
        block = older;
    }
    if (c->floor.view > VIEWS_BELOW_FLOOR + 1) views_retire(c, c->floor.view - VIEWS_BELOW_FLOOR - 1);
}

static bool commit_to(struct consensus *c, const struct certificate *certificate)
{
    uint32_t count = chain_to_floor(c, &certificate->block);
    if (count == 0) return false;
    for (uint32_t i = count; i > 0; i--) {
        const struct block *block = &c->blocks[c->path[i - 1]];
        CHECK(block->header.height == c->floor.height + (count - i) + 1);
        commit_emit(c, &block->header, &block->hash);
    }
    /* By value: moving the floor drops the candidate. */
    struct block last = c->blocks[c->path[0]];
    floor_move(c, &last.header, &last.hash, certificate);
    return true;
}

/* R6: "On FC(v, h): h and its ancestors down to the floor, in order, each height once, and only when every
 * payload of them is held." The highest finalization whose chain is whole goes first; a commit always ends at
 * a block with its own certificate. */
void commit_try(struct consensus *c)
{
    if (c->best.view <= c->floor.view) return;
    if (commit_to(c, &c->best)) return;
    uint64_t top = c->best.view < view_top(c) ? c->best.view : view_top(c);
    for (uint64_t view = top; view > view_bottom(c); view--) {
        struct view_slot *slot = view_find(c, view);
        if (!slot_has(slot, VOTE_FINALIZE)) continue;
        struct certificate certificate;
        slot_certificate(c, slot, VOTE_FINALIZE, &certificate);
        if (commit_to(c, &certificate)) return;
    }
}

/* R12: "Only heights backed by an FC are believed." The range was checked to be a chain from the
 * floor to a block that is finalized; its payloads are held already. */
void range_commit(struct consensus *c, uint32_t peer, const struct consensus_range *range)
{
    uint32_t start = range_start(c, range);
    CHECK(start < range->count);
    uint32_t last = range->count - 1;
    /* Taking the FC in may move the ring, which drops the candidates it leaves behind: not those that are
     * committed right here. */
    for (uint32_t i = start; i < range->count; i++) {
        struct block *held = block_find(c, &range->hashes[i]);
        if (held) block_remove(c, held);
    }
    certificate_accept(c, range->finalization);
    for (uint32_t i = start; i < range->count; i++)
        commit_emit(c, &range->headers[i], &range->hashes[i]);
    floor_move(c, &range->headers[last], &range->hashes[last], range->finalization);
    c->range_ms = 0;
    c->range_interval_ms = 0;
    if (c->best.view > c->floor.view || range->count == RANGE_BLOCKS_MAX) range_ask(c, peer);
}

/* R6: "Own votes at or below F may leave the disk only once F is durable there": whoever stores them learns
 * the same. */
void appended(struct consensus *c, uint64_t height)
{
    CHECK(height <= c->floor.height);
    if (height > c->durable_height) c->durable_height = height;
    if (height == c->floor.height) c->durable_view = c->floor.view;
}
