#include "node/rpc/transcode.h"

#include <stdio.h>

#include "node/rpc/message_json.h"

/* A message in memory is at most so much larger than its bytes, or its text. */
#define EXPANSION 64u

int transcode_to_json(const ProtobufCMessageDescriptor *descriptor, struct span message, struct buffer *out)
{
    struct arena arena;
    ProtobufCMessage *decoded;
    /* Its text is longer still. */
    if (message.size > out->size_max) return TALLY_ELIMIT;
    arena_init(&arena, message.size * EXPANSION + 64u * KIB);
    int error = message_decode(descriptor, MESSAGE_LENIENT, message, &arena, &decoded);
    if (error == TALLY_OK) error = message_to_json(decoded, out);
    arena_close(&arena);
    return error;
}

int transcode_from_json(const ProtobufCMessageDescriptor *descriptor, struct span json, struct buffer *out,
    char *why, size_t why_size)
{
    struct arena arena;
    ProtobufCMessage *decoded;
    arena_init(&arena, json.size * EXPANSION + 64u * KIB);
    int error = message_from_json(json, descriptor, &arena, &decoded, why, why_size);
    if (error == TALLY_OK) message_encode(decoded, out);
    arena_close(&arena);
    if (error != TALLY_OK || !out->failed) return error;
    snprintf(why, why_size, "the request is above this call's bound");
    return TALLY_ELIMIT;
}
