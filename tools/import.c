#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/import_map.h"
#include "tools/import_wire.h"
#include "tools/output.h"

#define REJECTIONS_SHOWN_MAX 20    /* on stderr, without --json */
#define REJECTIONS_LISTED_MAX 1000 /* in the JSON object */
#define PROGRESS_EVERY_MS 100

static enum tool_exit import_command_run(struct context *context, int count, char **arguments);

const struct command command_import = {
    .name = "import",
    .summary = "sign and submit a file of events; the same file again changes nothing",
    .help = "usage: tally --home DIR import FILE [--map MAP.json [--print]]\n"
            "\n"
            "Reads FILE (- is standard input), one JSON object a line, signs the events with the member's "
            "key, submits them\n"
            "through the home's node, and counts what became of them: accepted, there before (duplicate), or "
            "rejected. A bad line\n"
            "or a refused event is reported with its number and reason, and the rest goes on. An import that "
            "was cut off can be\n"
            "run again: what is on the ledger is recognised, also from an earlier run, and nothing is added "
            "twice.\n"
            "\n"
            "  --map MAP.json  FILE is CSV, and this says what its rows become: tally help import-csv\n"
            "  --print         show the events it makes, and submit none\n"
            "\n"
            "Exit status 1 where anything was rejected, 3 where the node cannot be reached.\n"
            "\n"
            "--json prints {\"read\", \"accepted\", \"duplicate\", \"rejected\", \"seconds\", "
            "\"events_per_second\", \"batches\",\n"
            "\"retries\", \"types\": {TYPE: {\"accepted\", \"duplicate\", \"rejected\"}}, \"results\": "
            "{RESULT: count}, \"rejections\":\n"
            "[{\"line\", \"type\", \"reason\", \"message\"}]}, with the first 1000 rejections. Lines whose "
            "type cannot be read are\n"
            "under no type.\n",
    .run = import_command_run,
    .help_more = import_line_help,
};

/* What the run reports to. */
struct report {
    struct context *context;
    json_t *rejections;
    json_t *reasons; /* how often each was given */
    uint64_t shown;
    uint64_t start_ms, progress_ms;
};

static void rejection_list(struct report *report, const struct import_rejection *rejection)
{
    const char *type = rejection->type == 0 ? NULL : event_type_name((uint32_t)rejection->type);
    if (json_array_size(report->rejections) >= REJECTIONS_LISTED_MAX) return;
    json_t *entry = json_pack("{s:I, s:s?, s:s, s:s}", "line", (json_int_t)rejection->line, "type", type,
        "reason", rejection->reason, "message", rejection->message);
    if (entry == NULL) {
        entry = json_pack("{s:I, s:s?, s:s, s:s}", "line", (json_int_t)rejection->line, "type", type,
            "reason", rejection->reason, "message", "(what it says is not UTF-8)");
    }
    if (entry != NULL) json_array_append_new(report->rejections, entry);
}

static void rejection_show(void *context, const struct import_rejection *rejection)
{
    struct report *report = context;
    json_int_t before = json_integer_value(json_object_get(report->reasons, rejection->reason));
    json_object_set_new(report->reasons, rejection->reason, json_integer(before + 1));
    if (report->context->json) {
        rejection_list(report, rejection);
        return;
    }
    if (report->shown++ >= REJECTIONS_SHOWN_MAX) return;
    progress_end();
    fprintf(stderr, "line %llu: %s%s%s\n", (unsigned long long)rejection->line, rejection->reason,
        rejection->message[0] == '\0' ? "" : ": ", rejection->message);
}

static void progress_report(void *context, const struct import_result *so_far, bool waiting)
{
    struct report *report = context;
    uint64_t now_ms = clock_steady_ms();
    if (!progress_is_shown() || now_ms - report->progress_ms < PROGRESS_EVERY_MS) return;
    report->progress_ms = now_ms;
    uint64_t ms = now_ms - report->start_ms;
    uint64_t done = so_far->accepted + so_far->duplicate + so_far->rejected;
    progress_show("%llu read, %llu accepted, %llu duplicate, %llu rejected, %llu/s%s",
        (unsigned long long)so_far->read, (unsigned long long)so_far->accepted,
        (unsigned long long)so_far->duplicate, (unsigned long long)so_far->rejected,
        (unsigned long long)(ms == 0 ? 0 : done * 1000 / ms), waiting ? "; the node is busy, waiting" : "");
}

static enum tool_exit keys_load(struct context *context, const struct home *home, struct import_keys *keys)
{
    struct genesis *genesis = NULL;
    enum tool_exit code = home_genesis(context, home, &genesis);
    if (code == TOOL_DONE) code = home_key(context, home, "signing.key", keys->signing.bytes);
    if (code == TOOL_DONE) code = home_key(context, home, "salt.key", keys->salt_key);
    if (code == TOOL_DONE && secret_key_public(&keys->signing, &keys->signing_public) != TALLY_OK) {
        code =
            context_fail(context, TOOL_REFUSED, "KEY", "%s/signing.key holds no secp256k1 key", home->path);
    }
    if (code == TOOL_DONE) {
        keys->chain_id = genesis->chain_id;
        for (uint32_t i = 0; i < genesis->member_count; i++) {
            const struct genesis_member *member = &genesis->members[i];
            for (uint32_t k = 0; k < member->key_count; k++) {
                if (public_key_equal(&member->keys[k], &keys->signing_public)) keys->member_id = member->id;
            }
        }
        if (keys->member_id == 0) {
            code = context_fail(context, TOOL_REFUSED, "KEY",
                "%s/signing.key is no member's signing key in %s/genesis.json", home->path, home->path);
        }
    }
    free(genesis);
    return code;
}

static json_t *counts_json(const struct import_counts *counts)
{
    return json_pack("{s:I, s:I, s:I}", "accepted", (json_int_t)counts->accepted, "duplicate",
        (json_int_t)counts->duplicate, "rejected", (json_int_t)counts->rejected);
}

/* Types of which the file had none are left out; so are results that never were. */
static json_t *types_json(const struct import_result *result)
{
    json_t *types = json_object();
    for (uint32_t type = 1; types != NULL && type < IMPORT_TYPES; type++) {
        const struct import_counts *counts = &result->types[type];
        if (counts->accepted + counts->duplicate + counts->rejected > 0)
            json_object_set_new(types, event_type_name(type), counts_json(counts));
    }
    return types;
}

static json_t *results_json(const struct import_result *result, const struct report *report)
{
    json_t *results = json_copy(report->reasons);
    if (result->accepted > 0) json_object_set_new(results, "OK", json_integer((json_int_t)result->accepted));
    if (result->duplicate > 0)
        json_object_set_new(results, "DUPLICATE", json_integer((json_int_t)result->duplicate));
    return results;
}

static void result_say(const struct import_result *result, const struct report *report)
{
    const char *reason;
    json_t *count;
    if (report->shown > REJECTIONS_SHOWN_MAX) {
        fprintf(stderr, "and %llu more lines were rejected; --json lists up to %d\n",
            (unsigned long long)(report->shown - REJECTIONS_SHOWN_MAX), REJECTIONS_LISTED_MAX);
    }
    for (uint32_t type = 1; type < IMPORT_TYPES; type++) {
        const struct import_counts *counts = &result->types[type];
        if (counts->accepted + counts->duplicate + counts->rejected == 0) continue;
        printf("%-16s %llu accepted, %llu duplicate, %llu rejected\n", event_type_name(type),
            (unsigned long long)counts->accepted, (unsigned long long)counts->duplicate,
            (unsigned long long)counts->rejected);
    }
    json_object_foreach(report->reasons, reason, count)
        printf("rejected as %s: %lld\n", reason, (long long)json_integer_value(count));
}

static enum tool_exit result_print(
    struct context *context, const struct import_result *result, struct report *report, uint64_t ms)
{
    double seconds = (double)ms / 1000;
    uint64_t rate = ms == 0 ? 0 : (result->accepted + result->duplicate) * 1000 / ms;
    if (context->json) {
        return output_json_take(context,
            json_pack("{s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:o, s:o, s:O}", "read",
                (json_int_t)result->read, "accepted", (json_int_t)result->accepted, "duplicate",
                (json_int_t)result->duplicate, "rejected", (json_int_t)result->rejected, "seconds", seconds,
                "events_per_second", (json_int_t)rate, "batches", (json_int_t)result->batches, "retries",
                (json_int_t)result->retries, "types", types_json(result), "results",
                results_json(result, report), "rejections", report->rejections));
    }
    result_say(result, report);
    printf("%llu read: %llu accepted, %llu duplicate, %llu rejected, in %.2f s (%llu events/s)\n",
        (unsigned long long)result->read, (unsigned long long)result->accepted,
        (unsigned long long)result->duplicate, (unsigned long long)result->rejected, seconds,
        (unsigned long long)rate);
    return TOOL_DONE;
}

/* With everything at hand: runs the import and tells its result. */
static enum tool_exit file_import(struct context *context, struct remote *remote,
    const struct import_keys *keys, int descriptor, const struct import_source *source, const char *file_name)
{
    struct report report = {.context = context,
        .rejections = json_array(),
        .reasons = json_object(),
        .start_ms = clock_steady_ms()};
    struct import_wire wire = import_wire_of(remote);
    struct import_result result;
    struct import_options options = {
        .keys = keys,
        .wire = &wire,
        .descriptor = descriptor,
        .source = source,
        .file_name = file_name,
        .context = &report,
        .on_rejection = rejection_show,
        .on_progress = progress_report,
    };
    enum tool_exit code = report.rejections == NULL || report.reasons == NULL
                              ? context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory")
                              : import_run(context, &options, &result);
    progress_end();
    if (code == TOOL_DONE) {
        code = result_print(context, &result, &report, clock_steady_ms() - report.start_ms);
        /* The lines were told already; main adds nothing. */
        if (code == TOOL_DONE && result.rejected > 0) code = TOOL_REFUSED;
    }
    json_decref(report.rejections);
    json_decref(report.reasons);
    return code;
}

/* The file, open, through the home's node. `source` is NULL where its lines are events. */
static enum tool_exit import_through_node(
    struct context *context, int descriptor, const struct import_source *source, const char *file_name)
{
    struct home home;
    struct remote remote;
    struct import_keys keys = {.member_id = 0};
    enum tool_exit code = home_open_given(context, &home);
    if (code == TOOL_DONE) code = keys_load(context, &home, &keys);
    if (code == TOOL_DONE) code = remote_open(context, &home, &remote);
    if (code == TOOL_DONE) {
        code = file_import(context, &remote, &keys, descriptor, source, file_name);
        remote_close(&remote);
    }
    secret_key_close(&keys.signing);
    explicit_bzero(keys.salt_key, sizeof keys.salt_key);
    return code;
}

static enum tool_exit import_by_map(
    struct context *context, int descriptor, const char *map_path, bool print, const char *file_name)
{
    struct import_map map;
    enum tool_exit code = import_map_open(context, map_path, descriptor, file_name, &map);
    if (code == TOOL_DONE)
        code = print ? import_map_print(context, file_name, &map)
                     : import_through_node(context, descriptor, &map.source, file_name);
    import_map_close(&map);
    return code;
}

static enum tool_exit import_command_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"map", true}, {"print", false}, {NULL, false}};
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help import", why);
    const char *map = args_value(&args, "map");
    bool print = args_value(&args, "print") != NULL;
    if (args.positional_count != 1 || (print && map == NULL))
        return context_fail(
            context, TOOL_USAGE, "USAGE", "wanted: tally --home DIR import FILE [--map MAP.json [--print]]");
    const char *path = args.positionals[0];
    bool is_stdin = strcmp(path, "-") == 0;
    int descriptor = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return context_fail(context, TOOL_REFUSED, "FILE", "cannot open %s: %s", path, strerror(errno));
    const char *file_name = is_stdin ? "standard input" : path;
    enum tool_exit code = map != NULL ? import_by_map(context, descriptor, map, print, file_name)
                                      : import_through_node(context, descriptor, NULL, file_name);
    if (!is_stdin) close(descriptor);
    return code;
}
