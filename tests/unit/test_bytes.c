// links: base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/base/bytes.h"

static void integers_are_big_endian_and_come_back(void **state)
{
    (void)state;
    uint8_t bytes[8];
    put_u64(bytes, 0x0123456789abcdefu);
    assert_memory_equal(bytes, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
    assert_true(get_u64(bytes) == 0x0123456789abcdefu);
    put_u32(bytes, 0xfedcba98u);
    assert_memory_equal(bytes, "\xfe\xdc\xba\x98", 4);
    assert_true(get_u32(bytes) == 0xfedcba98u);
    put_u16(bytes, 0x8001u);
    assert_memory_equal(bytes, "\x80\x01", 2);
    assert_true(get_u16(bytes) == 0x8001u);
    put_u64(bytes, UINT64_MAX);
    assert_true(get_u64(bytes) == UINT64_MAX);
}

static void hexadecimal_goes_both_ways(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x7f, 0xa0, 0xff};
    char text[9];
    uint8_t read[4];
    hex_encode(span_of(bytes, 4), text);
    assert_string_equal(text, "007fa0ff");
    assert_int_equal(hex_decode("007FA0fF", read, 4), TALLY_OK);
    assert_memory_equal(read, bytes, 4);
    hex_encode(span_of(NULL, 0), text);
    assert_string_equal(text, "");
    assert_int_equal(hex_decode("", read, 0), TALLY_OK);
}

static void hexadecimal_of_another_length_or_letter_is_refused(void **state)
{
    (void)state;
    uint8_t read[2];
    static const char *const bad[] = {"", "0", "00", "000", "00000", "000g", "g000", "00 0", " 0000", "0000 ",
        "0x00", "00/0", "00:0", "00@0", "00`0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(hex_decode(bad[i], read, 2), TALLY_EFORM);
}

static void spans_are_equal_by_their_bytes(void **state)
{
    (void)state;
    assert_true(span_equal(span_of("ab", 2), span_of("abc", 2)));
    assert_false(span_equal(span_of("ab", 2), span_of("abc", 3)));
    assert_false(span_equal(span_of("ab", 2), span_of("ac", 2)));
    assert_true(span_equal(span_of(NULL, 0), span_of("x", 0)));
}

static void a_digest_is_zero_only_if_all_of_it_is(void **state)
{
    (void)state;
    struct digest digest = {0};
    assert_true(digest_is_zero(&digest));
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        digest.bytes[i] = 0x80;
        assert_false(digest_is_zero(&digest));
        digest.bytes[i] = 0;
    }
}

static void a_buffer_grows_to_its_bound_and_no_further(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    for (int i = 0; i < 1000; i++)
        buffer_u8(&buffer, (uint8_t)i);
    assert_false(buffer.failed);
    assert_int_equal(buffer.size, 1000);
    assert_int_equal(buffer.data[999], 999 & 0xFF);
    buffer_u8(&buffer, 7);
    assert_true(buffer.failed);
    assert_int_equal(buffer.size, 1000);
    buffer_close(&buffer);
    buffer_close(NULL);
}

static void a_failed_append_changes_nothing_and_later_ones_fail_too(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 4);
    buffer_u16(&buffer, 0x0102);
    buffer_u32(&buffer, 9);
    assert_true(buffer.failed);
    assert_int_equal(buffer.size, 2);
    buffer_u8(&buffer, 3);
    assert_int_equal(buffer.size, 2);
    assert_null(buffer_reserve(&buffer, 1));
    buffer_clear(&buffer);
    assert_false(buffer.failed);
    buffer_u32(&buffer, 0x01020304);
    assert_memory_equal(buffer.data, "\x01\x02\x03\x04", 4);
    buffer_close(&buffer);
}

static void an_absurd_size_fails_without_overflow(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 100);
    buffer_u8(&buffer, 1);
    assert_null(buffer_reserve(&buffer, SIZE_MAX));
    assert_true(buffer.failed);
    assert_int_equal(buffer.size, 1);
    buffer_close(&buffer);
}

static void what_a_buffer_wrote_a_reader_reads(void **state)
{
    (void)state;
    struct buffer buffer;
    struct reader reader;
    char text[4] = {0};
    buffer_init(&buffer, 100);
    buffer_u8(&buffer, 0xfe);
    buffer_u16(&buffer, 0xfedc);
    buffer_u32(&buffer, 0xfedcba98u);
    buffer_u64(&buffer, 0xfedcba9876543210u);
    buffer_append(&buffer, "abcdef", 6);
    reader_init(&reader, buffer_span(&buffer));
    assert_int_equal(reader_u8(&reader), 0xfe);
    assert_int_equal(reader_u16(&reader), 0xfedc);
    assert_true(reader_u32(&reader) == 0xfedcba98u);
    assert_true(reader_u64(&reader) == 0xfedcba9876543210u);
    reader_copy(&reader, text, 3);
    assert_string_equal(text, "abc");
    assert_false(reader_done(&reader));
    assert_true(span_equal(reader_span(&reader, 3), span_of("def", 3)));
    assert_true(reader_done(&reader));
    buffer_close(&buffer);
}

static void a_read_past_the_end_yields_zeros_and_stays_failed(void **state)
{
    (void)state;
    struct reader reader;
    uint8_t copy[4] = {9, 9, 9, 9};
    reader_init(&reader, span_of("\x01\x02\x03", 3));
    assert_int_equal(reader_u32(&reader), 0);
    assert_true(reader.failed);
    assert_int_equal(reader_u8(&reader), 0);
    reader_copy(&reader, copy, 4);
    assert_memory_equal(copy, "\0\0\0\0", 4);
    assert_int_equal(reader_span(&reader, 1).size, 0);
    assert_false(reader_done(&reader));
    reader_init(&reader, span_of(NULL, 0));
    assert_true(reader_done(&reader));
    assert_int_equal(reader_span(&reader, 0).size, 0);
    assert_true(reader_done(&reader));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_big_endian_and_come_back),
        cmocka_unit_test(hexadecimal_goes_both_ways),
        cmocka_unit_test(hexadecimal_of_another_length_or_letter_is_refused),
        cmocka_unit_test(spans_are_equal_by_their_bytes),
        cmocka_unit_test(a_digest_is_zero_only_if_all_of_it_is),
        cmocka_unit_test(a_buffer_grows_to_its_bound_and_no_further),
        cmocka_unit_test(a_failed_append_changes_nothing_and_later_ones_fail_too),
        cmocka_unit_test(an_absurd_size_fails_without_overflow),
        cmocka_unit_test(what_a_buffer_wrote_a_reader_reads),
        cmocka_unit_test(a_read_past_the_end_yields_zeros_and_stays_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
