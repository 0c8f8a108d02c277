#include "node/rpc/rpc_conversion.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/rpc/transcode.h"

#define NICENESS 10 /* of the thread, for as long as it lives */

/* On the worker's thread. Where there is not enough for all, it yields. */
static void run(struct job *job)
{
    struct conversion *conversion = (struct conversion *)(void *)job;
    if (atomic_load(&conversion->is_over)) return;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    const struct buffer *json = &conversion->json;
    size_t at = conversion->json_at;
    conversion->error =
        transcode_from_json(conversion->method->request, span_of(json->data + at, json->size - at),
            &conversion->message, conversion->why, sizeof conversion->why);
}

static void done(struct job *job)
{
    struct conversion *conversion = (struct conversion *)(void *)job;
    struct rpc_call *call = conversion->call;
    call_memory_give(conversion->shared, conversion->json.size);
    buffer_close(&conversion->json);
    if (call != NULL) call->conversion = NULL;
    if (call != NULL && call->state == CALL_RECEIVING) conversion->on_done(call, conversion);
    buffer_close(&conversion->message);
    free(conversion);
}

bool conversion_is_due(const struct rpc_call *call)
{
    return call->dialect->json && call->request.size > RPC_TURN_TEXT_SIZE_MAX;
}

int conversion_begin(
    struct rpc_call *call, void (*on_done)(struct rpc_call *call, struct conversion *conversion))
{
    struct conversion *conversion = calloc(1, sizeof *conversion);
    if (conversion == NULL) return TALLY_ENOMEM;
    conversion->job = (struct job){.run = run, .done = done};
    conversion->shared = call->shared;
    conversion->call = call;
    conversion->method = call->method;
    conversion->on_done = on_done;
    conversion->json_at = call->request_at;
    conversion->json = call->request;
    buffer_init(&call->request, 0);
    buffer_init(&conversion->message, call->method->request_size_max);
    call->conversion = conversion;
    call->shared->submit(call->shared->worker, &conversion->job);
    return TALLY_OK;
}

void conversion_forget(struct rpc_call *call)
{
    struct conversion *conversion = call->conversion;
    if (conversion == NULL) return;
    call->conversion = NULL;
    conversion->call = NULL;
    atomic_store(&conversion->is_over, true);
}
