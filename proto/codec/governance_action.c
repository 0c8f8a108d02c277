/* What members decide on: bytes <-> plain structs. */
#include <string.h>

#include "governance.pb-c.h"
#include "proto/codec/convert.h"
#include "proto/codec/governance.h"
#include "proto/codec/message.h"

#define CASE(name) TALLYSTICK__V1__GOVERNANCE_ACTION__ACTION_##name

_Static_assert(CASE(ADMIT_MEMBER) == (int)ACTION_ADMIT_MEMBER && CASE(SET_FLAG) == (int)ACTION_SET_FLAG,
    "an action's kind is its field's number");
_Static_assert(TALLYSTICK__V1__KEY_KIND__NODE_KEY == (int)KEY_NODE &&
                   TALLYSTICK__V1__KEY_KIND__BALLOT_KEY == (int)KEY_BALLOT,
    "kinds of keys have one number each");
_Static_assert(TALLYSTICK__V1__MEMBER_ROLE__LENDER == (int)ROLE_LENDER &&
                   TALLYSTICK__V1__MEMBER_ROLE__OPERATOR == (int)ROLE_OPERATOR,
    "roles have one number each");

const char *action_name(uint32_t kind)
{
    static const char *const names[] = {
        [ACTION_ADMIT_MEMBER] = "ADMIT_MEMBER",
        [ACTION_SUSPEND_MEMBER] = "SUSPEND_MEMBER",
        [ACTION_RESTORE_MEMBER] = "RESTORE_MEMBER",
        [ACTION_REMOVE_MEMBER] = "REMOVE_MEMBER",
        [ACTION_ADD_KEY] = "ADD_KEY",
        [ACTION_ROTATE_KEY] = "ROTATE_KEY",
        [ACTION_REVOKE_KEY] = "REVOKE_KEY",
        [ACTION_ADD_NODE] = "ADD_NODE",
        [ACTION_SET_VALIDATORS] = "SET_VALIDATORS",
        [ACTION_SET_POLICY] = "SET_POLICY",
        [ACTION_SET_PARAMETER] = "SET_PARAMETER",
        [ACTION_SET_FLAG] = "SET_FLAG",
    };
    return kind >= ACTION_ADMIT_MEMBER && kind <= ACTION_SET_FLAG ? names[kind] : NULL;
}

/* ---- Texts and keys ---- */

static bool in_word(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

/* A text for people: any letters (that it is UTF-8 was checked), no control characters. */
static bool is_title(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F) return false;
    return true;
}

/* A word begins with a letter or a digit, so that it can name a file. */
static bool is_word(const char *text)
{
    if (*text == '-' || *text == '.' || *text == '_') return false;
    for (; *text != '\0'; text++)
        if (!in_word((unsigned char)*text)) return false;
    return true;
}

static bool is_member_name(const char *text)
{
    return is_title(text) && !name_is_number(text);
}

static bool is_node_name(const char *text)
{
    return is_word(text) && !name_is_number(text);
}

static int text_read(
    const char *text, size_t size_min, size_t size_max, bool (*is_form)(const char *text), char *to)
{
    size_t size = strlen(text);
    if (size < size_min || size > size_max || !is_form(text)) return TALLY_EFORM;
    memcpy(to, text, size + 1);
    return TALLY_OK;
}

static int key_read(ProtobufCBinaryData bytes, struct public_key *key)
{
    return fixed_from_bytes(bytes, key->bytes, PUBLIC_KEY_SIZE);
}

static int keys_read(ProtobufCBinaryData bytes, uint32_t min, struct public_key *keys, uint32_t *count)
{
    size_t found = bytes.len / PUBLIC_KEY_SIZE;
    if (bytes.len % PUBLIC_KEY_SIZE != 0 || found < min || found > JOIN_KEYS_MAX) return TALLY_EFORM;
    if (found > 0) memcpy(keys, bytes.data, bytes.len);
    *count = (uint32_t)found;
    return TALLY_OK;
}

/* ---- The parts, from messages ---- */

static int node_read(const Tallystick__V1__NewNode *message, struct new_node *node)
{
    if (message == NULL) return TALLY_EFORM;
    int error = text_read(message->name, 1, NAME_SIZE_MAX, is_node_name, node->name);
    if (error == TALLY_OK)
        error = text_read(message->address, 1, REGISTER_ADDRESS_SIZE_MAX, address_is_sound, node->address);
    if (error == TALLY_OK) error = key_read(message->key, &node->key);
    node->validator = message->validator;
    return error;
}

static int join_nodes_read(const Tallystick__V1__Join *message, struct join *join)
{
    if (message->n_nodes == 0 || message->n_nodes > JOIN_NODES_MAX) return TALLY_EFORM;
    join->node_count = (uint32_t)message->n_nodes;
    for (uint32_t i = 0; i < join->node_count; i++) {
        int error = node_read(message->nodes[i], &join->nodes[i]);
        if (error != TALLY_OK) return error;
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(join->nodes[k].name, join->nodes[i].name) == 0) return TALLY_EFORM;
    }
    return TALLY_OK;
}

static int join_read(const Tallystick__V1__Join *message, struct join *join)
{
    if (message->role == TALLYSTICK__V1__MEMBER_ROLE__MEMBER_ROLE_UNSPECIFIED) return TALLY_EFORM;
    join->role = (enum member_role)message->role;
    int error = text_read(message->network, 1, NAME_SIZE_MAX, is_word, join->network);
    if (error == TALLY_OK) error = text_read(message->name, 1, NAME_SIZE_MAX, is_member_name, join->name);
    if (error == TALLY_OK) error = text_read(message->kind, 1, REGISTER_KIND_SIZE_MAX, is_title, join->kind);
    if (error == TALLY_OK) error = text_read(message->licence, 0, NAME_SIZE_MAX, is_title, join->licence);
    if (error == TALLY_OK)
        error = keys_read(message->signing_keys, 0, join->signing_keys, &join->signing_key_count);
    if (error == TALLY_OK)
        error = keys_read(message->ballot_keys, 1, join->ballot_keys, &join->ballot_key_count);
    return error == TALLY_OK ? join_nodes_read(message, join) : error;
}

static int member_read(const Tallystick__V1__MemberChoice *message, struct governance_action *action)
{
    action->member_id = message->member_id;
    return message->member_id == 0 ? TALLY_EFORM : TALLY_OK;
}

/* Which of the two keys there are, the kind of action says. */
static int key_change_read(const Tallystick__V1__KeyChange *message, struct governance_action *action)
{
    bool has_new = action->kind != ACTION_REVOKE_KEY, has_old = action->kind != ACTION_ADD_KEY;
    action->member_id = message->member_id;
    action->key_kind = (enum key_kind)message->kind;
    if (message->member_id == 0 || key_kind_name(message->kind) == NULL) return TALLY_EFORM;
    if (action->kind == ACTION_ADD_KEY && action->key_kind == KEY_NODE) return TALLY_EFORM;
    if ((message->key.len > 0) != has_new || (message->old_key.len > 0) != has_old) return TALLY_EFORM;
    int error = has_new ? key_read(message->key, &action->key) : TALLY_OK;
    if (error == TALLY_OK && has_old) error = key_read(message->old_key, &action->old_key);
    return error;
}

static int node_admission_read(const Tallystick__V1__NodeAdmission *message, struct governance_action *action)
{
    action->member_id = message->member_id;
    return message->member_id == 0 ? TALLY_EFORM : node_read(message->node, &action->node);
}

static int choices_read(const Tallystick__V1__ValidatorChange *message, struct governance_action *action)
{
    uint32_t after = 0;
    if (message->n_nodes == 0 || message->n_nodes > PEERS_MAX) return TALLY_EFORM;
    action->choice_count = (uint32_t)message->n_nodes;
    for (uint32_t i = 0; i < action->choice_count; i++) {
        const Tallystick__V1__ValidatorChoice *choice = message->nodes[i];
        if (choice->node_id <= after) return TALLY_EFORM;
        after = choice->node_id;
        action->choices[i] = (struct validator_choice){choice->node_id, choice->validator};
    }
    return TALLY_OK;
}

/* A policy has one text: what is printed of it. */
static int policy_read(const Tallystick__V1__PolicyChange *message, struct governance_action *action)
{
    struct credit_policy policy;
    struct buffer printed;
    char why[1];
    action->policy = span_of_bytes(message->policy);
    if (action->policy.size > REGISTER_POLICY_SIZE_MAX) return TALLY_EFORM;
    int error = credit_policy_parse(action->policy, &policy, why, sizeof why);
    if (error != TALLY_OK) return error == TALLY_ENOMEM ? error : TALLY_EFORM;
    action->policy_version = policy.version;
    buffer_init(&printed, POLICY_TEXT_SIZE_MAX);
    credit_policy_print(&policy, &printed);
    if (printed.failed)
        error = TALLY_ENOMEM;
    else if (!span_equal(buffer_span(&printed), action->policy))
        error = TALLY_EFORM;
    buffer_close(&printed);
    return error;
}

static int parameter_read(const Tallystick__V1__ParameterChange *message, struct governance_action *action)
{
    action->parameter = (enum parameter)message->parameter;
    action->value = message->value;
    return parameter_allows(message->parameter, message->value) ? TALLY_OK : TALLY_EFORM;
}

static int flag_read(const Tallystick__V1__FlagChange *message, struct governance_action *action)
{
    action->flag = message->flag;
    action->height = message->height;
    if (message->flag == 0 || message->height == 0 || message->height > INT64_MAX) return TALLY_EFORM;
    return TALLY_OK;
}

static int action_read(const Tallystick__V1__GovernanceAction *message, struct governance_action *action)
{
    action->kind = (enum action_kind)message->action_case;
    switch (message->action_case) {
    case CASE(ADMIT_MEMBER):
        return join_read(message->admit_member, &action->join);
    case CASE(SUSPEND_MEMBER):
        return member_read(message->suspend_member, action);
    case CASE(RESTORE_MEMBER):
        return member_read(message->restore_member, action);
    case CASE(REMOVE_MEMBER):
        return member_read(message->remove_member, action);
    case CASE(ADD_KEY):
        return key_change_read(message->add_key, action);
    case CASE(ROTATE_KEY):
        return key_change_read(message->rotate_key, action);
    case CASE(REVOKE_KEY):
        return key_change_read(message->revoke_key, action);
    case CASE(ADD_NODE):
        return node_admission_read(message->add_node, action);
    case CASE(SET_VALIDATORS):
        return choices_read(message->set_validators, action);
    case CASE(SET_POLICY):
        return policy_read(message->set_policy, action);
    case CASE(SET_PARAMETER):
        return parameter_read(message->set_parameter, action);
    case CASE(SET_FLAG):
        return flag_read(message->set_flag, action);
    case TALLYSTICK__V1__GOVERNANCE_ACTION__ACTION__NOT_SET:
    case _TALLYSTICK__V1__GOVERNANCE_ACTION__ACTION__CASE_IS_INT_SIZE:
        break;
    }
    return TALLY_EFORM;
}

static bool keys_differ(const struct governance_action *action)
{
    const struct public_key *keys[NEW_KEYS_MAX];
    uint32_t count = action_new_keys(action, keys);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (public_key_equal(keys[i], keys[k])) return false;
    return true;
}

int action_decode(struct span bytes, struct arena *arena, struct governance_action *action)
{
    ProtobufCMessage *message;
    if (bytes.size > ACTION_SIZE_MAX) return TALLY_EFORM;
    int error = message_decode(
        &tallystick__v1__governance_action__descriptor, MESSAGE_CANONICAL, bytes, arena, &message);
    if (error != TALLY_OK) return error;
    memset(action, 0, sizeof *action);
    error = action_read((const Tallystick__V1__GovernanceAction *)message, action);
    return error == TALLY_OK && !keys_differ(action) ? TALLY_EFORM : error;
}
