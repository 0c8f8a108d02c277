#include "proto/codec/history.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/epoch_seal.h"
#include "proto/codec/message.h"

#define PROOF_VERSION 1u
#define RESULT_MAX 0xFFFFu

_Static_assert(sizeof(struct digest) == DIGEST_SIZE, "lists of digests lie without gaps");

static void leaf_to_message(const struct subject_leaf *leaf, Tallystick__V1__SubjectLeaf *message)
{
    tallystick__v1__subject_leaf__init(message);
    message->count = leaf->count;
    message->last_height = leaf->last_height;
    message->acc = digest_bytes(&leaf->acc);
    message->summary = digest_bytes(&leaf->summary);
}

static int leaf_from_message(const Tallystick__V1__SubjectLeaf *message, struct subject_leaf *leaf)
{
    if (message == NULL) return TALLY_EFORM;
    leaf->count = message->count;
    leaf->last_height = message->last_height;
    int error = digest_from_bytes(message->acc, &leaf->acc);
    return error == TALLY_OK ? digest_from_bytes(message->summary, &leaf->summary) : error;
}

static void event_to_message(
    const struct proven_event *event, Tallystick__V1__ProvenEvent *message, Tallystick__V1__PlainBody *plain)
{
    tallystick__v1__proven_event__init(message);
    message->height = event->height;
    message->time_ms = event->time_ms;
    message->result = event->result;
    message->header = message_bytes(event->header);
    if (!event->has_body) return;
    tallystick__v1__plain_body__init(plain);
    plain->salt = message_bytes(span_of(event->salt, SALT_SIZE));
    plain->body = message_bytes(event->body);
    message->body_case = TALLYSTICK__V1__PROVEN_EVENT__BODY_PLAIN;
    message->plain = plain;
}

static int event_from_message(const Tallystick__V1__ProvenEvent *message, struct proven_event *event)
{
    if (message->result > RESULT_MAX) return TALLY_EFORM;
    event->height = message->height;
    event->time_ms = message->time_ms;
    event->result = (uint16_t)message->result;
    event->header = span_of_bytes(message->header);
    if (event->header.size > EVENT_HEADER_SIZE_MAX) return TALLY_EFORM;
    event->has_body = message->body_case == TALLYSTICK__V1__PROVEN_EVENT__BODY_PLAIN;
    if (!event->has_body) return TALLY_OK;
    event->body = span_of_bytes(message->plain->body);
    if (event->body.size > EVENT_BODY_SIZE_MAX) return TALLY_EFORM;
    return fixed_from_bytes(message->plain->salt, event->salt, SALT_SIZE);
}

/* What a proof's message borrows beside the proof itself. */
struct proof_parts {
    struct certified_checkpoint_message checkpoint;
    Tallystick__V1__StateParts state;
    Tallystick__V1__SubjectLeaf leaf;
    Tallystick__V1__OtherLeaf other;
    Tallystick__V1__EmptyPlace empty;
};

static void state_to_message(const struct history_proof *proof, Tallystick__V1__StateParts *message)
{
    tallystick__v1__state_parts__init(message);
    message->members_root = digest_bytes(&proof->members_root);
    message->policy_root = digest_bytes(&proof->policy_root);
    message->replay_root = digest_bytes(&proof->replay_root);
    message->counts_root = digest_bytes(&proof->counts_root);
}

static void place_to_message(
    const struct history_proof *proof, struct proof_parts *parts, Tallystick__V1__HistoryProof *message)
{
    switch (proof->place) {
    case PLACE_PRESENT:
        leaf_to_message(&proof->leaf, &parts->leaf);
        message->place_case = TALLYSTICK__V1__HISTORY_PROOF__PLACE_PRESENT;
        message->present = &parts->leaf;
        return;
    case PLACE_OTHER:
        leaf_to_message(&proof->leaf, &parts->leaf);
        tallystick__v1__other_leaf__init(&parts->other);
        parts->other.position = digest_bytes(&proof->other_position);
        parts->other.leaf = &parts->leaf;
        message->place_case = TALLYSTICK__V1__HISTORY_PROOF__PLACE_OTHER;
        message->other = &parts->other;
        return;
    case PLACE_EMPTY:
        tallystick__v1__empty_place__init(&parts->empty);
        message->place_case = TALLYSTICK__V1__HISTORY_PROOF__PLACE_EMPTY;
        message->empty = &parts->empty;
        return;
    }
    CHECK_UNREACHABLE();
}

void history_proof_encode(const struct history_proof *proof, struct buffer *out)
{
    struct proof_parts parts;
    Tallystick__V1__HistoryProof message = TALLYSTICK__V1__HISTORY_PROOF__INIT;
    size_t count = proof->event_count;
    CHECK(proof->sibling_count <= SUBJECT_PATH_LENGTH_MAX);
    struct digest position = subject_position(&proof->checkpoint.checkpoint.chain_id, &proof->subject_id);
    certified_checkpoint_to_message(&proof->checkpoint, &parts.checkpoint);
    state_to_message(proof, &parts.state);
    message.version = PROOF_VERSION;
    message.subject_id = digest_bytes(&proof->subject_id);
    message.checkpoint = &parts.checkpoint.outer;
    message.state = &parts.state;
    message.siblings = message_bytes(span_of(proof->siblings, proof->sibling_count * sizeof(struct digest)));
    message.position = digest_bytes(&position);
    message.since = proof->since;
    message.seals = message_bytes(proof->seals);
    place_to_message(proof, &parts, &message);

    Tallystick__V1__ProvenEvent *events = calloc(count + 1, sizeof *events);
    Tallystick__V1__PlainBody *bodies = calloc(count + 1, sizeof *bodies);
    Tallystick__V1__ProvenEvent **pointers = calloc(count + 1, sizeof *pointers);
    if (events == NULL || bodies == NULL || pointers == NULL) {
        out->failed = true;
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        event_to_message(&proof->events[i], &events[i], &bodies[i]);
        pointers[i] = &events[i];
    }
    message.n_events = count;
    message.events = pointers;
    message_encode(&message.base, out);
done:
    free(events);
    free(bodies);
    free(pointers);
}

static int state_from_message(const Tallystick__V1__StateParts *message, struct history_proof *proof)
{
    if (message == NULL) return TALLY_EFORM;
    int error = digest_from_bytes(message->members_root, &proof->members_root);
    if (error == TALLY_OK) error = digest_from_bytes(message->policy_root, &proof->policy_root);
    if (error == TALLY_OK) error = digest_from_bytes(message->replay_root, &proof->replay_root);
    if (error == TALLY_OK) error = digest_from_bytes(message->counts_root, &proof->counts_root);
    return error;
}

static int place_from_message(const Tallystick__V1__HistoryProof *message, struct history_proof *proof)
{
    switch (message->place_case) {
    case TALLYSTICK__V1__HISTORY_PROOF__PLACE_PRESENT:
        proof->place = PLACE_PRESENT;
        return leaf_from_message(message->present, &proof->leaf);
    case TALLYSTICK__V1__HISTORY_PROOF__PLACE_OTHER:
        proof->place = PLACE_OTHER;
        if (leaf_from_message(message->other->leaf, &proof->leaf) != TALLY_OK) return TALLY_EFORM;
        return digest_from_bytes(message->other->position, &proof->other_position);
    case TALLYSTICK__V1__HISTORY_PROOF__PLACE_EMPTY:
        proof->place = PLACE_EMPTY;
        return TALLY_OK;
    case TALLYSTICK__V1__HISTORY_PROOF__PLACE__NOT_SET:
    case _TALLYSTICK__V1__HISTORY_PROOF__PLACE__CASE_IS_INT_SIZE:
        break;
    }
    return TALLY_EFORM;
}

static int events_from_message(
    const Tallystick__V1__HistoryProof *message, struct arena *arena, struct history_proof *proof)
{
    if (message->n_events > UINT32_MAX) return TALLY_EFORM;
    struct proven_event *events = arena_take_zeroed(arena, message->n_events, sizeof *events);
    if (events == NULL) return TALLY_ENOMEM;
    for (size_t i = 0; i < message->n_events; i++) {
        int error = event_from_message(message->events[i], &events[i]);
        if (error != TALLY_OK) return error;
    }
    proof->event_count = (uint32_t)message->n_events;
    proof->events = events;
    return TALLY_OK;
}

int history_proof_decode(struct span bytes, struct arena *arena, struct history_proof *proof)
{
    ProtobufCMessage *unpacked;
    if (message_version_differs(bytes, PROOF_VERSION)) return TALLY_EVERSION;
    int error = message_decode(
        &tallystick__v1__history_proof__descriptor, MESSAGE_CANONICAL, bytes, arena, &unpacked);
    if (error != TALLY_OK) return error;
    const Tallystick__V1__HistoryProof *message = (const Tallystick__V1__HistoryProof *)unpacked;
    if (message->version != PROOF_VERSION) return message->version == 0 ? TALLY_EFORM : TALLY_EVERSION;
    struct history_proof *read = arena_take_zeroed(arena, 1, sizeof *read);
    if (read == NULL) return TALLY_ENOMEM;
    read->since = message->since;
    error = digest_from_bytes(message->subject_id, &read->subject_id);
    if (error == TALLY_OK) error = digest_from_bytes(message->position, &read->position);
    if (error == TALLY_OK) error = certified_checkpoint_from_message(message->checkpoint, &read->checkpoint);
    if (error == TALLY_OK) error = state_from_message(message->state, read);
    if (error == TALLY_OK)
        error = digests_from_bytes(
            message->siblings, SUBJECT_PATH_LENGTH_MAX, read->siblings, &read->sibling_count);
    if (error == TALLY_OK) error = place_from_message(message, read);
    if (error == TALLY_OK) error = events_from_message(message, arena, read);
    read->seals = span_of_bytes(message->seals);
    if (error == TALLY_OK) error = epoch_seals_check(read->seals);
    if (error == TALLY_OK) *proof = *read;
    return error;
}
