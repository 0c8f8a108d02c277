#include "node/mempool.h"

#include <stdlib.h>

#include "node/admission.h"
#include "proto/base/check.h"
#include "proto/crypto/digest_hash.h"

#define BUCKET_COUNT 16384u

/* Digests finalized lately: a ring that forgets the oldest, and chains of slots by hash. Slots are named by
 * index + 1, so that 0 ends a chain. */
struct finalized_ring {
    uint32_t count_max; /* a power of two */
    uint32_t count;
    uint32_t next; /* the slot to write */
    struct digest *digests;
    uint32_t *heads;
    uint32_t *links;
};

struct mempool {
    struct mempool_limits limits;
    struct digest_hash_key key;
    struct held_batch *buckets[BUCKET_COUNT];
    struct held_batch *oldest, *newest;                    /* waiting, by arrival */
    struct held_batch *governance[GOVERNANCE_WAITING_MAX]; /* those of them, in no order */
    size_t governance_bytes;
    struct finalized_ring finalized;
    struct mempool_status status;
    uint64_t arrivals;
    uint64_t mark; /* of the newest walk over ancestors */
};
_Static_assert((BUCKET_COUNT & (BUCKET_COUNT - 1)) == 0, "a bucket is chosen by masking");
_Static_assert((MEMPOOL_FINALIZED_MAX & (MEMPOOL_FINALIZED_MAX - 1)) == 0, "a chain is chosen by masking");
_Static_assert(MEMPOOL_BYTES_MAX >= 4 * BLOCK_SIZE_MAX, "what waits can fill blocks");

/* ---- Batches with their memory ---- */

struct held_batch *held_batch_open(struct span bytes)
{
    if (bytes.size > BATCH_SIZE_MAX) return NULL;
    struct held_batch *held = calloc(1, sizeof(*held));
    if (!held) return NULL;

    arena_init(&held->arena, ADMISSION_ARENA_BUDGET + BATCH_SIZE_MAX);
    uint8_t *copy = arena_take(&held->arena, bytes.size);
    if (!copy) {
        held_batch_close(held);
        return NULL;
    }
    if (bytes.size > 0) memcpy(copy, bytes.data, bytes.size);
    held->bytes = span_of(copy, bytes.size);
    return held;
}

void held_batch_close(struct held_batch *held)
{
    if (!held) return;
    arena_close(&held->arena);
    free(held);
}

/* ---- Digests finalized lately ---- */

static int ring_init(struct finalized_ring *ring, uint32_t count_max)
{
    ring->count_max = count_max;
    ring->digests = calloc(count_max, sizeof(*ring->digests));
    ring->heads = calloc(count_max, sizeof(*ring->heads));
    ring->links = calloc(count_max, sizeof(*ring->links));
    return ring->digests && ring->heads && ring->links ? TALLY_OK : TALLY_ENOMEM;
}

static void ring_close(struct finalized_ring *ring)
{
    free(ring->digests);
    free(ring->heads);
    free(ring->links);
}

static bool ring_has(const struct finalized_ring *ring, uint32_t hash, const struct digest *digest)
{
    for (uint32_t slot = ring->heads[hash & (ring->count_max - 1)]; slot; slot = ring->links[slot - 1]) {
        if (digest_equal(&ring->digests[slot - 1], digest)) return true;
    }
    return false;
}

static void ring_unlink(struct finalized_ring *ring, const struct digest_hash_key *key, uint32_t slot)
{
    uint32_t *link = &ring->heads[digest_hash(key, &ring->digests[slot - 1]) & (ring->count_max - 1)];

    while (*link != slot) {
        CHECK(*link != 0);
        link = &ring->links[*link - 1];
    }
    *link = ring->links[slot - 1];
}

static void ring_add(
    struct finalized_ring *ring, const struct digest_hash_key *key, const struct digest *digest)
{
    uint32_t hash = digest_hash(key, digest);
    if (ring_has(ring, hash, digest)) return;

    uint32_t slot = ring->next + 1;
    if (ring->count == ring->count_max) {
        ring_unlink(ring, key, slot);
    } else {
        ring->count++;
    }
    ring->digests[slot - 1] = *digest;
    uint32_t *head = &ring->heads[hash & (ring->count_max - 1)];
    ring->links[slot - 1] = *head;
    *head = slot;
    ring->next = (ring->next + 1) & (ring->count_max - 1);
}

/* ---- Life ---- */

int mempool_open(const struct mempool_limits *limits, struct mempool **mempool)
{
    static const struct mempool_limits usual = {
        MEMPOOL_BATCHES_MAX, MEMPOOL_BYTES_MAX, MEMPOOL_HELD_BYTES_MAX, MEMPOOL_FINALIZED_MAX};
    if (!limits) limits = &usual;
    uint32_t remembered = limits->finalized_max;
    if (limits->batches_max == 0 || limits->bytes_max == 0 || limits->held_bytes_max == 0)
        return TALLY_EINVALID;
    if (remembered == 0 || (remembered & (remembered - 1)) != 0) return TALLY_EINVALID;

    struct mempool *opened = calloc(1, sizeof(*opened));
    if (!opened) return TALLY_ENOMEM;
    opened->limits = *limits;
    digest_hash_key_init(&opened->key);
    if (ring_init(&opened->finalized, remembered) != TALLY_OK) {
        mempool_close(opened);
        return TALLY_ENOMEM;
    }
    *mempool = opened;
    return TALLY_OK;
}

void mempool_close(struct mempool *mempool)
{
    if (!mempool) return;
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        struct held_batch *held = mempool->buckets[i];
        while (held) {
            struct held_batch *next = held->pool.next_in_bucket;
            held_batch_close(held);
            held = next;
        }
    }
    ring_close(&mempool->finalized);
    free(mempool);
}

uint64_t mempool_arrival(struct mempool *mempool)
{
    return ++mempool->arrivals;
}

/* ---- Holding: the table of all batches ---- */

static struct held_batch **bucket_of(struct mempool *mempool, const struct digest *digest)
{
    return &mempool->buckets[digest_hash(&mempool->key, digest) & (BUCKET_COUNT - 1)];
}

struct held_batch *mempool_find(struct mempool *mempool, const struct digest *digest)
{
    struct held_batch *held = *bucket_of(mempool, digest);

    while (held && !digest_equal(&held->batch.digest, digest))
        held = held->pool.next_in_bucket;
    return held;
}

bool mempool_was_finalized(const struct mempool *mempool, const struct digest *digest)
{
    return ring_has(&mempool->finalized, digest_hash(&mempool->key, digest), digest);
}

static size_t held_cost(const struct held_batch *held)
{
    return sizeof(*held) + held->arena.used;
}

static bool held_bytes_allow(const struct mempool *mempool, size_t cost)
{
    return cost <= mempool->limits.held_bytes_max - mempool->status.held_bytes;
}

static void held_insert(struct mempool *mempool, struct held_batch *held)
{
    struct held_batch **bucket = bucket_of(mempool, &held->batch.digest);

    memset(&held->pool, 0, sizeof(held->pool));
    held->pool.cost = held_cost(held);
    held->pool.next_in_bucket = *bucket;
    *bucket = held;
    mempool->status.held_count++;
    mempool->status.held_bytes += held->pool.cost;
}

/* Frees a batch that neither waits nor is pinned; leaves any other alone. */
static void held_release(struct mempool *mempool, struct held_batch *held)
{
    if (held->pool.waiting || held->pool.pins > 0) return;

    struct held_batch **link = bucket_of(mempool, &held->batch.digest);
    while (*link != held) {
        CHECK(*link);
        link = &(*link)->pool.next_in_bucket;
    }
    *link = held->pool.next_in_bucket;
    CHECK(mempool->status.held_count > 0 && mempool->status.held_bytes >= held->pool.cost);
    mempool->status.held_count--;
    mempool->status.held_bytes -= held->pool.cost;
    held_batch_close(held);
}

/* ---- Waiting: the queue ---- */

static uint32_t governance_of(const struct mempool *mempool, uint32_t member_id)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < mempool->status.governance_count; i++)
        count += mempool->governance[i]->batch.member_id == member_id;
    return count;
}

static bool waiting_allows(const struct mempool *mempool, const struct held_batch *held, size_t cost)
{
    const struct mempool_status *status = &mempool->status;
    if (held->batch.governance != NULL)
        return status->governance_count < GOVERNANCE_WAITING_MAX &&
               governance_of(mempool, held->batch.member_id) < GOVERNANCE_OF_MEMBER_MAX;
    return status->waiting_count - status->governance_count < mempool->limits.batches_max &&
           cost <= mempool->limits.bytes_max - (status->waiting_bytes - mempool->governance_bytes);
}

static void governance_insert(struct mempool *mempool, struct held_batch *held)
{
    CHECK(mempool->status.governance_count < GOVERNANCE_WAITING_MAX);
    mempool->governance[mempool->status.governance_count++] = held;
    mempool->governance_bytes += held->pool.cost;
}

static void governance_remove(struct mempool *mempool, const struct held_batch *held)
{
    uint32_t place = 0;
    while (mempool->governance[place] != held)
        CHECK(++place < mempool->status.governance_count);
    mempool->governance[place] = mempool->governance[--mempool->status.governance_count];
    mempool->governance_bytes -= held->pool.cost;
}

/* Workers may finish out of order, so the place is looked for from the newest end, where it nearly always is.
 */
static void waiting_insert(struct mempool *mempool, struct held_batch *held)
{
    struct held_batch *older = mempool->newest;

    while (older && older->arrival > held->arrival)
        older = older->pool.older;
    struct held_batch *newer = older ? older->pool.newer : mempool->oldest;
    held->pool.older = older;
    held->pool.newer = newer;
    *(older ? &older->pool.newer : &mempool->oldest) = held;
    *(newer ? &newer->pool.older : &mempool->newest) = held;
    held->pool.waiting = true;
    mempool->status.waiting_count++;
    mempool->status.waiting_bytes += held->pool.cost;
    mempool->status.waiting_events += held->batch.event_count;
    if (held->batch.governance != NULL) governance_insert(mempool, held);
}

static void waiting_remove(struct mempool *mempool, struct held_batch *held)
{
    if (!held->pool.waiting) return;

    struct held_batch *older = held->pool.older, *newer = held->pool.newer;
    *(older ? &older->pool.newer : &mempool->oldest) = newer;
    *(newer ? &newer->pool.older : &mempool->newest) = older;
    held->pool.older = held->pool.newer = NULL;
    held->pool.waiting = false;
    CHECK(mempool->status.waiting_count > 0 && mempool->status.waiting_bytes >= held->pool.cost);
    mempool->status.waiting_count--;
    mempool->status.waiting_bytes -= held->pool.cost;
    mempool->status.waiting_events -= held->batch.event_count;
    if (held->batch.governance != NULL) governance_remove(mempool, held);
}

/* ---- Adding ---- */

int mempool_add_take(struct mempool *mempool, struct held_batch *held, uint64_t wall_ms)
{
    CHECK(held->batch.event_count > 0 || held->batch.governance != NULL);
    CHECK(!held->ordered_only);
    if (mempool_was_finalized(mempool, &held->batch.digest)) return TALLY_EEXISTS;
    if (held->batch.expires_at_ms <= wall_ms) return TALLY_ETIMEOUT;

    size_t cost = held_cost(held);
    struct held_batch *known = mempool_find(mempool, &held->batch.digest);
    if (known) {
        known->own |= held->own;
        if (known->pool.waiting || known->ordered_only) return TALLY_EEXISTS;
        /* A candidate block brought it when the queue was full. */
        if (!waiting_allows(mempool, known, known->pool.cost)) return TALLY_EFULL;
        waiting_insert(mempool, known);
        held_batch_close(held);
        return TALLY_OK;
    }
    if (!waiting_allows(mempool, held, cost) || !held_bytes_allow(mempool, cost)) return TALLY_EFULL;
    held_insert(mempool, held);
    waiting_insert(mempool, held);
    return TALLY_OK;
}

int mempool_add_pinned_take(
    struct mempool *mempool, struct held_batch *held, uint64_t wall_ms, struct held_batch **kept)
{
    CHECK(held->batch.event_count > 0 || held->batch.governance != NULL);
    struct held_batch *known = mempool_find(mempool, &held->batch.digest);
    if (known) {
        mempool_pin(mempool, known);
        held_batch_close(held);
        *kept = known;
        return TALLY_OK;
    }
    if (!held_bytes_allow(mempool, held_cost(held))) return TALLY_EFULL;
    held_insert(mempool, held);
    held->pool.pins = 1;
    bool waits = !held->ordered_only && held->batch.expires_at_ms > wall_ms &&
                 !mempool_was_finalized(mempool, &held->batch.digest);
    if (waits && waiting_allows(mempool, held, held->pool.cost)) waiting_insert(mempool, held);
    *kept = held;
    return TALLY_OK;
}

/* ---- Pinning and leaving ---- */

void mempool_pin(struct mempool *mempool, struct held_batch *held)
{
    CHECK(mempool_find(mempool, &held->batch.digest) == held);
    CHECK(held->pool.pins < UINT32_MAX);
    held->pool.pins++;
}

void mempool_unpin(struct mempool *mempool, struct held_batch *held)
{
    CHECK(held->pool.pins > 0);
    held->pool.pins--;
    held_release(mempool, held);
}

void mempool_finalized(struct mempool *mempool, const struct digest *digest)
{
    ring_add(&mempool->finalized, &mempool->key, digest);
    struct held_batch *held = mempool_find(mempool, digest);
    if (!held) return;
    waiting_remove(mempool, held);
    held_release(mempool, held);
}

/* A block that carries it may yet be finalized: then nobody is told. */
static void drop(struct mempool *mempool, struct held_batch *held,
    void (*dropped)(void *context, const struct held_batch *held), void *context)
{
    if (dropped && held->pool.pins == 0) dropped(context, held);
    waiting_remove(mempool, held);
    held_release(mempool, held);
}

size_t mempool_drop_governance(struct mempool *mempool,
    bool (*is_over)(const void *context, const struct batch *batch), const void *context,
    void (*dropped)(void *told_context, const struct held_batch *held), void *told_context)
{
    size_t count = 0;
    /* From the end: a place that is freed is filled from there. */
    for (uint32_t i = mempool->status.governance_count; i-- > 0;) {
        if (!is_over(context, &mempool->governance[i]->batch)) continue;
        drop(mempool, mempool->governance[i], dropped, told_context);
        count++;
    }
    return count;
}

size_t mempool_expire(struct mempool *mempool, uint64_t wall_ms,
    void (*dropped)(void *context, const struct held_batch *held), void *context)
{
    struct held_batch *held = mempool->oldest;
    size_t count = 0;

    while (held) {
        struct held_batch *newer = held->pool.newer;
        if (held->batch.expires_at_ms <= wall_ms) {
            drop(mempool, held, dropped, context);
            count++;
        }
        held = newer;
    }
    return count;
}

/* ---- Choosing a payload ---- */

/* Marks what the ancestors carry, so that a walk over the queue knows it at once. */
static uint64_t ancestors_mark(
    struct mempool *mempool, const struct mempool_payload *ancestors, size_t ancestor_count)
{
    uint64_t mark = ++mempool->mark;

    for (size_t i = 0; i < ancestor_count; i++) {
        for (size_t j = 0; j < ancestors[i].count; j++) {
            struct held_batch *held = mempool_find(mempool, &ancestors[i].digests[j]);
            if (held) held->pool.mark = mark;
        }
    }
    return mark;
}

/* Whether a block of this time may carry it: neither expired when the block is finalized nor beyond the
 * window of remembered digests, which the rules would refuse. */
static bool batch_is_timely(const struct held_batch *held, uint64_t block_time_ms)
{
    return held->batch.expires_at_ms > block_time_ms + MEMPOOL_EXPIRY_MARGIN_MS &&
           held->batch.expires_at_ms <= block_time_ms + BATCH_LIFETIME_MS_MAX;
}

void mempool_select(struct mempool *mempool, uint64_t block_time_ms, const struct mempool_payload *ancestors,
    size_t ancestor_count, struct mempool_selection *selection)
{
    uint64_t mark = ancestors_mark(mempool, ancestors, ancestor_count);
    uint32_t governance = 0;

    selection->batch_count = 0;
    selection->event_count = 0;
    selection->size = 0;
    for (struct held_batch *held = mempool->oldest; held; held = held->pool.newer) {
        if (held->pool.mark == mark || !batch_is_timely(held, block_time_ms)) continue;
        if (held->batch.governance != NULL && governance == GOVERNANCE_BLOCK_MAX) continue;
        if (selection->batch_count == BLOCK_BATCHES_MAX) break;
        if (held->batch.event_count > BLOCK_EVENTS_MAX - selection->event_count) break;
        if (held->bytes.size > BLOCK_SIZE_MAX - selection->size) break;
        governance += held->batch.governance != NULL;
        selection->batches[selection->batch_count++] = held;
        selection->event_count += held->batch.event_count;
        selection->size += held->bytes.size;
    }
}

bool mempool_has_work(struct mempool *mempool, uint64_t block_time_ms,
    const struct mempool_payload *ancestors, size_t ancestor_count)
{
    if (!mempool->oldest) return false;
    uint64_t mark = ancestors_mark(mempool, ancestors, ancestor_count);

    for (const struct held_batch *held = mempool->oldest; held; held = held->pool.newer) {
        if (held->pool.mark != mark && batch_is_timely(held, block_time_ms)) return true;
    }
    return false;
}

void mempool_for_each_own(
    struct mempool *mempool, void (*each)(void *context, const struct held_batch *held), void *context)
{
    for (const struct held_batch *held = mempool->oldest; held; held = held->pool.newer) {
        if (held->own) each(context, held);
    }
}

void mempool_status(const struct mempool *mempool, struct mempool_status *status)
{
    *status = mempool->status;
    status->oldest_ms = mempool->oldest != NULL ? mempool->oldest->arrived_ms : 0;
}
