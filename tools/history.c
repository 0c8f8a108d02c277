#include <stdio.h>

#include "tools/args.h"
#include "tools/history_source.h"
#include "tools/history_view.h"
#include "tools/trust.h"

static enum tool_exit history_run(struct context *context, int count, char **arguments);

const struct command command_history = {
    .name = "history",
    .summary = "a borrower's whole file, verified before it is shown",
    .help =
        "usage: tally --home DIR history SUBJECT --purpose P (--consent ID | --legal-basis B) [--operator "
        "NAME]\n"
        "                                [--since FILE] [--out FILE]\n"
        "       tally --home DIR history SUBJECT --inquiry ID [--since FILE] [--out FILE]\n"
        "       tally --home DIR history SUBJECT\n"
        "\n"
        "Asks the home's node for everything the ledger holds about SUBJECT (64 hexadecimal digits), "
        "with its proof, and\n"
        "verifies that against DIR/genesis.json before anything is shown: every event is authentic, and "
        "none was left out.\n"
        "That there is no file, but for events of access such as this inquiry, is proven too. An INQUIRY is "
        "signed, submitted\n"
        "and on the ledger first, and the answer must hold it; where it is refused, the exit status is 1 and "
        "the reason its\n"
        "result, such as NO_CONSENT.\n"
        "\n"
        "Without an inquiry these are the member's own events alone: its accounts', its consents and "
        "reservations that are\n"
        "live, and open disputes about what it furnished, each verified by its receipt. Of others' nothing "
        "is "
        "said. (In a\n"
        "network of open reads it is the whole file.)\n"
        "\n" INQUIRY_HELP
        "  --since FILE  a whole history of SUBJECT that was saved before: it is verified, and only what "
        "came after it is asked\n"
        "                for and shown, with the proof that nothing else did; not with an --inquiry that "
        "FILE "
        "holds already\n"
        "  --out FILE    keep the answer's exact bytes, for tally verify (which then wants --since too); an "
        "existing file is\n"
        "                replaced\n"
        "\n"
        "--json prints {\"subject\", \"as_of_height\", \"as_of_time_ms\", \"absent\", \"since\", "
        "\"withheld\", "
        "\"events\": [{\"type\", \"member\",\n"
        "\"account\", \"account_seq\", \"event_date\", \"regime\", \"height\", \"time_ms\", "
        "\"event_id\", \"result\",\n"
        "\"standing\", \"body\": {..}, ...}]}, with the fields of tally help import; body is null where it "
        "was withheld, and since\n"
        "is how many events came before these. Under an inquiry also {\"inquiry\"}, its id; of one's own "
        "{\"own\": true}. standing is IN_FORCE, REFUSED, CORRECTED or RETRACTED, of the "
        "last two with\n"
        "ended_by, the id of the event that did so; a correction whose body is of another type than what it "
        "corrects is\n"
        "mismatched, and not taken.\n",
    .run = history_run,
};

static enum tool_exit history_show(struct context *context, struct history_source *source)
{
    struct in_force list;
    if (in_force_read(&source->proof, &source->proof_arena, &list) != TALLY_OK)
        return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    char subject[2 * DIGEST_SIZE + 1], time[TIME_TEXT_SIZE];
    const struct proof_verdict *verdict = &source->verdict;
    hex_encode(span_of(source->subject.bytes, DIGEST_SIZE), subject);
    if (context->json) {
        json_t *shown = json_pack("{s:s, s:I, s:I, s:b, s:I, s:I, s:o}", "subject", subject, "as_of_height",
            (json_int_t)verdict->as_of_height, "as_of_time_ms", (json_int_t)verdict->as_of_time_ms, "absent",
            verdict->absent, "since", (json_int_t)verdict->since, "withheld", (json_int_t)verdict->withheld,
            "events", history_events_json(&list));
        if (shown != NULL && source->inquiry.is_asked)
            json_object_set_new(shown, "inquiry", json_digest(&source->inquiry.id));
        if (shown != NULL && source->is_own) json_object_set_new(shown, "own", json_true());
        return output_json_take(context, shown);
    }
    time_to_text(verdict->as_of_time_ms, time);
    printf("subject %s\n", subject);
    if (source->inquiry.is_asked) {
        hex_encode(span_of(source->inquiry.id.bytes, DIGEST_SIZE), subject);
        printf("inquiry %s\n", subject);
    }
    if (verdict->absent) {
        printf("no file: proven as of height %llu, %s\n", (unsigned long long)verdict->as_of_height, time);
        return TOOL_DONE;
    }
    if (source->is_own && verdict->events == 0) {
        puts("no events of this member's own");
        return TOOL_DONE;
    }
    printf("%u events", verdict->events);
    if (verdict->since > 0) printf(" after the %llu before", (unsigned long long)verdict->since);
    printf(", authentic and %s as of height %llu, %s\n\n",
        source->is_own ? "of this member alone," : "complete", (unsigned long long)verdict->as_of_height,
        time);
    if (history_events_text(&list, stdout) == TALLY_OK) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
}

static enum tool_exit history_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {
        INQUIRY_OPTIONS, {"since", true}, {"out", true}, {NULL, false}};
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help history", why);
    }
    if (args.positional_count != 1) {
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally --home DIR history SUBJECT [--purpose P --consent ID] [--since FILE] [--out "
            "FILE]");
    }
    struct history_source *source = history_source_open();
    if (source == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    struct home home;
    enum tool_exit code = history_source_subject(context, args.positionals[0], source);
    if (code == TOOL_DONE) code = inquiry_take(context, &args, &source->inquiry);
    if (code == TOOL_DONE) code = home_open_given(context, &home);
    if (code == TOOL_DONE) code = trust_from_home(context, &home, &source->trust);
    const char *since = args_value(&args, "since"), *out = args_value(&args, "out");
    if (code == TOOL_DONE && since != NULL) code = history_source_since(context, since, source);
    if (code == TOOL_DONE) code = history_source_ask(context, &home, source);
    if (code == TOOL_DONE && out != NULL && source->is_own) {
        code = context_fail(context, TOOL_USAGE, "USAGE",
            "one's own events have no proof in one file; tally receipt EVENT --out keeps one's of them");
    }
    if (code == TOOL_DONE && out != NULL &&
        file_replace(out, 0640, source->bytes, why, sizeof why) != TALLY_OK) {
        code = context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    }
    if (code == TOOL_DONE) code = history_show(context, source);
    history_source_close(source);
    return code;
}
