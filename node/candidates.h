/* Candidate blocks: those proposed above the floor, by hash, with their exact bytes and, once gathered, their
 * payload. Consensus knows blocks by hash alone; this is where the driver keeps what the hash stands for. */
#ifndef TALLY_NODE_CANDIDATES_H
#define TALLY_NODE_CANDIDATES_H

#include "node/mempool.h"
#include "node/peer_message.h"

#define CANDIDATES_MAX 8192u

struct candidate {
    struct candidate *next_in_bucket;
    uint32_t references;
    struct digest hash;
    struct peer_message *source;   /* the proposal, or the range that brought it */
    const struct block *finalized; /* in a range: the block whole; `batches` is then empty */
    struct held_batch **batches;   /* one for each of the proposal's, pinned; NULL where still missing */
    uint32_t missing;              /* how many are NULL */
    bool wanted;                   /* consensus waits for the payload */
    bool stored;                   /* its bytes and payload are in the vote record */
    uint32_t ask_next;             /* the peer to ask for what is missing, if it is up */
    uint64_t ask_at_ms;            /* when to ask */
};

struct candidates;

/* `mempool` is borrowed. Errors: TALLY_ENOMEM. */
int candidates_open(struct mempool *mempool, struct candidates **candidates) TALLY_MUST_CHECK;
/* The table's own references go; blocks that others still hold live on until those let go. */
void candidates_close(struct candidates *candidates);

/* The candidate of this hash, or NULL. Borrowed. */
struct candidate *candidates_find(const struct candidates *candidates, const struct digest *hash);
/* Adds a proposal (sharing its memory) with whatever of its payload the mempool holds; the one there already
 * is returned if there is one. NULL when memory or CANDIDATES_MAX is spent. */
struct candidate *candidates_add(struct candidates *candidates, struct peer_message *proposal);
/* Adds block `index` of a verified range, payload included. A proposal of the same block that lacks its
 * payload gives way. */
struct candidate *candidates_add_finalized(
    struct candidates *candidates, struct peer_message *range, uint32_t index);
/* Forgets it. */
void candidates_drop(struct candidates *candidates, const struct digest *hash);

/* Forgets all whose view is at or below the floor's: what was committed of them is shared with whoever
 * carries it out. */
void candidates_sweep(struct candidates *candidates, uint64_t floor_view);

/* Keeps it beyond its being dropped. On the loop's thread; what it points at may be read elsewhere meanwhile.
 */
struct candidate *candidate_share(struct candidate *candidate);
void candidate_release(struct candidates *candidates, struct candidate *candidate);

const struct block_header *candidate_header(const struct candidate *candidate);
static inline bool candidate_has_payload(const struct candidate *candidate)
{
    return candidate->finalized != NULL || candidate->missing == 0;
}
/* With the payload held: whether its sizes are those the header claims, and within the bounds of blocks. */
bool candidate_is_well_formed(const struct candidate *candidate);
/* With the payload held: the block as the ledger takes it. `batches` (candidate_batch_count of them) is the
 * caller's, and the block borrows it and the candidate; a seal's path is the caller's to add. */
uint32_t candidate_batch_count(const struct candidate *candidate);
void candidate_block(const struct candidate *candidate, const struct certificate *finalization,
    struct batch *batches, struct block *block);

/* Gives a batch that the mempool holds to every candidate that lacks it, pinning it for each place it fills.
 * `filled` is told of each that is now whole, and may not add or drop candidates. */
void candidates_fill(struct candidates *candidates, struct held_batch *batch,
    void (*filled)(void *context, struct candidate *candidate), void *context);
/* Whether any candidate lacks a batch. */
bool candidates_lack(const struct candidates *candidates);
/* Calls `each` for every candidate whose payload consensus waits for. It may not add or drop candidates. */
void candidates_each_wanted(
    struct candidates *candidates, void (*each)(void *context, struct candidate *candidate), void *context);

#endif
