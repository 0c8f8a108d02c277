/* Encoded replies that many callers want at once, such as the newest block of those who follow: one makes it,
 * the others have a copy. Any thread may use it. */
#ifndef TALLY_RPC_RECENT_H
#define TALLY_RPC_RECENT_H

#include "proto/base/bytes.h"
#include "proto/base/limits.h"

#define RECENT_SLOTS 16u
#define RECENT_SIZE_MAX MIB /* of one; larger ones are not kept */

/* What a reply is of. */
struct recent_key {
    uint64_t generation; /* of the state it was read from */
    uint64_t height;
    uint32_t kind;
};

struct recent;

/* Errors: TALLY_ENOMEM. */
int recent_open(struct recent **recent) TALLY_MUST_CHECK;
void recent_close(struct recent *recent);

/* Appends the reply; false where it is not kept. */
bool recent_find(struct recent *recent, const struct recent_key *key, struct buffer *out);
/* Keeps a copy, in the place of an older one. */
void recent_keep(struct recent *recent, const struct recent_key *key, struct span reply);

#endif
