#include <stdio.h>
#include <stdlib.h>

#include "tools/args.h"
#include "tools/history_source.h"
#include "tools/inquiry.h"
#include "tools/output.h"
#include "tools/report_show.h"
#include "tools/trust.h"

static enum tool_exit report_run(struct context *context, int count, char **arguments);

const struct command command_report = {
    .name = "report",
    .summary = "a borrower's credit report, for people, made from a verified file",
    .help =
        "usage: tally --home DIR report SUBJECT --purpose P (--consent ID | --legal-basis B) [--operator "
        "NAME]\n"
        "                               [--codes pboc|metro2] [--months N] [--html FILE]\n"
        "       tally --home DIR report SUBJECT --inquiry ID [--codes ..] [--months ..] [--html ..]\n"
        "       tally report --file PROOF --genesis FILE [--inquiry ID] [--trust FILE] [--min-height H] "
        "[--max-age SECONDS]\n"
        "                    [--codes ..] [--months ..] [--html ..]\n"
        "\n"
        "Asks the home's node for everything the ledger holds about SUBJECT, by an inquiry as tally history "
        "does, or takes\n"
        "what that saved with --out, verifies it as tally verify does, and makes the report from it: nothing "
        "is taken from a\n"
        "summary of the node's, and nothing from this machine's clock. What was corrected or taken back is "
        "shown ~struck~\n"
        "beside what is in force. (In a network of open reads no inquiry is needed.)\n"
        "\n" INQUIRY_HELP "\n"
        "  --codes pboc|metro2  the codes of the months: of the People's Bank of China (the default), or of "
        "Metro 2. They are\n"
        "                       derived from days past due; where a source gave a code and no days, that "
        "code stands\n"
        "  --months N           how many months of each account, up to the last of which anything is known: "
        "1 "
        "to 120, or 24\n"
        "  --html FILE          one HTML page that needs nothing beside itself, instead of text; an existing "
        "file is replaced\n"
        "  --file PROOF         a whole history that was saved; --genesis names whose validators are "
        "trusted, "
        "and the rest is\n"
        "                       as in tally help verify\n"
        "\n"
        "--json prints {\"subject\", \"network\", \"chain_id\", \"policy\": {..}, \"inquiry\", "
        "\"as_of_height\", "
        "\"as_of_time_ms\", \"codes\",\n"
        "\"months\", \"verdict\": {\"authentic\", \"complete\", \"absent\", \"no_file\", \"events\", "
        "\"withheld\"},\n"
        "\"summary\": {\"accounts\", \"active\", \"by_state\", \"totals\": [{\"currency\", \"accounts\", "
        "\"unknown\", \"balance_minor\",\n"
        "\"limit_minor\", \"past_due_minor\"}], \"worst\": {\"days_past_due\", \"code\", \"account\", "
        "\"period\"}, \"unranked\",\n"
        "\"reservations_open\", \"inquiries_hard\", \"inquiries_soft\", \"disputes\", \"disputes_open\", "
        "\"statements\", \"flagged\"},\n"
        "\"accounts\": [{\"account\", \"member\", \"member_name\", \"account_type\", \"product\", "
        "\"currency\", \"state\", \"active\",\n"
        "\"opened\", \"readable\", \"limit_minor\", \"principal_minor\", \"charged_off_minor\", "
        "\"recovered_minor\", "
        "\"latest\": {..},\n"
        "\"last_payment\": {..}, \"months\": [{\"period\", \"code\", \"as_reported\", \"reported\", and "
        "where it was reported \"event_id\",\n"
        "\"corrected\", \"disputed\", \"flags\", \"readable\", \"balance_minor\", \"paid_minor\", "
        "\"days_past_due\", \"reported_code\",\n"
        "\"past_due_minor\", \"limit_minor\"}], \"events\": [..]}], \"reservations\": [..], \"inquiries\": "
        "[{.., \"hard\"}],\n"
        "\"disputes\": [{.., \"state\", \"due\", \"due_extended\", \"duty\", \"answers\": [{.., \"late\"}], "
        "\"closing\": {..}}],\n"
        "\"statements\": [..]}, with events as in tally help history. Amounts are whole minor units of the "
        "account's currency;\n"
        "what is not known is null or not there. no_file says that there is none, or nothing in it but "
        "consents and inquiries.\n"
        "Where the years are over for which the network's policy lets late months or a charge-off be shown, "
        "a "
        "month has the code\n"
        "- and \"past_retention\", without its days; an account has nothing but that; the summary counts "
        "them "
        "(\"past_months\",\n"
        "\"past_accounts\"). The file proves them still: tally history.\n"
        "What the policy's years of retention are over for is left out, as if it had not been reported: late "
        "months, accounts\n"
        "that were charged off, and what was put right since. The file proves it still: tally history. A "
        "month "
        "that is known by\n"
        "a source's code alone has no days, and stays.\n"
        "Flags refuse nothing: DELINQUENCY_JUMP (late by more than one level more than the month before), "
        "OVER_LIMIT,\n"
        "BELOW_ZERO, DELINQUENCY_BEFORE_OPENING, CORRECTION_OF_ANOTHER_TYPE.\n",
    .run = report_run,
};

/* One run's; what the source borrows is here too. */
struct reporting {
    struct args args;
    struct report_request request;
    struct genesis *genesis;
    struct known_checkpoint known; /* with --trust */
    struct history_source *source;
    struct report report;
    struct event_body room;
};

static enum tool_exit request_take(struct context *context, struct reporting *run)
{
    const char *codes = args_value(&run->args, "codes"), *months = args_value(&run->args, "months");
    uint64_t number = REPORT_MONTHS_DEFAULT;
    run->request.codes = CODES_PBOC;
    if (codes != NULL && code_scheme_by_name(codes, &run->request.codes) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "--codes is pboc or metro2, not '%s'", codes);
    if (months != NULL && number_from_text(months, 1, REPORT_MONTHS_MAX, &number) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "--months is a number from 1 to %u, not '%s'",
            REPORT_MONTHS_MAX, months);
    }
    run->request.months = (uint32_t)number;
    return TOOL_DONE;
}

/* Options that do not go with where the file is from. */
static enum tool_exit options_refuse(
    struct context *context, const struct reporting *run, const char *const *names, const char *where)
{
    for (; *names != NULL; names++) {
        if (args_value(&run->args, *names) != NULL)
            return context_fail(context, TOOL_USAGE, "USAGE", "--%s is for a report %s", *names, where);
    }
    return TOOL_DONE;
}

static enum tool_exit from_node(struct context *context, struct reporting *run)
{
    static const char *const offline[] = {"genesis", "trust", "min-height", "max-age", NULL};
    struct home home;
    enum tool_exit code = options_refuse(context, run, offline, "of a saved file");
    if (code == TOOL_DONE) code = history_source_subject(context, run->args.positionals[0], run->source);
    if (code == TOOL_DONE) code = inquiry_take(context, &run->args, &run->source->inquiry);
    if (code == TOOL_DONE) code = home_open_given(context, &home);
    if (code == TOOL_DONE) code = home_genesis(context, &home, &run->genesis);
    if (code == TOOL_DONE) code = trust_from_genesis(context, run->genesis, &run->source->trust);
    if (code == TOOL_DONE) code = history_source_ask(context, &home, run->source);
    if (code != TOOL_DONE || !run->source->is_own) return code;
    return context_fail(context, TOOL_USAGE, "USAGE",
        "a report is of a whole file, which wants an inquiry: --purpose, and --consent or --legal-basis");
}

static enum tool_exit from_file(struct context *context, const char *path, struct reporting *run)
{
    static const char *const online[] = {"purpose", "consent", "legal-basis", "operator", NULL};
    const char *genesis = args_value(&run->args, "genesis"), *known = args_value(&run->args, "trust");
    struct history_source *source = run->source;
    enum tool_exit code = options_refuse(context, run, online, "that is asked of a node");
    if (code == TOOL_DONE && genesis == NULL) {
        code =
            context_fail(context, TOOL_USAGE, "USAGE", "--file wants --genesis FILE; see: tally help report");
    }
    if (code == TOOL_DONE) code = inquiry_take(context, &run->args, &source->inquiry);
    if (code == TOOL_DONE) code = genesis_open(context, genesis, &run->genesis);
    if (code == TOOL_DONE) code = trust_from_genesis(context, run->genesis, &source->trust);
    if (code == TOOL_DONE && known != NULL)
        code = checkpoint_open(context, known, &source->trust, &run->known);
    if (code == TOOL_DONE) code = trust_bounds(context, &run->args, &source->trust);
    if (known != NULL) source->trust.known = &run->known;
    if (source->inquiry.is_asked) source->trust.inquiry = &source->inquiry.id;
    return code == TOOL_DONE ? history_source_read(context, path, source) : code;
}

static enum tool_exit page_give(struct context *context, struct reporting *run)
{
    const char *html = args_value(&run->args, "html");
    char why[MESSAGE_SIZE_MAX / 2];
    enum tool_exit code = TOOL_DONE;
    struct page page;
    page_open(&page, html == NULL ? &page_text : &page_html, "Credit report");
    report_show(&run->report, &run->room, &page);
    page_end(&page);
    if (page.out.failed) {
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "the report is larger than memory allows");
    } else if (html != NULL) {
        if (file_replace(html, 0640, buffer_span(&page.out), why, sizeof why) != TALLY_OK)
            code = context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    } else if (fwrite(page.out.data, 1, page.out.size, stdout) != page.out.size || fflush(stdout) != 0) {
        code = context_fail(context, TOOL_REFUSED, "OUTPUT", "cannot write to standard output");
    }
    page_close(&page);
    return code;
}

static enum tool_exit report_give(struct context *context, struct reporting *run)
{
    struct history_source *source = run->source;
    struct in_force list;
    int error = in_force_read(&source->proof, &source->proof_arena, &list);
    if (error == TALLY_OK) {
        error = report_make(&run->request, &list, &source->subject, &source->verdict, run->genesis,
            &source->proof_arena, &run->report);
    }
    if (error != TALLY_OK) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    run->report.inquiry = source->inquiry.is_asked ? &source->inquiry.id : NULL;
    bool has_page = !context->json || args_value(&run->args, "html") != NULL;
    enum tool_exit code = has_page ? page_give(context, run) : TOOL_DONE;
    if (code != TOOL_DONE || !context->json) return code;
    return output_json_take(context, report_json(&run->report));
}

static enum tool_exit arguments_take(
    struct context *context, int count, char **arguments, struct reporting *run)
{
    static const struct option_spec options[] = {INQUIRY_OPTIONS, {"codes", true}, {"months", true},
        {"html", true}, {"file", true}, {"genesis", true}, {"trust", true}, {"min-height", true},
        {"max-age", true}, {NULL, false}};
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &run->args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help report", why);
    size_t wanted = args_value(&run->args, "file") == NULL ? 1 : 0;
    if (run->args.positional_count != wanted) {
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally --home DIR report SUBJECT, or tally report --file PROOF --genesis FILE");
    }
    return request_take(context, run);
}

static enum tool_exit report_run(struct context *context, int count, char **arguments)
{
    struct reporting *run = calloc(1, sizeof *run);
    if (run != NULL) run->source = history_source_open();
    enum tool_exit code = TOOL_DONE;
    if (run == NULL || run->source == NULL) {
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    }
    if (code == TOOL_DONE) code = arguments_take(context, count, arguments, run);
    if (code == TOOL_DONE) {
        const char *file = args_value(&run->args, "file");
        code = file == NULL ? from_node(context, run) : from_file(context, file, run);
    }
    if (code == TOOL_DONE) code = report_give(context, run);
    if (run != NULL) {
        history_source_close(run->source);
        free(run->genesis);
    }
    free(run);
    return code;
}
