// links: storage codec crypto base
/* Subtrees of the subject map side by side, cut anyhow: they make its root, and come back from their bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "storage/snapshot_range.h"
#include "storage/subject_map.h"
#include "tests/vectors/samples.h"

static int by_position(const void *a, const void *b)
{
    return memcmp(a, b, DIGEST_SIZE);
}

/* The leaves from `first` on that share `depth` bits with it, cut at `depth_min` at least, and where there
 * are two and chance has it further. */
static void cut(struct snapshot_ranges *ranges, const struct snapshot_leaf *leaves, size_t count,
    const struct digest *first, uint32_t depth, uint32_t depth_min)
{
    struct digest chance = sample_digest_of("chance", (uint32_t)(count * 1000 + depth * 10 + depth_min));
    for (size_t i = 0; i < count; i++)
        assert_true(snapshot_range_holds(first, depth, &leaves[i].position));
    if (depth < depth_min || (count > 1 && chance.bytes[0] < 0xa0)) {
        struct digest upper = snapshot_range_upper(first, depth);
        size_t lower = 0;
        while (lower < count && memcmp(leaves[lower].position.bytes, upper.bytes, DIGEST_SIZE) < 0)
            lower++;
        cut(ranges, leaves, lower, first, depth + 1, depth_min);
        cut(ranges, leaves + lower, count - lower, &upper, depth + 1, depth_min);
        return;
    }
    assert_int_equal(snapshot_ranges_add(ranges, first, depth), TALLY_OK);
    ranges->items[ranges->count - 1].subtree = snapshot_subtree_of(leaves, count, depth);
}

static void comes_back(const struct snapshot_ranges *ranges, uint32_t depth)
{
    struct snapshot_ranges again = {0};
    struct reader reader;
    struct buffer bytes;
    buffer_init(&bytes, MIB);
    snapshot_ranges_encode(ranges, depth, &bytes);
    reader_init(&reader, buffer_span(&bytes));
    assert_int_equal(snapshot_ranges_read(&reader, depth, &again), TALLY_OK);
    assert_true(reader_done(&reader));
    assert_int_equal(again.count, ranges->count);
    struct snapshot_subtree whole = snapshot_ranges_join(ranges), read = snapshot_ranges_join(&again);
    assert_memory_equal(whole.root.bytes, read.root.bytes, DIGEST_SIZE);
    struct digest a = snapshot_ranges_digest(ranges), b = snapshot_ranges_digest(&again);
    assert_memory_equal(a.bytes, b.bytes, DIGEST_SIZE);
    snapshot_ranges_close(&again);
    buffer_close(&bytes);
}

static void subtrees_side_by_side_make_the_maps_root(void **context)
{
    (void)context;
    uint32_t further = 0;
    for (size_t count = 0; count < 40; count++)
        for (uint32_t depth = 0; depth < 7; depth++) {
            struct snapshot_leaf leaves[40];
            struct snapshot_ranges ranges = {0};
            struct subject_map map = {0};
            struct subject_map_pool *pool = subject_map_pool_make();
            struct subject_map_update updates[40];
            for (size_t i = 0; i < count; i++) {
                struct digest position = sample_digest_of("position", (uint32_t)(i * 100 + count));
                struct subject_leaf leaf = {.count = i + 1};
                updates[i] = (struct subject_map_update){position, leaf};
                leaves[i] = (struct snapshot_leaf){position, leaf};
            }
            if (count > 0) qsort(leaves, count, sizeof *leaves, by_position);
            if (count > 0) assert_int_equal(subject_map_update(pool, updates, count, &map), TALLY_OK);
            cut(&ranges, leaves, count, &(struct digest){{0}}, 0, depth);
            further += ranges.count > 1u << depth;
            struct snapshot_subtree whole = snapshot_ranges_join(&ranges);
            assert_memory_equal(whole.root.bytes, map.root.bytes, DIGEST_SIZE);
            assert_int_equal(whole.kind, count == 0   ? SUBTREE_EMPTY
                                         : count == 1 ? SUBTREE_LEAF
                                                      : SUBTREE_INNER);
            comes_back(&ranges, depth);
            snapshot_ranges_close(&ranges);
            subject_map_pool_close(pool);
        }
    assert_true(further > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subtrees_side_by_side_make_the_maps_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
