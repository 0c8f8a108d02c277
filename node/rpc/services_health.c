/* grpc.health.v1: whether this node answers, as load balancers ask. */
#include <stdlib.h>

#include <grpc/health/v1/health.pb-c.h>

#include "node/rpc/services_internal.h"
#include "proto/base/check.h"
#include "proto/codec/message.h"

#define STATUS_SIZE_MAX 16u

typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus Status;
#define STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

/* A call of Watch: its caller knows `told`. */
struct watch {
    struct services_tick tick;
    struct services *services;
    struct rpc_call *call;
    bool is_known; /* the service is one of ours */
    Status told;
};

/* Reads whether the request names a service of ours, or none. On failure the call is ended. */
static bool read_service(struct rpc_call *call, bool *is_known)
{
    struct arena arena;
    ProtobufCMessage *message;
    if (!read_request(call, &grpc__health__v1__health_check_request__descriptor, &arena, &message))
        return false;
    const char *service = ((const Grpc__Health__V1__HealthCheckRequest *)message)->service;
    *is_known = *service == '\0' || services_has(service);
    arena_close(&arena);
    return true;
}

static Status status_now(const struct services *services, bool is_known)
{
    if (!is_known) return STATUS(SERVICE_UNKNOWN);
    return node_is_serving(services->node) && !services->draining ? STATUS(SERVING) : STATUS(NOT_SERVING);
}

static void encode_status(Status status, struct buffer *out)
{
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    response.status = status;
    buffer_init(out, STATUS_SIZE_MAX);
    message_encode(&response.base, out);
    CHECK(!out->failed);
}

void handle_health_check(void *context, struct rpc_call *call)
{
    struct services *services = context;
    struct buffer out;
    bool is_known;
    if (!read_service(call, &is_known)) return;
    if (!is_known) {
        fail_call(call, GRPC_NOT_FOUND, "SERVICE_UNKNOWN", "service", "this node has no such service");
        return;
    }
    encode_status(status_now(services, is_known), &out);
    rpc_call_reply(call, buffer_span(&out));
    buffer_close(&out);
}

static void watch_free(struct watch *watch)
{
    struct services *services = watch->services;
    services_tick_remove(services, &watch->tick);
    free(watch);
    services->streams--;
    services_let_go(services);
}

static void watch_cancelled(void *context, struct rpc_call *call)
{
    (void)call;
    watch_free(context);
}

/* Tells the status, where it is another than was told. A watcher that takes nothing is cut by the server. */
static void watch_tell(struct services_tick *tick)
{
    struct watch *watch = (struct watch *)(void *)tick;
    struct buffer out;
    Status status = status_now(watch->services, watch->is_known);
    struct rpc_call *call = watch->call;
    if (status != watch->told) {
        encode_status(status, &out);
        if (rpc_call_write(call, buffer_span(&out)) == TALLY_OK) watch->told = status;
        buffer_close(&out);
    }
    if (!watch->services->draining) return;
    watch_free(watch);
    fail_call_draining(call, 0);
}

void handle_health_watch(void *context, struct rpc_call *call)
{
    struct services *services = context;
    bool is_known;
    if (!streams_admit(services, call)) return;
    if (!read_service(call, &is_known)) return;
    struct watch *watch = calloc(1, sizeof *watch);
    CHECK(watch != NULL);
    *watch = (struct watch){
        .tick.run = watch_tell,
        .services = services,
        .call = call,
        .is_known = is_known,
        .told = STATUS(UNKNOWN),
    };
    services->streams++;
    services_tick_add(services, &watch->tick, call);
    rpc_call_watch(call, watch, NULL, watch_cancelled);
    watch_tell(&watch->tick);
}
