/* Messages in protobuf's bytes <-> the same in JSON: what stands between handlers, which know the first
 * alone, and callers that speak the second. */
#ifndef TALLY_RPC_TRANSCODE_H
#define TALLY_RPC_TRANSCODE_H

#include "proto/base/bytes.h"
#include "proto/codec/message.h"

/* Appends the message as JSON. Errors: TALLY_ELIMIT (`out` has no room for it), TALLY_EFORM (not a message of
 * this type: a bug of whoever made it), TALLY_ENOMEM. */
int transcode_to_json(
    const ProtobufCMessageDescriptor *descriptor, struct span message, struct buffer *out) TALLY_MUST_CHECK;

/* Appends what the JSON says as protobuf. On an error `why` tells what is wrong and where. Errors: as
 * message_from_json, and TALLY_ELIMIT (`out` has no room for it). */
int transcode_from_json(const ProtobufCMessageDescriptor *descriptor, struct span json, struct buffer *out,
    char *why, size_t why_size) TALLY_MUST_CHECK;

#endif
