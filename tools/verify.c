#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "tools/args.h"
#include "tools/proof_view.h"
#include "tools/trust.h"

/* What the file is held against. */
struct asked {
    struct proof_trust trust;
    struct known_checkpoint known; /* with --trust */
    bool has_base;
    struct history_base base; /* with --since */
    bool has_as_of;
    uint64_t as_of;        /* with --as-of */
    struct digest inquiry; /* with --inquiry */
};

static enum tool_exit verify_run(struct context *context, int count, char **arguments);
static enum tool_exit asked_take(struct context *context, const struct args *args, struct asked *asked);
static enum tool_exit bytes_verify(
    struct context *context, const char *path, struct span bytes, const struct asked *asked);
static enum tool_exit history_show(struct context *context, const struct asked *asked,
    const struct history_proof *proof, const struct proof_verdict *verdict);

const struct command command_verify = {
    .name = "verify",
    .summary = "check a saved answer, offline, against a genesis",
    .help =
        "usage: tally verify FILE --genesis FILE [--inquiry ID] [--since FILE] [--as-of H]\n"
        "                    [--trust FILE] [--min-height H] [--max-age SECONDS]\n"
        "\n"
        "Checks what tally history, receipt or checkpoint saved with --out, without a network: against "
        "nothing but the\n"
        "validators that the genesis names, and those that they and their successors named in turn. A "
        "history that holds is authentic (signed by the validators) "
        "and complete (no\n"
        "event was left out), or it is proven that there is none; a receipt proves one event's result; a "
        "checkpoint that was\n"
        "saved with --since proves that its ledger goes on from the older one's. Where it does not hold, "
        "the reason is one of\n"
        "\n"
        "  CHAIN       it belongs to another chain than the genesis, or the validators forked theirs\n"
        "  SIGNATURE   the validators' signatures do not hold, or are not a quorum, or an epoch's end is "
        "missing\n"
        "  ROOT        its path does not lead to the signed state\n"
        "  COUNT       it has more or fewer events than the state counts\n"
        "  FOLD        an event was changed, dropped, added or moved\n"
        "  BODY        a body is not the one its event commits to\n"
        "  FORM        it is no proof, or not one of a known version\n"
        "  STALE       it holds, but is older than was asked for\n"
        "\n"
        "and the exit status is 1.\n"
        "\n"
        "  --genesis FILE      the network's genesis, from a source that is trusted\n"
        "  --min-height H      as of this height or later\n"
        "  --max-age SECONDS   not older than that, by this machine's clock\n"
        "  --trust FILE        a checkpoint that tally checkpoint saved: nothing older will do, nor another "
        "of its height,\n"
        "                      nor validators that are not those of its epoch, whatever keys of epochs "
        "before it "
        "sign\n"
        "  --inquiry ID        of a history: it is the answer to this inquiry, which stands in it; another, "
        "or "
        "one of before, is\n"
        "                      STALE\n"
        "  --since FILE        of a history that tally history --since saved: the whole history that it goes "
        "on from, which\n"
        "                      is verified first\n"
        "  --as-of H           of a whole history: how many of its events there were at height H, and no "
        "others\n"
        "\n"
        "--json prints {\"authentic\", \"complete\", \"absent\", \"subject\", \"epoch\", "
        "\"as_of_height\", \"as_of_time_ms\",\n"
        "\"since\", \"events\", \"withheld\"} of a history: since events that the other file holds, and the "
        "counts of "
        "those in this one;\n"
        "with --as-of also \"asked_height\" and \"events_then\"; of the others what tally receipt "
        "and tally\n"
        "checkpoint print.\n",
    .run = verify_run,
};

static enum tool_exit verify_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"genesis", true}, {"min-height", true}, {"max-age", true},
        {"since", true}, {"as-of", true}, {"trust", true}, {"inquiry", true}, {NULL, false}};
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help verify", why);
    }
    if (args.positional_count != 1 || args_value(&args, "genesis") == NULL) {
        return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally verify FILE --genesis FILE");
    }
    struct buffer bytes;
    struct asked *asked = calloc(1, sizeof *asked);
    if (asked == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    buffer_init(&bytes, PROOF_FILE_SIZE_MAX);
    enum tool_exit code = asked_take(context, &args, asked);
    if (code == TOOL_DONE) code = proof_file_read(context, args.positionals[0], &bytes);
    if (code == TOOL_DONE) code = bytes_verify(context, args.positionals[0], buffer_span(&bytes), asked);
    buffer_close(&bytes);
    free(asked);
    return code;
}

static enum tool_exit asked_take(struct context *context, const struct args *args, struct asked *asked)
{
    const char *since = args_value(args, "since"), *as_of = args_value(args, "as-of");
    const char *known = args_value(args, "trust"), *inquiry = args_value(args, "inquiry");
    struct genesis *genesis = NULL;
    if (inquiry != NULL && hex_decode(inquiry, asked->inquiry.bytes, DIGEST_SIZE) != TALLY_OK)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "--inquiry is an event's id, 64 hexadecimal digits");
    if (as_of != NULL &&
        (since != NULL || number_from_text(as_of, 1, UINT64_MAX, &asked->as_of) != TALLY_OK)) {
        return context_fail(
            context, TOOL_USAGE, "USAGE", "--as-of is a height from 1 on, and of a whole history only");
    }
    asked->has_as_of = as_of != NULL;
    enum tool_exit code = genesis_open(context, args_value(args, "genesis"), &genesis);
    if (code == TOOL_DONE) code = trust_from_genesis(context, genesis, &asked->trust);
    if (code == TOOL_DONE && known != NULL) {
        code = checkpoint_open(context, known, &asked->trust, &asked->known);
    }
    if (code == TOOL_DONE && since != NULL) {
        code = history_base_open(context, since, &asked->trust, &asked->base);
        asked->has_base = code == TOOL_DONE;
    }
    if (code == TOOL_DONE) code = trust_bounds(context, args, &asked->trust);
    if (known != NULL) asked->trust.known = &asked->known;
    if (inquiry != NULL) asked->trust.inquiry = &asked->inquiry;
    if (asked->as_of > asked->trust.height_min) asked->trust.height_min = asked->as_of;
    free(genesis);
    return code;
}

static enum tool_exit history_check(
    struct context *context, const char *path, struct span bytes, const struct asked *asked)
{
    struct arena arena;
    struct proof_verdict verdict;
    struct history_proof *proof = calloc(1, sizeof *proof);
    if (proof == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    arena_init(&arena, HISTORY_ARENA_BUDGET);
    int error = history_verify_since(
        &asked->trust, asked->has_base ? &asked->base : NULL, bytes, &arena, proof, &verdict);
    enum tool_exit code = error != TALLY_OK ? verdict_fail(context, path, error, &verdict)
                                            : history_show(context, asked, proof, &verdict);
    arena_close(&arena);
    free(proof);
    return code;
}

static enum tool_exit bytes_verify(
    struct context *context, const char *path, struct span bytes, const struct asked *asked)
{
    struct proof_verdict verdict;
    struct receipt receipt;
    struct consistency_proof consistency;
    struct certified_checkpoint certified;
    enum proof_form form = proof_form_of(bytes);
    int error;
    if (form == PROOF_FORM_HISTORY) return history_check(context, path, bytes, asked);
    if (asked->has_base || asked->has_as_of || asked->trust.inquiry != NULL) {
        return context_fail(context, TOOL_REFUSED, "FORM",
            "--inquiry, --since and --as-of are for a history, which %s is not", path);
    }
    switch (form) {
    case PROOF_FORM_HISTORY:
        break;
    case PROOF_FORM_RECEIPT:
        error = receipt_verify(&asked->trust, bytes, &receipt, &verdict);
        return error == TALLY_OK ? receipt_show(context, &receipt)
                                 : verdict_fail(context, path, error, &verdict);
    case PROOF_FORM_CONSISTENCY:
        error = consistency_verify(&asked->trust, bytes, &consistency, &verdict);
        return error == TALLY_OK ? consistency_show(context, &consistency)
                                 : verdict_fail(context, path, error, &verdict);
    case PROOF_FORM_CHECKPOINT:
        error = certified_checkpoint_verify(&asked->trust, bytes, &certified, &verdict);
        return error == TALLY_OK ? checkpoint_show(context, &certified)
                                 : verdict_fail(context, path, error, &verdict);
    }
    CHECK_UNREACHABLE();
}

static enum tool_exit history_json(struct context *context, const struct asked *asked,
    const struct history_proof *proof, const struct proof_verdict *verdict)
{
    json_t *object = json_pack("{s:b, s:b, s:b, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "authentic",
        verdict->authentic, "complete", verdict->complete, "absent", verdict->absent, "subject",
        json_digest(&proof->subject_id), "epoch", (json_int_t)verdict->epoch, "as_of_height",
        (json_int_t)verdict->as_of_height, "as_of_time_ms", (json_int_t)verdict->as_of_time_ms, "since",
        (json_int_t)verdict->since, "events", (json_int_t)verdict->events, "withheld",
        (json_int_t)verdict->withheld);
    if (object != NULL && asked->has_as_of) {
        json_object_set_new(object, "asked_height", json_integer((json_int_t)asked->as_of));
        json_object_set_new(
            object, "events_then", json_integer((json_int_t)history_events_as_of(proof, asked->as_of)));
    }
    return output_json_take(context, object);
}

static enum tool_exit history_show(struct context *context, const struct asked *asked,
    const struct history_proof *proof, const struct proof_verdict *verdict)
{
    char time[TIME_TEXT_SIZE], subject[2 * DIGEST_SIZE + 1];
    if (context->json) return history_json(context, asked, proof, verdict);
    hex_encode(span_of(proof->subject_id.bytes, DIGEST_SIZE), subject);
    time_to_text(verdict->as_of_time_ms, time);
    printf("subject   %s\n", subject);
    printf("authentic %s\n", verdict->authentic ? "yes" : "no");
    printf("complete  %s\n", verdict->complete ? "yes" : "no");
    if (verdict->absent) {
        printf("events    none: there is no file\n");
    } else {
        printf("events    %u", verdict->events);
        if (verdict->since > 0) printf(" after the %llu before", (unsigned long long)verdict->since);
        printf("%s\n", verdict->withheld > 0 ? ", some without their bodies" : "");
    }
    printf("as of     height %llu of epoch %llu, %s\n", (unsigned long long)verdict->as_of_height,
        (unsigned long long)verdict->epoch, time);
    if (asked->has_as_of) {
        printf("then      %u events at height %llu\n", history_events_as_of(proof, asked->as_of),
            (unsigned long long)asked->as_of);
    }
    return TOOL_DONE;
}
