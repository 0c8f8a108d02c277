/* The register as JSON, to be shown. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/governance_json_make.h"
#include "proto/codec/ruling.h"

/* A height at which nothing has ended yet is none. */
static json_t *until_json(uint64_t until)
{
    return until == 0 ? json_null() : json_integer((json_int_t)until);
}

static json_t *members_json(const struct member_register *from, struct buffer *out)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < from->member_count; i++) {
        const struct register_member *member = &from->members[i];
        strict_append(out, list,
            json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I}", "id", (json_int_t)member->id,
                "name", member->name, "kind", member->kind, "licence", member->licence, "role",
                member_role_name((uint32_t)member->role), "status",
                member_status_name((uint32_t)member->status), "voter",
                register_is_voter(from, member) ? 1 : 0, "from", (json_int_t)member->from, "status_from",
                (json_int_t)member->status_from, "sequence", (json_int_t)member->sequence));
    }
    return list;
}

static json_t *register_keys_json(const struct member_register *from, struct buffer *out)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < from->key_count; i++) {
        const struct register_key *key = &from->keys[i];
        strict_append(out, list,
            json_pack("{s:I, s:s, s:o, s:o, s:I, s:o}", "member", (json_int_t)key->member_id, "kind",
                key_kind_name((uint32_t)key->kind), "node",
                key->node_id == 0 ? json_null() : json_integer((json_int_t)key->node_id), "key",
                hex_json(key->key.bytes, PUBLIC_KEY_SIZE), "from", (json_int_t)key->from, "until",
                until_json(key->until)));
    }
    return list;
}

static json_t *nodes_json(const struct member_register *from, struct buffer *out)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < from->node_count; i++) {
        const struct register_node *node = &from->nodes[i];
        strict_append(out, list,
            json_pack("{s:I, s:I, s:s, s:s, s:o, s:b, s:b, s:I, s:I, s:o}", "id", (json_int_t)node->id,
                "member", (json_int_t)node->member_id, "name", node->name, "address", node->address, "key",
                hex_json(node->key.bytes, PUBLIC_KEY_SIZE), "validator", node->validator ? 1 : 0, "votes",
                register_set_has_node(from, &from->set, node) ? 1 : 0, "ready", (json_int_t)node->ready,
                "from", (json_int_t)node->from, "until", until_json(node->until)));
    }
    return list;
}

static json_t *set_json(const struct register_set *set, struct buffer *out)
{
    return json_pack("{s:o, s:I, s:I}", "validators", keys_json_make(set->keys, set->count, out),
        "base_timeout_ms", (json_int_t)set->base_timeout_ms, "heartbeat_ms", (json_int_t)set->heartbeat_ms);
}

static json_t *epoch_json(const struct member_register *from, struct buffer *out)
{
    json_t *next = from->next.count == 0 ? json_null() : set_json(&from->next, out);
    return json_pack("{s:I, s:I, s:o, s:o, s:o}", "number", (json_int_t)from->epoch, "from",
        (json_int_t)from->epoch_from, "set", set_json(&from->set, out), "next", next, "next_settled",
        until_json(from->next_from));
}

static json_t *flags_json(const struct member_register *from, struct buffer *out)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < from->flag_count; i++)
        strict_append(out, list,
            json_pack("{s:I, s:I}", "flag", (json_int_t)from->flags[i].flag, "from",
                (json_int_t)from->flags[i].from));
    return list;
}

static json_t *proposed_json(const struct register_proposal *proposal, struct buffer *out)
{
    struct governance_action action;
    struct arena arena;
    json_t *made = NULL;
    arena_init(&arena, GOVERNANCE_ARENA_BUDGET);
    if (action_decode(span_of(proposal->action, proposal->action_size), &arena, &action) == TALLY_OK)
        made = action_json_make(&action, out);
    arena_close(&arena);
    return made;
}

static json_t *ballots_json(const struct register_proposal *proposal, struct buffer *out)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < proposal->ballot_count; i++)
        strict_append(out, list,
            json_pack("{s:I, s:b}", "member", (json_int_t)proposal->ballots[i].member_id, "yes",
                proposal->ballots[i].yes ? 1 : 0));
    return list;
}

static json_t *open_json(const struct member_register *from, struct buffer *out)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < from->open_count; i++) {
        const struct register_proposal *proposal = &from->open[i];
        uint32_t yes, no;
        register_tally(from, proposal, &yes, &no);
        strict_append(out, list,
            json_pack("{s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "number", (json_int_t)proposal->number,
                "id", hex_json(proposal->id.bytes, DIGEST_SIZE), "member", (json_int_t)proposal->member_id,
                "height", (json_int_t)proposal->height, "closes_ms", (json_int_t)proposal->closes_ms, "yes",
                (json_int_t)yes, "no", (json_int_t)no, "ballots", ballots_json(proposal, out), "proposed",
                proposed_json(proposal, out)));
    }
    return list;
}

static json_t *closed_json(const struct member_register *from, struct buffer *out)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < from->closed_count; i++) {
        const struct closed_proposal *closed = &from->closed[i];
        const char *why = ruling_name(closed->why);
        strict_append(out, list,
            json_pack("{s:I, s:o, s:I, s:s, s:s, s:s, s:I}", "number", (json_int_t)closed->number, "id",
                hex_json(closed->id.bytes, DIGEST_SIZE), "member", (json_int_t)closed->member_id, "action",
                action_name((uint32_t)closed->kind), "outcome",
                proposal_outcome_name((uint32_t)closed->outcome), "why", why == NULL ? "UNKNOWN" : why,
                "height", (json_int_t)closed->height));
    }
    return list;
}

void register_print(const struct member_register *from, struct buffer *out)
{
    strict_print(out,
        json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "network",
            from->network, "voters", (json_int_t)register_voter_count(from), "members",
            members_json(from, out), "keys", register_keys_json(from, out), "nodes", nodes_json(from, out),
            "epoch", epoch_json(from, out), "base_timeout_ms", (json_int_t)from->base_timeout_ms,
            "heartbeat_ms", (json_int_t)from->heartbeat_ms, "policy_from", (json_int_t)from->policy_from,
            "policy", policy_text_json(span_of(from->policy, from->policy_size)), "flags",
            flags_json(from, out), "open", open_json(from, out), "closed", closed_json(from, out)));
}
