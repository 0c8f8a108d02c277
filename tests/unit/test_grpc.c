// links: client codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/client/grpc.h"

static struct span text(const char *string)
{
    return span_of(string, strlen(string));
}

static void assert_timeout(const char *string, uint64_t wanted_ms)
{
    uint64_t timeout_ms = 0;
    assert_int_equal(grpc_timeout_parse(text(string), &timeout_ms), TALLY_OK);
    assert_int_equal(timeout_ms, wanted_ms);
}

static void a_timeout_is_read_in_every_unit(void **state)
{
    (void)state;
    assert_timeout("1H", 3600000);
    assert_timeout("2M", 120000);
    assert_timeout("3S", 3000);
    assert_timeout("4m", 4);
    assert_timeout("1u", 1);
    assert_timeout("1000u", 1);
    assert_timeout("1001u", 2);
    assert_timeout("1n", 1);
    assert_timeout("0n", 0);
    assert_timeout("99999999H", UINT64_C(99999999) * 3600000);
}

static void a_malformed_timeout_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "1", "S", "-1S", "1s", "1.5S", "123456789S", "1 S", " 1S", "1S ", "+1S"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t timeout_ms = 77;
        assert_int_equal(grpc_timeout_parse(text(bad[i]), &timeout_ms), TALLY_EFORM);
        assert_int_equal(timeout_ms, 77);
    }
}

static void a_timeout_that_was_written_is_read_back(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 999, 60000, 99999999};
    char written[GRPC_TIMEOUT_TEXT_SIZE];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        grpc_timeout_write(values[i], written);
        assert_timeout(written, values[i]);
    }
    grpc_timeout_write(UINT64_MAX, written);
    assert_timeout(written, 99999999);
}

static void a_message_survives_its_escape(void **state)
{
    (void)state;
    char escaped[GRPC_MESSAGE_ESCAPED_SIZE];
    char back[GRPC_MESSAGE_SIZE_MAX + 1];
    grpc_message_escape("a 100% \xc3\xa4 b", escaped);
    assert_string_equal(escaped, "a 100%25 %C3%A4 b");
    grpc_message_unescape(text(escaped), back);
    assert_string_equal(back, "a 100% \xc3\xa4 b");
}

static void a_message_too_long_is_cut(void **state)
{
    (void)state;
    char longer[1000];
    char escaped[GRPC_MESSAGE_ESCAPED_SIZE];
    char back[GRPC_MESSAGE_SIZE_MAX + 1];
    memset(longer, '%', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    grpc_message_escape(longer, escaped);
    assert_int_equal(strlen(escaped), 3 * GRPC_MESSAGE_SIZE_MAX);
    grpc_message_unescape(text(escaped), back);
    assert_int_equal(strlen(back), GRPC_MESSAGE_SIZE_MAX);
    grpc_message_unescape(text(longer), back);
    assert_int_equal(strlen(back), GRPC_MESSAGE_SIZE_MAX);
}

static void a_broken_escape_stands_for_itself_and_control_characters_vanish(void **state)
{
    (void)state;
    char back[GRPC_MESSAGE_SIZE_MAX + 1];
    grpc_message_unescape(text("%zz%4%41%"), back);
    assert_string_equal(back, "%zz%4A%");
    grpc_message_unescape(text("a%0Ab%1Bc%00d"), back);
    assert_string_equal(back, "a b c d");
}

static void a_detail_survives_its_trailer(void **state)
{
    (void)state;
    struct grpc_error_detail detail = {
        .event_index = 0, .has_event_index = true, .retry_after_ms = UINT32_MAX};
    struct grpc_error_detail back = {0};
    char trailer[GRPC_DETAIL_TEXT_SIZE];
    /* Texts of every size move the base64 through each of its three phases, up to the largest. */
    for (size_t size = 0; size <= GRPC_REASON_SIZE_MAX; size++) {
        memset(detail.reason, 'R', size);
        memset(detail.field, 'f', size);
        detail.resume_height = size == GRPC_REASON_SIZE_MAX ? UINT64_MAX : size;
        detail.event_index = size == GRPC_REASON_SIZE_MAX ? UINT32_MAX : (uint32_t)size;
        grpc_detail_write(&detail, trailer);
        assert_int_equal(grpc_detail_read(text(trailer), &back), TALLY_OK);
        assert_memory_equal(&back, &detail, sizeof back);
    }
}

static void a_padded_detail_is_read_too(void **state)
{
    (void)state;
    struct grpc_error_detail back;
    assert_int_equal(grpc_detail_read(text("CgFS"), &back), TALLY_OK);
    assert_string_equal(back.reason, "R");
    assert_int_equal(grpc_detail_read(text("CgJSUg"), &back), TALLY_OK);
    assert_int_equal(grpc_detail_read(text("CgJSUg=="), &back), TALLY_OK);
    assert_string_equal(back.reason, "RR");
}

static void what_is_no_detail_is_refused(void **state)
{
    (void)state;
    struct grpc_error_detail back = {.event_index = 5};
    assert_int_equal(grpc_detail_read(text("C"), &back), TALLY_EFORM);
    assert_int_equal(grpc_detail_read(text("Cg*S"), &back), TALLY_EFORM);
    assert_int_equal(grpc_detail_read(text("CglS"), &back), TALLY_EFORM);
    char longer[5000];
    memset(longer, 'A', sizeof longer);
    assert_int_equal(grpc_detail_read(span_of(longer, sizeof longer), &back), TALLY_ELIMIT);
    assert_int_equal(back.event_index, 5);
}

static void statuses_have_their_names(void **state)
{
    (void)state;
    assert_string_equal(grpc_status_name(GRPC_OK), "OK");
    assert_string_equal(grpc_status_name(GRPC_RESOURCE_EXHAUSTED), "RESOURCE_EXHAUSTED");
    assert_string_equal(grpc_status_name(GRPC_UNAUTHENTICATED), "UNAUTHENTICATED");
    assert_string_equal(grpc_status_name((enum grpc_status)17), "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timeout_is_read_in_every_unit),
        cmocka_unit_test(a_malformed_timeout_is_refused),
        cmocka_unit_test(a_timeout_that_was_written_is_read_back),
        cmocka_unit_test(a_message_survives_its_escape),
        cmocka_unit_test(a_message_too_long_is_cut),
        cmocka_unit_test(a_broken_escape_stands_for_itself_and_control_characters_vanish),
        cmocka_unit_test(a_detail_survives_its_trailer),
        cmocka_unit_test(a_padded_detail_is_read_too),
        cmocka_unit_test(what_is_no_detail_is_refused),
        cmocka_unit_test(statuses_have_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
