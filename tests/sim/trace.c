#include "tests/sim/trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define LINE_SIZE 240

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
    return "no such vote";
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
    return "no certificate";
}

static unsigned short_of(const struct digest *digest)
{
    return get_u32(digest->bytes) >> 8;
}

static void say_message(const struct consensus_message *message, char line[LINE_SIZE])
{
    switch (message->kind) {
    case MESSAGE_PROPOSAL:
        if (message->proposal == NULL) {
            snprintf(line, LINE_SIZE, "proposal %06x", short_of(&message->block));
            return;
        }
        snprintf(line, LINE_SIZE,
            "proposal %06x of view %" PRIu64 " height %" PRIu64 " on view %" PRIu64 " by %s, %u skipped",
            short_of(&message->proposal->hash), message->proposal->header.view,
            message->proposal->header.height, message->proposal->header.parent_view,
            certificate_name(message->proposal->justification.parent_certificate.kind),
            message->proposal->justification.nullification_count);
        return;
    case MESSAGE_VOTE:
        snprintf(line, LINE_SIZE, "vote of %u: %s view %" PRIu64 " %06x", message->vote->signer,
            vote_name(message->vote->kind), message->vote->view, short_of(&message->vote->block));
        return;
    case MESSAGE_CERTIFICATE:
        snprintf(line, LINE_SIZE, "%s view %" PRIu64 " %06x", certificate_name(message->certificate->kind),
            message->certificate->view, short_of(&message->certificate->block));
        return;
    case MESSAGE_PROPOSAL_REQUEST:
        snprintf(line, LINE_SIZE, "request for proposal %06x of view %" PRIu64, short_of(&message->block),
            message->view);
        return;
    case MESSAGE_ENTRY_REQUEST:
        snprintf(line, LINE_SIZE, "request for entry from view %" PRIu64, message->view);
        return;
    case MESSAGE_RANGE_REQUEST:
        snprintf(line, LINE_SIZE, "request for blocks from height %" PRIu64, message->height);
        return;
    case MESSAGE_RANGE:
        snprintf(line, LINE_SIZE, "range of %u from height %" PRIu64, message->range->count,
            message->range->headers[0].height);
        return;
    }
    snprintf(line, LINE_SIZE, "no such message");
}

static void print_at(const struct world *world, const struct replica *replica)
{
    printf("%11.6f  ", (double)world->now_us / 1e6);
    if (replica == NULL) return;
    bool second = replica->index >= world->identity_count;
    printf("replica %u%s%s ", replica->identity, replica->honest ? "" : " (liar)", second ? "'" : "");
}

void trace_replica(const struct world *world, const struct replica *replica, const char *format, ...)
{
    if (!world->traced) return;
    va_list arguments;
    print_at(world, replica);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

void trace_world(const struct world *world, const char *format, ...)
{
    if (!world->traced) return;
    va_list arguments;
    print_at(world, NULL);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

void trace_partition(const struct world *world, const struct partition *partition)
{
    if (!world->traced) return;
    print_at(world, NULL);
    printf("a partition, %s:", partition->one_way ? "outward only" : "both ways");
    for (uint32_t i = 0; i < world->identity_count; i++)
        if (partition->inside[i]) printf(" %u", i);
    printf(" | the rest\n");
}

void trace_input(
    const struct world *world, const struct replica *replica, const struct consensus_input *input)
{
    char line[LINE_SIZE];
    if (!world->traced) return;
    switch (input->kind) {
    case INPUT_TIME:
        trace_replica(world, replica, "looks at the clock");
        return;
    case INPUT_LINK_UP:
    case INPUT_LINK_DOWN:
        trace_replica(
            world, replica, "link to %u is %s", input->peer, input->kind == INPUT_LINK_UP ? "up" : "down");
        return;
    case INPUT_RECEIVED:
    case INPUT_VERIFIED:
        say_message(&input->message, line);
        trace_replica(world, replica, "%s from %u: %s%s",
            input->kind == INPUT_RECEIVED ? "receives" : "has checked", input->peer, line,
            input->kind == INPUT_VERIFIED && !input->ok ? ", which FAILS" : "");
        return;
    case INPUT_SIGNED_VOTE:
        trace_replica(
            world, replica, "has signed %s view %" PRIu64, vote_name(input->vote.kind), input->vote.view);
        return;
    case INPUT_PROPOSED:
        if (input->ok) say_message(&input->message, line);
        trace_replica(world, replica, "has made %s", input->ok ? line : "no proposal");
        return;
    case INPUT_DURABLE:
        trace_replica(world, replica, "records up to %" PRIu64 " are durable", input->sequence);
        return;
    case INPUT_PAYLOAD:
        trace_replica(world, replica, "payload of %06x is %s", short_of(&input->block),
            input->ok ? "held" : "malformed");
        return;
    case INPUT_WORK:
        trace_replica(world, replica, input->ok ? "has work" : "has no work");
        return;
    case INPUT_APPENDED:
        trace_replica(world, replica, "blocks up to height %" PRIu64 " are durable", input->height);
        return;
    case INPUT_SEAL:
        trace_replica(world, replica, "is %sto seal the epoch", input->ok ? "" : "no longer ");
        return;
    case INPUT_HEARD:
        trace_replica(world, replica, "hears from validators %" PRIx64, input->heard);
        return;
    }
}

static void trace_record(
    const struct world *world, const struct replica *replica, const struct consensus_output *output)
{
    const struct consensus_record *record = output->record;
    if (record->kind == RECORD_PROPOSAL)
        trace_replica(world, replica, "  stores %" PRIu64 ": own proposal %06x of view %" PRIu64,
            output->sequence, short_of(&record->block), record->header.view);
    else
        trace_replica(world, replica, "  stores %" PRIu64 ": %s view %" PRIu64 " %06x%s%s", output->sequence,
            vote_name(record->vote.kind), record->vote.view, short_of(&record->vote.block),
            record->has_notarization ? " with its NC" : "",
            record->has_admission ? " with its admission" : "");
}

void trace_output(
    const struct world *world, const struct replica *replica, const struct consensus_output *output)
{
    static const char *const causes[] = {"nothing", "start", "NC", "NullC", "FC", "catch-up"};
    char line[LINE_SIZE];
    if (!world->traced) return;
    switch (output->kind) {
    case OUTPUT_VERIFY:
        return;
    case OUTPUT_SIGN_VOTE:
        trace_replica(world, replica, "  signs %s view %" PRIu64 " %06x", vote_name(output->vote.kind),
            output->vote.view, short_of(&output->vote.block));
        return;
    case OUTPUT_PROPOSE:
        trace_replica(world, replica, "  proposes in view %" PRIu64 " height %" PRIu64, output->header.view,
            output->header.height);
        return;
    case OUTPUT_PERSIST:
        trace_record(world, replica, output);
        return;
    case OUTPUT_SEND:
        say_message(&output->message, line);
        if (output->peer == PEER_ALL)
            trace_replica(world, replica, "  sends all %s", line);
        else
            trace_replica(world, replica, "  sends %u %s", output->peer, line);
        return;
    case OUTPUT_NEED_PAYLOAD:
        trace_replica(world, replica, "  needs the payload of %06x", short_of(&output->block));
        return;
    case OUTPUT_COMMIT:
        trace_replica(world, replica, "  COMMITS %06x of view %" PRIu64 " at height %" PRIu64,
            short_of(&output->block), output->header.view, output->header.height);
        return;
    case OUTPUT_FLOOD_WORK:
        trace_replica(world, replica, "  floods its batches again");
        return;
    case OUTPUT_EVIDENCE:
        trace_replica(world, replica, "  holds evidence against %u", output->evidence->signer);
        return;
    case OUTPUT_CHARGE:
        trace_replica(world, replica, "  charges %u: %s", output->peer, output->reason);
        return;
    case OUTPUT_ENTERED:
        trace_replica(world, replica, "  enters view %" PRIu64 " by %s", output->view,
            (unsigned)output->cause < 6 ? causes[output->cause] : "?");
        return;
    case OUTPUT_PROVE_SEAL:
        trace_replica(
            world, replica, "  tells %u that epoch %" PRIu64 " is over", output->peer, output->epoch);
        return;
    case OUTPUT_DROP:
        trace_replica(world, replica, "  drops %06x", short_of(&output->block));
        return;
    }
}
