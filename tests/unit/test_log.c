// links: net codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <regex.h>

#include "node/net/log.h"

static char last[2 * LOG_LINE_SIZE_MAX];
static unsigned count;

static void sink(void *context, enum log_level level, const char *line, size_t size)
{
    (void)context;
    (void)level;
    assert_true(size <= LOG_LINE_SIZE_MAX);
    memcpy(last, line, size);
    last[size] = '\0';
    count++;
}

static int setup(void **state)
{
    (void)state;
    count = 0;
    last[0] = '\0';
    log_set_level(LOG_LEVEL_INFO);
    log_set_sink(sink, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    log_set_level(LOG_LEVEL_INFO);
    return 0;
}

/* What follows the time. */
static const char *rest(void)
{
    return last + strlen("2026-01-02T03:04:05.678Z ");
}

static void a_line_has_time_level_text_and_pairs(void **state)
{
    regex_t time;
    struct digest digest = {{1, 2, 3, 4, 5, 6, 7, 0xFF, 9}};
    struct public_key key = {{0x02, 0xAA}};
    (void)state;
    LOG_INFO("peer up", LOG_S("peer", "validator-2"), LOG_U("height", UINT64_MAX), LOG_I("change", INT64_MIN),
        LOG_H("block", &digest), LOG_K("key", &key), LOG_E("error", TALLY_EFULL), LOG_S("none", NULL));
    assert_int_equal(
        regcomp(&time, "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z ", REG_EXTENDED),
        0);
    assert_int_equal(regexec(&time, last, 0, NULL, 0), 0);
    regfree(&time);
    char wanted[512];
    snprintf(wanted, sizeof wanted,
        "info \"peer up\" peer=validator-2 height=18446744073709551615 change=-9223372036854775808 "
        "block=01020304050607ff key=02aa000000000000 error=\"%s\" none=-\n",
        tally_error_text(TALLY_EFULL));
    assert_string_equal(rest(), wanted);
}

static void a_text_alone_is_a_line(void **state)
{
    (void)state;
    LOG_BROKEN("stopped");
    assert_string_equal(rest(), "broken stopped\n");
    LOG_UNUSUAL("two words");
    assert_string_equal(rest(), "unusual \"two words\"\n");
}

static void values_cannot_forge_pairs_or_lines(void **state)
{
    (void)state;
    LOG_INFO("x", LOG_S("a", "b c"), LOG_S("d", "e=f"), LOG_S("g", "\"\\"),
        LOG_S("h", "\n2026 \x1b[31m\x7f\xc3"), LOG_S("i", ""));
    assert_string_equal(
        rest(), "info x a=\"b c\" d=\"e=f\" g=\"\\\"\\\\\" h=\"\\x0a2026 \\x1b[31m\\x7f\\xc3\" i=\"\"\n");
}

static void levels_below_the_least_are_not_written(void **state)
{
    (void)state;
    LOG_DEBUG("hidden");
    assert_int_equal(count, 0);
    log_set_level(LOG_LEVEL_DEBUG);
    LOG_DEBUG("shown");
    assert_string_equal(rest(), "debug shown\n");
    log_set_level(LOG_LEVEL_BROKEN);
    LOG_UNUSUAL("hidden");
    assert_int_equal(count, 1);
}

static void a_long_line_is_cut_and_says_so(void **state)
{
    static char text[4 * LOG_LINE_SIZE_MAX];
    (void)state;
    for (size_t size = LOG_LINE_SIZE_MAX - 80; size < LOG_LINE_SIZE_MAX + 10; size++) {
        memset(text, 'y', size);
        text[size] = '\0';
        LOG_INFO("x", LOG_S("long", text), LOG_U("after", 1));
        size_t length = strlen(last);
        assert_true(length <= LOG_LINE_SIZE_MAX);
        assert_int_equal(last[length - 1], '\n');
        bool whole = strstr(last, "after=1\n") != NULL;
        assert_true(whole || memcmp(last + length - 4, "...", 3) == 0);
    }
    memset(text, '\n', sizeof text - 1);
    LOG_INFO("x", LOG_S("long", text));
    assert_true(strlen(last) <= LOG_LINE_SIZE_MAX);
}

static void strangers_write_so_many_lines_in_a_window(void **state)
{
    struct log_limit limit = {0};
    uint64_t suppressed = 99, allowed = 0;
    (void)state;
    for (uint32_t i = 0; i < 3 * LOG_LIMIT_LINES; i++)
        if (log_limit_allows(&limit, 1000 + i, &suppressed)) allowed++;
    assert_int_equal(allowed, LOG_LIMIT_LINES);
    assert_int_equal(suppressed, 0);
    assert_true(log_limit_allows(&limit, 1000 + LOG_LIMIT_WINDOW_MS, &suppressed));
    assert_int_equal(suppressed, 2 * LOG_LIMIT_LINES);
    assert_true(log_limit_allows(&limit, 1001 + LOG_LIMIT_WINDOW_MS, &suppressed));
    assert_int_equal(suppressed, 0);
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_line_has_time_level_text_and_pairs),
        LOG_TEST(a_text_alone_is_a_line),
        LOG_TEST(values_cannot_forge_pairs_or_lines),
        LOG_TEST(levels_below_the_least_are_not_written),
        LOG_TEST(a_long_line_is_cut_and_says_so),
        LOG_TEST(strangers_write_so_many_lines_in_a_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
