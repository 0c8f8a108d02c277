// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/range_watch.h"

/* Four validators and an observer; this node is peer 3, which is never up. */
#define PEERS 5u
#define VALIDATORS 4u
#define NOW UINT64_C(100000)

static const struct range_peers all = {.count = PEERS,
    .up = {true, true, true, false, true},
    .validator = {true, true, true, false, false},
    .validator_count = VALIDATORS};

static bool gone(const struct range_watch *watch, uint64_t height, uint64_t now_ms)
{
    return range_watch_gone_to(watch, &all, now_ms) >= height;
}

static void bodies_are_gone_once_everybody_came_without(void **state)
{
    struct range_watch watch = {0};
    (void)state;
    for (uint32_t peer = 0; peer < PEERS; peer++) {
        if (!all.up[peer]) continue;
        assert_false(gone(&watch, 7, NOW));
        range_watch_answered(&watch, peer, 7 + peer);
    }
    assert_true(gone(&watch, 7, NOW));
    assert_false(gone(&watch, 8, NOW)); /* peer 0 may have those */
    range_watch_answered(&watch, 0, 8);
    assert_true(gone(&watch, 8, NOW));
    range_watch_answered(&watch, 2, 0); /* it has them after all */
    assert_false(gone(&watch, 7, NOW));
}

static void f_validators_and_any_observer_are_not_enough(void **state)
{
    struct range_watch watch = {0};
    (void)state;
    range_watch_answered(&watch, 0, 7);
    range_watch_answered(&watch, 4, 7);
    range_watch_asked(&watch, 1, NOW - RANGE_PATIENCE_MS);
    range_watch_asked(&watch, 2, NOW - RANGE_PATIENCE_MS);
    assert_false(gone(&watch, 7, NOW));
    assert_true(range_watch_came(&watch, 1));
    range_watch_answered(&watch, 1, 7);
    assert_true(gone(&watch, 7, NOW));
}

/* A sole validator asks observers, and an observer of two nodes its validator. */
static void where_there_are_fewer_validators_all_others_are_enough(void **state)
{
    struct range_peers few = {.count = 3, .up = {false, true, true}, .validator_count = 1};
    struct range_watch watch = {0};
    (void)state;
    range_watch_answered(&watch, 1, 7);
    assert_int_equal(range_watch_gone_to(&watch, &few, NOW), 0);
    range_watch_answered(&watch, 2, 6);
    assert_int_equal(range_watch_gone_to(&watch, &few, NOW), 6);
    few.validator[0] = true; /* which is down */
    assert_int_equal(range_watch_gone_to(&watch, &few, NOW), 0);
    few = (struct range_peers){.count = 3, .validator_count = 1};
    assert_int_equal(range_watch_gone_to(&(struct range_watch){0}, &few, NOW), 0); /* nobody is up */
}

static void who_is_mute_is_waited_for_a_while(void **state)
{
    struct range_watch watch = {0};
    (void)state;
    range_watch_asked(&watch, 4, NOW);
    range_watch_asked(&watch, 4, NOW + 5000); /* again, in vain */
    for (uint32_t peer = 0; peer < 3; peer++)
        range_watch_answered(&watch, peer, 7);
    assert_false(gone(&watch, 7, NOW + RANGE_PATIENCE_MS - 1));
    assert_true(gone(&watch, 7, NOW + RANGE_PATIENCE_MS));
    range_watch_down(&watch, 4); /* and back: it is asked anew */
    assert_false(gone(&watch, 7, NOW + RANGE_PATIENCE_MS));
}

static void who_lacks_the_fewest_is_asked_next(void **state)
{
    struct range_watch watch = {0};
    (void)state;
    range_watch_answered(&watch, 0, 9);
    range_watch_answered(&watch, 1, 5);
    range_watch_answered(&watch, 2, 7);
    assert_int_equal(range_watch_next(&watch, &all, 9), 4);
    range_watch_asked(&watch, 4, NOW);
    assert_int_equal(range_watch_next(&watch, &all, 9), 1);
    range_watch_asked(&watch, 1, NOW);
    assert_int_equal(range_watch_next(&watch, &all, 9), 2);
    range_watch_asked(&watch, 2, NOW);
    assert_int_equal(range_watch_next(&watch, &all, 9), PEERS_MAX); /* peer 0 has said all it can */
    assert_true(range_watch_came(&watch, 1));
    assert_false(range_watch_came(&watch, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_gone_once_everybody_came_without),
        cmocka_unit_test(f_validators_and_any_observer_are_not_enough),
        cmocka_unit_test(where_there_are_fewer_validators_all_others_are_enough),
        cmocka_unit_test(who_is_mute_is_waited_for_a_while),
        cmocka_unit_test(who_lacks_the_fewest_is_asked_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
