/* The three honest replicas together, by the numbers of their states. */
#ifndef TALLY_SCOPE_WORLD_H
#define TALLY_SCOPE_WORLD_H

#include "tests/scope/local.h"

#define HONEST 3u

/* In the order of the honest validators. */
struct world {
    uint32_t local[HONEST];
};

/* A new world: all three in their first states. */
void world_begin(uint32_t liar, uint8_t views);
/* The validator at a place. */
uint32_t world_replica(uint32_t place);
static inline const struct local *world_local(const struct world *world, uint32_t place)
{
    return local_at(world_replica(place), world->local[place]);
}
uint64_t world_key(const struct world *world);
struct world world_of(uint64_t key);

/* What can come to a replica now. */
struct prospect {
    struct claims possible;    /* certificates that two honest votes and the liar's make */
    struct block_bits offered; /* proposals that were sent, and those that the liar can make */
    uint32_t crashes, stalls;  /* so far, of all replicas together */
};
void world_prospect(const struct world *world, uint8_t views, struct prospect *prospect);

/* What is violated in the world, in words, or NULL. */
const char *world_trouble(const struct world *world);
/* Whether the three, undisturbed from now on and with the liar silent, come to append another block each. All
 * that was on its way is lost. Fills trouble if not, or if anything is violated meanwhile. */
bool world_heals(const struct world *world, bool links_return, uint64_t *took_ms,
    char trouble[TROUBLE_SIZE]) TALLY_MUST_CHECK;

#endif
