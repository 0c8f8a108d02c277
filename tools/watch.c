#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/codec/convert.h"
#include "tools/args.h"
#include "tools/block_view.h"
#include "tools/interrupt.h"
#include "tools/output.h"
#include "tools/proof_view.h"
#include "tools/remote.h"
#include "tools/trust.h"

#define PAUSE_MS 1000u
/* A stream is asked for anew after so long, so that a connection that died without a word is noticed. */
#define STREAM_MS (10u * 60u * 1000u)
#define REQUEST_SIZE_MAX 128u

/* What is followed, and how far it was told. */
struct watch {
    struct context *context;
    struct home home;
    struct proof_trust trust;      /* the genesis's */
    struct verify_set before, now; /* of the newest epoch that was told of, and of the one before it */
    bool needs_seals;              /* the next block is of another epoch */
    bool own;
    bool is_supervised;
    struct digest inquiry;  /* where it is: what opens the blocks */
    uint64_t next_height;   /* 0 = not known yet: the next one of the node */
    uint64_t until;         /* the last one wanted; 0 = none */
    struct digest previous; /* of the block before next_height, where has_previous */
    bool has_previous;
    bool is_ended; /* the node ended the stream: the inquiry is about no more blocks */
    bool is_lost;  /* it was told that the node does not answer */
    enum tool_exit code;
    struct arena arena; /* of one message */
};

static enum tool_exit watch_run(struct context *context, int count, char **arguments);

const struct command command_watch = {
    .name = "watch",
    .summary = "follows blocks, events and checkpoints as they come",
    .help =
        "usage: tally --home DIR watch [--from HEIGHT] [--until HEIGHT] [--own | --inquiry ID]\n"
        "\n"
        "Shows each block with its events, and each certified checkpoint, as the home's node tells them: "
        "from "
        "the next block\n"
        "on, or from a height, be it long ago or still to come. Each block is checked as tally block does, "
        "and "
        "that it goes\n"
        "on from the one before; each checkpoint, that a quorum signed it. A node that is lost is looked for "
        "again, and what\n"
        "was missed comes then. It ends at --until, or when it is interrupted, and says where to go on.\n"
        "\n"
        "  --from HEIGHT   the first block\n"
        "  --until HEIGHT  the last one\n"
        "  --own           of the events, the member's own alone\n"
        "  --inquiry ID    a regulator's: others' events are told whole too, under its inquiry about blocks "
        "(tally supervise),\n"
        "                  to the last of them\n"
        "\n"
        "--json prints a line for each: {\"block\": what tally block prints}, {\"checkpoint\": what tally "
        "checkpoint prints},\n"
        "and at the end {\"next_height\"}.\n",
    .run = watch_run,
};

static enum tool_exit watch_open(struct watch *watch, const struct args *args)
{
    struct context *context = watch->context;
    const char *from = args_value(args, "from"), *until = args_value(args, "until");
    if (args->positional_count > 0 ||
        (from != NULL && number_from_text(from, 1, INT64_MAX, &watch->next_height) != TALLY_OK) ||
        (until != NULL && number_from_text(until, 1, INT64_MAX, &watch->until) != TALLY_OK))
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally --home DIR watch [--from HEIGHT] [--until HEIGHT] [--own], heights from 1 on");
    const char *inquiry = args_value(args, "inquiry");
    watch->own = args_value(args, "own") != NULL;
    watch->is_supervised = inquiry != NULL;
    if (inquiry != NULL && (watch->own || hex_decode(inquiry, watch->inquiry.bytes, DIGEST_SIZE) != TALLY_OK))
        return context_fail(context, TOOL_USAGE, "USAGE",
            "--inquiry is an event's id, 64 hexadecimal digits, and goes without --own");
    enum tool_exit code = home_open_given(context, &watch->home);
    if (code == TOOL_DONE) code = trust_from_home(context, &watch->home, &watch->trust);
    watch->before = watch->now = watch->trust.validators;
    return code;
}

static enum tool_exit block_show(
    struct watch *watch, const Tallystick__V1__GetBlockReply *reply, const struct block_header *header)
{
    char time[TIME_TEXT_SIZE], hex[2 * DIGEST_SIZE + 1];
    if (watch->context->json) {
        json_t *object = block_to_json(reply, header, &watch->previous);
        if (object == NULL) return block_malformed(watch->context);
        return output_json_take(watch->context, json_pack("{s:o}", "block", object));
    }
    time_to_text(header->time_ms, time);
    hex_encode(span_of(watch->previous.bytes, DIGEST_SIZE), hex);
    printf("%s  block %llu, %s, %u events\n", time, (unsigned long long)header->height, hex,
        header->payload_events);
    return block_events_print(reply) == TALLY_OK ? TOOL_DONE : block_malformed(watch->context);
}

static enum tool_exit block_take(struct watch *watch, const Tallystick__V1__GetBlockReply *reply)
{
    struct block_header header;
    struct digest hash;
    uint64_t height = watch->next_height;
    watch->needs_seals = reply->header != NULL && reply->header->epoch != watch->now.set.epoch;
    if (watch->needs_seals) return TOOL_DONE;
    enum tool_exit code =
        block_check(watch->context, reply, height, &watch->trust.chain_id, &watch->now, &header, &hash);
    if (code != TOOL_DONE) return code;
    if (watch->has_previous && !digest_equal(&watch->previous, &header.parent_hash))
        return context_fail(watch->context, TOOL_REFUSED, "PARENT",
            "block %llu does not go on from the block before it", (unsigned long long)height);
    watch->previous = hash;
    watch->has_previous = true;
    watch->next_height = height + 1;
    return block_show(watch, reply, &header);
}

static enum tool_exit checkpoint_take(struct watch *watch, const Tallystick__V1__CertifiedCheckpoint *message)
{
    char time[TIME_TEXT_SIZE], hex[2 * DIGEST_SIZE + 1];
    struct certified_checkpoint certified;
    const struct checkpoint *checkpoint = &certified.checkpoint;
    const struct verify_set *set = &watch->now;
    int error = certified_checkpoint_from_message(message, &certified);
    if (error == TALLY_OK && checkpoint->epoch == watch->before.set.epoch) set = &watch->before;
    if (error != TALLY_OK || !digest_equal(&checkpoint->chain_id, &watch->trust.chain_id) ||
        checkpoint->epoch != set->set.epoch || certified_checkpoint_check(set, &certified) != TALLY_OK)
        return context_fail(watch->context, TOOL_REFUSED, "SIGNATURE",
            "the node tells a checkpoint that is not signed by a quorum of the validators");
    if (watch->context->json)
        return output_json_take(
            watch->context, json_pack("{s:o}", "checkpoint", checkpoint_to_json(&certified)));
    time_to_text(checkpoint->time_ms, time);
    hex_encode(span_of(checkpoint->state_root.bytes, DIGEST_SIZE), hex);
    printf("%s  checkpoint %llu, state %s, signed by %d validators\n", time,
        (unsigned long long)checkpoint->height, hex, __builtin_popcountll(certified.signers));
    return TOOL_DONE;
}

static bool watch_is_over(const struct watch *watch)
{
    return watch->code != TOOL_DONE || watch->is_ended || interrupt_came() ||
           (watch->until != 0 && watch->next_height > watch->until);
}

static bool on_message(void *context, struct span bytes)
{
    struct watch *watch = context;
    ProtobufCMessage *message = NULL;
    const Tallystick__V1__FollowReply *reply;
    int error = message_decode(
        &tallystick__v1__follow_reply__descriptor, MESSAGE_LENIENT, bytes, &watch->arena, &message);
    reply = (const Tallystick__V1__FollowReply *)message;
    watch->is_lost = false;
    if (error != TALLY_OK)
        watch->code =
            context_fail(watch->context, TOOL_REFUSED, "FORM", "%s tells what is no news", watch->home.name);
    else if (reply->news_case == TALLYSTICK__V1__FOLLOW_REPLY__NEWS_BLOCK)
        watch->code = block_take(watch, reply->block);
    else if (reply->news_case == TALLYSTICK__V1__FOLLOW_REPLY__NEWS_CHECKPOINT)
        watch->code = checkpoint_take(watch, reply->checkpoint);
    arena_reset(&watch->arena);
    if (fflush(stdout) != 0 && watch->code == TOOL_DONE)
        watch->code = context_fail(watch->context, TOOL_REFUSED, "OUTPUT", "cannot write to standard output");
    return !watch_is_over(watch) && !watch->needs_seals;
}

static bool goes_on(void *context)
{
    const struct watch *watch = context;
    return !watch_is_over(watch) && !watch->needs_seals;
}

/* Follows until it is over, or the node is lost. */
static int watch_stream(struct watch *watch, struct remote *remote, struct client_error *error)
{
    Tallystick__V1__FollowRequest request = TALLYSTICK__V1__FOLLOW_REQUEST__INIT;
    struct buffer bytes;
    request.from_height = watch->next_height;
    request.events = !watch->own;
    request.own_events = watch->own;
    request.checkpoints = true;
    if (watch->is_supervised) request.inquiry = digest_bytes(&watch->inquiry);
    buffer_init(&bytes, REQUEST_SIZE_MAX);
    message_encode(&request.base, &bytes);
    int result = bytes.failed ? TALLY_ENOMEM
                              : client_stream(remote->client, "/tallystick.v1.Ledger/Follow",
                                    buffer_span(&bytes), STREAM_MS, on_message, goes_on, watch, error);
    buffer_close(&bytes);
    return result;
}

/* Whether the same may go well a little later. */
static bool is_passing(int result, const struct client_error *error)
{
    return result == TALLY_OK || result == TALLY_ECLOSED || result == TALLY_ETIMEOUT ||
           (result == TALLY_EDENIED &&
               (error->status == GRPC_UNAVAILABLE || error->status == GRPC_RESOURCE_EXHAUSTED));
}

/* Says once why the node is lost, and waits a little. */
static void watch_pause(struct watch *watch, uint32_t pause_ms)
{
    struct timespec pause = {.tv_sec = pause_ms / 1000, .tv_nsec = (long)(pause_ms % 1000) * 1000000};
    if (!watch->is_lost) fprintf(stderr, "tally watch: %s; it is asked again\n", watch->context->message);
    watch->is_lost = true;
    watch->context->message[0] = '\0';
    (void)nanosleep(&pause, NULL);
}

/* Asks where the node stands, so that nothing is missed from here on. */
static enum tool_exit watch_begin(struct watch *watch, struct remote *remote)
{
    Tallystick__V1__GetStatusRequest request = TALLYSTICK__V1__GET_STATUS_REQUEST__INIT;
    ProtobufCMessage *message = NULL;
    if (watch->next_height != 0) return TOOL_DONE;
    enum tool_exit code = remote_call(watch->context, remote, "/tallystick.v1.Node/GetStatus", &request.base,
        &tallystick__v1__get_status_reply__descriptor, &watch->arena, &message);
    if (code == TOOL_DONE)
        watch->next_height = ((const Tallystick__V1__GetStatusReply *)message)->applied_height + 1;
    arena_reset(&watch->arena);
    return code;
}

/* Asks who the validators of the next block's epoch are. */
static enum tool_exit watch_turn(struct watch *watch, struct remote *remote)
{
    Tallystick__V1__GetBlockRequest request = TALLYSTICK__V1__GET_BLOCK_REQUEST__INIT;
    ProtobufCMessage *message = NULL;
    if (!watch->needs_seals) return TOOL_DONE;
    request.height = watch->next_height;
    request.seals = true;
    enum tool_exit code = remote_call(watch->context, remote, "/tallystick.v1.Ledger/GetBlock", &request.base,
        &tallystick__v1__get_block_reply__descriptor, &watch->arena, &message);
    if (code == TOOL_DONE)
        code = block_validators(
            watch->context, (const void *)message, &watch->trust, &watch->before, &watch->now);
    if (code == TOOL_DONE) watch->needs_seals = false;
    arena_reset(&watch->arena);
    return code;
}

/* One connection, from its opening to its end. */
static void watch_once(struct watch *watch, bool *connected)
{
    struct client_error error = {.status = GRPC_UNAVAILABLE};
    struct remote remote;
    enum tool_exit code = remote_open(watch->context, &watch->home, &remote);
    if (code == TOOL_DONE) {
        code = watch_begin(watch, &remote);
        if (code == TOOL_DONE) code = watch_turn(watch, &remote);
        if (code != TOOL_DONE) remote_close(&remote);
    }
    if (code != TOOL_DONE) {
        if (code == TOOL_UNREACHABLE && *connected)
            watch_pause(watch, PAUSE_MS);
        else
            watch->code = code;
        return;
    }
    *connected = true;
    int result = watch_stream(watch, &remote, &error);
    remote_close(&remote);
    watch->is_ended = result == TALLY_OK && watch->is_supervised && !watch->needs_seals;
    if (watch_is_over(watch) || watch->needs_seals || result == TALLY_ETIMEOUT) return;
    if (result != TALLY_OK) code = remote_fail(watch->context, &remote, result, &error);
    if (!is_passing(result, &error))
        watch->code = code;
    else if (result != TALLY_OK)
        watch_pause(watch, error.detail.retry_after_ms > 0 ? error.detail.retry_after_ms : PAUSE_MS);
}

static enum tool_exit watch_end(const struct watch *watch)
{
    unsigned long long next = watch->next_height;
    if (watch->code != TOOL_DONE) return watch->code;
    if (watch->context->json)
        return output_json_take(watch->context, json_pack("{s:I}", "next_height", (json_int_t)next));
    fprintf(stderr, "the next block is %llu: tally watch --from %llu goes on\n", next, next);
    return TOOL_DONE;
}

static enum tool_exit watch_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {
        {"from", true}, {"until", true}, {"own", false}, {"inquiry", true}, {NULL, false}};
    char why[MESSAGE_SIZE_MAX / 2];
    struct args args;
    bool connected = false;
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help watch", why);
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    watch->context = context;
    arena_init(&watch->arena, REMOTE_ARENA_BUDGET);
    watch->code = watch_open(watch, &args);
    interrupt_catch();
    while (!watch_is_over(watch))
        watch_once(watch, &connected);
    enum tool_exit code = watch_end(watch);
    arena_close(&watch->arena);
    free(watch);
    return code;
}
