// links: codec crypto base
/* Event headers and bodies: the first byte is 0 for a header, else the body's type. */
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event_header header;
    struct event_body body;
    struct buffer out;
    if (size == 0) return 0;
    struct span bytes = span_of(data + 1, size - 1);
    buffer_init(&out, 64 * KIB);
    if (data[0] == 0) {
        if (event_header_decode(bytes, &header) == TALLY_OK) {
            event_header_encode(&header, &out);
            CHECK(!out.failed && span_equal(buffer_span(&out), bytes));
        }
    } else if (event_body_decode((enum event_type)data[0], bytes, &body) == TALLY_OK) {
        event_body_encode(&body, &out);
        CHECK(!out.failed && span_equal(buffer_span(&out), bytes));
    }
    buffer_close(&out);
    return 0;
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    static const enum event_type types[] = {EVENT_ACCOUNT_OPEN, EVENT_DISBURSE, EVENT_PERIOD_REPORT,
        EVENT_PAYMENT, EVENT_CHARGE_OFF, EVENT_CLOSE};
    const uint32_t type_count = sizeof types / sizeof types[0];
    struct digest subject = sample_digest("subject");
    struct buffer out;
    if (number >= 2 * type_count) return 0;
    buffer_init(&out, size_max);
    if (number < type_count) {
        struct event_header header = sample_header(3, &subject, 1 + number);
        header.type = types[number];
        header.period = 200501;
        header.account_type = ACCOUNT_INSTALMENT;
        header.currency = 840;
        header.close_kind = 1;
        buffer_u8(&out, 0);
        event_header_encode(&header, &out);
    } else {
        struct event_body body = {
            .type = types[number - type_count], .has_rate = true, .has_terms = true, .term_count = 9};
        body.limit = body.balance = body.fees_deducted = body.fee = (struct optional_amount){true, 77};
        body.amount_minor = body.balance_minor = 1234567;
        body.has_first_delinquency = true;
        body.first_delinquency_date = 1000;
        memcpy(body.payer, "payer", 6);
        memcpy(body.reported_code, "M1", 3);
        buffer_u8(&out, (uint8_t)body.type);
        event_body_encode(&body, &out);
    }
    CHECK(!out.failed);
    size_t size = out.size;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
