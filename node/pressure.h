/* How hard this node is pressed, and when to come back: what clients are told whose batches it does not take
 * now. Pure: numbers in, numbers out. */
#ifndef TALLY_NODE_PRESSURE_H
#define TALLY_NODE_PRESSURE_H

#include "proto/base/bytes.h"
#include "proto/base/limits.h"

/* Final blocks that are not applied yet: with more, no batch is taken. */
#define PRESSURE_UNAPPLIED_MAX 32u
/* Applied blocks without a certified checkpoint: with more, no batch is taken. Well before blocks carry
 * nothing any more. */
#define PRESSURE_UNCERTIFIED_MAX (CERTIFICATION_LAG_MAX / 4u * 3u)
/* Bounds of the hint. The most is also for what does not move at all. */
#define PRESSURE_RETRY_MS_MIN 100u
#define PRESSURE_RETRY_MS_MAX 5000u

/* All of them only grow. */
struct pressure_counts {
    uint64_t batches; /* that left the mempool, ordered and applied */
    uint64_t applied_height;
    uint64_t certified_height; /* of those that are applied */
};

/* Zeros are a fresh one. */
struct pressure {
    uint64_t looked_ms; /* 0 = never */
    struct pressure_counts seen;
    struct pressure_counts paces; /* each in thousandths a second, of the last seconds */
};

/* Looks at the counts, about once a second. `now_ms` never steps back, and is not 0. */
void pressure_look(struct pressure *pressure, uint64_t now_ms, const struct pressure_counts *counts);

enum pressure_cause {
    PRESSURE_NONE = 0,
    PRESSURE_STATE,         /* too many final blocks wait to be applied */
    PRESSURE_CERTIFICATION, /* too many applied blocks wait for a certified checkpoint */
};

/* Whether batches are taken now; if not, *retry_ms is in how long half of what is too much will be gone, by
 * the pace of late. `finalized_height` is what is final here; of the counts the heights alone matter. */
enum pressure_cause pressure_judge(const struct pressure *pressure, uint64_t finalized_height,
    const struct pressure_counts *counts, uint32_t *retry_ms);

/* Where `waiting` batches fill the mempool: in how long an eighth of them will have gone, by the pace of
 * late. */
uint32_t pressure_full_retry_ms(const struct pressure *pressure, uint64_t waiting);

#endif
