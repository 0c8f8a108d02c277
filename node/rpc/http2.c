#include "node/rpc/http2.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"

#define VALUES_MAX (EXCHANGE_HEADERS_MAX + 1u) /* the status besides */
#define FIELD_OVERHEAD 32u
/* What a DATA frame pays for: the window updates and pings that come with it. */
#define DATA_FRAME_CREDIT 2u

struct http2_stream {
    struct exchange exchange; /* first: the one is the other */
    struct http2 *http2;
    struct http2_stream *previous, *next;
    int32_t id;
    bool known;    /* the owner took it: on_gone is due */
    bool ignored;  /* the owner wants no more of the request */
    bool filling;  /* a body is being sent through on_fill */
    bool answered; /* all of the response is sent */
    size_t headers_size;
    size_t discarded; /* of the request, since then */
};

struct http2 {
    struct carrier carrier; /* first: the one is the other */
    nghttp2_session *session;
    struct http2_limits limits;
    const struct exchange_hooks *hooks;
    void *context;
    struct http2_stream *streams;
    size_t stream_count;
    uint64_t window_start_ms;
    uint32_t resets;         /* in this window */
    uint32_t control_frames; /* in this window, less what DATA frames earned */
    bool flooded;
    bool finishing;
    const uint8_t *held; /* made by nghttp2 and not yet pulled; good until its next send */
    size_t held_size;
};

_Static_assert(CARRIER_PULL_SIZE_MIN >= 16u * KIB + 9u, "a DATA frame of nghttp2 fits a pull");
_Static_assert(VALUES_MAX >= EXCHANGE_TRAILERS_MAX, "trailers are fewer than headers");

static const struct carrier_ops ops;

static void output_notify(struct http2 *http2)
{
    http2->hooks->on_output(http2->context);
}

/* Streams. */

static struct http2_stream *stream_make(struct http2 *http2, int32_t id)
{
    struct http2_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) return NULL;
    stream->exchange.ops = &ops;
    stream->http2 = http2;
    stream->id = id;
    stream->next = http2->streams;
    if (stream->next != NULL) stream->next->previous = stream;
    http2->streams = stream;
    http2->stream_count++;
    return stream;
}

static void stream_free(struct http2_stream *stream)
{
    struct http2 *http2 = stream->http2;
    if (stream->known) http2->hooks->on_gone(http2->context, &stream->exchange);
    if (stream->previous != NULL) stream->previous->next = stream->next;
    if (stream->next != NULL) stream->next->previous = stream->previous;
    if (http2->streams == stream) http2->streams = stream->next;
    CHECK(http2->stream_count > 0);
    http2->stream_count--;
    free(stream);
}

static struct http2_stream *stream_of(struct http2 *http2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(http2->session, id);
}

/* What nghttp2 calls. */

static int begin_headers_callback(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2 *http2 = context;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    struct http2_stream *stream = stream_make(http2, frame->hd.stream_id);
    if (stream == NULL) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream) != 0) {
        stream_free(stream);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return 0;
}

static bool name_is(struct span name, const char *text)
{
    return span_equal(name, span_of(text, strlen(text)));
}

static void field_take(struct exchange_request *request, struct span name, struct span value)
{
    if (name_is(name, ":path")) {
        exchange_target_take(request, value);
    } else if (name_is(name, ":method")) {
        if (value.size >= sizeof request->method) value = span_of(EXCHANGE_CUT, 1);
        memcpy(request->method, value.data, value.size);
    } else {
        exchange_field_take(request, name, value);
    }
}

static int header_callback(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags, void *context)
{
    (void)session;
    (void)flags;
    struct http2_stream *stream = stream_of(context, frame->hd.stream_id);
    if (stream == NULL || stream->ignored) return 0;
    stream->headers_size += name_size + value_size + FIELD_OVERHEAD;
    if (stream->headers_size > stream->http2->limits.headers_size_max) {
        stream->exchange.request.headers_too_large = true;
        return 0;
    }
    /* A request's trailers say nothing to us, but count. */
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    field_take(&stream->exchange.request, span_of(name, name_size), span_of(value, value_size));
    return 0;
}

/* Resets a stream whose client goes on and on after the answer. */
static int discard(struct http2 *http2, struct http2_stream *stream, size_t size)
{
    bool passed = stream->discarded > EXCHANGE_DISCARD_SIZE_MAX;
    stream->discarded += size;
    if (passed || stream->discarded <= EXCHANGE_DISCARD_SIZE_MAX) return 0;
    int error = nghttp2_submit_rst_stream(http2->session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
    return error == NGHTTP2_ERR_NOMEM ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int data_chunk_callback(nghttp2_session *session, uint8_t flags, int32_t stream_id,
    const uint8_t *data, size_t size, void *context)
{
    (void)session;
    (void)flags;
    struct http2 *http2 = context;
    struct http2_stream *stream = stream_of(http2, stream_id);
    if (stream == NULL) return 0;
    if (stream->answered) return discard(http2, stream, size);
    if (!stream->known || stream->ignored) return 0;
    http2->hooks->on_body(http2->context, &stream->exchange, span_of(data, size));
    return 0;
}

static void control_frame_count(struct http2 *http2, const nghttp2_frame *frame)
{
    if (frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0) {
        http2->control_frames -=
            http2->control_frames < DATA_FRAME_CREDIT ? http2->control_frames : DATA_FRAME_CREDIT;
        return;
    }
    if (frame->hd.type == NGHTTP2_HEADERS) return;
    /* An empty DATA frame that ends a request is work; any other is chatter. */
    if (frame->hd.type == NGHTTP2_DATA && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) return;
    http2->control_frames++;
    if (frame->hd.type == NGHTTP2_RST_STREAM) http2->resets++;
    if (http2->resets > http2->limits.resets_max ||
        http2->control_frames > http2->limits.control_frames_max) {
        http2->flooded = true;
    }
}

static int frame_received_callback(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2 *http2 = context;
    control_frame_count(http2, frame);
    /* nghttp2 stops at once, in the middle of the bytes it was given: a flood is not served to its end. */
    if (http2->flooded) return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    struct http2_stream *stream = stream_of(http2, frame->hd.stream_id);
    if (stream == NULL) return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        if (!http2->hooks->on_request(http2->context, &stream->exchange)) {
            stream->ignored = true;
            int error =
                nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_ENHANCE_YOUR_CALM);
            return error == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        stream->known = true;
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && stream->known && !stream->ignored) {
        http2->hooks->on_request_end(http2->context, &stream->exchange);
    }
    return 0;
}

/* A stream that we ended while the client still sends would keep its place for as long as the client likes:
 * RFC 9113, 8.1 has the server reset it without an error. */
static int frame_sent_callback(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct http2 *http2 = context;
    if (frame->hd.type == NGHTTP2_DATA) {
        http2->control_frames -=
            http2->control_frames < DATA_FRAME_CREDIT ? http2->control_frames : DATA_FRAME_CREDIT;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    if (nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) != 0) return 0;
    struct http2_stream *stream = stream_of(http2, frame->hd.stream_id);
    if (stream != NULL && stream->exchange.patient) {
        stream->answered = true;
        return 0;
    }
    int error = nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return error == NGHTTP2_ERR_NOMEM ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int stream_close_callback(nghttp2_session *session, int32_t stream_id, uint32_t error, void *context)
{
    (void)error;
    struct http2_stream *stream = stream_of(context, stream_id);
    if (stream == NULL) return 0;
    (void)nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    stream_free(stream);
    return 0;
}

static int trailers_submit(struct http2_stream *stream, uint32_t *flags);

static ssize_t fill_callback(nghttp2_session *session, int32_t stream_id, uint8_t *to, size_t size,
    uint32_t *flags, nghttp2_data_source *source, void *context)
{
    (void)session;
    (void)stream_id;
    struct http2 *http2 = context;
    struct http2_stream *stream = source->ptr;
    bool last = false;
    size_t filled = http2->hooks->on_fill(http2->context, &stream->exchange, to, size, &last);
    CHECK(filled <= size);
    if (last) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        stream->filling = false;
        if (trailers_submit(stream, flags) != TALLY_OK) return NGHTTP2_ERR_CALLBACK_FAILURE;
    } else if (filled == 0) {
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)filled;
}

/* Opening and closing. */

static nghttp2_session_callbacks *callbacks_make(void)
{
    nghttp2_session_callbacks *callbacks = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) return NULL;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers_callback);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header_callback);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_chunk_callback);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_received_callback);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frame_sent_callback);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_close_callback);
    return callbacks;
}

static nghttp2_option *options_make(void)
{
    nghttp2_option *option = NULL;
    if (nghttp2_option_new(&option) != 0) return NULL;
    /* Streams that ended are not kept for the old priority tree: memory without use. */
    nghttp2_option_set_no_closed_streams(option, 1);
    return option;
}

static int settings_submit(struct http2 *http2)
{
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, http2->limits.streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW_SIZE},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, http2->limits.headers_size_max},
    };
    if (nghttp2_submit_settings(
            http2->session, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof *settings) != 0) {
        return TALLY_ENOMEM;
    }
    int error = nghttp2_session_set_local_window_size(
        http2->session, NGHTTP2_FLAG_NONE, 0, HTTP2_CONNECTION_WINDOW_SIZE);
    return error == 0 ? TALLY_OK : TALLY_ENOMEM;
}

static void http2_close(struct carrier *carrier)
{
    struct http2 *http2 = (struct http2 *)(void *)carrier;
    while (http2->streams != NULL)
        stream_free(http2->streams);
    CHECK(http2->stream_count == 0);
    nghttp2_session_del(http2->session);
    free(http2);
}

int http2_open(const struct http2_limits *limits, const struct exchange_hooks *hooks, void *context,
    struct carrier **carrier)
{
    CHECK(limits->streams_max > 0 && limits->headers_size_max > 0);
    int error = TALLY_ENOMEM;
    nghttp2_session_callbacks *callbacks = callbacks_make();
    nghttp2_option *option = options_make();
    struct http2 *made = calloc(1, sizeof *made);
    if (callbacks == NULL || option == NULL || made == NULL) goto cleanup;
    made->carrier = (struct carrier){.ops = &ops, .head_since_ms = UINT64_MAX};
    made->limits = *limits;
    made->hooks = hooks;
    made->context = context;
    if (nghttp2_session_server_new2(&made->session, callbacks, made, option) != 0) goto cleanup;
    error = settings_submit(made);

cleanup:
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    if (error != TALLY_OK) {
        if (made != NULL) http2_close(&made->carrier);
        return error;
    }
    *carrier = &made->carrier;
    return TALLY_OK;
}

/* Bytes in, bytes out. */

static int http2_receive(struct carrier *carrier, struct span bytes, uint64_t now_ms, const char **why)
{
    struct http2 *http2 = (struct http2 *)(void *)carrier;
    if (now_ms - http2->window_start_ms >= HTTP2_WINDOW_MS) {
        http2->window_start_ms = now_ms;
        http2->resets = 0;
        http2->control_frames = 0;
    }
    ssize_t taken = nghttp2_session_mem_recv(http2->session, bytes.data, bytes.size);
    output_notify(http2);
    if (taken == (ssize_t)bytes.size) return TALLY_OK;
    if (http2->flooded || taken == NGHTTP2_ERR_FLOODED) {
        (void)nghttp2_session_terminate_session(http2->session, NGHTTP2_ENHANCE_YOUR_CALM);
        *why = "too many control frames or resets";
        return TALLY_ELIMIT;
    }
    if (taken == NGHTTP2_ERR_NOMEM) {
        *why = "memory ran out";
        return TALLY_ENOMEM;
    }
    *why = taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? "not HTTP/2" : "not well-formed HTTP/2";
    return TALLY_EFORM;
}

static int http2_pull(struct carrier *carrier, uint8_t *to, size_t size, size_t *pulled)
{
    struct http2 *http2 = (struct http2 *)(void *)carrier;
    CHECK(size >= CARRIER_PULL_SIZE_MIN);
    size_t total = 0;
    for (;;) {
        if (http2->held_size == 0) {
            ssize_t made = nghttp2_session_mem_send(http2->session, &http2->held);
            if (made < 0) return made == NGHTTP2_ERR_NOMEM ? TALLY_ENOMEM : TALLY_EFORM;
            if (made == 0) break;
            http2->held_size = (size_t)made;
        }
        size_t part = http2->held_size < size - total ? http2->held_size : size - total;
        if (part == 0) break;
        memcpy(to + total, http2->held, part);
        total += part;
        http2->held += part;
        http2->held_size -= part;
    }
    *pulled = total;
    return TALLY_OK;
}

static void http2_shut(struct carrier *carrier)
{
    struct http2 *http2 = (struct http2 *)(void *)carrier;
    if (http2->finishing) return;
    /* Without memory for it the client learns from its next call. */
    (void)nghttp2_submit_shutdown_notice(http2->session);
    output_notify(http2);
}

static void http2_finish(struct carrier *carrier)
{
    struct http2 *http2 = (struct http2 *)(void *)carrier;
    if (http2->finishing) return;
    http2->finishing = true;
    /* Without memory for a GOAWAY the connection is closed without one. */
    (void)nghttp2_submit_goaway(http2->session, NGHTTP2_FLAG_NONE,
        nghttp2_session_get_last_proc_stream_id(http2->session), NGHTTP2_NO_ERROR, NULL, 0);
    output_notify(http2);
}

static bool http2_is_finished(const struct carrier *carrier)
{
    const struct http2 *http2 = (const struct http2 *)(const void *)carrier;
    if (http2->held_size > 0) return false;
    if (nghttp2_session_want_write(http2->session) != 0) return false;
    return nghttp2_session_want_read(http2->session) == 0 || (http2->finishing && http2->stream_count == 0);
}

/* Answers. */

/* nghttp2 copies names and values, and does not write through the pointers; its struct is not const. */
static nghttp2_nv nv_of(const char *name_text, const char *value_text)
{
    union {
        const char *text;
        uint8_t *bytes;
    } name = {.text = name_text}, value = {.text = value_text};
    return (nghttp2_nv){
        .name = name.bytes,
        .value = value.bytes,
        .namelen = strlen(name_text),
        .valuelen = strlen(value_text),
        .flags = NGHTTP2_NV_FLAG_NONE,
    };
}

static int response_submit(struct http2_stream *stream, unsigned status, const struct exchange_field *headers,
    size_t count, const nghttp2_data_provider *provider)
{
    char digits[8];
    nghttp2_nv values[VALUES_MAX];
    CHECK(!stream->filling && count < VALUES_MAX);
    snprintf(digits, sizeof digits, "%u", status % 1000);
    values[0] = nv_of(":status", digits);
    for (size_t i = 0; i < count; i++)
        values[i + 1] = nv_of(headers[i].name, headers[i].value);
    int error = nghttp2_submit_response(stream->http2->session, stream->id, values, count + 1, provider);
    if (error != 0) return TALLY_ENOMEM;
    output_notify(stream->http2);
    return TALLY_OK;
}

static int http2_respond(
    struct exchange *exchange, unsigned status, const struct exchange_field *headers, size_t count)
{
    struct http2_stream *stream = (struct http2_stream *)(void *)exchange;
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = fill_callback};
    int error = response_submit(stream, status, headers, count, &provider);
    if (error == TALLY_OK) stream->filling = true;
    return error;
}

static int http2_refuse(
    struct exchange *exchange, unsigned status, const struct exchange_field *headers, size_t count)
{
    struct http2_stream *stream = (struct http2_stream *)(void *)exchange;
    stream->ignored = true;
    return response_submit(stream, status, headers, count, NULL);
}

/* Without trailers the last of the body ends the stream. */
static int trailers_submit(struct http2_stream *stream, uint32_t *flags)
{
    struct http2 *http2 = stream->http2;
    struct exchange_field trailers[EXCHANGE_TRAILERS_MAX];
    nghttp2_nv values[EXCHANGE_TRAILERS_MAX];
    size_t count = http2->hooks->on_trailers(http2->context, &stream->exchange, trailers);
    CHECK(count <= EXCHANGE_TRAILERS_MAX);
    if (count == 0) return TALLY_OK;
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    for (size_t i = 0; i < count; i++)
        values[i] = nv_of(trailers[i].name, trailers[i].value);
    int error = nghttp2_submit_trailer(http2->session, stream->id, values, count);
    return error == 0 ? TALLY_OK : TALLY_ENOMEM;
}

static void http2_wake(struct exchange *exchange)
{
    struct http2_stream *stream = (struct http2_stream *)(void *)exchange;
    if (!stream->filling) return;
    /* It fails only where the stream is not waiting, and then it asks by itself. */
    (void)nghttp2_session_resume_data(stream->http2->session, stream->id);
    output_notify(stream->http2);
}

static void http2_reset(struct exchange *exchange)
{
    struct http2_stream *stream = (struct http2_stream *)(void *)exchange;
    stream->ignored = true;
    (void)nghttp2_submit_rst_stream(stream->http2->session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
    output_notify(stream->http2);
}

static const struct carrier_ops ops = {
    .has_trailers = true,
    .receive = http2_receive,
    .pull = http2_pull,
    .shut = http2_shut,
    .finish = http2_finish,
    .is_finished = http2_is_finished,
    .close = http2_close,
    .respond = http2_respond,
    .refuse = http2_refuse,
    .wake = http2_wake,
    .reset = http2_reset,
};
