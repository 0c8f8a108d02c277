#include <stdlib.h>

#include "node/net/log.h"
#include "node/rpc/services_internal.h"
#include "proto/base/check.h"

static void free_stream(struct stream *stream)
{
    stream->close(stream);
    stream->services->streams--;
    buffer_close(&stream->bytes);
    services_let_go(stream->services);
    free(stream);
}

static void fail_stream(
    struct stream *stream, enum grpc_status status, const char *reason, const char *message)
{
    struct rpc_call *call = stream->call;
    stream->call = NULL;
    fail_call(call, status, reason, NULL, message);
}

/* Hands on what was read. */
static void write_chunk(struct stream *stream)
{
    size_t start = 0;
    for (size_t i = 0; i < stream->count; i++) {
        struct span message = span_of(stream->bytes.data + start, stream->ends[i] - start);
        if (rpc_call_write(stream->call, message) != TALLY_OK) {
            fail_stream(stream, GRPC_RESOURCE_EXHAUSTED, "SLOW_READER",
                "the client reads too slowly; go on from the last message it has");
            return;
        }
        start = stream->ends[i];
    }
}

static void run_read(struct job *job)
{
    struct stream *stream = (struct stream *)(void *)job;
    if (executor_state(node_executor(stream->services->node)) == NULL)
        stream->error = TALLY_ECLOSED;
    else
        stream->run(stream);
}

static void read_done(struct job *job)
{
    struct stream *stream = (struct stream *)(void *)job;
    stream->reading = false;
    if (stream->error == TALLY_EDAMAGED) executor_mistrust(node_executor(stream->services->node));
    if (stream->call != NULL && stream->error == TALLY_ECLOSED) {
        fail_stream(stream, GRPC_UNAVAILABLE, "NOT_SERVING", "this node is rebuilding its state");
    } else if (stream->call != NULL && stream->error == TALLY_EPENDING) {
        char text[SERVICES_TEXT_SIZE];
        struct rpc_call *call = stream->call;
        stream->call = NULL;
        say_backfill(stream->services, text);
        fail_call_pending(call, text);
    } else if (stream->call != NULL && (stream->error == TALLY_ELIMIT || stream->bytes.failed)) {
        fail_stream(
            stream, GRPC_RESOURCE_EXHAUSTED, "TOO_LARGE", "a message is larger than one reply may be");
    } else if (stream->call != NULL && stream->error != TALLY_OK) {
        LOG_BROKEN("a read for a stream failed", LOG_E("why", stream->error));
        fail_stream(stream, GRPC_INTERNAL, "READ_FAILED", "this node could not read its own data");
    }
    if (stream->call != NULL) write_chunk(stream);
    if (stream->call != NULL && stream->finished) {
        struct rpc_call *call = stream->call;
        stream->call = NULL;
        rpc_call_end(call);
    }
    if (stream->call == NULL)
        free_stream(stream);
    else
        stream_advance(stream);
}

void stream_advance(struct stream *stream)
{
    if (stream->call == NULL || stream->reading || rpc_call_pending(stream->call) > STREAM_PENDING_MAX)
        return;
    if (!stream->ready(stream)) return;
    stream->reading = true;
    stream->count = 0;
    buffer_clear(&stream->bytes);
    stream->job = (struct job){.run = run_read, .done = read_done};
    executor_read(node_executor(stream->services->node), &stream->job);
}

static void on_drain(void *context, struct rpc_call *call)
{
    (void)call;
    stream_advance(context);
}

static void on_cancel(void *context, struct rpc_call *call)
{
    struct stream *stream = context;
    (void)call;
    stream->call = NULL;
    if (!stream->reading) free_stream(stream);
}

bool streams_admit(struct services *services, struct rpc_call *call)
{
    if (services->streams < SERVICES_STREAMS_MAX) return true;
    fail_call_for_now(call, GRPC_RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS",
        "as many streams as this node serves at once are open");
    return false;
}

bool stream_admit(struct services *services, struct rpc_call *call)
{
    return services_admit(services, call) && streams_admit(services, call);
}

void stream_start(struct services *services, struct rpc_call *call, struct stream *stream)
{
    stream->services = services;
    stream->call = call;
    services->streams++;
    buffer_init(&stream->bytes, RPC_REPLY_SIZE_MAX);
    rpc_call_watch(call, stream, on_drain, on_cancel);
    stream_advance(stream);
}

void stream_message_end(struct stream *stream)
{
    CHECK(stream->count < STREAM_CHUNK_MESSAGES_MAX);
    stream->ends[stream->count++] = stream->bytes.size;
}
