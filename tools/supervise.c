#include "proto/codec/subject_scheme.h"
#include "tools/args.h"
#include "tools/inquiry.h"
#include "tools/output.h"
#include "tools/signer.h"

static enum tool_exit supervise_run(struct context *context, int count, char **arguments);

const struct command command_supervise = {
    .name = "supervise",
    .summary = "records that a regulator reads what all members wrote in some blocks",
    .help = "usage: tally --home DIR supervise FIRST LAST --purpose P [--operator NAME]\n"
            "\n"
            "Of a regulator's home. Signs an inquiry about the blocks from height FIRST to LAST, at most "
            "1,000,000, on the legal\n"
            "basis SUPERVISION, submits it, waits until it is under a certified checkpoint, and verifies its "
            "receipt. From then on,\n"
            "and for as long as the policy has inquiries answered, the home's node tells the events in these "
            "blocks whole: tally\n"
            "block and tally watch, with --inquiry ID. LAST may be a block still to come. Every member sees "
            "the inquiry in its block.\n"
            "\n"
            "  --purpose P      why: CREDIT_DECISION, ACCOUNT_REVIEW, GUARANTEE, COLLECTION, EMPLOYMENT or "
            "SUBJECT_REQUEST, of\n"
            "                   those that the policy allows\n"
            "  --operator NAME  who asks at the member, of whom the ledger gets a keyed digest; the login "
            "name unless given\n"
            "\n"
            "--json prints {\"inquiry\", \"height\"}. A refusal exits 1 with its result.\n",
    .run = supervise_run,
};

static enum tool_exit supervise_make(struct context *context, const struct args *args, struct signer *signer,
    const struct block_range *blocks, struct member_event *event)
{
    const struct inquiry inquiry = {
        .is_asked = true,
        .purpose = args_value(args, "purpose"),
        .legal_basis = credit_legal_basis_names[LEGAL_SUPERVISION - 1],
        .operator_name = args_value(args, "operator"),
    };
    const struct digest subject = subject_of_blocks(blocks);
    return inquiry_event_make(context, &signer->keys, &subject, &inquiry, event);
}

static enum tool_exit supervise_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"purpose", true}, {"operator", true}, {NULL, false}};
    struct member_event event = {.batch = NULL};
    struct block_range blocks;
    struct args args;
    struct signer *signer;
    struct receipt receipt;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help supervise", why);
    if (args.positional_count != 2 || args_value(&args, "purpose") == NULL ||
        number_from_text(args.positionals[0], 1, UINT64_MAX, &blocks.first) != TALLY_OK ||
        number_from_text(args.positionals[1], 1, UINT64_MAX, &blocks.last) != TALLY_OK ||
        !block_range_is_valid(&blocks))
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally --home DIR supervise FIRST LAST --purpose P, heights of at most %u blocks",
            SUBJECT_BLOCKS_MAX);
    enum tool_exit code = signer_open(context, &signer);
    if (code == TOOL_DONE) code = supervise_make(context, &args, signer, &blocks, &event);
    if (code == TOOL_DONE) code = signer_submit(context, signer, &event, &receipt);
    if (code == TOOL_DONE) code = signer_show(context, "inquiry", "inquiry", &receipt);
    member_event_close(&event);
    signer_close(signer);
    return code;
}
