#include "node/admission.h"

#include <stdlib.h>

#include "node/body_rules.h"
#include "node/credit/rules.h"
#include "proto/base/check.h"
#include "storage/state.h"

struct admission {
    const struct genesis *genesis;
    struct verify_key keys[MEMBERS_MAX][KEYS_PER_MEMBER_MAX]; /* as in genesis->members[].keys */
};

int admission_open(const struct genesis *genesis, struct admission **admission)
{
    CHECK(genesis->member_count <= MEMBERS_MAX);
    struct admission *opened = calloc(1, sizeof(*opened));
    if (!opened) return TALLY_ENOMEM;

    opened->genesis = genesis;
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        const struct genesis_member *member = &genesis->members[i];
        CHECK(member->key_count <= KEYS_PER_MEMBER_MAX);
        for (uint32_t j = 0; j < member->key_count; j++) {
            int error = verify_key_parse(&member->keys[j], &opened->keys[i][j]);
            if (error) {
                admission_close(opened);
                return error;
            }
        }
    }
    *admission = opened;
    return TALLY_OK;
}

void admission_close(struct admission *admission)
{
    free(admission);
}

static int refuse(struct admission_refusal *refusal, int error, const char *reason, const char *field)
{
    *refusal = (struct admission_refusal){.reason = reason, .field = field};
    return error;
}

static int refuse_event(
    struct admission_refusal *refusal, int error, const char *reason, const char *field, uint32_t index)
{
    *refusal = (struct admission_refusal){reason, field, true, index};
    return error;
}

/* The words for what the decoder found. */
static int refuse_undecoded(struct admission_refusal *refusal, int error, uint32_t index)
{
    const char *reason = "FORM", *field = "batch";

    switch (error) {
    case TALLY_EVERSION:
        reason = "VERSION";
        field = "version";
        break;
    case TALLY_EINVALID:
        /* A type without rules in this release, or an event in another member's name. */
        reason = "EVENT_INVALID";
        field = "header";
        break;
    case TALLY_EDAMAGED:
        reason = "BODY_COMMITMENT";
        field = "body";
        break;
    case TALLY_ELIMIT:
        reason = "BATCH_TOO_LARGE";
        break;
    case TALLY_ENOMEM:
        reason = "NO_MEMORY";
        break;
    default:
        break;
    }
    if (index == UINT32_MAX) return refuse(refusal, error, reason, field);
    if (error == TALLY_EFORM) field = "event";
    return refuse_event(refusal, error, reason, field, index);
}

/* Whether the batch's key is one of the member's, and if so, parsed. */
static const struct verify_key *member_key(
    const struct admission *admission, const struct genesis_member *member, const struct public_key *key)
{
    const struct verify_key *parsed = admission->keys[member - admission->genesis->members];

    for (uint32_t i = 0; i < member->key_count; i++) {
        if (public_key_equal(&member->keys[i], key)) return &parsed[i];
    }
    return NULL;
}

static int check_expiry(const struct batch *batch, uint64_t wall_ms, struct admission_refusal *refusal)
{
    if (batch->expires_at_ms <= wall_ms) return refuse(refusal, TALLY_ETIMEOUT, "EXPIRED", "expires_at_ms");
    if (batch->expires_at_ms - wall_ms > BATCH_LIFETIME_MS_MAX) {
        return refuse(refusal, TALLY_ETIMEOUT, "EXPIRY_TOO_FAR", "expires_at_ms");
    }
    return TALLY_OK;
}

static int check_bodies(
    const struct batch *batch, enum admission_source source, struct admission_refusal *refusal)
{
    for (uint32_t i = 0; i < batch->event_count; i++) {
        const struct batch_event *event = &batch->events[i];
        if (!event->has_body) return refuse_event(refusal, TALLY_EFORM, "BODY_MISSING", "body", i);
        if (source != ADMISSION_CLIENT) continue;

        struct event_body body;
        int error = event_body_decode(event->fields.type, event->body, &body);
        if (error) return refuse_event(refusal, TALLY_EFORM, "BODY_FORM", "body", i);
        struct body_refusal broken;
        error = body_rules_check(&event->fields, &body, &broken);
        if (error) return refuse_event(refusal, error, broken.reason, broken.field, i);
    }
    return TALLY_OK;
}

/* For a batch that a block names, any key will do: whether it is the member's is for the rules to say, by the
 * state. */
static int check_ordered(
    const struct admission *admission, const struct batch *batch, struct admission_refusal *refusal)
{
    const struct genesis_member *member = genesis_member_by_id(admission->genesis, batch->member_id);
    const struct verify_key *known = member ? member_key(admission, member, &batch->signing_key) : NULL;
    struct verify_key parsed;

    if (!known && verify_key_parse(&batch->signing_key, &parsed) != TALLY_OK) {
        return refuse(refusal, TALLY_ESIGNATURE, "SIGNATURE", "signing_key");
    }
    if (batch_check(batch, known ? known : &parsed) != TALLY_OK) {
        return refuse(refusal, TALLY_ESIGNATURE, "SIGNATURE", "signature");
    }
    return TALLY_OK;
}

/* The dear check, the signature, comes after all cheap ones. */
static int check_waiting(const struct admission *admission, enum admission_source source,
    const struct batch *batch, uint64_t wall_ms, struct admission_refusal *refusal)
{
    const struct genesis_member *member = genesis_member_by_id(admission->genesis, batch->member_id);
    if (!member) return refuse(refusal, TALLY_EDENIED, "MEMBER_UNKNOWN", "member_id");
    for (uint32_t i = 0; i < batch->event_count; i++)
        if (!credit_role_may(member->role, batch->events[i].fields.type))
            return refuse_event(refusal, TALLY_EDENIED, "NOT_ALLOWED", "type", i);
    const struct verify_key *key = member_key(admission, member, &batch->signing_key);
    if (!key) return refuse(refusal, TALLY_EDENIED, "KEY_UNKNOWN", "signing_key");

    int error = check_expiry(batch, wall_ms, refusal);
    if (!error) error = check_bodies(batch, source, refusal);
    if (error) return error;
    if (batch_check(batch, key) != TALLY_OK)
        return refuse(refusal, TALLY_ESIGNATURE, "SIGNATURE", "signature");
    return TALLY_OK;
}

int admission_check(const struct admission *admission, enum admission_source source, struct span bytes,
    uint64_t wall_ms, struct arena *arena, struct batch *batch, struct admission_refusal *refusal)
{
    uint32_t index = UINT32_MAX;

    int error = batch_decode(bytes, &admission->genesis->chain_id, arena, batch, &index);
    if (error) return refuse_undecoded(refusal, error, index);
    if (!digest_equal(&batch->chain_id, &admission->genesis->chain_id)) {
        return refuse(refusal, TALLY_ECHAIN, "CHAIN", "chain_id");
    }
    if (source == ADMISSION_ORDERED) return check_ordered(admission, batch, refusal);
    return check_waiting(admission, source, batch, wall_ms, refusal);
}

int admission_known(struct state *state, const struct batch *batch, struct known_event *known, bool *all)
{
    for (uint32_t i = 0; i < batch->event_count; i++) {
        struct state_event event;
        int error = state_event_get(state, &batch->events[i].id, &event);
        /* Where it may have been applied in a block that is still to come, the rules will say so. */
        if (error == TALLY_ENOTFOUND || error == TALLY_EPENDING || (!error && !event.applied)) {
            *all = false;
            return TALLY_OK;
        }
        if (error) return error;
        known[i] = (struct known_event){event.height, event.index};
    }
    *all = true;
    return TALLY_OK;
}
