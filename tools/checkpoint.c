#include <stdio.h>
#include <stdlib.h>

#include "proto/codec/convert.h"
#include "rpc.pb-c.h"
#include "tools/args.h"
#include "tools/output.h"
#include "tools/remote.h"
#include "tools/trust.h"

/* Room for the signatures of the largest quorum. */
#define CHECKPOINT_SIZE_MAX (8u * KIB)

static enum tool_exit checkpoint_run(struct context *context, int count, char **arguments);
static enum tool_exit checkpoint_ask(struct context *context, const struct home *home, uint64_t height,
    const struct proof_trust *trust, struct certified_checkpoint *certified);
static enum tool_exit checkpoint_save(
    struct context *context, const struct certified_checkpoint *certified, const char *path);
static enum tool_exit checkpoint_show(struct context *context, const struct certified_checkpoint *certified);

const struct command command_checkpoint = {
    .name = "checkpoint",
    .summary = "the signed state after a block",
    .help = "usage: tally --home DIR checkpoint [HEIGHT] [--out FILE]\n"
            "\n"
            "Asks the home's node for the checkpoint after the block of that height, or the newest one, and "
            "checks the\n"
            "validators' signatures on it against DIR/genesis.json before it is shown.\n"
            "\n"
            "  --out FILE   keep the checkpoint with its signatures, for tally blame; an existing file is "
            "replaced\n"
            "\n"
            "--json prints {\"chain_id\", \"epoch\", \"height\", \"block\", \"time_ms\", \"state_root\", "
            "\"results_root\", \"history_root\",\n"
            "\"set_hash\", \"next_set_hash\", \"signers\": [index, ...]}, signers by their place among the "
            "validators in key order.\n",
    .run = checkpoint_run,
};

static enum tool_exit checkpoint_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"out", true}, {NULL, false}};
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    uint64_t height = 0;
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help checkpoint", why);
    }
    if (args.positional_count > 1 || (args.positional_count == 1 && number_from_text(args.positionals[0], 1,
                                                                        UINT64_MAX, &height) != TALLY_OK)) {
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally --home DIR checkpoint [HEIGHT] [--out FILE], a height from 1 on");
    }
    struct home home;
    struct certified_checkpoint certified;
    struct proof_trust *trust = calloc(1, sizeof *trust);
    if (trust == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    enum tool_exit code = home_open_given(context, &home);
    if (code == TOOL_DONE) code = trust_from_home(context, &home, trust);
    if (code == TOOL_DONE) code = checkpoint_ask(context, &home, height, trust, &certified);
    const char *out = args_value(&args, "out");
    if (code == TOOL_DONE && out != NULL) code = checkpoint_save(context, &certified, out);
    if (code == TOOL_DONE) code = checkpoint_show(context, &certified);
    free(trust);
    return code;
}

static enum tool_exit checkpoint_ask(struct context *context, const struct home *home, uint64_t height,
    const struct proof_trust *trust, struct certified_checkpoint *certified)
{
    Tallystick__V1__GetCheckpointRequest request = TALLYSTICK__V1__GET_CHECKPOINT_REQUEST__INIT;
    ProtobufCMessage *message = NULL;
    struct remote remote;
    struct arena arena;
    request.height = height;
    enum tool_exit code = remote_open(context, home, &remote);
    if (code != TOOL_DONE) return code;
    arena_init(&arena, REMOTE_ARENA_BUDGET);
    code = remote_call(context, &remote, "/tallystick.v1.Ledger/GetCheckpoint", &request.base,
        &tallystick__v1__get_checkpoint_reply__descriptor, &arena, &message);
    if (code == TOOL_DONE) {
        const Tallystick__V1__GetCheckpointReply *reply = (const void *)message;
        if (reply->checkpoint == NULL ||
            certified_checkpoint_from_message(reply->checkpoint, certified) != TALLY_OK) {
            code = context_fail(
                context, TOOL_REFUSED, "FORM", "%s answers with what is no checkpoint", home->name);
        } else if (!digest_equal(&certified->checkpoint.chain_id, &trust->chain_id)) {
            code = context_fail(
                context, TOOL_REFUSED, "CHAIN", "the checkpoint of %s is of another chain", home->name);
        } else if (certified_checkpoint_check(&trust->validators, certified) != TALLY_OK) {
            code = context_fail(context, TOOL_REFUSED, "SIGNATURE",
                "the signatures on the checkpoint of %s are not a quorum of the validators'", home->name);
        } else if (height != 0 && certified->checkpoint.height != height) {
            code = context_fail(context, TOOL_REFUSED, "FORM",
                "%s answers with the checkpoint of another height", home->name);
        }
    }
    arena_close(&arena);
    remote_close(&remote);
    return code;
}

static enum tool_exit checkpoint_save(
    struct context *context, const struct certified_checkpoint *certified, const char *path)
{
    char why[MESSAGE_SIZE_MAX / 2];
    struct buffer bytes;
    buffer_init(&bytes, CHECKPOINT_SIZE_MAX);
    certified_checkpoint_encode(certified, &bytes);
    enum tool_exit code = TOOL_DONE;
    if (bytes.failed) {
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    } else if (file_replace(path, 0640, buffer_span(&bytes), why, sizeof why) != TALLY_OK) {
        code = context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    }
    buffer_close(&bytes);
    return code;
}

static enum tool_exit checkpoint_show(struct context *context, const struct certified_checkpoint *certified)
{
    const struct checkpoint *checkpoint = &certified->checkpoint;
    const struct {
        const char *name;
        const struct digest *digest;
    } digests[] = {
        {"chain_id", &checkpoint->chain_id},
        {"block", &checkpoint->block},
        {"state_root", &checkpoint->state_root},
        {"results_root", &checkpoint->results_root},
        {"history_root", &checkpoint->history_root},
        {"set_hash", &checkpoint->set_hash},
        {"next_set_hash", &checkpoint->next_set_hash},
    };
    char time[TIME_TEXT_SIZE], hex[2 * DIGEST_SIZE + 1];
    if (context->json) {
        json_t *signers = json_array();
        for (uint32_t i = 0; signers != NULL && i < VALIDATORS_MAX; i++) {
            if ((certified->signers >> i & 1) != 0) json_array_append_new(signers, json_integer(i));
        }
        json_t *object = json_pack("{s:I, s:I, s:I, s:o}", "epoch", (json_int_t)checkpoint->epoch, "height",
            (json_int_t)checkpoint->height, "time_ms", (json_int_t)checkpoint->time_ms, "signers", signers);
        for (size_t i = 0; object != NULL && i < sizeof digests / sizeof digests[0]; i++) {
            json_object_set_new(object, digests[i].name, json_digest(digests[i].digest));
        }
        return output_json_take(context, object);
    }
    time_to_text(checkpoint->time_ms, time);
    printf("height %llu, epoch %llu, %s, signed by %d validators\n", (unsigned long long)checkpoint->height,
        (unsigned long long)checkpoint->epoch, time, __builtin_popcountll(certified->signers));
    for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
        hex_encode(span_of(digests[i].digest->bytes, DIGEST_SIZE), hex);
        printf("  %-14s %s\n", digests[i].name, hex);
    }
    return TOOL_DONE;
}
