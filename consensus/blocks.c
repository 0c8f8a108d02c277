#include "consensus/core.h"

static uint32_t *bucket_of(struct consensus *c, const struct digest *hash)
{
    return &c->buckets[get_u32(hash->bytes) % BLOCK_BUCKETS];
}

struct block *block_find(const struct consensus *c, const struct digest *hash)
{
    uint32_t index = c->buckets[get_u32(hash->bytes) % BLOCK_BUCKETS];
    while (index != BLOCK_NONE) {
        struct block *block = &c->blocks[index];
        CHECK(block->used);
        if (digest_equal(&block->hash, hash)) return block;
        index = block->next;
    }
    return NULL;
}

uint32_t block_index(const struct consensus *c, const struct block *block)
{
    return (uint32_t)(block - c->blocks);
}

struct block *block_newest(const struct consensus *c)
{
    return c->block_newest == BLOCK_NONE ? NULL : &c->blocks[c->block_newest];
}

struct block *block_older(const struct consensus *c, const struct block *block)
{
    return block->older == BLOCK_NONE ? NULL : &c->blocks[block->older];
}

bool block_certified(const struct consensus *c, uint64_t view, const struct digest *hash)
{
    if (c->has_best && c->best.view == view && digest_equal(&c->best.block, hash)) return true;
    const struct view_slot *slot = view_find(c, view);
    if (slot_has(slot, VOTE_NOTARIZE) && digest_equal(&slot->certificates[VOTE_NOTARIZE - 1].block, hash))
        return true;
    return slot_has(slot, VOTE_FINALIZE) && digest_equal(&slot->certificates[VOTE_FINALIZE - 1].block, hash);
}

/* Takes a place in the pool: one freed before, or the next never used. */
static struct block *block_take(struct consensus *c)
{
    uint32_t index = c->block_free;
    if (index != BLOCK_NONE) {
        c->block_free = c->blocks[index].next;
    } else {
        if (c->block_high == BLOCKS_HELD) return NULL;
        index = c->block_high++;
    }
    struct block *block = &c->blocks[index];
    memset(block, 0, sizeof *block);
    block->used = true;
    return block;
}

struct block *block_add(struct consensus *c, const struct block_header *header, const struct digest *hash)
{
    CHECK(!block_find(c, hash));
    struct view_slot *slot = view_open(c, header->view);
    if (!slot) return NULL;
    /* The last place of a view is kept for the block a certificate names: a leader that signs many cannot
     * fill it. */
    uint32_t room = block_certified(c, header->view, hash) ? BLOCKS_PER_VIEW : BLOCKS_PER_VIEW - 1;
    if (slot->block_count >= room) return NULL;
    struct block *block = block_take(c);
    if (!block) return NULL;
    block->hash = *hash;
    block->header = *header;
    uint32_t index = block_index(c, block);
    uint32_t *bucket = bucket_of(c, hash);
    block->next = *bucket;
    *bucket = index;
    block->newer = BLOCK_NONE;
    block->older = c->block_newest;
    if (c->block_newest != BLOCK_NONE) c->blocks[c->block_newest].newer = index;
    c->block_newest = index;
    slot->blocks[slot->block_count++] = index;
    return block;
}

static void slot_forget_block(struct consensus *c, uint64_t view, uint32_t index)
{
    struct view_slot *slot = view_find(c, view);
    CHECK(slot);
    uint32_t place = 0;
    while (place < slot->block_count && slot->blocks[place] != index)
        place++;
    CHECK(place < slot->block_count);
    for (slot->block_count--; place < slot->block_count; place++)
        slot->blocks[place] = slot->blocks[place + 1];
}

uint64_t parent_time_ms(const struct consensus *c, const struct justification *justification)
{
    if (!justification->parent_is_genesis) return justification->parent.time_ms;
    return c->floor.height == 0 ? c->floor.time_ms : 0;
}

void block_remove(struct consensus *c, struct block *block)
{
    CHECK(block->used);
    uint32_t index = block_index(c, block);
    slot_forget_block(c, block->header.view, index);
    uint32_t *link = bucket_of(c, &block->hash);
    while (*link != index)
        link = &c->blocks[*link].next;
    *link = block->next;
    if (block->newer == BLOCK_NONE)
        c->block_newest = block->older;
    else
        c->blocks[block->newer].older = block->older;
    if (block->older != BLOCK_NONE) c->blocks[block->older].newer = block->newer;
    block->used = false;
    block->next = c->block_free;
    c->block_free = index;
}

size_t consensus_chain(
    const struct consensus *c, const struct digest *hash, struct digest *blocks, size_t max)
{
    CHECK(blocks || max == 0);
    size_t count = 0;
    const struct block *block = block_find(c, hash);
    while (block && count < max) {
        blocks[count++] = block->hash;
        block = block_find(c, &block->header.parent_hash);
    }
    return count;
}
