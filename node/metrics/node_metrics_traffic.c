/* What comes in: batches of clients and peers, and the links with the others. */
#include "node/clock.h"
#include "node/metrics/node_metrics_internal.h"

static const char *const end_words[LINKS_ENDS] = {
    [LINKS_END_LOST] = "lost",
    [LINKS_END_REPLACED] = "replaced",
    [LINKS_END_SILENT] = "silent",
    [LINKS_END_INVALID] = "invalid",
    [LINKS_END_CHARGED] = "charged",
    [LINKS_END_SLOW] = "slow",
    [LINKS_END_REKEYED] = "rekeyed",
};

static void render_mempool(struct exposition *exposition, const struct mempool_status *mempool)
{
    uint64_t oldest = mempool->oldest_ms;
    metric_put(exposition, "tallystick_mempool_batches", EXPOSITION_GAUGE, "Batches that wait to be ordered.",
        mempool->waiting_count);
    metric_put(exposition, "tallystick_mempool_events", EXPOSITION_GAUGE, "Events in them.",
        mempool->waiting_events);
    metric_put(exposition, "tallystick_mempool_bytes", EXPOSITION_GAUGE, "Memory that they take.",
        mempool->waiting_bytes);
    metric_put(exposition, "tallystick_mempool_held_bytes", EXPOSITION_GAUGE,
        "Memory of all batches, those of blocks that are not yet applied included.", mempool->held_bytes);
    metric_put_ms(exposition, "tallystick_mempool_age_seconds",
        "How long the first of them has waited here; 0 where none waits.",
        oldest != 0 ? clock_now_ms() - oldest : 0);
}

static void render_admission(struct exposition *exposition)
{
    exposition_family(exposition, "tallystick_submissions_total", EXPOSITION_COUNTER,
        "Batches that clients gave to this node, by what they were told, or that nobody waited any longer.");
    metric_put_meters(
        exposition, "outcome", meter_submission_words, meters.submissions, METER_SUBMISSION_OUTCOMES);
    exposition_family(exposition, "tallystick_admission_refusals_total", EXPOSITION_COUNTER,
        "Batches that were not admitted, by where they came from, and why.");
    for (uint32_t source = 0; source < METER_SOURCE_COUNT; source++)
        for (uint32_t reason = 0; reason < METER_REASONS; reason++)
            exposition_value(exposition,
                EXPOSITION_LABELS(
                    {"source", meter_source_words[source]}, {"reason", meter_reason_words[reason]}),
                meter_get(&meters.refusals[source][reason]));
}

static void render_peers_standing(
    struct exposition *exposition, const struct node_peer *peers, uint32_t count)
{
    exposition_family(
        exposition, "tallystick_peer_up", EXPOSITION_GAUGE, "Whether this node is linked with it.");
    for (uint32_t i = 0; i < count; i++)
        exposition_value(exposition, EXPOSITION_LABELS({"peer", peers[i].name}), peers[i].up);
    exposition_family(exposition, "tallystick_peer_finalized_height", EXPOSITION_GAUGE,
        "The last block final there, as it says; 0 = it has not said yet.");
    for (uint32_t i = 0; i < count; i++)
        exposition_value(exposition, EXPOSITION_LABELS({"peer", peers[i].name}), peers[i].finalized_height);
    exposition_family(exposition, "tallystick_peer_heard_age_seconds", EXPOSITION_GAUGE,
        "Since anything came from it; absent where nothing has.");
    for (uint32_t i = 0; i < count; i++)
        if (peers[i].heard_ms_ago != UINT64_MAX)
            exposition_seconds(
                exposition, EXPOSITION_LABELS({"peer", peers[i].name}), peers[i].heard_ms_ago * 1000000u);
}

static void render_peers_traffic(struct exposition *exposition, const struct node_peer *peers, uint32_t count)
{
    exposition_family(exposition, "tallystick_peer_bytes_total", EXPOSITION_COUNTER,
        "What was exchanged with it, without what TLS adds.");
    for (uint32_t i = 0; i < count; i++) {
        const char *name = peers[i].name;
        exposition_value(
            exposition, EXPOSITION_LABELS({"peer", name}, {"direction", "in"}), peers[i].link.bytes_in);
        exposition_value(
            exposition, EXPOSITION_LABELS({"peer", name}, {"direction", "out"}), peers[i].link.bytes_out);
    }
    exposition_family(
        exposition, "tallystick_peer_pending_bytes", EXPOSITION_GAUGE, "What waits to be sent to it.");
    for (uint32_t i = 0; i < count; i++) {
        const struct link_stats *link = &peers[i].link.link;
        exposition_value(exposition, EXPOSITION_LABELS({"peer", peers[i].name}),
            link->urgent_pending + link->bulk_pending);
    }
    exposition_family(exposition, "tallystick_peer_frames_dropped_total", EXPOSITION_COUNTER,
        "Batches and the like that waited for it and gave way to newer ones.");
    for (uint32_t i = 0; i < count; i++)
        exposition_value(exposition, EXPOSITION_LABELS({"peer", peers[i].name}), peers[i].link.bulk_dropped);
}

static void render_links(struct exposition *exposition, const struct node_peer *peers, uint32_t count)
{
    exposition_family(exposition, "tallystick_peer_links_total", EXPOSITION_COUNTER, "Links that came up.");
    for (uint32_t i = 0; i < count; i++)
        exposition_value(exposition, EXPOSITION_LABELS({"peer", peers[i].name}), peers[i].link.ups);
    exposition_family(
        exposition, "tallystick_peer_link_ends_total", EXPOSITION_COUNTER, "Links that ended, by why.");
    for (uint32_t i = 0; i < count; i++)
        for (enum links_end end = LINKS_END_LOST; end < LINKS_ENDS; end++)
            exposition_value(exposition,
                EXPOSITION_LABELS({"peer", peers[i].name}, {"reason", end_words[end]}),
                peers[i].link.ends[end]);
    exposition_family(exposition, "tallystick_peer_charges_total", EXPOSITION_COUNTER,
        "What it brought that failed a check.");
    for (uint32_t i = 0; i < count; i++)
        exposition_value(exposition, EXPOSITION_LABELS({"peer", peers[i].name}), peers[i].link.charges);
}

void node_metrics_traffic(struct exposition *exposition, const struct node_moment *moment)
{
    struct node_peer peers[PEERS_MAX];
    uint32_t count = node_peers(moment->node, peers);
    render_mempool(exposition, &moment->status.mempool);
    render_admission(exposition);
    render_peers_standing(exposition, peers, count);
    render_peers_traffic(exposition, peers, count);
    render_links(exposition, peers, count);
}
