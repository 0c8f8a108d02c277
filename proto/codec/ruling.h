/* What becomes of an ordered governance transaction. The numbers follow those of events' results (result.h),
 * share their leaves under results_root, and never change their meaning. */
#ifndef TALLY_CODEC_RULING_H
#define TALLY_CODEC_RULING_H

#include <stdint.h>

/* Where a code has no detail named here, it has none. */
enum ruling {
    RULING_OK = 0, /* detail, of PROPOSE and BALLOT: what became of the proposal, enum proposal_outcome u8 */
    /* About the transaction. */
    RULING_UNKNOWN_MEMBER = 64,
    RULING_UNKNOWN_KEY = 65,
    RULING_OUT_OF_TIME = 66,
    RULING_OUT_OF_SEQUENCE = 67, /* detail: the member's next sequence u64 */
    RULING_SUSPENDED = 68,
    RULING_NO_PROPOSAL = 69,
    RULING_CLOSED = 70, /* detail: how, enum proposal_outcome u8 */
    RULING_BALLOTED = 71,
    RULING_NOT_PROPOSER = 72,
    RULING_CLOSING_TIME = 73,
    RULING_PROPOSALS_FULL = 74,
    /* About what is proposed, or was by the time it passed. */
    RULING_OTHER_NETWORK = 75,
    RULING_NO_MEMBER = 76,
    RULING_WRONG_STATUS = 77,
    RULING_KEY_TAKEN = 78,
    RULING_NO_KEY = 79,
    RULING_LAST_KEY = 80,
    RULING_LAST_VOTER = 81,
    RULING_TOO_FEW_VALIDATORS = 82,
    RULING_REGISTER_FULL = 83,
    RULING_NAME_TAKEN = 84,
    RULING_NO_NODE = 85,
    RULING_NO_CHANGE = 86,
    RULING_STALE_POLICY = 87,
    RULING_HEIGHT_PASSED = 88,
    /* About a node that says it is ready. */
    RULING_NOT_WANTED = 89,
    RULING_CHECKPOINT = 90,
};

/* "UNKNOWN_MEMBER" and so on; NULL for a number that is none. */
const char *ruling_name(uint32_t code);
/* One sentence for people. */
const char *ruling_sentence(uint32_t code);
/* The same, by its name; NULL for a name that is none. */
const char *ruling_sentence_by_name(const char *name);

#endif
