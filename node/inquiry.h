/* What a member is told of a subject's file: under an inquiry all of it, and freely what is its own. No log,
 * no data: nothing of a subject is read before the inquiry that asks for it was applied, and nothing at all
 * for one that was refused. Of a member's own everything is found through its accounts and requests, never by
 * going through the file, so that neither the answer nor its time tells how much others furnished. On any
 * thread that may read the state. */
#ifndef TALLY_NODE_INQUIRY_H
#define TALLY_NODE_INQUIRY_H

#include "proto/codec/register.h"
#include "storage/query.h"

/* What answers are made from, and for whom. Everything is borrowed. */
struct asker {
    struct state *state;
    struct ledger *ledger;
    struct digest chain_id;
    uint32_t member_id;
};

/* The place and the header of an ordered event. Errors: TALLY_ENOTFOUND, and those of reading. */
int asker_header(const struct asker *asker, const struct digest *event_id, struct state_event *place,
    struct event_header *header) TALLY_MUST_CHECK;
/* Takes the network's time instead of this machine's, *now_ms, where that is ahead: by a clock that stands
 * still nothing is answered longer. Errors: those of reading. */
int asker_time(const struct asker *asker, uint64_t *now_ms) TALLY_MUST_CHECK;

/* The members, as the newest block applied left them. Errors: those of reading. */
int asker_members(const struct asker *asker, struct member_register *members) TALLY_MUST_CHECK;
/* And the policy that they are under. Errors: TALLY_EDAMAGED, TALLY_ENOMEM. */
int members_policy(const struct member_register *members, struct credit_policy *policy) TALLY_MUST_CHECK;

/* The answer to an inquiry of the asker's own member that was ordered: its receipt, and where its result is
 * OK, appended to `proof`, an encoded HistoryProof of its subject from event `since` on, under a checkpoint
 * at or above it; *more as of query_history. `now_ms` is UTC by this machine's clock. Errors: TALLY_ENOTFOUND
 * (the member has no such inquiry here), TALLY_ETIMEOUT (it was answered for as long as the policy says, or
 * its consent no longer stands), TALLY_EINVALID (`since` is more than the file has), TALLY_EBUSY (no
 * certified checkpoint covers it yet), TALLY_EPENDING, TALLY_ELIMIT, TALLY_EDAMAGED, TALLY_EIO, TALLY_ENOMEM.
 * On an error `proof` is as it was. The receipt's seals are the arena's. */
int inquiry_answer(const struct asker *asker, const struct digest *inquiry, uint64_t since, uint64_t now_ms,
    struct arena *arena, struct receipt *receipt, struct buffer *proof, bool *more) TALLY_MUST_CHECK;

/* Whether an event is the asker's to read without an inquiry, by its header: its member wrote it, or it
 * grants its member a consent, transfers an account to it, or disputes what it furnished; or it is a
 * regulator's inquiry about blocks, which is everybody's to see. Errors: those of
 * reading. */
int asker_owns(const struct asker *asker, const struct event_header *header, bool *owns) TALLY_MUST_CHECK;

/* Where the asker's own events in a subject's file stand: those of its accounts; its consents and
 * reservations that are live; the open disputes that it opened or that are about what it furnished; and what
 * transfers an account to it that it may still take over. In the ledger's order; the list is the arena's.
 * Errors: TALLY_EPENDING, TALLY_EDAMAGED, TALLY_EIO, TALLY_ENOMEM. */
int own_events(const struct asker *asker, const struct digest *subject_id, struct arena *arena,
    struct state_event **places, uint32_t *count) TALLY_MUST_CHECK;

#endif
