/* Reflection: what this server offers, told from the descriptors that the build embeds. */
#ifndef TALLY_RPC_REFLECTION_H
#define TALLY_RPC_REFLECTION_H

#include "proto/base/bytes.h"

/* Answers one encoded ServerReflectionRequest, of v1 or v1alpha, with one encoded ServerReflectionResponse. A
 * name that is not known, and anything about extensions, which the schema has none of, is answered with an
 * ErrorResponse. A file comes with all it imports.
 * Errors: TALLY_EFORM (no such request), TALLY_ENOMEM; nothing is appended then. `reply` may have failed for
 * want of room. */
int reflection_answer(struct span request, struct buffer *reply) TALLY_MUST_CHECK;

#endif
