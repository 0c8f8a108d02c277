/* R11: "New validators are admitted only once they have shown that they are synced." A node that members want
 * as a validator says so itself, by a READY that its key signs: a certified checkpoint of this epoch, which
 * it has applied too. */
#include <stdlib.h>

#include "node/clock.h"
#include "node/governance/rules.h"
#include "node/net/log.h"
#include "node/node_internal.h"
#include "proto/base/check.h"

/* One that was not ordered is said again so long after; one that an epoch's end overtook, at once. */
#define READY_AGAIN_MS 60000u
#define READY_LIFETIME_MS (5u * 60u * 1000u)

/* Wanted, and neither voting nor known to be ready; and with a vote record by now, which is made only where
 * the node stands level with a quorum: else it would be counted and could not vote. */
static bool is_asked_for(const struct node *node)
{
    const struct member_register *members = &executor_register(node->executor)->value;
    if (node->roster.self == ROSTER_NONE || node->roster.signer != ROSTER_NONE || !node->has_votes)
        return false;
    const struct register_node *own =
        register_node_by_id(members, node->roster.slots[node->roster.self].node_id);
    return own != NULL && own->validator && own->ready == 0 && members->epoch == node->epoch;
}

/* Nobody waits for it: the register tells what came of it. */
static void on_answer(void *context, const struct submission_outcome *outcome)
{
    (void)context;
    if (outcome->kind == OUTCOME_REFUSED || outcome->kind == OUTCOME_FAILED)
        LOG_UNUSUAL("this node's word that it is synced was refused",
            LOG_S("why",
                outcome->refusal != NULL ? outcome->refusal->reason : tally_error_text(outcome->error)));
}

static void say_ready(struct node *node, const struct certified_checkpoint *shown)
{
    struct buffer body, bytes;
    struct submission *submission;
    const struct node_signer *signer = node_newest_signer(node);
    const struct signing purpose = {.kind = SIGNING_GOVERNANCE};
    struct governance_transaction *ready = calloc(1, sizeof *ready);
    CHECK(ready != NULL);
    buffer_init(&body, GOVERNANCE_SIZE_MAX);
    buffer_init(&bytes, BATCH_SIZE_MAX);
    ready->chain_id = node->config->genesis.chain_id;
    ready->member_id = node->roster.slots[node->roster.self].member_id;
    ready->expires_at_ms = clock_wall_ms() + READY_LIFETIME_MS;
    ready->kind = GOVERNANCE_READY;
    ready->ready = *shown;
    governance_body_encode(ready, &body);
    ready->body = buffer_span(&body);
    ready->key = signer->key;
    ready->digest = governance_digest(ready);
    int error = node_signer_sign(signer, &purpose, &ready->digest, &ready->signature);
    struct batch batch = batch_of_governance(ready);
    batch_encode(&batch, true, &bytes);
    CHECK(!body.failed && !bytes.failed);
    if (error == TALLY_OK)
        error = submissions_start(
            node->submissions, buffer_span(&bytes), SUBMISSION_FINAL, on_answer, node, &submission);
    if (error == TALLY_OK)
        LOG_INFO("this node says that it is synced, to become a validator",
            LOG_U("checkpoint", shown->checkpoint.height));
    buffer_close(&body);
    buffer_close(&bytes);
    free(ready);
}

void node_look_ready(struct node *node)
{
    struct certified_checkpoint shown;
    uint64_t now_ms = clock_now_ms();
    if (!is_asked_for(node) || !executor_newest_certified(node->executor, &shown)) return;
    /* With some room: blocks go on while it is on its way. */
    if (shown.checkpoint.epoch != node->epoch || checkpoint_seals(&shown.checkpoint) ||
        shown.checkpoint.height + READY_LAG_MAX / 2 < executor_applied_height(node->executor))
        return;
    if (node->ready_epoch == node->epoch && now_ms - node->ready_ms < READY_AGAIN_MS) return;
    node->ready_ms = now_ms;
    node->ready_epoch = node->epoch;
    say_ready(node, &shown);
}
