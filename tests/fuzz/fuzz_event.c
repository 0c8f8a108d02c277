// links: codec crypto base
/* Event headers and bodies: the first byte is 0 for a header, else the body's type. */
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/event_samples.h"

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

/* Every header, every body, and a correction of every body that can be corrected. */
size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    const uint32_t count = EVENT_TYPE_COUNT;
    struct buffer out;
    if (number >= 3 * count) return 0;
    enum event_type type = event_types[number % count];
    buffer_init(&out, size_max);
    if (number < count) {
        struct event_header header = full_header(type);
        buffer_u8(&out, 0);
        event_header_encode(&header, &out);
    } else {
        struct event_body body = full_body(type);
        if (number >= 2 * count) {
            body.type = EVENT_CORRECT;
            body.corrected = event_type_has_amounts((uint32_t)type) ? type : EVENT_CLOSE;
        }
        buffer_u8(&out, (uint8_t)body.type);
        event_body_encode(&body, &out);
    }
    CHECK(!out.failed);
    size_t size = out.size;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
