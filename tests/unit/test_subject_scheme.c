// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/codec/subject_scheme.h"

static void a_range_comes_back_from_its_id(void **context)
{
    (void)context;
    static const struct block_range ranges[] = {
        {1, 1}, {7, 12}, {5, 5 + SUBJECT_BLOCKS_MAX - 1}, {UINT64_MAX, UINT64_MAX}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        const struct digest id = subject_of_blocks(&ranges[i]);
        struct block_range read;
        assert_int_equal(subject_blocks(&id, &read), TALLY_OK);
        assert_true(read.first == ranges[i].first && read.last == ranges[i].last);
        assert_int_equal(subject_scheme_of(&id), SUBJECT_SCHEME_BLOCKS);
    }
}

static void an_id_has_one_form_for_good(void **context)
{
    (void)context;
    const struct digest id = subject_of_blocks(&(struct block_range){0x0102, 0x0A0B});
    char text[2 * DIGEST_SIZE + 1];
    hex_encode(span_of(id.bytes, DIGEST_SIZE), text);
    assert_string_equal(text, "0000000000000000000000000000000000000000000001020000000000000a0b");
}

static void no_range_is_empty_or_endless_or_anothers_id(void **context)
{
    (void)context;
    static const struct block_range wrong[] = {
        {0, 0}, {0, 1}, {2, 1}, {1, SUBJECT_BLOCKS_MAX + 1}, {1, UINT64_MAX}};
    struct block_range read;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct digest id = {{0}};
        assert_false(block_range_is_valid(&wrong[i]));
        put_u64(id.bytes + 16, wrong[i].first);
        put_u64(id.bytes + 24, wrong[i].last);
        assert_int_equal(subject_blocks(&id, &read), TALLY_EFORM);
    }
    for (size_t i = 0; i < 16; i++) {
        struct digest id = subject_of_blocks(&(struct block_range){1, 2});
        id.bytes[i] = 1;
        assert_int_equal(subject_blocks(&id, &read), TALLY_EFORM);
        assert_int_equal(subject_scheme_of(&id), SUBJECT_SCHEME_HMAC);
    }
}

static int decoded(const struct event_header *header)
{
    struct event_header read;
    struct buffer bytes;
    buffer_init(&bytes, EVENT_HEADER_SIZE_MAX);
    event_header_encode(header, &bytes);
    int error = event_header_decode(buffer_span(&bytes), &read);
    buffer_close(&bytes);
    if (error == TALLY_OK) assert_int_equal(read.subject_scheme, header->subject_scheme);
    return error;
}

static void only_an_inquiry_on_supervision_is_about_blocks(void **context)
{
    (void)context;
    const struct event_header sound = {.type = EVENT_INQUIRY,
        .member_id = 3,
        .subject_scheme = SUBJECT_SCHEME_BLOCKS,
        .subject_id = subject_of_blocks(&(struct block_range){1, 9}),
        .purpose = PURPOSE_ACCOUNT_REVIEW,
        .legal_basis = LEGAL_SUPERVISION};
    struct event_header header = sound;
    assert_int_equal(decoded(&header), TALLY_OK);
    header.subject_scheme = SUBJECT_SCHEME_HMAC;
    assert_int_equal(decoded(&header), TALLY_OK); /* as much a pseudonym as any */
    header.subject_scheme = 3;
    assert_int_equal(decoded(&header), TALLY_EFORM);
    header = sound;
    header.subject_id.bytes[0] = 1;
    assert_int_equal(decoded(&header), TALLY_EFORM);
    header = sound;
    header.legal_basis = LEGAL_COURT_ORDER;
    assert_int_equal(decoded(&header), TALLY_EFORM);
    header = sound;
    header.legal_basis = 0;
    header.has_consent = true;
    header.consent.bytes[0] = 1;
    assert_int_equal(decoded(&header), TALLY_EFORM);
    header = (struct event_header){.type = EVENT_STATEMENT,
        .member_id = 3,
        .subject_scheme = SUBJECT_SCHEME_BLOCKS,
        .subject_id = sound.subject_id};
    assert_int_equal(decoded(&header), TALLY_EFORM);
    header.subject_scheme = SUBJECT_SCHEME_HMAC;
    assert_int_equal(decoded(&header), TALLY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_comes_back_from_its_id),
        cmocka_unit_test(an_id_has_one_form_for_good),
        cmocka_unit_test(no_range_is_empty_or_endless_or_anothers_id),
        cmocka_unit_test(only_an_inquiry_on_supervision_is_about_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
