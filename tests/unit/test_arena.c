// links: base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/arena.h"

static void memory_is_aligned_and_apart(void **state)
{
    (void)state;
    struct arena arena;
    uint8_t *taken[200];
    arena_init(&arena, 1u << 20);
    for (size_t i = 0; i < 200; i++) {
        taken[i] = arena_take(&arena, i);
        assert_non_null(taken[i]);
        assert_int_equal((uintptr_t)taken[i] % 16, 0);
        memset(taken[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_equal(taken[i][k], i);
    arena_close(&arena);
    arena_close(NULL);
}

static void the_budget_is_kept_to_the_byte(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64);
    assert_non_null(arena_take(&arena, 17)); /* rounded to 32 */
    assert_int_equal(arena.used, 32);
    assert_null(arena_take(&arena, 33));
    assert_int_equal(arena.used, 32);
    assert_non_null(arena_take(&arena, 32));
    assert_null(arena_take(&arena, 1));
    assert_non_null(arena_take(&arena, 0));
    arena_close(&arena);
}

static void absurd_sizes_are_refused(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    assert_null(arena_take(&arena, SIZE_MAX));
    assert_null(arena_take(&arena, SIZE_MAX - 7));
    assert_null(arena_take_zeroed(&arena, SIZE_MAX / 2, 3));
    assert_null(arena_take_zeroed(&arena, SIZE_MAX, SIZE_MAX));
    assert_int_equal(arena.used, 0);
    arena_close(&arena);
}

static void zeroed_memory_is_zero_also_after_a_reset(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 10000);
    memset(arena_take(&arena, 2000), 0xEE, 2000);
    arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    const uint8_t *zeros = arena_take_zeroed(&arena, 500, 4);
    assert_non_null(zeros);
    for (size_t i = 0; i < 2000; i++)
        assert_int_equal(zeros[i], 0);
    arena_close(&arena);
}

static void a_reset_gives_the_whole_budget_again(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 100000);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 100; i++) {
            uint8_t *memory = arena_take(&arena, 1000 - 8);
            assert_non_null(memory);
            memset(memory, round, 1000 - 8);
        }
        assert_null(arena_take(&arena, 1000));
        arena_reset(&arena);
    }
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_apart),
        cmocka_unit_test(the_budget_is_kept_to_the_byte),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(zeroed_memory_is_zero_also_after_a_reset),
        cmocka_unit_test(a_reset_gives_the_whole_budget_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
