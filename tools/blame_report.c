#include "tools/blame_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tools/blame_view.h"
#include "tools/home.h"
#include "tools/line_reader.h"
#include "tools/output.h"

void blame_report_init(struct blame_report *report, struct blame_epochs *epochs, const char *out)
{
    *report = (struct blame_report){.epochs = epochs, .out = out, .culprits = json_array()};
    buffer_init(&report->lines, VALIDATORS_MAX * (size_t)EVIDENCE_LINE_SIZE_MAX);
}

void blame_report_close(struct blame_report *report)
{
    json_decref(report->culprits);
    buffer_close(&report->lines);
}

enum tool_exit blame_report_add(
    struct context *context, struct blame_report *report, const struct evidence *evidence, const char *where)
{
    struct arena arena;
    struct evidence_verdict verdict;
    const struct genesis *genesis = report->epochs->genesis;
    const struct verify_set *validators = &report->epochs->validators;
    arena_init(&arena, EVIDENCE_ARENA_SIZE);
    int error = evidence_check(validators, &genesis->chain_id, evidence, &arena, &verdict);
    arena_close(&arena);
    if (error != TALLY_OK) {
        return context_fail(context, TOOL_REFUSED, error == TALLY_ECHAIN ? "CHAIN" : "EVIDENCE",
            "%s proves nothing: %s", where, verdict.reason);
    }
    report->count++;
    if (report->out != NULL)
        evidence_line_print(evidence, &validators->set.keys[evidence->signer], &report->lines);
    if (context->json)
        json_array_append_new(report->culprits, evidence_json(genesis, &validators->set, evidence, &verdict));
    else
        evidence_show(genesis, &validators->set, evidence, &verdict);
    return TOOL_DONE;
}

enum tool_exit blame_report_end(
    struct context *context, struct blame_report *report, const char *conflict, uint64_t height)
{
    char why[MESSAGE_SIZE_MAX / 2];
    if (report->lines.failed || json_array_size(report->culprits) != (context->json ? report->count : 0))
        return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    if (report->out != NULL &&
        file_replace(report->out, 0644, buffer_span(&report->lines), why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    if (!context->json) return TOOL_DONE;
    json_t *at = height == 0 ? json_null() : json_integer((json_int_t)height);
    return output_json_take(context,
        json_pack("{s:s, s:o, s:O}", "conflict", conflict, "height", at, "culprits", report->culprits));
}

/* ---- Saved evidence ---- */

static enum tool_exit line_add(
    struct context *context, struct blame_report *report, struct span line, const char *where)
{
    struct arena arena;
    struct evidence evidence;
    struct public_key key;
    const struct genesis *genesis = report->epochs->genesis;
    const struct validator_set *set = &report->epochs->validators.set;
    arena_init(&arena, EVIDENCE_ARENA_SIZE);
    enum tool_exit code = TOOL_DONE;
    if (evidence_line_read(line, &arena, &evidence, &key) != TALLY_OK)
        code = context_fail(context, TOOL_REFUSED, "FORM", "%s is not evidence in its one form", where);
    else if (!digest_equal(&evidence.chain_id, &genesis->chain_id))
        code = context_fail(context, TOOL_REFUSED, "CHAIN", "%s is of another chain than the genesis", where);
    else
        code = blame_epochs_reach(context, report->epochs, evidence.epoch, where);
    if (code != TOOL_DONE) {
        arena_close(&arena);
        return code;
    }
    if (evidence.signer >= set->count || !public_key_equal(&set->keys[evidence.signer], &key)) {
        code = context_fail(context, TOOL_REFUSED, "EVIDENCE",
            "%s proves nothing: it names another key than its signer's", where);
    } else {
        code = blame_report_add(context, report, &evidence, where);
    }
    arena_close(&arena);
    return code;
}

static enum tool_exit lines_add(
    struct context *context, struct blame_report *report, const char *path, struct line_reader *reader)
{
    char where[HOME_PATH_MAX + 32];
    struct span line;
    int error;
    while ((error = line_reader_next(reader, &line)) == TALLY_OK) {
        snprintf(where, sizeof where, "%s, line %llu", path, (unsigned long long)reader->number);
        enum tool_exit code = line_add(context, report, line, where);
        if (code != TOOL_DONE) return code;
    }
    if (error == TALLY_ELIMIT)
        return context_fail(
            context, TOOL_REFUSED, "FORM", "%s has a line that is too long for evidence", path);
    if (error != TALLY_ENOTFOUND)
        return context_fail(context, TOOL_REFUSED, "FILE", "%s: %s", path, strerror(errno));
    return TOOL_DONE;
}

enum tool_exit blame_report_saved(struct context *context, struct blame_report *report, const char *path)
{
    struct line_reader reader;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return context_fail(context, TOOL_REFUSED, "FILE", "%s: %s", path, strerror(errno));
    enum tool_exit code = TOOL_DONE;
    if (line_reader_open(&reader, file, EVIDENCE_LINE_SIZE_MAX) != TALLY_OK) {
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    } else {
        code = lines_add(context, report, path, &reader);
        line_reader_close(&reader);
    }
    close(file);
    if (code == TOOL_DONE && report->count == 0)
        code = context_fail(context, TOOL_REFUSED, "FORM", "%s holds no evidence", path);
    return code == TOOL_DONE ? blame_report_end(context, report, "saved", 0) : code;
}
