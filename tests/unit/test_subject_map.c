// links: storage codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "proto/crypto/digest.h"
#include "storage/subject_map.h"

#define LEAVES_MAX 600

static uint64_t chance_state;

static uint64_t chance(void)
{
    chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
    return chance_state >> 33;
}

static struct digest random_position(void)
{
    uint8_t bytes[8];
    put_u64(bytes, chance());
    return digest_tagged(TAG_SYNTH, span_of(bytes, sizeof bytes));
}

static struct subject_map_update update_at(const struct digest *position, uint64_t count)
{
    return (struct subject_map_update){
        .position = *position, .leaf = {.count = count, .last_height = count * 3}};
}

/* The root by its definition, over an unordered list. */
static struct digest naive_root(const struct subject_map_update *leaves, size_t count, size_t depth)
{
    if (count == 0) return (struct digest){{0}};
    if (count == 1) return subject_leaf_hash(&leaves[0].position, &leaves[0].leaf);
    struct subject_map_update *side[2] = {calloc(count, sizeof **side), calloc(count, sizeof **side)};
    size_t counts[2] = {0, 0};
    assert_true(side[0] != NULL && side[1] != NULL);
    for (size_t i = 0; i < count; i++) {
        unsigned bit = position_bit(&leaves[i].position, depth);
        side[bit][counts[bit]++] = leaves[i];
    }
    struct digest left = naive_root(side[0], counts[0], depth + 1);
    struct digest right = naive_root(side[1], counts[1], depth + 1);
    free(side[0]);
    free(side[1]);
    return subject_node_hash(&left, &right);
}

static void assert_root(const struct subject_map *map, const struct subject_map_update *leaves, size_t count)
{
    struct digest expected = naive_root(leaves, count, 0);
    assert_true(digest_equal(&expected, &map->root));
}

static struct subject_map updated(
    struct subject_map_pool *pool, const struct subject_map_update *updates, size_t count)
{
    struct subject_map next;
    struct subject_map_update *copy = malloc((count + 1) * sizeof *copy);
    assert_non_null(copy);
    if (count > 0) memcpy(copy, updates, count * sizeof *copy);
    assert_int_equal(subject_map_update(pool, copy, count, &next), TALLY_OK);
    free(copy);
    return next;
}

/* Nodes of a map: its leaves, and the inner ones that keep them apart. */
static size_t naive_nodes(const struct subject_map_update *leaves, size_t count, size_t depth)
{
    if (count < 2) return count;
    struct subject_map_update *side[2] = {calloc(count, sizeof **side), calloc(count, sizeof **side)};
    size_t counts[2] = {0, 0};
    assert_true(side[0] != NULL && side[1] != NULL);
    for (size_t i = 0; i < count; i++) {
        unsigned bit = position_bit(&leaves[i].position, depth);
        side[bit][counts[bit]++] = leaves[i];
    }
    size_t nodes =
        1 + naive_nodes(side[0], counts[0], depth + 1) + naive_nodes(side[1], counts[1], depth + 1);
    free(side[0]);
    free(side[1]);
    return nodes;
}

static void assert_proof(
    const struct subject_map *map, const struct digest *position, enum history_place place)
{
    static struct subject_map_proof proof;
    struct digest node = {{0}};
    subject_map_prove(map, position, &proof);
    assert_int_equal(proof.place, place);
    if (place == PLACE_PRESENT) node = subject_leaf_hash(position, &proof.leaf);
    if (place == PLACE_OTHER) {
        node = subject_leaf_hash(&proof.other_position, &proof.leaf);
        assert_false(digest_equal(&proof.other_position, position));
        assert_true(position_shared_bits(&proof.other_position, position) >= proof.sibling_count);
    }
    struct digest walked = subject_path_root(position, &node, proof.siblings, proof.sibling_count);
    assert_true(digest_equal(&walked, &map->root));
}

static void the_empty_map_is_zeros_and_holds_nobody(void **state)
{
    (void)state;
    static const struct subject_map empty;
    struct digest zero = {{0}}, position = random_position();
    assert_true(digest_equal(&empty.root, &zero));
    const struct digest *fetched = &position;
    subject_map_fetch(&empty, &fetched, 1);
    assert_null(subject_map_find(&empty, &position));
    assert_proof(&empty, &position, PLACE_EMPTY);
    struct subject_map_pool *pool = subject_map_pool_make();
    struct subject_map still = updated(pool, NULL, 0);
    assert_true(digest_equal(&still.root, &zero));
    assert_proof(&still, &position, PLACE_EMPTY);
    subject_map_pool_close(pool);
}

static void random_updates_give_the_root_of_the_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        chance_state = seed;
        struct subject_map_pool *pool = subject_map_pool_make();
        struct subject_map map = {0};
        struct subject_map_update leaves[LEAVES_MAX];
        size_t count = 0;
        for (int round = 0; round < 12; round++) {
            struct subject_map_update batch[50];
            size_t size = chance() % 50, batched = 0;
            for (size_t i = 0; i < size; i++) {
                /* Half are new, half replace one that is not in this batch yet. */
                size_t at = count;
                if (count > 0 && chance() % 2 == 0) at = chance() % count;
                struct digest position = at == count ? random_position() : leaves[at].position;
                bool repeated = false;
                for (size_t b = 0; b < batched; b++)
                    repeated = repeated || digest_equal(&batch[b].position, &position);
                if (repeated) continue;
                leaves[at] = batch[batched++] = update_at(&position, chance());
                if (at == count) count++;
            }
            map = updated(pool, batch, batched);
            assert_root(&map, leaves, count);
            subject_map_release_oldest(pool);
            assert_root(&map, leaves, count);
            assert_int_equal(subject_map_pool_nodes(pool), naive_nodes(leaves, count, 0));
        }
        for (size_t i = 0; i < count; i++) {
            const struct digest *fetched = &leaves[i].position;
            subject_map_fetch(&map, &fetched, 1);
            assert_proof(&map, &leaves[i].position, PLACE_PRESENT);
            assert_memory_equal(
                subject_map_find(&map, &leaves[i].position), &leaves[i].leaf, sizeof leaves[i].leaf);
        }
        subject_map_pool_close(pool);
    }
}

static void the_order_of_updates_makes_no_difference(void **state)
{
    (void)state;
    chance_state = 5;
    struct subject_map_pool *pool = subject_map_pool_make();
    struct subject_map_update leaves[64];
    for (size_t i = 0; i < 64; i++) {
        struct digest position = random_position();
        leaves[i] = update_at(&position, i);
    }
    struct subject_map at_once = updated(pool, leaves, 64);
    for (int round = 0; round < 10; round++) {
        for (size_t i = 63; i > 0; i--) {
            size_t j = chance() % (i + 1);
            struct subject_map_update swapped = leaves[i];
            leaves[i] = leaves[j];
            leaves[j] = swapped;
        }
        struct subject_map_pool *other = subject_map_pool_make();
        struct subject_map one_by_one = {0};
        for (size_t i = 0; i < 64; i++)
            one_by_one = updated(other, &leaves[i], 1);
        assert_true(digest_equal(&at_once.root, &one_by_one.root));
        subject_map_pool_close(other);
    }
    subject_map_pool_close(pool);
}

/* Positions that share their first bits, up to all but the last. */
static void neighbours_in_the_deepest_places_are_kept_apart(void **state)
{
    (void)state;
    chance_state = 6;
    struct subject_map_pool *pool = subject_map_pool_make();
    struct digest base = random_position();
    struct subject_map_update leaves[257];
    leaves[0] = update_at(&base, 1);
    for (size_t bit = 0; bit < 256; bit++) {
        struct digest position = base;
        position.bytes[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
        leaves[bit + 1] = update_at(&position, bit);
    }
    /* The two that share 255 bits alone, then all. */
    static const size_t counts[] = {1, 2};
    struct subject_map_update deepest[2] = {leaves[0], leaves[256]};
    for (size_t i = 0; i < 2; i++) {
        struct subject_map map = updated(pool, deepest, counts[i]);
        assert_root(&map, deepest, counts[i]);
        assert_proof(&map, &base, PLACE_PRESENT);
        assert_proof(&map, &leaves[256].position, i == 0 ? PLACE_OTHER : PLACE_PRESENT);
    }
    struct subject_map map = updated(pool, leaves, 257);
    assert_root(&map, leaves, 257);
    for (size_t i = 0; i < 257; i++)
        assert_proof(&map, &leaves[i].position, PLACE_PRESENT);
    static struct subject_map_proof proof;
    subject_map_prove(&map, &base, &proof);
    assert_int_equal(proof.sibling_count, SUBJECT_PATH_LENGTH_MAX);
    subject_map_pool_close(pool);
}

static void absence_is_shown_by_an_empty_place_or_by_the_one_who_stands_there(void **state)
{
    (void)state;
    struct subject_map_pool *pool = subject_map_pool_make();
    struct digest a = {{0x00}}, b = {{0x40}}, empty = {{0x80}}, other = {{0x01}};
    struct subject_map_update leaves[] = {update_at(&a, 1), update_at(&b, 2)};
    struct subject_map map = updated(pool, leaves, 2);
    assert_proof(&map, &empty, PLACE_EMPTY);
    assert_proof(&map, &other, PLACE_OTHER);
    assert_null(subject_map_find(&map, &empty));
    assert_null(subject_map_find(&map, &other));
    subject_map_pool_close(pool);
}

static void old_versions_stay_as_they_were(void **state)
{
    (void)state;
    chance_state = 7;
    struct subject_map_pool *pool = subject_map_pool_make();
    struct subject_map versions[40] = {{0}};
    struct subject_map_update leaves[40], changed[40];
    for (size_t i = 1; i < 40; i++) {
        struct digest position = random_position();
        leaves[i] = update_at(&position, i);
        versions[i] = updated(pool, &leaves[i], 1);
    }
    for (size_t oldest = 1; oldest < 40; oldest++) {
        subject_map_release_oldest(pool);
        for (size_t v = oldest; v < 40; v++) {
            assert_root(&versions[v], leaves + 1, v);
            if (v + 1 < 40) assert_null(subject_map_find(&versions[v], &leaves[v + 1].position));
        }
    }
    assert_int_equal(subject_map_pool_nodes(pool), naive_nodes(leaves + 1, 39, 0));
    /* What the next one changes is another's until this one is let go. */
    memcpy(changed, leaves, sizeof changed);
    for (size_t i = 1; i < 40; i += 2)
        changed[i].leaf.count += 100;
    struct subject_map_update copy[40];
    memcpy(copy, changed, sizeof copy);
    struct subject_map next = updated(pool, copy + 1, 39);
    assert_root(&versions[39], leaves + 1, 39);
    assert_root(&next, changed + 1, 39);
    subject_map_release_oldest(pool);
    assert_root(&next, changed + 1, 39);
    assert_int_equal(subject_map_pool_nodes(pool), naive_nodes(leaves + 1, 39, 0));
    subject_map_pool_close(pool);
}

static void an_update_in_bulk_is_fast(void **state)
{
    (void)state;
    enum { SUBJECTS = 200000, GROUP = 10000, ROUNDS = 20 };
    chance_state = 8;
    struct subject_map_pool *pool = subject_map_pool_make();
    struct subject_map_update *all = calloc(SUBJECTS, sizeof *all), *some = calloc(GROUP, sizeof *some);
    assert_true(all != NULL && some != NULL);
    for (uint64_t i = 0; i < SUBJECTS; i++) {
        uint8_t bytes[8];
        put_u64(bytes, i);
        struct digest position = digest_tagged(TAG_SYNTH, span_of(bytes, sizeof bytes));
        all[i] = update_at(&position, i);
    }
    struct subject_map map = updated(pool, all, SUBJECTS);
    clock_t begun = clock();
    for (uint64_t round = 0; round < ROUNDS; round++) {
        for (uint64_t i = 0; i < GROUP; i++) {
            some[i] = all[(i * 19 + round * 7) % SUBJECTS];
            some[i].leaf.count++;
            all[(i * 19 + round * 7) % SUBJECTS] = some[i];
        }
        assert_int_equal(subject_map_update(pool, some, GROUP, &map), TALLY_OK);
        subject_map_release_oldest(pool);
    }
    double took = (double)(clock() - begun) / CLOCKS_PER_SEC;
    print_message("%.2f us an update\n", took * 1e6 / (GROUP * ROUNDS));
    assert_root(&map, all, SUBJECTS);
    free(all);
    free(some);
    subject_map_pool_close(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_empty_map_is_zeros_and_holds_nobody),
        cmocka_unit_test(random_updates_give_the_root_of_the_definition),
        cmocka_unit_test(the_order_of_updates_makes_no_difference),
        cmocka_unit_test(neighbours_in_the_deepest_places_are_kept_apart),
        cmocka_unit_test(absence_is_shown_by_an_empty_place_or_by_the_one_who_stands_there),
        cmocka_unit_test(old_versions_stay_as_they_were),
        cmocka_unit_test(an_update_in_bulk_is_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
