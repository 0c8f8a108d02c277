#include "proto/codec/evidence.h"

#include "evidence.pb-c.h"
#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"

#define EVIDENCE_VERSION 1u

_Static_assert(EVIDENCE_SIZE_MAX < UINT32_MAX / 4, "sizes of lines and arenas fit");

const char *statement_name(enum statement_kind kind)
{
    switch (kind) {
    case STATEMENT_NOTARIZE:
        return "notarize";
    case STATEMENT_FINALIZE:
        return "finalize";
    case STATEMENT_NULLIFY:
        return "nullify";
    case STATEMENT_PROPOSE:
        return "propose";
    }
    CHECK_UNREACHABLE();
}

/* Everything of a message that nests in an Evidence. */
struct evidence_parts {
    Tallystick__V1__Statement statements[2];
    Tallystick__V1__StatementPair pair;
    Tallystick__V1__BlockHeader header;
    Tallystick__V1__UnjustifiedVote unjustified;
    Tallystick__V1__Checkpoint checkpoints[2];
    Tallystick__V1__SignedCheckpoint signed_checkpoints[2];
    Tallystick__V1__CheckpointPair checkpoint_pair;
};

/* The order of a pair: negative where `first` stands first, 0 where both say the same. */
static int statement_order(const struct statement *first, const struct statement *second)
{
    if (first->kind != second->kind) return first->kind < second->kind ? -1 : 1;
    return memcmp(first->block.bytes, second->block.bytes, DIGEST_SIZE);
}

static int checkpoint_order(const struct checkpoint *first, const struct checkpoint *second)
{
    struct digest a = checkpoint_digest(first), b = checkpoint_digest(second);
    return memcmp(a.bytes, b.bytes, DIGEST_SIZE);
}

void evidence_arrange(struct evidence *evidence)
{
    const struct evidence given = *evidence;
    if (given.form == EVIDENCE_STATEMENTS && statement_order(&given.first, &given.second) > 0) {
        evidence->first = given.second;
        evidence->second = given.first;
    }
    if (given.form == EVIDENCE_CHECKPOINTS &&
        checkpoint_order(&given.first_checkpoint, &given.second_checkpoint) > 0) {
        evidence->first_checkpoint = given.second_checkpoint;
        evidence->first_signature = given.second_signature;
        evidence->second_checkpoint = given.first_checkpoint;
        evidence->second_signature = given.first_signature;
    }
}

/* ---- Encoding ---- */

static void statement_to_message(const struct statement *statement, Tallystick__V1__Statement *message)
{
    tallystick__v1__statement__init(message);
    message->kind = (Tallystick__V1__StatementKind)statement->kind;
    if (statement->kind != STATEMENT_NULLIFY) message->block = digest_bytes(&statement->block);
    message->signature = message_bytes(span_of(statement->signature.bytes, SIGNATURE_SIZE));
}

static void statements_to_message(
    const struct evidence *evidence, struct evidence_parts *parts, Tallystick__V1__Evidence *message)
{
    CHECK(evidence->first.view == evidence->second.view);
    CHECK(statement_order(&evidence->first, &evidence->second) < 0);
    statement_to_message(&evidence->first, &parts->statements[0]);
    statement_to_message(&evidence->second, &parts->statements[1]);
    tallystick__v1__statement_pair__init(&parts->pair);
    parts->pair.view = evidence->first.view;
    parts->pair.first = &parts->statements[0];
    parts->pair.second = &parts->statements[1];
    message->form_case = TALLYSTICK__V1__EVIDENCE__FORM_STATEMENTS;
    message->statements = &parts->pair;
}

static void unjustified_to_message(
    const struct evidence *evidence, struct evidence_parts *parts, Tallystick__V1__Evidence *message)
{
    statement_to_message(&evidence->first, &parts->statements[0]);
    block_header_to_message(&evidence->header, &parts->header);
    tallystick__v1__unjustified_vote__init(&parts->unjustified);
    parts->unjustified.vote = &parts->statements[0];
    parts->unjustified.header = &parts->header;
    parts->unjustified.justification = message_bytes(evidence->justification);
    message->form_case = TALLYSTICK__V1__EVIDENCE__FORM_UNJUSTIFIED;
    message->unjustified = &parts->unjustified;
}

static void checkpoint_part(struct evidence_parts *parts, unsigned at, const struct checkpoint *checkpoint,
    const struct signature *signature)
{
    checkpoint_to_message(checkpoint, &parts->checkpoints[at]);
    tallystick__v1__signed_checkpoint__init(&parts->signed_checkpoints[at]);
    parts->signed_checkpoints[at].checkpoint = &parts->checkpoints[at];
    parts->signed_checkpoints[at].signature = message_bytes(span_of(signature->bytes, SIGNATURE_SIZE));
}

static void checkpoints_to_message(
    const struct evidence *evidence, struct evidence_parts *parts, Tallystick__V1__Evidence *message)
{
    CHECK(checkpoint_order(&evidence->first_checkpoint, &evidence->second_checkpoint) < 0);
    checkpoint_part(parts, 0, &evidence->first_checkpoint, &evidence->first_signature);
    checkpoint_part(parts, 1, &evidence->second_checkpoint, &evidence->second_signature);
    tallystick__v1__checkpoint_pair__init(&parts->checkpoint_pair);
    parts->checkpoint_pair.first = &parts->signed_checkpoints[0];
    parts->checkpoint_pair.second = &parts->signed_checkpoints[1];
    message->form_case = TALLYSTICK__V1__EVIDENCE__FORM_CHECKPOINTS;
    message->checkpoints = &parts->checkpoint_pair;
}

void evidence_encode(const struct evidence *evidence, struct buffer *out)
{
    struct evidence_parts parts;
    Tallystick__V1__Evidence message = TALLYSTICK__V1__EVIDENCE__INIT;
    message.version = EVIDENCE_VERSION;
    message.chain_id = digest_bytes(&evidence->chain_id);
    message.epoch = evidence->epoch;
    message.signer = evidence->signer;
    switch (evidence->form) {
    case EVIDENCE_STATEMENTS:
        statements_to_message(evidence, &parts, &message);
        break;
    case EVIDENCE_UNJUSTIFIED:
        unjustified_to_message(evidence, &parts, &message);
        break;
    case EVIDENCE_CHECKPOINTS:
        checkpoints_to_message(evidence, &parts, &message);
        break;
    }
    message_encode(&message.base, out);
}

/* ---- Decoding ---- */

static int statement_from_message(
    const Tallystick__V1__Statement *message, uint64_t view, struct evidence *evidence, struct statement *out)
{
    if (message == NULL || message->kind == TALLYSTICK__V1__STATEMENT_KIND__STATEMENT_KIND_UNSPECIFIED)
        return TALLY_EFORM;
    struct statement read = {.kind = (enum statement_kind)message->kind,
        .epoch = evidence->epoch,
        .view = view,
        .signer = evidence->signer};
    int error = TALLY_OK;
    if (read.kind != STATEMENT_NULLIFY)
        error = digest_from_bytes(message->block, &read.block);
    else if (message->block.len != 0)
        error = TALLY_EFORM;
    if (error == TALLY_OK) error = fixed_from_bytes(message->signature, read.signature.bytes, SIGNATURE_SIZE);
    if (error == TALLY_OK) *out = read;
    return error;
}

static int statements_from_message(const Tallystick__V1__StatementPair *message, struct evidence *evidence)
{
    int error = statement_from_message(message->first, message->view, evidence, &evidence->first);
    if (error == TALLY_OK)
        error = statement_from_message(message->second, message->view, evidence, &evidence->second);
    if (error != TALLY_OK) return error;
    return statement_order(&evidence->first, &evidence->second) < 0 ? TALLY_OK : TALLY_EFORM;
}

static int unjustified_from_message(const Tallystick__V1__UnjustifiedVote *message, struct evidence *evidence)
{
    int error = block_header_from_message(message->header, &evidence->header);
    if (error == TALLY_OK)
        error = statement_from_message(message->vote, evidence->header.view, evidence, &evidence->first);
    evidence->justification = span_of_bytes(message->justification);
    return error;
}

static int signed_checkpoint_from_message(const Tallystick__V1__SignedCheckpoint *message,
    struct checkpoint *checkpoint, struct signature *signature)
{
    if (message == NULL) return TALLY_EFORM;
    int error = checkpoint_from_message(message->checkpoint, checkpoint);
    return error == TALLY_OK ? fixed_from_bytes(message->signature, signature->bytes, SIGNATURE_SIZE) : error;
}

static int checkpoints_from_message(const Tallystick__V1__CheckpointPair *message, struct evidence *evidence)
{
    int error = signed_checkpoint_from_message(
        message->first, &evidence->first_checkpoint, &evidence->first_signature);
    if (error == TALLY_OK)
        error = signed_checkpoint_from_message(
            message->second, &evidence->second_checkpoint, &evidence->second_signature);
    if (error != TALLY_OK) return error;
    int order = checkpoint_order(&evidence->first_checkpoint, &evidence->second_checkpoint);
    return order < 0 ? TALLY_OK : TALLY_EFORM;
}

static int form_from_message(const Tallystick__V1__Evidence *message, struct evidence *evidence)
{
    if (message->form_case == TALLYSTICK__V1__EVIDENCE__FORM_STATEMENTS) {
        evidence->form = EVIDENCE_STATEMENTS;
        return statements_from_message(message->statements, evidence);
    }
    if (message->form_case == TALLYSTICK__V1__EVIDENCE__FORM_UNJUSTIFIED) {
        evidence->form = EVIDENCE_UNJUSTIFIED;
        return unjustified_from_message(message->unjustified, evidence);
    }
    if (message->form_case == TALLYSTICK__V1__EVIDENCE__FORM_CHECKPOINTS) {
        evidence->form = EVIDENCE_CHECKPOINTS;
        return checkpoints_from_message(message->checkpoints, evidence);
    }
    return TALLY_EFORM;
}

int evidence_decode(struct span bytes, struct arena *arena, struct evidence *evidence)
{
    ProtobufCMessage *unpacked;
    if (bytes.size > EVIDENCE_SIZE_MAX) return TALLY_EFORM;
    if (message_version_differs(bytes, EVIDENCE_VERSION)) return TALLY_EVERSION;
    int error =
        message_decode(&tallystick__v1__evidence__descriptor, MESSAGE_CANONICAL, bytes, arena, &unpacked);
    if (error != TALLY_OK) return error;
    const Tallystick__V1__Evidence *message = (const Tallystick__V1__Evidence *)unpacked;
    struct evidence read = {.epoch = message->epoch, .signer = message->signer};
    if (message->version != EVIDENCE_VERSION || read.signer >= VALIDATORS_MAX) return TALLY_EFORM;
    error = digest_from_bytes(message->chain_id, &read.chain_id);
    if (error == TALLY_OK) error = form_from_message(message, &read);
    if (error == TALLY_OK) *evidence = read;
    return error;
}
