/* The mempool: batches that wait to be ordered, and those of blocks not finalized yet. One thread owns it;
 * what it holds may be read by other threads while pinned.
 *
 * A batch is in up to two roles. It is *waiting* from when it is added until it is finalized, expires or is
 * removed; only waiting batches are proposed. It is *pinned* once for each candidate block that carries it,
 * and stays in memory and can be found for as long as it is pinned, waiting or not. A batch in neither role
 * is freed at once.
 *
 * The replica pins a block's batches when it takes the block for a candidate (its own proposal, or one whose
 * payload it completes), and unpins them when the block is dropped, or was finalized, appended and applied. A
 * batch whose block is dropped thereby just goes on waiting. */
#ifndef TALLY_NODE_MEMPOOL_H
#define TALLY_NODE_MEMPOOL_H

#include "proto/base/arena.h"
#include "proto/codec/batch.h"

#define MEMPOOL_BATCHES_MAX 4096u
#define MEMPOOL_BYTES_MAX (64u * MIB)
/* For all batches together, those pinned by candidate blocks and not waiting included. */
#define MEMPOOL_HELD_BYTES_MAX (512u * MIB)
/* Governance transactions that wait, which have room of their own: however many events wait, members can
 * decide. */
#define GOVERNANCE_WAITING_MAX 256u
#define GOVERNANCE_OF_MEMBER_MAX 16u /* of them */
/* Finalized digests remembered, newest first, so that a late copy is not ordered again. */
#define MEMPOOL_FINALIZED_MAX 65536u
/* A batch that expires sooner than this after a block's time is not proposed in it. */
#define MEMPOOL_EXPIRY_MARGIN_MS 2000u

/* A batch with its memory. The caller makes it, has it decoded into its arena, and gives it to the mempool;
 * from then on it is read-only. */
struct held_batch {
    struct arena arena;
    struct span bytes;   /* the exact encoding, bodies included where they were sent; in the arena */
    struct batch batch;  /* decoded; in the arena */
    bool ordered_only;   /* fit for a block that names it (ADMISSION_ORDERED), and no more: it never waits */
    bool own;            /* came from a client of this node, which then answers for its being proposed */
    uint64_t arrival;    /* its place in the queue: from mempool_arrival, taken when it came in */
    uint64_t arrived_ms; /* when, by the caller's clock */
    struct {
        struct held_batch *next_in_bucket;
        struct held_batch *older, *newer;
        size_t cost;
        uint32_t pins;
        bool waiting;
        uint64_t mark;
    } pool; /* the mempool's own */
};

/* Copies `bytes` (at most BATCH_SIZE_MAX) into a fresh arena with room for decoding; `batch` is all zeros.
 * Any thread. NULL when memory is short or the bytes are too many. */
struct held_batch *held_batch_open(struct span bytes);
/* For one that no mempool took. NULL is fine. */
void held_batch_close(struct held_batch *held);

struct mempool_limits {
    uint32_t batches_max; /* of events, waiting */
    size_t bytes_max;     /* of those; a batch costs all its memory */
    size_t held_bytes_max;
    uint32_t finalized_max; /* a power of two */
};

struct mempool;

/* `limits` NULL stands for the constants above. Errors: TALLY_ENOMEM, TALLY_EINVALID (limits of 0, or
 * finalized_max no power of two). */
int mempool_open(const struct mempool_limits *limits, struct mempool **mempool) TALLY_MUST_CHECK;
/* Frees every batch, pinned or not. */
void mempool_close(struct mempool *mempool);

/* The next place in the queue. Taken when a batch arrives, so that checking it on a worker does not change
 * its order. */
uint64_t mempool_arrival(struct mempool *mempool);

/* Takes a decoded batch to wait; it is not ordered_only. Errors, which leave `held` the caller's:
 * TALLY_EEXISTS (it is waiting, was finalized lately, or is held as ordered_only for a block; the one held
 * becomes own if `held` is), TALLY_EFULL (a bound: the submitter is told to try again),
 * TALLY_ETIMEOUT (expired by wall_ms). */
int mempool_add_take(struct mempool *mempool, struct held_batch *held, uint64_t wall_ms) TALLY_MUST_CHECK;

/* Takes a decoded batch that was fetched for a candidate block, and pins it once. It waits as well, for the
 * case that the block is dropped, unless it is ordered_only, was finalized, is expired, or the queue is full.
 * If the mempool has the batch already, that one is pinned and `held` closed. Returns the batch that is held
 * now, in *kept. Errors, which leave `held` the caller's: TALLY_EFULL (held_bytes_max). */
int mempool_add_pinned_take(struct mempool *mempool, struct held_batch *held, uint64_t wall_ms,
    struct held_batch **kept) TALLY_MUST_CHECK;

/* The batch of this digest, waiting or pinned; else NULL. Borrowed: pin it to keep it. */
struct held_batch *mempool_find(struct mempool *mempool, const struct digest *digest);
/* Whether the batch was finalized, as far as is remembered: true is certain, false is not. */
bool mempool_was_finalized(const struct mempool *mempool, const struct digest *digest);

void mempool_pin(struct mempool *mempool, struct held_batch *held);
/* `held` is pinned (CHECKed), and must not be used afterwards. */
void mempool_unpin(struct mempool *mempool, struct held_batch *held);

/* The batch is in a finalized block: it waits no longer and is not taken again. Known to the mempool or not.
 */
void mempool_finalized(struct mempool *mempool, const struct digest *digest);

/* Drops waiting governance transactions that `is_over` tells of, such as those whose sequence is used up by
 * now, telling each that no candidate block carries before it goes. Returns how many. */
size_t mempool_drop_governance(struct mempool *mempool,
    bool (*is_over)(const void *context, const struct batch *batch), const void *context,
    void (*dropped)(void *told_context, const struct held_batch *held), void *told_context);

/* Drops waiting batches that expired by wall_ms, telling each that no candidate block carries before it goes.
 * Returns how many. */
size_t mempool_expire(struct mempool *mempool, uint64_t wall_ms,
    void (*dropped)(void *context, const struct held_batch *held), void *context);

/* Batch digests of one unfinalized ancestor block. */
struct mempool_payload {
    const struct digest *digests;
    size_t count;
};

/* What a proposal is to carry. */
struct mempool_selection {
    uint32_t batch_count;
    uint32_t event_count;
    size_t size;                 /* encoded, bodies included: at most BLOCK_SIZE_MAX */
    struct held_batch **batches; /* room for BLOCK_BATCHES_MAX, the caller's; filled oldest first */
};

/* Chooses a payload for a block of this time on top of the given unfinalized ancestors: waiting batches,
 * oldest first, none that an ancestor carries, none that would be expired or premature (by block_time_ms,
 * with a margin), up to the first that passes a bound of blocks: an account's events keep their order.
 * Governance transactions beyond GOVERNANCE_BLOCK_MAX are left for a later block. Neither pins nor removes.
 */
void mempool_select(struct mempool *mempool, uint64_t block_time_ms, const struct mempool_payload *ancestors,
    size_t ancestor_count, struct mempool_selection *selection);
/* Whether mempool_select would choose anything. */
bool mempool_has_work(struct mempool *mempool, uint64_t block_time_ms,
    const struct mempool_payload *ancestors, size_t ancestor_count);

/* Every waiting batch of this node's own clients, oldest first. `each` must not change the mempool. */
void mempool_for_each_own(
    struct mempool *mempool, void (*each)(void *context, const struct held_batch *held), void *context);

struct mempool_status {
    uint32_t waiting_count, held_count;
    uint32_t governance_count; /* of those waiting */
    size_t waiting_bytes, held_bytes;
    uint64_t waiting_events;
    uint64_t oldest_ms; /* arrived_ms of the one that waits longest; 0 = none waits, or it is not known */
};
void mempool_status(const struct mempool *mempool, struct mempool_status *status);

#endif
