/* `tally audit`: whether what a stopped node has is what the rules give. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/disk.h"
#include "tools/args.h"
#include "tools/audit_run.h"
#include "tools/audit_work.h"
#include "tools/interrupt.h"
#include "tools/output.h"
#include "tools/trust.h"

/* Differences listed in one answer; all are counted. */
#define LISTED_MAX 1000u
#define PROGRESS_MS 200u

static enum tool_exit audit_command_run(struct context *context, int count, char **arguments);

const struct command command_audit = {
    .name = "audit",
    .summary = "replays a stopped node's ledger, and says whether all follows from the rules",
    .help =
        "usage: tally --home DIR audit [--checkpoint FILE] [--work-dir DIR]\n"
        "\n"
        "Reads the ledger of the stopped node of DIR from its first block on, and applies it anew to an "
        "empty "
        "state, by the\n"
        "code that nodes run. It says whether\n"
        "\n"
        "  - every block follows its parent, is signed by its leader, and is final by a quorum;\n"
        "  - every batch is signed with a key of its member's;\n"
        "  - every event body is the one that its event commits to (an erased one is counted as withheld, "
        "and "
        "is no fault);\n"
        "  - every checkpoint that a quorum signed has the state_root, results_root and history_root that "
        "the "
        "rules give;\n"
        "  - the node's own state has, for every event, the result that the rules give, and stands on the "
        "same "
        "roots.\n"
        "\n"
        "Each difference is named with its height, and where it is one's with the batch, the event's index "
        "in "
        "the block, its\n"
        "id and the member; the first one is named again at the end. Nothing in DIR is changed. What the "
        "node's files are\n"
        "byte by byte is for tally fsck. While the node runs it refuses.\n"
        "\n"
        "A node that began with a snapshot can be audited once it has all older blocks. Before that, and "
        "behind a block that\n"
        "is damaged, no root can be computed; the audit says from where to where, and looks at all else.\n"
        "\n"
        "  --checkpoint FILE  one more checkpoint to hold it against, as tally checkpoint --out saved it: "
        "from "
        "another node,\n"
        "                     for one that keeps no word of its own, such as a backup that was restored and "
        "not "
        "started\n"
        "  --work-dir DIR     where the state is made, and the node's own copied to, in a folder that is "
        "gone\n"
        "                     afterwards; without it, beside the home. It takes twice the space of "
        "data/state, "
        "and the\n"
        "                     memory of two nodes\n"
        "\n"
        "The verdict is EQUAL (exit status 0); or DIFFERENT, or INCOMPLETE where nothing differs but not all "
        "could be audited\n"
        "(both 1).\n"
        "\n"
        "--json prints {\"verdict\", \"differences\": [{\"height\" or null, \"batch\" or null, \"index\" or "
        "null, \"event_id\" or\n"
        "null, \"member\" or null, \"what\"}, ..], \"difference_count\", \"height\", \"blocks\", \"events\", "
        "\"batches\", \"signatures\",\n"
        "\"bodies\", \"withheld\", \"replayed\" (every root up to this height was computed), \"missing\": "
        "[FIRST, LAST] or null,\n"
        "\"results\", \"checkpoints\", \"certified\" (height of the newest), \"state_height\" or null, "
        "\"seconds\"}; at most 1,000\n"
        "differences are listed.\n",
    .run = audit_command_run,
};

struct auditing {
    struct context *context;
    struct audit_report report;
    json_t *listed; /* NULL where they are printed as they come */
    uint64_t began_ms, shown_ms;
    char first[MESSAGE_SIZE_MAX]; /* of the differences, as it was printed */
};

/* ---- Telling ---- */

static void difference_print(const struct audit_difference *difference, char *text, size_t size)
{
    char place[256] = "", id[2 * DIGEST_SIZE + 1];
    size_t at = 0;
    if (difference->height != 0)
        at += (size_t)snprintf(place, sizeof place, "height %" PRIu64, difference->height);
    if (difference->batch != AUDIT_NONE)
        at += (size_t)snprintf(place + at, sizeof place - at, ", batch %" PRIu32 " of member %" PRIu32,
            difference->batch, difference->member_id);
    if (difference->index != AUDIT_NONE) {
        hex_encode(span_of(difference->event_id->bytes, DIGEST_SIZE), id);
        snprintf(place + at, sizeof place - at, ", event %" PRIu32 " (%s)", difference->index, id);
    }
    snprintf(text, size, "%s%s%s", place, place[0] != '\0' ? ": " : "", difference->what);
}

static json_t *number_or_null(uint64_t number, bool is_there)
{
    return is_there ? json_integer((json_int_t)number) : json_null();
}

static void on_found(void *context, const struct audit_difference *difference)
{
    struct auditing *auditing = context;
    char text[MESSAGE_SIZE_MAX];
    difference_print(difference, text, sizeof text);
    if (auditing->report.counts.differences == 1) memcpy(auditing->first, text, sizeof text);
    if (auditing->report.counts.differences > LISTED_MAX) return;
    if (auditing->listed == NULL) {
        progress_end();
        printf("%s\n", text);
        return;
    }
    json_array_append_new(auditing->listed,
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:s}", "height",
            number_or_null(difference->height, difference->height != 0), "batch",
            number_or_null(difference->batch, difference->batch != AUDIT_NONE), "index",
            number_or_null(difference->index, difference->index != AUDIT_NONE), "event_id",
            difference->event_id != NULL ? json_digest(difference->event_id) : json_null(), "member",
            number_or_null(difference->member_id, difference->member_id != 0), "what", difference->what));
}

static bool on_progress(void *context, uint64_t height, uint64_t of)
{
    struct auditing *auditing = context;
    if (interrupt_came()) return false;
    uint64_t now = clock_steady_ms();
    if (!progress_is_shown() || now - auditing->shown_ms < PROGRESS_MS) return true;
    auditing->shown_ms = now;
    progress_show("height %" PRIu64 " of %" PRIu64 ", %" PRIu64 " %%, %" PRIu64 " events", height, of,
        height * 100 / of, auditing->report.counts.events);
    return true;
}

/* ---- The verdict ---- */

/* Why not all could be audited; NULL where all was. */
static const char *incomplete_reason(const struct audit_counts *counts)
{
    if (counts->height == 0) return "the ledger holds no block";
    if (counts->replayed < counts->height) return "not every root and result could be computed";
    if (counts->certified == 0) return "there is no checkpoint that a quorum signed to hold it against";
    return NULL;
}

static const char *verdict_of(const struct audit_counts *counts)
{
    if (counts->differences != 0) return "DIFFERENT";
    return incomplete_reason(counts) != NULL ? "INCOMPLETE" : "EQUAL";
}

static enum tool_exit tell_json(struct auditing *auditing, double seconds)
{
    const struct audit_counts *counts = &auditing->report.counts;
    bool missing = counts->missing_from != 0;
    json_t *range =
        missing ? json_pack("[I, I]", (json_int_t)counts->missing_from, (json_int_t)counts->missing_to)
                : json_null();
    return output_json_take(auditing->context,
        json_pack("{s:s, s:O, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:o, s:f}",
            "verdict", verdict_of(counts), "differences", auditing->listed, "difference_count",
            (json_int_t)counts->differences, "height", (json_int_t)counts->height, "blocks",
            (json_int_t)counts->blocks, "events", (json_int_t)counts->events, "batches",
            (json_int_t)counts->batches, "signatures", (json_int_t)counts->signatures, "bodies",
            (json_int_t)counts->bodies, "withheld", (json_int_t)counts->withheld, "replayed",
            (json_int_t)counts->replayed, "missing", range, "results", (json_int_t)counts->results,
            "checkpoints", (json_int_t)counts->checkpoints, "certified", (json_int_t)counts->certified,
            "state_height", number_or_null(counts->state_height, counts->state_height != 0), "seconds",
            seconds));
}

static void tell_text(struct auditing *auditing, double seconds)
{
    const struct audit_counts *counts = &auditing->report.counts;
    const char *why = incomplete_reason(counts);
    if (counts->differences > LISTED_MAX)
        printf("%" PRIu64 " more are not listed\n", counts->differences - LISTED_MAX);
    printf("%s: ", verdict_of(counts));
    if (counts->differences != 0)
        printf("%" PRIu64 " difference%s, the first at %s\n", counts->differences,
            counts->differences == 1 ? "" : "s", auditing->first);
    else if (why == NULL)
        printf("every signature, body, result and root is what the rules give\n");
    if (why != NULL) printf("%s%s", counts->differences != 0 ? "    " : "", why);
    if (counts->missing_from != 0)
        printf(": blocks %" PRIu64 " to %" PRIu64 " are not here, or damaged", counts->missing_from,
            counts->missing_to);
    if (why != NULL) printf("\n");
    printf("    %" PRIu64 " of %" PRIu64 " blocks with %" PRIu64 " events looked at, %" PRIu64
           " batches, %" PRIu64 " signatures; %" PRIu64 " bodies, %" PRIu64 " withheld\n",
        counts->blocks, counts->height, counts->events, counts->batches, counts->signatures, counts->bodies,
        counts->withheld);
    printf("    replayed up to height %" PRIu64 "; %" PRIu64 " checkpoints held against it, the newest of "
           "height %" PRIu64 "; %" PRIu64 " results of the node's own state, of height %" PRIu64 "; %.1f s\n",
        counts->replayed, counts->checkpoints, counts->certified, counts->results, counts->state_height,
        seconds);
}

static enum tool_exit tell(struct auditing *auditing)
{
    double seconds = (double)(clock_steady_ms() - auditing->began_ms) / 1000;
    const struct audit_counts *counts = &auditing->report.counts;
    enum tool_exit code = TOOL_DONE;
    progress_end();
    if (auditing->listed != NULL)
        code = tell_json(auditing, seconds);
    else
        tell_text(auditing, seconds);
    bool equal = counts->differences == 0 && incomplete_reason(counts) == NULL;
    return code == TOOL_DONE && !equal ? TOOL_REFUSED : code;
}

/* ---- The command ---- */

static enum tool_exit checkpoint_take(struct context *context, const struct genesis *genesis,
    const char *path, struct certified_checkpoint *certified)
{
    struct known_checkpoint *known = calloc(1, sizeof *known);
    struct proof_trust *trust = calloc(1, sizeof *trust);
    enum tool_exit code = trust != NULL && known != NULL
                              ? trust_from_genesis(context, genesis, trust)
                              : context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    if (code == TOOL_DONE) code = checkpoint_open(context, path, trust, known);
    if (code == TOOL_DONE) *certified = known->certified;
    free(trust);
    free(known);
    return code;
}

static enum tool_exit audit_locked(struct auditing *auditing, const struct home *home,
    const struct genesis *genesis, const char *data, const struct args *args)
{
    struct certified_checkpoint given;
    const char *given_path = args_value(args, "checkpoint");
    char why[MESSAGE_SIZE_MAX / 2];
    struct audit_work work;
    enum tool_exit code =
        given_path == NULL ? TOOL_DONE : checkpoint_take(auditing->context, genesis, given_path, &given);
    if (code != TOOL_DONE) return code;
    code = audit_work_open(auditing->context, home, args_value(args, "work-dir"), data, &work);
    if (code == TOOL_DONE) {
        struct audit_options options = {.data = data,
            .genesis = genesis,
            .checkpoint = given_path != NULL ? &given : NULL,
            .own_dir = work.own,
            .kept_dir = work.has_kept ? work.kept : NULL,
            .progress = on_progress,
            .context = auditing};
        int error = audit_run(&options, &auditing->report, why, sizeof why);
        progress_end();
        if (error == TALLY_ECLOSED)
            code = interrupt_fail(auditing->context);
        else if (error != TALLY_OK)
            code =
                context_fail(auditing->context, TOOL_REFUSED, "DATA", "%s cannot be audited: %s", data, why);
    }
    audit_work_close(&work);
    return code == TOOL_DONE ? tell(auditing) : code;
}

static enum tool_exit audit_command_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"checkpoint", true}, {"work-dir", true}, {NULL, false}};
    struct args args;
    struct home home;
    struct genesis *genesis = NULL;
    char why[MESSAGE_SIZE_MAX / 2], data[HOME_PATH_MAX];
    int lock;
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help audit", why);
    if (args.positional_count != 0)
        return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally --home DIR audit");
    interrupt_catch();
    enum tool_exit code = home_open_given(context, &home);
    if (code == TOOL_DONE) code = path_join(context, home.path, "data", data);
    if (code == TOOL_DONE) code = home_genesis(context, &home, &genesis);
    if (code == TOOL_DONE) code = data_lock(context, data, &lock);
    if (code == TOOL_DONE) {
        struct auditing auditing = {
            .context = context, .listed = context->json ? json_array() : NULL, .began_ms = clock_steady_ms()};
        auditing.report = (struct audit_report){.found = on_found, .context = &auditing};
        code = audit_locked(&auditing, &home, genesis, data, &args);
        json_decref(auditing.listed);
        disk_unlock(disk_system(), lock);
    }
    free(genesis);
    return code;
}
