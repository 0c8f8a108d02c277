/* `tally blame`: who made a fork, from its two sides; and evidence that was saved, checked again. */
#include <stdio.h>
#include <stdlib.h>

#include "tools/args.h"
#include "tools/blame_report.h"
#include "tools/blame_source.h"
#include "tools/home.h"

/* What blame reads of both chains at a time. */
#define CHAINS_ARENA_BUDGET (512u * MIB)

static enum tool_exit blame_run(struct context *context, int count, char **arguments);

const struct command command_blame = {
    .name = "blame",
    .summary = "who signed both sides of a conflict",
    .help =
        "usage: tally blame A B --genesis FILE [--seals FILE] [--out FILE]\n"
        "       tally blame --check FILE --genesis FILE [--seals FILE]\n"
        "\n"
        "Compares two records that should agree, offline, and where they conflict names the validators that "
        "signed what\n"
        "no honest validator signs, with the signed messages that prove it. A and B are each\n"
        "\n"
        "  a node's home, or its data directory: the ledger of a stopped node, which is read and not "
        "changed;\n"
        "  or what tally history --out or tally checkpoint --out saved, or a saved receipt.\n"
        "\n"
        "Two ledgers that part at a height convict at least 2q - n of n validators, where q is a quorum. Of "
        "two saved\n"
        "answers the checkpoints are compared, so they must be of one height: checkpoints of two blocks at "
        "a height are\n"
        "guilt; two results of one block are a divergence, which is a fault or a lie, and both signatures "
        "are shown.\n"
        "\n"
        "  --genesis FILE   the network's genesis, from a source that is trusted: names and keys\n"
        "  --seals FILE     where what conflicts is of a later epoch than the first: an answer that was "
        "saved "
        "since then, of\n"
        "                   this network, by tally checkpoint --out for one. It says how epochs ended, "
        "signed "
        "by each one's\n"
        "                   own validators, so it need not be trusted. Saved answers that are compared have "
        "it with them.\n"
        "                   Each epoch is judged by its own keys, whatever has come in their place since\n"
        "  --out FILE       save the evidence, a line for each validator, for anybody to check; an existing "
        "file is\n"
        "                   replaced\n"
        "  --check FILE     check saved evidence, or a node's data/evidence.jsonl, line by line\n"
        "\n"
        "The exit status is 0 where validators are named, and 1 where the two do not conflict, where they "
        "conflict in\n"
        "a way that convicts nobody, or where one of them cannot be read or does not hold.\n"
        "\n"
        "--json prints {\"conflict\", \"height\", \"culprits\": [{\"validator\", \"member\", "
        "\"member_name\", "
        "\"signer\", \"key\", \"guilty\",\n"
        "\"reason\", \"detail\", \"signed\": [{\"what\", \"epoch\", \"view\" or \"height\", \"block\", "
        "\"bytes\", "
        "\"digest\", "
        "\"signature\"}, ..], \"evidence\"},\n"
        "..]}; conflict is \"fork\", \"divergence\", or, with --check, \"saved\", where height is null. "
        "bytes are what was signed, "
        "digest "
        "is their\n"
        "SHA-256, and signature is ECDSA on secp256k1 by key over it.\n",
    .run = blame_run,
};

/* Everything of one run. */
struct blaming {
    struct genesis *genesis;
    struct blame_epochs epochs;
    struct blame_source seals; /* what --seals names, if anything */
    struct blame blame;
    struct arena arena; /* of the chains */
    uint64_t height;    /* where the two part */
    struct blame_report report;
};

static enum tool_exit tell_all(struct context *context, struct blaming *blaming, const char *conflict)
{
    enum tool_exit code = TOOL_DONE;
    for (uint32_t i = 0; code == TOOL_DONE && i < blaming->blame.count; i++)
        code = blame_report_add(context, &blaming->report, &blaming->blame.culprits[i], "the evidence");
    return code == TOOL_DONE ? blame_report_end(context, &blaming->report, conflict, blaming->height) : code;
}

static enum tool_exit refuse(
    struct context *context, const struct blaming *blaming, const struct blame_source sources[2])
{
    const struct blame *blame = &blaming->blame;
    if (blame->at_fault < 0) {
        return context_fail(context, TOOL_REFUSED, "EVIDENCE", "%s and %s: %s", sources[0].path,
            sources[1].path, blame->detail);
    }
    return context_fail(context, TOOL_REFUSED, "EVIDENCE", "%s proves nothing: %s",
        sources[blame->at_fault].path, blame->detail);
}

/* ---- Comparing ---- */

static const char *torn_note(const struct blame_source *source)
{
    return source->torn ? " (a torn end was left out)" : "";
}

static enum tool_exit compare_ledgers(
    struct context *context, struct blaming *blaming, const struct blame_source sources[2])
{
    struct blame_chain chains[2];
    const struct verify_set *validators = &blaming->epochs.validators;
    enum tool_exit code = blame_fork_find(context, &sources[0], &sources[1], &blaming->height);
    for (int i = 0; code == TOOL_DONE && i < 2; i++)
        code = blame_chain_read(context, &sources[i], blaming->height, &blaming->arena, &chains[i]);
    if (code != TOOL_DONE) return code;
    if (chains[0].count == 0 || chains[1].count == 0) {
        return context_fail(context, TOOL_REFUSED, "AGREE",
            "the two ledgers agree in all %llu blocks that both hold; %s holds %llu%s, and %s holds %llu%s",
            (unsigned long long)(blaming->height - 1), sources[0].path,
            (unsigned long long)ledger_height(sources[0].ledger), torn_note(&sources[0]), sources[1].path,
            (unsigned long long)ledger_height(sources[1].ledger), torn_note(&sources[1]));
    }
    /* Two children of one block are of one epoch. */
    code = blame_epochs_reach(
        context, &blaming->epochs, chains[0].blocks[0].header.epoch, "where the two ledgers part");
    if (code != TOOL_DONE) return code;
    struct blame_law law = blame_law_of(validators, &blaming->genesis->chain_id);
    if (blame_chains(&law, &chains[0], &chains[1], &blaming->blame) != TALLY_OK)
        return refuse(context, blaming, sources);
    if (blaming->blame.count == 0) {
        return context_fail(context, TOOL_REFUSED, "KIND",
            "the two ledgers conflict at height %llu, where an epoch ends by blocks of which headers alone "
            "are kept, "
            "and what both hold convicts nobody",
            (unsigned long long)blaming->height);
    }
    if (!context->json) {
        printf("fork at height %llu: both blocks are finalized; %u of %u validators signed both sides\n",
            (unsigned long long)blaming->height, blaming->blame.count, validators->set.count);
    }
    return tell_all(context, blaming, "fork");
}

static enum tool_exit compare_answers(
    struct context *context, struct blaming *blaming, const struct blame_source sources[2])
{
    const struct checkpoint *first = &sources[0].checkpoint.checkpoint;
    const struct checkpoint *second = &sources[1].checkpoint.checkpoint;
    const struct verify_set *validators = &blaming->epochs.validators;
    if (first->height == second->height && first->epoch != second->epoch) {
        return context_fail(context, TOOL_REFUSED, "KIND",
            "the two are of one height and of different epochs, so they conflict, and two checkpoints do not "
            "tell who made it; compare the ledgers of nodes that hold their blocks");
    }
    enum tool_exit code = blame_epochs_reach(context, &blaming->epochs, first->epoch, sources[0].path);
    if (code != TOOL_DONE) return code;
    if (blame_checkpoints(validators, &blaming->genesis->chain_id, &sources[0].checkpoint,
            &sources[1].checkpoint, &blaming->blame) != TALLY_OK) {
        if (blaming->blame.at_fault >= 0) return refuse(context, blaming, sources);
        return context_fail(context, TOOL_REFUSED, "HEIGHT",
            "%s is as of height %llu and %s of height %llu; save two of one height, by: tally checkpoint "
            "HEIGHT "
            "--out FILE",
            sources[0].path, (unsigned long long)first->height, sources[1].path,
            (unsigned long long)second->height);
    }
    blaming->height = first->height;
    if (!blaming->blame.conflict) {
        return context_fail(context, TOOL_REFUSED, "AGREE",
            "the two agree: both rest on one checkpoint of height %llu", (unsigned long long)blaming->height);
    }
    const char *conflict = digest_equal(&first->block, &second->block) ? "divergence" : "fork";
    if (!context->json) {
        printf("%s at height %llu: %u of %u validators signed both checkpoints\n", conflict,
            (unsigned long long)blaming->height, blaming->blame.count, validators->set.count);
    }
    return tell_all(context, blaming, conflict);
}

/* A checkpoint's signers need not have voted for its block, nor the voters have signed it, so these two
 * together convict nobody. */
static enum tool_exit compare_mixed(struct context *context, struct blaming *blaming,
    const struct blame_source *ledger, const struct blame_source *answer)
{
    const struct checkpoint *checkpoint = &answer->checkpoint.checkpoint;
    struct digest hash;
    enum tool_exit code = blame_epochs_reach(context, &blaming->epochs, checkpoint->epoch, answer->path);
    if (code != TOOL_DONE) return code;
    if (!digest_equal(&checkpoint->chain_id, &blaming->genesis->chain_id) ||
        certified_checkpoint_check(&blaming->epochs.validators, &answer->checkpoint) != TALLY_OK) {
        return context_fail(context, TOOL_REFUSED, "EVIDENCE",
            "%s proves nothing: its checkpoint is not signed by a quorum of its epoch's validators",
            answer->path);
    }
    unsigned long long height = checkpoint->height;
    int error = ledger_hash(ledger->ledger, checkpoint->height, &hash);
    if (error == TALLY_ENOTFOUND) {
        return context_fail(context, TOOL_REFUSED, "HEIGHT", "%s ends below height %llu, which %s speaks of",
            ledger->path, height, answer->path);
    }
    if (error != TALLY_OK) {
        return context_fail(context, TOOL_REFUSED, "LEDGER",
            "block %llu of the ledger in %s cannot be read: %s", height, ledger->path,
            tally_error_text(error));
    }
    if (digest_equal(&hash, &checkpoint->block)) {
        return context_fail(
            context, TOOL_REFUSED, "AGREE", "the two agree: they name one block of height %llu", height);
    }
    return context_fail(context, TOOL_REFUSED, "KIND",
        "the two conflict at height %llu, but a ledger and a checkpoint convict nobody; compare the ledger "
        "of a "
        "node that holds %s's block, or a checkpoint of a node with %s's",
        height, answer->path, ledger->path);
}

static enum tool_exit compare(struct context *context, struct blaming *blaming, const struct args *args)
{
    struct blame_source sources[2] = {{0}};
    enum tool_exit code = TOOL_DONE;
    for (int i = 0; code == TOOL_DONE && i < 2; i++)
        code = blame_source_open(context, args->positionals[i], &blaming->genesis->chain_id, &sources[i]);
    for (int i = 0; code == TOOL_DONE && i < 2; i++)
        blame_epochs_learn(&blaming->epochs, buffer_span(&sources[i].seals));
    if (code == TOOL_DONE) {
        bool first = sources[0].ledger != NULL, second = sources[1].ledger != NULL;
        if (first && second)
            code = compare_ledgers(context, blaming, sources);
        else if (!first && !second)
            code = compare_answers(context, blaming, sources);
        else
            code = compare_mixed(context, blaming, &sources[first ? 0 : 1], &sources[first ? 1 : 0]);
    }
    blame_source_close(&sources[0]);
    blame_source_close(&sources[1]);
    return code;
}

static enum tool_exit seals_open(struct context *context, struct blaming *blaming, const char *path)
{
    struct blame_source *seals = &blaming->seals;
    enum tool_exit code = blame_source_open(context, path, &blaming->genesis->chain_id, seals);
    if (code == TOOL_DONE && seals->ledger != NULL) {
        code = context_fail(context, TOOL_USAGE, "USAGE",
            "%s is a home, and --seals wants a file that was saved by tally checkpoint --out", path);
    }
    if (code == TOOL_DONE) blame_epochs_learn(&blaming->epochs, buffer_span(&seals->seals));
    return code;
}

static enum tool_exit blame_start(struct context *context, struct blaming *blaming, const struct args *args)
{
    const char *saved = args_value(args, "check"), *seals = args_value(args, "seals");
    enum tool_exit code = genesis_open(context, args_value(args, "genesis"), &blaming->genesis);
    if (code == TOOL_DONE) code = blame_epochs_open(context, blaming->genesis, &blaming->epochs);
    if (code == TOOL_DONE && seals != NULL) code = seals_open(context, blaming, seals);
    if (code != TOOL_DONE) return code;
    blame_report_init(&blaming->report, &blaming->epochs, args_value(args, "out"));
    code = saved != NULL ? blame_report_saved(context, &blaming->report, saved)
                         : compare(context, blaming, args);
    blame_report_close(&blaming->report);
    return code;
}

static enum tool_exit blame_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {
        {"genesis", true}, {"seals", true}, {"out", true}, {"check", true}, {NULL, false}};
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help blame", why);
    bool checks = args_value(&args, "check") != NULL;
    if (args_value(&args, "genesis") == NULL || args.positional_count != (checks ? 0 : 2) ||
        (checks && args_value(&args, "out") != NULL)) {
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally blame A B --genesis FILE [--seals FILE] [--out FILE], or tally blame --check FILE "
            "--genesis FILE [--seals FILE]");
    }
    struct blaming *blaming = calloc(1, sizeof *blaming);
    if (blaming == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    arena_init(&blaming->arena, CHAINS_ARENA_BUDGET);
    enum tool_exit code = blame_start(context, blaming, &args);
    blame_source_close(&blaming->seals);
    arena_close(&blaming->arena);
    free(blaming->genesis);
    free(blaming);
    return code;
}
