#include "node/metrics/node_metrics.h"

#include <stdlib.h>

#include "node/metrics/node_metrics_internal.h"
#include "node/metrics/process.h"
#include "proto/base/check.h"

void metric_put(struct exposition *exposition, const char *name, enum exposition_kind kind, const char *help,
    uint64_t value)
{
    exposition_family(exposition, name, kind, help);
    exposition_value(exposition, EXPOSITION_PLAIN, value);
}

void metric_put_ms(struct exposition *exposition, const char *name, const char *help, uint64_t ms)
{
    exposition_family(exposition, name, EXPOSITION_GAUGE, help);
    exposition_seconds(exposition, EXPOSITION_PLAIN, ms * 1000000u);
}

void metric_put_timing(
    struct exposition *exposition, const char *name, const char *help, const struct timing *timing)
{
    exposition_family(exposition, name, EXPOSITION_HISTOGRAM, help);
    exposition_timing(exposition, EXPOSITION_PLAIN, timing);
}

void metric_put_meters(struct exposition *exposition, const char *label, const char *const *words,
    const struct meter *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        exposition_value(exposition, EXPOSITION_LABELS({label, words[i]}), meter_get(&values[i]));
}

static void render_who(struct exposition *exposition, const struct node *node)
{
    const struct config *config = node_config(node);
    char chain[2 * DIGEST_SIZE + 1];
    hex_encode(span_of(config->genesis.chain_id.bytes, DIGEST_SIZE), chain);
    exposition_family(exposition, "tallystick_build_info", EXPOSITION_GAUGE,
        "Always 1: which version of the program this is.");
    exposition_value(exposition, EXPOSITION_LABELS({"version", TALLY_VERSION}), 1);
    exposition_family(exposition, "tallystick_node_info", EXPOSITION_GAUGE,
        "Always 1: which node this is, of which network.");
    exposition_value(exposition,
        EXPOSITION_LABELS({"node", config->name},
            {"role", node_is_validator(node) ? "validator" : "observer"}, {"chain", chain}),
        1);
}

void node_metrics_render(struct node *node, struct buffer *out)
{
    struct exposition exposition = {.out = out};
    struct node_moment *moment = calloc(1, sizeof *moment);
    CHECK(moment != NULL);
    moment->node = node;
    node_status(node, &moment->status);
    node_standing_facts(node, moment->validators, &moment->facts);
    moment->voter_count = node_voters(node, moment->voters);
    render_who(&exposition, node);
    node_metrics_agreement(&exposition, moment);
    node_metrics_state(&exposition, moment);
    node_metrics_traffic(&exposition, moment);
    process_metrics(&exposition, meter_get(&meters.started_ms));
    free(moment);
}
