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

/* R0: "Another epoch's messages count for nothing. Who is in an older one is sent the proof of its seal; who
 * is in a newer one shows that blocks are missing here." Catching up begins with that peer. */
void epoch_other(struct consensus *c, uint32_t peer, uint64_t epoch, bool answer)
{
    CHECK(epoch != c->config.set.epoch);
    if (epoch < c->config.set.epoch) {
        if (answer) seal_prove(c, peer, epoch);
        return;
    }
    if (c->later_epoch) return;
    c->later_epoch = true;
    uint32_t turns = c->config.peer_count;
    if (c->range_ms == 0) c->range_peer = (peer + turns - 1) % turns;
}
