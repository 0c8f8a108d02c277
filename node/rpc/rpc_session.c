#include "node/rpc/rpc_session.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/rpc/http2.h"
#include "proto/base/check.h"

#define ADDRESS_SIZE_MAX 80u

struct rpc_session {
    struct rpc_shared *shared;
    struct carrier *carrier;
    void (*on_output)(void *context);
    void *output_context;
    bool known;
    struct rpc_caller caller;
    char address[ADDRESS_SIZE_MAX];
    struct rpc_call *calls;
    size_t call_count;
    bool drain_due; /* some call has drained */
};

/* Refusals: who called, what, and why not, in the log; never more lines than the limit. */

static void refusal_log(struct rpc_session *session, struct rpc_call *call, const char *why)
{
    session->shared->counts.refused++;
    uint64_t suppressed = 0;
    if (!log_limit_allows(&session->shared->limit, rpc_now_ms(session->shared), &suppressed)) return;
    LOG_UNUSUAL("call refused", LOG_S("address", session->address),
        LOG_S("caller", rpc_session_caller_name(session)), LOG_S("call", call->exchange->request.path),
        LOG_S("why", why), LOG_U("not_shown", suppressed));
}

static void call_refuse_for_now(struct rpc_session *session, struct rpc_call *call, enum grpc_status status,
    const char *reason, const char *why, uint32_t retry_after_ms)
{
    struct grpc_error_detail detail = {.retry_after_ms = retry_after_ms};
    snprintf(detail.reason, sizeof detail.reason, "%s", reason);
    refusal_log(session, call, why);
    call_end(call, status, why, &detail);
}

static void call_refuse(struct rpc_session *session, struct rpc_call *call, enum grpc_status status,
    const char *reason, const char *why)
{
    call_refuse_for_now(session, call, status, reason, why, 0);
}

/* Whether the caller's limits, and the node, take one more call; if not, it is refused. */
static bool call_count(struct rpc_session *session, struct rpc_call *call)
{
    struct rpc_shared *shared = session->shared;
    uint32_t retry_after_ms = 0;
    if (shared->draining) {
        call_refuse_for_now(
            session, call, GRPC_UNAVAILABLE, "SHUTTING_DOWN", "the node is stopping", RPC_SHUTDOWN_RETRY_MS);
        return false;
    }
    if (shared->call_begin == NULL) return true;
    int error = shared->call_begin(shared->context, session->caller.name, &retry_after_ms);
    if (error == TALLY_OK) {
        call->counted = true;
    } else if (error == TALLY_EFULL) {
        call_refuse_for_now(session, call, GRPC_RESOURCE_EXHAUSTED, "RATE",
            "this client makes more calls than its rate", retry_after_ms);
    } else if (error == TALLY_ENOTFOUND) {
        call_refuse(
            session, call, GRPC_UNAUTHENTICATED, "CERTIFICATE", "this client certificate is not listed here");
    } else {
        CHECK(error == TALLY_EBUSY);
        call_refuse_for_now(session, call, GRPC_RESOURCE_EXHAUSTED, "CONCURRENCY",
            "as many calls of this client are open as may be", retry_after_ms);
    }
    return error == TALLY_OK;
}

/* Requests. */

static bool content_type_is_grpc(const char *type)
{
    static const char grpc[] = "application/grpc";
    if (strncmp(type, grpc, sizeof grpc - 1) != 0) return false;
    const char *rest = type + sizeof grpc - 1;
    return *rest == '\0' || *rest == ';' || strcmp(rest, "+proto") == 0 || strncmp(rest, "+proto;", 7) == 0;
}

static const struct rpc_method *method_find(const struct rpc_shared *shared, const char *path)
{
    for (size_t i = 0; i < shared->method_count; i++) {
        if (strcmp(shared->methods[i].path, path) == 0) return &shared->methods[i];
    }
    return NULL;
}

static bool deadline_set(struct rpc_call *call, const struct exchange_request *request)
{
    if (request->grpc_timeout[0] == '\0') return true;
    uint64_t timeout_ms = 0;
    if (grpc_timeout_parse(span_of(request->grpc_timeout, strlen(request->grpc_timeout)), &timeout_ms) !=
        TALLY_OK) {
        return false;
    }
    call_deadline_set(call, timeout_ms);
    return true;
}

/* Everything that can be refused before the body is. */
static void request_screen(struct rpc_session *session, struct rpc_call *call)
{
    const struct exchange_request *request = &call->exchange->request;
    if (!session->known) {
        call_refuse(
            session, call, GRPC_UNAUTHENTICATED, "CERTIFICATE", "this client certificate is not listed here");
        carrier_finish(session->carrier);
        return;
    }
    if (!call_count(session, call)) return;
    if (request->headers_too_large) {
        call_refuse(
            session, call, GRPC_RESOURCE_EXHAUSTED, "HEADERS_TOO_LARGE", "the call's headers are too large");
        return;
    }
    if (strcmp(request->method, "POST") != 0 || !content_type_is_grpc(request->content_type)) {
        refusal_log(session, call, "not a gRPC call");
        call_end_http(call, strcmp(request->method, "POST") != 0 ? 405 : 415);
        return;
    }
    if (request->grpc_encoding[0] != '\0' && strcmp(request->grpc_encoding, "identity") != 0) {
        call_refuse(session, call, GRPC_UNIMPLEMENTED, "COMPRESSED", "compressed messages are not taken");
        return;
    }
    call->method = method_find(session->shared, request->path);
    if (call->method == NULL) {
        call_refuse(session, call, GRPC_UNIMPLEMENTED, "UNKNOWN_METHOD", "there is no such call here");
        return;
    }
    if (call->method->roles != 0 && (call->method->roles & session->caller.roles) == 0) {
        call_refuse(
            session, call, GRPC_PERMISSION_DENIED, "ROLE", "the caller lacks the role this call needs");
        return;
    }
    if (!deadline_set(call, request)) {
        call_refuse(session, call, GRPC_INVALID_ARGUMENT, "TIMEOUT_FORM", "grpc-timeout is malformed");
    }
}

static bool request_hook(void *context, struct exchange *exchange)
{
    struct rpc_session *session = context;
    struct rpc_call *call = call_make(session->shared, exchange, &session->caller);
    if (call == NULL) return false;
    call->next = session->calls;
    if (call->next != NULL) call->next->previous = call;
    session->calls = call;
    session->call_count++;
    request_screen(session, call);
    if (call->state == CALL_RECEIVING) call_request_expect(call, call->method->request_size_max);
    return true;
}

/* Judges the prefix once it is here, so that a request that cannot be taken is not awaited. */
static bool prefix_check(struct rpc_session *session, struct rpc_call *call)
{
    if (call->request.size < GRPC_PREFIX_SIZE) return true;
    if (call->request.data[0] != 0) {
        call_refuse(session, call, GRPC_UNIMPLEMENTED, "COMPRESSED", "compressed messages are not taken");
        return false;
    }
    if (get_u32(call->request.data + 1) > call->method->request_size_max) {
        call_refuse(session, call, GRPC_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE",
            "the request is above this call's bound");
        return false;
    }
    return true;
}

static bool request_take(struct rpc_session *session, struct rpc_call *call, struct span bytes)
{
    int error = call_request_append(call, bytes);
    if (error == TALLY_OK) return true;
    if (error == TALLY_ELIMIT) {
        call_refuse(session, call, GRPC_INVALID_ARGUMENT, "REQUEST_FORM", "the request is not one message");
    } else {
        call_refuse(session, call, GRPC_RESOURCE_EXHAUSTED, "BUSY", "too many requests are being received");
    }
    return false;
}

static void body_hook(void *context, struct exchange *exchange, struct span bytes)
{
    struct rpc_session *session = context;
    struct rpc_call *call = exchange->owner;
    if (call->state != CALL_RECEIVING) return;
    /* The prefix first: it tells a request that is too large from one that is no single message. */
    size_t head = call->request.size < GRPC_PREFIX_SIZE ? GRPC_PREFIX_SIZE - call->request.size : 0;
    if (head > bytes.size) head = bytes.size;
    if (head > 0) {
        if (!request_take(session, call, span_of(bytes.data, head)) || !prefix_check(session, call)) return;
    }
    if (bytes.size > head) (void)request_take(session, call, span_of(bytes.data + head, bytes.size - head));
}

static void request_end_hook(void *context, struct exchange *exchange)
{
    struct rpc_session *session = context;
    struct rpc_call *call = exchange->owner;
    if (call->state != CALL_RECEIVING) return;
    if (call->request.size < GRPC_PREFIX_SIZE ||
        call->request.size - GRPC_PREFIX_SIZE != get_u32(call->request.data + 1)) {
        call_refuse(session, call, GRPC_INVALID_ARGUMENT, "REQUEST_FORM", "the request is not one message");
        return;
    }
    if (rpc_now_ms(session->shared) >= call->deadline_ms) {
        call_end(call, GRPC_DEADLINE_EXCEEDED, "the deadline passed before the call began", NULL);
        return;
    }
    call->state = CALL_OPEN;
    call->method->handle(session->shared->context, call);
    CHECK(call->state == CALL_CLOSED || call->on_cancel != NULL);
}

/* Answers on their way out. */

static size_t fill_hook(void *context, struct exchange *exchange, uint8_t *to, size_t size, bool *last)
{
    struct rpc_session *session = context;
    struct rpc_call *call = exchange->owner;
    size_t filled = call_fill(call, to, size, last);
    if (call->drained) session->drain_due = true;
    return filled;
}

static size_t trailers_hook(void *context, struct exchange *exchange, struct exchange_field *trailers)
{
    (void)context;
    return call_trailers(exchange->owner, trailers);
}

static void gone_hook(void *context, struct exchange *exchange)
{
    struct rpc_session *session = context;
    struct rpc_call *call = exchange->owner;
    bool was_open = call->state == CALL_OPEN;
    if (call->state != CALL_CLOSED && !call->failed) session->shared->counts.calls_failed++;
    call->state = CALL_CLOSED;
    if (was_open) call_cancel_tell(call);
    if (call->previous != NULL) call->previous->next = call->next;
    if (call->next != NULL) call->next->previous = call->previous;
    if (session->calls == call) session->calls = call->next;
    CHECK(session->call_count > 0);
    session->call_count--;
    call_free(call);
}

static void output_hook(void *context)
{
    struct rpc_session *session = context;
    session->on_output(session->output_context);
}

/* The session. */

int rpc_session_open(struct rpc_shared *shared, const struct rpc_caller *caller, const char *address,
    void (*on_output)(void *context), void *context, struct rpc_session **session)
{
    static const struct exchange_hooks hooks = {
        .on_request = request_hook,
        .on_body = body_hook,
        .on_request_end = request_end_hook,
        .on_fill = fill_hook,
        .on_trailers = trailers_hook,
        .on_gone = gone_hook,
        .on_output = output_hook,
    };
    static const struct http2_limits limits = {
        .streams_max = RPC_STREAMS_MAX,
        .headers_size_max = RPC_HEADERS_SIZE_MAX,
        .resets_max = RPC_RESETS_MAX,
        .control_frames_max = RPC_CONTROL_FRAMES_MAX,
    };
    struct rpc_session *made = calloc(1, sizeof *made);
    if (made == NULL) return TALLY_ENOMEM;
    made->shared = shared;
    made->on_output = on_output;
    made->output_context = context;
    made->known = caller != NULL;
    if (caller != NULL) made->caller = *caller;
    made->caller.name[RPC_CALLER_NAME_SIZE_MAX] = '\0';
    snprintf(made->address, sizeof made->address, "%s", address);
    int error = http2_open(&limits, &hooks, made, &made->carrier);
    if (error != TALLY_OK) {
        free(made);
        return error;
    }
    *session = made;
    return TALLY_OK;
}

void rpc_session_close(struct rpc_session *session)
{
    if (session == NULL) return;
    carrier_close(session->carrier);
    CHECK(session->calls == NULL && session->call_count == 0);
    free(session);
}

int rpc_session_receive(struct rpc_session *session, struct span bytes, const char **why)
{
    return carrier_receive(session->carrier, bytes, rpc_now_ms(session->shared), why);
}

static void drains_tell(struct rpc_session *session)
{
    if (!session->drain_due) return;
    session->drain_due = false;
    for (struct rpc_call *call = session->calls; call != NULL; call = call->next) {
        if (!call->drained) continue;
        call->drained = false;
        if (call->state == CALL_OPEN && call->pending == 0) call->on_drain(call->watch_context, call);
    }
}

int rpc_session_pull(struct rpc_session *session, uint8_t *to, size_t size, size_t *pulled)
{
    int error = carrier_pull(session->carrier, to, size, pulled);
    if (error != TALLY_OK) return error;
    drains_tell(session);
    return TALLY_OK;
}

static void call_sweep(struct rpc_session *session, struct rpc_call *call, uint64_t now_ms)
{
    const struct rpc_shared *shared = session->shared;
    bool was_open = call->state == CALL_OPEN;
    if (call->pending > 0 && now_ms - call->progress_ms >= shared->stall_timeout_ms) {
        refusal_log(session, call, "the reader takes nothing");
        call_reset(call);
    } else if (was_open && now_ms >= call->deadline_ms) {
        call_end(call, GRPC_DEADLINE_EXCEEDED, "the deadline passed", NULL);
    } else if (call->state == CALL_RECEIVING &&
               (now_ms >= call->deadline_ms || now_ms - call->started_ms >= shared->request_timeout_ms)) {
        call_refuse(
            session, call, GRPC_DEADLINE_EXCEEDED, "SLOW_REQUEST", "the request did not arrive in time");
    }
    if (was_open && call->state == CALL_CLOSED) call_cancel_tell(call);
}

void rpc_session_sweep(struct rpc_session *session)
{
    uint64_t now_ms = rpc_now_ms(session->shared);
    for (struct rpc_call *call = session->calls; call != NULL; call = call->next) {
        call_sweep(session, call, now_ms);
    }
}

void rpc_session_set_roles(struct rpc_session *session, uint32_t roles)
{
    CHECK(session->known);
    session->caller.roles = roles;
}

void rpc_session_drain(struct rpc_session *session)
{
    carrier_shut(session->carrier);
}

void rpc_session_stop(struct rpc_session *session)
{
    const struct grpc_error_detail detail = {
        .reason = "SHUTTING_DOWN", .retry_after_ms = RPC_SHUTDOWN_RETRY_MS};
    carrier_finish(session->carrier);
    for (struct rpc_call *call = session->calls; call != NULL; call = call->next) {
        if (call->state == CALL_CLOSED) continue;
        bool was_open = call->state == CALL_OPEN;
        call_end(call, GRPC_UNAVAILABLE, "the node is stopping", &detail);
        if (was_open) call_cancel_tell(call);
    }
}

void rpc_session_finish(struct rpc_session *session)
{
    carrier_finish(session->carrier);
}

bool rpc_session_is_finished(const struct rpc_session *session)
{
    return carrier_is_finished(session->carrier);
}

size_t rpc_session_call_count(const struct rpc_session *session)
{
    return session->call_count;
}

const char *rpc_session_caller_name(const struct rpc_session *session)
{
    return session->known ? session->caller.name : NULL;
}
