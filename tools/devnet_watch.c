#include "tools/devnet_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tools/node_status.h"
#include "tools/output.h"

#define POLL_MS 25
#define LOG_LINE_MAX 512

/* Asks one node, over a connection of its own. The context holds why it does not answer. */
static enum tool_exit node_ask(
    struct context *context, const struct devnet_node *node, struct node_status *status)
{
    struct home home;
    struct remote remote;
    enum tool_exit code = home_open(context, node->home, &home);
    if (code == TOOL_DONE) code = remote_open(context, &home, &remote);
    if (code != TOOL_DONE) return code;
    code = node_status_ask(context, &remote, status);
    remote_close(&remote);
    return code;
}

/* What a node that answers still lacks; NULL for nothing. A validator is linked to every other; an observer
 * follows as soon as it is linked to any. Who is joining takes no events yet. */
static const char *node_lacks(
    const struct devnet *devnet, const struct devnet_node *node, const struct node_status *status)
{
    uint32_t linked = 0;
    for (uint32_t i = 0; i < status->peer_count; i++) {
        const struct devnet_node *peer = devnet_node_by_name(devnet, status->peers[i].name);
        if (peer != NULL && peer->is_validator && status->peers[i].connected) linked++;
    }
    if (linked < (node->is_validator ? devnet->genesis->validator_count - 1 : 1))
        return "it is not linked to the other validators";
    return strcmp(status->standing, "JOINING") == 0 ? "it is still joining" : NULL;
}

/* Fails where the node has ended. */
static enum tool_exit node_alive(struct context *context, const struct devnet_node *node)
{
    char line[LOG_LINE_MAX];
    if (devnet_node_pid(node) != 0) return TOOL_DONE;
    devnet_log_last(node, line, sizeof line);
    return context_fail(context, TOOL_UNREACHABLE, "NODE_ENDED", "%s ended as it started; its log ends: %s",
        node->name, line[0] == '\0' ? "(nothing)" : line);
}

/* `lacks` is what it lacks though it answers; NULL where it does not. */
static enum tool_exit node_late(struct context *context, const struct devnet_node *node, const char *lacks)
{
    char line[LOG_LINE_MAX], why[LOG_LINE_MAX];
    devnet_log_last(node, line, sizeof line);
    snprintf(why, sizeof why, "%.500s", lacks != NULL ? lacks : context->message);
    return context_fail(context, TOOL_UNREACHABLE, "NO_AGREEMENT",
        "%s is not in agreement after %d s: %s; its log ends: %s", node->name, DEVNET_AGREE_MS / 1000, why,
        line[0] == '\0' ? "(nothing)" : line);
}

/* Waits until the node answers on this chain and, where `ready`, lacks nothing. It fails at once when any
 * node of `watched` has ended: the others may be waiting for that very one. */
static enum tool_exit node_wait(struct context *context, const struct devnet *devnet,
    const struct devnet_node *node, const struct devnet_node *watched, uint32_t watched_count, bool ready,
    uint64_t until_ms, struct node_status *status)
{
    for (;;) {
        enum tool_exit code = TOOL_DONE;
        for (uint32_t i = 0; code == TOOL_DONE && i < watched_count; i++)
            code = node_alive(context, &watched[i]);
        if (code != TOOL_DONE) return code;
        code = node_ask(context, node, status);
        if (code == TOOL_DONE && !digest_equal(&status->chain_id, &devnet->genesis->chain_id)) {
            return context_fail(context, TOOL_REFUSED, "CHAIN",
                "%s answers for another chain than %s/genesis.json; is another network on its port?",
                node->name, devnet->path);
        }
        const char *lacks = code == TOOL_DONE && ready ? node_lacks(devnet, node, status) : NULL;
        if (code == TOOL_DONE && lacks == NULL) {
            context->message[0] = '\0';
            return TOOL_DONE;
        }
        if (clock_steady_ms() > until_ms) return node_late(context, node, lacks);
        struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
}

enum tool_exit devnet_start_all(struct context *context, const struct devnet *devnet)
{
    struct node_status *status = calloc(1, sizeof *status);
    if (status == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    enum tool_exit code = TOOL_DONE;
    for (uint32_t i = 0; code == TOOL_DONE && i < devnet->node_count; i++) {
        progress_show("starting %s", devnet->nodes[i].name);
        if (devnet_node_pid(&devnet->nodes[i]) == 0) code = devnet_node_start(context, &devnet->nodes[i]);
    }
    uint64_t until_ms = clock_steady_ms() + DEVNET_AGREE_MS;
    for (uint32_t i = 0; code == TOOL_DONE && i < devnet->node_count; i++) {
        progress_show("waiting for %s", devnet->nodes[i].name);
        code = node_wait(
            context, devnet, &devnet->nodes[i], devnet->nodes, devnet->node_count, true, until_ms, status);
    }
    progress_end();
    free(status);
    return code;
}

enum tool_exit devnet_start_one(
    struct context *context, const struct devnet *devnet, const struct devnet_node *node)
{
    struct node_status *status = calloc(1, sizeof *status);
    if (status == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    enum tool_exit code = devnet_node_pid(node) != 0 ? TOOL_DONE : devnet_node_start(context, node);
    if (code == TOOL_DONE) {
        code = node_wait(context, devnet, node, node, 1, false, clock_steady_ms() + DEVNET_AGREE_MS, status);
    }
    free(status);
    return code;
}

static json_t *node_json(
    const struct devnet_node *node, pid_t pid, const char *rpc, const struct node_status *status)
{
    json_t *checkpoint = json_null();
    if (status != NULL && status->has_checkpoint) {
        checkpoint = json_pack("{s:I, s:o, s:I}", "height", (json_int_t)status->checkpoint_height,
            "state_root", json_digest(&status->checkpoint_state_root), "time_ms",
            (json_int_t)status->checkpoint_time_ms);
    }
    return json_pack("{s:s, s:s, s:o, s:b, s:s, s:o, s:o, s:o, s:o}", "name", node->name, "role",
        node->is_validator ? "validator" : "observer", "pid", pid == 0 ? json_null() : json_integer(pid),
        "running", pid != 0, "rpc", rpc, "finalized_height",
        status == NULL ? json_null() : json_integer((json_int_t)status->finalized_height), "applied_height",
        status == NULL ? json_null() : json_integer((json_int_t)status->applied_height), "state_root",
        status == NULL ? json_null() : json_digest(&status->applied_state_root), "checkpoint", checkpoint);
}

static void node_text(const struct devnet_node *node, pid_t pid, const char *rpc,
    const struct node_status *status, const char *why)
{
    if (status != NULL) {
        char hex[2 * DIGEST_SIZE + 1], behind[48] = "";
        hex_encode(span_of(status->applied_state_root.bytes, DIGEST_SIZE), hex);
        /* The root is that of the applied height, which may be a moment behind. */
        if (status->applied_height != status->finalized_height) {
            snprintf(behind, sizeof behind, " at %llu", (unsigned long long)status->applied_height);
        }
        printf("%-14s %-10s pid %-8ld %-22s height %-8llu state %.16s%s\n", node->name,
            node->is_validator ? "validator" : "observer", (long)pid, rpc,
            (unsigned long long)status->finalized_height, hex, behind);
    } else if (pid != 0) {
        printf("%-14s %-10s pid %-8ld %-22s does not answer: %s\n", node->name,
            node->is_validator ? "validator" : "observer", (long)pid, rpc, why);
    } else {
        printf(
            "%-14s %-10s not running  %s\n", node->name, node->is_validator ? "validator" : "observer", rpc);
    }
}

enum tool_exit devnet_print(struct context *context, const struct devnet *devnet)
{
    struct node_status *status = calloc(1, sizeof *status);
    json_t *nodes = json_array();
    enum tool_exit code = TOOL_DONE;
    if (status == NULL || nodes == NULL)
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    for (uint32_t i = 0; code == TOOL_DONE && i < devnet->node_count; i++) {
        const struct devnet_node *node = &devnet->nodes[i];
        struct home home;
        char rpc[HOME_HOST_MAX + 8];
        code = home_open(context, node->home, &home);
        if (code != TOOL_DONE) break;
        snprintf(rpc, sizeof rpc, "%s:%u", home.rpc_host, home.rpc_port);
        pid_t pid = devnet_node_pid(node);
        bool answered = pid != 0 && node_ask(context, node, status) == TOOL_DONE;
        if (context->json) {
            json_array_append_new(nodes, node_json(node, pid, rpc, answered ? status : NULL));
        } else {
            node_text(node, pid, rpc, answered ? status : NULL, context->message);
        }
        context->message[0] = '\0';
    }
    free(status);
    if (code != TOOL_DONE || !context->json) {
        json_decref(nodes);
        return code;
    }
    return output_json_take(context, json_pack("{s:s, s:o, s:o}", "dir", devnet->path, "chain_id",
                                         json_digest(&devnet->genesis->chain_id), "nodes", nodes));
}
