/* A policy inside a larger JSON text, such as a genesis. For proto/codec alone. */
#ifndef TALLY_CODEC_POLICY_JSON_H
#define TALLY_CODEC_POLICY_JSON_H

#include "proto/codec/policy.h"
#include "proto/codec/strict_json.h"

/* Errors: as credit_policy_parse. json->where is moved, and emptied at the end. */
int policy_json_read(
    struct strict_json *json, const json_t *object, struct credit_policy *policy) TALLY_MUST_CHECK;
/* The caller's; NULL, or `out` failed, for want of memory. */
json_t *policy_json_make(const struct credit_policy *policy, struct buffer *out);

#endif
