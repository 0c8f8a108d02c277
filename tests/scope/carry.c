#include "tests/scope/carry.h"

#include <stdio.h>

#include "proto/base/check.h"
#include "tests/scope/arena.h"
#include "tests/scope/disk.h"

static void answer_later(struct actor *actor, const struct answer *answer)
{
    CHECK(actor->answer_count < ANSWERS_MAX);
    actor->answers[(actor->answer_first + actor->answer_count++) % ANSWERS_MAX] = *answer;
}

static void rest_on(struct actor *actor, const struct certificate *certificate)
{
    if (!certificate_signed_well(certificate)) actor_trouble(actor, "holds a certificate nobody made");
    claims_add(&actor->rests, claim_of_certificate(certificate));
}

static void carry_sign(struct actor *actor, const struct consensus_output *output)
{
    struct answer answer = {.kind = ANSWER_SIGNED, .vote = output->vote};
    if (output->vote.signer != actor->index) actor_trouble(actor, "asks to sign as somebody else");
    vote_sign(&answer.vote);
    answer_later(actor, &answer);
}

static void carry_propose(struct actor *actor, const struct consensus_output *output)
{
    struct answer answer = {.kind = ANSWER_PROPOSED, .block = NO_BLOCK};
    if (actor->post || output->header.view <= actor->views)
        answer.block = term_proposed(&output->header, output->justification);
    arena_scratch(actor->index, output->justification->nullifications);
    answer_later(actor, &answer);
}

static void carry_persist(struct actor *actor, const struct consensus_output *output)
{
    const struct consensus_record *record = output->record;
    struct answer answer = {.kind = ANSWER_DURABLE, .number = output->sequence};
    if (record->has_notarization) rest_on(actor, &record->notarization);
    if (record->has_admission) rest_on(actor, &record->admission);
    actor->sequence = output->sequence;
    if (!disk_write(&actor->life, disk_number(record)))
        actor_trouble(actor, "stores without end");
    else if (!actor->life.stalled)
        answer_later(actor, &answer);
}

static void post(struct actor *actor, uint32_t peer, const struct consensus_message *message)
{
    static struct envelope envelope;
    if (!actor->post) return;
    memset(&envelope, 0, offsetof(struct envelope, certificate));
    envelope.from = actor->index;
    envelope.to = peer;
    envelope.kind = message->kind;
    envelope.epoch = message->epoch;
    envelope.view = message->view;
    envelope.height = message->height;
    envelope.hash = message->block;
    if (message->kind == MESSAGE_VOTE) envelope.vote = *message->vote;
    if (message->kind == MESSAGE_CERTIFICATE) envelope.certificate = *message->certificate;
    if (message->kind == MESSAGE_PROPOSAL) envelope.block = term_of_hash(&message->block);
    actor->post(&envelope);
}

static void carry_send(struct actor *actor, const struct consensus_output *output)
{
    const struct consensus_message *message = &output->message;
    if (message->kind == MESSAGE_VOTE && message->vote->signer == actor->index) {
        if (!vote_signed_well(message->vote)) actor_trouble(actor, "sends a vote it did not sign");
        claims_add(&actor->life.said, claim_of_vote(message->vote));
    }
    if (message->kind == MESSAGE_CERTIFICATE) {
        arena_scratch(actor->index, message->certificate);
        rest_on(actor, message->certificate);
    }
    if (message->kind == MESSAGE_PROPOSAL) {
        uint16_t block = term_of_hash(&message->block);
        CHECK(block != NO_BLOCK);
        if (leader_of(term_at(block)->view, SCOPE_NODES) == actor->index) bits_add(&actor->life.led, block);
    }
    post(actor, output->peer, message);
}

static void carry_commit(struct actor *actor, const struct consensus_output *output)
{
    struct life *life = &actor->life;
    uint16_t block = term_of_hash(&output->block);
    CHECK(block != NO_BLOCK);
    const struct term *term = term_at(block);
    if (output->header.height != term_at(life->ledger)->height + 1u || term->parent != life->ledger)
        actor_trouble(actor, "commits out of order");
    life->ledger = block;
    life->open_commit = block;
    if (!output->certificate) return;
    if (output->certificate->kind != VOTE_FINALIZE ||
        !digest_equal(&output->certificate->block, &output->block))
        actor_trouble(actor, "commits by a certificate that does not finalize it");
    rest_on(actor, output->certificate);
    life->open_commit = 0;
    struct answer answer = {.kind = ANSWER_APPENDED, .number = term->height};
    if (!disk_write(life, (uint16_t)(LOG_LEDGER | block)))
        actor_trouble(actor, "commits without end");
    else if (!life->stalled)
        answer_later(actor, &answer);
}

static void carry_evidence(struct actor *actor, const struct consensus_output *output)
{
    const struct consensus_evidence *evidence = output->evidence;
    if (is_honest(evidence->signer))
        actor_trouble(actor, "holds evidence against %u, which is honest", evidence->signer);
}

static void carry_charge(struct actor *actor, const struct consensus_output *output)
{
    actor->refused = true;
    if (actor->shielded) return;
    actor_trouble(actor, "refuses what is right: %s", output->reason);
}

void carry(struct actor *actor, const struct consensus_output *output)
{
    struct answer answer = {0};
    arena_scratch(actor->index, output);
    if (actor->tell) actor->tell(actor, output);
    switch (output->kind) {
    case OUTPUT_VERIFY:
        actor->verify = true;
        return;
    case OUTPUT_SIGN_VOTE:
        carry_sign(actor, output);
        return;
    case OUTPUT_PROPOSE:
        carry_propose(actor, output);
        return;
    case OUTPUT_PERSIST:
        carry_persist(actor, output);
        return;
    case OUTPUT_SEND:
        carry_send(actor, output);
        return;
    case OUTPUT_NEED_PAYLOAD:
        answer.kind = ANSWER_PAYLOAD;
        answer.block = term_of_hash(&output->block);
        answer_later(actor, &answer);
        return;
    case OUTPUT_COMMIT:
        carry_commit(actor, output);
        return;
    case OUTPUT_EVIDENCE:
        carry_evidence(actor, output);
        return;
    case OUTPUT_CHARGE:
        carry_charge(actor, output);
        return;
    case OUTPUT_ENTERED:
        actor->life.view = (uint8_t)output->view;
        actor->life.cause = (uint8_t)output->cause;
        return;
    case OUTPUT_PROVE_SEAL:
        actor_trouble(actor, "speaks of an epoch that never was");
        return;
    case OUTPUT_FLOOD_WORK:
    case OUTPUT_DROP:
        return;
    }
    actor_trouble(actor, "gives an output of no kind");
}
