/* The parts of a snapshot, read and held against its head. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/snapshot_internal.h"
#include "storage/snapshot_seam.h"

bool snapshot_part_open(
    const struct snapshot_head *head, uint32_t kind, uint32_t index, struct span bytes, struct reader *reader)
{
    struct buffer prefix;
    buffer_init(&prefix, SNAPSHOT_PREFIX_SIZE);
    snapshot_prefix_encode(head->certified.checkpoint.height, kind, index, &prefix);
    reader_init(reader, bytes);
    bool same = span_equal(reader_span(reader, SNAPSHOT_PREFIX_SIZE), buffer_span(&prefix));
    buffer_close(&prefix);
    return same && bytes.size <= SNAPSHOT_PART_SIZE_MAX;
}

/* One of those that the head knows. */
static bool part_open(
    const struct snapshot_head *head, uint32_t kind, uint32_t index, struct span bytes, struct reader *reader)
{
    return index < snapshot_part_count(head, kind) && snapshot_part_open(head, kind, index, bytes, reader);
}

static void read_digest(struct reader *reader, struct digest *digest)
{
    reader_copy(reader, digest->bytes, DIGEST_SIZE);
}

/* ---- History ---- */

int snapshot_history_walk(const struct snapshot_head *head, uint32_t index, struct span bytes,
    int (*seen)(void *context, const struct snapshot_height *height), void *context)
{
    struct reader reader;
    struct merkle_frontier tree;
    if (!part_open(head, SNAPSHOT_HISTORY, index, bytes, &reader)) return TALLY_EDAMAGED;
    uint64_t first = (uint64_t)index * snapshot_run(head) + 1, last = first + snapshot_run(head) - 1;
    if (last > head->certified.checkpoint.height) last = head->certified.checkpoint.height;
    merkle_frontier_init(&tree);
    for (uint64_t height = first; height <= last && !reader.failed; height++) {
        struct snapshot_height read = {.height = height};
        read_digest(&reader, &read.block);
        read.time_ms = reader_u64(&reader);
        read_digest(&reader, &read.state_root);
        read_digest(&reader, &read.results_root);
        struct digest leaf = history_leaf(&read.block, read.time_ms, &read.state_root, &read.results_root);
        merkle_frontier_append(&tree, &leaf, NULL, NULL);
        int error = seen == NULL ? TALLY_OK : seen(context, &read);
        if (error != TALLY_OK) return error;
    }
    struct digest root = merkle_frontier_root(&tree);
    return reader_done(&reader) && digest_equal(&root, &head->history[index]) ? TALLY_OK : TALLY_EDAMAGED;
}

/* ---- Remembered batches ---- */

int snapshot_batches_walk(const struct snapshot_head *head, uint32_t index, struct span bytes,
    int (*seen)(void *context, uint64_t minute, uint32_t order, const struct remembered_batch *batch),
    void *context)
{
    struct reader reader;
    struct merkle_frontier tree;
    const struct replay_minute *minute;
    uint64_t first;
    if (!part_open(head, SNAPSHOT_BATCHES, index, bytes, &reader)) return TALLY_EDAMAGED;
    snapshot_batches_place(head, index, &minute, &first);
    uint64_t end = first + snapshot_run(head);
    if (end > minute->batches.count) end = minute->batches.count;
    merkle_frontier_init(&tree);
    for (uint64_t order = first; order < end && !reader.failed; order++) {
        struct remembered_batch batch;
        read_digest(&reader, &batch.digest);
        batch.expires_at_ms = reader_u64(&reader);
        struct digest leaf = replay_leaf(&batch.digest, batch.expires_at_ms);
        merkle_frontier_append(&tree, &leaf, NULL, NULL);
        int error = seen == NULL ? TALLY_OK : seen(context, minute->minute, (uint32_t)order, &batch);
        if (error != TALLY_OK) return error;
    }
    struct digest root = merkle_frontier_root(&tree);
    return reader_done(&reader) && digest_equal(&root, &head->batches[index]) ? TALLY_OK : TALLY_EDAMAGED;
}

/* ---- Subjects ---- */

struct subjects_walk {
    const struct snapshot_head *head;
    uint32_t index;
    int (*seen)(void *context, const struct snapshot_subject *subject);
    void *context;
    struct snapshot_leaf *leaves;
    size_t count, capacity;
    struct account_chain chains[ACCOUNTS_PER_SUBJECT_MAX];
    struct snapshot_seam *made;
};

/* Whether the position is of the part's range, and comes after the one before it. */
static bool position_fits(const struct subjects_walk *walk, const struct digest *position)
{
    const struct snapshot_range *range = &walk->head->ranges.items[walk->index];
    if (!snapshot_range_holds(&range->first, range->depth, position)) return false;
    return walk->count == 0 ||
           memcmp(walk->leaves[walk->count - 1].position.bytes, position->bytes, DIGEST_SIZE) < 0;
}

/* What the events made is what the state bytes say. */
static bool chains_met(const struct subjects_walk *walk, const struct snapshot_subject *subject)
{
    const struct snapshot_seam *made = walk->made;
    for (uint32_t i = 0; i < subject->chain_count; i++)
        if (made->accounts[i].next_seq != walk->chains[i].next_seq ||
            !digest_equal(&made->accounts[i].head, &walk->chains[i].head) ||
            !digest_equal(&made->accounts[i].ids, &walk->chains[i].ids))
            return false;
    return item_chains_equal(&made->items, &subject->items);
}

/* The events fold to the leaf, and make what the state bytes say of them. */
static bool read_folded(struct subjects_walk *walk, struct reader *reader, struct snapshot_subject *subject)
{
    struct snapshot_seam *made = walk->made;
    const uint8_t *start = reader->at;
    snapshot_seam_start(
        made, &walk->head->config.chain_id, &subject->id, subject->chains, subject->chain_count);
    while (made->count < subject->leaf.count) {
        struct snapshot_event event;
        if (!snapshot_event_read(reader, &event) || !snapshot_seam_step(made, &event)) return false;
    }
    subject->events = span_of(start, (size_t)(reader->at - start));
    subject->leaf.acc = made->acc;
    subject->leaf.last_height = made->last_height;
    return chains_met(walk, subject);
}

static bool counts_add_up(const struct snapshot_subject *subject)
{
    uint64_t count = subject->items.count;
    for (uint32_t i = 0; i < subject->chain_count; i++)
        count += subject->chains[i].next_seq;
    return count == subject->leaf.count;
}

/* What comes of a subject's events: they stand there, or what they fold to does. */
static bool read_events(struct subjects_walk *walk, struct reader *reader, struct snapshot_subject *subject)
{
    subject->leaf.count = reader_u32(reader);
    if (reader->failed || subject->leaf.count == 0) return false;
    subject->is_long = subject->leaf.count > snapshot_run(walk->head);
    if (!subject->is_long) return read_folded(walk, reader, subject);
    subject->leaf.last_height = reader_u64(reader);
    read_digest(reader, &subject->leaf.acc);
    return !reader->failed && counts_add_up(subject);
}

static int leaf_add(struct subjects_walk *walk, const struct snapshot_subject *subject)
{
    if (walk->count == walk->capacity) {
        size_t capacity = walk->capacity == 0 ? 256 : walk->capacity * 2;
        struct snapshot_leaf *leaves = realloc(walk->leaves, capacity * sizeof *leaves);
        if (leaves == NULL) return TALLY_ENOMEM;
        walk->leaves = leaves;
        walk->capacity = capacity;
    }
    walk->leaves[walk->count++] = (struct snapshot_leaf){subject->position, subject->leaf};
    return TALLY_OK;
}

static int subject_walk(struct subjects_walk *walk, struct reader *reader)
{
    struct snapshot_subject subject = {.chains = walk->chains};
    read_digest(reader, &subject.id);
    subject.bytes = reader_span(reader, reader_u32(reader));
    subject.position = subject_position(&walk->head->config.chain_id, &subject.id);
    if (reader->failed || !position_fits(walk, &subject.position)) return TALLY_EDAMAGED;
    int error =
        walk->head->config.accounts(subject.bytes, walk->chains, &subject.chain_count, &subject.items);
    if (error != TALLY_OK) return error == TALLY_EFORM ? TALLY_EDAMAGED : error;
    if (!read_events(walk, reader, &subject)) return TALLY_EDAMAGED;
    subject.leaf.summary = digest_tagged(TAG_SUMMARY, subject.bytes);
    error = leaf_add(walk, &subject);
    return error == TALLY_OK && walk->seen != NULL ? walk->seen(walk->context, &subject) : error;
}

static int subjects_walk(struct subjects_walk *walk, struct span bytes, struct snapshot_subtree *subtree)
{
    struct reader reader;
    CHECK(walk->head->config.accounts != NULL);
    if (!part_open(walk->head, SNAPSHOT_SUBJECTS, walk->index, bytes, &reader)) return TALLY_EDAMAGED;
    int error = TALLY_OK;
    while (error == TALLY_OK && reader.left > 0)
        error = subject_walk(walk, &reader);
    if (error == TALLY_OK)
        *subtree =
            snapshot_subtree_of(walk->leaves, walk->count, walk->head->ranges.items[walk->index].depth);
    return error;
}

static int subjects_run(const struct snapshot_head *head, uint32_t index, struct span bytes,
    int (*seen)(void *context, const struct snapshot_subject *subject), void *context,
    struct snapshot_subtree *subtree)
{
    struct subjects_walk *walk = malloc(sizeof *walk);
    if (walk == NULL) return TALLY_ENOMEM;
    walk->head = head;
    walk->index = index;
    walk->seen = seen;
    walk->context = context;
    walk->leaves = NULL;
    walk->count = walk->capacity = 0;
    walk->made = snapshot_seam_make(ACCOUNTS_PER_SUBJECT_MAX);
    int error = walk->made == NULL ? TALLY_ENOMEM : subjects_walk(walk, bytes, subtree);
    free(walk->made);
    free(walk->leaves);
    free(walk);
    return error;
}

int snapshot_subjects_walk(const struct snapshot_head *head, uint32_t index, struct span bytes,
    int (*seen)(void *context, const struct snapshot_subject *subject), void *context)
{
    struct snapshot_subtree subtree;
    int error = subjects_run(head, index, bytes, seen, context, &subtree);
    if (error != TALLY_OK) return error;
    return digest_equal(&subtree.root, &head->ranges.items[index].subtree.root) ? TALLY_OK : TALLY_EDAMAGED;
}

int snapshot_subjects_root(
    const struct snapshot_head *head, uint32_t index, struct span bytes, struct snapshot_subtree *subtree)
{
    return subjects_run(head, index, bytes, NULL, NULL, subtree);
}

/* ---- The block ---- */

static bool batches_signed(const struct block *block)
{
    for (uint32_t i = 0; i < block->batch_count; i++) {
        const struct batch *batch = &block->batches[i];
        struct verify_key key;
        if (verify_key_parse(&batch->signing_key, &key) != TALLY_OK || batch_check(batch, &key) != TALLY_OK)
            return false;
    }
    return true;
}

/* Its leader's signature, those of its batches, and a quorum's under its own FC. */
static bool block_signed(const struct snapshot_head *head, const struct block *block)
{
    const struct digest *chain_id = &head->config.chain_id;
    const struct verify_set *set = &head->validators;
    struct digest proposal = proposal_digest(chain_id, &block->header, &block->hash);
    if (block->header.view == 0 || !block_is_finalized(block)) return false;
    uint32_t leader = leader_of(block->header.view, set->set.count);
    return certificate_check(set, chain_id, &block->finalization) == TALLY_OK &&
           signature_check(&set->parsed[leader], &proposal, &block->signature) == TALLY_OK &&
           batches_signed(block);
}

int snapshot_block_decode(
    const struct snapshot_head *head, struct span bytes, struct arena *arena, struct block *block)
{
    const struct checkpoint *checkpoint = &head->certified.checkpoint;
    struct reader reader;
    if (!part_open(head, SNAPSHOT_BLOCK, 0, bytes, &reader)) return TALLY_EDAMAGED;
    struct block read;
    int error = block_decode(span_of(reader.at, reader.left), &head->config.chain_id, arena, &read);
    if (error != TALLY_OK) return error == TALLY_ENOMEM ? error : TALLY_EDAMAGED;
    for (uint32_t i = 0; i < read.batch_count; i++)
        for (uint32_t e = 0; e < read.batches[i].event_count; e++)
            if (read.batches[i].events[e].has_body) return TALLY_EDAMAGED;
    if (!digest_equal(&read.hash, &checkpoint->block) || !block_signed(head, &read)) return TALLY_EDAMAGED;
    *block = read;
    return TALLY_OK;
}

/* ---- Any part ---- */

static int block_check(const struct snapshot_head *head, struct span bytes)
{
    struct arena arena;
    struct block block;
    arena_init(&arena, 8 * SNAPSHOT_PART_SIZE_MAX);
    int error = snapshot_block_decode(head, bytes, &arena, &block);
    arena_close(&arena);
    return error;
}

int snapshot_part_check(const struct snapshot_head *head, uint32_t kind, uint32_t index, struct span bytes)
{
    if (index >= snapshot_part_count(head, kind)) return TALLY_EDAMAGED;
    switch ((enum snapshot_part)kind) {
    case SNAPSHOT_BLOCK:
        return block_check(head, bytes);
    case SNAPSHOT_HISTORY:
        return snapshot_history_walk(head, index, bytes, NULL, NULL);
    case SNAPSHOT_BATCHES:
        return snapshot_batches_walk(head, index, bytes, NULL, NULL);
    case SNAPSHOT_SUBJECTS:
        return snapshot_subjects_walk(head, index, bytes, NULL, NULL);
    case SNAPSHOT_EVENTS:
        return TALLY_EDAMAGED;
    }
    return TALLY_EDAMAGED;
}
