#include "proto/crypto/merkle.h"

#include "proto/base/check.h"
#include "proto/crypto/digest.h"

struct digest merkle_leaf(const struct digest *data)
{
    struct hasher hasher;
    hasher_init_plain(&hasher);
    hasher_u8(&hasher, 0x00);
    hasher_digest(&hasher, data);
    return hasher_final(&hasher);
}

struct digest merkle_node(const struct digest *left, const struct digest *right)
{
    struct hasher hasher;
    hasher_init_plain(&hasher);
    hasher_u8(&hasher, 0x01);
    hasher_digest(&hasher, left);
    hasher_digest(&hasher, right);
    return hasher_final(&hasher);
}

/* The largest power of two smaller than `count`, which is at least 2: where RFC 9162 splits a tree. */
static uint64_t split_of(uint64_t count)
{
    CHECK(count >= 2);
    return 1ull << (63 - __builtin_clzll(count - 1));
}

struct digest merkle_root(const struct digest *leaves, size_t count)
{
    struct merkle_frontier frontier;
    merkle_frontier_init(&frontier);
    for (size_t i = 0; i < count; i++)
        merkle_frontier_append(&frontier, &leaves[i], NULL, NULL);
    return merkle_frontier_root(&frontier);
}

size_t merkle_path(const struct digest *leaves, size_t count, size_t index, struct digest *path)
{
    CHECK(index < count);
    /* Walk down from the root, collecting the sibling at each split; the path is that list reversed. */
    struct digest downwards[MERKLE_DEPTH_MAX];
    size_t length = 0;
    while (count > 1) {
        size_t split = (size_t)split_of(count);
        CHECK(length < MERKLE_DEPTH_MAX);
        if (index < split) {
            downwards[length++] = merkle_root(leaves + split, count - split);
            count = split;
        } else {
            downwards[length++] = merkle_root(leaves, split);
            leaves += split;
            index -= split;
            count -= split;
        }
    }
    for (size_t i = 0; i < length; i++)
        path[i] = downwards[length - 1 - i];
    return length;
}

int merkle_path_check(const struct digest *leaf_data, uint64_t index, uint64_t count,
    const struct digest *path, size_t path_length, const struct digest *root)
{
    if (index >= count) return TALLY_EINVALID;
    uint64_t at = index, last = count - 1;
    struct digest node = merkle_leaf(leaf_data);
    for (size_t i = 0; i < path_length; i++) {
        if (last == 0) return TALLY_EINVALID;
        if ((at & 1) == 1 || at == last) {
            node = merkle_node(&path[i], &node);
            while ((at & 1) == 0 && at != 0) {
                at >>= 1;
                last >>= 1;
            }
        } else {
            node = merkle_node(&node, &path[i]);
        }
        at >>= 1;
        last >>= 1;
    }
    return last == 0 && digest_equal(&node, root) ? TALLY_OK : TALLY_EINVALID;
}

void merkle_frontier_init(struct merkle_frontier *frontier)
{
    frontier->count = 0;
}

/* Appends what stands for one leaf. */
static void append_node(struct merkle_frontier *frontier, struct digest node,
    void (*seen)(void *context, uint32_t level, uint64_t index, const struct digest *node), void *context)
{
    uint64_t index = frontier->count;
    CHECK(index < UINT64_MAX);
    size_t peaks = (size_t)__builtin_popcountll(index);
    uint32_t level = 0;
    if (seen != NULL) seen(context, 0, index, &node);
    /* Like adding one to a binary number: each peak of the same size is merged and carried. */
    while ((index & 1) == 1) {
        node = merkle_node(&frontier->peaks[--peaks], &node);
        index >>= 1;
        level++;
        if (seen != NULL) seen(context, level, index, &node);
    }
    CHECK(peaks < MERKLE_DEPTH_MAX);
    frontier->peaks[peaks] = node;
    frontier->count++;
}

void merkle_frontier_append(struct merkle_frontier *frontier, const struct digest *data,
    void (*seen)(void *context, uint32_t level, uint64_t index, const struct digest *node), void *context)
{
    append_node(frontier, merkle_leaf(data), seen, context);
}

struct digest merkle_frontier_root(const struct merkle_frontier *frontier)
{
    size_t peaks = (size_t)__builtin_popcountll(frontier->count);
    if (peaks == 0) return digest_plain(span_of(NULL, 0));
    struct digest root = frontier->peaks[peaks - 1];
    for (size_t i = peaks - 1; i > 0; i--)
        root = merkle_node(&frontier->peaks[i - 1], &root);
    return root;
}

struct digest merkle_join(const struct digest *roots, size_t count)
{
    struct merkle_frontier frontier;
    merkle_frontier_init(&frontier);
    for (size_t i = 0; i < count; i++)
        append_node(&frontier, roots[i], NULL, NULL);
    return merkle_frontier_root(&frontier);
}

typedef int merkle_get(void *context, uint32_t level, uint64_t index, struct digest *node);

/* Root of the leaves [start, start + count), where `start` is a multiple of the largest power of two in
 * count. */
static int stored_root(uint64_t start, uint64_t count, merkle_get *get, void *context, struct digest *root)
{
    struct digest peaks[MERKLE_DEPTH_MAX];
    size_t length = 0;
    while (count > 0) {
        uint32_t level = (uint32_t)(63 - __builtin_clzll(count));
        CHECK((start & ((1ull << level) - 1)) == 0);
        int error = get(context, level, start >> level, &peaks[length]);
        if (error != TALLY_OK) return error;
        length++;
        start += 1ull << level;
        count -= 1ull << level;
    }
    CHECK(length > 0);
    *root = peaks[length - 1];
    for (size_t i = length - 1; i > 0; i--)
        *root = merkle_node(&peaks[i - 1], root);
    return TALLY_OK;
}

int merkle_stored_path(
    uint64_t count, uint64_t index, merkle_get *get, void *context, struct digest *path, size_t *path_length)
{
    CHECK(index < count);
    struct digest downwards[MERKLE_DEPTH_MAX];
    size_t length = 0;
    uint64_t start = 0;
    while (count > 1) {
        uint64_t split = split_of(count);
        int error;
        CHECK(length < MERKLE_DEPTH_MAX);
        if (index - start < split) {
            error = stored_root(start + split, count - split, get, context, &downwards[length++]);
            count = split;
        } else {
            error = stored_root(start, split, get, context, &downwards[length++]);
            start += split;
            count -= split;
        }
        if (error != TALLY_OK) return error;
    }
    for (size_t i = 0; i < length; i++)
        path[i] = downwards[length - 1 - i];
    *path_length = length;
    return TALLY_OK;
}

int merkle_stored_consistency(
    uint64_t older, uint64_t newer, merkle_get *get, void *context, struct digest *path, size_t *path_length)
{
    CHECK(older > 0 && older <= newer);
    struct digest downwards[MERKLE_CONSISTENCY_MAX];
    size_t length = 0;
    uint64_t start = 0, count = newer, end = older;
    int error = TALLY_OK;
    /* Down to the subtree that ends where the older tree does, collecting the other side of each split. */
    while (error == TALLY_OK && end < start + count) {
        uint64_t split = split_of(count);
        CHECK(length < MERKLE_DEPTH_MAX);
        if (end <= start + split) {
            error = stored_root(start + split, count - split, get, context, &downwards[length++]);
            count = split;
        } else {
            error = stored_root(start, split, get, context, &downwards[length++]);
            start += split;
            count -= split;
        }
    }
    /* That subtree itself, unless it is the whole older tree, whose root the verifier has. */
    if (error == TALLY_OK && start > 0) error = stored_root(start, count, get, context, &downwards[length++]);
    if (error != TALLY_OK) return error;
    for (size_t i = 0; i < length; i++)
        path[i] = downwards[length - 1 - i];
    *path_length = length;
    return TALLY_OK;
}

int merkle_consistency_check(uint64_t older, uint64_t newer, const struct digest *path, size_t path_length,
    const struct digest *older_root, const struct digest *newer_root)
{
    if (older == 0 || older > newer) return TALLY_EINVALID;
    if (older == newer)
        return path_length == 0 && digest_equal(older_root, newer_root) ? TALLY_OK : TALLY_EINVALID;
    uint64_t at = older - 1, last = newer - 1;
    while ((at & 1) == 1) {
        at >>= 1;
        last >>= 1;
    }
    /* What is left is 0 exactly where the older tree is one complete subtree: then the walk starts from its
     * root. */
    size_t next = at == 0 ? 0 : 1;
    if (path_length < next) return TALLY_EINVALID;
    struct digest before = at == 0 ? *older_root : path[0], after = before;
    for (; next < path_length; next++) {
        if (last == 0) return TALLY_EINVALID;
        if ((at & 1) == 1 || at == last) {
            before = merkle_node(&path[next], &before);
            after = merkle_node(&path[next], &after);
            while ((at & 1) == 0 && at != 0) {
                at >>= 1;
                last >>= 1;
            }
        } else {
            after = merkle_node(&after, &path[next]);
        }
        at >>= 1;
        last >>= 1;
    }
    return last == 0 && digest_equal(&before, older_root) && digest_equal(&after, newer_root)
               ? TALLY_OK
               : TALLY_EINVALID;
}
