#include "node/rpc/dialect.h"

#include "node/rpc/transcode.h"
#include "proto/base/check.h"
#include "rpc.pb-c.h"

/* The flag of a Connect stream's last envelope. */
#define ENVELOPE_END 2u

static const struct dialect dialects[] = {
    {DIALECT_GRPC, false, "application/grpc"},
    {DIALECT_UNARY, true, "application/json"},
    {DIALECT_UNARY, false, "application/proto"},
    {DIALECT_STREAM, true, "application/connect+json"},
    {DIALECT_STREAM, false, "application/connect+proto"},
};

static const struct {
    const char *code;
    unsigned http_status;
} codes[GRPC_STATUS_MAX + 1] = {
    [GRPC_OK] = {"", 200},
    [GRPC_CANCELLED] = {"canceled", 499},
    [GRPC_UNKNOWN] = {"unknown", 500},
    [GRPC_INVALID_ARGUMENT] = {"invalid_argument", 400},
    [GRPC_DEADLINE_EXCEEDED] = {"deadline_exceeded", 504},
    [GRPC_NOT_FOUND] = {"not_found", 404},
    [GRPC_ALREADY_EXISTS] = {"already_exists", 409},
    [GRPC_PERMISSION_DENIED] = {"permission_denied", 403},
    [GRPC_RESOURCE_EXHAUSTED] = {"resource_exhausted", 429},
    [GRPC_FAILED_PRECONDITION] = {"failed_precondition", 400},
    [GRPC_ABORTED] = {"aborted", 409},
    [GRPC_OUT_OF_RANGE] = {"out_of_range", 400},
    [GRPC_UNIMPLEMENTED] = {"unimplemented", 501},
    [GRPC_INTERNAL] = {"internal", 500},
    [GRPC_UNAVAILABLE] = {"unavailable", 503},
    [GRPC_DATA_LOSS] = {"data_loss", 500},
    [GRPC_UNAUTHENTICATED] = {"unauthenticated", 401},
};

/* A type may be followed by parameters, such as a charset, which say nothing here. */
static bool type_is(const char *type, const char *known)
{
    size_t size = strlen(known);
    if (strncmp(type, known, size) != 0) return false;
    return type[size] == '\0' || type[size] == ';' || type[size] == ' ';
}

const struct dialect *dialect_of(const char *content_type)
{
    static const struct dialect plain = {DIALECT_PLAIN, false, "text/plain"};
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++)
        if (type_is(content_type, dialects[i].content_type)) return &dialects[i];
    return type_is(content_type, "application/grpc+proto") ? &dialects[0] : &plain;
}

const struct dialect *dialect_events(void)
{
    static const struct dialect events = {DIALECT_EVENTS, true, "text/event-stream"};
    return &events;
}

static int connect_timeout_parse(const char *text, uint64_t *timeout_ms)
{
    size_t size = strlen(text);
    uint64_t value = 0;
    if (size == 0 || size > 10) return TALLY_EFORM;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') return TALLY_EFORM;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *timeout_ms = value;
    return TALLY_OK;
}

int dialect_timeout(
    const struct dialect *dialect, const struct exchange_request *request, uint64_t *timeout_ms)
{
    bool grpc = dialect->kind == DIALECT_GRPC;
    const char *text = grpc ? request->grpc_timeout : request->connect_timeout;
    *timeout_ms = UINT64_MAX;
    if (text[0] == '\0') return TALLY_OK;
    if (grpc) return grpc_timeout_parse(span_of(text, strlen(text)), timeout_ms);
    return connect_timeout_parse(text, timeout_ms);
}

bool dialect_is_compressed(const struct dialect *dialect, const struct exchange_request *request)
{
    const char *encoding = "";
    switch (dialect->kind) {
    case DIALECT_GRPC:
        encoding = request->grpc_encoding;
        break;
    case DIALECT_STREAM:
        encoding = request->connect_encoding;
        break;
    case DIALECT_PLAIN:
    case DIALECT_UNARY:
    case DIALECT_EVENTS:
        encoding = request->content_encoding;
        break;
    }
    return encoding[0] != '\0' && strcmp(encoding, "identity") != 0;
}

unsigned connect_http_status(enum grpc_status status)
{
    CHECK((unsigned)status <= GRPC_STATUS_MAX);
    return codes[status].http_status;
}

static void text_put(struct buffer *out, const char *text)
{
    buffer_append(out, text, strlen(text));
}

/* Errors' texts are ours, of ASCII; whatever else one may have been given is shown as a question mark. */
static void json_text_put(struct buffer *out, const char *text)
{
    buffer_u8(out, '"');
    for (size_t i = 0; text[i] != '\0' && i < GRPC_MESSAGE_SIZE_MAX; i++) {
        if (text[i] == '"' || text[i] == '\\') buffer_u8(out, '\\');
        buffer_u8(out, text[i] >= 0x20 && text[i] < 0x7f ? (uint8_t)text[i] : '?');
    }
    buffer_u8(out, '"');
}

/* The same as the ErrorDetail's bytes beside it, for people to read. */
static void debug_put(struct buffer *out, const struct grpc_error_detail *detail)
{
    struct buffer message;
    buffer_init(&message, GRPC_DETAIL_SIZE_MAX);
    grpc_detail_encode(detail, &message);
    if (transcode_to_json(&tallystick__v1__error_detail__descriptor, buffer_span(&message), out) != TALLY_OK)
        text_put(out, "{}");
    buffer_close(&message);
}

void connect_error_write(
    enum grpc_status status, const char *message, const struct grpc_error_detail *detail, struct buffer *out)
{
    CHECK(status != GRPC_OK && (unsigned)status <= GRPC_STATUS_MAX);
    text_put(out, "{\"code\":\"");
    text_put(out, codes[status].code);
    text_put(out, "\",\"message\":");
    json_text_put(out, message);
    if (detail != NULL) {
        char value[GRPC_DETAIL_TEXT_SIZE];
        grpc_detail_write(detail, value);
        text_put(out, ",\"details\":[{\"type\":\"tallystick.v1.ErrorDetail\",\"value\":\"");
        text_put(out, value);
        text_put(out, "\",\"debug\":");
        debug_put(out, detail);
        text_put(out, "}]");
    }
    text_put(out, "}");
}

void events_error_write(
    enum grpc_status status, const char *message, const struct grpc_error_detail *detail, struct buffer *out)
{
    text_put(out, "event: error\ndata: ");
    connect_error_write(status, message, detail, out);
    text_put(out, "\n\n");
}

void connect_end_write(
    enum grpc_status status, const char *message, const struct grpc_error_detail *detail, struct buffer *out)
{
    size_t start = out->size;
    uint8_t *prefix = buffer_reserve(out, GRPC_PREFIX_SIZE);
    if (prefix == NULL) return;
    if (status == GRPC_OK) {
        text_put(out, "{}");
    } else {
        text_put(out, "{\"error\":");
        connect_error_write(status, message, detail, out);
        text_put(out, "}");
    }
    if (out->failed) return;
    prefix = out->data + start;
    grpc_prefix_write(prefix, (uint32_t)(out->size - start - GRPC_PREFIX_SIZE));
    prefix[0] = ENVELOPE_END;
}
