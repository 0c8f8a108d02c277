/* A reader of a network under load: a connection to one node, and a thread that asks for whole histories of
 * the load's subjects, so many a second, and verifies some as a lender would. It asks freely, or under
 * inquiries of its own. */
#ifndef TALLY_TOOLS_BENCH_READER_H
#define TALLY_TOOLS_BENCH_READER_H

#include <pthread.h>
#include <stdatomic.h>

#include "proto/proof/verify.h"
#include "tools/bench_client.h"

/* Questions under way at once; those that are due beyond that wait. */
#define READER_WINDOW 256u
#define INQUIRIES_KEPT 1024u

/* Inquiries that were answered, for others to ask again. Of any thread. */
struct kept_inquiries {
    pthread_mutex_t mutex;
    uint64_t count; /* ever kept: the newest INQUIRIES_KEPT of them are there */
    struct kept_inquiry {
        struct digest id, subject;
    } kept[INQUIRIES_KEPT];
};

struct bench_reader {
    struct home home;                   /* of the node that is asked */
    const struct bench_client *clients; /* whose subjects: each one's member's, of its load */
    uint32_t client_count;
    uint64_t interval_ns; /* between two questions, from the start on */
    bool inquires;        /* each question is a new inquiry; else every other one is a kept inquiry, again */
    struct kept_inquiries *inquiries;
    pthread_t thread;
    pthread_barrier_t *ready, *start; /* as a client's */
    const uint64_t *start_ns;
    atomic_bool *stop; /* set by the reader where it fails, and by whoever wants it to end */
    /* Once it has ended: */
    enum tool_exit code;
    struct context context; /* why it failed */
    uint64_t asked, busy;   /* busy: the node said to ask later, and was not asked again */
    uint64_t again;         /* of the answers, to inquiries of before */
    uint64_t *latencies_ns; /* of each answer, from when the question was due */
    size_t count, capacity;
    uint64_t *verify_ns; /* of each answer's verification; not all are verified */
    size_t verified, verify_capacity;
    uint64_t events;  /* in all that were verified */
    uint32_t longest; /* of them, in one answer */
};

/* The caller sets what stands before `thread`, the barriers, start_ns and stop; the others are zeros. Errors:
 * TALLY_ENOMEM (no thread; it passes no barrier). */
int bench_reader_start(struct bench_reader *reader) TALLY_MUST_CHECK;
/* Waits for the thread's end, which is when what it asked is answered. */
void bench_reader_join(struct bench_reader *reader);
/* Frees the samples. */
void bench_reader_close(struct bench_reader *reader);

#endif
