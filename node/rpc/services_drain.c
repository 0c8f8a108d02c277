#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/clock.h"
#include "node/net/log.h"
#include "node/rpc/services.h"
#include "node/rpc/services_internal.h"

#define LOOK_MS 10u

struct services_drain {
    uv_timer_t timer;
    struct services *services;
    uint64_t since_ms;
    void (*on_drained)(void *context);
    void *context;
};

static void free_drain(uv_handle_t *timer)
{
    free(timer->data);
}

void services_drain_stop(struct services *services)
{
    struct services_drain *drain = services->drain;
    if (drain == NULL) return;
    services->drain = NULL;
    uv_close((uv_handle_t *)&drain->timer, free_drain);
}

static void on_look(uv_timer_t *timer)
{
    struct services_drain *drain = timer->data;
    struct services *services = drain->services;
    uint32_t open = rpc_server_counts(services->server).calls;
    uint64_t took_ms = clock_now_ms() - drain->since_ms;
    if (open > 0 && took_ms < SERVICES_DRAIN_MS) return;
    void (*on_drained)(void *) = drain->on_drained;
    void *context = drain->context;
    LOG_INFO("calls are drained", LOG_U("left_open", open), LOG_U("ms", took_ms));
    services_drain_stop(services);
    on_drained(context);
}

void services_drain(struct services *services, void (*on_drained)(void *context), void *context)
{
    struct services_drain *drain = calloc(1, sizeof *drain);
    CHECK(drain != NULL && services->drain == NULL && !services->draining && !services->closing);
    *drain = (struct services_drain){
        .services = services, .since_ms = clock_now_ms(), .on_drained = on_drained, .context = context};
    services->drain = drain;
    services->draining = true;
    LOG_INFO("calls drain", LOG_U("open", rpc_server_counts(services->server).calls));
    CHECK(uv_timer_init(services->timer.loop, &drain->timer) == 0);
    drain->timer.data = drain;
    CHECK(uv_timer_start(&drain->timer, on_look, LOOK_MS, LOOK_MS) == 0);
    rpc_server_drain(services->server);
    services_tick_all(services);
}

void fail_call_draining(struct rpc_call *call, uint64_t resume_height)
{
    struct grpc_error_detail detail = {
        .reason = "SHUTTING_DOWN", .retry_after_ms = RPC_SHUTDOWN_RETRY_MS, .resume_height = resume_height};
    char message[GRPC_MESSAGE_SIZE_MAX] = "the node is stopping";
    if (resume_height > 0)
        snprintf(message, sizeof message, "the node is stopping; go on from height %" PRIu64, resume_height);
    rpc_call_fail(call, GRPC_UNAVAILABLE, message, &detail);
}
