#include "node/rpc/rpc_end.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/rpc/rpc_metrics.h"
#include "proto/base/check.h"

/* An error's texts as they travel in gRPC; only calls that fail have them. */
struct call_error {
    char message[GRPC_MESSAGE_ESCAPED_SIZE];
    char detail[GRPC_DETAIL_TEXT_SIZE];
};

_Static_assert(EXCHANGE_HEADERS_MAX >= EXCHANGE_TRAILERS_MAX + 2, "the outcome fits beside the types");

size_t call_trailers(const struct rpc_call *call, struct exchange_field *fields)
{
    size_t count = 0;
    if (call->dialect->kind != DIALECT_GRPC) return 0;
    fields[count++] = (struct exchange_field){"grpc-status", call->status};
    if (call->error == NULL) return count;
    if (call->error->message[0] != '\0') {
        fields[count++] = (struct exchange_field){"grpc-message", call->error->message};
    }
    if (call->error->detail[0] != '\0') {
        fields[count++] = (struct exchange_field){GRPC_DETAIL_TRAILER, call->error->detail};
    }
    CHECK(count <= EXCHANGE_TRAILERS_MAX);
    return count;
}

/* Queues the response's headers; the size of the body is told where it is known. */
static int respond(struct rpc_call *call, unsigned http_status, const char *content_type, bool whole)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%zu", call->pending);
    struct exchange_field headers[] = {{"content-type", content_type}, {"content-length", digits}};
    if (!whole) headers[1] = (struct exchange_field){"cache-control", "no-store"};
    bool bare = !whole && call->dialect->kind != DIALECT_EVENTS;
    int error = exchange_respond(call->exchange, http_status, headers, bare ? 1 : 2);
    if (error != TALLY_OK) return error;
    call->responding = true;
    call->progress_ms = rpc_now_ms(call->shared);
    return TALLY_OK;
}

int call_headers_send(struct rpc_call *call)
{
    if (call->responding) return TALLY_OK;
    return respond(call, 200, call->dialect->content_type, call->dialect->kind == DIALECT_UNARY);
}

static void outcome_set(struct rpc_call *call, enum grpc_status status, const char *message,
    const struct grpc_error_detail *detail)
{
    snprintf(call->status, sizeof call->status, "%u", (unsigned)status % 100);
    if (status == GRPC_OK) return;
    call_failure_count(call);
    if (detail != NULL) rpc_metrics_reason(detail->reason);
    if (call->dialect->kind != DIALECT_GRPC) return;
    /* Without memory for the texts the status alone still tells the truth. */
    call->error = calloc(1, sizeof *call->error);
    if (call->error == NULL) return;
    grpc_message_escape(message, call->error->message);
    if (detail != NULL) grpc_detail_write(detail, call->error->detail);
}

/* gRPC: the status is in the trailers; where no message was sent, the headers are those. */
static int grpc_end(struct rpc_call *call, enum grpc_status status)
{
    if (call->responding) return TALLY_OK;
    struct exchange_field headers[EXCHANGE_HEADERS_MAX] = {{"content-type", call->dialect->content_type}};
    size_t count = 1 + call_trailers(call, headers + 1);
    if (status == GRPC_UNIMPLEMENTED) {
        headers[count++] = (struct exchange_field){"grpc-accept-encoding", "identity"};
    }
    CHECK(count <= EXCHANGE_HEADERS_MAX);
    return exchange_refuse(call->exchange, 200, headers, count);
}

/* Connect, unary: a reply needs no more; an error is the body, and tells itself by the HTTP status. */
static int unary_end(struct rpc_call *call, enum grpc_status status, const char *message,
    const struct grpc_error_detail *detail)
{
    if (call->responding) return TALLY_OK;
    struct buffer text;
    buffer_init(&text, CONNECT_ERROR_SIZE_MAX);
    connect_error_write(status, message, detail, &text);
    int error =
        text.failed ? TALLY_ENOMEM : call_chunk_queue(call, span_of(NULL, 0), buffer_span(&text), false);
    buffer_close(&text);
    if (error != TALLY_OK) return error;
    return respond(call, connect_http_status(status), "application/json", true);
}

/* Connect, a stream: the last envelope tells the end, good or bad. */
static int stream_end(struct rpc_call *call, enum grpc_status status, const char *message,
    const struct grpc_error_detail *detail)
{
    struct buffer text;
    buffer_init(&text, CONNECT_ERROR_SIZE_MAX);
    connect_end_write(status, message, detail, &text);
    int error =
        text.failed ? TALLY_ENOMEM : call_chunk_queue(call, span_of(NULL, 0), buffer_span(&text), false);
    buffer_close(&text);
    return error != TALLY_OK ? error : call_headers_send(call);
}

/* Events: an error is the last of them; before the first it is told as of a unary call. */
static int events_end(struct rpc_call *call, enum grpc_status status, const char *message,
    const struct grpc_error_detail *detail)
{
    if (status == GRPC_OK) return call_headers_send(call);
    if (!call->responding) return unary_end(call, status, message, detail);
    struct buffer text;
    buffer_init(&text, CONNECT_ERROR_SIZE_MAX);
    events_error_write(status, message, detail, &text);
    int error =
        text.failed ? TALLY_ENOMEM : call_chunk_queue(call, span_of(NULL, 0), buffer_span(&text), false);
    buffer_close(&text);
    return error;
}

static int dialect_end(struct rpc_call *call, enum grpc_status status, const char *message,
    const struct grpc_error_detail *detail)
{
    switch (call->dialect->kind) {
    case DIALECT_GRPC:
        return grpc_end(call, status);
    case DIALECT_UNARY:
        return unary_end(call, status, message, detail);
    case DIALECT_STREAM:
        return stream_end(call, status, message, detail);
    case DIALECT_EVENTS:
        return events_end(call, status, message, detail);
    case DIALECT_PLAIN:
        return exchange_refuse(call->exchange, connect_http_status(status), NULL, 0);
    }
    return TALLY_EINVALID;
}

void call_end(struct rpc_call *call, enum grpc_status status, const char *message,
    const struct grpc_error_detail *detail)
{
    CHECK(call->state != CALL_CLOSED);
    call->state = CALL_CLOSED;
    call->drained = false;
    if (call->pending == 0) call->progress_ms = rpc_now_ms(call->shared);
    outcome_set(call, status, message, detail);
    call_request_release(call);
    if (dialect_end(call, status, message, detail) != TALLY_OK)
        call_reset(call);
    else if (call->responding)
        exchange_wake(call->exchange);
}

void call_end_http(struct rpc_call *call, unsigned http_status, const struct exchange_field *header)
{
    CHECK(call->state != CALL_CLOSED);
    call->state = CALL_CLOSED;
    call->progress_ms = rpc_now_ms(call->shared);
    call_failure_count(call);
    if (exchange_refuse(call->exchange, http_status, header, header != NULL ? 1 : 0) != TALLY_OK)
        call_reset(call);
}

/* What a GET would be answered, but for the body. */
static void page_head_end(struct rpc_call *call, unsigned http_status, const char *content_type, size_t size)
{
    char digits[24];
    const struct exchange_field headers[] = {{"content-type", content_type}, {"content-length", digits}};
    snprintf(digits, sizeof digits, "%zu", size);
    call->state = CALL_CLOSED;
    call->progress_ms = rpc_now_ms(call->shared);
    if (exchange_refuse(call->exchange, http_status, headers, 2) != TALLY_OK) call_reset(call);
}

void call_end_page(struct rpc_call *call, unsigned http_status, const char *content_type, struct span body)
{
    CHECK(call->state != CALL_CLOSED && call->dialect->kind == DIALECT_PLAIN);
    if (strcmp(call->exchange->request.method, "HEAD") == 0) {
        page_head_end(call, http_status, content_type, body.size);
        return;
    }
    if (call_chunk_queue(call, span_of(NULL, 0), body, true) != TALLY_OK) {
        call_end_http(call, 503, NULL);
        return;
    }
    call->state = CALL_CLOSED;
    if (respond(call, http_status, content_type, true) != TALLY_OK) call_reset(call);
}

void call_respond(struct rpc_call *call)
{
    CHECK(call->state == CALL_OPEN);
    /* Without memory for it the first message begins it. */
    if (call_headers_send(call) != TALLY_OK) return;
}

void call_keep_alive(struct rpc_call *call, uint64_t now_ms)
{
    static const char comment[] = ":\n\n";
    if (call->dialect->kind != DIALECT_EVENTS || call->state != CALL_OPEN || call->pending > 0) return;
    if (now_ms - call->progress_ms < RPC_KEEPALIVE_MS) return;
    if (call_chunk_queue(call, span_of(NULL, 0), span_of(comment, sizeof comment - 1), false) == TALLY_OK)
        exchange_wake(call->exchange);
}
