// links: tools
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tools/args.h"

static const struct option_spec specs[] = {{"out", true}, {"follow", false}, {NULL, false}};

static int parse(struct args *args, char *why, int count, ...)
{
    static char *arguments[16];
    va_list list;
    va_start(list, count);
    for (int i = 0; i < count; i++)
        arguments[i] = va_arg(list, char *);
    va_end(list);
    return args_parse(specs, count, arguments, args, why, 128);
}

static void options_may_stand_anywhere_and_carry_their_value_either_way(void **state)
{
    (void)state;
    struct args args;
    char why[128];
    assert_int_equal(parse(&args, why, 5, "one", "--out", "file", "two", "--follow"), TALLY_OK);
    assert_string_equal(args_value(&args, "out"), "file");
    assert_string_equal(args_value(&args, "follow"), "");
    assert_int_equal(args.positional_count, 2);
    assert_string_equal(args.positionals[1], "two");
    assert_int_equal(parse(&args, why, 1, "--out=a=b"), TALLY_OK);
    assert_string_equal(args_value(&args, "out"), "a=b");
    assert_null(args_value(&args, "follow"));
}

static void a_dash_and_what_follows_two_dashes_are_ordinary_arguments(void **state)
{
    (void)state;
    struct args args;
    char why[128];
    assert_int_equal(parse(&args, why, 3, "-", "--", "--follow"), TALLY_OK);
    assert_int_equal(args.positional_count, 2);
    assert_string_equal(args.positionals[0], "-");
    assert_string_equal(args.positionals[1], "--follow");
    assert_null(args_value(&args, "follow"));
}

static void mistakes_are_named(void **state)
{
    (void)state;
    struct args args;
    char why[128];
    assert_int_equal(parse(&args, why, 1, "--nope"), TALLY_EFORM);
    assert_string_equal(why, "unknown option '--nope'");
    assert_int_equal(parse(&args, why, 1, "--out"), TALLY_EFORM);
    assert_string_equal(why, "option --out needs a value");
    assert_int_equal(parse(&args, why, 1, "--follow=1"), TALLY_EFORM);
    assert_int_equal(parse(&args, why, 2, "--follow", "--follow"), TALLY_EFORM);
    assert_int_equal(parse(&args, why, 1, "-x"), TALLY_EFORM);
    char one[] = "1", *many[ARGS_POSITIONALS_MAX + 1];
    for (size_t i = 0; i < ARGS_POSITIONALS_MAX + 1; i++)
        many[i] = one;
    assert_int_equal(args_parse(specs, ARGS_POSITIONALS_MAX, many, &args, why, sizeof why), TALLY_OK);
    assert_int_equal(args_parse(specs, ARGS_POSITIONALS_MAX + 1, many, &args, why, sizeof why), TALLY_EFORM);
}

static void numbers_are_digits_within_their_range(void **state)
{
    (void)state;
    uint64_t number = 5;
    assert_int_equal(number_from_text("18446744073709551615", 0, UINT64_MAX, &number), TALLY_OK);
    assert_true(number == UINT64_MAX);
    assert_int_equal(number_from_text("18446744073709551616", 0, UINT64_MAX, &number), TALLY_EFORM);
    assert_int_equal(number_from_text("", 0, 9, &number), TALLY_EFORM);
    assert_int_equal(number_from_text("-1", 0, 9, &number), TALLY_EFORM);
    assert_int_equal(number_from_text("1x", 0, 9, &number), TALLY_EFORM);
    assert_int_equal(number_from_text("3", 4, 9, &number), TALLY_EFORM);
    assert_int_equal(number_from_text("10", 4, 9, &number), TALLY_EFORM);
    assert_true(number == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_stand_anywhere_and_carry_their_value_either_way),
        cmocka_unit_test(a_dash_and_what_follows_two_dashes_are_ordinary_arguments),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(numbers_are_digits_within_their_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
