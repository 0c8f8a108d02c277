#include "tools/member_event.h"

#include <stdio.h>

#include "proto/base/check.h"
#include "proto/base/date.h"
#include "proto/codec/convert.h"
#include "proto/codec/subject_scheme.h"
#include "proto/crypto/digest.h"
#include "tools/event_json.h"
#include "tools/output.h"
#include "tools/proof_view.h"

#define EVENT_ARENA_BUDGET (4u * MIB)
#define RECEIPT_SIZE_MAX (64u * KIB)

int32_t day_today(void)
{
    return (int32_t)(clock_wall_ms() / MS_PER_DAY);
}

static enum tool_exit no_memory(struct context *context)
{
    return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
}

/* ---- Making ---- */

/* The public fields as people write them. */
static enum tool_exit public_take(struct context *context, json_t *object, struct event_header *header)
{
    char why[MESSAGE_SIZE_MAX / 2];
    size_t taken = 0;
    if (object == NULL) return no_memory(context);
    int error = event_public_from_json(object, header, &taken, why, sizeof why);
    json_decref(object);
    return error == TALLY_OK ? TOOL_DONE : context_fail(context, TOOL_USAGE, "USAGE", "%s", why);
}

/* Signs a batch of this event; what it is read back from is `bytes`. */
static int batch_sign(const struct import_keys *keys, struct batch_event *item, struct buffer *bytes)
{
    struct batch batch = {
        .chain_id = keys->chain_id,
        .member_id = keys->member_id,
        .signing_key = keys->signing_public,
        .expires_at_ms = clock_wall_ms() + IMPORT_BATCH_LIFETIME_MS,
        .event_count = 1,
        .events = item,
    };
    batch.digest = batch_digest(&batch);
    signature_make(&keys->signing, &batch.digest, &batch.signature);
    batch_encode(&batch, true, bytes);
    return bytes->failed ? TALLY_ENOMEM : TALLY_OK;
}

static int event_sign(
    const struct import_keys *keys, const struct event_body *body, struct member_event *event)
{
    struct buffer header, encoded, bytes;
    struct batch_event item = {.has_body = true};
    ProtobufCMessage *message = NULL;
    buffer_init(&header, EVENT_HEADER_SIZE_MAX);
    buffer_init(&encoded, EVENT_BODY_SIZE_MAX);
    buffer_init(&bytes, BATCH_SIZE_MAX);
    event_body_encode(body, &encoded);
    random_bytes(item.salt, sizeof item.salt);
    event->fields.body_commitment = event_body_commitment(item.salt, buffer_span(&encoded));
    event_header_encode(&event->fields, &header);
    int error = encoded.failed || header.failed ? TALLY_ENOMEM : TALLY_OK;
    if (error == TALLY_OK) {
        item.header = buffer_span(&header);
        item.fields = event->fields;
        item.body = buffer_span(&encoded);
        item.id = event->id = event_id(&keys->chain_id, item.header);
        error = batch_sign(keys, &item, &bytes);
    }
    if (error == TALLY_OK)
        error = message_decode(&tallystick__v1__batch__descriptor, MESSAGE_CANONICAL, buffer_span(&bytes),
            &event->arena, &message);
    event->batch = (Tallystick__V1__Batch *)message;
    buffer_close(&bytes);
    buffer_close(&encoded);
    buffer_close(&header);
    return error;
}

enum tool_exit member_event_make(struct context *context, const struct import_keys *keys,
    enum event_type type, const struct digest *subject, json_t *public_fields, const struct event_body *body,
    struct member_event *event)
{
    *event = (struct member_event){.fields = {.type = type,
                                       .member_id = keys->member_id,
                                       .subject_scheme = subject_scheme_of(subject),
                                       .subject_id = *subject,
                                       .event_date = day_today()}};
    arena_init(&event->arena, EVENT_ARENA_BUDGET);
    random_bytes(event->fields.item_id, sizeof event->fields.item_id);
    enum tool_exit code = public_take(context, public_fields, &event->fields);
    if (code != TOOL_DONE) return code;
    return event_sign(keys, body, event) == TALLY_OK ? TOOL_DONE : no_memory(context);
}

void member_event_close(struct member_event *event)
{
    arena_close(&event->arena);
}

/* ---- What came of it ---- */

enum tool_exit member_receipt_take(struct context *context, const struct remote *remote,
    const struct proof_trust *trust, const Tallystick__V1__Receipt *message, const struct digest *event_id,
    struct receipt *receipt)
{
    struct buffer bytes;
    struct proof_verdict verdict;
    if (message == NULL || receipt_from_message(message, receipt) != TALLY_OK)
        return context_fail(
            context, TOOL_REFUSED, "FORM", "%s answers with what is no receipt", remote->node);
    /* In its canonical bytes; the reply's own need not be. */
    buffer_init(&bytes, RECEIPT_SIZE_MAX);
    receipt_encode(receipt, &bytes);
    int error = bytes.failed ? TALLY_ENOMEM : receipt_verify(trust, buffer_span(&bytes), receipt, &verdict);
    enum tool_exit code = TOOL_DONE;
    if (bytes.failed)
        code = no_memory(context);
    else if (error != TALLY_OK)
        code = verdict_fail(context, "the receipt", error, &verdict);
    else if (!digest_equal(&receipt->event_id, event_id))
        code = context_fail(
            context, TOOL_REFUSED, "EVENT", "%s answers with the receipt of another event", remote->node);
    buffer_close(&bytes);
    return code;
}

enum tool_exit member_event_submit(struct context *context, struct remote *remote,
    const struct proof_trust *trust, const struct member_event *event, struct receipt *receipt)
{
    Tallystick__V1__SubmitBatchRequest request = TALLYSTICK__V1__SUBMIT_BATCH_REQUEST__INIT;
    Tallystick__V1__GetReceiptRequest question = TALLYSTICK__V1__GET_RECEIPT_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    struct arena arena;
    request.batch = event->batch;
    request.wait_for = TALLYSTICK__V1__WAIT_FOR__CHECKPOINTED;
    question.by_case = TALLYSTICK__V1__GET_RECEIPT_REQUEST__BY_EVENT_ID;
    question.event_id = digest_bytes(&event->id);
    arena_init(&arena, REMOTE_ARENA_BUDGET);
    enum tool_exit code = remote_call(context, remote, "/tallystick.v1.Ledger/SubmitBatch", &request.base,
        &tallystick__v1__submit_batch_reply__descriptor, &arena, &reply);
    if (code == TOOL_DONE)
        code = remote_call(context, remote, "/tallystick.v1.Ledger/GetReceipt", &question.base,
            &tallystick__v1__get_receipt_reply__descriptor, &arena, &reply);
    if (code == TOOL_DONE)
        code = member_receipt_take(context, remote, trust,
            ((const Tallystick__V1__GetReceiptReply *)reply)->receipt, &event->id, receipt);
    arena_close(&arena);
    return code;
}

enum tool_exit member_event_refused(struct context *context, const struct receipt *receipt)
{
    char id[2 * DIGEST_SIZE + 1];
    const char *name = result_name(receipt->result.code);
    hex_encode(span_of(receipt->event_id.bytes, DIGEST_SIZE), id);
    return context_fail(context, TOOL_REFUSED, name == NULL ? "UNKNOWN" : name,
        "refused: %s (event %s at height %llu)", name == NULL ? "?" : result_sentence(receipt->result.code),
        id, (unsigned long long)receipt->height);
}
