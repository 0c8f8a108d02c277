#include "tools/own_events.h"

#include "proto/codec/convert.h"
#include "tools/member_event.h"

#define EVENTS_START 64u

/* The events so far. */
struct gathered {
    const struct remote *remote;
    const struct proof_trust *trust;
    const struct digest *subject;
    struct arena *arena;
    struct proven_event *events;
    uint32_t count, capacity;
    Tallystick__V1__Position after; /* the newest one's place */
    struct proof_verdict *verdict;
};

static bool room_make(struct gathered *gathered)
{
    if (gathered->count < gathered->capacity) return true;
    uint32_t capacity = gathered->capacity == 0 ? EVENTS_START : 2 * gathered->capacity;
    struct proven_event *events = arena_take_zeroed(gathered->arena, capacity, sizeof *events);
    if (events == NULL) return false;
    if (gathered->count > 0) memcpy(events, gathered->events, gathered->count * sizeof *events);
    gathered->events = events;
    gathered->capacity = capacity;
    return true;
}

/* Header and body, into the event. Errors: TALLY_EFORM (not of the subject, or not what was committed to). */
static int content_take(
    const struct gathered *gathered, const Tallystick__V1__OwnEvent *message, struct proven_event *event)
{
    struct event_header header;
    event->header = span_of_bytes(message->header);
    if (event_header_decode(event->header, &header) != TALLY_OK) return TALLY_EFORM;
    if (!digest_equal(&header.subject_id, gathered->subject)) return TALLY_EFORM;
    event->has_body = message->body_case == TALLYSTICK__V1__OWN_EVENT__BODY_PLAIN;
    if (!event->has_body) return TALLY_OK;
    event->body = span_of_bytes(message->plain->body);
    int error = fixed_from_bytes(message->plain->salt, event->salt, SALT_SIZE);
    struct digest commitment = event_body_commitment(event->salt, event->body);
    return error == TALLY_OK && digest_equal(&commitment, &header.body_commitment) ? TALLY_OK : TALLY_EFORM;
}

static void verdict_lower(struct proof_verdict *verdict, const struct checkpoint *checkpoint)
{
    if (verdict->events > 0 && verdict->as_of_height <= checkpoint->height) return;
    verdict->as_of_height = checkpoint->height;
    verdict->as_of_time_ms = checkpoint->time_ms;
}

static enum tool_exit event_take(
    struct context *context, struct gathered *gathered, const Tallystick__V1__OwnEvent *message)
{
    struct receipt receipt;
    if (!room_make(gathered)) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    struct proven_event *event = &gathered->events[gathered->count];
    if (content_take(gathered, message, event) != TALLY_OK)
        return context_fail(context, TOOL_REFUSED, "BODY",
            "%s answers with an event of another subject, or one that is not what its member signed",
            gathered->remote->node);
    struct digest id = event_id(&gathered->trust->chain_id, event->header);
    enum tool_exit code =
        member_receipt_take(context, gathered->remote, gathered->trust, message->receipt, &id, &receipt);
    if (code != TOOL_DONE) return code;
    if (receipt.height < gathered->after.height ||
        (receipt.height == gathered->after.height && gathered->count > 0 &&
            receipt.index <= gathered->after.index))
        return context_fail(
            context, TOOL_REFUSED, "FORM", "%s answers out of the ledger's order", gathered->remote->node);
    event->height = gathered->after.height = receipt.height;
    gathered->after.index = receipt.index;
    event->time_ms = receipt.time_ms;
    event->result = receipt.result.code;
    verdict_lower(gathered->verdict, &receipt.checkpoint.checkpoint);
    gathered->verdict->events = ++gathered->count;
    gathered->verdict->withheld += event->has_body ? 0 : 1;
    return TOOL_DONE;
}

/* The next reply's events. */
static enum tool_exit page_take(
    struct context *context, struct remote *remote, struct gathered *gathered, bool *more)
{
    Tallystick__V1__OwnEventsRequest request = TALLYSTICK__V1__OWN_EVENTS_REQUEST__INIT;
    ProtobufCMessage *message = NULL;
    request.subject_id = digest_bytes(gathered->subject);
    request.after = gathered->count > 0 ? &gathered->after : NULL;
    enum tool_exit code = remote_call(context, remote, "/tallystick.v1.Credit/OwnEvents", &request.base,
        &tallystick__v1__own_events_reply__descriptor, gathered->arena, &message);
    if (code != TOOL_DONE) return code;
    const Tallystick__V1__OwnEventsReply *reply = (const void *)message;
    for (size_t i = 0; code == TOOL_DONE && i < reply->n_events; i++)
        code = event_take(context, gathered, reply->events[i]);
    *more = reply->more != 0 && reply->n_events > 0;
    return code;
}

enum tool_exit own_events_ask(struct context *context, struct remote *remote, const struct proof_trust *trust,
    const struct digest *subject, struct arena *arena, struct history_proof *proof,
    struct proof_verdict *verdict)
{
    struct gathered gathered = {
        .remote = remote,
        .trust = trust,
        .subject = subject,
        .arena = arena,
        .after = TALLYSTICK__V1__POSITION__INIT,
        .verdict = verdict,
    };
    bool more = true;
    enum tool_exit code = TOOL_DONE;
    *verdict = (struct proof_verdict){.detail = "", .authentic = true};
    while (code == TOOL_DONE && more)
        code = page_take(context, remote, &gathered, &more);
    *proof = (struct history_proof){.subject_id = *subject,
        .place = PLACE_PRESENT,
        .event_count = gathered.count,
        .events = gathered.events};
    proof->checkpoint.checkpoint.chain_id = trust->chain_id;
    return code;
}
