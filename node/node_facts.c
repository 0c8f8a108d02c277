/* What the services ask the node. */
#include "node/clock.h"
#include "node/node_internal.h"
#include "proto/base/check.h"

const struct config *node_config(const struct node *node)
{
    return node->config;
}

uint32_t node_member_id(const struct node *node)
{
    return atomic_load(&node->member_id);
}

bool node_is_validator(const struct node *node)
{
    return node->roster.signer != ROSTER_NONE;
}

struct executor *node_executor(struct node *node)
{
    return node->executor;
}

struct submissions *node_submissions(struct node *node)
{
    return node->submissions;
}

bool node_is_serving(const struct node *node)
{
    return node->serving && !node->stopping && node_trust_awaited(node) == 0;
}

uint64_t node_rebuilt_height(const struct node *node)
{
    return node->rebuilt_height;
}

const char *node_why_not_serving(const struct node *node)
{
    if (node->joining)
        return "this node joins the network: it looks for a snapshot, or fetches one; see its status";
    if (node->mending)
        return "this node's state waits for a block that its ledger lost, which peers are asked for; see its "
               "log";
    if (node_trust_awaited(node) != 0)
        return "this node has not come to the checkpoint that it was told to trust; see its status";
    return "this node is not serving now";
}

void node_backfill(const struct node *node, struct backfill_status *status)
{
    backfiller_status(node->backfiller, status);
}

void node_status(struct node *node, struct node_status *status)
{
    replica_status(node->replica, &status->replica);
    status->epoch = node->epoch;
    executor_last(node->executor, &status->applied, &status->counts);
    status->has_certified = executor_newest_certified(node->executor, &status->certified);
    mempool_status(node->mempool, &status->mempool);
    status->may_vote = replica_may_vote(node->replica);
}

static struct pressure_counts pressure_counts(const struct node *node)
{
    return (struct pressure_counts){
        .batches = node->batches_applied,
        .applied_height = executor_applied_height(node->executor),
        .certified_height = certifier_newest(node->certifier),
    };
}

void node_look_at_pressure(struct node *node)
{
    struct pressure_counts counts = pressure_counts(node);
    pressure_look(&node->pressure, clock_now_ms(), &counts);
}

enum pressure_cause node_pressure(const struct node *node, uint32_t *retry_ms)
{
    struct pressure_counts counts = pressure_counts(node);
    struct replica_status status;
    replica_status(node->replica, &status);
    return pressure_judge(&node->pressure, status.consensus.durable_height, &counts, retry_ms);
}

uint32_t node_full_retry_ms(const struct node *node)
{
    struct mempool_status status;
    mempool_status(node->mempool, &status);
    return pressure_full_retry_ms(&node->pressure, status.waiting_count);
}

static void describe_validator(struct node *node, uint32_t index, struct standing_validator *validator)
{
    struct links_status link = {0};
    uint32_t slot = roster_slot(&node->roster, index);
    bool self = index == node->roster.signer;
    if (slot != ROSTER_NONE) links_peer_status(node->links, slot, &link);
    *validator = (struct standing_validator){
        .name = roster_validator_name(&node->roster, index),
        .reachable = self || link.up,
        .heard_ms_ago = link.heard_ms == 0 ? UINT64_MAX : uv_now(node->loop) - link.heard_ms,
        .finalized_height = slot != ROSTER_NONE ? node->peer_heights[slot] : 0,
        .spoken = replica_voice(node->replica, index),
    };
    if (self) validator->heard_ms_ago = 0;
}

void node_standing_facts(
    struct node *node, struct standing_validator validators[VALIDATORS_MAX], struct standing_facts *facts)
{
    struct mempool_status mempool;
    uint32_t count = node->roster.validators->set.count;
    const struct member_register *members = &executor_register(node->executor)->value;
    const struct register_flag *unknown = register_first_unknown_flag(members, FLAGS_KNOWN);
    mempool_status(node->mempool, &mempool);
    *facts = (struct standing_facts){
        .count = count,
        .validators = validators,
        .self = node->roster.signer,
        .may_vote = replica_may_vote(node->replica),
        .applied_height = executor_applied_height(node->executor),
        .certified_height = certifier_heard(node->certifier),
        .batches = mempool.waiting_count,
        .serving = node->serving,
        .split = node->split_ticks >= SPLIT_TICKS,
        .trust_height = node_trust_awaited(node),
        .unknown_flag = unknown == NULL ? 0 : unknown->flag,
        .unknown_flag_from = unknown == NULL ? 0 : unknown->from,
        .base_timeout_ms = members->set.base_timeout_ms,
        .wall_ms = clock_wall_ms(),
    };
    facts->joining = node->joining;
    if (node->joining) newcomer_status(node->newcomer, &facts->joiner);
    backfiller_status(node->backfiller, &facts->backfill);
    replica_status(node->replica, &facts->replica);
    certifier_gathering(node->certifier, &facts->gathering);
    for (uint32_t i = 0; i < count; i++)
        describe_validator(node, i, &validators[i]);
}

uint32_t node_peers(const struct node *node, struct node_peer peers[PEERS_MAX])
{
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < node->roster.slot_count; slot++) {
        const struct roster_slot *of = &node->roster.slots[slot];
        struct links_status status;
        if (!of->used || slot == node->roster.self || links_peer(node->links, slot) == NULL) continue;
        links_peer_status(node->links, slot, &status);
        peers[count++] = (struct node_peer){
            .name = of->name,
            .key = &of->key,
            .is_validator = roster_is_validator(&node->roster, slot),
            .up = status.up,
            .finalized_height = node->peer_heights[slot],
            .heard_ms_ago = status.heard_ms == 0 ? UINT64_MAX : uv_now(node->loop) - status.heard_ms,
            .link = status,
        };
    }
    return count;
}

uint32_t node_voters(const struct node *node, struct node_voter voters[PEERS_MAX])
{
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < node->roster.slot_count; slot++) {
        const struct roster_slot *of = &node->roster.slots[slot];
        bool votes = roster_is_validator(&node->roster, slot);
        if (!of->used || (!votes && meters.validators[slot].node_id != of->node_id)) continue;
        voters[count++] = (struct node_voter){
            .name = of->name,
            .spoken =
                votes ? replica_voice(node->replica, of->seat) : (struct replica_voice){.ms_ago = UINT64_MAX},
            .meters = meters_of_validator(slot, of->node_id),
        };
    }
    return count;
}

static struct news_heights heights_now(const struct node *node)
{
    struct news_heights now = {.applied = executor_applied_height(node->executor)};
    struct certified_checkpoint newest;
    if (executor_newest_certified(node->executor, &newest)) now.certified = newest.checkpoint.height;
    return now;
}

struct news *node_news(struct node *node)
{
    return node->news;
}

struct news_heights node_news_told(const struct node *node, const struct news_follower *follower)
{
    struct news_heights now = heights_now(node);
    return news_told(node->news, follower, &now);
}

void node_tell_news(struct node *node)
{
    struct news_heights now = heights_now(node);
    news_came(node->news, &now);
}
