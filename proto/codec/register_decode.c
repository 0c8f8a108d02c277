/* The register from its bytes. Whatever does not hold together sets reader->failed, and is found at the end.
 */
#include <string.h>

#include "proto/codec/register.h"

static void need(struct reader *reader, bool holds)
{
    if (!holds) reader->failed = true;
}

static uint32_t take_count(struct reader *reader, uint32_t max)
{
    uint32_t count = reader_u16(reader);
    need(reader, count <= max);
    return reader->failed ? 0 : count;
}

static void take_text(struct reader *reader, uint32_t max, char *to)
{
    struct span text = reader_span(reader, reader_u8(reader));
    bool fits = text.size <= max && (text.size == 0 || memchr(text.data, '\0', text.size) == NULL);
    need(reader, fits);
    if (fits && text.size > 0) memcpy(to, text.data, text.size);
}

static void take_key(struct reader *reader, struct public_key *key)
{
    reader_copy(reader, key->bytes, PUBLIC_KEY_SIZE);
}

static bool take_bool(struct reader *reader)
{
    uint8_t value = reader_u8(reader);
    need(reader, value <= 1);
    return value == 1;
}

static void take_member(struct reader *reader, struct register_member *member)
{
    member->id = reader_u32(reader);
    take_text(reader, NAME_SIZE_MAX, member->name);
    take_text(reader, REGISTER_KIND_SIZE_MAX, member->kind);
    take_text(reader, NAME_SIZE_MAX, member->licence);
    member->role = (enum member_role)reader_u8(reader);
    member->status = (enum member_status)reader_u8(reader);
    member->from = reader_u64(reader);
    member->status_from = reader_u64(reader);
    member->sequence = reader_u64(reader);
    need(reader, member_role_name(member->role) != NULL && member_status_name(member->status) != NULL);
}

static void take_members(struct reader *reader, struct member_register *to)
{
    uint32_t after = 0;
    to->member_count = take_count(reader, MEMBERS_MAX);
    for (uint32_t i = 0; i < to->member_count; i++) {
        take_member(reader, &to->members[i]);
        need(reader, to->members[i].id > after);
        after = to->members[i].id;
    }
}

static void take_keys(struct reader *reader, struct member_register *to)
{
    to->key_count = take_count(reader, REGISTER_KEYS_MAX);
    for (uint32_t i = 0; i < to->key_count; i++) {
        struct register_key *key = &to->keys[i];
        key->member_id = reader_u32(reader);
        key->kind = (enum key_kind)reader_u8(reader);
        key->node_id = reader_u32(reader);
        take_key(reader, &key->key);
        key->from = reader_u64(reader);
        key->until = reader_u64(reader);
        need(reader, key_kind_name(key->kind) != NULL && (key->kind == KEY_NODE) == (key->node_id != 0) &&
                         register_member_by_id(to, key->member_id) != NULL);
    }
}

static void take_nodes(struct reader *reader, struct member_register *to)
{
    uint32_t after = 0, wanted = 0;
    to->last_node_id = reader_u32(reader);
    to->node_count = take_count(reader, REGISTER_NODES_MAX);
    for (uint32_t i = 0; i < to->node_count; i++) {
        struct register_node *node = &to->nodes[i];
        node->id = reader_u32(reader);
        node->member_id = reader_u32(reader);
        take_text(reader, NAME_SIZE_MAX, node->name);
        take_text(reader, REGISTER_ADDRESS_SIZE_MAX, node->address);
        take_key(reader, &node->key);
        node->validator = take_bool(reader);
        node->ready = reader_u64(reader);
        node->from = reader_u64(reader);
        node->until = reader_u64(reader);
        need(reader, node->id > after && node->id <= to->last_node_id &&
                         !(node->validator && node->until != 0) &&
                         register_member_by_id(to, node->member_id) != NULL);
        after = node->id;
        wanted += node->validator;
    }
    need(reader, wanted <= VALIDATORS_MAX);
}

static void take_set(struct reader *reader, uint32_t min, struct register_set *set)
{
    set->count = take_count(reader, VALIDATORS_MAX);
    need(reader, set->count >= min);
    for (uint32_t i = 0; i < set->count; i++) {
        take_key(reader, &set->keys[i]);
        need(reader, i == 0 || memcmp(&set->keys[i - 1], &set->keys[i], PUBLIC_KEY_SIZE) < 0);
    }
    set->base_timeout_ms = reader_u32(reader);
    set->heartbeat_ms = reader_u32(reader);
}

static void take_epochs(struct reader *reader, struct member_register *to)
{
    to->epoch = reader_u64(reader);
    to->epoch_from = reader_u64(reader);
    take_set(reader, VALIDATORS_MIN, &to->set);
    to->next_from = reader_u64(reader);
    take_set(reader, 0, &to->next);
    need(reader, to->next.count == 0 || to->next.count >= VALIDATORS_MIN);
    need(reader, (to->next.count == 0) == (to->next_from == 0));
    to->base_timeout_ms = reader_u32(reader);
    to->heartbeat_ms = reader_u32(reader);
    need(reader, to->epoch > 0 && parameter_allows(PARAMETER_BASE_TIMEOUT_MS, to->base_timeout_ms) &&
                     parameter_allows(PARAMETER_HEARTBEAT_MS, to->heartbeat_ms));
}

static void take_policy(struct reader *reader, struct member_register *to)
{
    to->policy_version = reader_u32(reader);
    to->policy_from = reader_u64(reader);
    to->policy_size = take_count(reader, REGISTER_POLICY_SIZE_MAX);
    reader_copy(reader, to->policy, to->policy_size);
    need(reader, to->policy_version > 0 && to->policy_size > 0);
}

static void take_flags(struct reader *reader, struct member_register *to)
{
    uint32_t after = 0;
    to->flag_count = take_count(reader, REGISTER_FLAGS_MAX);
    for (uint32_t i = 0; i < to->flag_count; i++) {
        to->flags[i].flag = reader_u32(reader);
        to->flags[i].from = reader_u64(reader);
        need(reader, to->flags[i].flag > after);
        after = to->flags[i].flag;
    }
}

static void take_ballots(
    struct reader *reader, const struct member_register *to, struct register_proposal *proposal)
{
    proposal->ballot_count = take_count(reader, MEMBERS_MAX);
    for (uint32_t i = 0; i < proposal->ballot_count; i++) {
        proposal->ballots[i].member_id = reader_u32(reader);
        proposal->ballots[i].yes = take_bool(reader);
        need(reader, register_member_by_id(to, proposal->ballots[i].member_id) != NULL);
    }
}

static void take_open(struct reader *reader, struct member_register *to)
{
    uint64_t after = 0;
    to->open_count = take_count(reader, PROPOSALS_OPEN_MAX);
    for (uint32_t i = 0; i < to->open_count; i++) {
        struct register_proposal *proposal = &to->open[i];
        proposal->number = reader_u64(reader);
        reader_copy(reader, proposal->id.bytes, DIGEST_SIZE);
        proposal->member_id = reader_u32(reader);
        proposal->kind = (enum action_kind)reader_u8(reader);
        proposal->height = reader_u64(reader);
        proposal->closes_ms = reader_u64(reader);
        take_ballots(reader, to, proposal);
        proposal->action_size = take_count(reader, ACTION_SIZE_MAX);
        reader_copy(reader, proposal->action, proposal->action_size);
        need(reader, proposal->number > after && proposal->number <= to->last_proposal);
        after = proposal->number;
    }
}

static void take_closed(struct reader *reader, struct member_register *to)
{
    to->closed_count = take_count(reader, PROPOSALS_CLOSED_MAX);
    for (uint32_t i = 0; i < to->closed_count; i++) {
        struct closed_proposal *closed = &to->closed[i];
        closed->number = reader_u64(reader);
        reader_copy(reader, closed->id.bytes, DIGEST_SIZE);
        closed->member_id = reader_u32(reader);
        closed->kind = (enum action_kind)reader_u8(reader);
        closed->outcome = (enum proposal_outcome)reader_u8(reader);
        closed->why = reader_u16(reader);
        closed->height = reader_u64(reader);
        need(reader, action_name(closed->kind) != NULL && closed->outcome != PROPOSAL_OPEN &&
                         proposal_outcome_name(closed->outcome) != NULL &&
                         (closed->outcome == PROPOSAL_VOID) == (closed->why != 0));
    }
}

/* What the rules decode again must decode. */
static int actions_check(const struct member_register *from)
{
    struct governance_action action;
    struct arena arena;
    int error = TALLY_OK;
    arena_init(&arena, GOVERNANCE_ARENA_BUDGET);
    for (uint32_t i = 0; i < from->open_count && error == TALLY_OK; i++) {
        arena_reset(&arena);
        error = action_decode(span_of(from->open[i].action, from->open[i].action_size), &arena, &action);
        if (error == TALLY_OK && action.kind != from->open[i].kind) error = TALLY_EFORM;
    }
    arena_close(&arena);
    return error;
}

int register_decode(struct span bytes, struct member_register *to)
{
    struct reader reader;
    if (bytes.size > REGISTER_SIZE_MAX) return TALLY_EFORM;
    reader_init(&reader, bytes);
    memset(to, 0, sizeof *to);
    need(&reader, reader_u8(&reader) == REGISTER_VERSION);
    take_text(&reader, NAME_SIZE_MAX, to->network);
    take_members(&reader, to);
    take_keys(&reader, to);
    take_nodes(&reader, to);
    take_epochs(&reader, to);
    take_policy(&reader, to);
    take_flags(&reader, to);
    to->last_proposal = reader_u64(&reader);
    take_open(&reader, to);
    take_closed(&reader, to);
    return reader_done(&reader) ? actions_check(to) : TALLY_EFORM;
}
