/* One event of the member's own that is in no account's chain: made, signed, and followed to its receipt. */
#ifndef TALLY_TOOLS_MEMBER_EVENT_H
#define TALLY_TOOLS_MEMBER_EVENT_H

#include <jansson.h>

#include "proto/codec/event.h"
#include "proto/proof/verify.h"
#include "rpc.pb-c.h"
#include "tools/member_keys.h"
#include "tools/remote.h"

/* The batch that carries it is the arena's. Zeros are an event that is not made yet. */
struct member_event {
    struct event_header fields;
    struct digest id;
    struct arena arena;
    Tallystick__V1__Batch *batch;
};

/* Makes an event of today from the public fields of its type as tally help import has them, which it takes
 * over (NULL is no memory), and signs a batch of it alone with the member's keys. The item id is new. */
enum tool_exit member_event_make(struct context *context, const struct import_keys *keys,
    enum event_type type, const struct digest *subject, json_t *public_fields, const struct event_body *body,
    struct member_event *event) TALLY_MUST_CHECK;
void member_event_close(struct member_event *event);

/* Submits the event, waits until its result is under a certified checkpoint, and verifies the receipt of it,
 * which may be of a refusal. */
enum tool_exit member_event_submit(struct context *context, struct remote *remote,
    const struct proof_trust *trust, const struct member_event *event,
    struct receipt *receipt) TALLY_MUST_CHECK;

/* The receipt of a reply, held against the genesis and the event's id. */
enum tool_exit member_receipt_take(struct context *context, const struct remote *remote,
    const struct proof_trust *trust, const Tallystick__V1__Receipt *message, const struct digest *event_id,
    struct receipt *receipt) TALLY_MUST_CHECK;

/* Notes that the event was refused, in the context: the result's name and its sentence. */
enum tool_exit member_event_refused(struct context *context, const struct receipt *receipt) TALLY_MUST_CHECK;

/* Today's day, UTC. */
int32_t day_today(void);

#endif
