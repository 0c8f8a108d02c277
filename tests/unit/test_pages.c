// links: base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/base/pages.h"

static void what_is_taken_is_aligned_and_all_of_it_can_be_used(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, PAGES_SIZE_MIN, PAGES_SIZE_MIN + 1, 3 * PAGES_SIZE_MIN - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *memory = pages_take(sizes[i]);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % ((uintptr_t)2 << 20), 0);
        assert_int_equal(memory[0], 0);
        assert_int_equal(memory[sizes[i] - 1], 0);
        memory[0] = 1;
        memory[sizes[i] - 1] = 2;
        assert_int_equal(memory[sizes[i] - 1], 2);
        pages_give(memory, sizes[i]);
    }
}

static void a_size_that_overflows_is_refused(void **state)
{
    (void)state;
    assert_null(pages_take(SIZE_MAX));
    assert_null(pages_take(SIZE_MAX / 2));
}

static void what_was_given_back_comes_again_without_what_was_in_it(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        uint8_t *memory = pages_take(PAGES_SIZE_MIN);
        assert_non_null(memory);
        for (size_t at = 0; at < PAGES_SIZE_MIN; at += 4096) {
            assert_int_equal(memory[at], 0);
            memory[at] = 0xAA;
        }
        pages_give(memory, PAGES_SIZE_MIN);
    }
    pages_give(NULL, PAGES_SIZE_MIN);
    assert_null(pages_take(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_aligned_and_all_of_it_can_be_used),
        cmocka_unit_test(a_size_that_overflows_is_refused),
        cmocka_unit_test(what_was_given_back_comes_again_without_what_was_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
