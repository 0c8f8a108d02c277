/* Proposals, from the first yes until they are closed. */
#include <string.h>

#include "node/governance/rules_internal.h"
#include "proto/base/check.h"

void proposal_open(struct member_register *governed, const struct governance_block *block,
    const struct governance_transaction *transaction)
{
    CHECK(governed->open_count < PROPOSALS_OPEN_MAX);
    CHECK(transaction->action.size > 0 && transaction->action.size <= ACTION_SIZE_MAX);
    struct register_proposal *proposal = &governed->open[governed->open_count++];

    memset(proposal, 0, sizeof *proposal);
    proposal->number = ++governed->last_proposal;
    proposal->id = transaction->digest;
    proposal->member_id = transaction->member_id;
    proposal->kind = transaction->proposed.kind;
    proposal->height = block->height;
    proposal->closes_ms = transaction->closes_ms;
    proposal->ballot_count = 1;
    proposal->ballots[0] = (struct register_ballot){transaction->member_id, true};
    proposal->action_size = (uint32_t)transaction->action.size;
    memcpy(proposal->action, transaction->action.data, transaction->action.size);
}

/* The oldest that is remembered gives way. */
static struct closed_proposal *closed_add(struct member_register *governed)
{
    if (governed->closed_count == PROPOSALS_CLOSED_MAX) {
        memmove(&governed->closed[0], &governed->closed[1],
            (PROPOSALS_CLOSED_MAX - 1) * sizeof governed->closed[0]);
        governed->closed_count--;
    }
    return &governed->closed[governed->closed_count++];
}

void proposal_close(struct member_register *governed, const struct governance_block *block, uint32_t index,
    enum proposal_outcome outcome, enum ruling why)
{
    CHECK(index < governed->open_count && outcome != PROPOSAL_OPEN);
    CHECK((outcome == PROPOSAL_VOID) == (why != RULING_OK));
    const struct register_proposal *proposal = &governed->open[index];

    *closed_add(governed) = (struct closed_proposal){.number = proposal->number,
        .id = proposal->id,
        .member_id = proposal->member_id,
        .kind = proposal->kind,
        .outcome = outcome,
        .why = (uint16_t)why,
        .height = block->height};
    governed->open_count--;
    memmove(&governed->open[index], &governed->open[index + 1],
        (governed->open_count - index) * sizeof governed->open[0]);
}

/* "More than two thirds of the members decide"; it is rejected once that cannot happen any more. */
static enum proposal_outcome outcome_of(
    const struct member_register *governed, const struct register_proposal *proposal)
{
    uint32_t voters = register_voter_count(governed), yes, no;

    CHECK(voters > 0);
    register_tally(governed, proposal, &yes, &no);
    if (3 * yes > 2 * voters) return PROPOSAL_PASSED;
    return 3 * (voters - no) <= 2 * voters ? PROPOSAL_REJECTED : PROPOSAL_OPEN;
}

/* What it proposes was possible once; it is void where it is not any more. */
static int proposal_carry_out(
    struct member_register *governed, const struct governance_block *block, uint32_t index)
{
    const struct register_proposal *proposal = &governed->open[index];
    struct governance_action action;
    struct arena arena;

    arena_init(&arena, GOVERNANCE_ARENA_BUDGET);
    int error = action_decode(span_of(proposal->action, proposal->action_size), &arena, &action);
    CHECK(error == TALLY_OK || error == TALLY_ENOMEM);
    if (error == TALLY_OK) {
        enum ruling ruling = governance_action_rule(governed, block, &action);
        if (ruling == RULING_OK) action_carry_out(governed, block, &action);
        proposal_close(governed, block, index, ruling == RULING_OK ? PROPOSAL_PASSED : PROPOSAL_VOID, ruling);
    }
    arena_close(&arena);
    return error;
}

int proposals_settle(struct member_register *governed, const struct governance_block *block)
{
    for (uint32_t i = 0; i < governed->open_count;) {
        enum proposal_outcome outcome = outcome_of(governed, &governed->open[i]);
        if (outcome == PROPOSAL_OPEN) {
            i++;
            continue;
        }
        if (outcome == PROPOSAL_REJECTED) {
            proposal_close(governed, block, i, PROPOSAL_REJECTED, RULING_OK);
        } else {
            int error = proposal_carry_out(governed, block, i);
            if (error != TALLY_OK) return error;
        }
        /* Who votes may have changed, and with that what is decided. Each round closes one. */
        i = 0;
    }
    return TALLY_OK;
}
