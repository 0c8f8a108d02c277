/* Genesis as JSON: strict when read, so that a misspelt parameter is an error and never a default. */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "proto/base/check.h"
#include "proto/codec/genesis.h"
#include "proto/crypto/signature.h"

#define JSON_SIZE_MAX (1u * MIB)
#define CREATED_MS_MAX 253402300799999 /* the end of the year 9999 */
#define BASE_TIMEOUT_MS_MAX 30000
#define HEARTBEAT_MS_MAX 86400000
#define WHERE_SIZE 96

/* Where in the file the parser is, and its one sentence of complaint. */
struct parse {
    struct genesis *genesis;
    char *why;
    size_t why_size;
    char where[WHERE_SIZE];
};

__attribute__((format(printf, 3, 4))) static int refuse(
    struct parse *parse, int error, const char *format, ...)
{
    char what[160];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(
        parse->why, parse->why_size, "%s%s%s", parse->where, parse->where[0] != '\0' ? ": " : "", what);
    return error;
}

/* Every key of `object` must be one of `keys` (ended by NULL), and every one of those must be there. */
static int check_keys(struct parse *parse, const json_t *object, const char *const keys[])
{
    const char *key;
    json_t *value;
    if (!json_is_object(object)) return refuse(parse, TALLY_EFORM, "not an object");
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        bool known = false;
        for (size_t i = 0; keys[i] != NULL; i++)
            known = known || strcmp(keys[i], key) == 0;
        if (!known) return refuse(parse, TALLY_EFORM, "unknown key \"%.40s\"", key);
    }
    for (size_t i = 0; keys[i] != NULL; i++)
        if (json_object_get(object, keys[i]) == NULL) return refuse(parse, TALLY_EFORM, "no \"%s\"", keys[i]);
    return TALLY_OK;
}

static int read_integer(
    struct parse *parse, const json_t *object, const char *key, int64_t min, int64_t max, int64_t *value)
{
    const json_t *number = json_object_get(object, key);
    if (!json_is_integer(number)) return refuse(parse, TALLY_EFORM, "\"%s\" is not a whole number", key);
    int64_t read = json_integer_value(number);
    if (read < min || read > max)
        return refuse(
            parse, TALLY_EFORM, "\"%s\" is not within %lld and %lld", key, (long long)min, (long long)max);
    *value = read;
    return TALLY_OK;
}

static int read_u32(
    struct parse *parse, const json_t *object, const char *key, uint32_t min, uint32_t max, uint32_t *value)
{
    int64_t read;
    int error = read_integer(parse, object, key, min, max, &read);
    if (error == TALLY_OK) *value = (uint32_t)read;
    return error;
}

/* A word names files and logs; a title is for people and may have spaces and any letters, but no control
 * characters. */
static int read_name(
    struct parse *parse, const json_t *object, const char *key, bool is_word, char to[NAME_SIZE_MAX + 1])
{
    const json_t *text = json_object_get(object, key);
    if (!json_is_string(text)) return refuse(parse, TALLY_EFORM, "\"%s\" is not a string", key);
    const char *from = json_string_value(text);
    size_t size = json_string_length(text);
    if (size == 0 || size > NAME_SIZE_MAX)
        return refuse(parse, TALLY_EFORM, "\"%s\" is not of 1 to %d bytes", key, NAME_SIZE_MAX);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)from[i];
        bool in_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       (i > 0 && (c == '-' || c == '_' || c == '.'));
        if (c < 0x20 || c == 0x7F || (is_word && !in_word))
            return refuse(parse, TALLY_EFORM, "\"%s\" has a character that is not allowed", key);
    }
    memcpy(to, from, size);
    to[size] = '\0';
    return TALLY_OK;
}

static int read_key(struct parse *parse, const json_t *value, struct public_key *key)
{
    struct verify_key parsed;
    const char *text = json_string_value(value);
    if (text == NULL || hex_decode(text, key->bytes, PUBLIC_KEY_SIZE) != TALLY_OK ||
        verify_key_parse(key, &parsed) != TALLY_OK)
        return refuse(parse, TALLY_EFORM, "not a public key (33 bytes in hexadecimal)");
    return TALLY_OK;
}

static int read_role(struct parse *parse, const json_t *object, enum member_role *role)
{
    const char *text = json_string_value(json_object_get(object, "role"));
    for (uint32_t i = ROLE_LENDER; text != NULL && i <= ROLE_OPERATOR; i++) {
        if (strcmp(member_role_name(i), text) != 0) continue;
        *role = (enum member_role)i;
        return TALLY_OK;
    }
    return refuse(parse, TALLY_EFORM, "\"role\" is not lender, bureau, regulator or operator");
}

static int check_array(struct parse *parse, const json_t *array, const char *key, size_t min, size_t max)
{
    if (!json_is_array(array)) return refuse(parse, TALLY_EFORM, "\"%s\" is not a list", key);
    size_t count = json_array_size(array);
    if (count < min || count > max)
        return refuse(parse, TALLY_ELIMIT, "\"%s\" has %zu entries, not %zu to %zu", key, count, min, max);
    return TALLY_OK;
}

static int read_member_keys(struct parse *parse, const json_t *object, struct genesis_member *member)
{
    const json_t *keys = json_object_get(object, "keys");
    int error = check_array(parse, keys, "keys", 0, KEYS_PER_MEMBER_MAX);
    for (size_t i = 0; error == TALLY_OK && i < json_array_size(keys); i++)
        error = read_key(parse, json_array_get(keys, i), &member->keys[i]);
    if (error == TALLY_OK) member->key_count = (uint32_t)json_array_size(keys);
    return error;
}

static int read_member(
    struct parse *parse, const json_t *object, uint32_t id_min, struct genesis_member *member)
{
    static const char *const keys[] = {"id", "name", "role", "keys", NULL};
    int error = check_keys(parse, object, keys);
    if (error == TALLY_OK) error = read_u32(parse, object, "id", id_min, UINT32_MAX - 1, &member->id);
    if (error == TALLY_OK) error = read_name(parse, object, "name", false, member->name);
    if (error == TALLY_OK) error = read_role(parse, object, &member->role);
    if (error == TALLY_OK) error = read_member_keys(parse, object, member);
    return error;
}

static int read_members(struct parse *parse, const json_t *root)
{
    struct genesis *genesis = parse->genesis;
    const json_t *members = json_object_get(root, "members");
    uint32_t id_min = 1;
    int error = check_array(parse, members, "members", 1, MEMBERS_MAX);
    if (error != TALLY_OK) return error;
    genesis->member_count = (uint32_t)json_array_size(members);
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        (void)snprintf(parse->where, sizeof parse->where, "members[%u]", i);
        error = read_member(parse, json_array_get(members, i), id_min, &genesis->members[i]);
        if (error != TALLY_OK) return error;
        id_min = genesis->members[i].id + 1;
    }
    parse->where[0] = '\0';
    return TALLY_OK;
}

static int read_node(struct parse *parse, const json_t *object, struct genesis_node *node)
{
    static const char *const keys[] = {"name", "member", "key", NULL};
    int error = check_keys(parse, object, keys);
    if (error == TALLY_OK) error = read_name(parse, object, "name", true, node->name);
    if (error == TALLY_OK) error = read_u32(parse, object, "member", 1, UINT32_MAX - 1, &node->member_id);
    if (error == TALLY_OK) error = read_key(parse, json_object_get(object, "key"), &node->key);
    if (error == TALLY_OK && genesis_member_by_id(parse->genesis, node->member_id) == NULL)
        error = refuse(parse, TALLY_EFORM, "member %u is not in \"members\"", node->member_id);
    return error;
}

static int read_nodes(struct parse *parse, const json_t *root, const char *key, uint32_t min, uint32_t max,
    struct genesis_node *nodes, uint32_t *count)
{
    const json_t *array = json_object_get(root, key);
    int error = check_array(parse, array, key, min, max);
    if (error != TALLY_OK) return error;
    for (uint32_t i = 0; i < json_array_size(array); i++) {
        (void)snprintf(parse->where, sizeof parse->where, "%s[%u]", key, i);
        error = read_node(parse, json_array_get(array, i), &nodes[i]);
        if (error != TALLY_OK) return error;
    }
    *count = (uint32_t)json_array_size(array);
    parse->where[0] = '\0';
    return TALLY_OK;
}

static const struct genesis_node *node_at(const struct genesis *genesis, uint32_t index)
{
    return index < genesis->validator_count ? &genesis->validators[index]
                                            : &genesis->observers[index - genesis->validator_count];
}

/* Whether a member before `member`, or the same one before `k`, signs with this key. */
static bool signing_key_is_taken(
    const struct genesis *genesis, uint32_t member, uint32_t k, const struct public_key *key)
{
    for (uint32_t i = 0; i <= member && i < genesis->member_count; i++)
        for (uint32_t j = 0; j < (i == member ? k : genesis->members[i].key_count); j++)
            if (public_key_equal(&genesis->members[i].keys[j], key)) return true;
    return false;
}

/* One key, one work: no key stands twice, be it for signing or for a node. Names are unique as well. */
static int check_unique(struct parse *parse)
{
    const struct genesis *genesis = parse->genesis;
    uint32_t nodes = genesis->validator_count + genesis->observer_count;
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        const struct genesis_member *member = &genesis->members[i];
        for (uint32_t k = 0; k < member->key_count; k++)
            if (signing_key_is_taken(genesis, i, k, &member->keys[k]))
                return refuse(parse, TALLY_EFORM, "member %u has a key that stands twice", member->id);
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(member->name, genesis->members[j].name) == 0)
                return refuse(parse, TALLY_EFORM, "two members are named \"%s\"", member->name);
    }
    for (uint32_t i = 0; i < nodes; i++) {
        const struct genesis_node *node = node_at(genesis, i);
        if (signing_key_is_taken(genesis, genesis->member_count, 0, &node->key))
            return refuse(parse, TALLY_EFORM, "node %s has a member's signing key", node->name);
        for (uint32_t j = 0; j < i; j++) {
            if (public_key_equal(&node->key, &node_at(genesis, j)->key))
                return refuse(parse, TALLY_EFORM, "node %s has another node's key", node->name);
            if (strcmp(node->name, node_at(genesis, j)->name) == 0)
                return refuse(parse, TALLY_EFORM, "two nodes are named \"%s\"", node->name);
        }
    }
    return TALLY_OK;
}

static int read_genesis(struct parse *parse, const json_t *root)
{
    static const char *const keys[] = {"network", "created_ms", "open_reads", "base_timeout_ms",
        "heartbeat_ms", "policy", "members", "validators", "observers", NULL};
    struct genesis *genesis = parse->genesis;
    int64_t created_ms = 0;
    int error = check_keys(parse, root, keys);
    if (error == TALLY_OK) error = read_name(parse, root, "network", true, genesis->network);
    if (error == TALLY_OK) error = read_integer(parse, root, "created_ms", 1, CREATED_MS_MAX, &created_ms);
    if (error == TALLY_OK)
        error = read_u32(parse, root, "base_timeout_ms", 1, BASE_TIMEOUT_MS_MAX, &genesis->base_timeout_ms);
    if (error == TALLY_OK)
        error = read_u32(parse, root, "heartbeat_ms", 0, HEARTBEAT_MS_MAX, &genesis->heartbeat_ms);
    if (error == TALLY_OK) error = read_name(parse, root, "policy", true, genesis->policy);
    if (error == TALLY_OK && !json_is_boolean(json_object_get(root, "open_reads")))
        error = refuse(parse, TALLY_EFORM, "\"open_reads\" is neither true nor false");
    if (error == TALLY_OK) error = read_members(parse, root);
    if (error == TALLY_OK)
        error = read_nodes(parse, root, "validators", VALIDATORS_MIN, VALIDATORS_MAX, genesis->validators,
            &genesis->validator_count);
    if (error == TALLY_OK)
        error = read_nodes(
            parse, root, "observers", 0, OBSERVERS_MAX, genesis->observers, &genesis->observer_count);
    if (error == TALLY_OK) error = check_unique(parse);
    if (error != TALLY_OK) return error;
    genesis->created_ms = (uint64_t)created_ms;
    genesis->open_reads = json_is_true(json_object_get(root, "open_reads"));
    return TALLY_OK;
}

int genesis_parse(struct span json, struct genesis *genesis, char *why, size_t why_size)
{
    struct parse parse = {.genesis = genesis, .why = why, .why_size = why_size};
    json_error_t error;
    *genesis = (struct genesis){0};
    if (json.size > JSON_SIZE_MAX) return refuse(&parse, TALLY_ELIMIT, "larger than %u bytes", JSON_SIZE_MAX);
    json_t *root = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL && json_error_code(&error) == json_error_out_of_memory)
        return refuse(&parse, TALLY_ENOMEM, "no memory left");
    if (root == NULL) return refuse(&parse, TALLY_EFORM, "line %d: %s", error.line, error.text);
    int result = read_genesis(&parse, root);
    json_decref(root);
    if (result == TALLY_OK) genesis_identify(genesis);
    return result;
}

static json_t *key_json(const struct public_key *key)
{
    char text[2 * PUBLIC_KEY_SIZE + 1];
    hex_encode(span_of(key->bytes, PUBLIC_KEY_SIZE), text);
    return json_string(text);
}

/* `value` is taken. A list that is short for want of memory must not pass for the whole. */
static void append(struct buffer *out, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) out->failed = true;
}

static json_t *members_json(struct buffer *out, const struct genesis *genesis)
{
    json_t *members = json_array();
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        const struct genesis_member *member = &genesis->members[i];
        json_t *keys = json_array();
        for (uint32_t k = 0; k < member->key_count; k++)
            append(out, keys, key_json(&member->keys[k]));
        append(out, members,
            json_pack("{s:I, s:s, s:s, s:o}", "id", (json_int_t)member->id, "name", member->name, "role",
                member_role_name((uint32_t)member->role), "keys", keys));
    }
    return members;
}

static json_t *nodes_json(struct buffer *out, const struct genesis_node *nodes, uint32_t count)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++)
        append(out, array,
            json_pack("{s:s, s:I, s:o}", "name", nodes[i].name, "member", (json_int_t)nodes[i].member_id,
                "key", key_json(&nodes[i].key)));
    return array;
}

static int append_text(const char *text, size_t size, void *out)
{
    buffer_append(out, text, size);
    return 0;
}

void genesis_print(const struct genesis *genesis, struct buffer *out)
{
    json_t *root = json_pack("{s:s, s:I, s:b, s:I, s:I, s:s, s:o, s:o, s:o}", "network", genesis->network,
        "created_ms", (json_int_t)genesis->created_ms, "open_reads", genesis->open_reads ? 1 : 0,
        "base_timeout_ms", (json_int_t)genesis->base_timeout_ms, "heartbeat_ms",
        (json_int_t)genesis->heartbeat_ms, "policy", genesis->policy, "members", members_json(out, genesis),
        "validators", nodes_json(out, genesis->validators, genesis->validator_count), "observers",
        nodes_json(out, genesis->observers, genesis->observer_count));
    /* NULL only for want of memory, or text that is no UTF-8. */
    if (root == NULL || json_dump_callback(root, append_text, out, JSON_INDENT(2)) != 0) out->failed = true;
    json_decref(root);
    buffer_u8(out, '\n');
}
