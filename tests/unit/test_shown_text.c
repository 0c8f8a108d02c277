// links: tools
/* What is shown of text from outside can move no cursor and end no tag. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/base/limits.h"
#include "tools/shown_text.h"

static void expect(void (*append)(struct buffer *, const char *), const char *text, const char *wanted)
{
    struct buffer out;
    buffer_init(&out, 64 * KIB);
    append(&out, text);
    buffer_append(&out, "", 1);
    assert_false(out.failed);
    assert_string_equal((const char *)out.data, wanted);
    buffer_close(&out);
}

static void what_prints_is_shown_as_it_is(void **state)
{
    (void)state;
    expect(shown_append, "", "");
    expect(shown_append, "a b~ <&>\"'", "a b~ <&>\"'");
    expect(shown_append, "\xc3\xa4 \xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x98\x80",
        "\xc3\xa4 \xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x98\x80");
}

static void controls_and_escape_sequences_are_shown_as_their_bytes(void **state)
{
    (void)state;
    expect(shown_append, "\x1b[2J\x07", "\\x1B[2J\\x07");
    expect(shown_append, "a\r\nb\tc\x7f", "a\\x0D\\x0Ab\\x09c\\x7F");
    expect(shown_append,
        "\xc2\x9b"
        "31m",
        "\\xC2\\x9B31m");
    expect(shown_append, "\\x1B", "\\x5Cx1B");
}

static void marks_of_direction_and_separators_are_shown_as_their_bytes(void **state)
{
    (void)state;
    expect(shown_append, "\xe2\x80\xae", "\\xE2\\x80\\xAE");
    expect(shown_append, "\xe2\x80\xa8", "\\xE2\\x80\\xA8");
    expect(shown_append, "\xe2\x81\xa6", "\\xE2\\x81\\xA6");
    expect(shown_append, "\xef\xbb\xbf", "\\xEF\\xBB\\xBF");
    expect(shown_append, "\xe2\x80\x8b", "\\xE2\\x80\\x8B");
    expect(shown_append, "\xf3\xa0\x80\x81", "\\xF3\\xA0\\x80\\x81");
}

static void what_is_no_utf_8_is_shown_as_its_bytes(void **state)
{
    (void)state;
    expect(shown_append, "\xff\xfe", "\\xFF\\xFE");
    expect(shown_append, "\xc3", "\\xC3");
    expect(shown_append,
        "\xe4\xb8"
        "A",
        "\\xE4\\xB8A");
    expect(shown_append, "\x80", "\\x80");
    expect(shown_append, "\xc0\xaf", "\\xC0\\xAF");
    expect(shown_append, "\xe0\x80\xaf", "\\xE0\\x80\\xAF");
    expect(shown_append, "\xed\xa0\x80", "\\xED\\xA0\\x80");
    expect(shown_append, "\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80");
    expect(shown_append, "\xf8\x88\x80\x80\x80", "\\xF8\\x88\\x80\\x80\\x80");
}

static void html_has_entities_too(void **state)
{
    (void)state;
    expect(shown_append_html, "<b a='\"'>&\x1b", "&lt;b a=&#39;&quot;&#39;&gt;&amp;\\x1B");
}

/* No byte of any text of two bytes reaches the screen as a control. */
static void no_control_gets_through(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out, KIB);
    for (unsigned pair = 0x101; pair <= 0xFFFF; pair++) {
        char text[3] = {(char)(pair >> 8), (char)(pair & 0xFF), '\0'};
        buffer_clear(&out);
        shown_append(&out, text);
        for (size_t i = 0; i < out.size; i++) {
            assert_true(out.data[i] >= 0x20 && out.data[i] != 0x7F);
            if (out.data[i] == 0xC2) assert_true(out.data[i + 1] >= 0xA0);
        }
    }
    buffer_close(&out);
}

static void a_wide_character_takes_two_columns(void **state)
{
    (void)state;
    assert_int_equal(shown_width(span_of("abc", 3)), 3);
    assert_int_equal(shown_width(span_of("\xc3\xa4", 2)), 1);
    assert_int_equal(shown_width(span_of("\xe4\xb8\xad\xe6\x96\x87", 6)), 4);
    assert_int_equal(shown_character(span_of("\xe4\xb8\xad\xe6\x96\x87", 6)), 3);
    assert_int_equal(shown_width(span_of("", 0)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_prints_is_shown_as_it_is),
        cmocka_unit_test(controls_and_escape_sequences_are_shown_as_their_bytes),
        cmocka_unit_test(marks_of_direction_and_separators_are_shown_as_their_bytes),
        cmocka_unit_test(what_is_no_utf_8_is_shown_as_its_bytes),
        cmocka_unit_test(html_has_entities_too),
        cmocka_unit_test(no_control_gets_through),
        cmocka_unit_test(a_wide_character_takes_two_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
