#include "node/rpc/rpc_request.h"

#include "node/rpc/rpc_conversion.h"
#include "node/rpc/rpc_end.h"
#include "node/rpc/rpc_screen.h"
#include "node/rpc/transcode.h"
#include "proto/base/check.h"

static void refuse_large(struct rpc_call *call)
{
    request_refuse(
        call, GRPC_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE", "the request is above this call's bound");
}

static void refuse_form(struct rpc_call *call)
{
    request_refuse(call, GRPC_INVALID_ARGUMENT, "REQUEST_FORM", "the request is not one message");
}

/* Judges the prefix once it is here, so that a request that cannot be taken is not awaited. */
static bool prefix_fits(struct rpc_call *call)
{
    if (call->request.size < GRPC_PREFIX_SIZE) return true;
    uint8_t flags = call->request.data[0];
    if (flags == 1) {
        request_refuse(call, GRPC_UNIMPLEMENTED, "COMPRESSED", "compressed messages are not taken");
    } else if (flags != 0) {
        refuse_form(call);
    } else if (get_u32(call->request.data + 1) > request_message_size_max(call)) {
        refuse_large(call);
    } else {
        return true;
    }
    return false;
}

static bool bytes_take(struct rpc_call *call, struct span bytes)
{
    int error = call_request_append(call, bytes);
    if (error == TALLY_OK) return true;
    if (error != TALLY_ELIMIT) {
        request_refuse(call, GRPC_RESOURCE_EXHAUSTED, "BUSY", "too many requests are being received");
    } else if (dialect_is_framed(call->dialect)) {
        refuse_form(call);
    } else {
        refuse_large(call);
    }
    return false;
}

/* A call that streams both ways: each message is answered as it comes. */

static void message_answer(struct rpc_call *call, struct span message)
{
    struct buffer reply;
    buffer_init(&reply, RPC_REPLY_SIZE_MAX);
    int error = call->method->answer(message, &reply);
    if (error == TALLY_OK && reply.failed) error = TALLY_ENOMEM;
    if (error == TALLY_OK) error = rpc_call_write(call, buffer_span(&reply));
    buffer_close(&reply);
    if (error == TALLY_EFORM) {
        request_refuse(
            call, GRPC_INVALID_ARGUMENT, "MALFORMED", "the request is not a message of this method");
    } else if (error != TALLY_OK) {
        request_refuse(call, GRPC_RESOURCE_EXHAUSTED, "BUSY", "too many replies wait to be read");
    }
}

static void answers_receive(struct rpc_call *call, struct span bytes)
{
    while (call->state == CALL_OPEN && bytes.size > 0) {
        const struct buffer *request = &call->request;
        size_t want = GRPC_PREFIX_SIZE - request->size;
        if (request->size >= GRPC_PREFIX_SIZE)
            want = GRPC_PREFIX_SIZE + get_u32(request->data + 1) - request->size;
        if (want > bytes.size) want = bytes.size;
        if (!bytes_take(call, span_of(bytes.data, want))) return;
        bytes = span_of(bytes.data + want, bytes.size - want);
        if (request->size < GRPC_PREFIX_SIZE) return;
        if (request->size == GRPC_PREFIX_SIZE && !prefix_fits(call)) return;
        size_t size = get_u32(request->data + 1);
        if (request->size - GRPC_PREFIX_SIZE < size) continue;
        message_answer(call, span_of(request->data + GRPC_PREFIX_SIZE, size));
        if (call->state == CALL_OPEN) call_request_clear(call);
    }
}

bool request_is_open(const struct rpc_call *call)
{
    if (call->state == CALL_RECEIVING) return true;
    return call->state == CALL_OPEN && call->method->answer != NULL;
}

void request_receive(struct rpc_call *call, struct span bytes)
{
    size_t head = 0;
    if (call->method->answer != NULL) {
        answers_receive(call, bytes);
        return;
    }
    /* The prefix first: it tells a request that is too large from one that is no single message. */
    if (dialect_is_framed(call->dialect) && call->request.size < GRPC_PREFIX_SIZE) {
        head = GRPC_PREFIX_SIZE - call->request.size;
        if (head > bytes.size) head = bytes.size;
        if (!bytes_take(call, span_of(bytes.data, head)) || !prefix_fits(call)) return;
    }
    if (bytes.size > head) (void)bytes_take(call, span_of(bytes.data + head, bytes.size - head));
}

static bool prefix_strip(struct rpc_call *call)
{
    if (call->request.size < GRPC_PREFIX_SIZE ||
        call->request.size - GRPC_PREFIX_SIZE != get_u32(call->request.data + 1)) {
        refuse_form(call);
        return false;
    }
    call->request_at = GRPC_PREFIX_SIZE;
    return true;
}

static void refuse_busy(struct rpc_call *call)
{
    request_refuse(call, GRPC_RESOURCE_EXHAUSTED, "BUSY", "too many requests are being received");
}

/* Handlers know protobuf alone: what transcode_from_json made of the request takes its place. */
static bool converted_take(struct rpc_call *call, int error, struct buffer *message, const char *why)
{
    if (error == TALLY_OK && call_request_replace_take(call, message) == TALLY_OK) return true;
    buffer_close(message);
    if (error == TALLY_OK) {
        refuse_busy(call);
    } else if (error == TALLY_EFORM) {
        request_refuse(call, GRPC_INVALID_ARGUMENT, "MALFORMED", why);
    } else {
        request_refuse(call, GRPC_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE", why);
    }
    return false;
}

static bool json_convert(struct rpc_call *call)
{
    char why[CONVERSION_WHY_SIZE];
    struct buffer message;
    struct span json = call_request_message(call);
    buffer_init(&message, call->method->request_size_max);
    int error = transcode_from_json(call->method->request, json, &message, why, sizeof why);
    return converted_take(call, error, &message, why);
}

/* What a URL asks for, as the call's request. */
static bool feed_ask(struct rpc_call *call)
{
    const struct exchange_request *request = &call->exchange->request;
    const char *why = "";
    struct buffer message;
    buffer_init(&message, call->method->request_size_max);
    if (call->feed->ask(request->query, request->last_event_id, &message, &why) != TALLY_OK) {
        buffer_close(&message);
        request_refuse(call, GRPC_INVALID_ARGUMENT, "MALFORMED", why);
        return false;
    }
    if (!message.failed && call_request_replace_take(call, &message) == TALLY_OK) return true;
    refuse_busy(call);
    return false;
}

static bool is_in_time(struct rpc_call *call)
{
    if (rpc_now_ms(call->shared) < call->deadline_ms) return true;
    call_end(call, GRPC_DEADLINE_EXCEEDED, "the deadline passed before the call began", NULL);
    return false;
}

static void request_hand_on(struct rpc_call *call)
{
    call->state = CALL_OPEN;
    call->method->handle(call->shared->context, call);
    CHECK(call->state == CALL_CLOSED || call->on_cancel != NULL);
    if (call->feed != NULL && call->state == CALL_OPEN) call_respond(call);
}

static void on_converted(struct rpc_call *call, struct conversion *conversion)
{
    if (!is_in_time(call)) return;
    if (converted_take(call, conversion->error, &conversion->message, conversion->why)) request_hand_on(call);
}

void request_complete(struct rpc_call *call)
{
    if (call->method->answer != NULL) {
        if (call->request.size > 0)
            refuse_form(call);
        else
            rpc_call_end(call);
        return;
    }
    if (dialect_is_framed(call->dialect) && !prefix_strip(call)) return;
    if (!is_in_time(call)) return;
    if (conversion_is_due(call)) {
        if (conversion_begin(call, on_converted) != TALLY_OK) refuse_busy(call);
        return;
    }
    if (call->feed != NULL ? !feed_ask(call) : call->dialect->json && !json_convert(call)) return;
    request_hand_on(call);
}
