#include <stdio.h>
#include <stdlib.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/node_status.h"
#include "tools/output.h"
#include "tools/shown_text.h"

static enum tool_exit status_run(struct context *context, int count, char **arguments);
static enum tool_exit status_json(struct context *context, const struct node_status *status);
static void status_text(const struct node_status *status);

const struct command command_status = {
    .name = "status",
    .summary = "whether all is well, what is waited for, heights, validators",
    .help =
        "usage: tally --home DIR status\n"
        "\n"
        "Asks the home's node where it stands. The first line says how it is: healthy, or what it waits for "
        "and of\n"
        "whom, with the votes that are here and who is silent since when. After that its heights, and each "
        "validator:\n"
        "its votes in the current view, when a frame of it last came, and when its last new vote or "
        "proposal.\n"
        "The exit status tells that the node answered, not that all is well: that is \"healthy\".\n"
        "\n"
        "The words, and what to look at:\n"
        "  IDLE, MOVING      healthy: nothing to do; blocks become final\n"
        "  BACKFILLING       healthy, and blocks below the snapshot it began with are still fetched: answers "
        "that need them wait\n"
        "  JOINING           it asks its peers for a snapshot to begin with, or fetches one: wait\n"
        "  CATCHING_UP       others are ahead, and their blocks are fetched: wait\n"
        "  NO_QUORUM         too few validators can be reached from here: their machines, the network "
        "between\n"
        "  PROPOSAL          the leader of the view has proposed nothing; past its timer the view is given "
        "up\n"
        "  PAYLOAD           the leader has proposed what nobody hands out\n"
        "  NOTARIZE_VOTES, NULLIFY_VOTES, FINALIZE_VOTES   votes are missing: of those named\n"
        "  CLOCK             this node's clock is behind\n"
        "  BLOCK             a certified block that nobody hands out\n"
        "  CERTIFICATION     validators do not sign equal checkpoints: compare who signed what\n"
        "  OWN_DISK          this node's votes are not on its disk: the disk\n"
        "  OWN_STATE         this node applies blocks too slowly: the disk, the processor\n"
        "\n"
        "The next epoch begins by itself, above the block that seals this one. A protocol flag is scheduled, "
        "or active from\n"
        "its height on; a node whose program does not know it stops there, and is to be upgraded before.\n"
        "\n"
        "A validator that may not vote says why: its vote record is missing, damaged, of another chain, or "
        "of a\n"
        "version that it does not know. It follows.\n"
        "\n"
        "--json prints {\"chain_id\", \"name\", \"role\", \"epoch\", \"view\", \"finalized_height\", "
        "\"applied_height\",\n"
        "\"applied_state_root\", \"checkpoint\": {\"height\", \"state_root\", \"time_ms\"}, \"events\", "
        "\"subjects\",\n"
        "\"mempool_batches\", \"version\", \"peers\": [{\"name\", \"role\", \"connected\", "
        "\"finalized_height\",\n"
        "\"heard_ms_ago\", \"software\"}],\n"
        "\"standing\", \"why\", \"healthy\", \"leader\", \"quorum\", \"tip_view\", \"may_vote\", "
        "\"mute_reason\", \"validators\":\n"
        "[{\"name\", \"reachable\", \"heard_ms_ago\", \"spoke_ms_ago\", \"spoke_view\", "
        "\"notarized\", \"nullified\",\n"
        "\"finalized\"}], \"uncertified\": {\"height\", \"groups\": [{\"validators\", "
        "\"computed_here\"}]}, \"epoch_from\",\n"
        "\"next_epoch\": {\"settled\", \"validators\"}, \"flags_known\", \"flags\": [{\"flag\", \"from\", "
        "\"active\", \"known\"}]};\n"
        "epoch_from is the first height of the register's epoch, next_epoch null where none is wanted; the "
        "checkpoint is null\n"
        "before the first, uncertified where no height waits, mute_reason where there is none, and a time "
        "where there\n"
        "was nothing since the node started.\n",
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

static json_t *ago_json(uint64_t ms_ago)
{
    return ms_ago == NODE_NEVER ? json_null() : json_integer((json_int_t)ms_ago);
}

static json_t *peers_json(const struct node_status *status)
{
    json_t *peers = json_array();
    for (uint32_t i = 0; peers != NULL && i < status->peer_count; i++) {
        const struct node_peer *peer = &status->peers[i];
        json_array_append_new(
            peers, json_pack("{s:s, s:s, s:b, s:I, s:I, s:s}", "name", peer->name, "role", peer->role,
                       "connected", peer->connected, "finalized_height", (json_int_t)peer->finalized_height,
                       "heard_ms_ago", (json_int_t)peer->heard_ms_ago, "software", peer->software));
    }
    return peers;
}

static json_t *validators_json(const struct node_status *status)
{
    json_t *validators = json_array();
    for (uint32_t i = 0; validators != NULL && i < status->validator_count; i++) {
        const struct node_validator *validator = &status->validators[i];
        json_array_append_new(validators,
            json_pack("{s:s, s:b, s:o, s:o, s:I, s:b, s:b, s:b}", "name", validator->name, "reachable",
                validator->reachable, "heard_ms_ago", ago_json(validator->heard_ms_ago), "spoke_ms_ago",
                ago_json(validator->spoke_ms_ago), "spoke_view", (json_int_t)validator->spoke_view,
                "notarized", validator->notarized, "nullified", validator->nullified, "finalized",
                validator->finalized));
    }
    return validators;
}

static json_t *group_json(const struct node_status *status, uint32_t group)
{
    json_t *names = json_array();
    for (uint32_t i = 0; names != NULL && i < status->validator_count; i++)
        if (status->groups[i] == group) json_array_append_new(names, json_string(status->validators[i].name));
    return json_pack("{s:o, s:b}", "validators", names, "computed_here", group == status->own_group);
}

static json_t *uncertified_json(const struct node_status *status)
{
    if (status->uncertified_height == 0) return json_null();
    json_t *groups = json_array();
    for (uint32_t group = 1; groups != NULL && group <= status->group_count; group++)
        json_array_append_new(groups, group_json(status, group));
    return json_pack("{s:I, s:o}", "height", (json_int_t)status->uncertified_height, "groups", groups);
}

static json_t *checkpoint_json(const struct node_status *status)
{
    if (!status->has_checkpoint) return json_null();
    return json_pack("{s:I, s:o, s:I}", "height", (json_int_t)status->checkpoint_height, "state_root",
        json_digest(&status->checkpoint_state_root), "time_ms", (json_int_t)status->checkpoint_time_ms);
}

static json_t *standing_json(const struct node_status *status)
{
    return json_pack("{s:s, s:s, s:b, s:s, s:I, s:I, s:b, s:o, s:o, s:o}", "standing", status->standing,
        "why", status->why, "healthy", status->healthy, "leader", status->leader, "quorum",
        (json_int_t)status->quorum, "tip_view", (json_int_t)status->tip_view, "may_vote", status->may_vote,
        "mute_reason", status->mute_reason[0] != '\0' ? json_string(status->mute_reason) : json_null(),
        "validators", validators_json(status), "uncertified", uncertified_json(status));
}

static bool flag_is_active(const struct node_status *status, uint32_t i)
{
    return status->members.flags[i].from <= status->applied_height;
}

static bool flag_is_known(const struct node_status *status, uint32_t i)
{
    return status->members.flags[i].flag <= status->members.flags_known;
}

static json_t *flags_json(const struct node_status *status)
{
    json_t *flags = json_array();
    for (uint32_t i = 0; flags != NULL && i < status->members.flag_count; i++) {
        const struct register_flag *flag = &status->members.flags[i];
        json_array_append_new(flags,
            json_pack("{s:I, s:I, s:b, s:b}", "flag", (json_int_t)flag->flag, "from", (json_int_t)flag->from,
                "active", flag_is_active(status, i), "known", flag_is_known(status, i)));
    }
    return flags;
}

static json_t *next_epoch_json(const struct node_register *members)
{
    if (members->next_settled == 0) return json_null();
    return json_pack("{s:I, s:I}", "settled", (json_int_t)members->next_settled, "validators",
        (json_int_t)members->next_validators);
}

static json_t *register_json(const struct node_status *status)
{
    return json_pack("{s:I, s:o, s:I, s:o}", "epoch_from", (json_int_t)status->members.epoch_from,
        "next_epoch", next_epoch_json(&status->members), "flags_known",
        (json_int_t)status->members.flags_known, "flags", flags_json(status));
}

static enum tool_exit status_json(struct context *context, const struct node_status *status)
{
    json_t *object = json_pack("{s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:s, s:o}",
        "chain_id", json_digest(&status->chain_id), "name", status->name, "role", status->role, "epoch",
        (json_int_t)status->epoch, "view", (json_int_t)status->view, "finalized_height",
        (json_int_t)status->finalized_height, "applied_height", (json_int_t)status->applied_height,
        "applied_state_root", json_digest(&status->applied_state_root), "checkpoint", checkpoint_json(status),
        "events", (json_int_t)status->events, "subjects", (json_int_t)status->subjects, "mempool_batches",
        (json_int_t)status->mempool_batches, "version", status->version, "peers", peers_json(status));
    json_t *standing = standing_json(status), *members = register_json(status);
    if (json_object_update(object, standing) != 0 || json_object_update(object, members) != 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(standing);
    json_decref(members);
    return output_json_take(context, object);
}

/* "0.3 s ago", or "never": since the node started, that is. */
static void print_ago(const char *what, uint64_t ms_ago)
{
    if (ms_ago == NODE_NEVER)
        printf("%s never", what);
    else
        printf("%s %llu.%llu s ago", what, (unsigned long long)(ms_ago / 1000),
            (unsigned long long)(ms_ago % 1000 / 100));
}

static void print_validator(const struct node_status *status, const struct node_validator *validator)
{
    bool self = strcmp(validator->name, status->name) == 0;
    printf("  validator   %-16s %s%s%s%s", validator->name,
        strcmp(validator->name, status->leader) == 0 ? "leads, " : "",
        validator->notarized ? "notarized, " : "", validator->nullified ? "nullified, " : "",
        validator->finalized ? "finalized, " : "");
    if (!self) print_ago(validator->reachable ? "heard" : "not connected, heard", validator->heard_ms_ago);
    print_ago(self ? "voted" : ", voted", validator->spoke_ms_ago);
    if (validator->spoke_ms_ago != NODE_NEVER)
        printf(" in view %llu", (unsigned long long)validator->spoke_view);
    puts(self ? " (this node)" : "");
}

static void print_epoch(const struct node_status *status)
{
    const struct node_register *members = &status->members;
    printf("  epoch %llu, view %llu", (unsigned long long)status->epoch, (unsigned long long)status->view);
    if (members->epoch == status->epoch)
        printf("; it began at height %llu", (unsigned long long)members->epoch_from);
    else
        printf("; epoch %llu begins at height %llu, once the end of this one is certified",
            (unsigned long long)members->epoch, (unsigned long long)members->epoch_from);
    if (members->next_settled != 0)
        printf("; the next one, of %u validators, is settled since height %llu, and begins once this one is "
               "sealed",
            members->next_validators, (unsigned long long)members->next_settled);
    putchar('\n');
}

static void print_flags(const struct node_status *status)
{
    if (status->members.flags_known == 0)
        puts("  flags       this program knows none");
    else
        printf("  flags       this program knows 1 to %u\n", status->members.flags_known);
    for (uint32_t i = 0; i < status->members.flag_count; i++)
        printf("  flag %-6u %s height %llu%s\n", status->members.flags[i].flag,
            flag_is_active(status, i) ? "active since" : "scheduled for",
            (unsigned long long)status->members.flags[i].from,
            flag_is_known(status, i) ? "" : "; this program does not know it: upgrade the node before");
}

static void status_text(const struct node_status *status)
{
    char hex[2 * DIGEST_SIZE + 1], time[TIME_TEXT_SIZE];
    hex_encode(span_of(status->chain_id.bytes, DIGEST_SIZE), hex);
    printf("%s: %s\n", status->standing, status->why);
    printf("%s, %s, tallyd %s\n", status->name, status->role, status->version);
    printf("  chain       %s\n", hex);
    print_epoch(status);
    print_flags(status);
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
    for (uint32_t i = 0; i < status->validator_count; i++)
        print_validator(status, &status->validators[i]);
    for (uint32_t i = 0; i < status->peer_count; i++) {
        const struct node_peer *peer = &status->peers[i];
        printf("  peer        %-16s %-10s %s, height %llu", peer->name, peer->role,
            peer->connected ? "connected" : "not connected", (unsigned long long)peer->finalized_height);
        if (peer->software[0] != '\0') printf(", ");
        shown_print(stdout, peer->software);
        putchar('\n');
    }
}
