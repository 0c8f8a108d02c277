#include "proto/codec/governance.h"

#include "governance.pb-c.h"
#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"
#include "proto/crypto/digest.h"

#define CASE(name) TALLYSTICK__V1__GOVERNANCE_BODY__BODY_##name

_Static_assert(CASE(PROPOSE) == (int)GOVERNANCE_PROPOSE && CASE(READY) == (int)GOVERNANCE_READY,
    "a transaction's kind is its field's number");

const char *governance_kind_name(uint32_t kind)
{
    static const char *const names[] = {
        [GOVERNANCE_PROPOSE] = "PROPOSE",
        [GOVERNANCE_BALLOT] = "BALLOT",
        [GOVERNANCE_WITHDRAW] = "WITHDRAW",
        [GOVERNANCE_REVOKE_OWN_KEY] = "REVOKE_OWN_KEY",
        [GOVERNANCE_READY] = "READY",
    };
    return kind >= GOVERNANCE_PROPOSE && kind <= GOVERNANCE_READY ? names[kind] : NULL;
}

/* ---- What is signed ---- */

struct digest governance_digest(const struct governance_transaction *transaction)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_GOVERNANCE);
    hasher_digest(&hasher, &transaction->chain_id);
    hasher_u32(&hasher, transaction->member_id);
    hasher_bytes(&hasher, transaction->key.bytes, PUBLIC_KEY_SIZE);
    hasher_u64(&hasher, transaction->expires_at_ms);
    hasher_u64(&hasher, transaction->sequence);
    hasher_sized(&hasher, transaction->body);
    return hasher_final(&hasher);
}

void governance_sign(struct governance_transaction *transaction, const struct secret_key *secret)
{
    CHECK(secret_key_public(secret, &transaction->key) == TALLY_OK);
    transaction->digest = governance_digest(transaction);
    signature_make(secret, &transaction->digest, &transaction->signature);
}

int governance_check_parsed(const struct governance_transaction *transaction, const struct verify_key *key)
{
    int error = signature_check(key, &transaction->digest, &transaction->signature);
    if (error != TALLY_OK || transaction->kind != GOVERNANCE_PROPOSE) return error;
    return action_proofs_check(
        &transaction->proposed, &transaction->chain_id, transaction->action, transaction->proofs);
}

int governance_check(const struct governance_transaction *transaction, const struct digest *chain_id)
{
    struct verify_key key;
    if (!digest_equal(&transaction->chain_id, chain_id)) return TALLY_ECHAIN;
    if (verify_key_parse(&transaction->key, &key) != TALLY_OK) return TALLY_ESIGNATURE;
    return governance_check_parsed(transaction, &key);
}

/* ---- Bodies ---- */

static int propose_read(
    const Tallystick__V1__Propose *message, struct arena *arena, struct governance_transaction *transaction)
{
    transaction->action = span_of_bytes(message->action);
    transaction->closes_ms = message->closes_ms;
    return action_decode(transaction->action, arena, &transaction->proposed);
}

static int revoke_read(
    const Tallystick__V1__RevokeOwnKey *message, struct governance_transaction *transaction)
{
    transaction->revoked_kind = (enum key_kind)message->kind;
    if (key_kind_name(message->kind) == NULL) return TALLY_EFORM;
    return fixed_from_bytes(message->key, transaction->revoked_key.bytes, PUBLIC_KEY_SIZE);
}

static int body_read(const Tallystick__V1__GovernanceBody *message, struct arena *arena,
    struct governance_transaction *transaction)
{
    transaction->kind = (enum governance_kind)message->body_case;
    switch (message->body_case) {
    case CASE(PROPOSE):
        return propose_read(message->propose, arena, transaction);
    case CASE(BALLOT):
        transaction->yes = message->ballot->yes;
        return digest_from_bytes(message->ballot->proposal, &transaction->proposal);
    case CASE(WITHDRAW):
        return digest_from_bytes(message->withdraw->proposal, &transaction->proposal);
    case CASE(REVOKE_OWN_KEY):
        return revoke_read(message->revoke_own_key, transaction);
    case CASE(READY):
        return certified_checkpoint_from_message(message->ready->checkpoint, &transaction->ready);
    case TALLYSTICK__V1__GOVERNANCE_BODY__BODY__NOT_SET:
    case _TALLYSTICK__V1__GOVERNANCE_BODY__BODY__CASE_IS_INT_SIZE:
        break;
    }
    return TALLY_EFORM;
}

/* Everything that nests in a body. */
struct body_parts {
    Tallystick__V1__GovernanceBody outer;
    Tallystick__V1__Propose propose;
    Tallystick__V1__Ballot ballot;
    Tallystick__V1__Withdraw withdraw;
    Tallystick__V1__RevokeOwnKey revoke;
    Tallystick__V1__Ready ready;
    struct certified_checkpoint_message checkpoint;
};

static void ready_fill(const struct governance_transaction *transaction, struct body_parts *parts)
{
    certified_checkpoint_to_message(&transaction->ready, &parts->checkpoint);
    tallystick__v1__ready__init(&parts->ready);
    parts->ready.checkpoint = &parts->checkpoint.outer;
    parts->outer.ready = &parts->ready;
}

static void revoke_fill(const struct governance_transaction *transaction, struct body_parts *parts)
{
    tallystick__v1__revoke_own_key__init(&parts->revoke);
    parts->revoke.kind = (Tallystick__V1__KeyKind)transaction->revoked_kind;
    parts->revoke.key = message_bytes(span_of(transaction->revoked_key.bytes, PUBLIC_KEY_SIZE));
    parts->outer.revoke_own_key = &parts->revoke;
}

static void propose_fill(const struct governance_transaction *transaction, struct body_parts *parts)
{
    tallystick__v1__propose__init(&parts->propose);
    parts->propose.action = message_bytes(transaction->action);
    parts->propose.closes_ms = transaction->closes_ms;
    parts->outer.propose = &parts->propose;
}

void governance_body_encode(const struct governance_transaction *transaction, struct buffer *out)
{
    struct body_parts parts;
    tallystick__v1__governance_body__init(&parts.outer);
    parts.outer.body_case = (Tallystick__V1__GovernanceBody__BodyCase)transaction->kind;
    switch (transaction->kind) {
    case GOVERNANCE_PROPOSE:
        propose_fill(transaction, &parts);
        break;
    case GOVERNANCE_BALLOT:
        tallystick__v1__ballot__init(&parts.ballot);
        parts.ballot.proposal = digest_bytes(&transaction->proposal);
        parts.ballot.yes = transaction->yes;
        parts.outer.ballot = &parts.ballot;
        break;
    case GOVERNANCE_WITHDRAW:
        tallystick__v1__withdraw__init(&parts.withdraw);
        parts.withdraw.proposal = digest_bytes(&transaction->proposal);
        parts.outer.withdraw = &parts.withdraw;
        break;
    case GOVERNANCE_REVOKE_OWN_KEY:
        revoke_fill(transaction, &parts);
        break;
    case GOVERNANCE_READY:
        ready_fill(transaction, &parts);
        break;
    }
    message_encode(&parts.outer.base, out);
}

/* ---- The whole ---- */

static void envelope_fill(
    const struct governance_transaction *transaction, Tallystick__V1__GovernanceTransaction *message)
{
    tallystick__v1__governance_transaction__init(message);
    message->chain_id = digest_bytes(&transaction->chain_id);
    message->member_id = transaction->member_id;
    message->key = message_bytes(span_of(transaction->key.bytes, PUBLIC_KEY_SIZE));
    message->expires_at_ms = transaction->expires_at_ms;
    message->sequence = transaction->sequence;
    message->body = message_bytes(transaction->body);
    message->proofs = message_bytes(transaction->proofs);
    message->signature = message_bytes(span_of(transaction->signature.bytes, SIGNATURE_SIZE));
}

void governance_encode(const struct governance_transaction *transaction, struct buffer *out)
{
    Tallystick__V1__GovernanceTransaction message;
    envelope_fill(transaction, &message);
    message_encode(&message.base, out);
}

size_t governance_size(const struct governance_transaction *transaction)
{
    Tallystick__V1__GovernanceTransaction message;
    envelope_fill(transaction, &message);
    return protobuf_c_message_get_packed_size(&message.base);
}

static int envelope_read(
    const Tallystick__V1__GovernanceTransaction *message, struct governance_transaction *transaction)
{
    transaction->member_id = message->member_id;
    transaction->expires_at_ms = message->expires_at_ms;
    transaction->sequence = message->sequence;
    transaction->body = span_of_bytes(message->body);
    transaction->proofs = span_of_bytes(message->proofs);
    if (message->member_id == 0) return TALLY_EFORM;
    int error = digest_from_bytes(message->chain_id, &transaction->chain_id);
    if (error == TALLY_OK) error = fixed_from_bytes(message->key, transaction->key.bytes, PUBLIC_KEY_SIZE);
    if (error == TALLY_OK)
        error = fixed_from_bytes(message->signature, transaction->signature.bytes, SIGNATURE_SIZE);
    return error;
}

/* Proofs come with a proposal alone, one for each new key; a sequence with all but READY, which cannot be
 * repeated with effect. */
static int attachments_check(const struct governance_transaction *transaction)
{
    const struct public_key *keys[NEW_KEYS_MAX];
    uint32_t count = 0;
    if ((transaction->kind == GOVERNANCE_READY) != (transaction->sequence == 0)) return TALLY_EFORM;
    if (transaction->kind == GOVERNANCE_PROPOSE) count = action_new_keys(&transaction->proposed, keys);
    return transaction->proofs.size == (size_t)count * SIGNATURE_SIZE ? TALLY_OK : TALLY_EFORM;
}

int governance_decode(struct span bytes, struct arena *arena, struct governance_transaction *transaction)
{
    ProtobufCMessage *message, *body;
    if (bytes.size > GOVERNANCE_SIZE_MAX) return TALLY_EFORM;
    int error = message_decode(
        &tallystick__v1__governance_transaction__descriptor, MESSAGE_CANONICAL, bytes, arena, &message);
    if (error != TALLY_OK) return error;
    memset(transaction, 0, sizeof *transaction);
    error = envelope_read((const Tallystick__V1__GovernanceTransaction *)message, transaction);
    if (error == TALLY_OK)
        error = message_decode(
            &tallystick__v1__governance_body__descriptor, MESSAGE_CANONICAL, transaction->body, arena, &body);
    if (error == TALLY_OK)
        error = body_read((const Tallystick__V1__GovernanceBody *)body, arena, transaction);
    if (error == TALLY_OK) error = attachments_check(transaction);
    if (error == TALLY_OK) transaction->digest = governance_digest(transaction);
    return error;
}
