#include "tests/sim/trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "tests/sim/trace_say.h"

/* What came in and is told only if something follows from it: most of what happens to a replica changes
 * nothing. */
static char pending[SAY_SIZE + 80];

static void print_line(
    const struct world *world, const struct replica *replica, const char *format, va_list arguments)
{
    printf("%10.3f  ", (double)world->now_us / 1e3);
    if (replica != NULL) {
        bool member = vault_signer(&world->vault, replica->epoch, replica->identity) != SIGNER_NONE;
        const char *who = !replica->honest ? "liar" : member ? "validator" : "observer";
        printf("%s %u%s ", who, replica->identity, replica->index >= world->identity_count ? "'" : "");
    }
    vprintf(format, arguments);
    putchar('\n');
}

void trace_replica(const struct world *world, const struct replica *replica, const char *format, ...)
{
    if (!world->traced) return;
    va_list arguments;
    va_start(arguments, format);
    print_line(world, replica, format, arguments);
    va_end(arguments);
}

void trace_world(const struct world *world, const char *format, ...)
{
    if (!world->traced) return;
    va_list arguments;
    va_start(arguments, format);
    print_line(world, NULL, format, arguments);
    va_end(arguments);
}

static void hold(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void hold(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(pending, sizeof pending, format, arguments);
    va_end(arguments);
}

static void tell_pending(const struct world *world, const struct replica *replica)
{
    if (pending[0] != '\0') trace_replica(world, replica, "%s", pending);
    pending[0] = '\0';
}

void trace_begin(const struct world *world)
{
    char faults[200];
    const struct plan *plan = &world->plan;
    if (!world->traced) return;
    plan_faults_say(plan->faults, faults, sizeof faults);
    printf("Seed %" PRIu64
           ": %u validators, of which %u lie; %u who can join them and %u observers. D is %u ms.\n"
           "What may go wrong: %s; for %" PRIu64 " ms, and then the network is well.\n"
           "Lines: milliseconds, who, and what came to it; indented, what it did about that. A liar runs "
           "twice,\n"
           "as N and N'. What changed nothing is left out. notarize(7, 1a827f) is a vote in view 7 for the "
           "block\n"
           "1a827f..; a quorum of such votes is an NC; of finalize an FC, of nullify a NullC.\n\n",
        plan->seed, plan->validators, plan->liars, plan->spares, plan->observers, plan->base_timeout_ms,
        faults, plan->fault_us / MILLISECOND_US);
}

void trace_partition(const struct world *world, const struct partition *partition)
{
    char inside[4 * PEERS_MAX] = "";
    size_t at = 0;
    if (!world->traced) return;
    for (uint32_t i = 0; i < world->identity_count; i++)
        if (partition->inside[i]) at += (size_t)snprintf(inside + at, sizeof inside - at, " %u", i);
    trace_world(world,
        partition->one_way ? "what%s say no longer reaches the others"
                           : "a partition:%s are cut off from the others",
        inside);
}

static void hold_heard(const struct world *world, const struct replica *replica, uint64_t heard)
{
    char who[4 * VALIDATORS_MAX] = " nobody";
    size_t at = 0;
    for (uint32_t i = 0; i < VALIDATORS_MAX; i++)
        if (heard >> i & 1)
            at += (size_t)snprintf(
                who + at, sizeof who - at, " %u", vault_identity(&world->vault, replica->epoch, i));
    hold("was sent something, of late, by%s", who);
}

/* Inputs about votes, records and the like; true for those. */
static bool own_input(
    const struct world *world, const struct replica *replica, const struct consensus_input *input)
{
    char line[SAY_SIZE];
    if (input->kind == INPUT_SIGNED_VOTE) {
        say_vote(&input->vote, line);
        hold("has %s signed", line);
    } else if (input->kind == INPUT_PROPOSED) {
        if (input->ok) say_message(&world->vault, &input->message, line);
        trace_replica(world, replica, "has made %s", input->ok ? line : "no proposal");
    } else if (input->kind == INPUT_DURABLE) {
        hold("has its records up to number %" PRIu64 " on disk", input->sequence);
    } else if (input->kind == INPUT_APPENDED) {
        hold("has its blocks up to height %" PRIu64 " on disk", input->height);
    } else if (input->kind == INPUT_PAYLOAD) {
        trace_replica(world, replica, "finds the payload of %06x %s", say_digest(&input->block),
            input->ok ? "well, and holds it" : "malformed, or its next set wrong");
    } else {
        return false;
    }
    return true;
}

void trace_input(
    const struct world *world, const struct replica *replica, const struct consensus_input *input)
{
    char line[SAY_SIZE];
    if (!world->traced) return;
    pending[0] = '\0';
    if (own_input(world, replica, input)) return;
    if (input->kind == INPUT_TIME) {
        hold("looks at the clock");
    } else if (input->kind == INPUT_HEARD) {
        hold_heard(world, replica, input->heard);
    } else if (input->kind == INPUT_LINK_UP || input->kind == INPUT_LINK_DOWN) {
        hold("%s %u", input->kind == INPUT_LINK_UP ? "has a link to" : "loses its link to", input->peer);
    } else if (input->kind == INPUT_WORK) {
        hold(input->ok ? "has batches to propose" : "has nothing left to propose");
    } else if (input->kind == INPUT_SEAL) {
        trace_replica(world, replica, "is %sto seal the epoch", input->ok ? "" : "no longer ");
    } else {
        say_message(&world->vault, &input->message, line);
        bool received = input->kind == INPUT_RECEIVED;
        hold("%s %u: %s", received ? "hears from" : "has checked what it heard from", input->peer, line);
        if (!received && !input->ok) trace_replica(world, replica, "finds a signature wrong in %s", line);
    }
}

static void trace_record(
    const struct world *world, const struct replica *replica, const struct consensus_output *output)
{
    char line[SAY_SIZE];
    const struct consensus_record *record = output->record;
    if (record->kind == RECORD_PROPOSAL)
        snprintf(line, sizeof line, "its proposal %06x of view %" PRIu64, say_digest(&record->block),
            record->header.view);
    else
        say_vote(&record->vote, line);
    trace_replica(world, replica, "  stores as number %" PRIu64 ": %s%s%s", output->sequence, line,
        record->has_notarization ? ", with the NC it rests on" : "",
        record->has_admission ? ", with what admitted it to the view" : "");
}

static void trace_send(
    const struct world *world, const struct replica *replica, const struct consensus_output *output)
{
    char line[SAY_SIZE];
    say_message(&world->vault, &output->message, line);
    if (output->peer == PEER_ALL)
        trace_replica(world, replica, "  tells all: %s", line);
    else
        trace_replica(world, replica, "  tells %u: %s", replica_peer(world, replica, output->peer), line);
}

void trace_output(
    const struct world *world, const struct replica *replica, const struct consensus_output *output)
{
    static const char *const causes[] = {
        "", "", ": the one before had an NC", ": the one before had a NullC", ": it had an FC"};
    char line[SAY_SIZE];
    if (!world->traced || output->kind == OUTPUT_VERIFY || output->kind == OUTPUT_DROP) return;
    tell_pending(world, replica);
    switch (output->kind) {
    case OUTPUT_VERIFY:
    case OUTPUT_DROP:
        return;
    case OUTPUT_SIGN_VOTE:
        say_vote(&output->vote, line);
        trace_replica(world, replica, "  decides for %s", line);
        return;
    case OUTPUT_PROPOSE:
        trace_replica(world, replica,
            "  is to propose, as the leader of view %" PRIu64 ", at height %" PRIu64, output->header.view,
            output->header.height);
        return;
    case OUTPUT_PERSIST:
        trace_record(world, replica, output);
        return;
    case OUTPUT_SEND:
        trace_send(world, replica, output);
        return;
    case OUTPUT_NEED_PAYLOAD:
        trace_replica(world, replica, "  needs the payload of %06x", say_digest(&output->block));
        return;
    case OUTPUT_COMMIT:
        trace_replica(world, replica, "  COMMITS %06x of view %" PRIu64 " at height %" PRIu64 "%s%s",
            say_digest(&output->block), output->header.view, output->header.height,
            output->header.seals ? ", which ends the epoch" : "",
            output->seal_path_count > 0 ? ", by the FC of a descendant" : "");
        return;
    case OUTPUT_PROVE_SEAL:
        trace_replica(world, replica, "  tells %u that epoch %" PRIu64 " is over",
            replica_peer(world, replica, output->peer), output->epoch);
        return;
    case OUTPUT_FLOOD_WORK:
        trace_replica(world, replica, "  sends its waiting batches to all again");
        return;
    case OUTPUT_EVIDENCE:
        trace_replica(world, replica, "  has EVIDENCE against %u",
            vault_identity(&world->vault, replica->epoch, output->evidence->signer));
        return;
    case OUTPUT_CHARGE:
        trace_replica(world, replica, "  charges the link to %u with a fault: %s",
            replica_peer(world, replica, output->peer), output->reason);
        return;
    case OUTPUT_ENTERED:
        trace_replica(world, replica, "  enters view %" PRIu64 "%s", output->view, causes[output->cause]);
        return;
    }
}
