// links: crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/crypto/digest.h"
#include "proto/crypto/merkle.h"

#define LEAVES 70u

static struct digest leaves[LEAVES];

static int make_leaves(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < LEAVES; i++)
        leaves[i] = digest_plain(span_of(&i, 1));
    return 0;
}

/* RFC 9162's definition, word for word: split at the largest power of two below n. */
static struct digest root_by_definition(const struct digest *from, size_t count)
{
    if (count == 0) return digest_plain(span_of(NULL, 0));
    if (count == 1) return merkle_leaf(from);
    size_t split = 1;
    while (split * 2 < count)
        split *= 2;
    struct digest left = root_by_definition(from, split);
    struct digest right = root_by_definition(from + split, count - split);
    return merkle_node(&left, &right);
}

static void leaves_and_nodes_have_their_prefixes(void **state)
{
    (void)state;
    uint8_t bytes[65];
    bytes[0] = 0;
    memcpy(bytes + 1, leaves[0].bytes, 32);
    struct digest expected = digest_plain(span_of(bytes, 33)), leaf = merkle_leaf(&leaves[0]);
    assert_true(digest_equal(&leaf, &expected));
    bytes[0] = 1;
    memcpy(bytes + 33, leaves[1].bytes, 32);
    struct digest node = merkle_node(&leaves[0], &leaves[1]);
    expected = digest_plain(span_of(bytes, 65));
    assert_true(digest_equal(&node, &expected));
}

static void roots_are_those_of_the_definition(void **state)
{
    (void)state;
    struct merkle_frontier frontier;
    merkle_frontier_init(&frontier);
    for (size_t count = 0; count <= LEAVES; count++) {
        struct digest expected = root_by_definition(leaves, count);
        struct digest root = merkle_root(leaves, count), grown = merkle_frontier_root(&frontier);
        assert_true(digest_equal(&root, &expected));
        assert_true(digest_equal(&grown, &expected));
        if (count < LEAVES) merkle_frontier_append(&frontier, &leaves[count], NULL, NULL);
    }
    struct digest empty = merkle_root(NULL, 0), nothing = digest_plain(span_of(NULL, 0));
    assert_true(digest_equal(&empty, &nothing));
}

static void every_path_leads_to_its_root_and_to_no_other(void **state)
{
    (void)state;
    struct digest path[MERKLE_DEPTH_MAX + 1];
    for (size_t count = 1; count <= LEAVES; count++) {
        struct digest root = merkle_root(leaves, count);
        for (size_t index = 0; index < count; index++) {
            size_t length = merkle_path(leaves, count, index, path);
            assert_int_equal(merkle_path_check(&leaves[index], index, count, path, length, &root), TALLY_OK);
            assert_int_equal(
                merkle_path_check(&leaves[(index + 1) % LEAVES], index, count, path, length, &root),
                TALLY_EINVALID);
            path[length] = leaves[0];
            assert_int_equal(
                merkle_path_check(&leaves[index], index, count, path, length + 1, &root), TALLY_EINVALID);
            if (length == 0) continue;
            assert_int_equal(
                merkle_path_check(&leaves[index], index, count, path, length - 1, &root), TALLY_EINVALID);
            path[length / 2].bytes[3] ^= 1;
            assert_int_equal(
                merkle_path_check(&leaves[index], index, count, path, length, &root), TALLY_EINVALID);
            path[length / 2].bytes[3] ^= 1;
            size_t other = (index + 1) % count;
            assert_int_equal(
                merkle_path_check(&leaves[index], other, count, path, length, &root), TALLY_EINVALID);
        }
    }
}

static void an_index_past_the_end_or_an_inner_node_is_refused(void **state)
{
    (void)state;
    struct digest path[MERKLE_DEPTH_MAX], root = merkle_root(leaves, 4);
    size_t length = merkle_path(leaves, 4, 3, path);
    assert_int_equal(merkle_path_check(&leaves[3], 4, 4, path, length, &root), TALLY_EINVALID);
    assert_int_equal(
        merkle_path_check(&leaves[3], UINT64_MAX, UINT64_MAX, path, length, &root), TALLY_EINVALID);
    assert_int_equal(merkle_path_check(&leaves[3], 0, 0, path, 0, &root), TALLY_EINVALID);
    /* The node over leaves 2 and 3, passed off as a leaf of a tree of two. */
    struct digest a = merkle_leaf(&leaves[2]), b = merkle_leaf(&leaves[3]), node = merkle_node(&a, &b);
    assert_int_equal(merkle_path_check(&node, 1, 2, path + 1, 1, &root), TALLY_EINVALID);
}

/* A store of complete subtrees, as a frontier tells them. */
struct store {
    struct digest nodes[8][LEAVES];
    bool known[8][LEAVES];
    uint64_t fails_after; /* reads before one fails; 0 = never */
};

static void keep(void *context, uint32_t level, uint64_t index, const struct digest *node)
{
    struct store *store = context;
    assert_true(level < 8 && index < LEAVES && !store->known[level][index]);
    store->nodes[level][index] = *node;
    store->known[level][index] = true;
}

static int get(void *context, uint32_t level, uint64_t index, struct digest *node)
{
    struct store *store = context;
    assert_true(level < 8 && index < LEAVES && store->known[level][index]);
    if (store->fails_after > 0 && --store->fails_after == 0) return TALLY_EIO;
    *node = store->nodes[level][index];
    return TALLY_OK;
}

static void paths_from_stored_subtrees_are_the_same(void **state)
{
    (void)state;
    static struct store store;
    struct merkle_frontier frontier;
    struct digest path[MERKLE_DEPTH_MAX], expected[MERKLE_DEPTH_MAX];
    merkle_frontier_init(&frontier);
    for (size_t i = 0; i < LEAVES; i++)
        merkle_frontier_append(&frontier, &leaves[i], keep, &store);
    for (size_t count = 1; count <= LEAVES; count++) /* also trees of the past */
        for (size_t index = 0; index < count; index++) {
            size_t length = 0, expected_length = merkle_path(leaves, count, index, expected);
            assert_int_equal(merkle_stored_path(count, index, get, &store, path, &length), TALLY_OK);
            assert_int_equal(length, expected_length);
            assert_memory_equal(path, expected, length * sizeof path[0]);
        }
}

static void a_failing_store_is_passed_on(void **state)
{
    (void)state;
    static struct store store;
    struct merkle_frontier frontier;
    struct digest path[MERKLE_CONSISTENCY_MAX];
    size_t length = 99;
    merkle_frontier_init(&frontier);
    for (size_t i = 0; i < LEAVES; i++)
        merkle_frontier_append(&frontier, &leaves[i], keep, &store);
    for (uint64_t reads = 1; reads < 5; reads++) {
        store.fails_after = reads;
        assert_int_equal(merkle_stored_path(LEAVES, 5, get, &store, path, &length), TALLY_EIO);
        assert_int_equal(length, 99);
        store.fails_after = reads;
        assert_int_equal(merkle_stored_consistency(5, LEAVES, get, &store, path, &length), TALLY_EIO);
        assert_int_equal(length, 99);
    }
}

/* RFC 9162's SUBPROOF, word for word; returns the path's new length. */
static size_t subproof(size_t older, const struct digest *from, size_t count, bool whole, struct digest *path)
{
    size_t split = 1, length;
    if (older == count) {
        if (!whole) *path = root_by_definition(from, count);
        return whole ? 0 : 1;
    }
    while (split * 2 < count)
        split *= 2;
    if (older <= split) {
        length = subproof(older, from, split, whole, path);
        path[length] = root_by_definition(from + split, count - split);
    } else {
        length = subproof(older - split, from + split, count - split, false, path);
        path[length] = root_by_definition(from, split);
    }
    return length + 1;
}

static void consistency_paths_are_those_of_the_definition_and_join_no_other_roots(void **state)
{
    (void)state;
    static struct store store;
    static struct digest roots[LEAVES + 1];
    struct merkle_frontier frontier;
    struct digest path[MERKLE_CONSISTENCY_MAX + 1], expected[MERKLE_CONSISTENCY_MAX];
    merkle_frontier_init(&frontier);
    for (size_t i = 0; i < LEAVES; i++) {
        merkle_frontier_append(&frontier, &leaves[i], keep, &store);
        roots[i + 1] = merkle_frontier_root(&frontier);
    }
    for (size_t newer = 1; newer <= LEAVES; newer++)
        for (size_t older = 1; older <= newer; older++) {
            const struct digest *before = &roots[older], *after = &roots[newer];
            size_t length = 0;
            assert_int_equal(merkle_stored_consistency(older, newer, get, &store, path, &length), TALLY_OK);
            assert_int_equal(length, subproof(older, leaves, newer, true, expected));
            assert_memory_equal(path, expected, length * sizeof path[0]);
            assert_int_equal(merkle_consistency_check(older, newer, path, length, before, after), TALLY_OK);
            for (size_t other = 1; other <= LEAVES; other++) {
                if (other != older)
                    assert_int_equal(
                        merkle_consistency_check(older, newer, path, length, &roots[other], after),
                        TALLY_EINVALID);
                if (other != newer)
                    assert_int_equal(
                        merkle_consistency_check(older, newer, path, length, before, &roots[other]),
                        TALLY_EINVALID);
            }
            path[length] = leaves[0];
            assert_int_equal(
                merkle_consistency_check(older, newer, path, length + 1, before, after), TALLY_EINVALID);
            for (size_t i = 0; i < length; i++) {
                path[i].bytes[i % 32] ^= 0x20;
                assert_int_equal(
                    merkle_consistency_check(older, newer, path, length, before, after), TALLY_EINVALID);
                path[i].bytes[i % 32] ^= 0x20;
                assert_int_equal(
                    merkle_consistency_check(older, newer, path, i, before, after), TALLY_EINVALID);
            }
        }
}

static void consistency_from_nothing_or_backwards_is_refused(void **state)
{
    (void)state;
    struct digest one = merkle_root(leaves, 1), two = merkle_root(leaves, 2), nothing = merkle_root(NULL, 0);
    struct digest path = merkle_leaf(&leaves[1]);
    assert_int_equal(merkle_consistency_check(1, 2, &path, 1, &one, &two), TALLY_OK);
    assert_int_equal(merkle_consistency_check(2, 1, &path, 1, &two, &one), TALLY_EINVALID);
    assert_int_equal(merkle_consistency_check(0, 2, &path, 1, &nothing, &two), TALLY_EINVALID);
    assert_int_equal(merkle_consistency_check(0, 0, NULL, 0, &nothing, &nothing), TALLY_EINVALID);
    assert_int_equal(
        merkle_consistency_check(UINT64_MAX - 1, UINT64_MAX, &path, 1, &one, &two), TALLY_EINVALID);
}

/* The largest trees there can be, whose every subtree has one and the same made-up hash. */
static int get_same(void *context, uint32_t level, uint64_t index, struct digest *node)
{
    (void)index;
    assert_true(level < MERKLE_DEPTH_MAX);
    *node = *(const struct digest *)context;
    return TALLY_OK;
}

static void the_longest_consistency_path_fits(void **state)
{
    (void)state;
    struct digest path[MERKLE_CONSISTENCY_MAX];
    size_t length = 0;
    const uint64_t older[] = {1, (1ull << 63) + 1, UINT64_MAX - 1, UINT64_MAX / 3};
    for (size_t i = 0; i < sizeof older / sizeof older[0]; i++) {
        assert_int_equal(
            merkle_stored_consistency(older[i], UINT64_MAX, get_same, &leaves[0], path, &length), TALLY_OK);
        assert_in_range(length, 1, MERKLE_CONSISTENCY_MAX);
    }
    assert_int_equal(
        merkle_stored_consistency((1ull << 63) + 1, UINT64_MAX, get_same, &leaves[0], path, &length),
        TALLY_OK);
    assert_int_equal(length, MERKLE_CONSISTENCY_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_and_nodes_have_their_prefixes),
        cmocka_unit_test(roots_are_those_of_the_definition),
        cmocka_unit_test(every_path_leads_to_its_root_and_to_no_other),
        cmocka_unit_test(an_index_past_the_end_or_an_inner_node_is_refused),
        cmocka_unit_test(paths_from_stored_subtrees_are_the_same),
        cmocka_unit_test(a_failing_store_is_passed_on),
        cmocka_unit_test(consistency_paths_are_those_of_the_definition_and_join_no_other_roots),
        cmocka_unit_test(consistency_from_nothing_or_backwards_is_refused),
        cmocka_unit_test(the_longest_consistency_path_fits),
    };
    return cmocka_run_group_tests(tests, make_leaves, NULL);
}
