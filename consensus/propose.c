#include "consensus/core.h"

/* Whether this replica may propose now. R2: "When leading the current view, nothing proposed in it yet, it is
 * not nullified by me, and there is work." */
static bool may_propose(const struct consensus *c)
{
    if (!may_vote_in(c, c->view) || leader_of(c->view, c->n) != c->config.signer) return false;
    if (!c->working || c->now_ms < c->propose_retry_ms) return false;
    struct view_slot *slot = view_find(c, c->view);
    return !slot || (slot->proposal == OWN_NONE && slot_own(slot, VOTE_NULLIFY)->state == OWN_NONE);
}

static void link_to_floor(struct consensus *c)
{
    struct justification *j = &c->justification;
    if (c->floor.height == 0) {
        j->parent_is_genesis = true;
        return;
    }
    j->parent = c->floor.header;
    j->parent_hash = c->floor.block;
    j->parent_certificate = c->floor.finalization;
    if (!epoch_fresh(c)) return;
    j->seal_path_count = c->floor.seal_path_count;
    j->seal_path = c->floor.seal_path;
}

static void link_to_block(struct consensus *c, struct view_slot *slot, enum vote_kind kind)
{
    const struct block *block = block_find(c, &slot->certificates[kind - 1].block);
    CHECK(block);
    struct justification *j = &c->justification;
    j->parent = block->header;
    j->parent_hash = block->hash;
    slot_certificate(c, slot, kind, &j->parent_certificate);
}

/* The kind of certificate by which the slot's block can be a parent: its candidate must be held, for its
 * header. */
static bool can_be_parent(const struct consensus *c, const struct view_slot *slot, enum vote_kind *kind)
{
    static const enum vote_kind kinds[] = {VOTE_NOTARIZE, VOTE_FINALIZE};
    for (uint32_t i = 0; i < 2; i++) {
        if (!slot_has(slot, kinds[i]) || !block_find(c, &slot->certificates[kinds[i] - 1].block)) continue;
        *kind = kinds[i];
        return true;
    }
    return false;
}

/* R2: "the parent is the highest certified view w that links, that is, with nullifications held for every
 * view of (w, current)." Fills c->justification; false when no parent links. */
static bool parent_link(struct consensus *c)
{
    struct justification *j = &c->justification;
    memset(j, 0, sizeof *j);
    j->nullifications = c->nullifications;
    uint64_t view = c->view - 1;
    uint32_t skipped = 0;
    for (; view > c->floor.view; view--) {
        enum vote_kind kind;
        struct view_slot *slot = view_find(c, view);
        if (can_be_parent(c, slot, &kind)) {
            link_to_block(c, slot, kind);
            break;
        }
        if (!slot_has(slot, VOTE_NULLIFY) || skipped == VIEWS_SKIPPED_MAX) return false;
        skipped++;
    }
    if (view == c->floor.view) link_to_floor(c);
    j->nullification_count = skipped;
    for (uint32_t i = 0; i < skipped; i++)
        slot_certificate(c, view_find(c, view + 1 + i), VOTE_NULLIFY, &c->nullifications[i]);
    return true;
}

void propose_try(struct consensus *c)
{
    if (!may_propose(c) || !parent_link(c)) return;
    struct view_slot *slot = view_open(c, c->view);
    if (!slot) return;
    const struct justification *j = &c->justification;
    uint64_t parent_ms = parent_time_ms(c, j);
    struct consensus_output *output = emit(c, OUTPUT_PROPOSE);
    struct block_header *header = &output->header;
    header->chain_id = c->config.chain_id;
    header->epoch = c->config.set.epoch;
    header->view = c->view;
    header->height = j->parent_is_genesis ? 1 : j->parent.height + 1;
    header->parent_view = parent_in_epoch(c, j) ? j->parent.view : 0;
    header->parent_hash = j->parent_is_genesis ? c->config.chain_id : j->parent_hash;
    header->time_ms = c->wall_ms > parent_ms ? c->wall_ms : parent_ms + 1;
    header->after_seal = parent_in_epoch(c, j) && (j->parent.seals || j->parent.after_seal);
    header->seals = c->seal_wanted && !header->after_seal;
    if (header->seals) header->next_set = c->seal_next_set;
    output->justification = j;
    output->payload_allowed = c->payload_waiting && !header->after_seal;
    output->view = c->view;
    slot->proposal = OWN_DECIDED;
}

/* "Check my own block as R3 would." A proposal that was overtaken while it was being signed is never sent. */
void propose_answered(struct consensus *c, const struct consensus_input *input)
{
    const struct proposal *proposal = input->message.proposal;
    bool answered = input->ok && proposal;
    struct view_slot *slot = view_find(c, answered ? proposal->header.view : c->view);
    if (!slot || slot->proposal != OWN_DECIDED || epoch_ended(c)) {
        if (answered && !block_find(c, &proposal->hash)) emit(c, OUTPUT_DROP)->block = proposal->hash;
        return;
    }
    if (!answered) {
        slot->proposal = OWN_NONE;
        c->propose_retry_ms = c->now_ms + 1 + c->config.base_timeout_ms / 4;
        return;
    }
    /* A process with the same key may have made the very same block, which is then a candidate already. */
    if (block_find(c, &proposal->hash)) return;
    bool overtaken = slot->view != c->view || slot_own(slot, VOTE_NULLIFY)->state != OWN_NONE;
    CHECK(leader_of(slot->view, c->n) == c->config.signer);
    CHECK(!proposal_fault(c, proposal));
    struct block *block = overtaken ? NULL : block_add(c, &proposal->header, &proposal->hash);
    if (!block) {
        emit(c, OUTPUT_DROP)->block = proposal->hash;
        return;
    }
    block->has_signature = true;
    block->signature = proposal->signature;
    block->parent_time_ms = parent_time_ms(c, &proposal->justification);
    block->payload = PAYLOAD_HELD;
    block->withheld = true;
    slot->proposal_block = block->hash;
    struct consensus_record *record = emit_record(c, &slot->proposal_sequence);
    record->kind = RECORD_PROPOSAL;
    record->block = block->hash;
    record->header = block->header;
    slot->proposal = OWN_STORED;
}

/* "Persist, then send to all." From here on it is a candidate like any other. */
void propose_durable(struct consensus *c, struct view_slot *slot)
{
    CHECK(slot->proposal == OWN_STORED);
    slot->proposal = OWN_DURABLE;
    struct block *block = block_find(c, &slot->proposal_block);
    if (!block) return;
    block->withheld = false;
    emit_proposal(c, PEER_ALL, block);
}
