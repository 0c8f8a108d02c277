// links: codec crypto base
/* The scan and protobuf-c behind it, over the schema's messages. The first byte picks the message and the
 * form. */
#include "ledger.pb-c.h"
#include "peer.pb-c.h"
#include "rpc.pb-c.h"

#include "proto/base/check.h"
#include "proto/base/limits.h"
#include "proto/codec/message.h"
#include "tests/fuzz/fuzz.h"

static const ProtobufCMessageDescriptor *const descriptors[] = {
    &tallystick__v1__hello__descriptor,
    &tallystick__v1__batch__descriptor,
    &tallystick__v1__block_range__descriptor,
    &tallystick__v1__history_proof__descriptor,
    &tallystick__v1__receipt__descriptor,
    &tallystick__v1__proposal__descriptor,
    &tallystick__v1__justification__descriptor,
    &tallystick__v1__event_header__descriptor,
    &tallystick__v1__account_open_body__descriptor,
    &tallystick__v1__period_report_body__descriptor,
    &tallystick__v1__checkpoint_vote__descriptor,
    &tallystick__v1__submit_batch_request__descriptor,
    &tallystick__v1__submit_batch_reply__descriptor,
    &tallystick__v1__get_receipt_request__descriptor,
    &tallystick__v1__own_accounts_request__descriptor,
    &tallystick__v1__get_status_reply__descriptor,
};
#define DESCRIPTOR_COUNT (sizeof descriptors / sizeof descriptors[0])

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct buffer out;
    ProtobufCMessage *message;
    if (size == 0) return 0;
    enum message_form form = (data[0] & 0x80) != 0 ? MESSAGE_LENIENT : MESSAGE_CANONICAL;
    const ProtobufCMessageDescriptor *descriptor = descriptors[(data[0] & 0x7F) % DESCRIPTOR_COUNT];
    struct span bytes = span_of(data + 1, size - 1);
    arena_init(&arena, 4 * MIB);
    buffer_init(&out, 4 * MIB);
    int error = message_decode(descriptor, form, bytes, &arena, &message);
    if (error == TALLY_OK) {
        message_encode(message, &out);
        CHECK(!out.failed);
        /* What was canonical comes out as it was; what was not, comes out canonical. */
        if (form == MESSAGE_CANONICAL)
            CHECK(span_equal(buffer_span(&out), bytes));
        else
            CHECK(message_decode(descriptor, MESSAGE_CANONICAL, buffer_span(&out), &arena, &message) !=
                  TALLY_EFORM);
    }
    buffer_close(&out);
    arena_close(&arena);
    return 0;
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    static const char *const samples[] = {
        "\x00\x08\x01\x12\x01\x61\x2a\x01\x62",
        "\x80\x08\x81\x00\x2a\x02\xc3\xa4\xf8\x01\x05",
        "\x07\x08\x01\x10\x0f\x18\x03\x38\x05\x4a\x04\x0a\x02xy",
        "\x08\x08\x01\x10\x02\x32\x05month",
        "\x8b\x0a\x0a\x2a\x08\x0a\x01h\x12\x03\x0a\x01s\x10\x02",
        "\x82\x0a\x0c\x2a\x0a\x2a\x08\x12\x06\x0a\x01\x61\x12\x01\x62",
        "\x8d\x12\x04\x08\x05\x10\x06",
        "\x8e\x0a\x01\x61\x0a\x01\x62\x10\x01",
        "\x8f\x12\x03\x6f\x6e\x65\x5a\x04\x0a\x02xx",
    };
    if (number >= sizeof samples / sizeof samples[0]) return 0;
    size_t size = strlen(samples[number]);
    /* The first begins with a zero byte, the number of its message. */
    if (number == 0) size = 9;
    CHECK(size <= size_max);
    memcpy(bytes, samples[number], size);
    return size;
}
