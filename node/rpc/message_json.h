/* Messages of the schema <-> JSON, as protobuf itself maps them: lowerCamelCase names, integers of 64 bits as
 * strings, bytes as base64, enums by name, defaults left out. Everything follows from protobuf-c's
 * descriptors.
 *
 * Reading takes also what the mapping allows beside that: a field's own name, numbers where they are exact,
 * enums by number, base64 of the URL alphabet or without its padding, null for an absent field. It refuses,
 * though other readers let it pass, what would leave a message in doubt: a key or a field given twice, two
 * members of a oneof, a value that an enum does not have, base64 with spare bits or other characters, text
 * with a NUL; and a number beyond 2^63 - 1, or one with a fraction or exponent beyond 2^53, which wants
 * quotes. */
#ifndef TALLY_RPC_MESSAGE_JSON_H
#define TALLY_RPC_MESSAGE_JSON_H

#include <protobuf-c/protobuf-c.h>

#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/base/limits.h"

/* What is parsed at most: bytes, values (lists, objects and what is in them), and levels of both. */
#define MESSAGE_JSON_SIZE_MAX (4u * MIB)
#define MESSAGE_JSON_VALUES_MAX 32768u
#define MESSAGE_JSON_DEPTH_MAX 24u

_Static_assert(MESSAGE_JSON_VALUES_MAX > 6u * BATCH_EVENTS_MAX, "a largest batch fits: five values an event");
_Static_assert(MESSAGE_JSON_SIZE_MAX > 2u * BATCH_SIZE_MAX + 256u * BATCH_EVENTS_MAX,
    "a largest batch fits: base64, and the names");

/* Appends the message as one line of JSON, without a line break in it or behind it. Its texts are UTF-8.
 * Errors: TALLY_ELIMIT (`out` has no room for it, or had failed before; its content is as it was). */
int message_to_json(const ProtobufCMessage *message, struct buffer *out) TALLY_MUST_CHECK;

/* Reads one JSON object, and nothing behind it, as a message of the type; all memory of *message is the
 * arena's. What message_decode promises of a lenient message holds of this one. On an error `why` (of
 * `why_size` bytes, 1 or more) says what is wrong and where, "batch.events[3].header: not base64", and
 * repeats no value. Errors: TALLY_EFORM (not JSON, or not of this type), TALLY_ELIMIT (a bound above),
 * TALLY_ENOMEM (the arena's budget, or the machine's memory). */
int message_from_json(struct span json, const ProtobufCMessageDescriptor *descriptor, struct arena *arena,
    ProtobufCMessage **message, char *why, size_t why_size) TALLY_MUST_CHECK;

#endif
