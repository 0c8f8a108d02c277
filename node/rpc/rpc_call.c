#include "node/rpc/rpc_call.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/rpc/rpc_metrics.h"
#include "proto/base/check.h"

/* A message that waits to be sent, its prefix included. */
struct call_chunk {
    struct call_chunk *next;
    size_t size;
    uint8_t bytes[];
};

/* An error's texts as they travel; only calls that fail have them. */
struct call_error {
    char message[GRPC_MESSAGE_ESCAPED_SIZE];
    char detail[GRPC_DETAIL_TEXT_SIZE];
};

_Static_assert(EXCHANGE_HEADERS_MAX >= EXCHANGE_TRAILERS_MAX + 2, "the outcome fits beside the types");

/* Memory. */

static bool memory_take(struct rpc_shared *shared, size_t size)
{
    if (size > shared->memory_max || shared->counts.memory > shared->memory_max - size) return false;
    shared->counts.memory += size;
    return true;
}

static void memory_give(struct rpc_shared *shared, size_t size)
{
    CHECK(shared->counts.memory >= size);
    shared->counts.memory -= size;
}

static void request_release(struct rpc_call *call)
{
    memory_give(call->shared, call->request.size);
    buffer_close(&call->request);
}

static void chunk_drop_first(struct rpc_call *call)
{
    struct call_chunk *chunk = call->first;
    call->first = chunk->next;
    if (call->first == NULL) call->last = NULL;
    call->first_sent = 0;
    memory_give(call->shared, sizeof *chunk + chunk->size);
    free(chunk);
}

/* Queues one message. Errors: TALLY_EFULL (memory_max is spent), TALLY_ENOMEM. */
static int chunk_queue(struct rpc_call *call, struct span message)
{
    struct rpc_shared *shared = call->shared;
    size_t size = GRPC_PREFIX_SIZE + message.size;
    if (!memory_take(shared, sizeof(struct call_chunk) + size)) return TALLY_EFULL;
    struct call_chunk *chunk = malloc(sizeof *chunk + size);
    if (chunk == NULL) {
        memory_give(shared, sizeof *chunk + size);
        return TALLY_ENOMEM;
    }
    chunk->next = NULL;
    chunk->size = size;
    grpc_prefix_write(chunk->bytes, (uint32_t)message.size);
    if (message.size > 0) memcpy(chunk->bytes + GRPC_PREFIX_SIZE, message.data, message.size);
    if (call->pending == 0) call->progress_ms = rpc_now_ms(call->shared);
    if (call->last != NULL) call->last->next = chunk;
    if (call->first == NULL) call->first = chunk;
    call->last = chunk;
    call->pending += size;
    return TALLY_OK;
}

/* A call. */

struct rpc_call *call_make(
    struct rpc_shared *shared, struct exchange *exchange, const struct rpc_caller *caller)
{
    struct rpc_call *call = calloc(1, sizeof *call);
    if (call == NULL) return NULL;
    call->shared = shared;
    call->exchange = exchange;
    call->caller = caller;
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
    size_t method = call->method != NULL ? (size_t)(call->method - call->shared->methods) : RPC_METHODS_MAX;
    rpc_metrics_call(method, call->status, uv_hrtime() - call->started_ns);
}

void call_free(struct rpc_call *call)
{
    call_measure(call);
    while (call->first != NULL)
        chunk_drop_first(call);
    request_release(call);
    CHECK(call->shared->counts.calls > 0);
    call->shared->counts.calls--;
    if (call->deadline_ms != UINT64_MAX) call->shared->deadlines--;
    if (call->counted) call->shared->call_end(call->shared->context, call->caller->name);
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

void call_request_expect(struct rpc_call *call, uint32_t size_max)
{
    CHECK(call->request.size == 0);
    buffer_init(&call->request, GRPC_PREFIX_SIZE + (size_t)size_max);
}

int call_request_append(struct rpc_call *call, struct span bytes)
{
    if (bytes.size > call->request.size_max - call->request.size) return TALLY_ELIMIT;
    if (!memory_take(call->shared, bytes.size)) return TALLY_EFULL;
    buffer_append(&call->request, bytes.data, bytes.size);
    if (!call->request.failed) return TALLY_OK;
    memory_give(call->shared, bytes.size);
    return TALLY_ENOMEM;
}

/* Its end. */

static void failure_count(struct rpc_call *call)
{
    if (!call->failed) call->shared->counts.calls_failed++;
    call->failed = true;
}

void call_reset(struct rpc_call *call)
{
    failure_count(call);
    call->state = CALL_CLOSED;
    while (call->first != NULL) {
        call->pending -= call->first->size - call->first_sent;
        chunk_drop_first(call);
    }
    CHECK(call->pending == 0);
    request_release(call);
    exchange_reset(call->exchange);
}

size_t call_trailers(const struct rpc_call *call, struct exchange_field *fields)
{
    size_t count = 0;
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

static int headers_send(struct rpc_call *call)
{
    if (call->responding) return TALLY_OK;
    const struct exchange_field headers[] = {{"content-type", "application/grpc"}};
    int error = exchange_respond(call->exchange, 200, headers, sizeof headers / sizeof *headers);
    if (error == TALLY_OK) call->responding = true;
    return error;
}

static void outcome_set(struct rpc_call *call, enum grpc_status status, const char *message,
    const struct grpc_error_detail *detail)
{
    snprintf(call->status, sizeof call->status, "%u", (unsigned)status % 100);
    if (status == GRPC_OK) return;
    failure_count(call);
    /* Without memory for the texts the status alone still tells the truth. */
    call->error = calloc(1, sizeof *call->error);
    if (call->error == NULL) return;
    grpc_message_escape(message, call->error->message);
    if (detail != NULL) grpc_detail_write(detail, call->error->detail);
}

void call_end(struct rpc_call *call, enum grpc_status status, const char *message,
    const struct grpc_error_detail *detail)
{
    CHECK(call->state != CALL_CLOSED);
    call->state = CALL_CLOSED;
    call->drained = false;
    outcome_set(call, status, message, detail);
    request_release(call);
    if (call->responding) {
        exchange_wake(call->exchange);
        return;
    }
    struct exchange_field headers[EXCHANGE_HEADERS_MAX] = {{"content-type", "application/grpc"}};
    size_t count = 1 + call_trailers(call, headers + 1);
    if (status == GRPC_UNIMPLEMENTED) {
        headers[count++] = (struct exchange_field){"grpc-accept-encoding", "identity"};
    }
    CHECK(count <= EXCHANGE_HEADERS_MAX);
    if (exchange_refuse(call->exchange, 200, headers, count) != TALLY_OK) call_reset(call);
}

void call_end_http(struct rpc_call *call, unsigned http_status)
{
    CHECK(call->state != CALL_CLOSED);
    call->state = CALL_CLOSED;
    failure_count(call);
    if (exchange_refuse(call->exchange, http_status, NULL, 0) != TALLY_OK) call_reset(call);
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
    return span_of(call->request.data + GRPC_PREFIX_SIZE, call->request.size - GRPC_PREFIX_SIZE);
}

const struct rpc_caller *rpc_call_caller(const struct rpc_call *call)
{
    CHECK(call->state == CALL_OPEN);
    return call->caller;
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

void rpc_call_reply(struct rpc_call *call, struct span reply)
{
    CHECK(call->state == CALL_OPEN && !call->responding);
    int error = reply.size > RPC_REPLY_SIZE_MAX ? TALLY_ELIMIT : chunk_queue(call, reply);
    if (error == TALLY_OK) error = headers_send(call);
    if (error == TALLY_OK) {
        call_end(call, GRPC_OK, "", NULL);
        return;
    }
    struct grpc_error_detail detail = {.retry_after_ms = error == TALLY_ELIMIT ? 0 : 1000};
    snprintf(detail.reason, sizeof detail.reason, error == TALLY_ELIMIT ? "REPLY_TOO_LARGE" : "BUSY");
    call_end(call, GRPC_RESOURCE_EXHAUSTED,
        error == TALLY_ELIMIT ? "the reply is too large" : "too many replies wait to be read", &detail);
}

int rpc_call_write(struct rpc_call *call, struct span message)
{
    CHECK(call->state == CALL_OPEN);
    if (message.size > RPC_REPLY_SIZE_MAX) return TALLY_ELIMIT;
    size_t size = GRPC_PREFIX_SIZE + message.size;
    size_t backlog_max = call->shared->stream_backlog_max;
    if (call->pending > 0 && (size > backlog_max || call->pending > backlog_max - size)) return TALLY_EFULL;
    if (headers_send(call) != TALLY_OK || chunk_queue(call, message) != TALLY_OK) return TALLY_EFULL;
    exchange_wake(call->exchange);
    return TALLY_OK;
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
    if (headers_send(call) != TALLY_OK) {
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
