#include "consensus/core.h"

void emit_begin(struct consensus *c)
{
    CHECK(c->output_next == c->output_count);
    c->output_count = 0;
    c->output_next = 0;
    c->certificate_count = 0;
    c->evidence_count = 0;
    c->record_used = false;
    c->commit_used = false;
}

struct consensus_output *emit(struct consensus *c, enum consensus_output_kind kind)
{
    CHECK(c->output_count < OUTPUTS_HELD);
    struct consensus_output *output = &c->outputs[c->output_count++];
    memset(output, 0, sizeof *output);
    output->kind = kind;
    return output;
}

void emit_vote(struct consensus *c, uint32_t peer, const struct vote *vote)
{
    struct consensus_output *output = emit(c, OUTPUT_SEND);
    output->peer = peer;
    output->vote = *vote;
    output->message.kind = MESSAGE_VOTE;
    output->message.vote = &output->vote;
}

void emit_certificate(struct consensus *c, uint32_t peer, const struct certificate *certificate)
{
    if (c->certificate_count == CERTIFICATES_OUT) return;
    struct certificate *copy = &c->certificates_out[c->certificate_count++];
    *copy = *certificate;
    struct consensus_output *output = emit(c, OUTPUT_SEND);
    output->peer = peer;
    output->message.kind = MESSAGE_CERTIFICATE;
    output->message.certificate = copy;
}

void emit_proposal(struct consensus *c, uint32_t peer, const struct block *block)
{
    struct consensus_output *output = emit(c, OUTPUT_SEND);
    output->peer = peer;
    output->message.kind = MESSAGE_PROPOSAL;
    output->message.block = block->hash;
    output->message.view = block->header.view;
}

void emit_verify(struct consensus *c, uint32_t peer, const struct consensus_message *message)
{
    struct consensus_output *output = emit(c, OUTPUT_VERIFY);
    output->peer = peer;
    output->message = *message;
}

void emit_charge(struct consensus *c, uint32_t peer, const char *reason)
{
    struct consensus_output *output = emit(c, OUTPUT_CHARGE);
    output->peer = peer;
    output->reason = reason;
}

struct consensus_record *emit_record(struct consensus *c, uint64_t *sequence)
{
    CHECK(!c->record_used);
    c->record_used = true;
    memset(&c->record_out, 0, sizeof c->record_out);
    *sequence = ++c->sequence;
    struct consensus_output *output = emit(c, OUTPUT_PERSIST);
    output->record = &c->record_out;
    output->sequence = *sequence;
    return &c->record_out;
}

struct consensus_evidence *emit_evidence(struct consensus *c)
{
    if (c->evidence_count == EVIDENCE_OUT) return NULL;
    struct consensus_evidence *evidence = &c->evidence_out[c->evidence_count++];
    memset(evidence, 0, sizeof *evidence);
    emit(c, OUTPUT_EVIDENCE)->evidence = evidence;
    return evidence;
}
