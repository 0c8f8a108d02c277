/* Genesis as JSON: strict when read, so that a misspelt parameter is an error and never a default. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/genesis.h"
#include "proto/codec/policy_json.h"
#include "proto/codec/register.h"
#include "proto/crypto/signature.h"

#define BASE_TIMEOUT_MS_MAX 30000
#define HEARTBEAT_MS_MAX 86400000

struct parse {
    struct strict_json json;
    struct genesis *genesis;
};

static int read_key(struct parse *parse, const json_t *value, struct public_key *key)
{
    struct verify_key parsed;
    const char *text = json_string_value(value);
    if (text == NULL || hex_decode(text, key->bytes, PUBLIC_KEY_SIZE) != TALLY_OK ||
        verify_key_parse(key, &parsed) != TALLY_OK)
        return strict_refuse(&parse->json, TALLY_EFORM, "not a public key (33 bytes in hexadecimal)");
    return TALLY_OK;
}

static int read_role(struct parse *parse, const json_t *object, enum member_role *role)
{
    const char *text = json_string_value(json_object_get(object, "role"));
    *role = text == NULL ? 0 : (enum member_role)member_role_by_name(text);
    if (*role != 0) return TALLY_OK;
    return strict_refuse(&parse->json, TALLY_EFORM, "\"role\" is not lender, bureau, regulator or operator");
}

static int read_keys(struct parse *parse, const json_t *object, const char *name,
    struct public_key keys[KEYS_PER_MEMBER_MAX], uint32_t *count)
{
    const json_t *list = json_object_get(object, name);
    int error = strict_list(&parse->json, list, name, 0, KEYS_PER_MEMBER_MAX);
    for (size_t i = 0; error == TALLY_OK && i < json_array_size(list); i++)
        error = read_key(parse, json_array_get(list, i), &keys[i]);
    if (error == TALLY_OK) *count = (uint32_t)json_array_size(list);
    return error;
}

static int refuse_number(struct parse *parse, const char *name)
{
    if (!name_is_number(name)) return TALLY_OK;
    return strict_refuse(&parse->json, TALLY_EFORM, "\"name\" is a number, as ids are");
}

static int read_member(
    struct parse *parse, const json_t *object, uint32_t id_min, struct genesis_member *member)
{
    static const char *const keys[] = {"id", "name", "kind", "licence", "role", "keys", "ballot_keys", NULL};
    int error = strict_keys(&parse->json, object, keys);
    if (error == TALLY_OK)
        error = strict_u32(&parse->json, object, "id", id_min, UINT32_MAX - 1, &member->id);
    if (error == TALLY_OK) error = strict_title(&parse->json, object, "name", NAME_SIZE_MAX, member->name);
    if (error == TALLY_OK) error = refuse_number(parse, member->name);
    if (error == TALLY_OK)
        error = strict_title(&parse->json, object, "kind", REGISTER_KIND_SIZE_MAX, member->kind);
    if (error == TALLY_OK)
        error = strict_title_or_none(&parse->json, object, "licence", NAME_SIZE_MAX, member->licence);
    if (error == TALLY_OK) error = read_role(parse, object, &member->role);
    if (error == TALLY_OK) error = read_keys(parse, object, "keys", member->keys, &member->key_count);
    if (error == TALLY_OK)
        error = read_keys(parse, object, "ballot_keys", member->ballot_keys, &member->ballot_key_count);
    return error;
}

static int read_members(struct parse *parse, const json_t *root)
{
    struct genesis *genesis = parse->genesis;
    const json_t *members = json_object_get(root, "members");
    uint32_t id_min = 1;
    int error = strict_list(&parse->json, members, "members", 1, MEMBERS_MAX);
    if (error != TALLY_OK) return error;
    genesis->member_count = (uint32_t)json_array_size(members);
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        (void)snprintf(parse->json.where, sizeof parse->json.where, "members[%u]", i);
        error = read_member(parse, json_array_get(members, i), id_min, &genesis->members[i]);
        if (error != TALLY_OK) return error;
        id_min = genesis->members[i].id + 1;
    }
    parse->json.where[0] = '\0';
    return TALLY_OK;
}

static int read_address(struct parse *parse, const json_t *object, char *address)
{
    int error = strict_title(&parse->json, object, "address", REGISTER_ADDRESS_SIZE_MAX, address);
    if (error != TALLY_OK || address_is_sound(address)) return error;
    return strict_refuse(&parse->json, TALLY_EFORM, "\"address\" is not HOST:PORT");
}

static int read_node(struct parse *parse, const json_t *object, struct genesis_node *node)
{
    static const char *const keys[] = {"name", "member", "address", "key", NULL};
    int error = strict_keys(&parse->json, object, keys);
    if (error == TALLY_OK) error = strict_word(&parse->json, object, "name", NAME_SIZE_MAX, node->name);
    if (error == TALLY_OK) error = refuse_number(parse, node->name);
    if (error == TALLY_OK)
        error = strict_u32(&parse->json, object, "member", 1, UINT32_MAX - 1, &node->member_id);
    if (error == TALLY_OK) error = read_address(parse, object, node->address);
    if (error == TALLY_OK) error = read_key(parse, json_object_get(object, "key"), &node->key);
    if (error == TALLY_OK && genesis_member_by_id(parse->genesis, node->member_id) == NULL)
        error = strict_refuse(&parse->json, TALLY_EFORM, "member %u is not in \"members\"", node->member_id);
    return error;
}

static int read_nodes(struct parse *parse, const json_t *root, const char *key, uint32_t min, uint32_t max,
    struct genesis_node *nodes, uint32_t *count)
{
    const json_t *array = json_object_get(root, key);
    int error = strict_list(&parse->json, array, key, min, max);
    if (error != TALLY_OK) return error;
    for (uint32_t i = 0; i < json_array_size(array); i++) {
        (void)snprintf(parse->json.where, sizeof parse->json.where, "%s[%u]", key, i);
        error = read_node(parse, json_array_get(array, i), &nodes[i]);
        if (error != TALLY_OK) return error;
    }
    *count = (uint32_t)json_array_size(array);
    parse->json.where[0] = '\0';
    return TALLY_OK;
}

static const struct genesis_node *node_at(const struct genesis *genesis, uint32_t index)
{
    return index < genesis->validator_count ? &genesis->validators[index]
                                            : &genesis->observers[index - genesis->validator_count];
}

static uint32_t member_key_count(const struct genesis_member *member)
{
    return member->key_count + member->ballot_key_count;
}

/* Its signing keys, and behind them its ballot keys. */
static const struct public_key *member_key_at(const struct genesis_member *member, uint32_t index)
{
    return index < member->key_count ? &member->keys[index] : &member->ballot_keys[index - member->key_count];
}

/* Whether a member before `member`, or the same one before `k`, has this key. */
static bool member_key_is_taken(
    const struct genesis *genesis, uint32_t member, uint32_t k, const struct public_key *key)
{
    for (uint32_t i = 0; i <= member && i < genesis->member_count; i++)
        for (uint32_t j = 0; j < (i == member ? k : member_key_count(&genesis->members[i])); j++)
            if (public_key_equal(member_key_at(&genesis->members[i], j), key)) return true;
    return false;
}

/* One key, one work: no key stands twice, be it for signing, for ballots or for a node. Names are unique as
 * well. */
static int check_unique(struct parse *parse)
{
    const struct genesis *genesis = parse->genesis;
    uint32_t nodes = genesis->validator_count + genesis->observer_count;
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        const struct genesis_member *member = &genesis->members[i];
        for (uint32_t k = 0; k < member_key_count(member); k++)
            if (member_key_is_taken(genesis, i, k, member_key_at(member, k)))
                return strict_refuse(
                    &parse->json, TALLY_EFORM, "member %u has a key that stands twice", member->id);
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(member->name, genesis->members[j].name) == 0)
                return strict_refuse(&parse->json, TALLY_EFORM, "two members are named \"%s\"", member->name);
    }
    for (uint32_t i = 0; i < nodes; i++) {
        const struct genesis_node *node = node_at(genesis, i);
        if (member_key_is_taken(genesis, genesis->member_count, 0, &node->key))
            return strict_refuse(&parse->json, TALLY_EFORM, "node %s has a member's own key", node->name);
        for (uint32_t j = 0; j < i; j++) {
            if (public_key_equal(&node->key, &node_at(genesis, j)->key))
                return strict_refuse(&parse->json, TALLY_EFORM, "node %s has another node's key", node->name);
            if (strcmp(node->name, node_at(genesis, j)->name) == 0)
                return strict_refuse(&parse->json, TALLY_EFORM, "two nodes are named \"%s\"", node->name);
        }
    }
    return TALLY_OK;
}

/* Every network has a register, from its first block on. */
static int check_register(struct parse *parse)
{
    struct member_register *made = malloc(sizeof *made);
    if (made == NULL) return TALLY_ENOMEM;
    int error = register_from_genesis(parse->genesis, made);
    free(made);
    if (error == TALLY_EINVALID)
        return strict_refuse(&parse->json, TALLY_EFORM,
            "no member has a ballot key, so that nobody could ever change this network");
    if (error == TALLY_ELIMIT)
        return strict_refuse(
            &parse->json, error, "more keys in all than %u, or a policy too long", REGISTER_KEYS_MAX);
    return error;
}

static int read_genesis(struct parse *parse, const json_t *root)
{
    static const char *const keys[] = {"network", "created_ms", "open_reads", "base_timeout_ms",
        "heartbeat_ms", "policy", "members", "validators", "observers", NULL};
    struct genesis *genesis = parse->genesis;
    int64_t created_ms = 0;
    int error = strict_keys(&parse->json, root, keys);
    if (error == TALLY_OK)
        error = strict_word(&parse->json, root, "network", NAME_SIZE_MAX, genesis->network);
    if (error == TALLY_OK)
        error = strict_integer(&parse->json, root, "created_ms", 1, TIME_MS_MAX, &created_ms);
    if (error == TALLY_OK)
        error = strict_u32(
            &parse->json, root, "base_timeout_ms", 1, BASE_TIMEOUT_MS_MAX, &genesis->base_timeout_ms);
    if (error == TALLY_OK)
        error = strict_u32(&parse->json, root, "heartbeat_ms", 0, HEARTBEAT_MS_MAX, &genesis->heartbeat_ms);
    if (error == TALLY_OK) error = strict_flag(&parse->json, root, "open_reads", &genesis->open_reads);
    if (error == TALLY_OK)
        error = policy_json_read(&parse->json, json_object_get(root, "policy"), &genesis->policy);
    if (error == TALLY_OK) error = read_members(parse, root);
    if (error == TALLY_OK)
        error = read_nodes(parse, root, "validators", VALIDATORS_MIN, VALIDATORS_MAX, genesis->validators,
            &genesis->validator_count);
    if (error == TALLY_OK)
        error = read_nodes(
            parse, root, "observers", 0, OBSERVERS_MAX, genesis->observers, &genesis->observer_count);
    if (error == TALLY_OK) error = check_unique(parse);
    if (error == TALLY_OK) error = check_register(parse);
    genesis->created_ms = (uint64_t)created_ms;
    return error;
}

int genesis_parse(struct span text, struct genesis *genesis, char *why, size_t why_size)
{
    struct parse parse = {.json = {.why = why, .why_size = why_size}, .genesis = genesis};
    json_t *root;
    *genesis = (struct genesis){0};
    int error = strict_load(&parse.json, text, &root);
    if (error != TALLY_OK) return error;
    error = read_genesis(&parse, root);
    json_decref(root);
    if (error == TALLY_OK) genesis_identify(genesis);
    return error;
}

static json_t *key_json(const struct public_key *key)
{
    char text[2 * PUBLIC_KEY_SIZE + 1];
    hex_encode(span_of(key->bytes, PUBLIC_KEY_SIZE), text);
    return json_string(text);
}

static json_t *keys_json(struct buffer *out, const struct public_key *keys, uint32_t count)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++)
        strict_append(out, list, key_json(&keys[i]));
    return list;
}

static json_t *members_json(struct buffer *out, const struct genesis *genesis)
{
    json_t *members = json_array();
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        const struct genesis_member *member = &genesis->members[i];
        strict_append(out, members,
            json_pack("{s:I, s:s, s:s, s:s, s:s, s:o, s:o}", "id", (json_int_t)member->id, "name",
                member->name, "kind", member->kind, "licence", member->licence, "role",
                member_role_name((uint32_t)member->role), "keys",
                keys_json(out, member->keys, member->key_count), "ballot_keys",
                keys_json(out, member->ballot_keys, member->ballot_key_count)));
    }
    return members;
}

static json_t *nodes_json(struct buffer *out, const struct genesis_node *nodes, uint32_t count)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++)
        strict_append(out, array,
            json_pack("{s:s, s:I, s:s, s:o}", "name", nodes[i].name, "member", (json_int_t)nodes[i].member_id,
                "address", nodes[i].address, "key", key_json(&nodes[i].key)));
    return array;
}

void genesis_print(const struct genesis *genesis, struct buffer *out)
{
    strict_print(out,
        json_pack("{s:s, s:I, s:b, s:I, s:I, s:o, s:o, s:o, s:o}", "network", genesis->network, "created_ms",
            (json_int_t)genesis->created_ms, "open_reads", genesis->open_reads ? 1 : 0, "base_timeout_ms",
            (json_int_t)genesis->base_timeout_ms, "heartbeat_ms", (json_int_t)genesis->heartbeat_ms, "policy",
            policy_json_make(&genesis->policy, out), "members", members_json(out, genesis), "validators",
            nodes_json(out, genesis->validators, genesis->validator_count), "observers",
            nodes_json(out, genesis->observers, genesis->observer_count)));
}
