#include <stdio.h>
#include <stdlib.h>

#include "rpc.pb-c.h"
#include "tools/args.h"
#include "tools/history_view.h"
#include "tools/proof_view.h"
#include "tools/remote.h"
#include "tools/trust.h"

static enum tool_exit history_run(struct context *context, int count, char **arguments);

const struct command command_history = {
    .name = "history",
    .summary = "a borrower's whole file, verified before it is shown",
    .help =
        "usage: tally --home DIR history SUBJECT [--since FILE] [--out FILE]\n"
        "\n"
        "Asks the home's node for everything the ledger holds about SUBJECT (64 hexadecimal digits), "
        "with its proof, and\n"
        "verifies that against DIR/genesis.json before anything is shown: every event is authentic, and "
        "none was left out.\n"
        "That there is no file is proven too.\n"
        "\n"
        "  --since FILE  a whole history of SUBJECT that was saved before: it is verified, and only what "
        "came after it is asked\n"
        "                for and shown, with the proof that nothing else did\n"
        "  --out FILE    keep the answer's exact bytes, for tally verify (which then wants --since too); an "
        "existing file is\n"
        "                replaced\n"
        "\n"
        "--json prints {\"subject\", \"as_of_height\", \"as_of_time_ms\", \"absent\", \"since\", "
        "\"withheld\", "
        "\"events\": [{\"type\", \"member\",\n"
        "\"account\", \"account_seq\", \"event_date\", \"height\", \"time_ms\", \"event_id\", "
        "\"result\", \"body\": {..}, ...}]}, with the\n"
        "fields of tally help import; body is null where it was withheld, and since is how many events came "
        "before these.\n",
    .run = history_run,
};

/* Everything of one run; the proof borrows from the arenas. */
struct asking {
    struct digest subject;
    struct proof_trust trust;
    bool has_base;
    struct history_base base;
    struct arena reply_arena, proof_arena;
    struct span bytes;
    struct history_proof proof;
    struct proof_verdict verdict;
};

static enum tool_exit base_take(struct context *context, const char *path, struct asking *asking)
{
    struct digest position = subject_position(&asking->trust.chain_id, &asking->subject);
    enum tool_exit code = history_base_open(context, path, &asking->trust, &asking->base);
    if (code != TOOL_DONE) return code;
    asking->has_base = true;
    if (digest_equal(&position, &asking->base.position)) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "SUBJECT", "%s is about another subject", path);
}

static enum tool_exit history_ask(struct context *context, const struct home *home, struct asking *asking)
{
    Tallystick__V1__GetHistoryRequest request = TALLYSTICK__V1__GET_HISTORY_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    struct remote remote;
    request.subject_id = message_bytes(span_of(asking->subject.bytes, DIGEST_SIZE));
    request.since_count = asking->base.count;
    enum tool_exit code = remote_open(context, home, &remote);
    if (code != TOOL_DONE) return code;
    code = remote_call(context, &remote, "/tallystick.v1.Credit/GetHistory", &request.base,
        &tallystick__v1__get_history_reply__descriptor, &asking->reply_arena, &reply);
    remote_close(&remote);
    if (code != TOOL_DONE) return code;
    const Tallystick__V1__GetHistoryReply *history = (const void *)reply;
    asking->bytes = span_of(history->proof.data, history->proof.len);
    return TOOL_DONE;
}

static enum tool_exit history_check(struct context *context, const struct home *home, struct asking *asking)
{
    char what[NAME_SIZE_MAX + 32];
    snprintf(what, sizeof what, "the answer of %s", home->name);
    int error = history_verify_since(&asking->trust, asking->has_base ? &asking->base : NULL, asking->bytes,
        &asking->proof_arena, &asking->proof, &asking->verdict);
    if (error != TALLY_OK) return verdict_fail(context, what, error, &asking->verdict);
    if (!digest_equal(&asking->proof.subject_id, &asking->subject)) {
        return context_fail(context, TOOL_REFUSED, "SUBJECT", "%s is about another subject", what);
    }
    return TOOL_DONE;
}

static enum tool_exit history_show(struct context *context, const struct asking *asking)
{
    char subject[2 * DIGEST_SIZE + 1], time[TIME_TEXT_SIZE];
    const struct proof_verdict *verdict = &asking->verdict;
    hex_encode(span_of(asking->subject.bytes, DIGEST_SIZE), subject);
    if (context->json) {
        return output_json_take(
            context, json_pack("{s:s, s:I, s:I, s:b, s:I, s:I, s:o}", "subject", subject, "as_of_height",
                         (json_int_t)verdict->as_of_height, "as_of_time_ms",
                         (json_int_t)verdict->as_of_time_ms, "absent", verdict->absent, "since",
                         (json_int_t)verdict->since, "withheld", (json_int_t)verdict->withheld, "events",
                         history_events_json(&asking->proof, &asking->trust.chain_id)));
    }
    time_to_text(verdict->as_of_time_ms, time);
    printf("subject %s\n", subject);
    if (verdict->absent) {
        printf("no file: proven as of height %llu, %s\n", (unsigned long long)verdict->as_of_height, time);
        return TOOL_DONE;
    }
    printf("%u events", verdict->events);
    if (verdict->since > 0) printf(" after the %llu before", (unsigned long long)verdict->since);
    printf(", authentic and complete as of height %llu, %s\n\n", (unsigned long long)verdict->as_of_height,
        time);
    history_events_text(&asking->proof);
    return TOOL_DONE;
}

static enum tool_exit history_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"since", true}, {"out", true}, {NULL, false}};
    struct args args;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help history", why);
    }
    if (args.positional_count != 1) {
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally --home DIR history SUBJECT [--since FILE] [--out FILE]");
    }
    struct asking *asking = calloc(1, sizeof *asking);
    if (asking == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    arena_init(&asking->reply_arena, REMOTE_ARENA_BUDGET);
    arena_init(&asking->proof_arena, REMOTE_ARENA_BUDGET);
    struct home home;
    enum tool_exit code = TOOL_DONE;
    if (hex_decode(args.positionals[0], asking->subject.bytes, DIGEST_SIZE) != TALLY_OK) {
        code = context_fail(context, TOOL_USAGE, "USAGE",
            "a subject is 64 hexadecimal digits; tally subject-id makes one from a document");
    }
    if (code == TOOL_DONE) code = home_open_given(context, &home);
    if (code == TOOL_DONE) code = trust_from_home(context, &home, &asking->trust);
    const char *since = args_value(&args, "since");
    if (code == TOOL_DONE && since != NULL) code = base_take(context, since, asking);
    if (code == TOOL_DONE) code = history_ask(context, &home, asking);
    if (code == TOOL_DONE) code = history_check(context, &home, asking);
    const char *out = args_value(&args, "out");
    if (code == TOOL_DONE && out != NULL &&
        file_replace(out, 0640, asking->bytes, why, sizeof why) != TALLY_OK) {
        code = context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    }
    if (code == TOOL_DONE) code = history_show(context, asking);
    arena_close(&asking->proof_arena);
    arena_close(&asking->reply_arena);
    free(asking);
    return code;
}
