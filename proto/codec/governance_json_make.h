/* JSON values of what governance has in common. For proto/codec alone. */
#ifndef TALLY_CODEC_GOVERNANCE_JSON_MAKE_H
#define TALLY_CODEC_GOVERNANCE_JSON_MAKE_H

#include "proto/codec/governance_json.h"
#include "proto/codec/strict_json.h"

/* Each is the caller's; NULL for want of memory, or `out` failed. */
json_t *hex_json(const void *bytes, size_t size);
json_t *keys_json_make(const struct public_key *keys, uint32_t count, struct buffer *out);
json_t *action_json_make(const struct governance_action *action, struct buffer *out);
/* A policy's text as the object that it is. */
json_t *policy_text_json(struct span text);

#endif
