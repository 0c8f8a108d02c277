#include "tests/scope/tell.h"

#include <inttypes.h>

static FILE *told;
static bool only_briefly;

void tell_to(FILE *out, bool briefly)
{
    told = out;
    only_briefly = briefly;
}

static const char *named(const struct digest *hash)
{
    static char name[NAME_SIZE];
    uint16_t block = term_of_hash(hash);
    if (block == NO_BLOCK) return "an unknown block";
    block_name(block, name);
    return name;
}

static const char *claimed(uint16_t claim)
{
    static char name[NAME_SIZE + 16];
    claim_name(claim, name);
    return name;
}

static void tell_message(const struct consensus_message *message)
{
    switch (message->kind) {
    case MESSAGE_PROPOSAL:
        fprintf(told, "the proposal of %s", named(&message->block));
        return;
    case MESSAGE_VOTE:
        fprintf(told, "%s", claimed(claim_of_vote(message->vote)));
        return;
    case MESSAGE_CERTIFICATE:
        fprintf(told, "a certificate: %s", claimed(claim_of_certificate(message->certificate)));
        return;
    case MESSAGE_PROPOSAL_REQUEST:
        fprintf(told, "a request for %s", named(&message->block));
        return;
    case MESSAGE_ENTRY_REQUEST:
        fprintf(told, "a request for what admits after view %" PRIu64, message->view);
        return;
    case MESSAGE_RANGE_REQUEST:
        fprintf(told, "a request for blocks from height %" PRIu64, message->height);
        return;
    case MESSAGE_RANGE:
        fprintf(told, "a range");
        return;
    }
}

static void tell_record(const struct consensus_record *record)
{
    if (record->kind == RECORD_PROPOSAL)
        fprintf(told, "its proposal of %s", named(&record->block));
    else
        fprintf(told, "%s", claimed(claim_of_vote(&record->vote)));
    if (record->has_notarization)
        fprintf(told, ", resting on: %s", claimed(claim_of_certificate(&record->notarization)));
    if (record->has_admission)
        fprintf(told, ", admitted by: %s", claimed(claim_of_certificate(&record->admission)));
}

static void tell_send(const struct actor *actor, const struct consensus_output *output)
{
    fprintf(told, "    %u sends ", actor->index);
    if (output->peer == PEER_ALL)
        fprintf(told, "all ");
    else
        fprintf(told, "%u ", output->peer);
    tell_message(&output->message);
    fprintf(told, "\n");
}

void tell_output(const struct actor *actor, const struct consensus_output *output)
{
    static const char *const causes[] = {
        "", "its start", "a notarization", "a nullification", "a finalization"};
    if (!told) return;
    switch (output->kind) {
    case OUTPUT_ENTERED:
        fprintf(told, "    %u enters view %" PRIu64 " by %s\n", actor->index, output->view,
            causes[output->cause]);
        return;
    case OUTPUT_COMMIT:
        fprintf(told, "    %u commits %s\n", actor->index, named(&output->block));
        return;
    case OUTPUT_EVIDENCE:
        fprintf(told, "    %u holds evidence against %u\n", actor->index, output->evidence->signer);
        return;
    case OUTPUT_CHARGE:
        fprintf(told, "    %u refuses it: %s\n", actor->index, output->reason);
        return;
    case OUTPUT_PERSIST:
        if (only_briefly) return;
        fprintf(told, "    %u stores ", actor->index);
        tell_record(output->record);
        fprintf(told, "%s\n", actor->life.stalled ? " (not acknowledged)" : "");
        return;
    case OUTPUT_SEND:
        if (!only_briefly) tell_send(actor, output);
        return;
    case OUTPUT_VERIFY:
    case OUTPUT_SIGN_VOTE:
    case OUTPUT_PROPOSE:
    case OUTPUT_NEED_PAYLOAD:
    case OUTPUT_PROVE_SEAL:
    case OUTPUT_FLOOD_WORK:
    case OUTPUT_DROP:
        return;
    }
}
