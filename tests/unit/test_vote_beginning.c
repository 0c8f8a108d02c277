// links: node storage codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/journal.h"
#include "node/vote_beginning.h"

static bool safe(uint32_t count, uint32_t self, const uint64_t *said, uint64_t height)
{
    struct validator_set set = {.epoch = 3, .count = count};
    uint64_t heights[VALIDATORS_MAX] = {0};
    for (uint32_t i = 0; i < count; i++)
        heights[i] = said[i];
    return vote_beginning_is_safe(&set, self, heights, height);
}

static void a_quorum_of_others_must_not_be_ahead(void **state)
{
    (void)state;
    assert_true(safe(4, 9, (uint64_t[]){50, 50, 49, 99}, 50));
    assert_false(safe(4, 9, (uint64_t[]){50, 50, 51, 99}, 50));
    assert_true(safe(7, 9, (uint64_t[]){1, 2, 3, 4, 5, 99, 99}, 5));
    assert_false(safe(7, 9, (uint64_t[]){1, 2, 3, 4, 6, 99, 99}, 5));
}

static void who_said_nothing_does_not_count(void **state)
{
    (void)state;
    assert_false(safe(4, 9, (uint64_t[]){50, 50, 0, 0}, 50));
    assert_false(safe(4, 9, (uint64_t[]){0, 0, 0, 0}, 50));
}

static void its_own_word_does_not_count(void **state)
{
    (void)state;
    assert_true(safe(4, 3, (uint64_t[]){50, 50, 50, 50}, 50));
    assert_false(safe(4, 3, (uint64_t[]){50, 50, 51, 50}, 50));
}

static void places_ascend_through_epochs(void **state)
{
    (void)state;
    uint64_t late = journal_place(1, (UINT64_C(1) << 40) - 1), next = journal_place(2, 0);
    assert_true(late < next);
    assert_true(next < journal_place(2, 1));
    assert_int_equal(journal_place_epoch(late), 1);
    assert_int_equal(journal_place_view(late), (UINT64_C(1) << 40) - 1);
    assert_int_equal(journal_place_epoch(next), 2);
    assert_int_equal(journal_place_view(next), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quorum_of_others_must_not_be_ahead),
        cmocka_unit_test(who_said_nothing_does_not_count),
        cmocka_unit_test(its_own_word_does_not_count),
        cmocka_unit_test(places_ascend_through_epochs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
