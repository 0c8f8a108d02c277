#include "proto/codec/governance_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/governance_json_make.h"

/* The longest that is written as one value: a register's keys go one by one. */
#define HEX_SIZE_MAX 64u

/* ---- Values ---- */

json_t *hex_json(const void *bytes, size_t size)
{
    char text[2 * HEX_SIZE_MAX + 1];
    CHECK(size <= HEX_SIZE_MAX);
    hex_encode(span_of(bytes, size), text);
    return json_string(text);
}

json_t *keys_json_make(const struct public_key *keys, uint32_t count, struct buffer *out)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++)
        strict_append(out, list, hex_json(keys[i].bytes, PUBLIC_KEY_SIZE));
    return list;
}

json_t *policy_text_json(struct span text)
{
    return json_loadb((const char *)text.data, text.size, 0, NULL);
}

static json_t *new_node_json(const struct new_node *node)
{
    return json_pack("{s:s, s:s, s:o, s:b}", "name", node->name, "address", node->address, "key",
        hex_json(node->key.bytes, PUBLIC_KEY_SIZE), "validator", node->validator ? 1 : 0);
}

static json_t *new_nodes_json(const struct join *join, struct buffer *out)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < join->node_count; i++)
        strict_append(out, list, new_node_json(&join->nodes[i]));
    return list;
}

static json_t *join_json(const struct join *join, struct buffer *out)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "network", join->network, "name", join->name,
        "kind", join->kind, "licence", join->licence, "role", member_role_name((uint32_t)join->role),
        "signing_keys", keys_json_make(join->signing_keys, join->signing_key_count, out), "ballot_keys",
        keys_json_make(join->ballot_keys, join->ballot_key_count, out), "nodes", new_nodes_json(join, out));
}

/* ---- Actions ---- */

static json_t *key_change_json(const struct governance_action *action)
{
    json_t *root = json_pack("{s:I, s:s}", "member", (json_int_t)action->member_id, "kind",
        key_kind_name((uint32_t)action->key_kind));
    if (action->kind != ACTION_REVOKE_KEY)
        (void)json_object_set_new(root, "key", hex_json(action->key.bytes, PUBLIC_KEY_SIZE));
    if (action->kind != ACTION_ADD_KEY)
        (void)json_object_set_new(root, "old_key", hex_json(action->old_key.bytes, PUBLIC_KEY_SIZE));
    return root;
}

static json_t *choices_json(const struct governance_action *action, struct buffer *out)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < action->choice_count; i++)
        strict_append(out, list,
            json_pack("{s:I, s:b}", "node", (json_int_t)action->choices[i].node_id, "validator",
                action->choices[i].validator ? 1 : 0));
    return json_pack("{s:o}", "nodes", list);
}

static json_t *fields_json(const struct governance_action *action, struct buffer *out)
{
    switch (action->kind) {
    case ACTION_ADMIT_MEMBER:
        return join_json(&action->join, out);
    case ACTION_SUSPEND_MEMBER:
    case ACTION_RESTORE_MEMBER:
    case ACTION_REMOVE_MEMBER:
        return json_pack("{s:I}", "member", (json_int_t)action->member_id);
    case ACTION_ADD_KEY:
    case ACTION_ROTATE_KEY:
    case ACTION_REVOKE_KEY:
        return key_change_json(action);
    case ACTION_ADD_NODE:
        return json_pack(
            "{s:I, s:o}", "member", (json_int_t)action->member_id, "node", new_node_json(&action->node));
    case ACTION_SET_VALIDATORS:
        return choices_json(action, out);
    case ACTION_SET_POLICY:
        return json_pack("{s:o}", "policy", policy_text_json(action->policy));
    case ACTION_SET_PARAMETER:
        return json_pack("{s:s, s:I}", "parameter", parameter_name((uint32_t)action->parameter), "value",
            (json_int_t)action->value);
    case ACTION_SET_FLAG:
        return json_pack(
            "{s:I, s:I}", "flag", (json_int_t)action->flag, "height", (json_int_t)action->height);
    }
    CHECK_UNREACHABLE();
}

json_t *action_json_make(const struct governance_action *action, struct buffer *out)
{
    json_t *root = json_pack("{s:s}", "action", action_name((uint32_t)action->kind));
    json_t *fields = fields_json(action, out);
    if (fields == NULL || json_object_update(root, fields) != 0) out->failed = true;
    json_decref(fields);
    return root;
}

void action_print(const struct governance_action *action, struct buffer *out)
{
    strict_print(out, action_json_make(action, out));
}

void join_file_print(const struct governance_action *action, struct span proofs, struct buffer *out)
{
    CHECK(action->kind == ACTION_ADMIT_MEMBER && proofs.size % SIGNATURE_SIZE == 0);
    json_t *root = join_json(&action->join, out), *list = json_array();
    for (size_t at = 0; at < proofs.size; at += SIGNATURE_SIZE)
        strict_append(out, list, hex_json(proofs.data + at, SIGNATURE_SIZE));
    if (json_object_set_new(root, "proofs", list) != 0) out->failed = true;
    strict_print(out, root);
}

/* ---- Reading a join file. What a text must be like, the action's decoder says. ---- */

static int read_text(
    struct strict_json *json, const json_t *object, const char *key, size_t size_max, char *to)
{
    const json_t *text = json_object_get(object, key);
    size_t size = json_string_length(text);
    if (!json_is_string(text)) return strict_refuse(json, TALLY_EFORM, "\"%s\" is not a string", key);
    if (size > size_max)
        return strict_refuse(json, TALLY_EFORM, "\"%s\" is longer than %zu bytes", key, size_max);
    memcpy(to, json_string_value(text), size + 1);
    return TALLY_OK;
}

static int read_hex(struct strict_json *json, const json_t *value, const char *what, uint8_t *to, size_t size)
{
    const char *text = json_string_value(value);
    if (text != NULL && hex_decode(text, to, size) == TALLY_OK) return TALLY_OK;
    return strict_refuse(json, TALLY_EFORM, "not a %s (%zu bytes in hexadecimal)", what, size);
}

static int read_keys(struct strict_json *json, const json_t *object, const char *name, size_t min,
    struct public_key keys[JOIN_KEYS_MAX], uint32_t *count)
{
    const json_t *list = json_object_get(object, name);
    int error = strict_list(json, list, name, min, JOIN_KEYS_MAX);
    for (size_t i = 0; error == TALLY_OK && i < json_array_size(list); i++)
        error = read_hex(json, json_array_get(list, i), "public key", keys[i].bytes, PUBLIC_KEY_SIZE);
    if (error == TALLY_OK) *count = (uint32_t)json_array_size(list);
    return error;
}

static int read_node(struct strict_json *json, const json_t *object, struct new_node *node)
{
    static const char *const keys[] = {"name", "address", "key", "validator", NULL};
    int error = strict_keys(json, object, keys);
    if (error == TALLY_OK) error = read_text(json, object, "name", NAME_SIZE_MAX, node->name);
    if (error == TALLY_OK)
        error = read_text(json, object, "address", REGISTER_ADDRESS_SIZE_MAX, node->address);
    if (error == TALLY_OK)
        error =
            read_hex(json, json_object_get(object, "key"), "public key", node->key.bytes, PUBLIC_KEY_SIZE);
    return error == TALLY_OK ? strict_flag(json, object, "validator", &node->validator) : error;
}

static int read_nodes(struct strict_json *json, const json_t *object, struct join *join)
{
    const json_t *list = json_object_get(object, "nodes");
    int error = strict_list(json, list, "nodes", 1, JOIN_NODES_MAX);
    for (size_t i = 0; error == TALLY_OK && i < json_array_size(list); i++) {
        (void)snprintf(json->where, sizeof json->where, "nodes[%zu]", i);
        error = read_node(json, json_array_get(list, i), &join->nodes[i]);
    }
    if (error != TALLY_OK) return error;
    json->where[0] = '\0';
    join->node_count = (uint32_t)json_array_size(list);
    return TALLY_OK;
}

static int read_role(struct strict_json *json, const json_t *object, struct join *join)
{
    const char *text = json_string_value(json_object_get(object, "role"));
    join->role = text == NULL ? 0 : (enum member_role)member_role_by_name(text);
    if (join->role != 0) return TALLY_OK;
    return strict_refuse(json, TALLY_EFORM, "\"role\" is not lender, bureau, regulator or operator");
}

static int read_join(struct strict_json *json, const json_t *object, struct join *join)
{
    static const char *const keys[] = {
        "network", "name", "kind", "licence", "role", "signing_keys", "ballot_keys", "nodes", "proofs", NULL};
    int error = strict_keys(json, object, keys);
    if (error == TALLY_OK) error = read_text(json, object, "network", NAME_SIZE_MAX, join->network);
    if (error == TALLY_OK) error = read_text(json, object, "name", NAME_SIZE_MAX, join->name);
    if (error == TALLY_OK) error = read_text(json, object, "kind", REGISTER_KIND_SIZE_MAX, join->kind);
    if (error == TALLY_OK) error = read_text(json, object, "licence", NAME_SIZE_MAX, join->licence);
    if (error == TALLY_OK) error = read_role(json, object, join);
    if (error == TALLY_OK)
        error = read_keys(json, object, "signing_keys", 0, join->signing_keys, &join->signing_key_count);
    if (error == TALLY_OK)
        error = read_keys(json, object, "ballot_keys", 1, join->ballot_keys, &join->ballot_key_count);
    return error == TALLY_OK ? read_nodes(json, object, join) : error;
}

static int read_proofs(struct strict_json *json, const json_t *object, struct buffer *proofs)
{
    const json_t *list = json_object_get(object, "proofs");
    uint8_t proof[SIGNATURE_SIZE];
    int error = strict_list(json, list, "proofs", 1, NEW_KEYS_MAX);
    for (size_t i = 0; error == TALLY_OK && i < json_array_size(list); i++) {
        error = read_hex(json, json_array_get(list, i), "signature", proof, SIGNATURE_SIZE);
        if (error == TALLY_OK) buffer_append(proofs, proof, SIGNATURE_SIZE);
    }
    return error == TALLY_OK && proofs->failed ? TALLY_ENOMEM : error;
}

/* The fields once more as what is signed, which is also what tells whether they are well-formed. */
static int check_join(struct strict_json *json, const struct digest *chain_id,
    const struct governance_action *read, struct governance_action *action, struct buffer *action_bytes,
    const struct buffer *proofs)
{
    struct arena arena;
    action_encode(read, action_bytes);
    if (action_bytes->failed) return strict_refuse(json, TALLY_ENOMEM, "no memory");
    arena_init(&arena, GOVERNANCE_ARENA_BUDGET);
    int error = action_decode(buffer_span(action_bytes), &arena, action);
    arena_close(&arena);
    if (error != TALLY_OK)
        return strict_refuse(json, error, "a name, an address or a key is not what it should be");
    error = action_proofs_check(action, chain_id, buffer_span(action_bytes), buffer_span(proofs));
    if (error != TALLY_OK)
        return strict_refuse(json, error, "a proof fails: the file was altered, or made for another chain");
    return TALLY_OK;
}

int join_file_parse(struct span text, const struct digest *chain_id, struct governance_action *action,
    struct buffer *action_bytes, struct buffer *proofs, char *why, size_t why_size)
{
    struct strict_json json = {.why = why, .why_size = why_size};
    struct governance_action read = {.kind = ACTION_ADMIT_MEMBER};
    json_t *root;
    int error = strict_load(&json, text, &root);
    if (error != TALLY_OK) return error;
    error = read_join(&json, root, &read.join);
    if (error == TALLY_OK) error = read_proofs(&json, root, proofs);
    json_decref(root);
    return error == TALLY_OK ? check_join(&json, chain_id, &read, action, action_bytes, proofs) : error;
}
