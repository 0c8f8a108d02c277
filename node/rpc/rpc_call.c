#include "node/rpc/rpc_call.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/rpc/rpc_end.h"
#include "node/rpc/rpc_metrics.h"
#include "proto/base/check.h"

/* Bytes that wait to be sent: one message as it travels. */
struct call_chunk {
    struct call_chunk *next;
    size_t size;
    bool counted; /* by memory_max: what tells a call's end is not, so that there is always room for it */
    uint8_t bytes[];
};

/* Memory. */

static bool memory_take(struct rpc_shared *shared, size_t size)
{
    if (size > shared->memory_max || shared->counts.memory > shared->memory_max - size) return false;
    shared->counts.memory += size;
    return true;
}

void call_memory_give(struct rpc_shared *shared, size_t size)
{
    CHECK(shared->counts.memory >= size);
    shared->counts.memory -= size;
}

void call_request_release(struct rpc_call *call)
{
    call_memory_give(call->shared, call->request.size);
    buffer_close(&call->request);
}

static void chunk_drop_first(struct rpc_call *call)
{
    struct call_chunk *chunk = call->first;
    call->first = chunk->next;
    if (call->first == NULL) call->last = NULL;
    call->first_sent = 0;
    if (chunk->counted) call_memory_give(call->shared, sizeof *chunk + chunk->size);
    free(chunk);
}

int call_chunk_queue(struct rpc_call *call, struct span head, struct span body, bool counted)
{
    struct rpc_shared *shared = call->shared;
    size_t size = head.size + body.size;
    if (counted && !memory_take(shared, sizeof(struct call_chunk) + size)) return TALLY_EFULL;
    struct call_chunk *chunk = malloc(sizeof *chunk + size);
    if (chunk == NULL) {
        if (counted) call_memory_give(shared, sizeof *chunk + size);
        return TALLY_ENOMEM;
    }
    *chunk = (struct call_chunk){.size = size, .counted = counted};
    if (head.size > 0) memcpy(chunk->bytes, head.data, head.size);
    if (body.size > 0) memcpy(chunk->bytes + head.size, body.data, body.size);
    if (call->pending == 0) call->progress_ms = rpc_now_ms(call->shared);
    if (call->last != NULL) call->last->next = chunk;
    if (call->first == NULL) call->first = chunk;
    call->last = chunk;
    call->pending += size;
    return TALLY_OK;
}

/* Queues one message as the dialect writes it. Errors: those of call_chunk_queue, TALLY_ELIMIT (too large, or
 * as JSON too large), TALLY_EFORM (as JSON: it is not of its type). */
static int message_queue(struct rpc_call *call, struct span message)
{
    uint8_t prefix[GRPC_PREFIX_SIZE];
    struct span head = {0};
    if (message.size > RPC_REPLY_SIZE_MAX) return TALLY_ELIMIT;
    if (call->dialect->json) {
        const struct rpc_form form = rpc_call_form(call);
        struct buffer text;
        buffer_init(&text, RPC_TEXT_SIZE_MAX);
        int error = rpc_form_write(&form, message, &text);
        if (error == TALLY_OK) error = call_chunk_queue(call, head, buffer_span(&text), true);
        buffer_close(&text);
        return error;
    }
    if (dialect_is_framed(call->dialect)) {
        grpc_prefix_write(prefix, (uint32_t)message.size);
        head = span_of(prefix, sizeof prefix);
    }
    return call_chunk_queue(call, head, message, true);
}

/* The same of one that rpc_form_write wrote. */
static int text_queue(struct rpc_call *call, struct span text)
{
    CHECK(call->dialect->json);
    return call_chunk_queue(call, span_of(NULL, 0), text, true);
}

/* A call. */

struct rpc_call *call_make(struct rpc_shared *shared, struct exchange *exchange, const struct rpc_peer *peer)
{
    struct rpc_call *call = calloc(1, sizeof *call);
    if (call == NULL) return NULL;
    call->shared = shared;
    call->exchange = exchange;
    call->peer = peer;
    call->dialect = dialect_of("");
    call->started_ms = rpc_now_ms(shared);
    call->started_ns = uv_hrtime();
    call->deadline_ms = UINT64_MAX;
    buffer_init(&call->request, 0);
    shared->counts.calls++;
    shared->counts.calls_total++;
    exchange->owner = call;
    return call;
}

static void call_measure(const struct rpc_call *call)
{
    /* Who asks for a page, or for nothing there is, makes no call. */
    if (call->dialect->kind == DIALECT_PLAIN) return;
    size_t method = call->method != NULL ? (size_t)(call->method - call->shared->methods) : RPC_METHODS_MAX;
    rpc_metrics_call(method, call->status, uv_hrtime() - call->started_ns);
}

void call_free(struct rpc_call *call)
{
    call_measure(call);
    while (call->first != NULL)
        chunk_drop_first(call);
    call_request_release(call);
    CHECK(call->shared->counts.calls > 0);
    call->shared->counts.calls--;
    if (call->deadline_ms != UINT64_MAX) call->shared->deadlines--;
    if (call->counted) call->shared->call_end(call->shared->context, call->peer->caller.name);
    free(call->error);
    free(call);
}

void call_deadline_set(struct rpc_call *call, uint64_t timeout_ms)
{
    CHECK(call->deadline_ms == UINT64_MAX);
    if (timeout_ms >= UINT64_MAX - call->started_ms) return;
    call->deadline_ms = call->started_ms + timeout_ms;
    call->shared->deadlines++;
}

void call_request_expect(struct rpc_call *call, size_t size_max)
{
    CHECK(call->request.size == 0);
    buffer_init(&call->request, size_max);
}

int call_request_append(struct rpc_call *call, struct span bytes)
{
    if (bytes.size > call->request.size_max - call->request.size) return TALLY_ELIMIT;
    if (!memory_take(call->shared, bytes.size)) return TALLY_EFULL;
    buffer_append(&call->request, bytes.data, bytes.size);
    if (!call->request.failed) return TALLY_OK;
    call_memory_give(call->shared, bytes.size);
    return TALLY_ENOMEM;
}

struct span call_request_message(const struct rpc_call *call)
{
    size_t at = call->request_at;
    return at == 0 ? buffer_span(&call->request) : span_of(call->request.data + at, call->request.size - at);
}

void call_request_clear(struct rpc_call *call)
{
    call_memory_give(call->shared, call->request.size);
    buffer_clear(&call->request);
}

int call_request_replace_take(struct rpc_call *call, struct buffer *request)
{
    call_request_release(call);
    if (!memory_take(call->shared, request->size)) {
        buffer_close(request);
        return TALLY_EFULL;
    }
    call->request = *request;
    call->request_at = 0;
    buffer_init(request, 0);
    return TALLY_OK;
}

/* Its end. */

void call_failure_count(struct rpc_call *call)
{
    if (!call->failed) call->shared->counts.calls_failed++;
    call->failed = true;
}

void call_reset(struct rpc_call *call)
{
    call_failure_count(call);
    call->state = CALL_CLOSED;
    while (call->first != NULL) {
        call->pending -= call->first->size - call->first_sent;
        chunk_drop_first(call);
    }
    CHECK(call->pending == 0);
    call_request_release(call);
    exchange_reset(call->exchange);
}

void call_cancel_tell(struct rpc_call *call)
{
    CHECK(call->state == CALL_CLOSED && call->on_cancel != NULL);
    call->on_cancel(call->watch_context, call);
}

size_t call_fill(struct rpc_call *call, uint8_t *to, size_t size, bool *last)
{
    size_t filled = 0;
    while (call->first != NULL && filled < size) {
        size_t part = call->first->size - call->first_sent;
        if (part > size - filled) part = size - filled;
        memcpy(to + filled, call->first->bytes + call->first_sent, part);
        filled += part;
        call->first_sent += part;
        if (call->first_sent == call->first->size) chunk_drop_first(call);
    }
    CHECK(call->pending >= filled);
    call->pending -= filled;
    if (filled > 0) call->progress_ms = rpc_now_ms(call->shared);
    if (call->pending > 0) return filled;
    *last = call->state == CALL_CLOSED;
    if (filled > 0 && call->state == CALL_OPEN && call->on_drain != NULL) call->drained = true;
    return filled;
}

/* What handlers use. */

struct span rpc_call_request(const struct rpc_call *call)
{
    CHECK(call->state == CALL_OPEN);
    return call_request_message(call);
}

const struct rpc_caller *rpc_call_caller(const struct rpc_call *call)
{
    CHECK(call->state == CALL_OPEN);
    return &call->peer->caller;
}

uint64_t rpc_call_time_left_ms(const struct rpc_call *call)
{
    CHECK(call->state == CALL_OPEN);
    if (call->deadline_ms == UINT64_MAX) return UINT64_MAX;
    uint64_t now_ms = rpc_now_ms(call->shared);
    return now_ms < call->deadline_ms ? call->deadline_ms - now_ms : 0;
}

void rpc_call_watch(struct rpc_call *call, void *context,
    void (*on_drain)(void *context, struct rpc_call *call),
    void (*on_cancel)(void *context, struct rpc_call *call))
{
    CHECK(call->state == CALL_OPEN && on_cancel != NULL);
    call->watch_context = context;
    call->on_drain = on_drain;
    call->on_cancel = on_cancel;
}

/* Ends a call whose reply was queued, or was not. */
static void reply_end(struct rpc_call *call, int error)
{
    if (error == TALLY_OK) error = call_headers_send(call);
    if (error == TALLY_OK) {
        call_end(call, GRPC_OK, "", NULL);
        return;
    }
    if (error == TALLY_EFORM) {
        LOG_BROKEN("a reply is not of its type", LOG_S("call", call->method->path));
        call_end(call, GRPC_INTERNAL, "the reply cannot be told as JSON", NULL);
        return;
    }
    struct grpc_error_detail detail = {.retry_after_ms = error == TALLY_ELIMIT ? 0 : 1000};
    snprintf(detail.reason, sizeof detail.reason, error == TALLY_ELIMIT ? "REPLY_TOO_LARGE" : "BUSY");
    call_end(call, GRPC_RESOURCE_EXHAUSTED,
        error == TALLY_ELIMIT ? "the reply is too large" : "too many replies wait to be read", &detail);
}

void rpc_call_reply(struct rpc_call *call, struct span reply)
{
    CHECK(call->state == CALL_OPEN && !call->responding);
    reply_end(call, message_queue(call, reply));
}

void rpc_call_reply_text(struct rpc_call *call, int error, struct span text)
{
    CHECK(call->state == CALL_OPEN && !call->responding);
    reply_end(call, error == TALLY_OK ? text_queue(call, text) : error);
}

/* Queues one message of a stream, which `queue` does. */
static int stream_queue(
    struct rpc_call *call, int (*queue)(struct rpc_call *call, struct span bytes), struct span bytes)
{
    CHECK(call->state == CALL_OPEN);
    size_t size = GRPC_PREFIX_SIZE + bytes.size;
    size_t backlog_max = call->shared->stream_backlog_max;
    if (call->pending > 0 && (size > backlog_max || call->pending > backlog_max - size)) return TALLY_EFULL;
    if (call_headers_send(call) != TALLY_OK) return TALLY_EFULL;
    int error = queue(call, bytes);
    if (error == TALLY_EFORM) LOG_BROKEN("a reply is not of its type", LOG_S("call", call->method->path));
    if (error != TALLY_OK) return error == TALLY_ELIMIT ? error : TALLY_EFULL;
    exchange_wake(call->exchange);
    return TALLY_OK;
}

int rpc_call_write(struct rpc_call *call, struct span message)
{
    return stream_queue(call, message_queue, message);
}

int rpc_call_write_text(struct rpc_call *call, struct span text)
{
    return stream_queue(call, text_queue, text);
}

size_t rpc_call_pending(const struct rpc_call *call)
{
    CHECK(call->state == CALL_OPEN);
    return call->pending;
}

void rpc_call_end(struct rpc_call *call)
{
    CHECK(call->state == CALL_OPEN);
    /* An empty stream still has its headers and its trailers apart: stock clients expect that of OK. */
    if (call_headers_send(call) != TALLY_OK) {
        call_reset(call);
        return;
    }
    call_end(call, GRPC_OK, "", NULL);
}

void rpc_call_fail(struct rpc_call *call, enum grpc_status status, const char *message,
    const struct grpc_error_detail *detail)
{
    CHECK(call->state == CALL_OPEN && status != GRPC_OK);
    call_end(call, status, message, detail);
}
