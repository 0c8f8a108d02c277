#include "storage/snapshot_range.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "proto/crypto/subject_path.h"
#include "storage/snapshot.h"

#define SUBTREE_CUT 3u /* in a head: the two halves follow */

/* ---- What stands over leaves, and over subtrees ---- */

static struct snapshot_subtree subtree_leaf(const struct digest *position, const struct subject_leaf *leaf)
{
    return (struct snapshot_subtree){.kind = SUBTREE_LEAF,
        .root = subject_leaf_hash(position, leaf),
        .position = *position,
        .leaf = *leaf};
}

static struct snapshot_subtree subtree_inner(const struct digest *left, const struct digest *right)
{
    return (struct snapshot_subtree){
        .kind = SUBTREE_INNER, .root = subject_node_hash(left, right), .sides = {*left, *right}};
}

struct snapshot_subtree snapshot_subtree_of(const struct snapshot_leaf *leaves, size_t count, size_t depth)
{
    if (count == 0) return (struct snapshot_subtree){.kind = SUBTREE_EMPTY};
    if (count == 1) return subtree_leaf(&leaves[0].position, &leaves[0].leaf);
    size_t zeros = 0;
    CHECK(depth < SUBJECT_PATH_LENGTH_MAX);
    while (zeros < count && position_bit(&leaves[zeros].position, depth) == 0)
        zeros++;
    struct snapshot_subtree left = snapshot_subtree_of(leaves, zeros, depth + 1),
                            right = snapshot_subtree_of(leaves + zeros, count - zeros, depth + 1);
    return subtree_inner(&left.root, &right.root);
}

/* What stands at `depth` over the ranges from *at on, which is moved behind them. */
static struct snapshot_subtree join(const struct snapshot_range **at, uint32_t depth)
{
    if ((*at)->depth == depth) return (*at)++->subtree;
    CHECK((*at)->depth > depth);
    struct snapshot_subtree left = join(at, depth + 1), right = join(at, depth + 1);
    if (left.kind == SUBTREE_EMPTY && right.kind != SUBTREE_INNER) return right;
    if (right.kind == SUBTREE_EMPTY && left.kind != SUBTREE_INNER) return left;
    return subtree_inner(&left.root, &right.root);
}

struct snapshot_subtree snapshot_ranges_join(const struct snapshot_ranges *ranges)
{
    const struct snapshot_range *at = ranges->items;
    struct snapshot_subtree whole = join(&at, 0);
    CHECK(at == ranges->items + ranges->count);
    return whole;
}

/* ---- Ranges ---- */

void snapshot_ranges_close(struct snapshot_ranges *ranges)
{
    free(ranges->items);
    *ranges = (struct snapshot_ranges){0};
}

int snapshot_ranges_add(struct snapshot_ranges *ranges, const struct digest *first, uint32_t depth)
{
    CHECK(depth <= SUBJECT_PATH_LENGTH_MAX);
    if (ranges->count == SNAPSHOT_PARTS_MAX) return TALLY_ELIMIT;
    if (ranges->count == ranges->capacity) {
        uint32_t capacity = ranges->capacity == 0 ? 16 : ranges->capacity * 2;
        struct snapshot_range *items = realloc(ranges->items, capacity * sizeof *items);
        if (items == NULL) return TALLY_ENOMEM;
        ranges->items = items;
        ranges->capacity = capacity;
    }
    ranges->items[ranges->count++] = (struct snapshot_range){.first = *first, .depth = depth};
    return TALLY_OK;
}

struct digest snapshot_range_first(uint32_t index, uint32_t depth)
{
    struct digest first = {{0}};
    CHECK(depth < 32 && index >> depth == 0);
    if (depth > 0) put_u32(first.bytes, index << (32 - depth));
    return first;
}

struct digest snapshot_range_upper(const struct digest *first, uint32_t depth)
{
    struct digest upper = *first;
    CHECK(depth < SUBJECT_PATH_LENGTH_MAX);
    upper.bytes[depth / 8] |= (uint8_t)(0x80u >> depth % 8);
    return upper;
}

bool snapshot_range_holds(const struct digest *first, uint32_t depth, const struct digest *position)
{
    return position_shared_bits(first, position) >= depth;
}

struct digest snapshot_ranges_digest(const struct snapshot_ranges *ranges)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_SNAPSHOT_CUT);
    for (uint32_t i = 0; i < ranges->count; i++)
        hasher_u32(&hasher, ranges->items[i].depth);
    return hasher_final(&hasher);
}

/* ---- In a head ---- */

static void put_subtree(struct buffer *out, const struct snapshot_subtree *subtree)
{
    buffer_u8(out, (uint8_t)subtree->kind);
    if (subtree->kind == SUBTREE_LEAF) {
        buffer_append(out, subtree->position.bytes, DIGEST_SIZE);
        buffer_u64(out, subtree->leaf.count);
        buffer_u64(out, subtree->leaf.last_height);
        buffer_append(out, subtree->leaf.acc.bytes, DIGEST_SIZE);
        buffer_append(out, subtree->leaf.summary.bytes, DIGEST_SIZE);
    } else if (subtree->kind == SUBTREE_INNER) {
        buffer_append(out, subtree->sides[0].bytes, DIGEST_SIZE);
        buffer_append(out, subtree->sides[1].bytes, DIGEST_SIZE);
    }
}

/* The subtree at `depth`, of the ranges from *at on. */
static void put_ranges(struct buffer *out, const struct snapshot_range **at, uint32_t depth)
{
    if ((*at)->depth == depth) {
        put_subtree(out, &(*at)++->subtree);
        return;
    }
    CHECK((*at)->depth > depth);
    buffer_u8(out, SUBTREE_CUT);
    put_ranges(out, at, depth + 1);
    put_ranges(out, at, depth + 1);
}

void snapshot_ranges_encode(const struct snapshot_ranges *ranges, uint32_t depth, struct buffer *out)
{
    const struct snapshot_range *at = ranges->items;
    while (at < ranges->items + ranges->count)
        put_ranges(out, &at, depth);
}

static void read_digest(struct reader *reader, struct digest *digest)
{
    reader_copy(reader, digest->bytes, DIGEST_SIZE);
}

/* A leaf stands where its position says: else parts that are right would not fit. */
static bool read_leaf(struct reader *reader, struct snapshot_range *range)
{
    struct digest position;
    struct subject_leaf leaf;
    read_digest(reader, &position);
    leaf.count = reader_u64(reader);
    leaf.last_height = reader_u64(reader);
    read_digest(reader, &leaf.acc);
    read_digest(reader, &leaf.summary);
    if (reader->failed) return false;
    range->subtree = subtree_leaf(&position, &leaf);
    return snapshot_range_holds(&range->first, range->depth, &position);
}

static bool read_inner(struct reader *reader, struct snapshot_range *range)
{
    struct digest sides[2];
    read_digest(reader, &sides[0]);
    read_digest(reader, &sides[1]);
    if (reader->failed || range->depth == SUBJECT_PATH_LENGTH_MAX) return false;
    range->subtree = subtree_inner(&sides[0], &sides[1]);
    return true;
}

static int read_ranges(struct reader *reader, const struct digest *first, uint32_t depth,
    struct snapshot_ranges *ranges, uint32_t *subjects);

/* A single subject, or none, is never cut. */
static int read_cut(struct reader *reader, const struct digest *first, uint32_t depth,
    struct snapshot_ranges *ranges, uint32_t *subjects)
{
    uint32_t before = *subjects;
    if (depth == SUBJECT_PATH_LENGTH_MAX) return TALLY_EFORM;
    struct digest upper = snapshot_range_upper(first, depth);
    int error = read_ranges(reader, first, depth + 1, ranges, subjects);
    if (error == TALLY_OK) error = read_ranges(reader, &upper, depth + 1, ranges, subjects);
    return error == TALLY_OK && *subjects - before < 2 ? TALLY_EFORM : error;
}

/* The subtree at `depth` over the positions from `first` on; at least so many `subjects` more are told of. */
static int read_ranges(struct reader *reader, const struct digest *first, uint32_t depth,
    struct snapshot_ranges *ranges, uint32_t *subjects)
{
    uint8_t kind = reader_u8(reader);
    if (reader->failed || kind > SUBTREE_CUT) return TALLY_EFORM;
    if (kind == SUBTREE_CUT) return read_cut(reader, first, depth, ranges, subjects);
    int error = snapshot_ranges_add(ranges, first, depth);
    if (error != TALLY_OK) return error == TALLY_ELIMIT ? TALLY_EFORM : error;
    struct snapshot_range *range = &ranges->items[ranges->count - 1];
    if (kind == SUBTREE_LEAF && !read_leaf(reader, range)) return TALLY_EFORM;
    if (kind == SUBTREE_INNER && !read_inner(reader, range)) return TALLY_EFORM;
    *subjects += kind; /* an inner node is over two and more */
    return TALLY_OK;
}

int snapshot_ranges_read(struct reader *reader, uint32_t depth, struct snapshot_ranges *ranges)
{
    uint32_t subjects = 0;
    int error = TALLY_OK;
    CHECK(ranges->count == 0);
    for (uint32_t i = 0; error == TALLY_OK && i < 1u << depth; i++) {
        struct digest first = snapshot_range_first(i, depth);
        error = read_ranges(reader, &first, depth, ranges, &subjects);
    }
    return error;
}
