#include "node/rpc/rpc_session.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/rpc/http1.h"
#include "node/rpc/http2.h"
#include "node/rpc/rpc_conversion.h"
#include "node/rpc/rpc_end.h"
#include "node/rpc/rpc_request.h"
#include "node/rpc/rpc_screen.h"
#include "proto/base/check.h"

struct rpc_session {
    struct rpc_shared *shared;
    struct carrier *carrier;
    void (*on_output)(void *context);
    void *output_context;
    struct rpc_peer peer;
    struct rpc_call *calls;
    size_t call_count;
    size_t due_count; /* of these, whose requests wait for their turn */
    bool drain_due;   /* some call has drained */
};

/* What the carrier calls. */

static bool request_hook(void *context, struct exchange *exchange)
{
    struct rpc_session *session = context;
    struct rpc_call *call = call_make(session->shared, exchange, &session->peer);
    if (call == NULL) return false;
    call->next = session->calls;
    if (call->next != NULL) call->next->previous = call;
    session->calls = call;
    session->call_count++;
    request_screen(call);
    return true;
}

static void body_hook(void *context, struct exchange *exchange, struct span bytes)
{
    struct rpc_call *call = exchange->owner;
    (void)context;
    if (request_is_open(call)) request_receive(call, bytes);
}

/* What a worker converts takes of the loop no more than a call does. */
static size_t turn_size(const struct rpc_call *call)
{
    if (conversion_is_due(call)) return RPC_TURN_CALL_SIZE;
    return call->request.size * (call->dialect->json ? RPC_TURN_TEXT_FACTOR : 1u) + RPC_TURN_CALL_SIZE;
}

static bool may_begin(const struct rpc_call *call)
{
    if (turn_size(call) > RPC_TURN_SIZE_MAX) return !call->shared->turn_large;
    return call->shared->turn_spent < RPC_TURN_SIZE_MAX;
}

static void request_begin(struct rpc_call *call)
{
    if (turn_size(call) > RPC_TURN_SIZE_MAX)
        call->shared->turn_large = true;
    else
        call->shared->turn_spent += turn_size(call);
    request_complete(call);
}

/* A client can end a hundred large requests with one read's bytes: they are not all begun in one turn. */
static void request_end_hook(void *context, struct exchange *exchange)
{
    struct rpc_session *session = context;
    struct rpc_call *call = exchange->owner;
    if (!request_is_open(call)) return;
    if (may_begin(call)) {
        request_begin(call);
        return;
    }
    call->due = ++session->shared->due_total;
    session->due_count++;
}

static void due_clear(struct rpc_session *session, struct rpc_call *call)
{
    if (call->due == 0) return;
    CHECK(session->due_count > 0);
    call->due = 0;
    session->due_count--;
}

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
    due_clear(session, call);
    conversion_forget(call);
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

static int carrier_open(enum rpc_http http, struct rpc_session *session)
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
    switch (http) {
    case RPC_HTTP_1:
        return http1_open(RPC_HEADERS_SIZE_MAX, &hooks, session, &session->carrier);
    case RPC_HTTP_2:
        return http2_open(&limits, &hooks, session, &session->carrier);
    }
    return TALLY_EINVALID;
}

int rpc_session_open(struct rpc_shared *shared, enum rpc_http http, const struct rpc_caller *caller,
    const char *address, void (*on_output)(void *context), void *context, struct rpc_session **session)
{
    struct rpc_session *made = calloc(1, sizeof *made);
    if (made == NULL) return TALLY_ENOMEM;
    made->shared = shared;
    made->on_output = on_output;
    made->output_context = context;
    made->peer.known = caller != NULL;
    if (caller != NULL) made->peer.caller = *caller;
    made->peer.caller.name[RPC_CALLER_NAME_SIZE_MAX] = '\0';
    snprintf(made->peer.address, sizeof made->peer.address, "%s", address);
    int error = carrier_open(http, made);
    if (error != TALLY_OK) {
        free(made);
        return error;
    }
    made->peer.carrier = made->carrier;
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

/* Of those that wait and may begin, the one that has waited longest; NULL = none. */
static struct rpc_call *due_next(const struct rpc_session *session)
{
    struct rpc_call *next = NULL;
    for (struct rpc_call *call = session->calls; call != NULL; call = call->next)
        if (call->due > 0 && (next == NULL || call->due < next->due) && may_begin(call)) next = call;
    return next;
}

void rpc_session_work(struct rpc_session *session)
{
    while (session->due_count > 0) {
        struct rpc_call *next = due_next(session);
        if (next == NULL) return;
        due_clear(session, next);
        if (request_is_open(next)) request_begin(next); /* else it was refused while it waited */
    }
}

bool rpc_session_has_work(const struct rpc_session *session)
{
    return session->due_count > 0;
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
        request_refusal_log(call, REFUSAL_BOUND, "the reader takes nothing");
        call_reset(call);
    } else if (was_open && now_ms >= call->deadline_ms) {
        call_end(call, GRPC_DEADLINE_EXCEEDED, "the deadline passed", NULL);
    } else if (call->state == CALL_RECEIVING && call->due == 0 && call->conversion == NULL &&
               (now_ms >= call->deadline_ms || now_ms - call->started_ms >= shared->request_timeout_ms)) {
        request_refuse(call, GRPC_DEADLINE_EXCEEDED, "SLOW_REQUEST", "the request did not arrive in time");
    } else if (call->state == CALL_CLOSED && call->pending == 0 &&
               now_ms - call->progress_ms >= shared->request_timeout_ms) {
        /* It was answered before its request had ended, and that goes on and on. */
        call_reset(call);
    }
    if (was_open && call->state == CALL_CLOSED) call_cancel_tell(call);
}

void rpc_session_sweep(struct rpc_session *session)
{
    uint64_t now_ms = rpc_now_ms(session->shared);
    uint64_t head_since_ms = session->carrier->head_since_ms;
    if (head_since_ms != UINT64_MAX && now_ms - head_since_ms >= session->shared->request_timeout_ms) {
        carrier_finish(session->carrier);
    }
    for (struct rpc_call *call = session->calls; call != NULL; call = call->next) {
        call_sweep(session, call, now_ms);
        call_keep_alive(call, now_ms);
    }
}

void rpc_session_set_certificate(struct rpc_session *session, const struct digest *fingerprint)
{
    hex_encode(span_of(fingerprint->bytes, LOG_BYTES_SHOWN), session->peer.certificate);
}

void rpc_session_set_roles(struct rpc_session *session, uint32_t roles)
{
    CHECK(session->peer.known);
    session->peer.caller.roles = roles;
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
    return session->peer.known ? session->peer.caller.name : NULL;
}
