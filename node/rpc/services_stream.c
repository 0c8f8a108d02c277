#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/net/log.h"
#include "node/rpc/services_internal.h"
#include "proto/base/check.h"

#define SLOW_TICKS (STREAM_SLOW_MS / SERVICES_TICK_MS)
#define KEPT_SIZE_MAX (64u * KIB) /* of a chunk's memory, between chunks */

static void let_chunk_go(struct stream *stream)
{
    (void)atomic_fetch_sub(&stream->services->held, stream->held);
    stream->held = 0;
}

static void free_stream(struct stream *stream)
{
    struct services *services = stream->services;
    let_chunk_go(stream);
    stream->close(stream);
    services_tick_remove(services, &stream->tick);
    services->streams--;
    buffer_close(&stream->bytes);
    free(stream);
    services_let_go(services);
}

/* The call, which the stream lets go of. */
static struct rpc_call *take_call(struct stream *stream)
{
    struct rpc_call *call = stream->call;
    stream->call = NULL;
    return call;
}

static void fail_stream(
    struct stream *stream, enum grpc_status status, const char *reason, const char *message)
{
    fail_call(take_call(stream), status, reason, NULL, message);
}

/* What was handed on before still goes out, if the client takes it: where to go on is behind that. */
static void cut_slow(struct stream *stream)
{
    struct grpc_error_detail detail = {.reason = "TOO_SLOW", .resume_height = stream->resume_height};
    char message[GRPC_MESSAGE_SIZE_MAX] = "the client reads too slowly";
    if (stream->resume_height != 0)
        snprintf(message, sizeof message, "the client reads too slowly; go on from height %" PRIu64,
            stream->resume_height);
    rpc_call_fail(take_call(stream), GRPC_RESOURCE_EXHAUSTED, message, &detail);
}

/* What was handed on stands. */
static void fail_refused(struct stream *stream)
{
    struct grpc_error_detail detail = {.resume_height = stream->resume_height};
    snprintf(detail.reason, sizeof detail.reason, "%s", stream->refusal->reason);
    rpc_call_fail(take_call(stream), stream->refusal->status, stream->refusal->message, &detail);
}

static void fail_read(struct stream *stream)
{
    char text[SERVICES_TEXT_SIZE];
    if (stream->error == TALLY_ECLOSED) {
        fail_call_for_now(
            take_call(stream), GRPC_UNAVAILABLE, "NOT_SERVING", "this node is rebuilding its state");
    } else if (stream->error == TALLY_EPENDING) {
        say_backfill(stream->services, text);
        fail_call_pending(take_call(stream), text);
    } else if (stream->error == TALLY_ELIMIT) {
        fail_stream(
            stream, GRPC_RESOURCE_EXHAUSTED, "TOO_LARGE", "a message is larger than one reply may be");
    } else {
        LOG_BROKEN("a read for a stream failed", LOG_E("why", stream->error));
        fail_stream(stream, GRPC_INTERNAL, "READ_FAILED", "this node could not read its own data");
    }
}

/* Hands on what was read, as far as there is room for it: the rest waits for the client, or for others. */
static void write_chunk(struct stream *stream)
{
    while (stream->written < stream->count) {
        size_t i = stream->written, start = i == 0 ? 0 : stream->ends[i - 1];
        size_t pending = rpc_call_pending(stream->call);
        struct span message = span_of(stream->bytes.data + start, stream->ends[i] - start);
        int error = stream->form.is_json ? rpc_call_write_text(stream->call, message)
                                         : rpc_call_write(stream->call, message);
        if (error == TALLY_EFULL) return;
        if (error != TALLY_OK) {
            stream->error = error;
            fail_read(stream);
            return;
        }
        stream->given += rpc_call_pending(stream->call) - pending;
        stream->resume_height = stream->resumes[i];
        stream->written++;
    }
    if (stream->form_error != TALLY_OK) {
        stream->error = stream->form_error;
        fail_read(stream);
        return;
    }
    let_chunk_go(stream);
    if (stream->bytes.capacity > KEPT_SIZE_MAX) {
        buffer_close(&stream->bytes);
        buffer_init(&stream->bytes, RPC_REPLY_SIZE_MAX);
    }
}

/* JSON is written where it holds up nobody. */
static void write_texts(struct stream *stream)
{
    struct buffer text, texts;
    buffer_init(&text, RPC_TEXT_SIZE_MAX);
    buffer_init(&texts, RPC_REPLY_SIZE_MAX);
    for (size_t i = 0, start = 0; i < stream->count; i++) {
        struct span message = span_of(stream->bytes.data + start, stream->ends[i] - start);
        buffer_clear(&text);
        stream->form_error = rpc_form_write(&stream->form, message, &text);
        if (stream->form_error != TALLY_OK) {
            stream->count = i;
            break;
        }
        buffer_append(&texts, text.data, text.size);
        start = stream->ends[i];
        stream->ends[i] = texts.size;
    }
    buffer_close(&text);
    buffer_close(&stream->bytes);
    stream->bytes = texts;
}

static void run_read(struct job *job)
{
    struct stream *stream = (struct stream *)(void *)job;
    stream->deferred = atomic_load(&stream->services->held) >= STREAMS_HELD_MAX;
    if (stream->deferred) return;
    if (executor_state(node_executor(stream->services->node)) == NULL)
        stream->error = TALLY_ECLOSED;
    else
        stream->run(stream);
    if (stream->form.is_json && stream->error == TALLY_OK && !stream->bytes.failed) write_texts(stream);
    if (stream->bytes.failed && stream->error == TALLY_OK) stream->error = TALLY_ELIMIT;
    stream->held = stream->bytes.capacity;
    (void)atomic_fetch_add(&stream->services->held, stream->held);
}

static void read_done(struct job *job)
{
    struct stream *stream = (struct stream *)(void *)job;
    stream->reading = false;
    if (stream->error == TALLY_EDAMAGED) executor_mistrust(node_executor(stream->services->node));
    if (stream->error != TALLY_OK && stream->call != NULL) fail_read(stream);
    if (stream->refusal != NULL && stream->call != NULL) fail_refused(stream);
    stream_advance(stream);
}

static void read_chunk(struct stream *stream)
{
    stream->reading = true;
    stream->generation = node_rebuilt_height(stream->services->node);
    stream->count = stream->written = 0;
    buffer_clear(&stream->bytes);
    stream->job = (struct job){.run = run_read, .done = read_done};
    executor_read(node_executor(stream->services->node), &stream->job);
}

static void go_on(struct stream *stream)
{
    write_chunk(stream);
    if (stream->call == NULL || stream->written < stream->count || stream->deferred) return;
    if (stream->finished) {
        rpc_call_end(take_call(stream));
    } else if (!node_is_serving(stream->services->node)) {
        fail_call_for_now(
            take_call(stream), GRPC_UNAVAILABLE, "NOT_SERVING", node_why_not_serving(stream->services->node));
    } else if (rpc_call_pending(stream->call) <= STREAM_PENDING_MAX && stream->ready(stream)) {
        read_chunk(stream);
    }
}

void stream_advance(struct stream *stream)
{
    if (stream->reading) return;
    /* A stream of blocks has no end by itself. */
    if (stream->call != NULL && stream->services->draining && stream->resume_height != 0)
        fail_call_draining(take_call(stream), stream->resume_height);
    if (stream->call != NULL) go_on(stream);
    if (stream->call == NULL && !stream->reading) free_stream(stream);
}

static void begin_window(struct stream *stream)
{
    stream->ticks = 0;
    stream->taken = stream->given - rpc_call_pending(stream->call);
}

/* Each time it has taken its share, or all there was, it has as long again. */
static bool is_too_slow(struct stream *stream)
{
    size_t pending = rpc_call_pending(stream->call);
    if (pending > 0 && stream->given - pending - stream->taken < STREAM_PACE_MIN)
        return ++stream->ticks >= SLOW_TICKS;
    begin_window(stream);
    return false;
}

static void on_tick(struct services_tick *tick)
{
    struct stream *stream = (struct stream *)(void *)((char *)tick - offsetof(struct stream, tick));
    if (stream->call != NULL && is_too_slow(stream)) cut_slow(stream);
    if (!stream->reading) stream->deferred = false;
    stream_advance(stream);
}

static void on_drain(void *context, struct rpc_call *call)
{
    struct stream *stream = context;
    (void)call;
    begin_window(stream);
    stream_advance(stream);
}

static void on_cancel(void *context, struct rpc_call *call)
{
    struct stream *stream = context;
    (void)call;
    stream->call = NULL;
    stream_advance(stream);
}

bool streams_admit(struct services *services, struct rpc_call *call)
{
    const char *why = NULL;
    if (services->streams >= SERVICES_STREAMS_MAX)
        why = "as many streams as this node serves at once are open";
    else if (services_tick_count(services, call) >= SERVICES_CLIENT_STREAMS_MAX)
        why = "as many streams of this client are open as may be";
    if (why != NULL) fail_call_for_now(call, GRPC_RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", why);
    return why == NULL;
}

bool stream_admit(struct services *services, struct rpc_call *call)
{
    return services_admit(services, call) && streams_admit(services, call);
}

void stream_start(struct services *services, struct rpc_call *call, struct stream *stream)
{
    stream->services = services;
    stream->call = call;
    stream->form = rpc_call_form(call);
    stream->tick.run = on_tick;
    services->streams++;
    services_tick_add(services, &stream->tick, call);
    buffer_init(&stream->bytes, RPC_REPLY_SIZE_MAX);
    rpc_call_watch(call, stream, on_drain, on_cancel);
    stream_advance(stream);
}

void stream_message_end(struct stream *stream, uint64_t resume_height)
{
    CHECK(stream->count < STREAM_CHUNK_MESSAGES_MAX);
    stream->resumes[stream->count] = resume_height;
    stream->ends[stream->count++] = stream->bytes.size;
}
