#include "consensus/core.h"

bool epoch_ended(const struct consensus *c)
{
    return c->floor.header.seals && c->floor.header.epoch == c->config.set.epoch;
}

bool epoch_fresh(const struct consensus *c)
{
    return c->floor.view == 0;
}

bool parent_in_epoch(const struct consensus *c, const struct justification *justification)
{
    return !justification->parent_is_genesis && justification->parent.epoch == c->config.set.epoch;
}

/* R11: "Blocks after a seal carry the after-seal flag, are empty, and seal nothing." */
const char *flags_fault(const struct block_header *header)
{
    if (header->seals && header->after_seal) return "header seals a sealed epoch";
    if (header->seals == digest_is_zero(&header->next_set)) return "header's next set";
    if (header->after_seal && (header->payload_size != 0 || header->payload_events != 0))
        return "payload after a seal";
    return NULL;
}

bool flags_follow(const struct block_header *parent, const struct block_header *header)
{
    return header->after_seal == (parent->seals || parent->after_seal);
}

static void seal_prove(struct consensus *c, uint32_t peer, uint64_t epoch)
{
    if (epoch == 0 || !help_allowed(c, peer)) return;
    struct consensus_output *output = emit(c, OUTPUT_PROVE_SEAL);
    output->peer = peer;
    output->epoch = epoch;
}

/* One peer a D, and none again before each could have had its turn: whoever only pretends to be ahead takes
 * one turn. */
static void range_from_later(struct consensus *c, uint32_t peer)
{
    struct peer_state *state = &c->peers[peer];
    uint64_t again_ms = (uint64_t)c->n * c->config.base_timeout_ms;
    if (epoch_ended(c) || c->now_ms < c->epoch_ask_ms) return;
    if (state->range_ms > 0 && c->now_ms < state->range_ms - 1 + again_ms) return;
    state->range_ms = c->now_ms + 1;
    c->epoch_ask_ms = c->now_ms + c->config.base_timeout_ms;
    range_request(c, peer);
}

/* R0: "Another epoch's messages count for nothing. Who is in an older one is sent the proof of its seal; who
 * is in a newer one is asked for the blocks that are missing here." */
void epoch_other(struct consensus *c, uint32_t peer, uint64_t epoch, bool answer)
{
    CHECK(epoch != c->config.set.epoch);
    if (epoch > c->config.set.epoch)
        range_from_later(c, peer);
    else if (answer)
        seal_prove(c, peer, epoch);
}
