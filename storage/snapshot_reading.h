/* A snapshot as its parts come: which parts of events there are, and what each of them has to meet. What is
 * kept for it is small: an account's ids for each account of each subject that is cut into runs. */
#ifndef TALLY_STORAGE_SNAPSHOT_READING_H
#define TALLY_STORAGE_SNAPSHOT_READING_H

#include "storage/snapshot.h"

struct snapshot_reading;
struct snapshot_subject;
struct snapshot_seam;

/* `head` is borrowed until the close. Errors: TALLY_ENOMEM. */
int snapshot_reading_open(
    const struct snapshot_head *head, struct snapshot_reading **reading) TALLY_MUST_CHECK;
void snapshot_reading_close(struct snapshot_reading *reading);

/* How many parts of a kind there are; of SNAPSHOT_EVENTS none until every part of subjects was read. */
uint32_t snapshot_reading_count(const struct snapshot_reading *reading, uint32_t kind);

/* Checks one part. Those of subjects once each, and those of events in order, after them; others in any. One
 * that fails may be given again. Errors: TALLY_EDAMAGED (it is not that part), TALLY_EINVALID (events out of
 * order), TALLY_ENOMEM. */
int snapshot_reading_check(
    struct snapshot_reading *reading, uint32_t kind, uint32_t index, struct span bytes) TALLY_MUST_CHECK;

/* The same of one kind, telling what the part holds: of subjects one by one, and only where TALLY_OK is
 * returned does it count; of events all at once, checked. Errors: also what `seen` returns. */
int snapshot_reading_subjects(struct snapshot_reading *reading, uint32_t index, struct span bytes,
    int (*seen)(void *context, const struct snapshot_subject *subject), void *context) TALLY_MUST_CHECK;

struct snapshot_run_events {
    const struct digest *position;     /* of the subject */
    const struct snapshot_seam *start; /* what was before; it counts the first event's number */
    struct span events;                /* as they stand in the part */
};
int snapshot_reading_events(struct snapshot_reading *reading, uint32_t index, struct span bytes,
    int (*seen)(void *context, const struct snapshot_run_events *run), void *context) TALLY_MUST_CHECK;

#endif
