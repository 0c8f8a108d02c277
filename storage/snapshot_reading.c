#include "storage/snapshot_reading.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/snapshot_internal.h"
#include "storage/snapshot_seam.h"

/* A subject that is cut into runs. */
struct long_subject {
    struct digest id, position;
    struct snapshot_seam *end; /* what the newest of its runs that was not read has to meet */
};

struct snapshot_reading {
    const struct snapshot_head *head;
    struct long_subject *subjects; /* by position once all are known */
    size_t count, capacity;
    uint32_t subjects_read;           /* parts of them */
    uint32_t events_count, events_at; /* parts of events: there are; were read */
    size_t at;                        /* the subject whose part comes next */
};

int snapshot_reading_open(const struct snapshot_head *head, struct snapshot_reading **reading)
{
    struct snapshot_reading *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return TALLY_ENOMEM;
    opened->head = head;
    *reading = opened;
    return TALLY_OK;
}

void snapshot_reading_close(struct snapshot_reading *reading)
{
    if (reading == NULL) return;
    for (size_t i = 0; i < reading->count; i++)
        free(reading->subjects[i].end);
    free(reading->subjects);
    free(reading);
}

uint32_t snapshot_reading_count(const struct snapshot_reading *reading, uint32_t kind)
{
    return kind == SNAPSHOT_EVENTS ? reading->events_count : snapshot_part_count(reading->head, kind);
}

int snapshot_reading_check(struct snapshot_reading *reading, uint32_t kind, uint32_t index, struct span bytes)
{
    if (kind == SNAPSHOT_SUBJECTS) return snapshot_reading_subjects(reading, index, bytes, NULL, NULL);
    if (kind == SNAPSHOT_EVENTS) return snapshot_reading_events(reading, index, bytes, NULL, NULL);
    return snapshot_part_check(reading->head, kind, index, bytes);
}

/* ---- Parts of subjects ---- */

static int long_add(struct snapshot_reading *reading, const struct snapshot_subject *subject)
{
    if (reading->count == reading->capacity) {
        size_t capacity = reading->capacity == 0 ? 16 : reading->capacity * 2;
        struct long_subject *subjects = realloc(reading->subjects, capacity * sizeof *subjects);
        if (subjects == NULL) return TALLY_ENOMEM;
        reading->subjects = subjects;
        reading->capacity = capacity;
    }
    struct snapshot_seam *end = snapshot_seam_make(subject->chain_count);
    if (end == NULL) return TALLY_ENOMEM;
    end->count = subject->leaf.count;
    end->last_height = subject->leaf.last_height;
    end->acc = subject->leaf.acc;
    end->items = subject->items;
    end->account_count = subject->chain_count;
    memcpy(end->accounts, subject->chains, subject->chain_count * sizeof *end->accounts);
    reading->subjects[reading->count++] =
        (struct long_subject){.id = subject->id, .position = subject->position, .end = end};
    return TALLY_OK;
}

/* What was added of a part that turned out wrong. */
static void long_drop(struct snapshot_reading *reading, size_t count)
{
    while (reading->count > count)
        free(reading->subjects[--reading->count].end);
}

static int by_position(const void *a, const void *b)
{
    const struct long_subject *x = a, *y = b;
    return memcmp(x->position.bytes, y->position.bytes, DIGEST_SIZE);
}

/* All subjects are known. More parts than can be numbered are more than a disk holds. */
static int order_parts(struct snapshot_reading *reading)
{
    uint64_t count = 0;
    for (size_t i = 0; i < reading->count; i++)
        count += snapshot_runs(reading->head, reading->subjects[i].end->count);
    if (count > UINT32_MAX) return TALLY_EDAMAGED;
    if (reading->count > 1) qsort(reading->subjects, reading->count, sizeof *reading->subjects, by_position);
    reading->events_count = (uint32_t)count;
    return TALLY_OK;
}

struct telling {
    struct snapshot_reading *reading;
    int (*seen)(void *context, const struct snapshot_subject *subject);
    void *context;
};

static int subject_seen(void *context, const struct snapshot_subject *subject)
{
    struct telling *telling = context;
    int error = subject->is_long ? long_add(telling->reading, subject) : TALLY_OK;
    return error == TALLY_OK && telling->seen != NULL ? telling->seen(telling->context, subject) : error;
}

int snapshot_reading_subjects(struct snapshot_reading *reading, uint32_t index, struct span bytes,
    int (*seen)(void *context, const struct snapshot_subject *subject), void *context)
{
    struct telling telling = {reading, seen, context};
    uint32_t part_count = snapshot_part_count(reading->head, SNAPSHOT_SUBJECTS);
    size_t before = reading->count;
    CHECK(reading->subjects_read < part_count);
    int error = snapshot_subjects_walk(reading->head, index, bytes, subject_seen, &telling);
    if (error == TALLY_OK && reading->subjects_read + 1 == part_count) error = order_parts(reading);
    if (error != TALLY_OK)
        long_drop(reading, before);
    else
        reading->subjects_read++;
    return error;
}

/* ---- Parts of events ---- */

struct run {
    struct snapshot_seam *start, *made; /* before its events, and behind them */
    struct span events;
};

/* Makes room for a run of the subject's, which no event is before yet. */
static int run_open(const struct snapshot_head *head, const struct long_subject *subject, struct run *run)
{
    const struct snapshot_seam *end = subject->end;
    run->start = snapshot_seam_make(end->account_count);
    run->made = snapshot_seam_make(end->account_count);
    if (run->start == NULL || run->made == NULL) return TALLY_ENOMEM;
    snapshot_seam_start(run->start, &head->config.chain_id, &subject->id, end->accounts, end->account_count);
    snapshot_seam_copy(run->made, run->start);
    return TALLY_OK;
}

static void run_close(struct run *run)
{
    free(run->start);
    free(run->made);
}

/* The oldest begins with nothing; each folds to what the next newer one begins with. */
static bool run_read(
    const struct snapshot_head *head, const struct snapshot_seam *end, struct reader *reader, struct run *run)
{
    uint64_t first = (uint64_t)(snapshot_runs(head, end->count) - 1) * snapshot_run(head);
    snapshot_seam_read(reader, first, run->start);
    if (reader->failed) return false;
    if (first == 0 && !snapshot_seam_meets(run->start, run->made)) return false;
    snapshot_seam_copy(run->made, run->start);
    run->events = span_of(reader->at, reader->left);
    while (run->made->count < end->count) {
        struct snapshot_event event;
        if (!snapshot_event_read(reader, &event) || !snapshot_seam_step(run->made, &event)) return false;
    }
    return reader->left == 0 && snapshot_seam_meets(run->made, end);
}

/* An account's newest id is known until a run has it. */
static void keep_heads(struct snapshot_seam *start, const struct snapshot_seam *end)
{
    for (uint32_t i = 0; i < start->account_count; i++)
        if (start->accounts[i].next_seq == end->accounts[i].next_seq)
            start->accounts[i].head = end->accounts[i].head;
}

/* What comes next is the run before this one. */
static void run_done(struct snapshot_reading *reading, struct long_subject *subject, struct run *run)
{
    struct snapshot_seam *end = subject->end;
    keep_heads(run->start, end);
    subject->end = run->start;
    run->start = end;
    reading->events_at++;
    if (subject->end->count == 0) reading->at++;
}

int snapshot_reading_events(struct snapshot_reading *reading, uint32_t index, struct span bytes,
    int (*seen)(void *context, const struct snapshot_run_events *run), void *context)
{
    struct reader reader;
    if (index >= reading->events_count) return TALLY_EDAMAGED;
    if (index != reading->events_at) return TALLY_EINVALID;
    if (!snapshot_part_open(reading->head, SNAPSHOT_EVENTS, index, bytes, &reader)) return TALLY_EDAMAGED;
    struct long_subject *subject = &reading->subjects[reading->at];
    struct run run = {0};
    int error = run_open(reading->head, subject, &run);
    if (error == TALLY_OK && !run_read(reading->head, subject->end, &reader, &run)) error = TALLY_EDAMAGED;
    if (error == TALLY_OK && seen != NULL)
        error = seen(context, &(struct snapshot_run_events){&subject->position, run.start, run.events});
    if (error == TALLY_OK) run_done(reading, subject, &run);
    run_close(&run);
    return error;
}
