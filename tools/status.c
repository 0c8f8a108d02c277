#include <stdio.h>
#include <stdlib.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/node_status.h"
#include "tools/output.h"

static enum tool_exit status_run(struct context *context, int count, char **arguments);
static enum tool_exit status_json(struct context *context, const struct node_status *status);
static void status_text(const struct node_status *status);

const struct command command_status = {
    .name = "status",
    .summary = "what the home's node knows: heights, checkpoint, peers",
    .help = "usage: tally --home DIR status\n"
            "\n"
            "Asks the home's node where it stands.\n"
            "\n"
            "--json prints {\"chain_id\", \"name\", \"role\", \"epoch\", \"view\", \"finalized_height\", "
            "\"applied_height\",\n"
            "\"applied_state_root\", \"checkpoint\": {\"height\", \"state_root\", \"time_ms\"}, \"events\", "
            "\"subjects\",\n"
            "\"mempool_batches\", \"version\", \"peers\": [{\"name\", \"role\", \"connected\", "
            "\"finalized_height\",\n"
            "\"heard_ms_ago\"}]}; the checkpoint is null before the first.\n",
    .run = status_run,
};

static enum tool_exit status_run(struct context *context, int count, char **arguments)
{
    (void)arguments;
    if (count > 0) return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally --home DIR status");
    struct home home;
    struct remote remote;
    enum tool_exit code = home_open_given(context, &home);
    if (code != TOOL_DONE) return code;
    struct node_status *status = calloc(1, sizeof *status);
    if (status == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    code = remote_open(context, &home, &remote);
    if (code == TOOL_DONE) {
        code = node_status_ask(context, &remote, status);
        remote_close(&remote);
    }
    if (code == TOOL_DONE && context->json) {
        code = status_json(context, status);
    } else if (code == TOOL_DONE) {
        status_text(status);
    }
    free(status);
    return code;
}

static enum tool_exit status_json(struct context *context, const struct node_status *status)
{
    json_t *peers = json_array();
    for (uint32_t i = 0; peers != NULL && i < status->peer_count; i++) {
        const struct node_peer *peer = &status->peers[i];
        json_array_append_new(
            peers, json_pack("{s:s, s:s, s:b, s:I, s:I}", "name", peer->name, "role", peer->role, "connected",
                       peer->connected, "finalized_height", (json_int_t)peer->finalized_height,
                       "heard_ms_ago", (json_int_t)peer->heard_ms_ago));
    }
    json_t *checkpoint = json_null();
    if (status->has_checkpoint) {
        checkpoint = json_pack("{s:I, s:o, s:I}", "height", (json_int_t)status->checkpoint_height,
            "state_root", json_digest(&status->checkpoint_state_root), "time_ms",
            (json_int_t)status->checkpoint_time_ms);
    }
    return output_json_take(context,
        json_pack("{s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:s, s:o}", "chain_id",
            json_digest(&status->chain_id), "name", status->name, "role", status->role, "epoch",
            (json_int_t)status->epoch, "view", (json_int_t)status->view, "finalized_height",
            (json_int_t)status->finalized_height, "applied_height", (json_int_t)status->applied_height,
            "applied_state_root", json_digest(&status->applied_state_root), "checkpoint", checkpoint,
            "events", (json_int_t)status->events, "subjects", (json_int_t)status->subjects, "mempool_batches",
            (json_int_t)status->mempool_batches, "version", status->version, "peers", peers));
}

static void status_text(const struct node_status *status)
{
    char hex[2 * DIGEST_SIZE + 1], time[TIME_TEXT_SIZE];
    hex_encode(span_of(status->chain_id.bytes, DIGEST_SIZE), hex);
    printf("%s, %s, tallyd %s\n", status->name, status->role, status->version);
    printf("  chain       %s\n", hex);
    printf("  epoch %llu, view %llu\n", (unsigned long long)status->epoch, (unsigned long long)status->view);
    printf("  finalized   height %llu\n", (unsigned long long)status->finalized_height);
    hex_encode(span_of(status->applied_state_root.bytes, DIGEST_SIZE), hex);
    printf("  applied     height %llu, state %s\n", (unsigned long long)status->applied_height, hex);
    if (status->has_checkpoint) {
        hex_encode(span_of(status->checkpoint_state_root.bytes, DIGEST_SIZE), hex);
        time_to_text(status->checkpoint_time_ms, time);
        printf("  checkpoint  height %llu, state %s, %s\n", (unsigned long long)status->checkpoint_height,
            hex, time);
    } else {
        printf("  checkpoint  none yet\n");
    }
    printf("  holds       %llu events of %llu subjects, %u batches waiting\n",
        (unsigned long long)status->events, (unsigned long long)status->subjects, status->mempool_batches);
    for (uint32_t i = 0; i < status->peer_count; i++) {
        const struct node_peer *peer = &status->peers[i];
        printf("  peer        %-16s %-10s %s, height %llu\n", peer->name, peer->role,
            peer->connected ? "connected" : "not connected", (unsigned long long)peer->finalized_height);
    }
}
