#include <string.h>

#include "proto/base/date.h"
#include "proto/crypto/digest.h"
#include "tools/args.h"
#include "tools/output.h"
#include "tools/signer.h"

#define FORM_FILE_SIZE_MAX (16u * MIB)
#define DAYS_MAX 36500

static enum tool_exit consent_run(struct context *context, int count, char **arguments);

const struct command command_consent = {
    .name = "consent",
    .summary = "records that a borrower lets a member ask, or no longer does",
    .help =
        "usage: tally --home DIR consent grant SUBJECT --purposes P,.. --days N [--uses N] [--grantee "
        "MEMBER]\n"
        "                                      [--form FILE] [--channel TEXT] [--notice TEXT]\n"
        "       tally --home DIR consent revoke ID [--subject SUBJECT]\n"
        "\n"
        "Signs the event with the home's keys, submits it, waits until it is under a certified checkpoint, "
        "and "
        "verifies its\n"
        "receipt. A consent is the signed assertion of the member that submits it: a lender for itself, a "
        "bureau for anyone.\n"
        "\n"
        "  --purposes P,..  what for: CREDIT_DECISION, ACCOUNT_REVIEW, GUARANTEE, COLLECTION, EMPLOYMENT, "
        "SUBJECT_REQUEST\n"
        "  --days N         from today (UTC) to the Nth day after it, 1 to 36500\n"
        "  --uses N         how many inquiries it covers; any number within its days unless given\n"
        "  --grantee M      the member that may ask, by number; the home's own unless given\n"
        "  --form FILE      the signed form, of which the ledger gets a digest\n"
        "  --channel TEXT   how it was given; --notice TEXT   which notice the borrower was shown\n"
        "  --subject S      of a revocation: whose consent it is, where the member neither has it nor wrote "
        "it\n"
        "\n"
        "--json prints {\"consent_id\", \"height\"}, or {\"event_id\", \"height\"} of a revocation. A "
        "refusal "
        "exits 1 with its result.\n",
    .run = consent_run,
};

/* "A,B" as a list. */
static json_t *purposes_list(const char *text)
{
    json_t *list = json_array();
    while (list != NULL && text != NULL) {
        size_t size = strcspn(text, ",");
        json_array_append_new(list, json_stringn(text, size));
        text = text[size] == ',' ? text + size + 1 : NULL;
    }
    return list;
}

/* Of the signed form; zeros where there is none. */
static enum tool_exit form_digest(struct context *context, const char *path, struct digest *digest)
{
    struct buffer bytes;
    char why[MESSAGE_SIZE_MAX];
    *digest = (struct digest){{0}};
    if (path == NULL) return TOOL_DONE;
    buffer_init(&bytes, FORM_FILE_SIZE_MAX);
    int error = file_read(path, &bytes, why, sizeof why);
    if (error == TALLY_OK) *digest = digest_tagged(TAG_FORM, buffer_span(&bytes));
    buffer_close(&bytes);
    return error == TALLY_OK ? TOOL_DONE : context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
}

static enum tool_exit text_take(struct context *context, const char *text, char to[EVENT_TEXT_SIZE_MAX + 1])
{
    if (text == NULL) return TOOL_DONE;
    if (strlen(text) > EVENT_TEXT_SIZE_MAX)
        return context_fail(context, TOOL_USAGE, "USAGE", "a text has at most %u bytes", EVENT_TEXT_SIZE_MAX);
    memcpy(to, text, strlen(text) + 1);
    return TOOL_DONE;
}

static enum tool_exit grant_body(struct context *context, const struct args *args, struct event_body *body)
{
    body->type = EVENT_CONSENT_GRANT;
    enum tool_exit code = text_take(context, args_value(args, "channel"), body->channel);
    return code == TOOL_DONE ? text_take(context, args_value(args, "notice"), body->notice_version) : code;
}

static enum tool_exit grant_make(
    struct context *context, const struct args *args, struct signer *signer, struct member_event *event)
{
    const char *days = args_value(args, "days"), *uses = args_value(args, "uses");
    const char *grantee = args_value(args, "grantee");
    uint64_t days_number = 0, uses_number = UINT32_MAX, grantee_number = signer->keys.member_id;
    struct event_body body = {.type = EVENT_CONSENT_GRANT};
    struct digest subject, form;
    char from[DATE_TEXT_SIZE], until[DATE_TEXT_SIZE];
    if (hex_decode(args->positionals[1], subject.bytes, DIGEST_SIZE) != TALLY_OK ||
        args_value(args, "purposes") == NULL || days == NULL ||
        number_from_text(days, 1, DAYS_MAX, &days_number) != TALLY_OK ||
        (uses != NULL && number_from_text(uses, 1, UINT32_MAX, &uses_number) != TALLY_OK) ||
        (grantee != NULL && number_from_text(grantee, 1, UINT32_MAX, &grantee_number) != TALLY_OK))
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally --home DIR consent grant SUBJECT --purposes P,.. --days N [--uses N]");
    enum tool_exit code = form_digest(context, args_value(args, "form"), &form);
    if (code == TOOL_DONE) code = grant_body(context, args, &body);
    if (code != TOOL_DONE) return code;
    date_to_text(day_today(), from);
    date_to_text(day_today() + (int32_t)days_number, until);
    json_t *fields = json_pack("{s:I, s:o, s:s, s:s, s:I, s:o}", "grantee", (json_int_t)grantee_number,
        "purposes", purposes_list(args_value(args, "purposes")), "valid_from", from, "valid_until", until,
        "max_uses", (json_int_t)uses_number, "form_digest", json_digest(&form));
    return member_event_make(context, &signer->keys, body.type, &subject, fields, &body, event);
}

static enum tool_exit revoke_make(
    struct context *context, const struct args *args, struct signer *signer, struct member_event *event)
{
    const char *of = args_value(args, "subject");
    const struct event_body body = {.type = EVENT_CONSENT_REVOKE};
    struct digest consent, subject;
    enum tool_exit code = TOOL_DONE;
    if (hex_decode(args->positionals[1], consent.bytes, DIGEST_SIZE) != TALLY_OK ||
        (of != NULL && hex_decode(of, subject.bytes, DIGEST_SIZE) != TALLY_OK))
        return context_fail(
            context, TOOL_USAGE, "USAGE", "wanted: tally --home DIR consent revoke ID [--subject SUBJECT]");
    if (of == NULL) code = signer_subject(context, signer, &consent, &subject);
    if (code != TOOL_DONE) return code;
    return member_event_make(context, &signer->keys, body.type, &subject,
        json_pack("{s:s}", "consent", args->positionals[1]), &body, event);
}

static enum tool_exit verb_run(
    struct context *context, const struct args *args, bool is_grant, struct signer *signer)
{
    struct member_event event = {.batch = NULL};
    struct receipt receipt;
    enum tool_exit code =
        is_grant ? grant_make(context, args, signer, &event) : revoke_make(context, args, signer, &event);
    if (code == TOOL_DONE) code = signer_submit(context, signer, &event, &receipt);
    if (code == TOOL_DONE)
        code = signer_show(context, is_grant ? "consent_id" : "event_id",
            is_grant ? "consent" : "revoked by event", &receipt);
    member_event_close(&event);
    return code;
}

static enum tool_exit consent_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"purposes", true}, {"days", true}, {"uses", true},
        {"grantee", true}, {"form", true}, {"channel", true}, {"notice", true}, {"subject", true},
        {NULL, false}};
    struct args args;
    struct signer *signer;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help consent", why);
    bool is_grant = args.positional_count == 2 && strcmp(args.positionals[0], "grant") == 0;
    if (!is_grant && !(args.positional_count == 2 && strcmp(args.positionals[0], "revoke") == 0))
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: consent grant SUBJECT or consent revoke ID; see: tally help consent");
    enum tool_exit code = signer_open(context, &signer);
    if (code == TOOL_DONE) code = verb_run(context, &args, is_grant, signer);
    signer_close(signer);
    return code;
}
