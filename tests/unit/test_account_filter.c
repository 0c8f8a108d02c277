// links: storage codec crypto base -Wl,--wrap=pages_take
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/base/pages.h"
#include "storage/account_filter.h"

static bool pages_are_out;

void *__real_pages_take(size_t size);
void *__wrap_pages_take(size_t size);
void *__wrap_pages_take(size_t size)
{
    return pages_are_out ? NULL : __real_pages_take(size);
}

/* Half of the accounts differ in the member alone from another one. */
static uint32_t account_of(uint32_t number, uint8_t ref[ACCOUNT_REF_SIZE])
{
    memset(ref, 0, ACCOUNT_REF_SIZE);
    put_u32(ref + ACCOUNT_REF_SIZE - 4, number / 2);
    return 7 + number % 2;
}

static void add(struct account_filter *filter, uint32_t number)
{
    uint8_t ref[ACCOUNT_REF_SIZE];
    uint32_t member_id = account_of(number, ref);
    account_filter_add(filter, member_id, ref);
}

static bool may_have(const struct account_filter *filter, uint32_t number)
{
    uint8_t ref[ACCOUNT_REF_SIZE];
    uint32_t member_id = account_of(number, ref);
    return account_filter_may_have(filter, member_id, ref);
}

static void what_was_added_is_never_denied_and_hardly_anything_else_is_not(void **state)
{
    (void)state;
    const uint32_t count = 300000;
    uint32_t mistaken = 0;
    struct account_filter *filter = account_filter_make();
    assert_false(may_have(filter, 0));
    for (uint32_t i = 0; i < count; i++) {
        mistaken += may_have(filter, i);
        add(filter, i);
        assert_true(may_have(filter, i));
        assert_true(may_have(filter, i / 2));
    }
    for (uint32_t i = 0; i < count; i++) {
        assert_true(may_have(filter, i));
        mistaken += may_have(filter, count + i);
    }
    /* 32 are to be expected. */
    assert_in_range(mistaken, 0, 100);
    account_filter_close(filter);
}

static void an_account_added_again_takes_no_room(void **state)
{
    (void)state;
    struct account_filter *filter = account_filter_make();
    for (uint32_t i = 0; i < 1000; i++)
        add(filter, i % 500);
    size_t size = account_filter_size(filter);
    for (uint32_t i = 0; i < 100000; i++)
        add(filter, i % 500);
    assert_int_equal(account_filter_size(filter), size);
    account_filter_close(filter);
}

static void without_memory_nothing_is_denied(void **state)
{
    (void)state;
    struct account_filter *filter = account_filter_make();
    uint32_t count = 0;
    pages_are_out = true;
    while (account_filter_size(filter) * 2 < PAGES_SIZE_MIN || !may_have(filter, UINT32_MAX))
        add(filter, count++);
    for (uint32_t i = 0; i < 2 * count; i++)
        assert_true(may_have(filter, i));
    pages_are_out = false;
    add(filter, count);
    assert_true(may_have(filter, UINT32_MAX));
    account_filter_close(filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_never_denied_and_hardly_anything_else_is_not),
        cmocka_unit_test(an_account_added_again_takes_no_room),
        cmocka_unit_test(without_memory_nothing_is_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
