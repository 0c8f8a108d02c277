#include "consensus/core.h"

static size_t round_up(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

static size_t votes_size(uint32_t n)
{
    return sizeof(struct held_vote) * VOTE_KINDS * 2 * n;
}

size_t slot_size(uint32_t n, uint32_t q)
{
    size_t size = round_up(sizeof(struct view_slot)) + round_up(votes_size(n));
    return round_up(size + sizeof(struct signature) * VOTE_KINDS * q);
}

static struct view_slot *slot_at(const struct consensus *c, uint32_t index)
{
    CHECK(index < c->slot_high);
    return (struct view_slot *)(void *)(c->slots + c->slot_stride * index);
}

struct held_vote *slot_vote(const struct consensus *c, struct view_slot *slot, enum vote_kind kind,
    enum vote_place place, uint32_t signer)
{
    CHECK(signer < c->n);
    struct held_vote *votes = (void *)((uint8_t *)slot + round_up(sizeof *slot));
    return &votes[(((uint32_t)kind - 1) * 2 + (uint32_t)place) * c->n + signer];
}

static struct signature *slot_signatures(
    const struct consensus *c, struct view_slot *slot, enum vote_kind kind)
{
    uint8_t *start = (uint8_t *)slot + round_up(sizeof *slot) + round_up(votes_size(c->n));
    return (struct signature *)(void *)start + ((uint32_t)kind - 1) * c->q;
}

uint64_t view_top(const struct consensus *c)
{
    return c->view_low + VIEWS_HELD;
}

struct view_slot *view_find(const struct consensus *c, uint64_t view)
{
    if (view <= c->view_low || view > view_top(c)) return NULL;
    uint32_t place = c->ring[view % VIEWS_HELD];
    if (place == 0) return NULL;
    struct view_slot *slot = slot_at(c, place - 1);
    CHECK(slot->view == view);
    return slot;
}

struct view_slot *view_open(struct consensus *c, uint64_t view)
{
    struct view_slot *slot = view_find(c, view);
    if (slot || view <= c->view_low || view > view_top(c)) return slot;
    /* The slot used last is the one whose pages are warm. */
    uint32_t index = c->slot_free_count > 0 ? c->slot_free[--c->slot_free_count] : c->slot_high++;
    CHECK(index < VIEWS_HELD);
    slot = slot_at(c, index);
    memset(slot, 0, sizeof *slot);
    slot->view = view;
    c->ring[view % VIEWS_HELD] = (uint16_t)(index + 1);
    return slot;
}

static void slot_release(struct consensus *c, uint64_t view)
{
    struct view_slot *slot = view_find(c, view);
    if (!slot) return;
    while (slot->block_count > 0) {
        struct block *block = &c->blocks[slot->blocks[0]];
        emit(c, OUTPUT_DROP)->block = block->hash;
        block_remove(c, block);
    }
    uint16_t *place = &c->ring[view % VIEWS_HELD];
    c->slot_free[c->slot_free_count++] = (uint16_t)(*place - 1);
    *place = 0;
}

void views_retire(struct consensus *c, uint64_t low)
{
    if (low <= c->view_low) return;
    uint64_t last = low < view_top(c) ? low : view_top(c);
    for (uint64_t view = c->view_low + 1; view <= last; view++)
        slot_release(c, view);
    c->view_low = low;
}

static bool vote_equals(
    const struct consensus *c, struct view_slot *slot, const struct vote *vote, enum vote_place place)
{
    if (!(slot->present[vote->kind - 1][place] >> vote->signer & 1)) return false;
    return digest_equal(&slot_vote(c, slot, vote->kind, place, vote->signer)->block, &vote->block);
}

bool vote_held(const struct consensus *c, struct view_slot *slot, const struct vote *vote)
{
    if (vote_equals(c, slot, vote, VOTE_FIRST) || vote_equals(c, slot, vote, VOTE_SECOND)) return true;
    return slot->present[vote->kind - 1][VOTE_SECOND] >> vote->signer & 1;
}

void vote_keep(const struct consensus *c, struct view_slot *slot, const struct vote *vote)
{
    CHECK(!vote_held(c, slot, vote));
    uint64_t *present = slot->present[vote->kind - 1];
    enum vote_place place = present[VOTE_FIRST] >> vote->signer & 1 ? VOTE_SECOND : VOTE_FIRST;
    struct held_vote *held = slot_vote(c, slot, vote->kind, place, vote->signer);
    held->block = vote->block;
    held->signature = vote->signature;
    present[place] |= UINT64_C(1) << vote->signer;
}

/* The signature of `signer` under a vote of this kind for `block`, or NULL. */
static const struct signature *vote_signature(const struct consensus *c, struct view_slot *slot,
    enum vote_kind kind, const struct digest *block, uint32_t signer)
{
    for (uint32_t place = VOTE_FIRST; place <= VOTE_SECOND; place++) {
        if (!(slot->present[kind - 1][place] >> signer & 1)) continue;
        const struct held_vote *held = slot_vote(c, slot, kind, (enum vote_place)place, signer);
        if (digest_equal(&held->block, block)) return &held->signature;
    }
    return NULL;
}

uint32_t votes_count(
    const struct consensus *c, struct view_slot *slot, enum vote_kind kind, const struct digest *block)
{
    uint32_t count = 0;
    for (uint32_t signer = 0; signer < c->n; signer++)
        if (vote_signature(c, slot, kind, block, signer)) count++;
    return count;
}

void votes_assemble(const struct consensus *c, struct view_slot *slot, enum vote_kind kind,
    const struct digest *block, struct certificate *certificate)
{
    memset(certificate, 0, sizeof *certificate);
    certificate->kind = kind;
    certificate->epoch = c->config.set.epoch;
    certificate->view = slot->view;
    certificate->block = *block;
    uint32_t count = 0;
    for (uint32_t signer = 0; signer < c->n && count < c->q; signer++) {
        const struct signature *signature = vote_signature(c, slot, kind, block, signer);
        if (!signature) continue;
        certificate->signers |= UINT64_C(1) << signer;
        certificate->signatures[count++] = *signature;
    }
    CHECK(count == c->q);
}

void slot_keep_certificate(
    const struct consensus *c, struct view_slot *slot, const struct certificate *certificate)
{
    CHECK(slot->view == certificate->view);
    struct held_certificate *held = &slot->certificates[certificate->kind - 1];
    CHECK(!held->held);
    held->held = true;
    held->block = certificate->block;
    held->signers = certificate->signers;
    memcpy(slot_signatures(c, slot, certificate->kind), certificate->signatures,
        c->q * sizeof(struct signature));
}

void slot_certificate(
    const struct consensus *c, struct view_slot *slot, enum vote_kind kind, struct certificate *certificate)
{
    const struct held_certificate *held = &slot->certificates[kind - 1];
    CHECK(held->held);
    memset(certificate, 0, sizeof *certificate);
    certificate->kind = kind;
    certificate->epoch = c->config.set.epoch;
    certificate->view = slot->view;
    certificate->block = held->block;
    certificate->signers = held->signers;
    memcpy(certificate->signatures, slot_signatures(c, slot, kind), c->q * sizeof(struct signature));
}
