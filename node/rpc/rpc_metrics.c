#include "node/rpc/rpc_metrics.h"

#include <stdlib.h>

#include "node/metrics/exposition.h"
#include "node/metrics/meters.h"
#include "proto/base/check.h"

_Static_assert(METER_METHODS == RPC_METHODS_MAX + 1, "a place for each method, and one for what is none");
_Static_assert(METER_STATUSES == GRPC_STATUS_MAX + 1, "a place for each status");

static const char unknown[] = "unknown";

/* Those of admission are counted where it refuses. */
static const char *const reasons[] = {
    "BACKFILLING",
    "BATCH_EXPIRED",
    "BUSY",
    "CERTIFICATE",
    "CERTIFICATION_BEHIND",
    "COMPRESSED",
    "CONCURRENCY",
    "FAILED",
    "GOVERNANCE",
    "HEADERS_TOO_LARGE",
    "INQUIRY_OVER",
    "MALFORMED",
    "MEMPOOL_FULL",
    "NOT_AN_INQUIRY",
    "NOT_A_RESERVATION",
    "NOT_CERTIFIED_YET",
    "NOT_FOUND",
    "NOT_SERVING",
    "NOT_SUPERVISOR",
    "NO_INQUIRY",
    "NO_JSON",
    "OUTSIDE_INQUIRY",
    "PROTOCOL_VERSION",
    "RATE",
    "READS_CLOSED",
    "READ_FAILED",
    "REPLY_TOO_LARGE",
    "REQUEST_FORM",
    "REQUEST_TOO_LARGE",
    "ROLE",
    "SERVICE_UNKNOWN",
    "SHUTTING_DOWN",
    "SINCE_AHEAD",
    "SLOW_REQUEST",
    "STATE_BEHIND",
    "TIMEOUT_FORM",
    "TOO_LARGE",
    "TOO_MANY_STREAMS",
    "TOO_SLOW",
    "UNKNOWN_METHOD",
    "WRONG_KIND",
    "OTHER",
};
#define REASONS (sizeof reasons / sizeof reasons[0])
_Static_assert(REASONS <= METER_CALL_REASONS, "a place for each reason");

void rpc_metrics_call(size_t method, const char *status, uint64_t took_ns)
{
    CHECK(method < METER_METHODS);
    unsigned long code = status[0] == '\0' ? GRPC_CANCELLED : strtoul(status, NULL, 10);
    if (code > GRPC_STATUS_MAX) code = GRPC_UNKNOWN;
    meter_add(&meters.calls[method][code], 1);
    timing_add(&meters.call_times[method], took_ns);
}

void rpc_metrics_reason(const char *reason)
{
    size_t i = 0;
    while (i + 1 < REASONS && strcmp(reasons[i], reason) != 0)
        i++;
    meter_add(&meters.call_reasons[i], 1);
}

static void render_method(struct exposition *exposition, const char *path, const struct meter *statuses)
{
    for (uint32_t status = 0; status < METER_STATUSES; status++) {
        uint64_t count = meter_get(&statuses[status]);
        if (count == 0 && status != GRPC_OK) continue;
        exposition_value(
            exposition, EXPOSITION_LABELS({"method", path}, {"code", grpc_status_name(status)}), count);
    }
}

static void render_calls(struct exposition *exposition, const struct rpc_method *methods, size_t method_count)
{
    exposition_family(exposition, "tallystick_rpc_calls_total", EXPOSITION_COUNTER,
        "Calls that have ended, by method and gRPC status; of another method than there is as unknown.");
    for (size_t i = 0; i < method_count; i++)
        render_method(exposition, methods[i].path, meters.calls[i]);
    render_method(exposition, unknown, meters.calls[RPC_METHODS_MAX]);
    exposition_family(exposition, "tallystick_rpc_call_seconds", EXPOSITION_HISTOGRAM,
        "From a call's first byte to the last of its answer; streams as long as they last.");
    for (size_t i = 0; i < method_count; i++)
        exposition_timing(exposition, EXPOSITION_LABELS({"method", methods[i].path}), &meters.call_times[i]);
}

static void render_reasons(struct exposition *exposition)
{
    exposition_family(exposition, "tallystick_rpc_errors_total", EXPOSITION_COUNTER,
        "Calls that ended with an error, by the reason it named; those of admission as other.");
    for (size_t i = 0; i < REASONS; i++)
        exposition_value(
            exposition, EXPOSITION_LABELS({"reason", reasons[i]}), meter_get(&meters.call_reasons[i]));
}

static void render_value(struct exposition *exposition, const char *name, enum exposition_kind kind,
    const char *help, uint64_t value)
{
    exposition_family(exposition, name, kind, help);
    exposition_value(exposition, EXPOSITION_PLAIN, value);
}

void rpc_metrics_render(const struct rpc_method *methods, size_t method_count,
    const struct rpc_server_counts *counts, struct buffer *out)
{
    struct exposition exposition = {.out = out};
    CHECK(method_count <= RPC_METHODS_MAX);
    render_calls(&exposition, methods, method_count);
    render_reasons(&exposition);
    render_value(&exposition, "tallystick_rpc_connections", EXPOSITION_GAUGE,
        "Connections of clients that are open.", counts->connections);
    render_value(&exposition, "tallystick_rpc_open_calls", EXPOSITION_GAUGE,
        "Calls that are open, streams included.", counts->calls);
    render_value(&exposition, "tallystick_rpc_memory_bytes", EXPOSITION_GAUGE,
        "Memory of requests and replies that are held.", counts->memory);
    render_value(&exposition, "tallystick_rpc_refused_total", EXPOSITION_COUNTER,
        "Connections and calls turned away: certificates, roles, bounds, floods.", counts->refused);
}
