/* Bytes <-> the schema's generated structs, safely. Only this folder calls protobuf-c; others may read and
 * fill the generated structs of peer.proto and rpc.proto, and pass them here.
 *
 * A canonical message has its fields in ascending order, minimal varints, no field that holds its default
 * (save in a oneof), no unknown field, valid UTF-8, enums in range, and no bytes after it: exactly one
 * encoding for each value. */
#ifndef TALLY_CODEC_MESSAGE_H
#define TALLY_CODEC_MESSAGE_H

#include <protobuf-c/protobuf-c.h>

#include "proto/base/arena.h"
#include "proto/base/bytes.h"

#define MESSAGE_DEPTH_MAX 12u

enum message_form {
    MESSAGE_CANONICAL, /* for what is signed, hashed or proven, and between our own nodes */
    /* For requests of foreign clients: any valid protobuf, unknown fields dropped. Still bounded, and still
     * refused: enum values the schema does not have, text with a NUL, and whatever would have to be merged (a
     * submessage given twice, or two members of a oneof). */
    MESSAGE_LENIENT,
};

/* Checks the whole of `bytes` against the descriptor, before anything is allocated, then unpacks into the
 * arena; all memory of *message is the arena's. Every bytes and string field points into the arena. Errors:
 * TALLY_EFORM (not a message, not canonical where asked, or nested too deep), TALLY_ENOMEM (the arena's
 * budget). */
int message_decode(const ProtobufCMessageDescriptor *descriptor, enum message_form form, struct span bytes,
    struct arena *arena, ProtobufCMessage **message) TALLY_MUST_CHECK;

/* Appends the canonical encoding to `out` (out->failed on overflow). */
void message_encode(const ProtobufCMessage *message, struct buffer *out);

/* A protobuf-c bytes value that borrows, for filling generated structs. protobuf-c wants it unconst; it never
 * writes. */
ProtobufCBinaryData message_bytes(struct span bytes);

/* Whether bytes that begin as a versioned message does (field 1) name another version than `version`: then
 * they may well be right, in a form this build does not know. */
bool message_version_differs(struct span bytes, uint32_t version);

#endif
