/* The register, and what is proposed: what the newest applied block left. */
#include "node/net/log.h"
#include "node/rpc/services_internal.h"
#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"
#include "proto/codec/ruling.h"

/* What a reply points at until it is encoded: a message and a pointer to it for each entry, and the actions
 * decoded. */
#define REGISTER_ARENA_BUDGET (4u * MIB)

_Static_assert(REPLY_AT_ONCE_SIZE_MAX >= REGISTER_SIZE_MAX + 64u, "the exact bytes fit");
_Static_assert(REPLY_AT_ONCE_SIZE_MAX >=
                   MEMBERS_MAX * (2u * NAME_SIZE_MAX + REGISTER_KIND_SIZE_MAX + 96u) +
                       REGISTER_KEYS_MAX * (PUBLIC_KEY_SIZE + 40u) +
                       REGISTER_NODES_MAX * (NAME_SIZE_MAX + REGISTER_ADDRESS_SIZE_MAX + 96u) +
                       2u * VALIDATORS_MAX * (PUBLIC_KEY_SIZE + 2u) + REGISTER_FLAGS_MAX * 24u + 4u * KIB,
    "a largest register fits");
_Static_assert(REPLY_AT_ONCE_SIZE_MAX >= PROPOSALS_OPEN_MAX * (ACTION_SIZE_MAX + MEMBERS_MAX * 8u + 128u) +
                                             PROPOSALS_CLOSED_MAX * 160u + 4u * KIB,
    "all proposals fit");

static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static ProtobufCBinaryData key_of(const struct public_key *key)
{
    return message_bytes(span_of(key->bytes, PUBLIC_KEY_SIZE));
}

/* Pointers to `count` messages of a size. The budget bears a largest register. */
static void *take_list(struct arena *arena, size_t count, size_t size)
{
    void **pointers = arena_take_zeroed(arena, count + 1, sizeof *pointers);
    char *bytes = arena_take_zeroed(arena, count + 1, size);
    CHECK(pointers != NULL && bytes != NULL);
    for (size_t i = 0; i < count; i++)
        pointers[i] = bytes + i * size;
    return pointers;
}

static void fill_members(
    const struct member_register *from, struct arena *arena, Tallystick__V1__GetRegisterReply *reply)
{
    reply->n_members = from->member_count;
    reply->members = take_list(arena, from->member_count, sizeof(Tallystick__V1__RegisterMember));
    for (uint32_t i = 0; i < from->member_count; i++) {
        const struct register_member *member = &from->members[i];
        Tallystick__V1__RegisterMember *entry = reply->members[i];
        tallystick__v1__register_member__init(entry);
        entry->id = member->id;
        entry->name = text_of(member->name);
        entry->kind = text_of(member->kind);
        entry->licence = text_of(member->licence);
        entry->role = text_of(member_role_name((uint32_t)member->role));
        entry->status = text_of(member_status_name((uint32_t)member->status));
        entry->voter = register_is_voter(from, member);
        entry->from = member->from;
        entry->status_from = member->status_from;
        entry->sequence = member->sequence;
    }
}

static void fill_keys(
    const struct member_register *from, struct arena *arena, Tallystick__V1__GetRegisterReply *reply)
{
    reply->n_keys = from->key_count;
    reply->keys = take_list(arena, from->key_count, sizeof(Tallystick__V1__RegisterKey));
    for (uint32_t i = 0; i < from->key_count; i++) {
        const struct register_key *key = &from->keys[i];
        Tallystick__V1__RegisterKey *entry = reply->keys[i];
        tallystick__v1__register_key__init(entry);
        entry->member_id = key->member_id;
        entry->kind = (Tallystick__V1__KeyKind)key->kind;
        entry->node_id = key->node_id;
        entry->key = key_of(&key->key);
        entry->from = key->from;
        entry->until = key->until;
    }
}

static void fill_nodes(
    const struct member_register *from, struct arena *arena, Tallystick__V1__GetRegisterReply *reply)
{
    reply->n_nodes = from->node_count;
    reply->nodes = take_list(arena, from->node_count, sizeof(Tallystick__V1__RegisterNode));
    for (uint32_t i = 0; i < from->node_count; i++) {
        const struct register_node *node = &from->nodes[i];
        Tallystick__V1__RegisterNode *entry = reply->nodes[i];
        tallystick__v1__register_node__init(entry);
        entry->id = node->id;
        entry->member_id = node->member_id;
        entry->name = text_of(node->name);
        entry->address = text_of(node->address);
        entry->key = key_of(&node->key);
        entry->validator = node->validator;
        entry->votes = register_set_has_node(from, &from->set, node);
        entry->ready = node->ready;
        entry->from = node->from;
        entry->until = node->until;
    }
}

static Tallystick__V1__EpochTerms *terms_make(const struct register_set *set, struct arena *arena)
{
    Tallystick__V1__EpochTerms *terms = arena_take(arena, sizeof *terms);
    ProtobufCBinaryData *keys = arena_take(arena, set->count * sizeof *keys);
    CHECK(terms != NULL && keys != NULL);
    tallystick__v1__epoch_terms__init(terms);
    for (uint32_t i = 0; i < set->count; i++)
        keys[i] = key_of(&set->keys[i]);
    terms->n_validators = set->count;
    terms->validators = keys;
    terms->base_timeout_ms = set->base_timeout_ms;
    terms->heartbeat_ms = set->heartbeat_ms;
    return terms;
}

static void fill_terms(
    const struct member_register *from, struct arena *arena, Tallystick__V1__GetRegisterReply *reply)
{
    reply->epoch = from->epoch;
    reply->epoch_from = from->epoch_from;
    reply->terms = terms_make(&from->set, arena);
    if (from->next.count > 0) reply->next_terms = terms_make(&from->next, arena);
    reply->next_settled = from->next_from;
    reply->base_timeout_ms = from->base_timeout_ms;
    reply->heartbeat_ms = from->heartbeat_ms;
    reply->policy_version = from->policy_version;
    reply->policy_from = from->policy_from;
    reply->n_flags = from->flag_count;
    reply->flags = take_list(arena, from->flag_count, sizeof(Tallystick__V1__ProtocolFlag));
    for (uint32_t i = 0; i < from->flag_count; i++) {
        tallystick__v1__protocol_flag__init(reply->flags[i]);
        reply->flags[i]->flag = from->flags[i].flag;
        reply->flags[i]->from = from->flags[i].from;
    }
}

void handle_get_register(void *context, struct rpc_call *call)
{
    struct services *services = context;
    Tallystick__V1__GetRegisterReply reply;
    struct arena arena;
    struct buffer exact;
    ProtobufCMessage *request;
    if (!services_admit(services, call)) return;
    if (!read_request(call, &tallystick__v1__get_register_request__descriptor, &arena, &request)) return;
    const struct register_view *view = executor_register(node_executor(services->node));
    arena.budget += REGISTER_ARENA_BUDGET;
    buffer_init(&exact, REGISTER_SIZE_MAX);
    tallystick__v1__get_register_reply__init(&reply);
    reply.height = executor_applied_height(node_executor(services->node));
    if (((const Tallystick__V1__GetRegisterRequest *)request)->exact) {
        register_encode(&view->value, &exact);
        CHECK(!exact.failed);
        reply.exact = message_bytes(buffer_span(&exact));
    } else {
        reply.network = text_of(view->value.network);
        fill_members(&view->value, &arena, &reply);
        fill_keys(&view->value, &arena, &reply);
        fill_nodes(&view->value, &arena, &reply);
        fill_terms(&view->value, &arena, &reply);
    }
    reply_at_once(call, &reply.base);
    buffer_close(&exact);
    arena_close(&arena);
}

/* ---- Proposals ---- */

static void fill_ballots(
    const struct register_proposal *proposal, struct arena *arena, Tallystick__V1__OpenProposal *to)
{
    to->n_ballots = proposal->ballot_count;
    to->ballots = take_list(arena, proposal->ballot_count, sizeof(Tallystick__V1__ProposalBallot));
    for (uint32_t i = 0; i < proposal->ballot_count; i++) {
        tallystick__v1__proposal_ballot__init(to->ballots[i]);
        to->ballots[i]->member_id = proposal->ballots[i].member_id;
        to->ballots[i]->yes = proposal->ballots[i].yes;
    }
}

static void fill_open(const struct member_register *from, const struct register_proposal *proposal,
    struct arena *arena, Tallystick__V1__OpenProposal *to)
{
    ProtobufCMessage *action = NULL;
    tallystick__v1__open_proposal__init(to);
    to->number = proposal->number;
    to->id = digest_bytes(&proposal->id);
    to->member_id = proposal->member_id;
    to->height = proposal->height;
    to->closes_ms = proposal->closes_ms;
    register_tally(from, proposal, &to->yes, &to->no);
    fill_ballots(proposal, arena, to);
    /* The register has decoded actions alone. */
    CHECK(message_decode(&tallystick__v1__governance_action__descriptor, MESSAGE_CANONICAL,
              span_of(proposal->action, proposal->action_size), arena, &action) == TALLY_OK);
    to->action = (Tallystick__V1__GovernanceAction *)action;
}

static void fill_closed(const struct closed_proposal *closed, Tallystick__V1__ClosedProposal *to)
{
    tallystick__v1__closed_proposal__init(to);
    to->number = closed->number;
    to->id = digest_bytes(&closed->id);
    to->member_id = closed->member_id;
    to->action = text_of(action_name((uint32_t)closed->kind));
    to->outcome = text_of(proposal_outcome_name((uint32_t)closed->outcome));
    if (closed->outcome == PROPOSAL_VOID) to->why = text_of(ruling_name(closed->why));
    to->height = closed->height;
}

void handle_get_proposals(void *context, struct rpc_call *call)
{
    struct services *services = context;
    Tallystick__V1__GetProposalsReply reply = TALLYSTICK__V1__GET_PROPOSALS_REPLY__INIT;
    struct arena arena;
    if (!services_admit(services, call)) return;
    const struct member_register *from = &executor_register(node_executor(services->node))->value;
    arena_init(&arena, REGISTER_ARENA_BUDGET);
    reply.height = executor_applied_height(node_executor(services->node));
    reply.voters = register_voter_count(from);
    reply.yes_needed = register_yes_needed(from);
    reply.n_open = from->open_count;
    reply.open = take_list(&arena, from->open_count, sizeof(Tallystick__V1__OpenProposal));
    for (uint32_t i = 0; i < from->open_count; i++)
        fill_open(from, &from->open[i], &arena, reply.open[i]);
    reply.n_closed = from->closed_count;
    reply.closed = take_list(&arena, from->closed_count, sizeof(Tallystick__V1__ClosedProposal));
    for (uint32_t i = 0; i < from->closed_count; i++)
        fill_closed(&from->closed[i], reply.closed[i]);
    reply_at_once(call, &reply.base);
    arena_close(&arena);
}
