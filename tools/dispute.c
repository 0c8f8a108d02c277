#include <string.h>

#include "tools/args.h"
#include "tools/output.h"
#include "tools/signer.h"

static enum tool_exit dispute_run(struct context *context, int count, char **arguments);

const struct command command_dispute = {
    .name = "dispute",
    .summary = "opens, answers and closes disputes, and adds statements",
    .help = "usage: tally --home DIR dispute open EVENT --category C [--text TEXT] [--subject SUBJECT]\n"
            "       tally --home DIR dispute answer DISPUTE [--text TEXT] [--subject SUBJECT]\n"
            "       tally --home DIR dispute close DISPUTE --outcome O [--text TEXT] [--subject SUBJECT]\n"
            "       tally --home DIR dispute statement SUBJECT --text TEXT [--target EVENT]\n"
            "\n"
            "Signs the event with the home's keys, submits it, waits until it is under a certified "
            "checkpoint, and "
            "verifies its\n"
            "receipt. A dispute is answered by the author of what is disputed, and closed by who opened it "
            "or by a "
            "bureau, never by\n"
            "the author. What the author finds to be wrong it corrects or retracts (tally help import).\n"
            "\n"
            "  --category C    NOT_MINE, AMOUNT, DATE, STATUS, DUPLICATE_ENTRY, IDENTITY or OTHER\n"
            "  --outcome O     CORRECTED, REJECTED, UNVERIFIABLE or WITHDRAWN\n"
            "  --text TEXT     in words, at most 2048 bytes\n"
            "  --subject S     whose file it is in, where the member may not read the event by itself\n"
            "  --target EVENT  what the statement is about; the whole file unless given\n"
            "\n"
            "--json prints {\"dispute_id\", \"height\"} of an opening, else {\"event_id\", \"height\"}. A "
            "refusal "
            "exits 1 with its result.\n",
    .run = dispute_run,
};

/* What each verb writes; its argument is the event it is about, or for a statement the subject. */
static const struct verb {
    const char *name;
    enum event_type type;
    const char *key;    /* of the argument, among the type's public fields; NULL: it is the subject */
    const char *option; /* one more public field, of the same name; NULL = none */
} verbs[] = {
    {"open", EVENT_DISPUTE_OPEN, "target", "category"},
    {"answer", EVENT_DISPUTE_ANSWER, "dispute", NULL},
    {"close", EVENT_DISPUTE_CLOSE, "dispute", "outcome"},
    {"statement", EVENT_STATEMENT, NULL, "target"},
};

static const struct verb *verb_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, name) == 0) return &verbs[i];
    }
    return NULL;
}

static json_t *public_fields(const struct args *args, const struct verb *verb)
{
    json_t *fields = json_object();
    const char *value = verb->option == NULL ? NULL : args_value(args, verb->option);
    if (fields == NULL) return NULL;
    if (verb->key != NULL) json_object_set_new(fields, verb->key, json_string(args->positionals[1]));
    if (value != NULL) json_object_set_new(fields, verb->option, json_string(value));
    return fields;
}

/* Whose file it is: as it is said, or as the event says that this is about. */
static enum tool_exit subject_find(struct context *context, const struct args *args, const struct verb *verb,
    struct signer *signer, struct digest *subject)
{
    const char *said = verb->key == NULL ? args->positionals[1] : args_value(args, "subject");
    struct digest about;
    if (said != NULL) {
        if (hex_decode(said, subject->bytes, DIGEST_SIZE) == TALLY_OK) return TOOL_DONE;
        return context_fail(context, TOOL_USAGE, "USAGE", "a subject is 64 hexadecimal digits");
    }
    if (hex_decode(args->positionals[1], about.bytes, DIGEST_SIZE) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "an event's id is 64 hexadecimal digits");
    return signer_subject(context, signer, &about, subject);
}

static enum tool_exit verb_run(
    struct context *context, const struct args *args, const struct verb *verb, struct signer *signer)
{
    const char *text = args_value(args, "text");
    struct event_body body = {.type = verb->type};
    struct member_event event = {.batch = NULL};
    struct digest subject;
    struct receipt receipt;
    if (text != NULL && strlen(text) > EVENT_STATEMENT_SIZE_MAX)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "a text has at most %u bytes", EVENT_STATEMENT_SIZE_MAX);
    if (text != NULL) memcpy(body.text, text, strlen(text) + 1);
    enum tool_exit code = subject_find(context, args, verb, signer, &subject);
    if (code == TOOL_DONE)
        code = member_event_make(
            context, &signer->keys, verb->type, &subject, public_fields(args, verb), &body, &event);
    if (code == TOOL_DONE) code = signer_submit(context, signer, &event, &receipt);
    if (code == TOOL_DONE)
        code = signer_show(
            context, verb->type == EVENT_DISPUTE_OPEN ? "dispute_id" : "event_id", verb->name, &receipt);
    member_event_close(&event);
    return code;
}

/* An option that another verb has says what was not meant. */
static bool options_fit(const struct args *args, const struct verb *verb)
{
    static const char *const own[] = {"category", "outcome", "target"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        bool is_own = verb->option != NULL && strcmp(verb->option, own[i]) == 0;
        if (!is_own && args_value(args, own[i]) != NULL) return false;
    }
    return verb->key != NULL || args_value(args, "text") != NULL;
}

static enum tool_exit dispute_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"category", true}, {"outcome", true}, {"text", true},
        {"subject", true}, {"target", true}, {NULL, false}};
    struct args args;
    struct signer *signer;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help dispute", why);
    const struct verb *verb = args.positional_count == 2 ? verb_by_name(args.positionals[0]) : NULL;
    if (verb == NULL || !options_fit(&args, verb))
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: dispute open EVENT --category C, answer DISPUTE, close DISPUTE --outcome O, or "
            "statement "
            "SUBJECT --text TEXT");
    enum tool_exit code = signer_open(context, &signer);
    if (code == TOOL_DONE) code = verb_run(context, &args, verb, signer);
    signer_close(signer);
    return code;
}
