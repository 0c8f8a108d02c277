#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/epoch_seal.h"
#include "proto/codec/history.h"
#include "proto/codec/message.h"

#define CONSISTENCY_VERSION 1u
/* There is no list of messages in it, so its bytes bound its memory. */
#define CONSISTENCY_SIZE_MAX (16u * KIB + EPOCH_SEALS_SIZE_MAX)
#define CONSISTENCY_ARENA_SIZE (CONSISTENCY_SIZE_MAX + 4u * KIB)
_Static_assert(
    16u * KIB > MERKLE_CONSISTENCY_MAX * DIGEST_SIZE + 2 * (VALIDATORS_MAX * SIGNATURE_SIZE + 1024),
    "the longest path and the largest certificates fit");

/* Key and wire type of a message's field, as protobuf writes them. */
#define FIELD_BYTES(number) ((number) << 3 | 2u)

void consistency_proof_encode(const struct consistency_proof *proof, struct buffer *out)
{
    struct certified_checkpoint_message older, newer;
    Tallystick__V1__ConsistencyProof message = TALLYSTICK__V1__CONSISTENCY_PROOF__INIT;
    CHECK(proof->path_length <= MERKLE_CONSISTENCY_MAX);
    certified_checkpoint_to_message(&proof->older, &older);
    certified_checkpoint_to_message(&proof->newer, &newer);
    message.version = CONSISTENCY_VERSION;
    message.older = &older.outer;
    message.newer = &newer.outer;
    message.path = message_bytes(span_of(proof->path, proof->path_length * sizeof(struct digest)));
    message.seals = message_bytes(proof->seals);
    message_encode(&message.base, out);
}

static int proof_from_message(
    const Tallystick__V1__ConsistencyProof *message, struct consistency_proof *proof)
{
    if (message->version != CONSISTENCY_VERSION) return message->version == 0 ? TALLY_EFORM : TALLY_EVERSION;
    struct consistency_proof read = {.path_length = 0};
    int error = certified_checkpoint_from_message(message->older, &read.older);
    if (error == TALLY_OK) error = certified_checkpoint_from_message(message->newer, &read.newer);
    if (error == TALLY_OK)
        error = digests_from_bytes(message->path, MERKLE_CONSISTENCY_MAX, read.path, &read.path_length);
    read.seals = span_of_bytes(message->seals);
    if (error == TALLY_OK) error = epoch_seals_check(read.seals);
    if (error == TALLY_OK) *proof = read;
    return error;
}

int consistency_proof_decode(struct span bytes, struct consistency_proof *proof)
{
    struct arena arena;
    ProtobufCMessage *message;
    if (bytes.size > CONSISTENCY_SIZE_MAX) return TALLY_EFORM;
    if (message_version_differs(bytes, CONSISTENCY_VERSION)) return TALLY_EVERSION;
    arena_init(&arena, CONSISTENCY_ARENA_SIZE);
    int error = message_decode(
        &tallystick__v1__consistency_proof__descriptor, MESSAGE_CANONICAL, bytes, &arena, &message);
    if (error == TALLY_OK)
        error = proof_from_message((const Tallystick__V1__ConsistencyProof *)message, proof);
    if (error == TALLY_OK) proof->seals = span_of_tail(bytes, proof->seals.size);
    arena_close(&arena);
    return error;
}

enum proof_form proof_form_of(struct span bytes)
{
    if (bytes.size > 0 && bytes.data[0] == FIELD_BYTES(1)) return PROOF_FORM_CHECKPOINT;
    if (bytes.size > 2 && bytes.data[2] == FIELD_BYTES(2)) return PROOF_FORM_HISTORY;
    if (bytes.size > 2 && bytes.data[2] == FIELD_BYTES(3)) return PROOF_FORM_CONSISTENCY;
    return PROOF_FORM_RECEIPT;
}
