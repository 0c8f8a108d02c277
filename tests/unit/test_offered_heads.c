// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "node/offered_heads.h"

#define LARGE SNAPSHOT_PART_SIZE_MAX

static uint32_t given_up_count, given_up_last;

static void given_up(void *context, uint32_t peer)
{
    (void)context;
    given_up_count++;
    given_up_last = peer;
}

static int put(struct offered_heads *heads, uint32_t peer, uint64_t height, uint8_t cut, size_t size)
{
    struct joiner_snapshot snapshot = {.height = height, .chunk_count = 7, .cut = {.bytes = {cut}}};
    uint8_t *bytes = calloc(1, size);
    bytes[0] = cut;
    int error = offered_heads_put(heads, peer, &snapshot, span_of(bytes, size), given_up, NULL);
    free(bytes);
    return error;
}

static void what_many_offer_is_kept_once(void **state)
{
    struct offered_heads heads = {0};
    (void)state;
    for (uint32_t peer = 0; peer < PEERS_MAX; peer++)
        assert_int_equal(put(&heads, peer, 1000, 1, LARGE), TALLY_OK);
    assert_int_equal(heads.size, LARGE);
    for (uint32_t peer = 0; peer + 1 < PEERS_MAX; peer++)
        offered_heads_drop(&heads, peer);
    assert_int_equal(heads.size, LARGE);
    assert_int_equal(offered_heads_find(&heads, PEERS_MAX - 1).data[0], 1);
    assert_int_equal(offered_heads_find(&heads, 0).size, 0);
    offered_heads_close(&heads);
    assert_int_equal(heads.size, 0);
}

static void a_new_offer_is_in_place_of_the_one_before(void **state)
{
    struct offered_heads heads = {0};
    (void)state;
    assert_int_equal(put(&heads, 3, 1000, 1, 100), TALLY_OK);
    assert_int_equal(put(&heads, 4, 1000, 1, 100), TALLY_OK);
    assert_int_equal(put(&heads, 3, 2000, 2, 50), TALLY_OK);
    assert_int_equal(heads.size, 150);
    assert_int_equal(offered_heads_find(&heads, 3).data[0], 2);
    assert_int_equal(offered_heads_find(&heads, 4).data[0], 1);
    offered_heads_close(&heads);
}

/* However many peers each offer a large one of their own. */
static void all_of_them_stay_within_the_bound(void **state)
{
    struct offered_heads heads = {0};
    (void)state;
    for (uint32_t peer = 0; peer < PEERS_MAX; peer++) {
        assert_int_equal(put(&heads, peer, 1000, (uint8_t)(peer + 1), LARGE), TALLY_OK);
        assert_true(heads.size <= OFFERED_HEADS_SIZE_MAX);
    }
    offered_heads_close(&heads);
}

static void the_oldest_that_one_peer_alone_offers_makes_room(void **state)
{
    struct offered_heads heads = {0};
    (void)state;
    given_up_count = 0;
    assert_int_equal(put(&heads, 0, 1000, 1, LARGE), TALLY_OK); /* of two peers, and the oldest */
    assert_int_equal(put(&heads, 1, 1000, 1, LARGE), TALLY_OK);
    assert_int_equal(put(&heads, 2, 3000, 2, LARGE), TALLY_OK);
    assert_int_equal(put(&heads, 3, 2000, 3, LARGE), TALLY_OK);
    assert_int_equal(put(&heads, 4, 4000, 4, LARGE), TALLY_OK);
    assert_int_equal(given_up_count, 0);
    assert_int_equal(put(&heads, 5, 1999, 5, LARGE), TALLY_ELIMIT);
    assert_int_equal(offered_heads_find(&heads, 5).size, 0);
    assert_int_equal(put(&heads, 5, 5000, 5, LARGE), TALLY_OK);
    assert_int_equal(given_up_count, 1);
    assert_int_equal(given_up_last, 3);
    assert_int_equal(offered_heads_find(&heads, 3).size, 0);
    assert_int_equal(offered_heads_find(&heads, 0).size, LARGE);
    offered_heads_close(&heads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_many_offer_is_kept_once),
        cmocka_unit_test(a_new_offer_is_in_place_of_the_one_before),
        cmocka_unit_test(all_of_them_stay_within_the_bound),
        cmocka_unit_test(the_oldest_that_one_peer_alone_offers_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
