#include <stdio.h>
#include <stdlib.h>

#include "proto/codec/convert.h"
#include "proto/codec/epoch_seal.h"
#include "rpc.pb-c.h"
#include "tools/args.h"
#include "tools/proof_view.h"
#include "tools/remote.h"
#include "tools/trust.h"

/* Room for two of them with the signatures of the largest quorum, and a path. */
#define CHECKPOINT_SIZE_MAX (16u * KIB + EPOCH_SEALS_SIZE_MAX)

static enum tool_exit checkpoint_run(struct context *context, int count, char **arguments);
static enum tool_exit since_take(struct context *context, const char *path, const struct proof_trust *trust,
    struct certified_checkpoint *older);
static enum tool_exit checkpoint_ask(struct context *context, const struct home *home, uint64_t height,
    const struct proof_trust *trust, struct arena *arena, struct consistency_proof *proof);
static enum tool_exit answer_check(struct context *context, const struct home *home, uint64_t height,
    const struct proof_trust *trust, const struct consistency_proof *proof);
static enum tool_exit proof_save(
    struct context *context, const struct consistency_proof *proof, const char *path);

const struct command command_checkpoint = {
    .name = "checkpoint",
    .summary = "the signed state after a block",
    .help =
        "usage: tally --home DIR checkpoint [HEIGHT] [--since FILE] [--out FILE]\n"
        "\n"
        "Asks the home's node for the checkpoint after the block of that height, or the newest one, and "
        "checks the\n"
        "validators' signatures on it against DIR/genesis.json before it is shown.\n"
        "\n"
        "  --since FILE  a checkpoint that was saved before: the answer must prove that its ledger is the "
        "beginning of the\n"
        "                newer one's, that nothing of it was changed or taken back\n"
        "  --out FILE    keep the checkpoint with its signatures, for tally blame and tally verify; with "
        "--since, both and\n"
        "                the proof, which is as good for the next --since; an existing file is replaced\n"
        "\n"
        "--json prints {\"chain_id\", \"epoch\", \"height\", \"block\", \"time_ms\", \"state_root\", "
        "\"results_root\", \"history_root\",\n"
        "\"set_hash\", \"next_set_hash\", \"signers\": [index, ...]}, signers by their place among the "
        "validators in key order;\n"
        "with --since also \"since_height\".\n",
    .run = checkpoint_run,
};

static enum tool_exit checkpoint_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"since", true}, {"out", true}, {NULL, false}};
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    uint64_t height = 0;
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help checkpoint", why);
    }
    if (args.positional_count > 1 || (args.positional_count == 1 && number_from_text(args.positionals[0], 1,
                                                                        UINT64_MAX, &height) != TALLY_OK)) {
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally --home DIR checkpoint [HEIGHT] [--since FILE] [--out FILE], a height from 1 on");
    }
    struct home home;
    struct arena arena;
    const char *since = args_value(&args, "since"), *out = args_value(&args, "out");
    struct proof_trust *trust = calloc(1, sizeof *trust);
    struct consistency_proof *proof = calloc(1, sizeof *proof); /* without --since, its newer end alone */
    enum tool_exit code = TOOL_DONE;
    arena_init(&arena, REMOTE_ARENA_BUDGET);
    if (trust == NULL || proof == NULL) {
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    }
    if (code == TOOL_DONE) code = home_open_given(context, &home);
    if (code == TOOL_DONE) code = trust_from_home(context, &home, trust);
    if (code == TOOL_DONE && since != NULL) code = since_take(context, since, trust, &proof->older);
    if (code == TOOL_DONE) code = checkpoint_ask(context, &home, height, trust, &arena, proof);
    if (code == TOOL_DONE && out != NULL) code = proof_save(context, proof, out);
    if (code == TOOL_DONE) {
        code = since != NULL ? consistency_show(context, proof) : checkpoint_show(context, &proof->newer);
    }
    arena_close(&arena);
    free(proof);
    free(trust);
    return code;
}

static enum tool_exit since_take(struct context *context, const char *path, const struct proof_trust *trust,
    struct certified_checkpoint *older)
{
    struct known_checkpoint *known = calloc(1, sizeof *known);
    if (known == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    enum tool_exit code = checkpoint_open(context, path, trust, known);
    if (code == TOOL_DONE) *older = known->certified;
    free(known);
    return code;
}

/* The proof borrows its seals from the arena. */
static enum tool_exit checkpoint_ask(struct context *context, const struct home *home, uint64_t height,
    const struct proof_trust *trust, struct arena *arena, struct consistency_proof *proof)
{
    Tallystick__V1__GetCheckpointRequest request = TALLYSTICK__V1__GET_CHECKPOINT_REQUEST__INIT;
    ProtobufCMessage *message = NULL;
    struct remote remote;
    request.height = height;
    request.since_height = proof->older.checkpoint.height;
    enum tool_exit code = remote_open(context, home, &remote);
    if (code != TOOL_DONE) return code;
    code = remote_call(context, &remote, "/tallystick.v1.Ledger/GetCheckpoint", &request.base,
        &tallystick__v1__get_checkpoint_reply__descriptor, arena, &message);
    remote_close(&remote);
    if (code == TOOL_DONE) {
        const Tallystick__V1__GetCheckpointReply *reply = (const void *)message;
        if (reply->checkpoint == NULL ||
            certified_checkpoint_from_message(reply->checkpoint, &proof->newer) != TALLY_OK ||
            digests_from_bytes(reply->path, MERKLE_CONSISTENCY_MAX, proof->path, &proof->path_length) !=
                TALLY_OK) {
            code = context_fail(
                context, TOOL_REFUSED, "FORM", "%s answers with what is no checkpoint", home->name);
        } else {
            proof->seals = span_of_bytes(reply->seals);
            /* With seals it is kept as a proof of itself, because a checkpoint alone has no place for them.
             */
            if (proof->older.checkpoint.height == 0 && proof->seals.size > 0) proof->older = proof->newer;
            code = answer_check(context, home, height, trust, proof);
        }
    }
    return code;
}

/* The proof's bytes: of both checkpoints, or of the newer alone where there is no older one. */
static void proof_encode(const struct consistency_proof *proof, struct buffer *bytes)
{
    buffer_init(bytes, CHECKPOINT_SIZE_MAX);
    if (proof->older.checkpoint.height != 0) {
        consistency_proof_encode(proof, bytes);
    } else {
        certified_checkpoint_encode(&proof->newer, bytes);
    }
}

/* Through the very bytes that --out would keep, so that they verify later as they do now. */
static enum tool_exit answer_check(struct context *context, const struct home *home, uint64_t height,
    const struct proof_trust *trust, const struct consistency_proof *proof)
{
    char what[NAME_SIZE_MAX + 32];
    struct proof_verdict verdict;
    struct consistency_proof *read = calloc(1, sizeof *read);
    struct buffer bytes;
    enum tool_exit code = TOOL_DONE;
    snprintf(what, sizeof what, "the checkpoint of %s", home->name);
    proof_encode(proof, &bytes);
    if (read == NULL || bytes.failed) {
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
        goto done;
    }
    int error = proof->older.checkpoint.height != 0
                    ? consistency_verify(trust, buffer_span(&bytes), read, &verdict)
                    : certified_checkpoint_verify(trust, buffer_span(&bytes), &read->newer, &verdict);
    if (error != TALLY_OK) {
        code = verdict_fail(context, what, error, &verdict);
    } else if (height != 0 && proof->newer.checkpoint.height != height) {
        code = context_fail(
            context, TOOL_REFUSED, "FORM", "%s answers with the checkpoint of another height", home->name);
    }
done:
    buffer_close(&bytes);
    free(read);
    return code;
}

static enum tool_exit proof_save(
    struct context *context, const struct consistency_proof *proof, const char *path)
{
    char why[MESSAGE_SIZE_MAX / 2];
    struct buffer bytes;
    enum tool_exit code = TOOL_DONE;
    proof_encode(proof, &bytes);
    if (bytes.failed) {
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    } else if (file_replace(path, 0640, buffer_span(&bytes), why, sizeof why) != TALLY_OK) {
        code = context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    }
    buffer_close(&bytes);
    return code;
}
