/* How often something was met before, by a 64-bit hash of it: which of several identical lines a line is. */
#ifndef TALLY_TOOLS_OCCURRENCE_H
#define TALLY_TOOLS_OCCURRENCE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"

/* Lines one import may read: what bounds its memory, at 32 bytes a line. */
#define OCCURRENCES_MAX (1u << 26)

struct occurrences {
    struct occurrence *slots; /* open addressing, at most half full */
    size_t capacity;
    size_t count;
};

void occurrences_init(struct occurrences *table);
void occurrences_close(struct occurrences *table);
/* *before = how many times the hash was counted before; counts it. Errors: TALLY_ENOMEM, TALLY_ELIMIT. */
int occurrence_count(struct occurrences *table, uint64_t hash, uint32_t *before) TALLY_MUST_CHECK;

#endif
