// links: net base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/net/waiting_room.h"

#define CROWD 7u
#define OTHER 9u

/* Streams are not looked into: numbers do. */
static struct tls_stream *numbered(uintptr_t number)
{
    static char places[2 * WAITING_ROOM_MAX];
    assert_true(number < sizeof places);
    return (struct tls_stream *)(void *)&places[number];
}

static void fill(struct waiting_room *room, uint64_t source)
{
    for (uintptr_t i = 0; i < WAITING_ROOM_MAX; i++)
        assert_null(waiting_room_enter(room, source, numbered(i)));
}

static void those_of_one_address_go_in_the_order_they_came(void **state)
{
    struct waiting_room room = {0};
    (void)state;
    assert_null(waiting_room_next(&room));
    fill(&room, CROWD);
    for (uintptr_t i = 0; i < WAITING_ROOM_MAX; i++)
        assert_ptr_equal(waiting_room_next(&room), numbered(i));
    assert_null(waiting_room_next(&room));
}

static void addresses_take_turns(void **state)
{
    struct waiting_room room = {0};
    (void)state;
    for (uintptr_t i = 0; i < 10; i++)
        assert_null(waiting_room_enter(&room, CROWD, numbered(i)));
    assert_ptr_equal(waiting_room_next(&room), numbered(0));
    assert_null(waiting_room_enter(&room, OTHER, numbered(20)));
    assert_null(waiting_room_enter(&room, OTHER, numbered(21)));
    static const uintptr_t order[] = {1, 20, 2, 21, 3, 4};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        assert_ptr_equal(waiting_room_next(&room), numbered(order[i]));
}

static void a_full_room_sends_away_who_fills_it(void **state)
{
    struct waiting_room room = {0};
    (void)state;
    fill(&room, CROWD);
    assert_ptr_equal(waiting_room_enter(&room, CROWD, numbered(100)), numbered(100));
    assert_ptr_equal(waiting_room_enter(&room, OTHER, numbered(101)), numbered(WAITING_ROOM_MAX - 1));
    assert_ptr_equal(waiting_room_enter(&room, CROWD, numbered(102)), numbered(102));
    assert_int_equal(room.count, WAITING_ROOM_MAX);
    assert_ptr_equal(waiting_room_next(&room), numbered(0));
    assert_ptr_equal(waiting_room_next(&room), numbered(101));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_of_one_address_go_in_the_order_they_came),
        cmocka_unit_test(addresses_take_turns),
        cmocka_unit_test(a_full_room_sends_away_who_fills_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
