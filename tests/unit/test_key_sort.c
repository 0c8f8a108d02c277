// links: storage base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "storage/key_sort.h"

#define MANY 100000u
#define KEY_SIZE 24u

struct keys {
    uint8_t bytes[MANY][KEY_SIZE];
    uint8_t sizes[MANY];
    bool met[MANY];
};

/* Any fixed numbers, spread evenly. */
static uint64_t number(uint64_t i)
{
    uint64_t mixed = (i + 1) * 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9u;
    return mixed ^ mixed >> 32;
}

static int order(struct span a, struct span b)
{
    for (size_t i = 0; i < a.size && i < b.size; i++)
        if (a.data[i] != b.data[i]) return a.data[i] < b.data[i] ? -1 : 1;
    return (a.size > b.size) - (a.size < b.size);
}

/* Every key comes out once, and in order. */
static void assert_sorted(struct key_sort *sort, struct keys *keys, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        keys->met[i] = false;
        key_sort_add(sort, span_of(keys->bytes[i], keys->sizes[i]));
    }
    size_t found;
    const struct key_item *items = key_sort_done(sort, &found);
    assert_int_equal(found, count);
    for (uint32_t i = 0; i < count; i++) {
        size_t at = (size_t)(items[i].key.data - keys->bytes[0]) / KEY_SIZE;
        assert_true(at < count && !keys->met[at]);
        keys->met[at] = true;
        assert_ptr_equal(items[i].key.data, keys->bytes[at]);
        assert_int_equal(items[i].key.size, keys->sizes[at]);
        if (i > 0) assert_true(order(items[i - 1].key, items[i].key) <= 0);
    }
}

static void key_set(struct keys *keys, uint32_t i, uint64_t first, uint64_t second, uint64_t third)
{
    put_u64(keys->bytes[i], first);
    put_u64(keys->bytes[i] + 8, second);
    put_u64(keys->bytes[i] + 16, third);
    keys->sizes[i] = KEY_SIZE;
}

static void keys_that_are_spread_evenly_come_out_in_order(void **state)
{
    struct keys *keys = *state;
    struct key_sort *sort = key_sort_make(MANY);
    for (uint32_t i = 0; i < MANY; i++)
        key_set(keys, i, number(i), number(i + MANY), 0);
    assert_sorted(sort, keys, MANY);
    key_sort_close(sort);
}

static void keys_with_one_beginning_come_out_in_order(void **state)
{
    struct keys *keys = *state;
    struct key_sort *sort = key_sort_make(MANY);
    for (uint32_t i = 0; i < MANY; i++)
        key_set(keys, i, 7, i % 3, number(i));
    assert_sorted(sort, keys, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        key_set(keys, i, i % 2 == 0 ? UINT64_MAX : 0, 0, number(i));
    assert_sorted(sort, keys, MANY);
    key_sort_close(sort);
}

static void a_key_comes_before_those_it_begins(void **state)
{
    struct keys *keys = *state;
    struct key_sort *sort = key_sort_make(MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        key_set(keys, i, 0, 0, i % 5 == 0 ? 0 : number(i));
        keys->sizes[i] = (uint8_t)(number(i + MANY) % (KEY_SIZE + 1));
    }
    assert_sorted(sort, keys, MANY);
    key_sort_close(sort);
}

static void few_and_many_take_turns(void **state)
{
    struct keys *keys = *state;
    static const uint32_t counts[] = {0, 1, 2, 1000, 32767, 32768, 5, 32769, 0, MANY};
    struct key_sort *sort = key_sort_make(MANY);
    for (uint32_t i = 0; i < MANY; i++)
        key_set(keys, i, number(i), 1, 2);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        assert_sorted(sort, keys, counts[i]);
    key_sort_close(sort);
    sort = key_sort_make(3);
    assert_sorted(sort, keys, 3);
    key_sort_close(sort);
}

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct keys));
    return *state == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_that_are_spread_evenly_come_out_in_order),
        cmocka_unit_test(keys_with_one_beginning_come_out_in_order),
        cmocka_unit_test(a_key_comes_before_those_it_begins),
        cmocka_unit_test(few_and_many_take_turns),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
