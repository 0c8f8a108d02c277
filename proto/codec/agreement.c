#include "proto/codec/agreement.h"

#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"

/* Objects of a fixed, small shape: the largest is a checkpoint certified by every validator. */
#define SMALL_SIZE_MAX (6u * KIB)
_Static_assert(SMALL_SIZE_MAX > VALIDATORS_MAX * SIGNATURE_SIZE + 1024, "a certified checkpoint fits");
/* Always enough: none of their fields can repeat, so all but the structs themselves is bytes of the input. */
#define SMALL_ARENA_SIZE (SMALL_SIZE_MAX + 4u * KIB)

static int decode_small(const ProtobufCMessageDescriptor *descriptor, struct span bytes, struct arena *arena,
    ProtobufCMessage **message)
{
    arena_init(arena, SMALL_ARENA_SIZE);
    if (bytes.size > SMALL_SIZE_MAX) return TALLY_EFORM;
    return message_decode(descriptor, MESSAGE_CANONICAL, bytes, arena, message);
}

void vote_encode(const struct vote *vote, struct buffer *out)
{
    Tallystick__V1__Vote message;
    vote_to_message(vote, &message);
    message_encode(&message.base, out);
}

int vote_decode(struct span bytes, struct vote *vote)
{
    struct arena arena;
    ProtobufCMessage *message;
    int error = decode_small(&tallystick__v1__vote__descriptor, bytes, &arena, &message);
    if (error == TALLY_OK) error = vote_from_message((const Tallystick__V1__Vote *)message, vote);
    arena_close(&arena);
    return error;
}

void certificate_encode(const struct certificate *certificate, struct buffer *out)
{
    Tallystick__V1__Certificate message;
    certificate_to_message(certificate, &message);
    message_encode(&message.base, out);
}

int certificate_decode(struct span bytes, struct certificate *certificate)
{
    struct arena arena;
    ProtobufCMessage *message;
    int error = decode_small(&tallystick__v1__certificate__descriptor, bytes, &arena, &message);
    if (error == TALLY_OK)
        error = certificate_from_message((const Tallystick__V1__Certificate *)message, certificate);
    arena_close(&arena);
    return error;
}

void checkpoint_encode(const struct checkpoint *checkpoint, struct buffer *out)
{
    Tallystick__V1__Checkpoint message;
    checkpoint_to_message(checkpoint, &message);
    message_encode(&message.base, out);
}

int checkpoint_decode(struct span bytes, struct checkpoint *checkpoint)
{
    struct arena arena;
    ProtobufCMessage *message;
    int error = decode_small(&tallystick__v1__checkpoint__descriptor, bytes, &arena, &message);
    if (error == TALLY_OK)
        error = checkpoint_from_message((const Tallystick__V1__Checkpoint *)message, checkpoint);
    arena_close(&arena);
    return error;
}

void certified_checkpoint_encode(const struct certified_checkpoint *checkpoint, struct buffer *out)
{
    struct certified_checkpoint_message message;
    certified_checkpoint_to_message(checkpoint, &message);
    message_encode(&message.outer.base, out);
}

int certified_checkpoint_decode(struct span bytes, struct certified_checkpoint *checkpoint)
{
    struct arena arena;
    ProtobufCMessage *message;
    int error = decode_small(&tallystick__v1__certified_checkpoint__descriptor, bytes, &arena, &message);
    if (error == TALLY_OK)
        error = certified_checkpoint_from_message(
            (const Tallystick__V1__CertifiedCheckpoint *)message, checkpoint);
    arena_close(&arena);
    return error;
}
