/* Plain structs <-> the schema's generated structs, for those that nest in other messages. What
 * `..._to_message` fills borrows from the plain struct, so that must outlive it; such a message is filled in
 * place and never freed. What
 * `..._from_message` fills borrows from the message, save where all is copied. */
#ifndef TALLY_CODEC_CONVERT_H
#define TALLY_CODEC_CONVERT_H

#include "credit.pb-c.h"
#include "ledger.pb-c.h"
#include "peer.pb-c.h"

#include "proto/codec/agreement.h"
#include "proto/codec/batch.h"
#include "proto/codec/history.h"

static inline struct span span_of_bytes(ProtobufCBinaryData bytes)
{
    return span_of(bytes.data, bytes.len);
}

/* Bytes that must have exactly this size. Errors: TALLY_EFORM; `to` is then unchanged. */
int fixed_from_bytes(ProtobufCBinaryData bytes, void *to, size_t size) TALLY_MUST_CHECK;
static inline int digest_from_bytes(ProtobufCBinaryData bytes, struct digest *digest)
{
    return fixed_from_bytes(bytes, digest->bytes, DIGEST_SIZE);
}
ProtobufCBinaryData digest_bytes(const struct digest *digest);
/* A list of digests run together, at most `count_max`, copied to `to`. Errors: TALLY_EFORM (a broken one, or
 * too many). */
int digests_from_bytes(
    ProtobufCBinaryData bytes, size_t count_max, struct digest *to, uint32_t *count) TALLY_MUST_CHECK;

void block_header_to_message(const struct block_header *header, Tallystick__V1__BlockHeader *message);
/* Here and below an absent submessage (NULL) is TALLY_EFORM too. Errors: TALLY_EFORM (sizes). */
int block_header_from_message(
    const Tallystick__V1__BlockHeader *message, struct block_header *header) TALLY_MUST_CHECK;

void vote_to_message(const struct vote *vote, Tallystick__V1__Vote *message);
/* Errors: TALLY_EFORM (no kind, a block where there is none or none where there is one, sizes, a signer no
 * set has). */
int vote_from_message(const Tallystick__V1__Vote *message, struct vote *vote) TALLY_MUST_CHECK;

void certificate_to_message(const struct certificate *certificate, Tallystick__V1__Certificate *message);
/* Errors: TALLY_EFORM (no kind, a block where there is none or none where there is one, or not one signature
 * a signer). */
int certificate_from_message(
    const Tallystick__V1__Certificate *message, struct certificate *certificate) TALLY_MUST_CHECK;

void checkpoint_to_message(const struct checkpoint *checkpoint, Tallystick__V1__Checkpoint *message);
int checkpoint_from_message(
    const Tallystick__V1__Checkpoint *message, struct checkpoint *checkpoint) TALLY_MUST_CHECK;

/* A certified checkpoint with the message that nests in it. */
struct certified_checkpoint_message {
    Tallystick__V1__CertifiedCheckpoint outer;
    Tallystick__V1__Checkpoint inner;
};
void certified_checkpoint_to_message(
    const struct certified_checkpoint *checkpoint, struct certified_checkpoint_message *message);
int certified_checkpoint_from_message(const Tallystick__V1__CertifiedCheckpoint *message,
    struct certified_checkpoint *checkpoint) TALLY_MUST_CHECK;

/* The rest of batch_decode, from its message: events are the arena's, spans the message's. Errors: as
 * batch_decode. */
int batch_from_message(const Tallystick__V1__Batch *message, const struct digest *chain_id,
    struct arena *arena, struct batch *batch, uint32_t *index) TALLY_MUST_CHECK;

/* A receipt with the messages that nest in it. */
struct receipt_message {
    Tallystick__V1__Receipt outer;
    struct certified_checkpoint_message checkpoint;
};
/* A list of seals comes last in what carries it, so it is the end of those bytes: it may be borrowed from
 * them when the message is gone. */
static inline struct span span_of_tail(struct span bytes, size_t size)
{
    return span_of(bytes.data + (bytes.size - size), size);
}

void receipt_to_message(const struct receipt *receipt, struct receipt_message *message);
int receipt_from_message(const Tallystick__V1__Receipt *message, struct receipt *receipt) TALLY_MUST_CHECK;

#endif
