#include <stdio.h>
#include <string.h>

#include "tools/args.h"
#include "tools/output.h"
#include "tools/signer.h"

#define MS_PER_HOUR 3600000u
#define HOURS_MAX 24
#define HOURS_UNLESS_GIVEN "8"

static enum tool_exit reserve_run(struct context *context, int count, char **arguments);

const struct command command_reserve = {
    .name = "reserve",
    .summary = "asks whether a borrower may be lent to, before the money moves",
    .help =
        "usage: tally --home DIR reserve SUBJECT --product P --currency C [--amount MINOR] [--type T] "
        "[--hours "
        "N]\n"
        "       tally --home DIR reserve cancel AUTHORIZATION\n"
        "\n"
        "Says to the network that this member is about to lend to SUBJECT. The network's policy decides, in "
        "the "
        "order of the\n"
        "ledger: of two members who want the last place, exactly one gets it. The answer is an authorization "
        "number, which the\n"
        "account's opening names (tally help import: authorization), or the refusal with its reason; other "
        "lenders are never\n"
        "named. The receipt is verified before it is shown. cancel gives back what will not be used.\n"
        "\n"
        "  --product P     the member's own code of what it lends, a number\n"
        "  --currency C    its letters, such as CNY\n"
        "  --amount MINOR  in minor units, public; asked for where the policy caps amounts\n"
        "  --type T        INSTALMENT, unless given, or REVOLVING\n"
        "  --hours N       how long it is kept: 1 to 24, 8 unless given\n"
        "\n"
        "--json prints {\"authorization\", \"expires_ms\", \"height\"}, or {\"refused\", \"reason\", "
        "\"message\", \"event_id\", \"height\"},\n"
        "with exit status 1; reason says which cap, where the policy has several. cancel prints "
        "{\"event_id\", "
        "\"height\"}.\n",
    .run = reserve_run,
};

static enum tool_exit reserve_make(
    struct context *context, const struct args *args, struct signer *signer, struct member_event *event)
{
    const struct event_body body = {.type = EVENT_RESERVE};
    const char *hours = args_value(args, "hours"), *product = args_value(args, "product");
    const char *amount = args_value(args, "amount"), *type = args_value(args, "type");
    uint64_t hours_number = 0, product_number = 0, minor = 0;
    struct digest subject;
    if (hours == NULL) hours = HOURS_UNLESS_GIVEN;
    if (hex_decode(args->positionals[0], subject.bytes, DIGEST_SIZE) != TALLY_OK || product == NULL ||
        args_value(args, "currency") == NULL ||
        number_from_text(product, 1, UINT32_MAX, &product_number) != TALLY_OK ||
        number_from_text(hours, 1, HOURS_MAX, &hours_number) != TALLY_OK ||
        (amount != NULL && number_from_text(amount, 0, INT64_MAX, &minor) != TALLY_OK))
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally --home DIR reserve SUBJECT --product P --currency C [--amount MINOR]");
    json_t *fields = json_pack("{s:s, s:I, s:s, s:I}", "account_type", type == NULL ? "INSTALMENT" : type,
        "product", (json_int_t)product_number, "currency", args_value(args, "currency"), "expires_ms",
        (json_int_t)(clock_wall_ms() + hours_number * MS_PER_HOUR));
    if (fields != NULL && amount != NULL)
        json_object_set_new(fields, "amount_minor", json_integer((json_int_t)minor));
    return member_event_make(context, &signer->keys, body.type, &subject, fields, &body, event);
}

static enum tool_exit cancel_make(
    struct context *context, const struct args *args, struct signer *signer, struct member_event *event)
{
    const struct event_body body = {.type = EVENT_RESERVE_CANCEL};
    struct digest reservation, subject;
    if (args->positional_count != 2 ||
        hex_decode(args->positionals[1], reservation.bytes, DIGEST_SIZE) != TALLY_OK)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "wanted: tally --home DIR reserve cancel AUTHORIZATION");
    enum tool_exit code = signer_subject(context, signer, &reservation, &subject);
    if (code != TOOL_DONE) return code;
    return member_event_make(context, &signer->keys, body.type, &subject,
        json_pack("{s:s}", "reservation", args->positionals[1]), &body, event);
}

/* Of the cap that refused; 0 where the result says it all. */
static uint32_t refusal_of(const struct receipt *receipt)
{
    return receipt->result.code == RESULT_REFUSED_CAP && receipt->result.detail_size == 1
               ? receipt->result.detail[0]
               : 0;
}

static enum tool_exit refusal_show(struct context *context, const struct receipt *receipt)
{
    uint32_t reason = refusal_of(receipt);
    const char *name = result_name(receipt->result.code);
    const char *sentence = reason != 0    ? refusal_sentence(reason)
                           : name == NULL ? "?"
                                          : result_sentence(receipt->result.code);
    if (name == NULL) name = "UNKNOWN";
    if (!context->json) {
        printf("refused: %s: %s\n", name, sentence);
        return TOOL_REFUSED;
    }
    enum tool_exit code = output_json_take(
        context, json_pack("{s:s, s:s, s:s, s:o, s:I}", "refused", name, "reason",
                     reason != 0 ? refusal_name(reason) : name, "message", sentence, "event_id",
                     json_digest(&receipt->event_id), "height", (json_int_t)receipt->height));
    return code == TOOL_DONE ? TOOL_REFUSED : code;
}

static enum tool_exit result_show(
    struct context *context, const struct event_header *fields, const struct receipt *receipt)
{
    char id[2 * DIGEST_SIZE + 1], time[TIME_TEXT_SIZE];
    if (receipt->result.code != RESULT_OK) return refusal_show(context, receipt);
    bool is_reserve = fields->type == EVENT_RESERVE;
    if (context->json) {
        json_t *shown = json_pack("{s:o, s:I}", is_reserve ? "authorization" : "event_id",
            json_digest(&receipt->event_id), "height", (json_int_t)receipt->height);
        if (shown != NULL && is_reserve)
            json_object_set_new(shown, "expires_ms", json_integer((json_int_t)fields->expires_ms));
        return output_json_take(context, shown);
    }
    hex_encode(span_of(receipt->event_id.bytes, DIGEST_SIZE), id);
    if (is_reserve) {
        time_to_text(fields->expires_ms, time);
        printf("authorization %s\nuntil %s\n", id, time);
    } else {
        printf("cancelled by event %s, at height %llu\n", id, (unsigned long long)receipt->height);
    }
    return TOOL_DONE;
}

static enum tool_exit reserve_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"product", true}, {"currency", true}, {"amount", true},
        {"type", true}, {"hours", true}, {NULL, false}};
    struct args args;
    struct signer *signer;
    struct member_event event = {.batch = NULL};
    struct receipt receipt;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help reserve", why);
    bool is_cancel = args.positional_count > 0 && strcmp(args.positionals[0], "cancel") == 0;
    if (!is_cancel && args.positional_count != 1)
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: reserve SUBJECT or reserve cancel AUTHORIZATION; see: tally help reserve");
    enum tool_exit code = signer_open(context, &signer);
    if (code == TOOL_DONE)
        code = is_cancel ? cancel_make(context, &args, signer, &event)
                         : reserve_make(context, &args, signer, &event);
    if (code == TOOL_DONE)
        code = member_event_submit(context, &signer->remote, &signer->trust, &event, &receipt);
    if (code == TOOL_DONE) code = result_show(context, &event.fields, &receipt);
    member_event_close(&event);
    signer_close(signer);
    return code;
}
