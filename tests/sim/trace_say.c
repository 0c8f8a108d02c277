#include "tests/sim/trace_say.h"

#include <inttypes.h>
#include <stdio.h>

static const char *vote_name(enum vote_kind kind)
{
    switch (kind) {
    case VOTE_NOTARIZE:
        return "notarize";
    case VOTE_FINALIZE:
        return "finalize";
    case VOTE_NULLIFY:
        return "nullify";
    }
    return "no-such-vote";
}

static const char *certificate_name(enum vote_kind kind)
{
    switch (kind) {
    case VOTE_NOTARIZE:
        return "NC";
    case VOTE_FINALIZE:
        return "FC";
    case VOTE_NULLIFY:
        return "NullC";
    }
    return "no-certificate";
}

static void say_named(
    const char *name, enum vote_kind kind, uint64_t view, const struct digest *block, char line[SAY_SIZE])
{
    if (kind == VOTE_NULLIFY)
        snprintf(line, SAY_SIZE, "%s(%" PRIu64 ")", name, view);
    else
        snprintf(line, SAY_SIZE, "%s(%" PRIu64 ", %06x)", name, view, say_digest(block));
}

void say_vote(const struct vote *vote, char line[SAY_SIZE])
{
    say_named(vote_name(vote->kind), vote->kind, vote->view, &vote->block, line);
}

static void say_proposal(const struct proposal *proposal, char line[SAY_SIZE])
{
    const struct block_header *header = &proposal->header;
    const struct justification *because = &proposal->justification;
    char parent[80] = "genesis", flags[40] = "";
    if (!because->parent_is_genesis && because->parent.epoch != header->epoch)
        snprintf(parent, sizeof parent, "the seal of epoch %" PRIu64, because->parent.epoch);
    else if (!because->parent_is_genesis)
        snprintf(parent, sizeof parent, "view %" PRIu64 " by its %s", header->parent_view,
            certificate_name(because->parent_certificate.kind));
    if (header->seals || header->after_seal)
        snprintf(flags, sizeof flags, ", %s", header->seals ? "SEALS the epoch" : "after a seal");
    snprintf(line, SAY_SIZE,
        "proposal %06x (view %" PRIu64 ", height %" PRIu64 ", on %s, %u views skipped, %u batches%s)",
        say_digest(&proposal->hash), header->view, header->height, parent, because->nullification_count,
        proposal->batch_count, flags);
}

static void say_range(const struct consensus_range *range, char line[SAY_SIZE])
{
    snprintf(line, SAY_SIZE, "the blocks of heights %" PRIu64 " to %" PRIu64, range->headers[0].height,
        range->headers[range->count - 1].height);
}

void say_message(const struct vault *vault, const struct consensus_message *message, char line[SAY_SIZE])
{
    char vote[SAY_SIZE];
    const struct certificate *certificate = message->certificate;
    switch (message->kind) {
    case MESSAGE_PROPOSAL:
        if (message->proposal != NULL)
            say_proposal(message->proposal, line);
        else
            snprintf(line, SAY_SIZE, "proposal %06x", say_digest(&message->block));
        return;
    case MESSAGE_VOTE:
        say_vote(message->vote, vote);
        snprintf(line, SAY_SIZE, "%d's %.200s",
            (int)vault_identity(vault, message->vote->epoch, message->vote->signer), vote);
        return;
    case MESSAGE_CERTIFICATE:
        say_named(certificate_name(certificate->kind), certificate->kind, certificate->view,
            &certificate->block, line);
        return;
    case MESSAGE_PROPOSAL_REQUEST:
        snprintf(line, SAY_SIZE, "a request for proposal %06x of view %" PRIu64, say_digest(&message->block),
            message->view);
        return;
    case MESSAGE_ENTRY_REQUEST:
        snprintf(line, SAY_SIZE, "a request for what leads on from view %" PRIu64 " of epoch %" PRIu64,
            message->view, message->epoch);
        return;
    case MESSAGE_RANGE_REQUEST:
        snprintf(line, SAY_SIZE, "a request for blocks from height %" PRIu64, message->height);
        return;
    case MESSAGE_RANGE:
        say_range(message->range, line);
        return;
    }
    snprintf(line, SAY_SIZE, "no such message");
}
