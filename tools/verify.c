#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "tools/args.h"
#include "tools/proof_view.h"
#include "tools/trust.h"

#define PROOF_FILE_SIZE_MAX (64u * MIB)
#define PROOF_ARENA_BUDGET (256u * MIB)

static enum tool_exit verify_run(struct context *context, int count, char **arguments);
static enum tool_exit bounds_take(
    struct context *context, const struct args *args, struct proof_trust *trust);
static enum tool_exit file_verify(struct context *context, const char *path, const struct proof_trust *trust);
static enum tool_exit verdict_show(
    struct context *context, const struct history_proof *proof, const struct proof_verdict *verdict);

const struct command command_verify = {
    .name = "verify",
    .summary = "check a saved answer, offline, against a genesis",
    .help = "usage: tally verify FILE --genesis FILE [--min-height H] [--max-age SECONDS]\n"
            "\n"
            "Checks what tally history, receipt or checkpoint saved with --out, without a network: against "
            "nothing but the\n"
            "validators that the genesis names. A history that holds is authentic (signed by the validators) "
            "and complete (no\n"
            "event was left out), or it is proven that there is none; a receipt proves one event's result; a "
            "checkpoint that was\n"
            "saved with --since proves that its ledger goes on from the older one's. Where it does not hold, "
            "the reason is one of\n"
            "\n"
            "  CHAIN       it belongs to another chain than the genesis\n"
            "  SIGNATURE   the validators' signatures do not hold, or are not a quorum\n"
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
            "\n"
            "--json prints {\"authentic\", \"complete\", \"absent\", \"subject\", \"as_of_height\", "
            "\"as_of_time_ms\", \"events\",\n"
            "\"withheld\"} of a history, events and withheld being counts; of the others what tally receipt "
            "and tally\n"
            "checkpoint print.\n",
    .run = verify_run,
};

static enum tool_exit verify_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {
        {"genesis", true}, {"min-height", true}, {"max-age", true}, {NULL, false}};
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help verify", why);
    }
    const char *genesis_path = args_value(&args, "genesis");
    if (args.positional_count != 1 || genesis_path == NULL) {
        return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally verify FILE --genesis FILE");
    }
    struct genesis *genesis = NULL;
    struct proof_trust *trust = calloc(1, sizeof *trust);
    if (trust == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    enum tool_exit code = genesis_open(context, genesis_path, &genesis);
    if (code == TOOL_DONE) code = trust_from_genesis(context, genesis, trust);
    if (code == TOOL_DONE) code = bounds_take(context, &args, trust);
    if (code == TOOL_DONE) code = file_verify(context, args.positionals[0], trust);
    free(genesis);
    free(trust);
    return code;
}

static enum tool_exit bounds_take(struct context *context, const struct args *args, struct proof_trust *trust)
{
    const char *height = args_value(args, "min-height"), *age = args_value(args, "max-age");
    uint64_t seconds = 0;
    if (height != NULL && number_from_text(height, 0, UINT64_MAX, &trust->height_min) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "--min-height is a height, not '%s'", height);
    }
    if (age != NULL && number_from_text(age, 0, UINT32_MAX, &seconds) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "--max-age is a number of seconds, not '%s'", age);
    }
    uint64_t now_ms = clock_wall_ms();
    /* 0 would mean any time, so an age that reaches back before 1970 asks for the first millisecond. */
    if (age != NULL) trust->time_ms_min = seconds * 1000 < now_ms ? now_ms - seconds * 1000 : 1;
    return TOOL_DONE;
}

static enum tool_exit history_file_verify(
    struct context *context, const char *path, struct span bytes, const struct proof_trust *trust)
{
    struct arena arena;
    struct proof_verdict verdict;
    struct history_proof *proof = calloc(1, sizeof *proof);
    if (proof == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    arena_init(&arena, PROOF_ARENA_BUDGET);
    int error = history_verify(trust, bytes, &arena, proof, &verdict);
    enum tool_exit code = error != TALLY_OK ? verdict_fail(context, path, error, &verdict)
                                            : verdict_show(context, proof, &verdict);
    arena_close(&arena);
    free(proof);
    return code;
}

static enum tool_exit bytes_verify(
    struct context *context, const char *path, struct span bytes, const struct proof_trust *trust)
{
    struct proof_verdict verdict;
    struct receipt receipt;
    struct consistency_proof consistency;
    struct certified_checkpoint certified;
    int error;
    switch (proof_form_of(bytes)) {
    case PROOF_FORM_HISTORY:
        return history_file_verify(context, path, bytes, trust);
    case PROOF_FORM_RECEIPT:
        error = receipt_verify(trust, bytes, &receipt, &verdict);
        return error == TALLY_OK ? receipt_show(context, &receipt)
                                 : verdict_fail(context, path, error, &verdict);
    case PROOF_FORM_CONSISTENCY:
        error = consistency_verify(trust, bytes, &consistency, &verdict);
        return error == TALLY_OK ? consistency_show(context, &consistency)
                                 : verdict_fail(context, path, error, &verdict);
    case PROOF_FORM_CHECKPOINT:
        error = certified_checkpoint_verify(trust, bytes, &certified, &verdict);
        return error == TALLY_OK ? checkpoint_show(context, &certified)
                                 : verdict_fail(context, path, error, &verdict);
    }
    CHECK_UNREACHABLE();
}

static enum tool_exit file_verify(struct context *context, const char *path, const struct proof_trust *trust)
{
    char why[MESSAGE_SIZE_MAX / 2];
    struct buffer bytes;
    buffer_init(&bytes, PROOF_FILE_SIZE_MAX);
    int error = file_read(path, &bytes, why, sizeof why);
    enum tool_exit code = error == TALLY_OK ? bytes_verify(context, path, buffer_span(&bytes), trust)
                                            : context_fail(context, TOOL_REFUSED,
                                                  error == TALLY_ELIMIT ? "FORM" : "FILE", "%s", why);
    buffer_close(&bytes);
    return code;
}

static enum tool_exit verdict_show(
    struct context *context, const struct history_proof *proof, const struct proof_verdict *verdict)
{
    char time[TIME_TEXT_SIZE], subject[2 * DIGEST_SIZE + 1];
    hex_encode(span_of(proof->subject_id.bytes, DIGEST_SIZE), subject);
    if (context->json) {
        return output_json_take(context,
            json_pack("{s:b, s:b, s:b, s:s, s:I, s:I, s:I, s:I}", "authentic", verdict->authentic, "complete",
                verdict->complete, "absent", verdict->absent, "subject", subject, "as_of_height",
                (json_int_t)verdict->as_of_height, "as_of_time_ms", (json_int_t)verdict->as_of_time_ms,
                "events", (json_int_t)verdict->events, "withheld", (json_int_t)verdict->withheld));
    }
    time_to_text(verdict->as_of_time_ms, time);
    printf("subject   %s\n", subject);
    printf("authentic %s\n", verdict->authentic ? "yes" : "no");
    printf("complete  %s\n", verdict->complete ? "yes" : "no");
    if (verdict->absent) {
        printf("events    none: there is no file\n");
    } else {
        printf(
            "events    %u%s\n", verdict->events, verdict->withheld > 0 ? ", some without their bodies" : "");
    }
    printf("as of     height %llu, %s\n", (unsigned long long)verdict->as_of_height, time);
    return TOOL_DONE;
}
