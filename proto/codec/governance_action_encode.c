/* What members decide on: plain structs to bytes. */
#include "governance.pb-c.h"
#include "proto/codec/governance.h"
#include "proto/codec/message.h"

/* Everything that nests in an action. */
struct action_parts {
    Tallystick__V1__GovernanceAction outer;
    Tallystick__V1__Join join;
    Tallystick__V1__MemberChoice member;
    Tallystick__V1__KeyChange key;
    Tallystick__V1__NodeAdmission admission;
    Tallystick__V1__ValidatorChange validators;
    Tallystick__V1__PolicyChange policy;
    Tallystick__V1__ParameterChange parameter;
    Tallystick__V1__FlagChange flag;
    Tallystick__V1__NewNode nodes[JOIN_NODES_MAX], *node_list[JOIN_NODES_MAX];
    Tallystick__V1__ValidatorChoice choices[PEERS_MAX], *choice_list[PEERS_MAX];
};

static ProtobufCBinaryData key_bytes(const struct public_key *key)
{
    return message_bytes(span_of(key->bytes, PUBLIC_KEY_SIZE));
}

static ProtobufCBinaryData keys_bytes(const struct public_key *keys, uint32_t count)
{
    return message_bytes(span_of(keys, count * sizeof *keys));
}
_Static_assert(sizeof(struct public_key) == PUBLIC_KEY_SIZE, "keys run together as they are on the wire");

/* protobuf-c wants its texts unconst; it never writes. */
static char *message_text(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void node_fill(const struct new_node *node, Tallystick__V1__NewNode *message)
{
    tallystick__v1__new_node__init(message);
    message->name = message_text(node->name);
    message->address = message_text(node->address);
    message->key = key_bytes(&node->key);
    message->validator = node->validator;
}

static void join_fill(const struct join *join, struct action_parts *parts)
{
    Tallystick__V1__Join *message = &parts->join;
    tallystick__v1__join__init(message);
    message->network = message_text(join->network);
    message->name = message_text(join->name);
    message->kind = message_text(join->kind);
    message->licence = message_text(join->licence);
    message->role = (Tallystick__V1__MemberRole)join->role;
    message->signing_keys = keys_bytes(join->signing_keys, join->signing_key_count);
    message->ballot_keys = keys_bytes(join->ballot_keys, join->ballot_key_count);
    message->n_nodes = join->node_count;
    message->nodes = parts->node_list;
    for (uint32_t i = 0; i < join->node_count; i++) {
        node_fill(&join->nodes[i], &parts->nodes[i]);
        parts->node_list[i] = &parts->nodes[i];
    }
    parts->outer.admit_member = message;
}

static void member_fill(const struct governance_action *action, struct action_parts *parts)
{
    tallystick__v1__member_choice__init(&parts->member);
    parts->member.member_id = action->member_id;
    /* Whichever of the three it is: they share their place. */
    parts->outer.suspend_member = &parts->member;
}

static void key_fill(const struct governance_action *action, struct action_parts *parts)
{
    tallystick__v1__key_change__init(&parts->key);
    parts->key.member_id = action->member_id;
    parts->key.kind = (Tallystick__V1__KeyKind)action->key_kind;
    if (action->kind != ACTION_REVOKE_KEY) parts->key.key = key_bytes(&action->key);
    if (action->kind != ACTION_ADD_KEY) parts->key.old_key = key_bytes(&action->old_key);
    parts->outer.add_key = &parts->key;
}

static void admission_fill(const struct governance_action *action, struct action_parts *parts)
{
    tallystick__v1__node_admission__init(&parts->admission);
    node_fill(&action->node, &parts->nodes[0]);
    parts->admission.member_id = action->member_id;
    parts->admission.node = &parts->nodes[0];
    parts->outer.add_node = &parts->admission;
}

static void choices_fill(const struct governance_action *action, struct action_parts *parts)
{
    tallystick__v1__validator_change__init(&parts->validators);
    parts->validators.n_nodes = action->choice_count;
    parts->validators.nodes = parts->choice_list;
    for (uint32_t i = 0; i < action->choice_count; i++) {
        tallystick__v1__validator_choice__init(&parts->choices[i]);
        parts->choices[i].node_id = action->choices[i].node_id;
        parts->choices[i].validator = action->choices[i].validator;
        parts->choice_list[i] = &parts->choices[i];
    }
    parts->outer.set_validators = &parts->validators;
}

static void policy_fill(const struct governance_action *action, struct action_parts *parts)
{
    tallystick__v1__policy_change__init(&parts->policy);
    parts->policy.policy = message_bytes(action->policy);
    parts->outer.set_policy = &parts->policy;
}

static void parameter_fill(const struct governance_action *action, struct action_parts *parts)
{
    tallystick__v1__parameter_change__init(&parts->parameter);
    parts->parameter.parameter = (Tallystick__V1__Parameter)action->parameter;
    parts->parameter.value = action->value;
    parts->outer.set_parameter = &parts->parameter;
}

static void flag_fill(const struct governance_action *action, struct action_parts *parts)
{
    tallystick__v1__flag_change__init(&parts->flag);
    parts->flag.flag = action->flag;
    parts->flag.height = action->height;
    parts->outer.set_flag = &parts->flag;
}

void action_encode(const struct governance_action *action, struct buffer *out)
{
    struct action_parts parts;
    tallystick__v1__governance_action__init(&parts.outer);
    parts.outer.action_case = (Tallystick__V1__GovernanceAction__ActionCase)action->kind;
    switch (action->kind) {
    case ACTION_ADMIT_MEMBER:
        join_fill(&action->join, &parts);
        break;
    case ACTION_SUSPEND_MEMBER:
    case ACTION_RESTORE_MEMBER:
    case ACTION_REMOVE_MEMBER:
        member_fill(action, &parts);
        break;
    case ACTION_ADD_KEY:
    case ACTION_ROTATE_KEY:
    case ACTION_REVOKE_KEY:
        key_fill(action, &parts);
        break;
    case ACTION_ADD_NODE:
        admission_fill(action, &parts);
        break;
    case ACTION_SET_VALIDATORS:
        choices_fill(action, &parts);
        break;
    case ACTION_SET_POLICY:
        policy_fill(action, &parts);
        break;
    case ACTION_SET_PARAMETER:
        parameter_fill(action, &parts);
        break;
    case ACTION_SET_FLAG:
        flag_fill(action, &parts);
        break;
    }
    message_encode(&parts.outer.base, out);
}
