/* What a node tells in plain pages. */
#include <inttypes.h>
#include <stdio.h>

#include "node/metrics/node_metrics.h"
#include "node/rpc/rpc_metrics.h"
#include "node/rpc/services_internal.h"

_Static_assert(NODE_METRICS_SIZE_MAX + RPC_METRICS_SIZE_MAX + KIB <= RPC_PAGE_SIZE_MAX, "the largest fits");

static void line_put(struct buffer *out, const char *text)
{
    buffer_append(out, text, strlen(text));
    buffer_u8(out, '\n');
}

/* It answers: that is all that is asked. */
unsigned render_health(void *context, struct buffer *out)
{
    (void)context;
    line_put(out, "ok");
    return 200;
}

unsigned render_readiness(void *context, struct buffer *out)
{
    const struct services *services = context;
    bool serving = node_is_serving(services->node) && !services->draining;
    const char *why = services->draining ? "this node is stopping" : node_why_not_serving(services->node);
    line_put(out, serving ? "serving" : why);
    return serving ? 200 : 503;
}

static void text_put(struct buffer *out, const char *text)
{
    buffer_append(out, text, strlen(text));
}

/* Numbers are as protobuf's JSON has them: those of 64 bits are text. */
unsigned render_version(void *context, struct buffer *out)
{
    const struct services *services = context;
    const struct config *config = node_config(services->node);
    const struct member_register *members = &executor_register(node_executor(services->node))->value;
    char chain_id[2 * DIGEST_SIZE + 1], text[200];
    hex_encode(span_of(config->genesis.chain_id.bytes, DIGEST_SIZE), chain_id);
    snprintf(text, sizeof text,
        "{\"version\":\"" TALLY_VERSION
        "\",\"chainId\":\"%s\",\"protocol\":\"tallystick.v1\",\"flagsKnown\":%u,\"flags\":[",
        chain_id, FLAGS_KNOWN);
    text_put(out, text);
    for (uint32_t i = 0; i < members->flag_count; i++) {
        snprintf(text, sizeof text, "%s{\"flag\":%" PRIu32 ",\"from\":\"%" PRIu64 "\"}", i == 0 ? "" : ",",
            members->flags[i].flag, members->flags[i].from);
        text_put(out, text);
    }
    line_put(out, "]}");
    return 200;
}

static void render_under_way(const struct services *services, struct buffer *out)
{
    struct exposition exposition = {.out = out};
    exposition_family(&exposition, "tallystick_rpc_streams", EXPOSITION_GAUGE,
        "Streams that are open, followers of the chain included.");
    exposition_value(&exposition, EXPOSITION_PLAIN, services->streams);
    exposition_family(&exposition, "tallystick_rpc_reads", EXPOSITION_GAUGE,
        "Reads of the state for calls that wait or are under way.");
    exposition_value(&exposition, EXPOSITION_PLAIN, services->reads);
}

unsigned render_metrics(void *context, struct buffer *out)
{
    const struct services *services = context;
    struct rpc_server_counts counts = rpc_server_counts(services->server);
    size_t method_count = 0;
    const struct rpc_method *methods = services_methods(&method_count);
    node_metrics_render(services->node, out);
    rpc_metrics_render(methods, method_count, &counts, out);
    render_under_way(services, out);
    return 200;
}
