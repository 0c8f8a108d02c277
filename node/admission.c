#include "node/admission.h"

#include <stdlib.h>

#include "node/body_rules.h"
#include "node/credit/rules.h"
#include "proto/base/check.h"
#include "storage/state.h"

struct admission {
    atomic_uint references;
    struct digest chain_id;
    struct register_view *view;
    struct verify_key keys[]; /* those of view->value.keys that are for signing, in their places */
};

/* ---- Life ---- */

/* Keys keep their places in the register, and stay for good. */
static bool has_parsed(const struct admission *before, uint32_t place, const struct register_key *key)
{
    return before != NULL && place < before->view->value.key_count &&
           before->view->value.keys[place].kind == KEY_SIGNING &&
           public_key_equal(&before->view->value.keys[place].key, &key->key);
}

static int keys_parse(struct admission *admission, const struct admission *before)
{
    const struct member_register *members = &admission->view->value;

    for (uint32_t i = 0; i < members->key_count; i++) {
        if (members->keys[i].kind != KEY_SIGNING) continue;
        if (has_parsed(before, i, &members->keys[i])) {
            admission->keys[i] = before->keys[i];
            continue;
        }
        int error = verify_key_parse(&members->keys[i].key, &admission->keys[i]);
        if (error) return error;
    }
    return TALLY_OK;
}

int admission_open(const struct digest *chain_id, struct register_view *view, const struct admission *before,
    struct admission **admission)
{
    struct admission *opened = calloc(1, sizeof(*opened) + view->value.key_count * sizeof(opened->keys[0]));
    if (!opened) return TALLY_ENOMEM;

    atomic_init(&opened->references, 1);
    opened->chain_id = *chain_id;
    opened->view = register_view_share(view);
    int error = keys_parse(opened, before);
    if (error) {
        admission_release(opened);
        return error;
    }
    *admission = opened;
    return TALLY_OK;
}

struct admission *admission_share(struct admission *admission)
{
    unsigned before = atomic_fetch_add_explicit(&admission->references, 1, memory_order_relaxed);
    CHECK(before > 0);
    return admission;
}

void admission_release(struct admission *admission)
{
    if (!admission) return;
    unsigned before = atomic_fetch_sub_explicit(&admission->references, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1) return;
    register_view_release(admission->view);
    free(admission);
}

/* ---- Why something is refused ---- */

static int refuse(struct admission_refusal *refusal, int error, const char *reason, const char *field)
{
    *refusal = (struct admission_refusal){.reason = reason, .field = field};
    return error;
}

static int refuse_event(
    struct admission_refusal *refusal, int error, const char *reason, const char *field, uint32_t index)
{
    *refusal = (struct admission_refusal){
        .reason = reason, .field = field, .has_event_index = true, .event_index = index};
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
    case TALLY_ECHAIN:
        reason = "CHAIN";
        field = "chain_id";
        break;
    default:
        break;
    }
    if (index == UINT32_MAX) return refuse(refusal, error, reason, field);
    if (error == TALLY_EFORM) field = "event";
    return refuse_event(refusal, error, reason, field, index);
}

/* ---- What the register says ---- */

/* The lowest height that the batch can be ordered at, as far as the register knows: nothing in it is of a
 * later one. */
static uint64_t next_height(const struct register_view *view)
{
    return view->height + 1;
}

/* The key that a batch of events is signed with, if it is, or was, one of its member's for that. */
static const struct register_key *signing_key(const struct admission *admission, const struct batch *batch)
{
    const struct register_key *key = register_key_find(&admission->view->value, &batch->signing_key);

    return key && key->kind == KEY_SIGNING && key->member_id == batch->member_id ? key : NULL;
}

static const struct verify_key *parsed_key(const struct admission *admission, const struct register_key *key)
{
    return &admission->keys[key - admission->view->value.keys];
}

/* A node that votes, or has shown that it is synced, has nothing to say; nor has one that nobody wants. */
static bool node_may_be_ready(const struct member_register *members, const struct public_key *key)
{
    const struct register_node *node = register_node_by_key(members, key);

    return node && node->validator && node->ready == 0 &&
           !register_set_has_node(members, &members->set, node);
}

enum ruling admission_governance_rule(
    const struct register_view *view, const struct governance_transaction *transaction)
{
    const struct member_register *members = &view->value;
    const struct register_member *member = register_member_by_id(members, transaction->member_id);
    bool is_ready = transaction->kind == GOVERNANCE_READY;

    if (!member || member->status == MEMBER_REMOVED) return RULING_UNKNOWN_MEMBER;
    if (!register_key_holds(
            members, is_ready ? KEY_NODE : KEY_BALLOT, member->id, &transaction->key, next_height(view)))
        return RULING_UNKNOWN_KEY;
    if (is_ready) return node_may_be_ready(members, &transaction->key) ? RULING_OK : RULING_NOT_WANTED;
    if (transaction->sequence <= member->sequence ||
        transaction->sequence - member->sequence > ADMISSION_SEQUENCE_AHEAD_MAX)
        return RULING_OUT_OF_SEQUENCE;
    if (member->status == MEMBER_SUSPENDED && transaction->kind != GOVERNANCE_REVOKE_OWN_KEY)
        return RULING_SUSPENDED;
    return RULING_OK;
}

/* ---- The checks ---- */

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

/* A proposal is also signed by each key that it brings: what its member signed may hold what those did not.
 */
static const char *wrong_signature(const struct batch *batch, const struct verify_key *key)
{
    return signature_check(key, &batch->digest, &batch->signature) == TALLY_OK ? "proofs" : "signature";
}

/* For what a block names, any key will do: whether it is the member's is for the rules to say, by the
 * state. */
static int check_ordered(
    const struct admission *admission, const struct batch *batch, struct admission_refusal *refusal)
{
    const struct register_key *known = signing_key(admission, batch);
    struct verify_key parsed;

    if (!known && verify_key_parse(&batch->signing_key, &parsed) != TALLY_OK) {
        return refuse(refusal, TALLY_ESIGNATURE, "SIGNATURE", "signing_key");
    }
    const struct verify_key *key = known ? parsed_key(admission, known) : &parsed;
    if (batch_check(batch, key) != TALLY_OK) {
        return refuse(refusal, TALLY_ESIGNATURE, "SIGNATURE", wrong_signature(batch, key));
    }
    return TALLY_OK;
}

static const char *governance_field(enum ruling ruling)
{
    if (ruling == RULING_UNKNOWN_KEY || ruling == RULING_NOT_WANTED) return "key";
    return ruling == RULING_OUT_OF_SEQUENCE ? "sequence" : "member_id";
}

static int check_governance(const struct admission *admission, const struct batch *batch, uint64_t wall_ms,
    struct admission_refusal *refusal)
{
    enum ruling ruling = admission_governance_rule(admission->view, batch->governance);
    if (ruling != RULING_OK)
        return refuse(refusal, TALLY_EDENIED, ruling_name(ruling), governance_field(ruling));
    int error = check_expiry(batch, wall_ms, refusal);
    return error ? error : check_ordered(admission, batch, refusal);
}

/* The dear check, the signature, comes after all cheap ones. */
static int check_waiting(const struct admission *admission, enum admission_source source,
    const struct batch *batch, uint64_t wall_ms, struct admission_refusal *refusal)
{
    const struct register_member *member = register_member_by_id(&admission->view->value, batch->member_id);
    if (!member) return refuse(refusal, TALLY_EDENIED, "MEMBER_UNKNOWN", "member_id");
    if (member->status != MEMBER_ACTIVE) return refuse(refusal, TALLY_EDENIED, "NOT_ALLOWED", "member_id");
    for (uint32_t i = 0; i < batch->event_count; i++)
        if (!credit_role_may(member->role, batch->events[i].fields.type))
            return refuse_event(refusal, TALLY_EDENIED, "NOT_ALLOWED", "type", i);
    const struct register_key *key = signing_key(admission, batch);
    if (!key) return refuse(refusal, TALLY_EDENIED, "KEY_UNKNOWN", "signing_key");
    if (key->until != 0 && key->until <= next_height(admission->view))
        return refuse(refusal, TALLY_EDENIED, "KEY_REVOKED", "signing_key");

    int error = check_expiry(batch, wall_ms, refusal);
    if (!error) error = check_bodies(batch, source, refusal);
    if (error) return error;
    if (batch_check(batch, parsed_key(admission, key)) != TALLY_OK)
        return refuse(refusal, TALLY_ESIGNATURE, "SIGNATURE", "signature");
    return TALLY_OK;
}

static int check_decoded(const struct admission *admission, enum admission_source source,
    const struct batch *batch, uint64_t wall_ms, struct admission_refusal *refusal)
{
    if (!digest_equal(&batch->chain_id, &admission->chain_id)) {
        return refuse(refusal, TALLY_ECHAIN, "CHAIN", "chain_id");
    }
    if (source == ADMISSION_ORDERED) return check_ordered(admission, batch, refusal);
    if (batch->governance) return check_governance(admission, batch, wall_ms, refusal);
    return check_waiting(admission, source, batch, wall_ms, refusal);
}

int admission_check(const struct admission *admission, enum admission_source source, struct span bytes,
    uint64_t wall_ms, struct arena *arena, struct batch *batch, struct admission_refusal *refusal)
{
    uint32_t index = UINT32_MAX;

    int error = batch_decode(bytes, &admission->chain_id, arena, batch, &index);
    if (error) return refuse_undecoded(refusal, error, index);
    error = check_decoded(admission, source, batch, wall_ms, refusal);
    if (!error) return TALLY_OK;
    refusal->member_id = batch->member_id;
    refusal->key = batch->signing_key;
    return error;
}

/* ---- What is applied already ---- */

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
