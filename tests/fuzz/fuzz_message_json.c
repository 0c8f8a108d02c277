// links: rpc codec crypto base
/* JSON read as a message, written, and read again. The first byte picks the message. */
#include "node/rpc/message_json.h"
#include "proto/base/check.h"
#include "proto/codec/message.h"
#include "rpc.pb-c.h"
#include "tests/fuzz/fuzz.h"

#define MEMORY_MAX (32 * MIB)

static const ProtobufCMessageDescriptor *const descriptors[] = {
    &tallystick__v1__submit_batch_request__descriptor,
    &tallystick__v1__get_receipt_request__descriptor,
    &tallystick__v1__own_accounts_request__descriptor,
    &tallystick__v1__inquire_request__descriptor,
    &tallystick__v1__follow_request__descriptor,
    &tallystick__v1__submit_batch_reply__descriptor,
    &tallystick__v1__get_block_reply__descriptor,
    &tallystick__v1__get_receipt_reply__descriptor,
    &tallystick__v1__get_status_reply__descriptor,
};
#define DESCRIPTOR_COUNT (sizeof descriptors / sizeof descriptors[0])

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[64] = "";
    struct arena arena;
    struct buffer json, first, second;
    ProtobufCMessage *message, *again, *decoded;
    if (size == 0) return 0;
    const ProtobufCMessageDescriptor *descriptor = descriptors[(uint8_t)(data[0] - '0') % DESCRIPTOR_COUNT];
    arena_init(&arena, MEMORY_MAX);
    buffer_init(&json, MEMORY_MAX);
    buffer_init(&first, MEMORY_MAX);
    buffer_init(&second, MEMORY_MAX);
    int error = message_from_json(span_of(data + 1, size - 1), descriptor, &arena, &message, why, sizeof why);
    CHECK((error == TALLY_OK) == (why[0] == '\0'));
    if (error == TALLY_OK) {
        message_encode(message, &first);
        CHECK(message_to_json(message, &json) == TALLY_OK);
        CHECK(message_from_json(buffer_span(&json), descriptor, &arena, &again, why, sizeof why) == TALLY_OK);
        message_encode(again, &second);
        CHECK(span_equal(buffer_span(&first), buffer_span(&second)));
        /* And it is a message like any that came in binary. */
        CHECK(
            message_decode(descriptor, MESSAGE_CANONICAL, buffer_span(&first), &arena, &decoded) == TALLY_OK);
    }
    buffer_close(&json);
    buffer_close(&first);
    buffer_close(&second);
    arena_close(&arena);
    return 0;
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    static const char *const samples[] = {
        "0{\"batch\":{\"chainId\":\"AAEC\",\"memberId\":1,\"expiresAtMs\":\"5\",\"events\":[{\"header\":\"-_"
        "8=\","
        "\"plain\":{\"salt\":\"\"}},null]},\"wait_for\":\"FINAL\"}",
        "1{\"position\":{\"height\":\"12\",\"index\":1e2},\"eventId\":null}",
        "2{\"refs\":[\"AAAA\",\"AA\"],\"events\":true}",
        "3{\"inquiry\":\"AA==\",\"sinceCount\":18446744073709551615}",
        "5{\"results\":[{\"result\":4294967295,\"resultName\":\"\\u00e4\\n\\\"\",\"height\":\"-0\"}]}",
        "6{\"finalization\":{\"kind\":1,\"signers\":\"18446744073709551615\"},\"events\":[{\"plain\":{}}]}",
        "8{\"uncertified\":[{\"validators\":[\"a\",\"\"],\"computedHere\":false}],\"view\":9007199254740993}",
    };
    if (number >= sizeof samples / sizeof samples[0]) return 0;
    size_t size = strlen(samples[number]);
    CHECK(size <= size_max);
    memcpy(bytes, samples[number], size);
    return size;
}
