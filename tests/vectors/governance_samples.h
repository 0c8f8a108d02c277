/* Samples for tests of membership: a network of four members, actions of every kind, transactions made whole.
 * Key numbers are sample_secret's: nodes 0 to 3, signing keys 100 to 103, ballot keys 200 to 203. */
#ifndef TALLY_TESTS_GOVERNANCE_SAMPLES_H
#define TALLY_TESTS_GOVERNANCE_SAMPLES_H

#include <stdio.h>

#include "proto/codec/register.h"
#include "tests/vectors/samples.h"

static inline struct public_key sample_key(uint32_t number)
{
    struct secret_key secret = sample_secret(number);
    struct public_key key;
    CHECK(secret_key_public(&secret, &key) == TALLY_OK);
    return key;
}

static inline void sample_policy_print(uint32_t version, struct buffer *out)
{
    struct credit_policy policy = {.name = "test",
        .version = version,
        .reservation_life_ms_max = 1000,
        .authorization_from_ms = UINT64_MAX,
        .purposes = 1,
        .answer_ttl_ms = 60000,
        .retention_start = RETENTION_FROM_END,
        .retention_years = 5,
        .unverifiable = UNVERIFIABLE_KEEP,
        .dispute_days = 20};
    credit_policy_print(&policy, out);
    CHECK(!out->failed);
}

static inline void sample_genesis(struct genesis *genesis)
{
    *genesis = (struct genesis){.network = "net",
        .base_timeout_ms = 400,
        .heartbeat_ms = 10000,
        .policy = {.name = "test",
            .version = 1,
            .reservation_life_ms_max = 1000,
            .authorization_from_ms = UINT64_MAX,
            .purposes = 1,
            .answer_ttl_ms = 60000,
            .retention_start = RETENTION_FROM_END,
            .retention_years = 5,
            .unverifiable = UNVERIFIABLE_KEEP,
            .dispute_days = 20},
        .member_count = 4,
        .validator_count = 4,
        .observer_count = 1};
    for (uint32_t i = 0; i < 4; i++) {
        struct genesis_member *member = &genesis->members[i];
        *member =
            (struct genesis_member){.id = i + 1, .role = ROLE_LENDER, .key_count = 1, .ballot_key_count = 1};
        (void)snprintf(member->name, sizeof member->name, "Member %u", i + 1);
        member->keys[0] = sample_key(100 + i);
        member->ballot_keys[0] = sample_key(200 + i);
        genesis->validators[i] = (struct genesis_node){.member_id = i + 1, .key = sample_key(i)};
        (void)snprintf(genesis->validators[i].name, sizeof genesis->validators[i].name, "v%u", i);
    }
    genesis->observers[0] = (struct genesis_node){.name = "o0", .member_id = 1, .key = sample_key(50)};
}

static inline struct new_node sample_new_node(uint32_t key)
{
    struct new_node node = {.address = "a.example:7000", .key = sample_key(key), .validator = true};
    (void)snprintf(node.name, sizeof node.name, "n%u", key);
    return node;
}

/* An action of each kind that the sample genesis allows. `policy` is the text of SET_POLICY, borrowed. */
static inline struct governance_action sample_action(enum action_kind kind, struct span policy)
{
    struct governance_action action = {.kind = kind};
    switch (kind) {
    case ACTION_ADMIT_MEMBER:
        action.join = (struct join){.network = "net",
            .name = "B\xc3\xa4nk",
            .kind = "commercial bank",
            .licence = "L-7",
            .role = ROLE_BUREAU,
            .signing_key_count = 2,
            .ballot_key_count = 1,
            .node_count = 2};
        action.join.signing_keys[0] = sample_key(1000);
        action.join.signing_keys[1] = sample_key(1001);
        action.join.ballot_keys[0] = sample_key(1002);
        action.join.nodes[0] = sample_new_node(1003);
        action.join.nodes[1] = sample_new_node(1004);
        action.join.nodes[1].validator = false;
        return action;
    case ACTION_SUSPEND_MEMBER:
    case ACTION_RESTORE_MEMBER:
    case ACTION_REMOVE_MEMBER:
        action.member_id = 4;
        return action;
    case ACTION_ADD_KEY:
        action.member_id = 2;
        action.key_kind = KEY_SIGNING;
        action.key = sample_key(1000);
        return action;
    case ACTION_ROTATE_KEY:
        action.member_id = 2;
        action.key_kind = KEY_NODE;
        action.key = sample_key(1000);
        action.old_key = sample_key(1);
        return action;
    case ACTION_REVOKE_KEY:
        action.member_id = 2;
        action.key_kind = KEY_BALLOT;
        action.old_key = sample_key(201);
        return action;
    case ACTION_ADD_NODE:
        action.member_id = 3;
        action.node = sample_new_node(1000);
        return action;
    case ACTION_SET_VALIDATORS:
        action.choice_count = 2;
        action.choices[0] = (struct validator_choice){4, false};
        action.choices[1] = (struct validator_choice){5, true};
        return action;
    case ACTION_SET_POLICY:
        action.policy = policy;
        action.policy_version = 2;
        return action;
    case ACTION_SET_PARAMETER:
        action.parameter = PARAMETER_HEARTBEAT_MS;
        action.value = 0;
        return action;
    case ACTION_SET_FLAG:
        action.flag = 3;
        action.height = 1000;
        return action;
    }
    CHECK_UNREACHABLE();
}

/* The secret of a sample key below 2000. */
static inline struct secret_key sample_secret_of(const struct public_key *key)
{
    for (uint32_t number = 0; number < 2000; number++) {
        struct public_key found = sample_key(number);
        if (public_key_equal(&found, key)) return sample_secret(number);
    }
    CHECK_UNREACHABLE();
}

/* A signature of each new key. */
static inline void sample_proofs(const struct governance_action *action, const struct digest *chain_id,
    struct span action_bytes, struct buffer *out)
{
    const struct public_key *keys[NEW_KEYS_MAX];
    uint32_t count = action_new_keys(action, keys);
    struct digest digest = action_proof_digest(chain_id, action_bytes);
    for (uint32_t i = 0; i < count; i++) {
        struct secret_key secret = sample_secret_of(keys[i]);
        struct signature signature;
        signature_make(&secret, &digest, &signature);
        buffer_append(out, signature.bytes, SIGNATURE_SIZE);
    }
}

/* A transaction and the bytes that it borrows. */
struct sample_transaction {
    struct governance_transaction fields;
    struct buffer policy, action, proofs, body, whole;
};

static inline void sample_transaction_close(struct sample_transaction *sample)
{
    buffer_close(&sample->policy);
    buffer_close(&sample->action);
    buffer_close(&sample->proofs);
    buffer_close(&sample->body);
    buffer_close(&sample->whole);
}

/* Encodes body and whole from the fields, signed by the sample key of a number. */
static inline void sample_transaction_finish(struct sample_transaction *sample, uint32_t key)
{
    struct secret_key secret = sample_secret(key);
    buffer_clear(&sample->body);
    buffer_clear(&sample->whole);
    governance_body_encode(&sample->fields, &sample->body);
    sample->fields.body = buffer_span(&sample->body);
    governance_sign(&sample->fields, &secret);
    governance_encode(&sample->fields, &sample->whole);
    CHECK(!sample->body.failed && !sample->whole.failed);
}

/* By member 1. A PROPOSE of `action`; of the other kinds, something with the right form. */
static inline void sample_transaction_init(
    struct sample_transaction *sample, enum governance_kind kind, enum action_kind action)
{
    struct governance_transaction *fields = &sample->fields;
    memset(fields, 0, sizeof *fields);
    buffer_init(&sample->policy, POLICY_TEXT_SIZE_MAX);
    buffer_init(&sample->action, ACTION_SIZE_MAX);
    buffer_init(&sample->proofs, GOVERNANCE_SIZE_MAX);
    buffer_init(&sample->body, GOVERNANCE_SIZE_MAX);
    buffer_init(&sample->whole, GOVERNANCE_SIZE_MAX);
    fields->chain_id = sample_digest("chain");
    fields->member_id = 1;
    fields->kind = kind;
    fields->sequence = kind == GOVERNANCE_READY ? 0 : 1;
    fields->expires_at_ms = SAMPLE_TIME_MS + 1000;
    fields->closes_ms = SAMPLE_TIME_MS + 2000;
    fields->proposal = sample_digest("proposal");
    fields->yes = true;
    fields->revoked_kind = KEY_SIGNING;
    fields->revoked_key = sample_key(100);
    fields->ready.checkpoint.chain_id = fields->chain_id;
    fields->ready.checkpoint.epoch = 1;
    fields->ready.signers = 7;
    if (kind == GOVERNANCE_PROPOSE) {
        sample_policy_print(2, &sample->policy);
        fields->proposed = sample_action(action, buffer_span(&sample->policy));
        action_encode(&fields->proposed, &sample->action);
        fields->action = buffer_span(&sample->action);
        sample_proofs(&fields->proposed, &fields->chain_id, fields->action, &sample->proofs);
        fields->proofs = buffer_span(&sample->proofs);
    }
    sample_transaction_finish(sample, kind == GOVERNANCE_READY ? 0 : 200);
}

#endif
