/* The ledger and the state: what became of events, how long the disk took, and what stands where. */
#include <stdio.h>
#include <sys/statvfs.h>

#include "node/metrics/node_metrics_internal.h"
#include "proto/base/check.h"

_Static_assert(METER_RESULTS > RESULT_ACCOUNT_LIMIT, "a meter for each result");

static void render_events(struct exposition *exposition, const struct node_moment *moment)
{
    metric_put(exposition, "tallystick_ledger_events", EXPOSITION_GAUGE,
        "Events ordered since the first block, with whatever result.", moment->status.counts.events);
    exposition_family(exposition, "tallystick_events_applied_total", EXPOSITION_COUNTER,
        "Events applied by this process, by their result.");
    const char *result;
    for (uint32_t code = 0; code < METER_RESULTS && (result = result_name(code)) != NULL; code++)
        exposition_value(
            exposition, EXPOSITION_LABELS({"result", result}), meter_get(&meters.events_applied[code]));
}

static void render_disk_times(struct exposition *exposition)
{
    metric_put_timing(exposition, "tallystick_commit_seconds",
        "From a client's batch at this node to its block being final and on disk here.", &meters.commit);
    metric_put_timing(exposition, "tallystick_append_seconds",
        "Final blocks written to the ledger and synced, as many as waited at once.", &meters.append);
    exposition_family(exposition, "tallystick_sync_seconds", EXPOSITION_HISTOGRAM,
        "Syncs to disk that agreement waits for.");
    for (uint32_t i = 0; i < METER_FILE_COUNT; i++)
        exposition_timing(exposition, EXPOSITION_LABELS({"file", meter_file_words[i]}), &meters.syncs[i]);
}

static void render_state_times(struct exposition *exposition)
{
    metric_put_timing(
        exposition, "tallystick_execution_seconds", "A block applied to the state.", &meters.execution);
    metric_put_timing(exposition, "tallystick_apply_wait_seconds",
        "What a block waited before it was applied, for a disk that falls behind.", &meters.apply_wait);
    metric_put_timing(exposition, "tallystick_flush_seconds",
        "What was applied, written to LevelDB and synced.", &meters.flush);
    metric_put_timing(exposition, "tallystick_query_seconds",
        "Reads of the state for clients and peers, with what they waited for their turn.", &meters.query);
}

static void render_memory(struct exposition *exposition)
{
    metric_put(exposition, "tallystick_unflushed_bytes", EXPOSITION_GAUGE,
        "What was applied and is not on disk: the ledger has it.", meter_get(&meters.unflushed_bytes));
    metric_put(exposition, "tallystick_flushed_bytes_total", EXPOSITION_COUNTER, "What was written of it.",
        meter_get(&meters.flushed_bytes));
    metric_put(exposition, "tallystick_subject_cache_bytes", EXPOSITION_GAUGE,
        "Memory for what applying used lately.", meter_get(&meters.cache_bytes));
    metric_put(exposition, "tallystick_subject_cache_hits_total", EXPOSITION_COUNTER,
        "What applying looked up and was there.", meter_get(&meters.cache_hits));
    metric_put(exposition, "tallystick_subject_cache_misses_total", EXPOSITION_COUNTER,
        "What applying looked up and had to be read.", meter_get(&meters.cache_misses));
}

static void render_store(struct exposition *exposition)
{
    exposition_family(exposition, "tallystick_store_files", EXPOSITION_GAUGE,
        "LevelDB's files by level, after the last flush; with 12 in level 0 it takes nothing more.");
    for (uint32_t level = 0; level < METER_STORE_LEVELS; level++) {
        const char name[] = {(char)('0' + level), '\0'};
        exposition_value(
            exposition, EXPOSITION_LABELS({"level", name}), meter_get(&meters.store_files[level]));
    }
    metric_put(exposition, "tallystick_store_memory_bytes", EXPOSITION_GAUGE,
        "LevelDB's memory, after the last flush.", meter_get(&meters.store_memory_bytes));
}

static void render_snapshots(struct exposition *exposition)
{
    metric_put(exposition, "tallystick_snapshot_height", EXPOSITION_GAUGE,
        "The newest snapshot kept here; 0 = none, or it is still being checked.",
        meter_get(&meters.snapshot_height));
    metric_put_ms(exposition, "tallystick_snapshot_block_time_seconds",
        "The time of its block, in seconds since 1970.", meter_get(&meters.snapshot_time_ms));
    metric_put(exposition, "tallystick_snapshots_made_total", EXPOSITION_COUNTER,
        "Snapshots that this process made.", meter_get(&meters.snapshots_made));
    exposition_family(exposition, "tallystick_snapshot_duration_seconds", EXPOSITION_GAUGE,
        "How long the last of them took.");
    exposition_seconds(exposition, EXPOSITION_PLAIN, meter_get(&meters.snapshot_ns));
}

static void render_progress(struct exposition *exposition, const struct standing_facts *facts)
{
    metric_put(exposition, "tallystick_join_chunks", EXPOSITION_GAUGE,
        "Pieces of a snapshot that came, while this node joins.",
        facts->joining ? facts->joiner.chunks_here : 0);
    metric_put(exposition, "tallystick_join_chunks_expected", EXPOSITION_GAUGE,
        "Pieces that there are; 0 where it does not join.", facts->joining ? facts->joiner.chunk_count : 0);
    metric_put(exposition, "tallystick_backfill_height", EXPOSITION_GAUGE,
        "Older blocks are here up to this one.", facts->backfill.height);
    metric_put(exposition, "tallystick_backfill_target_height", EXPOSITION_GAUGE,
        "All are here, once it is this; 0 where the node began with the first block.", facts->backfill.of);
    metric_put(exposition, "tallystick_blocks_mended_total", EXPOSITION_COUNTER,
        "Damaged or lost blocks of the ledger that peers gave back.", meter_get(&meters.blocks_mended));
}

static void render_disk(struct exposition *exposition, const struct config *config)
{
    struct statvfs disk;
    char path[PATH_SIZE_MAX + 8];
    snprintf(path, sizeof path, "%s/data", config->home);
    if (statvfs(path, &disk) != 0) return;
    metric_put(exposition, "tallystick_disk_free_bytes", EXPOSITION_GAUGE,
        "What this process may still write, where its data is.", (uint64_t)disk.f_bavail * disk.f_frsize);
    metric_put(exposition, "tallystick_disk_size_bytes", EXPOSITION_GAUGE, "Of all there is.",
        (uint64_t)disk.f_blocks * disk.f_frsize);
}

void node_metrics_state(struct exposition *exposition, const struct node_moment *moment)
{
    render_events(exposition, moment);
    render_disk_times(exposition);
    render_state_times(exposition);
    render_memory(exposition);
    render_store(exposition);
    render_snapshots(exposition);
    render_progress(exposition, &moment->facts);
    render_disk(exposition, node_config(moment->node));
}
