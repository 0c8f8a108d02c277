/* How the subject map is cut into parts: subtrees side by side, each under the positions that begin with the
 * same bits, and what stands there. Nobody but the snapshots' files includes it. */
#ifndef TALLY_STORAGE_SNAPSHOT_RANGE_H
#define TALLY_STORAGE_SNAPSHOT_RANGE_H

#include "proto/codec/history.h"

enum snapshot_subtree_kind { SUBTREE_EMPTY = 0, SUBTREE_LEAF = 1, SUBTREE_INNER = 2 };

/* What its root is the hash of, so that a leaf cannot be told for an inner node, nor in another's place. */
struct snapshot_subtree {
    enum snapshot_subtree_kind kind;
    struct digest root;
    union {
        struct {
            struct digest position;
            struct subject_leaf leaf;
        };
        struct digest sides[2]; /* of an inner node */
    };
};

struct snapshot_leaf {
    struct digest position;
    struct subject_leaf leaf;
};
/* What stands at `depth` over leaves in order of position, whose first `depth` bits are equal. */
struct snapshot_subtree snapshot_subtree_of(const struct snapshot_leaf *leaves, size_t count, size_t depth);

/* The positions of one part of subjects. */
struct snapshot_range {
    struct digest first; /* the bits that they begin with, and zeros */
    uint32_t depth;      /* how many such bits: up to SUBJECT_PATH_LENGTH_MAX */
    struct snapshot_subtree subtree;
};

/* Ranges side by side, in order. Zeros are none. */
struct snapshot_ranges {
    struct snapshot_range *items;
    uint32_t count, capacity;
};

void snapshot_ranges_close(struct snapshot_ranges *ranges);
/* Adds the next one, empty. Errors: TALLY_ELIMIT (SNAPSHOT_PARTS_MAX are there), TALLY_ENOMEM. */
int snapshot_ranges_add(
    struct snapshot_ranges *ranges, const struct digest *first, uint32_t depth) TALLY_MUST_CHECK;

/* The first position of all subtrees at `depth`, at most 31, that is number `index` of them. */
struct digest snapshot_range_first(uint32_t index, uint32_t depth);
/* The first one of the upper half of those that share `depth` bits with `first`. */
struct digest snapshot_range_upper(const struct digest *first, uint32_t depth);
/* Whether a position begins with the first `depth` bits of `first`. */
bool snapshot_range_holds(const struct digest *first, uint32_t depth, const struct digest *position);

/* What stands over ranges that leave no position out: a leaf rises to where it is alone. */
struct snapshot_subtree snapshot_ranges_join(const struct snapshot_ranges *ranges);

/* The subtrees at `depth`, which no range is above of, as storage/snapshot.h has them in a head. */
void snapshot_ranges_encode(const struct snapshot_ranges *ranges, uint32_t depth, struct buffer *out);
/* Reads as many into `ranges`, which are none. Errors: TALLY_EFORM, TALLY_ENOMEM. */
int snapshot_ranges_read(
    struct reader *reader, uint32_t depth, struct snapshot_ranges *ranges) TALLY_MUST_CHECK;
/* A digest of where they are cut, and of nothing else. */
struct digest snapshot_ranges_digest(const struct snapshot_ranges *ranges);

#endif
