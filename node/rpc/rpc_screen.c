#include "node/rpc/rpc_screen.h"

#include <stdio.h>

#include "node/rpc/rpc_end.h"
#include "proto/base/check.h"

/* Refusals. */

void request_refusal_log(const struct rpc_call *call, enum refusal kind, const char *why)
{
    const struct rpc_peer *peer = call->peer;
    struct rpc_shared *shared = call->shared;
    uint64_t suppressed = 0;
    shared->counts.refused++;
    if (!log_limit_allows(&shared->limits[kind], rpc_now_ms(shared), &suppressed)) return;
    LOG_UNUSUAL("call refused", LOG_S("address", peer->address),
        LOG_S("caller", peer->known ? peer->caller.name : NULL),
        LOG_S("certificate", peer->certificate[0] != '\0' ? peer->certificate : NULL),
        LOG_S("call", call->exchange->request.path), LOG_S("why", why), LOG_U("not_shown", suppressed));
}

static enum refusal kind_of(enum grpc_status status)
{
    if (status == GRPC_UNAUTHENTICATED) return REFUSAL_STRANGER;
    if (status == GRPC_PERMISSION_DENIED) return REFUSAL_ROLE;
    if (status == GRPC_RESOURCE_EXHAUSTED || status == GRPC_UNAVAILABLE) return REFUSAL_BOUND;
    return REFUSAL_FORM;
}

static void refuse_for_now(struct rpc_call *call, enum grpc_status status, const char *reason,
    const char *why, uint32_t retry_after_ms)
{
    struct grpc_error_detail detail = {.retry_after_ms = retry_after_ms};
    snprintf(detail.reason, sizeof detail.reason, "%s", reason);
    request_refusal_log(call, kind_of(status), why);
    call_end(call, status, why, &detail);
}

void request_refuse(struct rpc_call *call, enum grpc_status status, const char *reason, const char *why)
{
    refuse_for_now(call, status, reason, why, 0);
}

/* For what is no call. */
static void refuse_http(
    struct rpc_call *call, unsigned http_status, const char *name, const char *value, const char *why)
{
    const struct exchange_field header = {name, value};
    request_refusal_log(call, REFUSAL_FORM, why);
    call_end_http(call, http_status, name != NULL ? &header : NULL);
}

/* Who may. */

static void refuse_stranger(struct rpc_call *call)
{
    request_refuse(
        call, GRPC_UNAUTHENTICATED, "CERTIFICATE", "the client shows no certificate that is listed here");
}

static bool caller_is_known(struct rpc_call *call)
{
    if (call->peer->known) return true;
    refuse_stranger(call);
    carrier_finish(call->peer->carrier);
    return false;
}

static bool caller_has_role(struct rpc_call *call, uint32_t roles)
{
    if (roles == 0 || (roles & call->peer->caller.roles) != 0) return true;
    request_refuse(call, GRPC_PERMISSION_DENIED, "ROLE", "the caller lacks the role this call needs");
    return false;
}

/* Whether the caller's limits, and the node, take one more call; if not, it is refused. */
static bool call_count(struct rpc_call *call)
{
    struct rpc_shared *shared = call->shared;
    uint32_t retry_after_ms = 0;
    if (shared->draining) {
        refuse_for_now(
            call, GRPC_UNAVAILABLE, "SHUTTING_DOWN", "the node is stopping", RPC_SHUTDOWN_RETRY_MS);
        return false;
    }
    if (shared->call_begin == NULL) return true;
    int error = shared->call_begin(shared->context, call->peer->caller.name, &retry_after_ms);
    if (error == TALLY_OK) {
        call->counted = true;
    } else if (error == TALLY_EFULL) {
        refuse_for_now(call, GRPC_RESOURCE_EXHAUSTED, "RATE", "this client makes more calls than its rate",
            retry_after_ms);
    } else if (error == TALLY_ENOTFOUND) {
        refuse_stranger(call);
    } else {
        CHECK(error == TALLY_EBUSY);
        refuse_for_now(call, GRPC_RESOURCE_EXHAUSTED, "CONCURRENCY",
            "as many calls of this client are open as may be", retry_after_ms);
    }
    return error == TALLY_OK;
}

/* Pages. */

static const struct rpc_page *page_find(const struct rpc_shared *shared, const char *path)
{
    for (size_t i = 0; i < shared->page_count; i++) {
        if (strcmp(shared->pages[i].path, path) == 0) return &shared->pages[i];
    }
    return NULL;
}

static void page_answer(struct rpc_call *call, const struct rpc_page *page)
{
    if (page->roles != 0 &&
        (!caller_is_known(call) || !call_count(call) || !caller_has_role(call, page->roles))) {
        return;
    }
    const char *method = call->exchange->request.method;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        refuse_http(call, 405, "allow", "GET, HEAD", "not a way to ask for a page");
        return;
    }
    struct buffer text;
    buffer_init(&text, RPC_PAGE_SIZE_MAX);
    unsigned http_status = page->render(call->shared->context, &text);
    if (text.failed) {
        refuse_http(call, 500, NULL, NULL, "a page is above its bound");
    } else {
        call_end_page(call, http_status, page->content_type, buffer_span(&text));
    }
    buffer_close(&text);
}

/* Calls. */

static const struct rpc_method *method_find(const struct rpc_shared *shared, const char *path)
{
    for (size_t i = 0; i < shared->method_count; i++) {
        if (strcmp(shared->methods[i].path, path) == 0) return &shared->methods[i];
    }
    return NULL;
}

/* Whether it is a call at all, in a form that can carry it here. */
static bool dialect_fits(struct rpc_call *call)
{
    const struct exchange_request *request = &call->exchange->request;
    if (call->dialect->kind == DIALECT_PLAIN && strcmp(request->method, "POST") == 0) {
        refuse_http(call, 415, "accept-post", "application/json, application/proto, application/grpc",
            "its content type is none that is taken");
    } else if (call->dialect->kind == DIALECT_PLAIN && method_find(call->shared, request->path) != NULL) {
        refuse_http(call, 405, "allow", "POST", "not a way to make a call");
    } else if (call->dialect->kind == DIALECT_PLAIN) {
        refuse_http(call, 404, NULL, NULL, "no such page");
    } else if (call->dialect->kind == DIALECT_GRPC && !call->exchange->ops->has_trailers) {
        refuse_http(call, 505, NULL, NULL, "gRPC needs HTTP/2");
    } else {
        return true;
    }
    return false;
}

static bool method_fits(struct rpc_call *call)
{
    const struct dialect *dialect = call->dialect;
    call->method = method_find(call->shared, call->exchange->request.path);
    if (call->method == NULL) {
        request_refuse(call, GRPC_UNIMPLEMENTED, "UNKNOWN_METHOD", "there is no such call here");
    } else if (dialect->kind != DIALECT_GRPC && (dialect->kind == DIALECT_STREAM) != call->method->streams) {
        refuse_http(call, 415, "accept-post",
            call->method->streams ? "application/connect+json, application/connect+proto"
                                  : "application/json, application/proto",
            "its content type is not that of such a call");
    } else if (dialect->json && (call->method->request == NULL || call->method->reply == NULL)) {
        request_refuse(call, GRPC_UNIMPLEMENTED, "NO_JSON", "this call is not served as JSON");
    } else {
        return caller_has_role(call, call->method->roles);
    }
    return false;
}

static bool headers_fit(struct rpc_call *call)
{
    const struct exchange_request *request = &call->exchange->request;
    uint64_t timeout_ms = UINT64_MAX;
    if (dialect_is_compressed(call->dialect, request)) {
        request_refuse(
            call, GRPC_UNIMPLEMENTED, "COMPRESSED", "compressed messages are not taken: identity alone is");
    } else if (dialect_timeout(call->dialect, request, &timeout_ms) != TALLY_OK) {
        request_refuse(call, GRPC_INVALID_ARGUMENT, "TIMEOUT_FORM", "the call's timeout is malformed");
    } else if (call->dialect->kind != DIALECT_GRPC && request->connect_version[0] != '\0' &&
               strcmp(request->connect_version, "1") != 0) {
        request_refuse(
            call, GRPC_INVALID_ARGUMENT, "PROTOCOL_VERSION", "connect-protocol-version 1 alone is spoken");
    } else {
        call_deadline_set(call, timeout_ms);
        return true;
    }
    return false;
}

size_t request_message_size_max(const struct rpc_call *call)
{
    size_t size_max = call->method->request_size_max;
    if (!call->dialect->json) return size_max;
    size_max *= RPC_TEXT_EXPANSION;
    return size_max < RPC_REQUEST_SIZE_MAX ? size_max : RPC_REQUEST_SIZE_MAX;
}

static const struct rpc_feed *feed_find(
    const struct rpc_shared *shared, const struct exchange_request *request)
{
    for (size_t i = 0; i < shared->feed_count; i++) {
        if (strcmp(shared->feeds[i].path, request->path) == 0) return &shared->feeds[i];
    }
    return NULL;
}

static bool feed_fits(struct rpc_call *call)
{
    if (strcmp(call->exchange->request.method, "GET") != 0) {
        refuse_http(call, 405, "allow", "GET", "not a way to ask for events");
        return false;
    }
    call->dialect = dialect_events();
    call->method = method_find(call->shared, call->feed->method);
    return caller_has_role(call, call->method->roles);
}

static void answers_cancel(void *context, struct rpc_call *call)
{
    (void)context;
    (void)call;
}

void request_screen(struct rpc_call *call)
{
    const struct exchange_request *request = &call->exchange->request;
    const struct rpc_page *page = page_find(call->shared, request->path);
    if (page != NULL && !request->headers_too_large) {
        call->exchange->patient = true;
        page_answer(call, page);
        return;
    }
    if (strcmp(request->method, "POST") == 0) call->dialect = dialect_of(request->content_type);
    call->exchange->patient = call->dialect->kind != DIALECT_GRPC;
    if (!caller_is_known(call) || !call_count(call)) return;
    if (request->headers_too_large) {
        request_refuse(
            call, GRPC_RESOURCE_EXHAUSTED, "HEADERS_TOO_LARGE", "the call's headers are too large");
        return;
    }
    call->feed = feed_find(call->shared, request);
    if (call->feed != NULL) {
        if (feed_fits(call)) call_request_expect(call, 0);
        return;
    }
    if (!dialect_fits(call) || !method_fits(call) || !headers_fit(call)) return;
    size_t prefix_size = dialect_is_framed(call->dialect) ? GRPC_PREFIX_SIZE : 0;
    call_request_expect(call, prefix_size + request_message_size_max(call));
    if (call->method->answer == NULL) return;
    call->state = CALL_OPEN;
    rpc_call_watch(call, NULL, NULL, answers_cancel);
}
