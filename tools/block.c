#include <stdio.h>
#include <stdlib.h>

#include "proto/codec/convert.h"
#include "tools/args.h"
#include "tools/block_view.h"
#include "tools/output.h"
#include "tools/remote.h"
#include "tools/trust.h"

static enum tool_exit block_run(struct context *context, int count, char **arguments);
static enum tool_exit block_ask(struct context *context, const struct home *home, uint64_t height,
    const struct digest *inquiry, const struct proof_trust *trust);
static enum tool_exit block_text(struct context *context, const Tallystick__V1__GetBlockReply *reply,
    const struct block_header *header, const struct digest *hash);

const struct command command_block = {
    .name = "block",
    .summary = "a block: what it says, and the events in it",
    .help =
        "usage: tally --home DIR block HEIGHT [--inquiry ID]\n"
        "\n"
        "Asks the home's node for a block, and checks its chain, its hash and, where it carries one, its "
        "finalization by the\n"
        "validators of its epoch, before it is shown. Of other members' events only place and id are told; "
        "their results "
        "have receipts.\n"
        "\n"
        "  --inquiry ID  a regulator's: others' events are told whole too, under its inquiry about blocks "
        "(tally supervise)\n"
        "\n"
        "--json prints {\"height\", \"block\", \"epoch\", \"view\", \"parent\", \"time_ms\", "
        "\"payload_root\", \"payload_size\",\n"
        "\"payload_events\", \"finalized_by\": [index, ...] or null, \"events\": [{\"index\", "
        "\"event_id\", ...}]}, with \"result\"\n"
        "and the rest where the event is the member's own, and \"transactions\": [{\"index\", \"digest\", "
        "\"member\", \"kind\",\n"
        "\"ruling\"}]: what members proposed, voted and so on; a block that a descendant finalized carries "
        "no "
        "finalization of its own.\n",
    .run = block_run,
};

static enum tool_exit block_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"inquiry", true}, {NULL, false}};
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    uint64_t height = 0;
    struct digest inquiry;
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help block", why);
    }
    if (args.positional_count != 1 ||
        number_from_text(args.positionals[0], 1, UINT64_MAX, &height) != TALLY_OK) {
        return context_fail(
            context, TOOL_USAGE, "USAGE", "wanted: tally --home DIR block HEIGHT, a height from 1 on");
    }
    const char *under = args_value(&args, "inquiry");
    if (under != NULL && hex_decode(under, inquiry.bytes, DIGEST_SIZE) != TALLY_OK)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "--inquiry is an event's id, 64 hexadecimal digits");
    struct home home;
    struct proof_trust *trust = calloc(1, sizeof *trust);
    if (trust == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    enum tool_exit code = home_open_given(context, &home);
    if (code == TOOL_DONE) code = trust_from_home(context, &home, trust);
    if (code == TOOL_DONE) code = block_ask(context, &home, height, under == NULL ? NULL : &inquiry, trust);
    free(trust);
    return code;
}

static enum tool_exit block_ask(struct context *context, const struct home *home, uint64_t height,
    const struct digest *inquiry, const struct proof_trust *trust)
{
    Tallystick__V1__GetBlockRequest request = TALLYSTICK__V1__GET_BLOCK_REQUEST__INIT;
    ProtobufCMessage *message = NULL;
    struct remote remote;
    struct arena arena;
    struct block_header header;
    struct digest hash;
    struct verify_set *sets = calloc(2, sizeof *sets);
    if (sets == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    request.height = height;
    request.seals = true;
    if (inquiry != NULL) request.inquiry = digest_bytes(inquiry);
    enum tool_exit code = remote_open(context, home, &remote);
    if (code != TOOL_DONE) {
        free(sets);
        return code;
    }
    arena_init(&arena, REMOTE_ARENA_BUDGET);
    code = remote_call(context, &remote, "/tallystick.v1.Ledger/GetBlock", &request.base,
        &tallystick__v1__get_block_reply__descriptor, &arena, &message);
    remote_close(&remote);
    if (code == TOOL_DONE) code = block_validators(context, (const void *)message, trust, &sets[0], &sets[1]);
    if (code == TOOL_DONE)
        code =
            block_check(context, (const void *)message, height, &trust->chain_id, &sets[1], &header, &hash);
    free(sets);
    if (code == TOOL_DONE && context->json) {
        json_t *object = block_to_json((const void *)message, &header, &hash);
        code = object == NULL ? block_malformed(context) : output_json_take(context, object);
    } else if (code == TOOL_DONE) {
        code = block_text(context, (const void *)message, &header, &hash);
    }
    arena_close(&arena);
    return code;
}

static enum tool_exit block_text(struct context *context, const Tallystick__V1__GetBlockReply *reply,
    const struct block_header *header, const struct digest *hash)
{
    char hex[2 * DIGEST_SIZE + 1], time[TIME_TEXT_SIZE];
    hex_encode(span_of(hash->bytes, DIGEST_SIZE), hex);
    time_to_text(header->time_ms, time);
    printf("block %llu, %s\n", (unsigned long long)header->height, hex);
    printf("  epoch %llu, view %llu, %s\n", (unsigned long long)header->epoch,
        (unsigned long long)header->view, time);
    hex_encode(span_of(header->parent_hash.bytes, DIGEST_SIZE), hex);
    printf("  parent %s\n", hex);
    if (reply->finalization != NULL) {
        printf("  finalized by %d validators\n", __builtin_popcountll(reply->finalization->signers));
    } else {
        printf("  finalized by a descendant\n");
    }
    printf("  %u events\n", header->payload_events);
    return block_events_print(reply) == TALLY_OK ? TOOL_DONE : block_malformed(context);
}
