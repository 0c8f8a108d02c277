/* Governance transactions of the small network's members, as blocks have them. */
#ifndef TALLY_TESTS_GOVERNANCE_BLOCKS_H
#define TALLY_TESTS_GOVERNANCE_BLOCKS_H

#include "proto/codec/governance.h"
#include "tests/unit/credit_fixture.h"

/* As credit_fixture.h makes a member's. */
#define SIGNING_NUMBER(member_id) ((uint8_t)(member_id))
#define BALLOT_NUMBER(member_id) ((uint8_t)(149 + (member_id)))

struct governance_writer {
    struct fixture *fixture;
    uint64_t sequences[MEMBER_COUNT + 1]; /* each member's last, by its id */
};

static inline struct governance_transaction *governance_new(
    struct governance_writer *writer, uint32_t member_id, enum governance_kind kind, uint64_t now_ms)
{
    struct governance_transaction *made = arena_take_zeroed(&writer->fixture->arena, 1, sizeof *made);
    CHECK(made != NULL);
    made->chain_id = writer->fixture->genesis.chain_id;
    made->member_id = member_id;
    made->kind = kind;
    made->expires_at_ms = now_ms + 60000;
    made->sequence = ++writer->sequences[member_id];
    return made;
}

/* Signs it with the member's ballot key. */
static inline struct batch governance_finish(
    struct governance_writer *writer, struct governance_transaction *made)
{
    struct secret_key secret = fixture_secret(BALLOT_NUMBER(made->member_id));
    struct buffer body;

    buffer_init(&body, GOVERNANCE_SIZE_MAX);
    governance_body_encode(made, &body);
    made->body = fixture_keep(writer->fixture, &body);
    buffer_close(&body);
    governance_sign(made, &secret);
    return batch_of_governance(made);
}

/* Actions that bring no key. */
static inline struct batch governance_propose(struct governance_writer *writer, uint32_t member_id,
    const struct governance_action *action, uint64_t now_ms)
{
    struct governance_transaction *made = governance_new(writer, member_id, GOVERNANCE_PROPOSE, now_ms);
    struct buffer bytes;

    buffer_init(&bytes, ACTION_SIZE_MAX);
    action_encode(action, &bytes);
    made->proposed = *action;
    made->action = fixture_keep(writer->fixture, &bytes);
    made->closes_ms = now_ms + 3600000;
    buffer_close(&bytes);
    return governance_finish(writer, made);
}

static inline struct batch governance_ballot(
    struct governance_writer *writer, uint32_t member_id, const struct digest *proposal, uint64_t now_ms)
{
    struct governance_transaction *made = governance_new(writer, member_id, GOVERNANCE_BALLOT, now_ms);

    made->proposal = *proposal;
    made->yes = true;
    return governance_finish(writer, made);
}

static inline struct batch governance_revoke_own(
    struct governance_writer *writer, uint32_t member_id, const struct public_key *key, uint64_t now_ms)
{
    struct governance_transaction *made =
        governance_new(writer, member_id, GOVERNANCE_REVOKE_OWN_KEY, now_ms);

    made->revoked_kind = KEY_SIGNING;
    made->revoked_key = *key;
    return governance_finish(writer, made);
}

/* A proposal of the first member, and as many yes as it takes: four of five. */
#define GOVERNANCE_DECIDED 4u
static inline void governance_decide(struct governance_writer *writer, const struct governance_action *action,
    uint64_t now_ms, struct batch batches[GOVERNANCE_DECIDED])
{
    batches[0] = governance_propose(writer, 1, action, now_ms);
    for (uint32_t i = 1; i < GOVERNANCE_DECIDED; i++)
        batches[i] = governance_ballot(writer, i + 1, &batches[0].digest, now_ms);
}

#endif
