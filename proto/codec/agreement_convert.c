/* Consensus objects <-> the generated structs of ledger.proto. */
#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"

static ProtobufCBinaryData signatures_bytes(uint64_t signers, const struct signature *signatures)
{
    return message_bytes(
        span_of(signatures, (size_t)__builtin_popcountll(signers) * sizeof(struct signature)));
}

/* Exactly one signature for each bit of `signers`; the rest of `signatures` are zeros. */
static int signatures_from_bytes(
    ProtobufCBinaryData bytes, uint64_t signers, struct signature signatures[VALIDATORS_MAX])
{
    _Static_assert(sizeof(struct signature) == SIGNATURE_SIZE, "signatures lie without gaps");
    size_t size = (size_t)__builtin_popcountll(signers) * SIGNATURE_SIZE;
    if (signers == 0 || bytes.len != size) return TALLY_EFORM;
    memcpy(signatures, bytes.data, size);
    memset((uint8_t *)signatures + size, 0, VALIDATORS_MAX * SIGNATURE_SIZE - size);
    return TALLY_OK;
}

void block_header_to_message(const struct block_header *header, Tallystick__V1__BlockHeader *message)
{
    tallystick__v1__block_header__init(message);
    message->chain_id = digest_bytes(&header->chain_id);
    message->epoch = header->epoch;
    message->view = header->view;
    message->height = header->height;
    message->parent_view = header->parent_view;
    message->parent_hash = digest_bytes(&header->parent_hash);
    message->payload_root = digest_bytes(&header->payload_root);
    message->payload_size = header->payload_size;
    message->payload_events = header->payload_events;
    message->time_ms = header->time_ms;
    message->seals = header->seals;
    message->after_seal = header->after_seal;
    message->next_set = digest_bytes(&header->next_set);
    message->justification_root = digest_bytes(&header->justification_root);
}

int block_header_from_message(const Tallystick__V1__BlockHeader *message, struct block_header *header)
{
    if (message == NULL) return TALLY_EFORM;
    struct block_header read = {
        .epoch = message->epoch,
        .view = message->view,
        .height = message->height,
        .parent_view = message->parent_view,
        .payload_size = message->payload_size,
        .payload_events = message->payload_events,
        .time_ms = message->time_ms,
        .seals = message->seals != 0,
        .after_seal = message->after_seal != 0,
    };
    int error = digest_from_bytes(message->chain_id, &read.chain_id);
    if (error == TALLY_OK) error = digest_from_bytes(message->parent_hash, &read.parent_hash);
    if (error == TALLY_OK) error = digest_from_bytes(message->payload_root, &read.payload_root);
    if (error == TALLY_OK) error = digest_from_bytes(message->next_set, &read.next_set);
    if (error == TALLY_OK) error = digest_from_bytes(message->justification_root, &read.justification_root);
    if (error == TALLY_OK) *header = read;
    return error;
}

/* Whose `block` is not on the wire. */
static int block_from_bytes(enum vote_kind kind, ProtobufCBinaryData bytes, struct digest *block)
{
    if (kind != VOTE_NULLIFY) return digest_from_bytes(bytes, block);
    *block = (struct digest){0};
    return bytes.len == 0 ? TALLY_OK : TALLY_EFORM;
}

static ProtobufCBinaryData block_bytes(enum vote_kind kind, const struct digest *block)
{
    return kind == VOTE_NULLIFY ? message_bytes(span_of(NULL, 0)) : digest_bytes(block);
}

void vote_to_message(const struct vote *vote, Tallystick__V1__Vote *message)
{
    tallystick__v1__vote__init(message);
    message->kind = (Tallystick__V1__VoteKind)vote->kind;
    message->epoch = vote->epoch;
    message->view = vote->view;
    message->block = block_bytes(vote->kind, &vote->block);
    message->signer = vote->signer;
    message->signature = message_bytes(span_of(vote->signature.bytes, SIGNATURE_SIZE));
}

int vote_from_message(const Tallystick__V1__Vote *message, struct vote *vote)
{
    if (message->kind == TALLYSTICK__V1__VOTE_KIND__VOTE_KIND_UNSPECIFIED) return TALLY_EFORM;
    struct vote read = {
        .kind = (enum vote_kind)message->kind,
        .epoch = message->epoch,
        .view = message->view,
        .signer = message->signer,
    };
    if (read.signer >= VALIDATORS_MAX) return TALLY_EFORM;
    int error = block_from_bytes(read.kind, message->block, &read.block);
    if (error == TALLY_OK) error = fixed_from_bytes(message->signature, read.signature.bytes, SIGNATURE_SIZE);
    if (error == TALLY_OK) *vote = read;
    return error;
}

void certificate_to_message(const struct certificate *certificate, Tallystick__V1__Certificate *message)
{
    tallystick__v1__certificate__init(message);
    message->kind = (Tallystick__V1__VoteKind)certificate->kind;
    message->epoch = certificate->epoch;
    message->view = certificate->view;
    message->block = block_bytes(certificate->kind, &certificate->block);
    message->signers = certificate->signers;
    message->signatures = signatures_bytes(certificate->signers, certificate->signatures);
}

int certificate_from_message(const Tallystick__V1__Certificate *message, struct certificate *certificate)
{
    if (message == NULL || message->kind == TALLYSTICK__V1__VOTE_KIND__VOTE_KIND_UNSPECIFIED)
        return TALLY_EFORM;
    struct digest block;
    int error = block_from_bytes((enum vote_kind)message->kind, message->block, &block);
    if (error == TALLY_OK)
        error = signatures_from_bytes(message->signatures, message->signers, certificate->signatures);
    if (error != TALLY_OK) return error;
    certificate->kind = (enum vote_kind)message->kind;
    certificate->epoch = message->epoch;
    certificate->view = message->view;
    certificate->block = block;
    certificate->signers = message->signers;
    return TALLY_OK;
}

void checkpoint_to_message(const struct checkpoint *checkpoint, Tallystick__V1__Checkpoint *message)
{
    tallystick__v1__checkpoint__init(message);
    message->chain_id = digest_bytes(&checkpoint->chain_id);
    message->epoch = checkpoint->epoch;
    message->height = checkpoint->height;
    message->block = digest_bytes(&checkpoint->block);
    message->time_ms = checkpoint->time_ms;
    message->state_root = digest_bytes(&checkpoint->state_root);
    message->results_root = digest_bytes(&checkpoint->results_root);
    message->history_root = digest_bytes(&checkpoint->history_root);
    message->set_hash = digest_bytes(&checkpoint->set_hash);
    message->next_set_hash = digest_bytes(&checkpoint->next_set_hash);
}

int checkpoint_from_message(const Tallystick__V1__Checkpoint *message, struct checkpoint *checkpoint)
{
    if (message == NULL) return TALLY_EFORM;
    struct checkpoint read = {
        .epoch = message->epoch,
        .height = message->height,
        .time_ms = message->time_ms,
    };
    int error = digest_from_bytes(message->chain_id, &read.chain_id);
    if (error == TALLY_OK) error = digest_from_bytes(message->block, &read.block);
    if (error == TALLY_OK) error = digest_from_bytes(message->state_root, &read.state_root);
    if (error == TALLY_OK) error = digest_from_bytes(message->results_root, &read.results_root);
    if (error == TALLY_OK) error = digest_from_bytes(message->history_root, &read.history_root);
    if (error == TALLY_OK) error = digest_from_bytes(message->set_hash, &read.set_hash);
    if (error == TALLY_OK) error = digest_from_bytes(message->next_set_hash, &read.next_set_hash);
    if (error == TALLY_OK) *checkpoint = read;
    return error;
}

void certified_checkpoint_to_message(
    const struct certified_checkpoint *checkpoint, struct certified_checkpoint_message *message)
{
    checkpoint_to_message(&checkpoint->checkpoint, &message->inner);
    tallystick__v1__certified_checkpoint__init(&message->outer);
    message->outer.checkpoint = &message->inner;
    message->outer.signers = checkpoint->signers;
    message->outer.signatures = signatures_bytes(checkpoint->signers, checkpoint->signatures);
}

int certified_checkpoint_from_message(
    const Tallystick__V1__CertifiedCheckpoint *message, struct certified_checkpoint *checkpoint)
{
    if (message == NULL) return TALLY_EFORM;
    struct certified_checkpoint read = {.signers = message->signers};
    int error = checkpoint_from_message(message->checkpoint, &read.checkpoint);
    if (error == TALLY_OK) error = signatures_from_bytes(message->signatures, read.signers, read.signatures);
    if (error == TALLY_OK) *checkpoint = read;
    return error;
}
