// links: base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/base/amount.h"

static void amounts_add(void **state)
{
    (void)state;
    int64_t sum = 0;
    assert_int_equal(amount_add(391300, -391301, &sum), TALLY_OK);
    assert_int_equal(sum, -1);
    assert_int_equal(amount_add(INT64_MAX, INT64_MIN, &sum), TALLY_OK);
    assert_int_equal(sum, -1);
}

static void an_overflow_is_an_error_and_leaves_the_sum(void **state)
{
    (void)state;
    int64_t sum = 5;
    assert_int_equal(amount_add(INT64_MAX, 1, &sum), TALLY_ELIMIT);
    assert_int_equal(amount_add(INT64_MIN, -1, &sum), TALLY_ELIMIT);
    assert_int_equal(amount_add(INT64_MIN, INT64_MIN, &sum), TALLY_ELIMIT);
    assert_int_equal(sum, 5);
}

static void currencies_are_found_by_either_code(void **state)
{
    (void)state;
    assert_int_equal(currency_by_alpha("TWD")->numeric, 901);
    assert_int_equal(currency_by_alpha("JPY")->exponent, 0);
    assert_int_equal(currency_by_alpha("KWD")->exponent, 3);
    assert_string_equal(currency_by_numeric(156)->alpha, "CNY");
    assert_string_equal(currency_by_numeric(840)->alpha, "USD");
    assert_null(currency_by_alpha("twd"));
    assert_null(currency_by_alpha("XXX"));
    assert_null(currency_by_alpha(""));
    assert_null(currency_by_numeric(0));
    assert_null(currency_by_numeric(901 + 65536));
}

static void no_code_stands_twice(void **state)
{
    (void)state;
    unsigned count = 0;
    for (uint32_t numeric = 0; numeric < 1000; numeric++) {
        const struct currency *currency = currency_by_numeric(numeric);
        if (currency == NULL) continue;
        assert_int_equal(currency->numeric, numeric);
        assert_ptr_equal(currency_by_alpha(currency->alpha), currency);
        assert_true(currency->exponent <= 3);
        count++;
    }
    assert_true(count >= 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_add),
        cmocka_unit_test(an_overflow_is_an_error_and_leaves_the_sum),
        cmocka_unit_test(currencies_are_found_by_either_code),
        cmocka_unit_test(no_code_stands_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
