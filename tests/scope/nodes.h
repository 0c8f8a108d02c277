/* The worlds a search has met, how it came to each, and what was found. One search at a time. */
#ifndef TALLY_SCOPE_NODES_H
#define TALLY_SCOPE_NODES_H

#include "tests/scope/schedule.h"
#include "tests/scope/search.h"

struct node {
    uint64_t key;       /* the world */
    uint32_t from, act; /* the act has the replica's place in its top bits; 0 in the first */
    /* Rounds only: which step is next, and what was spent. */
    uint32_t object;
    uint8_t slot, mood, crashes, uneven;
};

void nodes_init(const struct bounds *bounds, struct findings *findings);
uint64_t nodes_count(void);
const struct node *node_at(uint64_t number);
/* The node like this one but for how it was come to; `uneven` becomes the lesser. A new one's world is
 * checked if it was not met before, and healed if the lot falls on it. Returns a new node's number, else
 * NODE_NONE. */
#define NODE_NONE UINT32_MAX
uint32_t node_enter(const struct node *node);
double nodes_seconds(void);
/* Whether to end: something was found, or a bound is reached. */
bool nodes_ended(void);
/* A search's last word. */
void nodes_finish(bool complete);

#endif
