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

/* The floor is now the block whose commit was the output emitted last. `certificate` finalizes it, or where
 * it seals, the last of the path_count headers that lie ready in c->seal_path. */
static void floor_move(struct consensus *c, const struct block_header *header, const struct digest *hash,
    const struct certificate *certificate, uint32_t path_count)
{
    CHECK(!c->commit_used && c->output_count > 0);
    CHECK(header->view > c->floor.view);
    CHECK(path_count == 0 ? certificate->view == header->view : header->seals);
    c->commit_used = true;
    c->commit_out = *certificate;
    struct consensus_output *output = &c->outputs[c->output_count - 1];
    output->certificate = &c->commit_out;
    output->seal_path = path_count > 0 ? c->seal_path : NULL;
    output->seal_path_count = path_count;
    c->floor.height = header->height;
    c->floor.view = header->view;
    c->floor.time_ms = header->time_ms;
    c->range_vain = 0;
    c->floor.block = *hash;
    c->floor.header = *header;
    c->floor.has_finalization = true;
    c->floor.finalization = *certificate;
    c->floor.seal_path = path_count > 0 ? c->seal_path : NULL;
    c->floor.seal_path_count = path_count;
    struct block *block = block_newest(c);
    while (block) {
        struct block *older = block_older(c, block);
        if (block->header.view <= c->floor.view || header->seals) {
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
    uint32_t after_seal = 0;
    for (; after_seal < count && c->blocks[c->path[after_seal]].header.after_seal; after_seal++) {
    }
    CHECK(after_seal < count && after_seal <= SEAL_PATH_MAX);
    for (uint32_t i = count; i > after_seal; i--) {
        const struct block *block = &c->blocks[c->path[i - 1]];
        CHECK(block->header.height == c->floor.height + (count - i) + 1);
        commit_emit(c, &block->header, &block->hash);
    }
    for (uint32_t i = 0; i < after_seal; i++)
        c->seal_path[i] = c->blocks[c->path[after_seal - 1 - i]].header;
    /* By value: moving the floor drops the candidate. */
    struct block last = c->blocks[c->path[after_seal]];
    floor_move(c, &last.header, &last.hash, certificate, after_seal);
    return true;
}

/* R6: "On FC(v, h): h and its ancestors down to the floor, in order, each height once, and only when every
 * payload of them is held." The highest finalization whose chain is whole goes first; a commit always ends at
 * a block with its own certificate, or at a seal with a descendant's: R11: "commit stops at the seal, and its
 * descendants are discarded." */
void commit_try(struct consensus *c)
{
    if (c->best.view <= c->floor.view || epoch_ended(c)) return;
    if (commit_to(c, &c->best)) return;
    uint64_t top = c->best.view < view_top(c) ? c->best.view : view_top(c);
    for (uint64_t view = top; view > view_bottom(c); view--) {
        struct view_slot *slot = view_find(c, view);
        if (!slot_has(slot, VOTE_FINALIZE)) continue;
        if (chain_to_floor(c, &slot->certificates[VOTE_FINALIZE - 1].block) == 0) continue;
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
    while (range->headers[last].after_seal) {
        CHECK(last > start);
        last--;
    }
    uint32_t after_seal = range->count - 1 - last;
    /* Taking the FC in may move the ring, which drops the candidates it leaves behind: not those that are
     * committed right here. */
    for (uint32_t i = start; i < range->count; i++) {
        struct block *held = block_find(c, &range->hashes[i]);
        if (held) block_remove(c, held);
    }
    certificate_accept(c, range->finalization);
    for (uint32_t i = start; i <= last; i++)
        commit_emit(c, &range->headers[i], &range->hashes[i]);
    memcpy(c->seal_path, &range->headers[last + 1], after_seal * sizeof *c->seal_path);
    floor_move(c, &range->headers[last], &range->hashes[last], range->finalization, after_seal);
    c->range_ms = 0;
    c->range_interval_ms = 0;
    if (epoch_ended(c)) return;
    bool more = c->best.view > c->floor.view || c->later_epoch || range->count == RANGE_BLOCKS_MAX;
    if (more) range_ask(c, peer);
}

/* R6: "Own votes at or below F may leave the disk only once F is durable there": whoever stores them learns
 * the same. */
void appended(struct consensus *c, uint64_t height)
{
    CHECK(height <= c->floor.height);
    if (height > c->durable_height) c->durable_height = height;
    if (height == c->floor.height) c->durable_view = c->floor.view;
}
