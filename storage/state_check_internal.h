/* What the check of a state is about, shared by its files. Nobody else includes it. */
#ifndef TALLY_STORAGE_STATE_CHECK_INTERNAL_H
#define TALLY_STORAGE_STATE_CHECK_INTERNAL_H

#include "storage/base_record.h"
#include "storage/state_check.h"
#include "storage/state_internal.h"

#define CHECK_IDS_AT_ONCE 1024u

struct checking {
    struct state *state;
    const struct state_checker *checker;
    struct state_base_reader *base;
    struct arena arena; /* a header */
    struct digest ids[CHECK_IDS_AT_ONCE];
    /* The subject that is looked at. */
    struct digest subject_id, position;
    struct account_chain chains[ACCOUNTS_PER_SUBJECT_MAX];
    uint32_t chain_count;
    struct item_chain items;
    struct snapshot_seam *seam; /* what its history makes */
    /* Over the marks that its history has of each account. */
    struct digest by_history[ACCOUNTS_PER_SUBJECT_MAX];
    bool broken; /* its history stops before its end; told */
    /* How many there are to be, over all subjects. */
    uint64_t accounts, account_events;
    uint64_t base_items;               /* under 'J' */
    uint64_t names[EVENT_INDEX_KINDS]; /* in the index of events */
    bool partial;                      /* not of all subjects, as some history was not read to its end */
    uint64_t indexed;                  /* under 'D' */
    uint32_t alone;                    /* those of a subject's first piece, until another is seen */
    uint64_t counted;
    int error;
};

static inline void check_tell(const struct checking *checking, const char *what)
{
    checking->checker->found(checking->checker->context, what);
}

/* What an index by seq leads to: the id of an event that came with a snapshot, the place of any other, which
 * is where its id is read. No id is like a place. */
struct digest check_mark_of(const struct state_place *place);
/* Over marks alone, as they are found by seq: `before` and one more. */
struct digest check_marks_step(const struct digest *before, const struct digest *mark);

/* Reads the history of the subject that is looked at, event by event, holds what finds each of them against
 * it, and in the end what it makes against the leaf and the file. Counts what there is to be. */
int check_history(struct checking *checking, const struct state_subject *subject) TALLY_MUST_CHECK;

#endif
