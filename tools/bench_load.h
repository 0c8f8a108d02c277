/* Load for measuring: valid credit events without end, of a fixed number of subjects, spread over all of them
 * as in production: a member reports on its subjects in turn, each of them once before any of them again. An
 * account lives through 60 events, from its opening to its close; then the subject opens another.
 *
 * The same plan gives the same events on every machine. About 36 bytes of memory for each subject. */
#ifndef TALLY_TOOLS_BENCH_LOAD_H
#define TALLY_TOOLS_BENCH_LOAD_H

#include "proto/codec/batch.h"

#define LOAD_SUBJECTS_MAX 100000000u
#define LOAD_MEMBERS_MAX 64u
#define LOAD_EVENTS_PER_ACCOUNT 60u
/* A subject's file holds so many accounts of its one member at most, and so this many events. */
#define LOAD_EVENTS_PER_SUBJECT_MAX (ACCOUNTS_PER_HOLDER_MAX * LOAD_EVENTS_PER_ACCOUNT)

struct load_plan {
    struct digest chain_id;
    uint64_t seed;
    uint32_t subjects; /* `members` to LOAD_SUBJECTS_MAX; subject s is a borrower of member s % members */
    uint32_t members;  /* 1 to LOAD_MEMBERS_MAX; their ids are 1 to `members` */
    const struct secret_key *signing; /* one for each member; copied */
};

struct load;

/* Errors: TALLY_ENOMEM. */
int load_open(const struct load_plan *plan, struct load **load) TALLY_MUST_CHECK;
void load_close(struct load *load);

/* Appends the encoding of the next batch of member `member` (from 0), of `events` events (1 to
 * BATCH_EVENTS_MAX), bodies included, and shows it in *batch, which borrows from the load until the next
 * call. A member's batches are valid in the order they are made. Errors: TALLY_ENOMEM, TALLY_ELIMIT (it is
 * larger than a batch may be, or a subject's file would be full): the load is then of no more use. */
int load_batch(struct load *load, uint32_t member, uint32_t events, uint64_t expires_at_ms,
    struct buffer *out, struct batch *batch) TALLY_MUST_CHECK;

/* Subject `subject` of a load of that seed. */
struct digest load_subject_id(uint64_t seed, uint32_t subject);

#endif
