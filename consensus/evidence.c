#include "consensus/core.h"

static void vote_fill(const struct consensus *c, struct view_slot *slot, enum vote_kind kind,
    enum vote_place place, uint32_t signer, struct vote *vote)
{
    const struct held_vote *held = slot_vote(c, slot, kind, place, signer);
    vote->kind = kind;
    vote->epoch = c->config.set.epoch;
    vote->view = slot->view;
    vote->block = held->block;
    vote->signer = signer;
    vote->signature = held->signature;
}

static bool vote_present(
    const struct view_slot *slot, enum vote_kind kind, enum vote_place place, uint32_t signer)
{
    return slot->present[kind - 1][place] >> signer & 1;
}

struct vote_ref {
    enum vote_kind kind;
    enum vote_place place;
};

/* Reports the pair once; both votes are there. */
static void blame(struct consensus *c, struct view_slot *slot, enum blame blame, uint32_t signer,
    struct vote_ref first, struct vote_ref second)
{
    uint64_t bit = UINT64_C(1) << signer;
    if (slot->blamed[blame] & bit) return;
    if (!vote_present(slot, first.kind, first.place, signer)) return;
    if (!vote_present(slot, second.kind, second.place, signer)) return;
    struct consensus_evidence *evidence = emit_evidence(c);
    if (!evidence) return;
    slot->blamed[blame] |= bit;
    evidence->signer = signer;
    evidence->view = slot->view;
    vote_fill(c, slot, first.kind, first.place, signer, &evidence->first);
    vote_fill(c, slot, second.kind, second.place, signer, &evidence->second);
}

/* Finalize of one block beside notarize of another: an honest signer finalizes only what it notarized. */
static void blame_mixed(struct consensus *c, struct view_slot *slot, uint32_t signer,
    enum vote_place finalize, enum vote_place notarize)
{
    if (!vote_present(slot, VOTE_FINALIZE, finalize, signer) ||
        !vote_present(slot, VOTE_NOTARIZE, notarize, signer))
        return;
    const struct held_vote *final = slot_vote(c, slot, VOTE_FINALIZE, finalize, signer);
    const struct held_vote *notarized = slot_vote(c, slot, VOTE_NOTARIZE, notarize, signer);
    if (digest_equal(&final->block, &notarized->block)) return;
    blame(c, slot, BLAME_FINALIZE_NOTARIZE, signer, (struct vote_ref){VOTE_FINALIZE, finalize},
        (struct vote_ref){VOTE_NOTARIZE, notarize});
}

/* R14: "Keep the first message and one conflicting, for each view, kind and signer; emit evidence once for
 * each pair; never stop for it." */
void evidence_votes(struct consensus *c, struct view_slot *slot, uint32_t signer)
{
    CHECK(signer < c->n);
    blame(c, slot, BLAME_NOTARIZE, signer, (struct vote_ref){VOTE_NOTARIZE, VOTE_FIRST},
        (struct vote_ref){VOTE_NOTARIZE, VOTE_SECOND});
    blame(c, slot, BLAME_FINALIZE, signer, (struct vote_ref){VOTE_FINALIZE, VOTE_FIRST},
        (struct vote_ref){VOTE_FINALIZE, VOTE_SECOND});
    blame(c, slot, BLAME_FINALIZE_NULLIFY, signer, (struct vote_ref){VOTE_FINALIZE, VOTE_FIRST},
        (struct vote_ref){VOTE_NULLIFY, VOTE_FIRST});
    for (uint32_t finalize = VOTE_FIRST; finalize <= VOTE_SECOND; finalize++)
        for (uint32_t notarize = VOTE_FIRST; notarize <= VOTE_SECOND; notarize++)
            blame_mixed(c, slot, signer, (enum vote_place)finalize, (enum vote_place)notarize);
}

void evidence_proposals(
    struct consensus *c, struct view_slot *slot, const struct block *held, const struct proposal *proposal)
{
    CHECK(held->header.view == proposal->header.view && !digest_equal(&held->hash, &proposal->hash));
    if (slot->equivocated || !held->has_signature) return;
    struct consensus_evidence *evidence = emit_evidence(c);
    if (!evidence) return;
    slot->equivocated = true;
    evidence->signer = leader_of(slot->view, c->n);
    evidence->view = slot->view;
    evidence->proposals = true;
    evidence->first_header = held->header;
    evidence->first_block = held->hash;
    evidence->first_signature = held->signature;
    evidence->second_header = proposal->header;
    evidence->second_block = proposal->hash;
    evidence->second_signature = proposal->signature;
}
