// links: tools
/* A furnisher's line: what is read must make a header and a body that the network's own decoders take. */
#include <stdio.h>

#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tools/import_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct import_line line;
    struct import_labels labels;
    const struct digest known = {{1}};
    char why[128] = "";
    import_labels_init(&labels);
    CHECK(import_label_put(&labels, "x", &known) == TALLY_OK);
    import_line_init(&line);
    line.labels = &labels;
    int error = import_line_parse(span_of(data, size), &line, why, sizeof why);
    if (error == TALLY_OK) {
        struct event_header header;
        struct event_body body;
        struct buffer out;
        buffer_init(&out, EVENT_HEADER_SIZE_MAX);
        line.fields.member_id = 1;
        event_header_encode(&line.fields, &out);
        CHECK(!out.failed);
        CHECK(event_header_decode(buffer_span(&out), &header) == TALLY_OK);
        CHECK(event_body_decode(line.fields.type, buffer_span(&line.body), &body) == TALLY_OK);
        buffer_close(&out);
    } else {
        CHECK(why[0] != '\0');
    }
    import_line_close(&line);
    import_labels_close(&labels);
    return 0;
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
#define HEAD                                                                                                 \
    "\"subject\":\"00000000000000000000000000000000000000000000000000000000000000aa\",\"account\":"          \
    "\"000000000000000000000000000000bb\",\"event_date\":\"2024-02-29\""
#define ITEM                                                                                                 \
    "\"subject\":\"00000000000000000000000000000000000000000000000000000000000000aa\",\"item\":"             \
    "\"000000000000000000000000000000bb\",\"event_date\":\"2024-02-29\""
#define ID "\"00000000000000000000000000000000000000000000000000000000000000dd\""
    static const char *const samples[] = {
        "{\"type\":\"ACCOUNT_OPEN\"," HEAD
        ",\"account_type\":\"INSTALMENT\",\"currency\":\"EUR\",\"product\":1,\"body\":"
        "{\"principal_minor\":1,\"rate_ppm\":2,\"term_count\":3,\"term_unit\":\"MONTH\"}}",
        "{\"type\":\"PERIOD_REPORT\"," HEAD
        ",\"period\":\"2024-02\",\"body\":{\"balance_minor\":-1,\"paid_minor\":2,"
        "\"days_past_due\":3,\"first_delinquency_date\":\"2024-01-01\"}}",
        "{\"type\":\"PAYMENT\"," HEAD ",\"ref\":\"x\",\"body\":{\"amount_minor\":9,\"payer\":\"\\u00e9\"}}",
        "{\"type\":\"CLOSE\"," HEAD ",\"kind\":\"PAID\"}",
        "{\"type\":\"LIMIT_CHANGE\"," HEAD ",\"body\":{\"old_limit_minor\":1,\"new_limit_minor\":2}}",
        "{\"type\":\"STATUS\"," HEAD ",\"new_state\":\"FROZEN\",\"reason\":\"FRAUD\"}",
        "{\"type\":\"TRANSFER\"," HEAD ",\"transferee\":2,\"body\":{\"balance_minor\":2}}",
        "{\"type\":\"CORRECT\"," HEAD ",\"target\":" ID ",\"reason\":\"DISPUTE\",\"dispute\":" ID
        ",\"body\":{\"type\":\"CLOSE\",\"balance_minor\":0}}",
        "{\"type\":\"CONSENT_GRANT\"," ITEM ",\"grantee\":2,\"purposes\":[\"GUARANTEE\",\"COLLECTION\"],"
        "\"valid_from\":\"2024-01-01\",\"valid_until\":\"2024-12-31\",\"max_uses\":3,\"form_digest\":" ID
        ",\"body\":{\"channel\":\"branch\"}}",
        "{\"type\":\"INQUIRY\"," ITEM ",\"purpose\":\"GUARANTEE\",\"consent\":" ID ",\"operator_digest\":" ID
        ",\"nonce\":\"000000000000000000000000000000ee\"}",
        "{\"type\":\"RESERVE\"," ITEM ",\"account_type\":\"REVOLVING\",\"currency\":\"EUR\","
        "\"amount_minor\":5,\"expires_ms\":1700000000000}",
        "{\"type\":\"RESERVE_CANCEL\"," ITEM ",\"label\":\"y\",\"reservation\":\"@x\"}",
        "{\"type\":\"RETRACT\"," HEAD ",\"target\":" ID ",\"reason\":\"DISPUTE\",\"dispute\":\"@x\"}",
        "{\"type\":\"DISPUTE_CLOSE\"," ITEM ",\"dispute\":" ID
        ",\"outcome\":\"REJECTED\",\"body\":{\"text\":\"no\"}}",
    };
    if (number >= sizeof samples / sizeof samples[0]) return 0;
    int size = snprintf((char *)bytes, size_max, "%s", samples[number]);
    return (size_t)size < size_max ? (size_t)size : 0;
}
