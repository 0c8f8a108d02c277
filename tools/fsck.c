/* `tally fsck`: what a stopped node has on disk, looked at byte by byte. */
#include "storage/fsck.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/credit/subject_state.h"
#include "proto/proof/blame.h"
#include "tools/args.h"
#include "tools/line_reader.h"
#include "tools/output.h"
#include "tools/trust.h"

/* Problems listed in one answer; all are counted. */
#define LISTED_MAX 10000u
#define PROGRESS_MS 200u
#define THEN_EVIDENCE "the node only adds lines to it: take this one out; each of the others stands by itself"

static enum tool_exit fsck_command_run(struct context *context, int count, char **arguments);

const struct command command_fsck = {
    .name = "fsck",
    .summary = "looks for damage in what a stopped node has on disk",
    .help =
        "usage: tally --home DIR fsck\n"
        "\n"
        "Reads all that the stopped node of DIR keeps in DIR/data, and names whatever is not as it was "
        "written: every\n"
        "record and digest of the ledger; each block's hash, parent, leader's signature, batch signatures, "
        "and the\n"
        "finalization by a quorum of it or of a block behind it; each body against its event; the vote "
        "record; the state,\n"
        "with its roots against the blocks and the signed checkpoints; the snapshots; the kept evidence. An "
        "event whose "
        "body "
        "was erased,\n"
        "or never came, is counted as withheld, and is no damage. What is slack in these files, where any "
        "byte may change\n"
        "and nothing is lost, stands in storage/fsck.h.\n"
        "\n"
        "For each damaged thing it tells the file, the byte, the height of the block (in votes/, the view), "
        "what is wrong,\n"
        "and what the node will do about it or what an operator is to do. Nothing is mended or changed; "
        "LevelDB alone\n"
        "moves its own log into a table, as at any start. While the node runs it refuses.\n"
        "\n"
        "The exit status is 0 where all is whole, and 1 where something is damaged, or cannot be looked at.\n"
        "\n"
        "--json prints {\"clean\", \"problems\": [{\"file\", \"offset\" or null, \"height\" or null, "
        "\"what\", \"then\"}, ..],\n"
        "\"problem_count\", \"height\", \"blocks\", \"events\", \"batches\", \"signatures\", \"bodies\", "
        "\"withheld\", \"mended\", \"votes\", \"state_height\",\n"
        "\"state_keys\", \"checkpoints\", \"snapshots\", \"evidence\", \"files\", \"bytes\"}; at most 10,000 "
        "problems are "
        "listed.\n",
    .run = fsck_command_run,
};

struct checking {
    struct context *context;
    json_t *problems; /* NULL where they are printed as they come */
    uint64_t shown_ms;
    uint64_t evidence;
    struct fsck_counts counts;
};

/* ---- Telling ---- */

static json_t *number_or_null(uint64_t number, uint64_t none)
{
    return number == none ? json_null() : json_integer((json_int_t)number);
}

static void on_found(void *context, const struct fsck_problem *problem)
{
    struct checking *checking = context;
    if (checking->problems != NULL) {
        if (json_array_size(checking->problems) >= LISTED_MAX) return;
        json_array_append_new(checking->problems,
            json_pack("{s:s, s:o, s:o, s:s, s:s}", "file", problem->file, "offset",
                number_or_null(problem->offset, FSCK_NO_OFFSET), "height", number_or_null(problem->height, 0),
                "what", problem->what, "then", problem->then));
        return;
    }
    progress_end();
    printf("%s", problem->file);
    if (problem->offset != FSCK_NO_OFFSET) printf(", byte %" PRIu64, problem->offset);
    if (problem->height != 0)
        printf(", %s %" PRIu64, strncmp(problem->file, "votes", 5) == 0 ? "view" : "height", problem->height);
    printf(": %s\n    %s\n", problem->what, problem->then);
}

static void on_progress(void *context, const char *what, uint64_t done, uint64_t of)
{
    struct checking *checking = context;
    if (!progress_is_shown()) return;
    uint64_t now = clock_steady_ms();
    if (now - checking->shown_ms < PROGRESS_MS) return;
    checking->shown_ms = now;
    progress_show("%s: %" PRIu64 " of %" PRIu64 " MiB", what, done >> 20, of >> 20);
}

static enum tool_exit tell_all(struct checking *checking)
{
    const struct fsck_counts *counts = &checking->counts;
    bool clean = counts->problems == 0;
    progress_end();
    if (checking->problems != NULL) {
        enum tool_exit code = output_json_take(checking->context,
            json_pack("{s:b, s:O, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
                      "s:I, s:I}",
                "clean", clean, "problems", checking->problems, "problem_count", (json_int_t)counts->problems,
                "height", (json_int_t)counts->height, "blocks", (json_int_t)counts->blocks, "events",
                (json_int_t)counts->events, "batches", (json_int_t)counts->batches, "signatures",
                (json_int_t)counts->signatures, "bodies", (json_int_t)counts->bodies, "withheld",
                (json_int_t)counts->withheld, "mended", (json_int_t)counts->mended, "votes",
                (json_int_t)counts->votes, "state_height", (json_int_t)counts->state_height, "state_keys",
                (json_int_t)counts->state_keys, "checkpoints", (json_int_t)counts->checkpoints, "snapshots",
                (json_int_t)counts->snapshots, "evidence", (json_int_t)checking->evidence, "files",
                (json_int_t)counts->files, "bytes", (json_int_t)counts->bytes));
        return code == TOOL_DONE && !clean ? TOOL_REFUSED : code;
    }
    if (clean)
        printf("clean");
    else
        printf("%" PRIu64 " problem%s", counts->problems, counts->problems == 1 ? "" : "s");
    printf(": %" PRIu64 " blocks with %" PRIu64 " events, final up to height %" PRIu64 "; %" PRIu64
           " bodies, %" PRIu64 " withheld; %" PRIu64 " signatures; %" PRIu64
           " vote records; state of height %" PRIu64 " with %" PRIu64 " keys, %" PRIu64
           " signed checkpoints; %" PRIu64 " snapshots\n",
        counts->blocks, counts->events, counts->height, counts->bodies, counts->withheld, counts->signatures,
        counts->votes, counts->state_height, counts->state_keys, counts->checkpoints, counts->snapshots);
    return clean ? TOOL_DONE : TOOL_REFUSED;
}

/* ---- The kept evidence ---- */

static const char *line_fault(const struct proof_trust *trust, struct span line)
{
    struct arena arena;
    struct evidence evidence;
    struct public_key key;
    struct evidence_verdict verdict;
    const struct validator_set *set = &trust->validators.set;
    const char *fault = NULL;
    arena_init(&arena, EVIDENCE_ARENA_SIZE);
    if (evidence_line_read(line, &arena, &evidence, &key) != TALLY_OK)
        fault = "this line is not evidence in its one form";
    else if (evidence.signer >= set->count || !public_key_equal(&set->keys[evidence.signer], &key))
        fault = "this line names another key than its signer's";
    else if (evidence_check(&trust->validators, &trust->chain_id, &evidence, &arena, &verdict) != TALLY_OK)
        fault = verdict.reason;
    arena_close(&arena);
    return fault;
}

static void evidence_tell(struct checking *checking, uint64_t offset, const char *what)
{
    struct fsck_problem problem = {
        .file = "evidence.jsonl", .offset = offset, .what = what, .then = THEN_EVIDENCE};
    checking->counts.problems++;
    on_found(checking, &problem);
}

static int evidence_lines(struct checking *checking, const struct proof_trust *trust, int file)
{
    struct line_reader reader;
    struct span line;
    struct stat status;
    uint64_t offset = 0;
    int error = line_reader_open(&reader, file, EVIDENCE_LINE_SIZE_MAX);
    if (error != TALLY_OK) return error;
    while ((error = line_reader_next(&reader, &line)) == TALLY_OK) {
        const char *fault = line_fault(trust, line);
        if (fault != NULL) evidence_tell(checking, offset, fault);
        checking->evidence++;
        offset += line.size + 1;
    }
    line_reader_close(&reader);
    if (error == TALLY_ELIMIT) evidence_tell(checking, offset, "a line is too long for evidence");
    if (error != TALLY_ENOTFOUND && error != TALLY_ELIMIT) return error;
    /* Each line has its newline, and nothing else stands before it. */
    if (error == TALLY_ENOTFOUND && fstat(file, &status) == 0 && (uint64_t)status.st_size != offset)
        evidence_tell(checking, offset - 1, "a line does not end as it was written");
    return TALLY_OK;
}

static enum tool_exit evidence_walk(
    struct checking *checking, const struct genesis *genesis, const char *data)
{
    struct context *context = checking->context;
    char path[HOME_PATH_MAX];
    struct proof_trust *trust = calloc(1, sizeof *trust);
    if (trust == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    enum tool_exit code = path_join(context, data, "evidence.jsonl", path);
    if (code == TOOL_DONE) code = trust_from_genesis(context, genesis, trust);
    int file = code == TOOL_DONE ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (code == TOOL_DONE && file < 0 && errno != ENOENT)
        code = context_fail(context, TOOL_REFUSED, "FILE", "cannot read %s: %s", path, strerror(errno));
    if (file >= 0) {
        if (evidence_lines(checking, trust, file) != TALLY_OK)
            code = context_fail(context, TOOL_REFUSED, "FILE", "cannot read %s", path);
        close(file);
    }
    free(trust);
    return code;
}

/* ---- The command ---- */

static bool is_validator(const struct genesis *genesis, const char *name)
{
    for (uint32_t i = 0; i < genesis->validator_count; i++)
        if (strcmp(genesis->validators[i].name, name) == 0) return true;
    return false;
}

static enum tool_exit check_locked(
    struct checking *checking, const struct home *home, const struct genesis *genesis, const char *data)
{
    struct fsck_options options = {.dir = data,
        .genesis = genesis,
        .is_validator = is_validator(genesis, home->name),
        .accounts = subject_state_chains,
        .found = on_found,
        .progress = on_progress,
        .context = checking};
    int error = fsck_run(&options, &checking->counts);
    if (error != TALLY_OK) {
        progress_end();
        return context_fail(checking->context, TOOL_REFUSED, "DATA", "%s cannot be looked at to the end: %s",
            data, tally_error_text(error));
    }
    enum tool_exit code = evidence_walk(checking, genesis, data);
    return code == TOOL_DONE ? tell_all(checking) : code;
}

static enum tool_exit fsck_command_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec no_options[] = {{NULL, false}};
    struct args args;
    struct home home;
    struct genesis *genesis = NULL;
    char why[MESSAGE_SIZE_MAX / 2], data[HOME_PATH_MAX];
    int lock;
    if (args_parse(no_options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help fsck", why);
    if (args.positional_count != 0)
        return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally --home DIR fsck");
    enum tool_exit code = home_open_given(context, &home);
    if (code == TOOL_DONE) code = path_join(context, home.path, "data", data);
    if (code == TOOL_DONE) code = home_genesis(context, &home, &genesis);
    if (code == TOOL_DONE) code = data_lock(context, data, &lock);
    if (code == TOOL_DONE) {
        struct checking checking = {.context = context, .problems = context->json ? json_array() : NULL};
        code = check_locked(&checking, &home, genesis, data);
        json_decref(checking.problems);
        disk_unlock(disk_system(), lock);
    }
    free(genesis);
    return code;
}
