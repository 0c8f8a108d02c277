#include "node/client/grpc.h"

#include <stdio.h>

#include "proto/base/arena.h"
#include "proto/base/check.h"
#include "proto/codec/message.h"
#include "rpc.pb-c.h"

#define DETAIL_INPUT_SIZE_MAX 4096u

static const char *const status_names[GRPC_STATUS_MAX + 1] = {
    [GRPC_OK] = "OK",
    [GRPC_CANCELLED] = "CANCELLED",
    [GRPC_UNKNOWN] = "UNKNOWN",
    [GRPC_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
    [GRPC_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
    [GRPC_NOT_FOUND] = "NOT_FOUND",
    [GRPC_ALREADY_EXISTS] = "ALREADY_EXISTS",
    [GRPC_PERMISSION_DENIED] = "PERMISSION_DENIED",
    [GRPC_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
    [GRPC_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
    [GRPC_ABORTED] = "ABORTED",
    [GRPC_OUT_OF_RANGE] = "OUT_OF_RANGE",
    [GRPC_UNIMPLEMENTED] = "UNIMPLEMENTED",
    [GRPC_INTERNAL] = "INTERNAL",
    [GRPC_UNAVAILABLE] = "UNAVAILABLE",
    [GRPC_DATA_LOSS] = "DATA_LOSS",
    [GRPC_UNAUTHENTICATED] = "UNAUTHENTICATED",
};

const char *grpc_status_name(enum grpc_status status)
{
    unsigned number = (unsigned)status;
    return number <= GRPC_STATUS_MAX ? status_names[number] : "UNKNOWN";
}

void grpc_prefix_write(uint8_t prefix[GRPC_PREFIX_SIZE], uint32_t size)
{
    prefix[0] = 0;
    put_u32(prefix + 1, size);
}

int grpc_timeout_parse(struct span text, uint64_t *timeout_ms)
{
    if (text.size < 2 || text.size > 9) return TALLY_EFORM;
    uint64_t value = 0;
    for (size_t i = 0; i + 1 < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return TALLY_EFORM;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    switch (text.data[text.size - 1]) {
    case 'H':
        *timeout_ms = value * 3600 * 1000;
        return TALLY_OK;
    case 'M':
        *timeout_ms = value * 60 * 1000;
        return TALLY_OK;
    case 'S':
        *timeout_ms = value * 1000;
        return TALLY_OK;
    case 'm':
        *timeout_ms = value;
        return TALLY_OK;
    case 'u':
        *timeout_ms = (value + 999) / 1000;
        return TALLY_OK;
    case 'n':
        *timeout_ms = (value + 999999) / 1000000;
        return TALLY_OK;
    default:
        return TALLY_EFORM;
    }
}

void grpc_timeout_write(uint64_t timeout_ms, char text[GRPC_TIMEOUT_TEXT_SIZE])
{
    if (timeout_ms > 99999999) timeout_ms = 99999999;
    int size = snprintf(text, GRPC_TIMEOUT_TEXT_SIZE, "%um", (unsigned)timeout_ms);
    CHECK(size > 0 && (size_t)size < GRPC_TIMEOUT_TEXT_SIZE);
}

void grpc_message_escape(const char *text, char escaped[GRPC_MESSAGE_ESCAPED_SIZE])
{
    static const char digits[] = "0123456789ABCDEF";
    size_t out = 0;
    for (size_t i = 0; i < GRPC_MESSAGE_SIZE_MAX && text[i] != '\0'; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c <= 0x7E && c != '%') {
            escaped[out++] = (char)c;
            continue;
        }
        escaped[out++] = '%';
        escaped[out++] = digits[c >> 4];
        escaped[out++] = digits[c & 15];
    }
    escaped[out] = '\0';
    CHECK(out < GRPC_MESSAGE_ESCAPED_SIZE);
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

void grpc_message_unescape(struct span escaped, char text[GRPC_MESSAGE_SIZE_MAX + 1])
{
    size_t out = 0;
    for (size_t i = 0; i < escaped.size && out < GRPC_MESSAGE_SIZE_MAX; i++) {
        uint8_t c = escaped.data[i];
        if (c == '%' && escaped.size - i > 2) {
            int high = hex_value(escaped.data[i + 1]);
            int low = hex_value(escaped.data[i + 2]);
            if (high >= 0 && low >= 0) {
                c = (uint8_t)(high << 4 | low);
                i += 2;
            }
        }
        text[out++] = c < 0x20 || c == 0x7F ? ' ' : (char)c;
    }
    text[out] = '\0';
}

void grpc_detail_encode(const struct grpc_error_detail *detail, struct buffer *out)
{
    /* protobuf-c's strings are not const; it only reads them here. */
    struct grpc_error_detail copy = *detail;
    copy.reason[GRPC_REASON_SIZE_MAX] = '\0';
    copy.field[GRPC_FIELD_SIZE_MAX] = '\0';
    Tallystick__V1__ErrorDetail message;
    tallystick__v1__error_detail__init(&message);
    message.reason = copy.reason;
    message.field = copy.field;
    message.event_index = copy.has_event_index ? copy.event_index : 0;
    message.has_event_index = copy.has_event_index;
    message.retry_after_ms = copy.retry_after_ms;
    message.resume_height = copy.resume_height;
    message_encode(&message.base, out);
}

void grpc_detail_write(const struct grpc_error_detail *detail, char text[GRPC_DETAIL_TEXT_SIZE])
{
    struct buffer out;
    buffer_init(&out, GRPC_DETAIL_SIZE_MAX);
    grpc_detail_encode(detail, &out);
    /* Only memory can be missing: the bound holds every detail. Without it the error travels bare. */
    text[base64_encode(out.failed ? span_of(NULL, 0) : buffer_span(&out), false, text)] = '\0';
    buffer_close(&out);
}

int grpc_detail_read(struct span text, struct grpc_error_detail *detail)
{
    if (text.size > DETAIL_INPUT_SIZE_MAX) return TALLY_ELIMIT;
    uint8_t bytes[DETAIL_INPUT_SIZE_MAX];
    size_t size = 0;
    int error = base64_decode(text, bytes, &size);
    if (error != TALLY_OK) return error;
    struct arena arena;
    arena_init(&arena, 4 * DETAIL_INPUT_SIZE_MAX);
    ProtobufCMessage *decoded = NULL;
    error = message_decode(
        &tallystick__v1__error_detail__descriptor, MESSAGE_LENIENT, span_of(bytes, size), &arena, &decoded);
    if (error == TALLY_OK) {
        const Tallystick__V1__ErrorDetail *message = (const Tallystick__V1__ErrorDetail *)decoded;
        *detail = (struct grpc_error_detail){
            .event_index = message->event_index,
            .has_event_index = message->has_event_index != 0,
            .retry_after_ms = message->retry_after_ms,
            .resume_height = message->resume_height,
        };
        snprintf(detail->reason, sizeof detail->reason, "%s", message->reason);
        snprintf(detail->field, sizeof detail->field, "%s", message->field);
    }
    arena_close(&arena);
    return error;
}
