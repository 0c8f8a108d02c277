#include "tools/gov_words.h"

#include <inttypes.h>
#include <string.h>

#include "tools/buffer_text.h"

static void say_key(struct buffer *out, const struct public_key *key)
{
    char text[2 * PUBLIC_KEY_SIZE + 1];
    hex_encode(span_of(key->bytes, PUBLIC_KEY_SIZE), text);
    buffer_text(out, "%s", text);
}

void gov_words_member(const struct member_register *now, uint32_t member_id, struct buffer *out)
{
    const struct register_member *member = register_member_by_id(now, member_id);
    buffer_text(out, "member %" PRIu32, member_id);
    if (member != NULL) buffer_text(out, " (%s)", member->name);
}

static void say_node(struct buffer *out, const struct member_register *now, uint32_t node_id)
{
    const struct register_node *node = register_node_by_id(now, node_id);
    buffer_text(out, "node %" PRIu32, node_id);
    if (node != NULL) buffer_text(out, " (%s)", node->name);
}

static void say_new_node(struct buffer *out, const struct new_node *node)
{
    buffer_text(out, "node %s at %s, %s, key ", node->name, node->address,
        node->validator ? "to vote" : "an observer");
    say_key(out, &node->key);
}

static void say_keys(struct buffer *out, const char *kind, const struct public_key *keys, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        buffer_text(out, "; %s key ", kind);
        say_key(out, &keys[i]);
    }
}

static void say_join(struct buffer *out, const struct join *join)
{
    buffer_text(out, "admit %s as %s", join->name, member_role_name((uint32_t)join->role));
    if (join->kind[0] != '\0') buffer_text(out, ", %s", join->kind);
    if (join->licence[0] != '\0') buffer_text(out, ", licence %s", join->licence);
    for (uint32_t i = 0; i < join->node_count; i++) {
        buffer_text(out, "; ");
        say_new_node(out, &join->nodes[i]);
    }
    say_keys(out, "signing", join->signing_keys, join->signing_key_count);
    say_keys(out, "ballot", join->ballot_keys, join->ballot_key_count);
}

static void say_key_change(
    struct buffer *out, const struct member_register *now, const struct governance_action *action)
{
    const char *verb = action->kind == ACTION_ADD_KEY      ? "add"
                       : action->kind == ACTION_ROTATE_KEY ? "rotate"
                                                           : "revoke";
    buffer_text(out, "%s a %s key of ", verb, key_kind_name((uint32_t)action->key_kind));
    gov_words_member(now, action->member_id, out);
    buffer_text(out, ": ");
    if (action->kind != ACTION_ADD_KEY) say_key(out, &action->old_key);
    if (action->kind == ACTION_ROTATE_KEY) buffer_text(out, " to ");
    if (action->kind != ACTION_REVOKE_KEY) say_key(out, &action->key);
}

static void say_choices(
    struct buffer *out, const struct member_register *now, const struct governance_action *action)
{
    for (uint32_t i = 0; i < action->choice_count; i++) {
        if (i > 0) buffer_text(out, "; ");
        say_node(out, now, action->choices[i].node_id);
        buffer_text(out, action->choices[i].validator ? " is to vote" : " is to vote no longer");
    }
}

void gov_words_action(
    const struct member_register *now, const struct governance_action *action, struct buffer *out)
{
    switch (action->kind) {
    case ACTION_ADMIT_MEMBER:
        say_join(out, &action->join);
        return;
    case ACTION_SUSPEND_MEMBER:
        buffer_text(out, "suspend ");
        break;
    case ACTION_RESTORE_MEMBER:
        buffer_text(out, "restore ");
        break;
    case ACTION_REMOVE_MEMBER:
        buffer_text(out, "remove, for good, ");
        break;
    case ACTION_ADD_KEY:
    case ACTION_ROTATE_KEY:
    case ACTION_REVOKE_KEY:
        say_key_change(out, now, action);
        return;
    case ACTION_ADD_NODE:
        buffer_text(out, "add, for ");
        gov_words_member(now, action->member_id, out);
        buffer_text(out, ", ");
        say_new_node(out, &action->node);
        return;
    case ACTION_SET_VALIDATORS:
        say_choices(out, now, action);
        return;
    case ACTION_SET_POLICY:
        buffer_text(out, "go over to version %" PRIu32 " of the policy (tally gov show --json has its text)",
            action->policy_version);
        return;
    case ACTION_SET_PARAMETER:
        buffer_text(out, "set %s to %" PRIu64, parameter_name((uint32_t)action->parameter), action->value);
        return;
    case ACTION_SET_FLAG:
        buffer_text(
            out, "switch on protocol flag %" PRIu32 " at height %" PRIu64, action->flag, action->height);
        if (action->flag > FLAGS_KNOWN)
            buffer_text(
                out, " (this version does not know it: every node that does not stops before that height)");
        return;
    }
    gov_words_member(now, action->member_id, out);
}

/* Whether it brings or takes away what may vote. */
static bool touches_validators(const struct member_register *now, const struct governance_action *action)
{
    bool touches = false;
    for (uint32_t i = 0; action->kind == ACTION_ADMIT_MEMBER && i < action->join.node_count; i++)
        touches = touches || action->join.nodes[i].validator;
    for (uint32_t i = 0; action->kind == ACTION_REMOVE_MEMBER && i < now->node_count; i++)
        touches = touches || (now->nodes[i].member_id == action->member_id && now->nodes[i].validator);
    if (action->kind == ACTION_ADD_NODE) touches = action->node.validator;
    if (action->kind == ACTION_ROTATE_KEY || action->kind == ACTION_REVOKE_KEY)
        touches = register_set_has(&now->set, &action->old_key);
    return touches;
}

void gov_words_effect(
    const struct member_register *now, const struct governance_action *action, struct buffer *out)
{
    switch (action->kind) {
    case ACTION_SET_VALIDATORS:
        buffer_text(out,
            "at the next epoch, which begins at once where it can; a node that is to vote has to show "
            "first that it is synced");
        return;
    case ACTION_SET_PARAMETER:
        buffer_text(out, "at the next epoch, which begins at once where it can");
        return;
    case ACTION_SET_FLAG:
        buffer_text(out, "at height %" PRIu64, action->height);
        return;
    case ACTION_ADMIT_MEMBER:
    case ACTION_SUSPEND_MEMBER:
    case ACTION_RESTORE_MEMBER:
    case ACTION_REMOVE_MEMBER:
    case ACTION_ADD_KEY:
    case ACTION_ROTATE_KEY:
    case ACTION_REVOKE_KEY:
    case ACTION_ADD_NODE:
    case ACTION_SET_POLICY:
        break;
    }
    buffer_text(out, "at the height after the block in which it passes");
    if (touches_validators(now, action)) buffer_text(out, "; who votes changes at the next epoch");
}
