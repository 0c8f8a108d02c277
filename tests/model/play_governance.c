/* play_governance: plays the lines of governance_sequences.py, from its standard input, by the rules that a
 * node runs, and compares each ruling, its detail, and the register's root. Each transaction goes the whole
 * way: encoded, signed, decoded, checked, applied. At the first difference it prints the line and ends with
 * 1. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/governance/rules.h"
#include "tests/vectors/samples.h"

#define NUMBERS_MAX 65536u

static struct member_register governed;
static struct governance_block block;
static struct genesis genesis;
static struct public_key numbered[NUMBERS_MAX]; /* the keys made so far; zeros for others */
static unsigned long steps;
static char policy_text[POLICY_TEXT_SIZE_MAX];

/* ---- What a line says ---- */

static const json_t *part_of(const json_t *object, const char *name)
{
    const json_t *part = json_object_get(object, name);
    CHECK(part != NULL);
    return part;
}

static uint64_t integer_of(const json_t *object, const char *name)
{
    CHECK(json_is_integer(part_of(object, name)));
    return (uint64_t)json_integer_value(part_of(object, name));
}

static bool bool_of(const json_t *object, const char *name)
{
    CHECK(json_is_boolean(part_of(object, name)));
    return json_is_true(part_of(object, name));
}

static const char *text_of(const json_t *object, const char *name)
{
    CHECK(json_is_string(part_of(object, name)));
    return json_string_value(part_of(object, name));
}

static void text_copy(const json_t *object, const char *name, size_t size_max, char *to)
{
    const char *text = text_of(object, name);
    CHECK(strlen(text) <= size_max);
    memcpy(to, text, strlen(text) + 1);
}

static struct public_key key_numbered(uint64_t number)
{
    CHECK(number < NUMBERS_MAX);
    if (numbered[number].bytes[0] == 0) {
        struct secret_key secret = sample_secret((uint32_t)number);
        CHECK(secret_key_public(&secret, &numbered[number]) == TALLY_OK);
    }
    return numbered[number];
}

static struct secret_key secret_of(const struct public_key *key)
{
    uint32_t number = 0;
    while (number < NUMBERS_MAX && !public_key_equal(&numbered[number], key))
        number++;
    CHECK(number < NUMBERS_MAX);
    return sample_secret(number);
}

static uint32_t keys_of(const json_t *object, const char *name, struct public_key *keys, uint32_t max)
{
    const json_t *list = part_of(object, name);
    CHECK(json_array_size(list) <= max);
    for (size_t i = 0; i < json_array_size(list); i++)
        keys[i] = key_numbered((uint64_t)json_integer_value(json_array_get(list, i)));
    return (uint32_t)json_array_size(list);
}

/* ---- Actions ---- */

static struct new_node node_of(const json_t *object)
{
    struct new_node node = {
        .key = key_numbered(integer_of(object, "key")), .validator = bool_of(object, "validator")};
    text_copy(object, "name", NAME_SIZE_MAX, node.name);
    text_copy(object, "address", REGISTER_ADDRESS_SIZE_MAX, node.address);
    return node;
}

static void join_of(const json_t *object, struct join *join)
{
    const json_t *nodes = part_of(object, "nodes");
    text_copy(object, "network", NAME_SIZE_MAX, join->network);
    text_copy(object, "name", NAME_SIZE_MAX, join->name);
    text_copy(object, "type", REGISTER_KIND_SIZE_MAX, join->kind);
    text_copy(object, "licence", NAME_SIZE_MAX, join->licence);
    join->role = (enum member_role)integer_of(object, "role");
    join->signing_key_count = keys_of(object, "signing", join->signing_keys, JOIN_KEYS_MAX);
    join->ballot_key_count = keys_of(object, "ballot", join->ballot_keys, JOIN_KEYS_MAX);
    join->node_count = (uint32_t)json_array_size(nodes);
    CHECK(join->node_count <= JOIN_NODES_MAX);
    for (uint32_t i = 0; i < join->node_count; i++)
        join->nodes[i] = node_of(json_array_get(nodes, i));
}

static void choices_of(const json_t *object, struct governance_action *action)
{
    const json_t *nodes = part_of(object, "nodes");
    action->choice_count = (uint32_t)json_array_size(nodes);
    CHECK(action->choice_count <= PEERS_MAX);
    for (uint32_t i = 0; i < action->choice_count; i++) {
        const json_t *pair = json_array_get(nodes, i);
        action->choices[i].node_id = (uint32_t)json_integer_value(json_array_get(pair, 0));
        action->choices[i].validator = json_is_true(json_array_get(pair, 1));
    }
}

/* The policy of the model, of which two things differ here. */
static struct credit_policy policy_of(uint32_t version, uint32_t years)
{
    return (struct credit_policy){.name = "test",
        .version = version,
        .reservation_life_ms_max = 1000,
        .authorization_from_ms = UINT64_MAX,
        .purposes = 1,
        .answer_ttl_ms = 60000,
        .retention_start = RETENTION_FROM_END,
        .retention_years = years,
        .unverifiable = UNVERIFIABLE_KEEP,
        .dispute_days = 20};
}

static void policy_print(uint32_t version, uint32_t years, char text[POLICY_TEXT_SIZE_MAX])
{
    struct credit_policy policy = policy_of(version, years);
    struct buffer out;
    buffer_init(&out, POLICY_TEXT_SIZE_MAX - 1);
    credit_policy_print(&policy, &out);
    CHECK(!out.failed);
    memcpy(text, out.data, out.size);
    text[out.size] = '\0';
    buffer_close(&out);
}

static enum action_kind kind_of(const json_t *object)
{
    for (uint32_t kind = ACTION_ADMIT_MEMBER; kind <= ACTION_SET_FLAG; kind++)
        if (strcmp(action_name(kind), text_of(object, "kind")) == 0) return (enum action_kind)kind;
    CHECK_UNREACHABLE();
}

static void key_change_of(const json_t *object, struct governance_action *action)
{
    action->key_kind = (enum key_kind)integer_of(object, "key_kind");
    if (action->kind != ACTION_REVOKE_KEY) action->key = key_numbered(integer_of(object, "key"));
    if (action->kind != ACTION_ADD_KEY) action->old_key = key_numbered(integer_of(object, "old_key"));
}

static void parameter_of(const json_t *object, struct governance_action *action)
{
    uint32_t parameter = PARAMETER_BASE_TIMEOUT_MS;
    while (strcmp(parameter_name(parameter), text_of(object, "parameter")) != 0)
        parameter++;
    action->parameter = (enum parameter)parameter;
    action->value = integer_of(object, "value");
}

static void action_of(const json_t *object, struct governance_action *action)
{
    memset(action, 0, sizeof *action);
    action->kind = kind_of(object);
    if (json_object_get(object, "member") != NULL) action->member_id = (uint32_t)integer_of(object, "member");
    switch (action->kind) {
    case ACTION_ADMIT_MEMBER:
        join_of(object, &action->join);
        return;
    case ACTION_SUSPEND_MEMBER:
    case ACTION_RESTORE_MEMBER:
    case ACTION_REMOVE_MEMBER:
        return;
    case ACTION_ADD_KEY:
    case ACTION_ROTATE_KEY:
    case ACTION_REVOKE_KEY:
        key_change_of(object, action);
        return;
    case ACTION_ADD_NODE:
        action->node = node_of(part_of(object, "node"));
        return;
    case ACTION_SET_VALIDATORS:
        choices_of(object, action);
        return;
    case ACTION_SET_POLICY:
        action->policy_version = (uint32_t)integer_of(object, "version");
        policy_print(action->policy_version, (uint32_t)integer_of(object, "years"), policy_text);
        action->policy = span_of(policy_text, strlen(policy_text));
        return;
    case ACTION_SET_PARAMETER:
        parameter_of(object, action);
        return;
    case ACTION_SET_FLAG:
        action->flag = (uint32_t)integer_of(object, "flag");
        action->height = integer_of(object, "height");
        return;
    }
    CHECK_UNREACHABLE();
}

/* ---- Transactions ---- */

/* A checkpoint that this epoch's validators signed, or something like it: one signature too few, one that
 * does not hold, or one by a stranger. */
static void checkpoint_of(const json_t *object, struct certified_checkpoint *ready)
{
    uint32_t quorum = quorum_of(governed.set.count), forgery = (uint32_t)(steps % 3);
    bool certified = bool_of(object, "certified");
    struct digest chain = bool_of(object, "chain") ? block.chain_id : sample_digest("other");
    memset(ready, 0, sizeof *ready);
    ready->checkpoint = (struct checkpoint){.chain_id = chain,
        .epoch = integer_of(object, "epoch"),
        .height = integer_of(object, "height"),
        .time_ms = block.time_ms};
    struct digest digest = checkpoint_digest(&ready->checkpoint);
    if (!certified && forgery == 0) quorum--;
    for (uint32_t i = 0; i < quorum; i++) {
        struct secret_key secret = secret_of(&governed.set.keys[i]);
        if (!certified && forgery == 1 && i == 0) secret = sample_secret(NUMBERS_MAX);
        ready->signers |= 1ull << i;
        signature_make(&secret, &digest, &ready->signatures[i]);
    }
    if (!certified && forgery == 2) ready->signatures[quorum - 1].bytes[5] ^= 1;
}

static void proofs_make(const struct governance_transaction *transaction, struct buffer *out)
{
    const struct public_key *keys[NEW_KEYS_MAX];
    uint32_t count = action_new_keys(&transaction->proposed, keys);
    struct digest digest = action_proof_digest(&block.chain_id, transaction->action);
    for (uint32_t i = 0; i < count; i++) {
        struct signature signature;
        struct secret_key secret = secret_of(keys[i]);
        signature_make(&secret, &digest, &signature);
        buffer_append(out, signature.bytes, SIGNATURE_SIZE);
    }
}

static enum governance_kind transaction_kind_of(const json_t *object)
{
    for (uint32_t kind = GOVERNANCE_PROPOSE; kind <= GOVERNANCE_READY; kind++)
        if (strcmp(governance_kind_name(kind), text_of(object, "kind")) == 0)
            return (enum governance_kind)kind;
    CHECK_UNREACHABLE();
}

struct parts {
    struct buffer action, proofs, body, whole;
};

static void propose_of(const json_t *object, struct governance_transaction *transaction, struct parts *parts)
{
    action_of(part_of(object, "action"), &transaction->proposed);
    action_encode(&transaction->proposed, &parts->action);
    transaction->action = buffer_span(&parts->action);
    transaction->closes_ms = integer_of(object, "closes_ms");
    proofs_make(transaction, &parts->proofs);
    transaction->proofs = buffer_span(&parts->proofs);
}

static void transaction_encode(const json_t *object, struct parts *parts)
{
    struct governance_transaction transaction = {.chain_id = block.chain_id};
    transaction.kind = transaction_kind_of(object);
    transaction.member_id = (uint32_t)integer_of(object, "member");
    transaction.expires_at_ms = integer_of(object, "expires_ms");
    transaction.sequence = integer_of(object, "sequence");
    switch (transaction.kind) {
    case GOVERNANCE_PROPOSE:
        propose_of(object, &transaction, parts);
        break;
    case GOVERNANCE_BALLOT:
        transaction.yes = bool_of(object, "yes");
        CHECK(hex_decode(text_of(object, "proposal"), transaction.proposal.bytes, DIGEST_SIZE) == TALLY_OK);
        break;
    case GOVERNANCE_WITHDRAW:
        CHECK(hex_decode(text_of(object, "proposal"), transaction.proposal.bytes, DIGEST_SIZE) == TALLY_OK);
        break;
    case GOVERNANCE_REVOKE_OWN_KEY:
        transaction.revoked_kind = (enum key_kind)integer_of(object, "revoked_kind");
        transaction.revoked_key = key_numbered(integer_of(object, "revoked"));
        break;
    case GOVERNANCE_READY:
        checkpoint_of(part_of(object, "checkpoint"), &transaction.ready);
        break;
    }
    governance_body_encode(&transaction, &parts->body);
    transaction.body = buffer_span(&parts->body);
    struct public_key key = key_numbered(integer_of(object, "key"));
    struct secret_key secret = secret_of(&key);
    governance_sign(&transaction, &secret);
    governance_encode(&transaction, &parts->whole);
    CHECK(!parts->whole.failed);
}

/* ---- Lines ---- */

static int differs(const char *line, const char *what, const char *found)
{
    printf("the rules and the model differ: %s, at step %lu: found %s\n%s\n", what, steps, found, line);
    return 1;
}

static int root_compare(const json_t *object, const char *line)
{
    struct digest root;
    char text[2 * DIGEST_SIZE + 1];
    CHECK(register_root(&governed, &root) == TALLY_OK);
    hex_encode(span_of(root.bytes, DIGEST_SIZE), text);
    return strcmp(text, text_of(object, "root")) == 0 ? 0 : differs(line, "the register's root", text);
}

static int play_transaction(const json_t *object, const char *line)
{
    static struct governance_transaction decoded;
    struct parts parts;
    struct arena arena;
    struct event_result result;
    char detail[2 * RESULT_DETAIL_SIZE_MAX + 1];
    buffer_init(&parts.action, ACTION_SIZE_MAX);
    buffer_init(&parts.proofs, NEW_KEYS_MAX * SIGNATURE_SIZE);
    buffer_init(&parts.body, GOVERNANCE_SIZE_MAX);
    buffer_init(&parts.whole, GOVERNANCE_SIZE_MAX);
    arena_init(&arena, GOVERNANCE_ARENA_BUDGET);
    steps++;
    transaction_encode(part_of(object, "transaction"), &parts);
    if (governance_decode(buffer_span(&parts.whole), &arena, &decoded) != TALLY_OK)
        return differs(line, "its form", "none");
    CHECK(governance_check(&decoded, &block.chain_id) == TALLY_OK);
    CHECK(governance_apply(&governed, &block, &decoded, &result) == TALLY_OK);
    hex_encode(span_of(result.detail, result.detail_size), detail);
    arena_close(&arena);
    buffer_close(&parts.action);
    buffer_close(&parts.proofs);
    buffer_close(&parts.body);
    buffer_close(&parts.whole);
    if (result.code != integer_of(object, "code"))
        return differs(line, "the ruling", ruling_name(result.code));
    if (strcmp(detail, text_of(object, "detail")) != 0) return differs(line, "the detail", detail);
    return root_compare(object, line);
}

static void nodes_found(const json_t *object, const char *name, struct genesis_node *nodes, uint32_t *count)
{
    const json_t *list = part_of(object, name);
    *count = (uint32_t)json_array_size(list);
    for (uint32_t i = 0; i < *count; i++) {
        const json_t *node = json_array_get(list, i);
        nodes[i] = (struct genesis_node){
            .member_id = (uint32_t)integer_of(node, "member"), .key = key_numbered(integer_of(node, "key"))};
        text_copy(node, "name", NAME_SIZE_MAX, nodes[i].name);
    }
}

static int play_world(const json_t *line_object, const char *line)
{
    const json_t *object = part_of(line_object, "genesis"), *members = part_of(object, "members");
    memset(&genesis, 0, sizeof genesis);
    text_copy(object, "network", NAME_SIZE_MAX, genesis.network);
    genesis.policy = policy_of(1, 5);
    genesis.base_timeout_ms = (uint32_t)integer_of(object, "base_timeout_ms");
    genesis.heartbeat_ms = (uint32_t)integer_of(object, "heartbeat_ms");
    genesis.member_count = (uint32_t)json_array_size(members);
    for (uint32_t i = 0; i < genesis.member_count; i++) {
        const json_t *from = json_array_get(members, i);
        struct genesis_member *member = &genesis.members[i];
        member->id = (uint32_t)integer_of(from, "id");
        member->role = (enum member_role)integer_of(from, "role");
        text_copy(from, "name", NAME_SIZE_MAX, member->name);
        member->key_count = keys_of(from, "signing", member->keys, KEYS_PER_MEMBER_MAX);
        member->ballot_key_count = keys_of(from, "ballot", member->ballot_keys, KEYS_PER_MEMBER_MAX);
    }
    nodes_found(object, "validators", genesis.validators, &genesis.validator_count);
    nodes_found(object, "observers", genesis.observers, &genesis.observer_count);
    CHECK(register_from_genesis(&genesis, &governed) == TALLY_OK);
    block = (struct governance_block){.chain_id = sample_digest("chain")};
    return root_compare(line_object, line);
}

/* What is written of it reads as the same. */
static void register_round_trip(void)
{
    static struct member_register again;
    struct buffer bytes, bytes_again;
    buffer_init(&bytes, REGISTER_SIZE_MAX);
    buffer_init(&bytes_again, REGISTER_SIZE_MAX);
    register_encode(&governed, &bytes);
    CHECK(register_decode(buffer_span(&bytes), &again) == TALLY_OK);
    register_encode(&again, &bytes_again);
    CHECK(span_equal(buffer_span(&bytes), buffer_span(&bytes_again)));
    buffer_close(&bytes);
    buffer_close(&bytes_again);
}

static int play_end(const json_t *object, const char *line)
{
    struct validator_set next;
    struct digest hash;
    bool changed, sealed = bool_of(object, "end");
    if (sealed) {
        CHECK(register_wants_epoch(&governed, &next));
        hash = validator_set_hash(&next);
    }
    CHECK(governance_end(&governed, &block, sealed ? &hash : NULL, &changed) == TALLY_OK);
    register_round_trip();
    return root_compare(object, line);
}

static int play(const json_t *object, const char *line)
{
    const json_t *begin = json_object_get(object, "begin");
    if (json_object_get(object, "world") != NULL) return play_world(object, line);
    if (json_object_get(object, "transaction") != NULL) return play_transaction(object, line);
    if (json_object_get(object, "end") != NULL) return play_end(object, line);
    CHECK(json_array_size(begin) == 2);
    block.height = (uint64_t)json_integer_value(json_array_get(begin, 0));
    block.time_ms = (uint64_t)json_integer_value(json_array_get(begin, 1));
    (void)governance_begin(&governed, &block);
    return 0;
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    int status = 0;
    while (status == 0 && getline(&line, &capacity, stdin) > 0) {
        json_error_t error;
        json_t *object = json_loads(line, 0, &error);
        CHECK(object != NULL);
        status = play(object, line);
        json_decref(object);
    }
    free(line);
    if (status == 0) printf("%lu steps, no difference\n", steps);
    return status != 0 || steps == 0;
}
