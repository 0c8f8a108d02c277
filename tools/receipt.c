#include <stdio.h>
#include <stdlib.h>

#include "proto/codec/convert.h"
#include "rpc.pb-c.h"
#include "tools/args.h"
#include "tools/proof_view.h"
#include "tools/remote.h"
#include "tools/trust.h"

#define RECEIPT_FILE_SIZE_MAX (64u * KIB)

static enum tool_exit receipt_run(struct context *context, int count, char **arguments);

const struct command command_receipt = {
    .name = "receipt",
    .summary = "proof of one event's result, refused or applied",
    .help =
        "usage: tally --home DIR receipt EVENT [--out FILE]\n"
        "       tally --home DIR receipt HEIGHT INDEX [--out FILE]\n"
        "\n"
        "Asks the home's node what came of an event: of that id (64 hexadecimal digits), or at that place "
        "in a block. Every\n"
        "event that was ordered has a result, refused ones too, and the receipt proves it: it is verified "
        "against\n"
        "DIR/genesis.json before it is shown. An id that was ordered more than once is shown where it was "
        "applied, else where\n"
        "it was ordered last. A governance transaction has one too, by its digest: its result is the "
        "ruling.\n"
        "\n"
        "  --out FILE   keep the receipt, for tally verify; an existing file is replaced\n"
        "\n"
        "--json prints {\"event_id\", \"height\", \"index\", \"time_ms\", \"result\", \"result_code\", "
        "\"detail\", \"epoch\", \"as_of_height\",\n"
        "\"as_of_time_ms\"}; the detail is hexadecimal: with CONFLICT the winner's id, with GAP the expected "
        "seq, 4 bytes, and\n"
        "the id of the account's newest event.\n",
    .run = receipt_run,
};

/* What is asked for: an event's id, or its place. */
struct asked {
    bool by_id;
    struct digest event_id;
    uint64_t height, index;
};

static bool asked_read(const struct args *args, struct asked *asked)
{
    *asked = (struct asked){.by_id = args->positional_count == 1};
    if (asked->by_id) return hex_decode(args->positionals[0], asked->event_id.bytes, DIGEST_SIZE) == TALLY_OK;
    return args->positional_count == 2 &&
           number_from_text(args->positionals[0], 1, UINT64_MAX, &asked->height) == TALLY_OK &&
           number_from_text(args->positionals[1], 0, UINT32_MAX, &asked->index) == TALLY_OK;
}

/* The receipt's canonical bytes into `bytes`; the reply's own need not be. */
static enum tool_exit receipt_ask(
    struct context *context, const struct home *home, const struct asked *asked, struct buffer *bytes)
{
    Tallystick__V1__GetReceiptRequest request = TALLYSTICK__V1__GET_RECEIPT_REQUEST__INIT;
    Tallystick__V1__Position position = TALLYSTICK__V1__POSITION__INIT;
    ProtobufCMessage *message = NULL;
    struct remote remote;
    struct arena arena;
    struct receipt receipt;
    position.height = asked->height;
    position.index = (uint32_t)asked->index;
    request.by_case = asked->by_id ? TALLYSTICK__V1__GET_RECEIPT_REQUEST__BY_EVENT_ID
                                   : TALLYSTICK__V1__GET_RECEIPT_REQUEST__BY_POSITION;
    if (asked->by_id)
        request.event_id = digest_bytes(&asked->event_id);
    else
        request.position = &position;
    enum tool_exit code = remote_open(context, home, &remote);
    if (code != TOOL_DONE) return code;
    arena_init(&arena, REMOTE_ARENA_BUDGET);
    code = remote_call(context, &remote, "/tallystick.v1.Ledger/GetReceipt", &request.base,
        &tallystick__v1__get_receipt_reply__descriptor, &arena, &message);
    remote_close(&remote);
    if (code == TOOL_DONE) {
        const Tallystick__V1__GetReceiptReply *reply = (const void *)message;
        if (reply->receipt == NULL || receipt_from_message(reply->receipt, &receipt) != TALLY_OK) {
            code =
                context_fail(context, TOOL_REFUSED, "FORM", "%s answers with what is no receipt", home->name);
        } else {
            receipt_encode(&receipt, bytes);
        }
    }
    if (code == TOOL_DONE && bytes->failed) {
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    }
    arena_close(&arena);
    return code;
}

static enum tool_exit receipt_check(struct context *context, const struct home *home,
    const struct proof_trust *trust, const struct asked *asked, struct span bytes, struct receipt *receipt)
{
    char what[NAME_SIZE_MAX + 32];
    struct proof_verdict verdict;
    snprintf(what, sizeof what, "the answer of %s", home->name);
    int error = receipt_verify(trust, bytes, receipt, &verdict);
    if (error != TALLY_OK) return verdict_fail(context, what, error, &verdict);
    bool is_asked = asked->by_id ? digest_equal(&receipt->event_id, &asked->event_id)
                                 : receipt->height == asked->height && receipt->index == asked->index;
    if (is_asked) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "EVENT", "%s is about another event", what);
}

static enum tool_exit receipt_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"out", true}, {NULL, false}};
    struct args args;
    struct asked asked;
    struct home home;
    struct receipt receipt;
    struct buffer bytes;
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK) {
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help receipt", why);
    }
    if (!asked_read(&args, &asked)) {
        return context_fail(context, TOOL_USAGE, "USAGE",
            "wanted: tally --home DIR receipt EVENT, 64 hexadecimal digits, or receipt HEIGHT INDEX");
    }
    struct proof_trust *trust = calloc(1, sizeof *trust);
    if (trust == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    buffer_init(&bytes, RECEIPT_FILE_SIZE_MAX);
    enum tool_exit code = home_open_given(context, &home);
    if (code == TOOL_DONE) code = trust_from_home(context, &home, trust);
    if (code == TOOL_DONE) code = receipt_ask(context, &home, &asked, &bytes);
    if (code == TOOL_DONE) {
        code = receipt_check(context, &home, trust, &asked, buffer_span(&bytes), &receipt);
    }
    const char *out = args_value(&args, "out");
    if (code == TOOL_DONE && out != NULL &&
        file_replace(out, 0640, buffer_span(&bytes), why, sizeof why) != TALLY_OK) {
        code = context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    }
    if (code == TOOL_DONE) code = receipt_show(context, &receipt);
    buffer_close(&bytes);
    free(trust);
    return code;
}
