// links: codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/codec/event_facts.h"
#include "proto/crypto/digest.h"

/* Of each type, how many bytes its facts are; of an opening that takes nothing over. */
static const struct {
    enum event_type type;
    size_t size;
} cases[] = {
    {EVENT_CONSENT_GRANT, 21},
    {EVENT_CONSENT_REVOKE, 21},
    {EVENT_INQUIRY, 21},
    {EVENT_RESERVE, 21},
    {EVENT_RESERVE_CANCEL, 21},
    {EVENT_ACCOUNT_OPEN, 2},
    {EVENT_DISBURSE, 1},
    {EVENT_PERIOD_REPORT, 5},
    {EVENT_PAYMENT, 1},
    {EVENT_LIMIT_CHANGE, 1},
    {EVENT_STATUS, 1},
    {EVENT_CHARGE_OFF, 1},
    {EVENT_RECOVERY, 1},
    {EVENT_TRANSFER, 1},
    {EVENT_CLOSE, 1},
    {EVENT_CORRECT, 33},
    {EVENT_RETRACT, 33},
    {EVENT_DISPUTE_OPEN, 21},
    {EVENT_DISPUTE_ANSWER, 21},
    {EVENT_DISPUTE_CLOSE, 21},
    {EVENT_STATEMENT, 21},
};
#define CASES (sizeof cases / sizeof *cases)

static struct event_header header_of(enum event_type type)
{
    struct event_header header = {
        .type = type, .member_id = 0x01020304, .has_account = event_type_has_account(type)};
    if (type == EVENT_PERIOD_REPORT) header.period = 202611;
    if (type == EVENT_CORRECT || type == EVENT_RETRACT || type == EVENT_DISPUTE_OPEN)
        header.target = (struct digest){{0xAA, [31] = 0xBB}};
    if (!header.has_account) memset(header.item_id, 0x77, ITEM_ID_SIZE);
    return header;
}

static bool reads(struct span bytes, struct event_facts *facts)
{
    struct reader reader;
    reader_init(&reader, bytes);
    return event_facts_read(&reader, facts) && reader_done(&reader);
}

static void each_type_has_its_facts_and_no_others(void **context)
{
    (void)context;
    for (uint32_t type = 0, known = 0; type < 256; type++) {
        uint8_t byte[EVENT_FACTS_SIZE_MAX] = {(uint8_t)type};
        struct event_facts facts;
        bool found = false;
        for (size_t size = 1; size <= sizeof byte; size++)
            found = found || reads(span_of(byte, size), &facts);
        assert_int_equal(found, event_type_name(type) != NULL);
        known += found;
        if (type == 255) assert_int_equal(known, CASES);
    }
    for (size_t i = 0; i < CASES; i++) {
        struct event_header header = header_of(cases[i].type);
        struct event_facts facts = event_facts_of(&header), again;
        struct buffer bytes;
        buffer_init(&bytes, EVENT_FACTS_SIZE_MAX);
        event_facts_encode(&facts, &bytes);
        assert_int_equal(bytes.size, cases[i].size);
        assert_true(reads(buffer_span(&bytes), &again));
        assert_memory_equal(&facts, &again, sizeof facts);
        assert_int_equal(event_facts_has_item(&facts), !header.has_account);
        for (size_t size = 0; size < bytes.size; size++)
            assert_false(reads(span_of(bytes.data, size), &again));
        buffer_close(&bytes);
    }
}

static void what_an_opening_takes_over_is_told_one_way(void **context)
{
    (void)context;
    struct event_header header = header_of(EVENT_ACCOUNT_OPEN);
    header.has_transfer_of = true;
    header.transfer_of = (struct digest){{[31] = 1}};
    struct event_facts facts = event_facts_of(&header), again;
    struct buffer bytes;
    buffer_init(&bytes, EVENT_FACTS_SIZE_MAX);
    event_facts_encode(&facts, &bytes);
    assert_int_equal(bytes.size, EVENT_FACTS_SIZE_MAX);
    assert_true(reads(buffer_span(&bytes), &again));
    assert_memory_equal(&facts, &again, sizeof facts);
    bytes.data[bytes.size - 1] = 0; /* zeros are nothing */
    assert_false(reads(buffer_span(&bytes), &again));
    bytes.data[bytes.size - 1] = 1;
    bytes.data[1] = 2;
    assert_false(reads(buffer_span(&bytes), &again));
    bytes.data[1] = 0;
    assert_false(reads(buffer_span(&bytes), &again));
    buffer_close(&bytes);
}

/* So that the digest's bytes are told here once more: a tag, and then the fields one after the other. */
static void the_steps_are_over_all_of_it(void **context)
{
    (void)context;
    struct digest before = {{1}}, id = {{2}};
    struct event_header header = header_of(EVENT_CORRECT);
    struct event_facts facts = event_facts_of(&header);
    struct buffer bytes;
    buffer_init(&bytes, KIB);
    buffer_append(&bytes, before.bytes, DIGEST_SIZE);
    buffer_append(&bytes, id.bytes, DIGEST_SIZE);
    buffer_u8(&bytes, 30);
    buffer_u32(&bytes, 0);
    buffer_append(&bytes, header.target.bytes, DIGEST_SIZE);
    struct digest expected = digest_tagged(TAG_ACCOUNT_IDS, buffer_span(&bytes)),
                  made = event_facts_account_step(&before, &id, &facts);
    assert_memory_equal(made.bytes, expected.bytes, DIGEST_SIZE);
    header = header_of(EVENT_INQUIRY);
    facts = event_facts_of(&header);
    buffer_clear(&bytes);
    buffer_append(&bytes, before.bytes, DIGEST_SIZE);
    buffer_u32(&bytes, header.member_id);
    buffer_append(&bytes, header.item_id, ITEM_ID_SIZE);
    buffer_append(&bytes, id.bytes, DIGEST_SIZE);
    buffer_u32(&bytes, 3);
    buffer_u32(&bytes, 16);
    expected = digest_tagged(TAG_ITEM_IDS, buffer_span(&bytes));
    made = event_facts_item_step(&before, &id, &facts, 16);
    assert_memory_equal(made.bytes, expected.bytes, DIGEST_SIZE);
    buffer_close(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_facts_and_no_others),
        cmocka_unit_test(what_an_opening_takes_over_is_told_one_way),
        cmocka_unit_test(the_steps_are_over_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
