#include "node/candidates.h"

#include <stdlib.h>

#include "proto/base/check.h"

#define BUCKETS 1024u
_Static_assert((BUCKETS & (BUCKETS - 1)) == 0, "a bucket is some bits of the hash");

struct candidates {
    struct mempool *mempool;
    uint32_t count;
    uint32_t lacking; /* candidates in the table with missing > 0 */
    struct candidate *buckets[BUCKETS];
};

int candidates_open(struct mempool *mempool, struct candidates **out)
{
    struct candidates *candidates = calloc(1, sizeof *candidates);
    if (candidates == NULL) return TALLY_ENOMEM;
    candidates->mempool = mempool;
    *out = candidates;
    return TALLY_OK;
}

static struct candidate **slot_of(struct candidates *candidates, const struct digest *hash)
{
    struct candidate **slot = &candidates->buckets[get_u32(hash->bytes) & (BUCKETS - 1)];
    while (*slot != NULL && !digest_equal(&(*slot)->hash, hash))
        slot = &(*slot)->next_in_bucket;
    return slot;
}

struct candidate *candidates_find(const struct candidates *candidates, const struct digest *hash)
{
    struct candidate *at = candidates->buckets[get_u32(hash->bytes) & (BUCKETS - 1)];
    while (at != NULL && !digest_equal(&at->hash, hash))
        at = at->next_in_bucket;
    return at;
}

static void remove_at(struct candidates *candidates, struct candidate **slot)
{
    struct candidate *candidate = *slot;
    *slot = candidate->next_in_bucket;
    candidate->next_in_bucket = NULL;
    candidates->count--;
    if (candidate->missing > 0) candidates->lacking--;
    candidate_release(candidates, candidate);
}

void candidates_close(struct candidates *candidates)
{
    if (candidates == NULL) return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (candidates->buckets[i] != NULL)
            remove_at(candidates, &candidates->buckets[i]);
    free(candidates);
}

struct candidate *candidate_share(struct candidate *candidate)
{
    CHECK(candidate->references > 0);
    candidate->references++;
    return candidate;
}

static const struct proposal *proposal_of(const struct candidate *candidate)
{
    CHECK(candidate->finalized == NULL);
    return candidate->source->message.proposal;
}

static void unpin_all(struct candidates *candidates, struct candidate *candidate)
{
    if (candidate->batches == NULL) return;
    for (uint32_t i = 0; i < proposal_of(candidate)->batch_count; i++)
        if (candidate->batches[i] != NULL) mempool_unpin(candidates->mempool, candidate->batches[i]);
    free(candidate->batches);
    candidate->batches = NULL;
}

void candidate_release(struct candidates *candidates, struct candidate *candidate)
{
    CHECK(candidate->references > 0);
    if (--candidate->references > 0) return;
    unpin_all(candidates, candidate);
    peer_message_release(candidate->source);
    free(candidate);
}

/* Pins what the mempool has of the payload and counts what it lacks. */
static int gather(struct candidates *candidates, struct candidate *candidate)
{
    const struct proposal *proposal = proposal_of(candidate);
    candidate->batches = calloc(proposal->batch_count + 1, sizeof *candidate->batches);
    if (candidate->batches == NULL) return TALLY_ENOMEM;
    for (uint32_t i = 0; i < proposal->batch_count; i++) {
        struct held_batch *held = mempool_find(candidates->mempool, &proposal->batches[i]);
        candidate->batches[i] = held;
        if (held != NULL)
            mempool_pin(candidates->mempool, held);
        else
            candidate->missing++;
    }
    return TALLY_OK;
}

static void insert(struct candidates *candidates, struct candidate *candidate)
{
    struct candidate **slot = slot_of(candidates, &candidate->hash);
    CHECK(*slot == NULL);
    *slot = candidate;
    candidates->count++;
    if (candidate->missing > 0) candidates->lacking++;
}

static struct candidate *new_candidate(const struct digest *hash, struct peer_message *source)
{
    struct candidate *candidate = calloc(1, sizeof *candidate);
    if (candidate == NULL) return NULL;
    candidate->references = 1;
    candidate->hash = *hash;
    candidate->source = peer_message_share(source);
    return candidate;
}

struct candidate *candidates_add(struct candidates *candidates, struct peer_message *source)
{
    CHECK(source->message.kind == MESSAGE_PROPOSAL);
    const struct digest *hash = &source->message.proposal->hash;
    struct candidate *candidate = candidates_find(candidates, hash);
    if (candidate != NULL) return candidate;
    if (candidates->count >= CANDIDATES_MAX) return NULL;
    candidate = new_candidate(hash, source);
    if (candidate == NULL) return NULL;
    if (gather(candidates, candidate) != TALLY_OK) {
        candidate_release(candidates, candidate);
        return NULL;
    }
    insert(candidates, candidate);
    return candidate;
}

struct candidate *candidates_add_finalized(
    struct candidates *candidates, struct peer_message *source, uint32_t index)
{
    CHECK(source->message.kind == MESSAGE_RANGE && index < source->block_count);
    const struct block *block = &source->blocks[index];
    struct candidate **slot = slot_of(candidates, &block->hash);
    if (*slot != NULL && candidate_has_payload(*slot)) return *slot;
    struct candidate *candidate = new_candidate(&block->hash, source);
    if (candidate == NULL) return NULL;
    candidate->finalized = block;
    if (*slot != NULL) remove_at(candidates, slot);
    insert(candidates, candidate);
    return candidate;
}

void candidates_drop(struct candidates *candidates, const struct digest *hash)
{
    struct candidate **slot = slot_of(candidates, hash);
    if (*slot != NULL) remove_at(candidates, slot);
}

void candidates_sweep(struct candidates *candidates, uint64_t floor_view)
{
    if (candidates->count == 0) return;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct candidate **slot = &candidates->buckets[i];
        while (*slot != NULL) {
            if (candidate_header(*slot)->view <= floor_view)
                remove_at(candidates, slot);
            else
                slot = &(*slot)->next_in_bucket;
        }
    }
}

const struct block_header *candidate_header(const struct candidate *candidate)
{
    return candidate->finalized != NULL ? &candidate->finalized->header : &proposal_of(candidate)->header;
}

bool candidate_is_well_formed(const struct candidate *candidate)
{
    CHECK(candidate_has_payload(candidate));
    if (candidate->finalized != NULL) return true; /* checked when it was decoded */
    const struct proposal *proposal = proposal_of(candidate);
    uint64_t size = 0, whole_size = 0, events = 0, governance = 0;
    for (uint32_t i = 0; i < proposal->batch_count; i++) {
        const struct held_batch *held = candidate->batches[i];
        size += batch_size_without_bodies(&held->batch);
        whole_size += held->bytes.size;
        events += held->batch.event_count;
        governance += held->batch.governance != NULL;
    }
    return size == proposal->header.payload_size && events == proposal->header.payload_events &&
           whole_size <= BLOCK_SIZE_MAX && events <= BLOCK_EVENTS_MAX && governance <= GOVERNANCE_BLOCK_MAX;
}

uint32_t candidate_batch_count(const struct candidate *candidate)
{
    return candidate->finalized != NULL ? candidate->finalized->batch_count
                                        : proposal_of(candidate)->batch_count;
}

void candidate_block(const struct candidate *candidate, const struct certificate *finalization,
    struct batch *batches, struct block *block)
{
    CHECK(candidate_has_payload(candidate));
    if (candidate->finalized != NULL) {
        *block = *candidate->finalized;
        for (uint32_t i = 0; i < block->batch_count; i++)
            batches[i] = block->batches[i];
    } else {
        const struct proposal *proposal = proposal_of(candidate);
        *block = (struct block){
            .header = proposal->header,
            .hash = proposal->hash,
            .justification = proposal->justification_bytes,
            .signature = proposal->signature,
            .batch_count = proposal->batch_count,
        };
        for (uint32_t i = 0; i < block->batch_count; i++)
            batches[i] = candidate->batches[i]->batch;
    }
    block->batches = batches;
    block->has_finalization = finalization != NULL;
    if (finalization != NULL) block->finalization = *finalization;
    block->seal_path = NULL;
    block->seal_path_count = 0;
}

/* Puts the batch in each place of the candidate that waits for it. */
static bool fill_one(struct candidates *candidates, struct candidate *candidate, struct held_batch *batch)
{
    bool any = false;
    const struct proposal *proposal = proposal_of(candidate);
    for (uint32_t i = 0; i < proposal->batch_count && candidate->missing > 0; i++) {
        if (candidate->batches[i] != NULL || !digest_equal(&proposal->batches[i], &batch->batch.digest))
            continue;
        mempool_pin(candidates->mempool, batch);
        candidate->batches[i] = batch;
        candidate->missing--;
        if (candidate->missing == 0) candidates->lacking--;
        any = true;
    }
    return any;
}

void candidates_fill(struct candidates *candidates, struct held_batch *batch,
    void (*filled)(void *context, struct candidate *candidate), void *context)
{
    for (size_t i = 0; i < BUCKETS && candidates->lacking > 0; i++)
        for (struct candidate *at = candidates->buckets[i]; at != NULL; at = at->next_in_bucket) {
            if (at->missing == 0 || !fill_one(candidates, at, batch)) continue;
            if (at->missing == 0) filled(context, at);
        }
}

bool candidates_lack(const struct candidates *candidates)
{
    return candidates->lacking > 0;
}

void candidates_each_wanted(
    struct candidates *candidates, void (*each)(void *context, struct candidate *candidate), void *context)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct candidate *at = candidates->buckets[i]; at != NULL; at = at->next_in_bucket)
            if (at->wanted) each(context, at);
}
