/* Messages in words, for the trace. */
#ifndef TALLY_SIM_TRACE_SAY_H
#define TALLY_SIM_TRACE_SAY_H

#include "tests/sim/seal.h"

#define SAY_SIZE 240

/* "notarize(7, 1a827f)": a vote's kind, view and block. */
void say_vote(const struct vote *vote, char line[SAY_SIZE]);
/* "1's notarize(7, 1a827f)", "NC(7, 1a827f)", "proposal 1a827f (view 7, height 3, on view 5 by its NC, 1
 * skipped)" and so on. Signers are told by identity. */
void say_message(const struct vault *vault, const struct consensus_message *message, char line[SAY_SIZE]);

/* The first three bytes: enough to tell blocks apart by eye. */
static inline unsigned say_digest(const struct digest *digest)
{
    return get_u32(digest->bytes) >> 8;
}

#endif
