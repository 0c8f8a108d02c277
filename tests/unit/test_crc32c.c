// links: storage codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/bytes.h"
#include "storage/crc32c.h"

/* The vectors of RFC 3720, appendix B.4, and the customary check value. */
static void the_published_vectors_hold(void **state)
{
    (void)state;
    uint8_t bytes[32];
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283u);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x8A9136AAu);
    memset(bytes, 0xFF, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x62A8AB43u);
    for (uint8_t i = 0; i < sizeof bytes; i++)
        bytes[i] = i;
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x46DD794Eu);
    assert_int_equal(crc32c(0, NULL, 0), 0);
}

static void the_instruction_and_the_table_agree_at_every_size_and_alignment(void **state)
{
    (void)state;
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i * 7 + i / 3);
    for (size_t from = 0; from < 16; from++)
        for (size_t size = 0; size + from <= sizeof bytes; size++)
            assert_int_equal(crc32c(77, bytes + from, size), crc32c_by_table(77, bytes + from, size));
}

static void a_sum_continues_over_parts(void **state)
{
    (void)state;
    const char *text = "any way of cutting a text in two gives one sum";
    size_t size = strlen(text);
    uint32_t whole = crc32c(0, text, size);
    for (size_t cut = 0; cut <= size; cut++)
        assert_int_equal(crc32c(crc32c(0, text, cut), text + cut, size - cut), whole);
}

static void a_sum_leads_back_to_what_it_was_before_any_bytes(void **state)
{
    (void)state;
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 91 + 5);
    for (size_t size = 0; size <= sizeof bytes; size++)
        for (uint32_t before = 0; before < 1u << 30; before = before * 7 + 12345)
            assert_int_equal(crc32c_before(crc32c(before, bytes, size), bytes, size), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vectors_hold),
        cmocka_unit_test(the_instruction_and_the_table_agree_at_every_size_and_alignment),
        cmocka_unit_test(a_sum_continues_over_parts),
        cmocka_unit_test(a_sum_leads_back_to_what_it_was_before_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
