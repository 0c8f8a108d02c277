// links: base
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/base/base64.h"

static struct span text(const char *from)
{
    return span_of(from, strlen(from));
}

/* RFC 4648, section 10. */
static void the_vectors_of_the_rfc_hold_both_ways(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char digits[16];
        uint8_t bytes[16];
        size_t size, count = base64_encode(text(vectors[i][0]), true, digits);
        assert_int_equal(count, BASE64_SIZE(strlen(vectors[i][0])));
        assert_true(span_equal(span_of(digits, count), text(vectors[i][1])));
        size_t bare = base64_encode(text(vectors[i][0]), false, digits);
        assert_int_equal(bare, strcspn(vectors[i][1], "="));
        const size_t spelt[] = {bare, count};
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(base64_decode(span_of(vectors[i][1], spelt[k]), bytes, &size), TALLY_OK);
            assert_true(span_equal(span_of(bytes, size), text(vectors[i][0])));
        }
    }
}

static void every_length_survives(void **state)
{
    (void)state;
    uint8_t bytes[300], back[300];
    char digits[BASE64_SIZE(300)];
    for (size_t size = 0; size <= sizeof bytes; size++) {
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(i * 37 + size);
        size_t got, count = base64_encode(span_of(bytes, size), size % 2 == 0, digits);
        assert_int_equal(base64_decode(span_of(digits, count), back, &got), TALLY_OK);
        assert_true(span_equal(span_of(back, got), span_of(bytes, size)));
    }
}

static void both_alphabets_are_read(void **state)
{
    (void)state;
    uint8_t bytes[8];
    size_t size;
    static const char *const same[] = {"+/+/", "-_-_", "+_-/"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(base64_decode(text(same[i]), bytes, &size), TALLY_OK);
        assert_memory_equal(bytes, "\xfb\xff\xbf", 3);
    }
}

static void what_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"A", "AAAAA", "=",
        "==", "====", "A=", "A==", "A===", "AA=", "AA===", "AAA==", "AA=A",
        "AAAA=", "AAAA====", "A A=", "AA\n=", "A*A=", "AB", "AB==", "AAB", "AAB=", "\xc3\xa4"};
    uint8_t bytes[8];
    size_t size;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(base64_decode(text(wrong[i]), bytes, &size), TALLY_EFORM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc_hold_both_ways),
        cmocka_unit_test(every_length_survives),
        cmocka_unit_test(both_alphabets_are_read),
        cmocka_unit_test(what_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
