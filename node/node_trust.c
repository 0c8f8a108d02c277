/* What follows where this node was told to trust a checkpoint: it answers nothing before it has come there,
 * and goes no further by another way. */
#include <inttypes.h>
#include <stdio.h>

#include "node/net/log.h"
#include "node/node_internal.h"
#include "node/trust.h"

static const char contradicted[] =
    "this node's ledger contradicts the checkpoint that it was told to trust: either is of a fork, and the "
    "node goes no further; hold both against what other members have";

uint64_t node_trust_awaited(const struct node *node)
{
    const struct known_checkpoint *trusted = node->config->trusted;
    if (trusted == NULL) return 0;
    uint64_t height = trusted->certified.checkpoint.height;
    return executor_applied_height(node->executor) < height ? height : 0;
}

/* A state that is to be made anew has nothing to look at yet. */
static bool is_contradicted(struct node *node)
{
    const struct known_checkpoint *trusted = node->config->trusted;
    const struct checkpoint *checkpoint = &trusted->certified.checkpoint;
    struct state *state = executor_state(node->executor);
    struct digest hash;
    int error = ledger_hash(node->ledger, checkpoint->height, &hash);
    if (error == TALLY_OK && !digest_equal(&hash, &checkpoint->block)) return true;
    return state != NULL && !trust_is_in(trusted, state);
}

int node_trust_open(struct node *node, char *why, size_t why_size)
{
    const struct known_checkpoint *trusted = node->config->trusted;
    if (trusted == NULL || !is_contradicted(node)) return TALLY_OK;
    snprintf(why, why_size, "%s (height %" PRIu64 ")", contradicted, trusted->certified.checkpoint.height);
    return TALLY_EINVALID;
}

void node_trust_look(struct node *node, const struct checkpoint *applied)
{
    const struct known_checkpoint *trusted = node->config->trusted;
    if (trusted == NULL || trust_allows(trusted, applied)) return;
    LOG_BROKEN(contradicted, LOG_U("height", applied->height), LOG_H("block", &applied->block),
        LOG_H("trusted_block", &trusted->certified.checkpoint.block));
    node->serving = false;
    node_fail(node, "the checkpoint that it was told to trust", TALLY_EINVALID);
}
