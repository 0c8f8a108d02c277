#include "tools/inquiry.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/codec/convert.h"
#include "proto/crypto/digest.h"
#include "tools/event_json.h"
#include "tools/output.h"

#define OPERATOR_SIZE_MAX 256u

enum tool_exit inquiry_take(struct context *context, const struct args *args, struct inquiry *inquiry)
{
    const char *id = args_value(args, "inquiry");
    *inquiry = (struct inquiry){
        .is_old = id != NULL,
        .purpose = args_value(args, "purpose"),
        .consent = args_value(args, "consent"),
        .legal_basis = args_value(args, "legal-basis"),
        .operator_name = args_value(args, "operator"),
    };
    bool is_new = inquiry->purpose != NULL || inquiry->consent != NULL || inquiry->legal_basis != NULL ||
                  inquiry->operator_name != NULL;
    inquiry->is_asked = inquiry->is_old || is_new;
    if (inquiry->is_old && is_new)
        return context_fail(context, TOOL_USAGE, "USAGE",
            "--inquiry names an inquiry of before; it has its purpose and the rest");
    if (inquiry->is_old && hex_decode(id, inquiry->id.bytes, DIGEST_SIZE) != TALLY_OK)
        return context_fail(
            context, TOOL_USAGE, "USAGE", "--inquiry is an event's id, 64 hexadecimal digits");
    if (is_new && (inquiry->purpose == NULL || (inquiry->consent == NULL) == (inquiry->legal_basis == NULL)))
        return context_fail(context, TOOL_USAGE, "USAGE",
            "an inquiry has a --purpose, and a --consent or else a --legal-basis");
    return TOOL_DONE;
}

/* With the nonce in it: nobody without the member's key learns from the ledger who asked, nor whether two
 * inquiries are one person's, and the member can show either. */
static enum tool_exit operator_digest(struct context *context, const struct import_keys *keys,
    const struct inquiry *inquiry, const uint8_t nonce[EVENT_NONCE_SIZE], struct digest *digest)
{
    char number[16];
    const char *name = inquiry->operator_name;
    const struct passwd *user = name == NULL ? getpwuid(geteuid()) : NULL;
    struct buffer message;
    snprintf(number, sizeof number, "%u", geteuid());
    if (name == NULL) name = user == NULL ? number : user->pw_name;
    buffer_init(&message, OPERATOR_SIZE_MAX + EVENT_NONCE_SIZE);
    buffer_append(&message, nonce, EVENT_NONCE_SIZE);
    buffer_append(&message, name, strlen(name));
    bool fits = !message.failed;
    if (fits)
        *digest =
            digest_keyed(span_of(keys->salt_key, sizeof keys->salt_key), TAG_OPERATOR, buffer_span(&message));
    buffer_close(&message);
    if (fits) return TOOL_DONE;
    return context_fail(
        context, TOOL_USAGE, "USAGE", "an operator's name has at most %u bytes", OPERATOR_SIZE_MAX);
}

static json_t *public_fields(
    const struct inquiry *inquiry, const struct digest *operator_id, const uint8_t nonce[EVENT_NONCE_SIZE])
{
    return json_pack("{s:s, s:s*, s:s*, s:o, s:o}", "purpose", inquiry->purpose, "consent", inquiry->consent,
        "legal_basis", inquiry->legal_basis, "operator_digest", json_digest(operator_id), "nonce",
        json_hex(span_of(nonce, EVENT_NONCE_SIZE)));
}

enum tool_exit inquiry_event_make(struct context *context, const struct import_keys *keys,
    const struct digest *subject, const struct inquiry *inquiry, struct member_event *event)
{
    struct event_body body = {.type = EVENT_INQUIRY};
    struct digest operator_id;
    uint8_t nonce[EVENT_NONCE_SIZE];
    random_bytes(nonce, sizeof nonce);
    enum tool_exit code = operator_digest(context, keys, inquiry, nonce, &operator_id);
    if (code != TOOL_DONE) return code;
    return member_event_make(
        context, keys, EVENT_INQUIRY, subject, public_fields(inquiry, &operator_id, nonce), &body, event);
}

/* With the home's keys. */
static enum tool_exit inquiry_make(struct context *context, const struct home *home,
    const struct digest *subject, const struct inquiry *inquiry, struct member_event *event)
{
    struct import_keys keys = {.member_id = 0};
    enum tool_exit code = member_keys_load(context, home, &keys);
    if (code == TOOL_DONE) code = inquiry_event_make(context, &keys, subject, inquiry, event);
    explicit_bzero(&keys, sizeof keys);
    return code;
}

enum tool_exit inquiry_ask(struct context *context, const struct home *home, struct remote *remote,
    const struct proof_trust *trust, const struct digest *subject, uint64_t since, struct inquiry *inquiry,
    struct arena *arena, struct span *proof, bool *more)
{
    Tallystick__V1__InquireRequest request = TALLYSTICK__V1__INQUIRE_REQUEST__INIT;
    ProtobufCMessage *message = NULL;
    struct member_event event = {.batch = NULL};
    struct receipt receipt;
    enum tool_exit code = TOOL_DONE;
    request.since_count = since;
    if (inquiry->is_old) {
        request.by_case = TALLYSTICK__V1__INQUIRE_REQUEST__BY_INQUIRY;
        request.inquiry = digest_bytes(&inquiry->id);
    } else {
        code = inquiry_make(context, home, subject, inquiry, &event);
        request.by_case = TALLYSTICK__V1__INQUIRE_REQUEST__BY_BATCH;
        request.batch = event.batch;
        inquiry->id = event.id;
    }
    if (code == TOOL_DONE)
        code = remote_call(context, remote, "/tallystick.v1.Credit/Inquire", &request.base,
            &tallystick__v1__inquire_reply__descriptor, arena, &message);
    const Tallystick__V1__InquireReply *reply = (const void *)message;
    if (code == TOOL_DONE)
        code = member_receipt_take(context, remote, trust, reply->receipt, &inquiry->id, &receipt);
    if (code == TOOL_DONE && receipt.result.code != RESULT_OK) code = member_event_refused(context, &receipt);
    if (code == TOOL_DONE) {
        *proof = span_of_bytes(reply->proof);
        *more = reply->more;
        inquiry->is_old = true;
    }
    member_event_close(&event);
    return code;
}
