/* What can happen to a replica in a world, and the search by rounds. */
#ifndef TALLY_SCOPE_STEPS_H
#define TALLY_SCOPE_STEPS_H

#include "tests/scope/search.h"

#define ACTS_MAX 512u

/* The certificates, of views `from` to `to`, and the proposals that can come and are not known to change
 * nothing. Each returns how many acts it wrote. */
uint32_t acts_learn(
    const struct prospect *prospect, const struct local *local, uint8_t from, uint8_t to, uint32_t *acts);
uint32_t acts_offer(
    const struct prospect *prospect, const struct local *local, uint8_t from, uint8_t to, uint32_t *acts);
/* The same acts again, with a disk that falls silent, where the bounds allow it. Returns how many there are
 * then. */
uint32_t acts_stalled(const struct bounds *bounds, const struct prospect *prospect, const struct local *local,
    uint32_t *acts, uint32_t count);

/* The crashes that can be: each leaves another part of what is unacknowledged. */
uint32_t acts_crash(const struct life *life, uint32_t *acts);

void search_rounds(const struct bounds *bounds, struct findings *findings);

#endif
