#include "node/client/session.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"

#define STREAM_WINDOW_SIZE (4u * MIB)
#define CONNECTION_WINDOW_SIZE (16u * MIB)
#define REQUEST_HEADERS_MAX 8u

struct session {
    nghttp2_session *http2;
    struct session_call *calls;                  /* under way */
    struct session_call *done_first, *done_last; /* pooled, and not yet taken */
    bool failed;
};

/* Calls: where they stand. */

static void call_unlink(struct session_call *call)
{
    struct session *session = call->session;
    if (call->previous != NULL) call->previous->next = call->next;
    if (call->next != NULL) call->next->previous = call->previous;
    if (session->calls == call) session->calls = call->next;
    if (session->done_first == call) session->done_first = call->next;
    if (session->done_last == call) session->done_last = call->previous;
    call->previous = call->next = NULL;
}

/* The call is over: `result` and call->error are set. */
static void call_finish(struct session_call *call, int result)
{
    struct session *session = call->session;
    CHECK(!call->done);
    call->done = true;
    call->result = result;
    call_unlink(call);
    if (call->kind != CALL_POOLED) return;
    call->previous = session->done_last;
    if (session->done_last != NULL) session->done_last->next = call;
    if (session->done_first == NULL) session->done_first = call;
    session->done_last = call;
}

static void call_fail(struct session_call *call, int result, enum grpc_status status, const char *message)
{
    call->error.status = status;
    if (call->error.message[0] == '\0') {
        snprintf(call->error.message, sizeof call->error.message, "%s", message);
    }
    call_finish(call, result);
}

/* Cuts the tie to the stream, which is reset; what still comes for it is dropped. */
static void stream_abandon(struct session_call *call)
{
    nghttp2_session *http2 = call->session->http2;
    (void)nghttp2_session_set_stream_user_data(http2, call->stream_id, NULL);
    (void)nghttp2_submit_rst_stream(http2, NGHTTP2_FLAG_NONE, call->stream_id, NGHTTP2_CANCEL);
}

void session_call_cancel(struct session_call *call, int result, enum grpc_status status, const char *message)
{
    CHECK(!call->done);
    stream_abandon(call);
    call_fail(call, result, status, message);
}

struct session_call *session_call_make(enum call_kind kind, struct span request)
{
    CHECK(request.size <= CLIENT_MESSAGE_SIZE_MAX);
    struct session_call *call = calloc(1, sizeof *call);
    if (call == NULL) return NULL;
    call->kind = kind;
    call->deadline_ms = UINT64_MAX;
    call->grpc_status = -1;
    buffer_init(&call->reply, CLIENT_MESSAGE_SIZE_MAX);
    call->request_size = GRPC_PREFIX_SIZE + request.size;
    call->request = malloc(call->request_size);
    if (call->request == NULL) {
        free(call);
        return NULL;
    }
    grpc_prefix_write(call->request, (uint32_t)request.size);
    if (request.size > 0) memcpy(call->request + GRPC_PREFIX_SIZE, request.data, request.size);
    return call;
}

void session_call_free(struct session_call *call)
{
    if (call == NULL) return;
    if (call->session != NULL) {
        if (!call->done) stream_abandon(call);
        call_unlink(call);
    }
    buffer_close(&call->reply);
    free(call->request);
    free(call);
}

/* How a call that the node ended came out. */
static void call_conclude(struct session_call *call, uint32_t http2_error)
{
    char text[96];
    if (call->grpc_status == GRPC_OK && call->kind != CALL_STREAM && call->messages != 1) {
        call_fail(call, TALLY_EIO, GRPC_INTERNAL, "the node answered without a message");
    } else if (call->grpc_status == GRPC_OK && (call->prefix_size > 0 || call->reply.failed)) {
        call_fail(call, TALLY_EIO, GRPC_INTERNAL, "the answer ends in the middle of a message");
    } else if (call->grpc_status == GRPC_OK) {
        call_finish(call, TALLY_OK);
    } else if (call->grpc_status > 0) {
        enum grpc_status status =
            call->grpc_status <= GRPC_STATUS_MAX ? (enum grpc_status)call->grpc_status : GRPC_UNKNOWN;
        call_fail(call, status == GRPC_DEADLINE_EXCEEDED ? TALLY_ETIMEOUT : TALLY_EDENIED, status,
            grpc_status_name(status));
    } else if (call->http_status != 0 && call->http_status != 200) {
        snprintf(text, sizeof text, "the node answered HTTP %d", call->http_status);
        call_fail(call, TALLY_EDENIED, GRPC_UNKNOWN, text);
    } else if (http2_error == NGHTTP2_REFUSED_STREAM &&
               nghttp2_session_check_request_allowed(call->session->http2) == 0) {
        call_fail(call, TALLY_ECLOSED, GRPC_UNAVAILABLE, "the node is closing the connection");
    } else if (http2_error == NGHTTP2_REFUSED_STREAM) {
        call_fail(call, TALLY_EDENIED, GRPC_UNAVAILABLE, "the node takes no more calls now");
    } else {
        snprintf(text, sizeof text, "the node cut the call short: %s", nghttp2_http2_strerror(http2_error));
        call_fail(call, TALLY_EDENIED, http2_error == NGHTTP2_CANCEL ? GRPC_CANCELLED : GRPC_INTERNAL, text);
    }
}

/* What nghttp2 calls. */

static struct session_call *call_of(nghttp2_session *http2, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(http2, stream_id);
}

/* A small decimal number; -1 where it is none. */
static int number_of(struct span text)
{
    if (text.size == 0 || text.size > 4) return -1;
    int value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return -1;
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

static int header_callback(nghttp2_session *http2, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags, void *context)
{
    (void)flags;
    (void)context;
    struct session_call *call = call_of(http2, frame->hd.stream_id);
    if (call == NULL) return 0;
    struct span field = span_of(name, name_size);
    struct span text = span_of(value, value_size);
    if (span_equal(field, span_of(":status", 7))) {
        call->http_status = number_of(text);
    } else if (span_equal(field, span_of("grpc-status", 11))) {
        call->grpc_status = number_of(text);
        if (call->grpc_status < 0) call->grpc_status = GRPC_UNKNOWN;
    } else if (span_equal(field, span_of("grpc-message", 12))) {
        grpc_message_unescape(text, call->error.message);
    } else if (span_equal(field, span_of(GRPC_DETAIL_TRAILER, strlen(GRPC_DETAIL_TRAILER)))) {
        /* A detail that cannot be read is no detail; the status stands. */
        if (grpc_detail_read(text, &call->error.detail) != TALLY_OK)
            call->error.detail = (struct grpc_error_detail){0};
    }
    return 0;
}

/* A whole message is in call->reply. */
static void message_complete(struct session_call *call)
{
    call->messages++;
    call->prefix_size = 0;
    if (call->kind != CALL_STREAM) return;
    bool goes_on = call->on_message(call->context, buffer_span(&call->reply));
    buffer_clear(&call->reply);
    if (goes_on) return;
    stream_abandon(call);
    call_finish(call, TALLY_OK);
}

/* Takes a message's prefix, as much as is here. */
static void prefix_take(struct session_call *call, struct span *bytes)
{
    size_t part = GRPC_PREFIX_SIZE - call->prefix_size;
    if (part > bytes->size) part = bytes->size;
    memcpy(call->prefix + call->prefix_size, bytes->data, part);
    call->prefix_size += part;
    bytes->data += part;
    bytes->size -= part;
    if (call->prefix_size < GRPC_PREFIX_SIZE) return;
    call->message_size = get_u32(call->prefix + 1);
    if (call->prefix[0] != 0 || (call->kind != CALL_STREAM && call->messages > 0)) {
        session_call_cancel(call, TALLY_EIO, GRPC_INTERNAL, "the node answered with what was not asked for");
    } else if (call->message_size > CLIENT_MESSAGE_SIZE_MAX) {
        session_call_cancel(call, TALLY_ELIMIT, GRPC_RESOURCE_EXHAUSTED, "the answer is too large");
    } else if (call->message_size == 0) {
        message_complete(call);
    }
}

static int data_callback(
    nghttp2_session *http2, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t size, void *context)
{
    (void)flags;
    (void)context;
    struct session_call *call = call_of(http2, stream_id);
    struct span bytes = span_of(data, size);
    if (call == NULL || call->http_status != 200) return 0;
    while (bytes.size > 0 && !call->done) {
        if (call->prefix_size < GRPC_PREFIX_SIZE) {
            prefix_take(call, &bytes);
            continue;
        }
        size_t part = call->message_size - call->reply.size;
        if (part > bytes.size) part = bytes.size;
        buffer_append(&call->reply, bytes.data, part);
        if (call->reply.failed) {
            session_call_cancel(call, TALLY_ENOMEM, GRPC_RESOURCE_EXHAUSTED, "memory ran out");
            break;
        }
        bytes.data += part;
        bytes.size -= part;
        if (call->reply.size == call->message_size) message_complete(call);
    }
    return 0;
}

static int stream_close_callback(
    nghttp2_session *http2, int32_t stream_id, uint32_t http2_error, void *context)
{
    (void)context;
    struct session_call *call = call_of(http2, stream_id);
    if (call == NULL) return 0;
    (void)nghttp2_session_set_stream_user_data(http2, stream_id, NULL);
    if (!call->done) call_conclude(call, http2_error);
    return 0;
}

/* A call that could not even be sent: the node has said goodbye. */
static int frame_not_sent_callback(
    nghttp2_session *http2, const nghttp2_frame *frame, int error, void *context)
{
    (void)error;
    (void)context;
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    struct session_call *call = call_of(http2, frame->hd.stream_id);
    if (call == NULL || call->done) return 0;
    (void)nghttp2_session_set_stream_user_data(http2, frame->hd.stream_id, NULL);
    call_fail(call, TALLY_ECLOSED, GRPC_UNAVAILABLE, "the node is closing the connection");
    return 0;
}

/* Looks the call up by its stream: a call that was cancelled is gone, and its stream about to be. */
static ssize_t request_read_callback(nghttp2_session *http2, int32_t stream_id, uint8_t *to, size_t size,
    uint32_t *flags, nghttp2_data_source *source, void *context)
{
    (void)source;
    (void)context;
    struct session_call *call = call_of(http2, stream_id);
    if (call == NULL || call->done) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    size_t part = call->request_size - call->request_sent;
    if (part > size) part = size;
    memcpy(to, call->request + call->request_sent, part);
    call->request_sent += part;
    if (call->request_sent == call->request_size) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)part;
}

/* The session. */

static int settings_submit(nghttp2_session *http2)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_SIZE},
    };
    if (nghttp2_submit_settings(http2, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof *settings) !=
        0) {
        return TALLY_ENOMEM;
    }
    int error = nghttp2_session_set_local_window_size(http2, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW_SIZE);
    return error == 0 ? TALLY_OK : TALLY_ENOMEM;
}

int session_open(struct session **session)
{
    int error = TALLY_ENOMEM;
    nghttp2_session_callbacks *callbacks = NULL;
    struct session *made = calloc(1, sizeof *made);
    if (made == NULL || nghttp2_session_callbacks_new(&callbacks) != 0) goto cleanup;
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header_callback);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_callback);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_close_callback);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, frame_not_sent_callback);
    if (nghttp2_session_client_new(&made->http2, callbacks, made) != 0) goto cleanup;
    error = settings_submit(made->http2);

cleanup:
    nghttp2_session_callbacks_del(callbacks);
    if (error != TALLY_OK) {
        session_close(made);
        return error;
    }
    *session = made;
    return TALLY_OK;
}

void session_close(struct session *session)
{
    if (session == NULL) return;
    CHECK(session->calls == NULL && session->done_first == NULL);
    nghttp2_session_del(session->http2);
    free(session);
}

/* nghttp2 copies names and values, and does not write through the pointers; its struct is not const. */
static nghttp2_nv nv_of(const char *name, const char *value)
{
    union {
        const char *text;
        uint8_t *bytes;
    } of_name = {.text = name}, of_value = {.text = value};
    return (nghttp2_nv){of_name.bytes, of_value.bytes, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

int session_call_start(
    struct session *session, struct session_call *call, const char *path, uint32_t timeout_ms)
{
    CHECK(call->session == NULL && path[0] == '/');
    if (session->failed || nghttp2_session_check_request_allowed(session->http2) == 0) return TALLY_ECLOSED;
    char timeout[GRPC_TIMEOUT_TEXT_SIZE];
    grpc_timeout_write(timeout_ms, timeout);
    nghttp2_nv headers[REQUEST_HEADERS_MAX];
    size_t count = 0;
    headers[count++] = nv_of(":method", "POST");
    headers[count++] = nv_of(":scheme", "https");
    headers[count++] = nv_of(":path", path);
    headers[count++] = nv_of(":authority", "node");
    headers[count++] = nv_of("te", "trailers");
    headers[count++] = nv_of("content-type", "application/grpc+proto");
    headers[count++] = nv_of("user-agent", "tally/" TALLY_VERSION);
    if (timeout_ms > 0) headers[count++] = nv_of("grpc-timeout", timeout);
    CHECK(count <= REQUEST_HEADERS_MAX);
    nghttp2_data_provider provider = {.read_callback = request_read_callback};
    int32_t id = nghttp2_submit_request(session->http2, NULL, headers, count, &provider, call);
    if (id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE) return TALLY_ECLOSED;
    if (id < 0) return TALLY_ENOMEM;
    call->stream_id = id;
    call->session = session;
    call->next = session->calls;
    if (call->next != NULL) call->next->previous = call;
    session->calls = call;
    return TALLY_OK;
}

int session_receive(struct session *session, struct span bytes)
{
    ssize_t taken = nghttp2_session_mem_recv(session->http2, bytes.data, bytes.size);
    if (taken == (ssize_t)bytes.size) return TALLY_OK;
    session->failed = true;
    return taken == NGHTTP2_ERR_NOMEM ? TALLY_ENOMEM : TALLY_EIO;
}

int session_send(struct session *session, struct span *bytes)
{
    const uint8_t *made = NULL;
    ssize_t size = nghttp2_session_mem_send(session->http2, &made);
    if (size >= 0) {
        *bytes = span_of(made, (size_t)size);
        return TALLY_OK;
    }
    session->failed = true;
    return size == NGHTTP2_ERR_NOMEM ? TALLY_ENOMEM : TALLY_EIO;
}

bool session_is_finished(const struct session *session)
{
    return nghttp2_session_want_read(session->http2) == 0 && nghttp2_session_want_write(session->http2) == 0;
}

struct session_call *session_calls(const struct session *session)
{
    return session->calls;
}

struct session_call *session_done_take(struct session *session)
{
    struct session_call *call = session->done_first;
    if (call != NULL) call_unlink(call);
    return call;
}
