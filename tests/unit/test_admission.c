// links: policies node
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/admission.h"
#include "tests/unit/credit_fixture.h"
#include "tests/unit/genesis_view.h"
#include "tests/vectors/event_samples.h"

#define NOW_MS 1700000000000u
#define EXPIRES_MS (NOW_MS + 60000u)

struct desk {
    struct fixture *fixture;
    struct register_view *view; /* the admission's; tests change it */
    struct admission *admission;
    struct arena arena;
    struct batch batch;
    struct admission_refusal refusal;
};

static int desk_setup(void **context)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    assert_non_null(desk);
    desk->fixture = fixture_open();
    arena_init(&desk->arena, ADMISSION_ARENA_BUDGET);
    desk->view = genesis_view(&desk->fixture->genesis);
    assert_int_equal(
        admission_open(&desk->fixture->genesis.chain_id, desk->view, NULL, &desk->admission), TALLY_OK);
    *context = desk;
    return 0;
}

static int desk_teardown(void **context)
{
    struct desk *desk = *context;

    admission_release(desk->admission);
    register_view_release(desk->view);
    arena_close(&desk->arena);
    fixture_close(desk->fixture);
    free(desk);
    return 0;
}

static int submit(struct desk *desk, enum admission_source source, struct span bytes)
{
    arena_reset(&desk->arena);
    memset(&desk->refusal, 0, sizeof(desk->refusal));
    return admission_check(
        desk->admission, source, bytes, NOW_MS, &desk->arena, &desk->batch, &desk->refusal);
}

static int submit_batch(struct desk *desk, enum admission_source source, const struct batch *batch)
{
    return submit(desk, source, fixture_encode(desk->fixture, batch, true));
}

static void assert_refusal(const struct desk *desk, const char *reason, const char *field, int index)
{
    assert_string_equal(desk->refusal.reason, reason);
    assert_string_equal(desk->refusal.field, field);
    assert_int_equal(desk->refusal.has_event_index, index >= 0);
    if (index >= 0) assert_int_equal(desk->refusal.event_index, index);
}

/* An opening and two payments, in a fixed form that tests then spoil. */
static void three_events(struct desk *desk, uint32_t member_id, struct batch_event events[3])
{
    struct event_header header = fixture_header(member_id, EVENT_ACCOUNT_OPEN, 1, 1);
    events[0] = fixture_event_with(
        desk->fixture, header, (struct event_body){.type = EVENT_ACCOUNT_OPEN, .limit = {true, 500000}});
    for (uint32_t i = 1; i < 3; i++) {
        header = fixture_header(member_id, EVENT_PAYMENT, 1, 1);
        header.account_seq = i;
        header.account_prev = events[i - 1].id;
        events[i] = fixture_event_with(
            desk->fixture, header, (struct event_body){.type = EVENT_PAYMENT, .amount_minor = 100 + i});
    }
}

static struct batch good_batch(struct desk *desk, uint32_t member_id)
{
    struct batch_event events[3];

    three_events(desk, member_id, events);
    return fixture_batch(desk->fixture, member_id, events, 3, EXPIRES_MS);
}

static void a_good_batch_is_admitted_from_everywhere(void **context)
{
    struct desk *desk = *context;
    static const uint32_t members[] = {LENDER, OTHER_LENDER, BUREAU};

    for (size_t i = 0; i < 3; i++) {
        struct batch batch = good_batch(desk, members[i]);
        for (int source = ADMISSION_CLIENT; source <= ADMISSION_ORDERED; source++) {
            assert_int_equal(submit_batch(desk, (enum admission_source)source, &batch), TALLY_OK);
            assert_memory_equal(desk->batch.digest.bytes, batch.digest.bytes, DIGEST_SIZE);
            assert_int_equal(desk->batch.event_count, 3);
            assert_memory_equal(desk->batch.events[2].id.bytes, batch.events[2].id.bytes, DIGEST_SIZE);
        }
    }
}

static void bytes_that_are_no_batch_are_refused(void **context)
{
    struct desk *desk = *context;
    struct batch batch = good_batch(desk, LENDER);
    struct span bytes = fixture_encode(desk->fixture, &batch, true);
    uint8_t *spoilt = arena_take(&desk->fixture->arena, bytes.size + 1);

    assert_int_equal(submit(desk, ADMISSION_CLIENT, span_of(NULL, 0)), TALLY_EFORM);
    assert_refusal(desk, "FORM", "batch", -1);
    memcpy(spoilt, bytes.data, bytes.size);
    spoilt[bytes.size] = 0;
    assert_int_equal(submit(desk, ADMISSION_CLIENT, span_of(spoilt, bytes.size + 1)), TALLY_EFORM);
    assert_refusal(desk, "FORM", "batch", -1);
    for (size_t size = 0; size < bytes.size; size++) {
        int error = submit(desk, ADMISSION_ORDERED, span_of(spoilt, size));
        assert_true(error != TALLY_OK);
        assert_true(strlen(desk->refusal.reason) > 0);
    }
}

/* No bit of a batch can be changed in passing: each flip is refused, from every source. */
static void every_flipped_bit_is_refused(void **context)
{
    struct desk *desk = *context;
    struct batch batch = good_batch(desk, LENDER);
    struct span bytes = fixture_encode(desk->fixture, &batch, true);
    uint8_t *spoilt = arena_take(&desk->fixture->arena, bytes.size);

    memcpy(spoilt, bytes.data, bytes.size);
    for (size_t at = 0; at < bytes.size; at++) {
        for (unsigned bit = 0; bit < 8; bit += 3) {
            spoilt[at] = (uint8_t)(spoilt[at] ^ 1u << bit);
            assert_true(submit(desk, ADMISSION_ORDERED, span_of(spoilt, bytes.size)) != TALLY_OK);
            assert_true(submit(desk, ADMISSION_FLOODED, span_of(spoilt, bytes.size)) != TALLY_OK);
            spoilt[at] = (uint8_t)(spoilt[at] ^ 1u << bit);
        }
    }
    assert_int_equal(submit(desk, ADMISSION_FLOODED, span_of(spoilt, bytes.size)), TALLY_OK);
}

static void another_chains_batch_is_refused(void **context)
{
    struct desk *desk = *context;
    struct batch batch = good_batch(desk, LENDER);

    batch.chain_id.bytes[0] ^= 1;
    fixture_sign(desk->fixture, &batch, &desk->fixture->secrets[LENDER]);
    for (int source = ADMISSION_CLIENT; source <= ADMISSION_ORDERED; source++) {
        assert_int_equal(submit_batch(desk, (enum admission_source)source, &batch), TALLY_ECHAIN);
        assert_refusal(desk, "CHAIN", "chain_id", -1);
    }
}

/* A statement about a subject's file, which regulators may make too. */
static struct batch statement_batch(struct desk *desk, uint32_t member_id)
{
    struct event_header header = fixture_header(member_id, EVENT_STATEMENT, 1, 1);
    header.has_account = false;
    struct batch_event event = fixture_event_with(
        desk->fixture, header, (struct event_body){.type = EVENT_STATEMENT, .text = "so it was"});
    return fixture_batch(desk->fixture, member_id, &event, 1, EXPIRES_MS);
}

static void members_submit_what_their_role_may(void **context)
{
    struct desk *desk = *context;
    static const uint32_t members[] = {REGULATOR, OPERATOR};

    for (size_t i = 0; i < 2; i++) {
        struct batch batch = good_batch(desk, members[i]);
        assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_EDENIED);
        assert_refusal(desk, "NOT_ALLOWED", "type", 0);
        assert_int_equal(submit_batch(desk, ADMISSION_FLOODED, &batch), TALLY_EDENIED);
        /* Once a block names it, the rules say so. */
        assert_int_equal(submit_batch(desk, ADMISSION_ORDERED, &batch), TALLY_OK);
    }
    struct batch regulators = statement_batch(desk, REGULATOR), operators = statement_batch(desk, OPERATOR);
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &regulators), TALLY_OK);
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &operators), TALLY_EDENIED);
    assert_refusal(desk, "NOT_ALLOWED", "type", 0);
    struct batch_event events[3];
    three_events(desk, 77, events);
    struct batch stranger = {.chain_id = desk->fixture->genesis.chain_id,
        .member_id = 77,
        .expires_at_ms = EXPIRES_MS,
        .event_count = 3,
        .events = events};
    fixture_sign(desk->fixture, &stranger, &desk->fixture->secrets[LENDER]);
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &stranger), TALLY_EDENIED);
    assert_refusal(desk, "MEMBER_UNKNOWN", "member_id", -1);
    assert_int_equal(submit_batch(desk, ADMISSION_ORDERED, &stranger), TALLY_OK);
}

static void the_key_is_the_members_own(void **context)
{
    struct desk *desk = *context;
    struct batch batch = good_batch(desk, LENDER);

    fixture_sign(desk->fixture, &batch, &desk->fixture->secrets[OTHER_LENDER]);
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_EDENIED);
    assert_refusal(desk, "KEY_UNKNOWN", "signing_key", -1);
    assert_int_equal(submit_batch(desk, ADMISSION_ORDERED, &batch), TALLY_OK);

    /* A node key makes votes, never batches. */
    struct secret_key node = fixture_secret(50);
    fixture_sign(desk->fixture, &batch, &node);
    assert_int_equal(submit_batch(desk, ADMISSION_FLOODED, &batch), TALLY_EDENIED);
    assert_refusal(desk, "KEY_UNKNOWN", "signing_key", -1);

    /* The other of its two keys will do. */
    struct secret_key second = fixture_secret(100);
    fixture_sign(desk->fixture, &batch, &second);
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_OK);

    memset(batch.signing_key.bytes, 0xFF, PUBLIC_KEY_SIZE);
    assert_int_equal(submit_batch(desk, ADMISSION_ORDERED, &batch), TALLY_ESIGNATURE);
    assert_refusal(desk, "SIGNATURE", "signing_key", -1);
}

static void a_signature_that_does_not_hold_is_refused(void **context)
{
    struct desk *desk = *context;
    struct batch batch = good_batch(desk, LENDER);

    batch.signature.bytes[10] ^= 4;
    for (int source = ADMISSION_CLIENT; source <= ADMISSION_ORDERED; source++) {
        assert_int_equal(submit_batch(desk, (enum admission_source)source, &batch), TALLY_ESIGNATURE);
        assert_refusal(desk, "SIGNATURE", "signature", -1);
        assert_int_equal(desk->refusal.member_id, LENDER);
        assert_true(public_key_equal(&desk->refusal.key, &batch.signing_key));
    }
}

static void expiry_lies_within_its_window(void **context)
{
    struct desk *desk = *context;
    struct batch_event events[3];
    static const struct {
        uint64_t expires_at_ms;
        const char *reason; /* NULL = admitted */
    } cases[] = {{0, "EXPIRED"}, {NOW_MS, "EXPIRED"}, {NOW_MS + 1, NULL},
        {NOW_MS + BATCH_LIFETIME_MS_MAX, NULL}, {NOW_MS + BATCH_LIFETIME_MS_MAX + 1, "EXPIRY_TOO_FAR"},
        {UINT64_MAX, "EXPIRY_TOO_FAR"}};

    three_events(desk, LENDER, events);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct batch batch = fixture_batch(desk->fixture, LENDER, events, 3, cases[i].expires_at_ms);
        int error = submit_batch(desk, i % 2 ? ADMISSION_CLIENT : ADMISSION_FLOODED, &batch);
        assert_int_equal(error, cases[i].reason ? TALLY_ETIMEOUT : TALLY_OK);
        if (error) assert_refusal(desk, cases[i].reason, "expires_at_ms", -1);
        assert_int_equal(submit_batch(desk, ADMISSION_ORDERED, &batch), TALLY_OK);
    }
}

static void bodies_come_with_a_submission(void **context)
{
    struct desk *desk = *context;
    struct batch batch = good_batch(desk, LENDER);

    batch.events[1].has_body = false;
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_EFORM);
    assert_refusal(desk, "BODY_MISSING", "body", 1);
    assert_int_equal(submit_batch(desk, ADMISSION_FLOODED, &batch), TALLY_EFORM);
    assert_refusal(desk, "BODY_MISSING", "body", 1);
    assert_int_equal(submit_batch(desk, ADMISSION_ORDERED, &batch), TALLY_OK);
}

static void a_body_answers_to_its_commitment(void **context)
{
    struct desk *desk = *context;
    struct batch batch = good_batch(desk, LENDER);

    batch.events[2].salt[0] ^= 1;
    for (int source = ADMISSION_CLIENT; source <= ADMISSION_ORDERED; source++) {
        assert_int_equal(submit_batch(desk, (enum admission_source)source, &batch), TALLY_EDAMAGED);
        assert_refusal(desk, "BODY_COMMITMENT", "body", 2);
    }
}

static void the_rules_of_bodies_hold_at_the_furnishers_own_node(void **context)
{
    struct desk *desk = *context;
    struct batch_event events[3];

    three_events(desk, LENDER, events);
    struct event_header header = events[1].fields;
    events[1] = fixture_event_with(desk->fixture, header,
        (struct event_body){.amount_minor = 100, .principal = {true, 60}, .interest = {true, 41}});
    struct batch batch = fixture_batch(desk->fixture, LENDER, events, 3, EXPIRES_MS);
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_EINVALID);
    assert_refusal(desk, "PAYMENT_PARTS", "amount_minor", 1);
    assert_int_equal(submit_batch(desk, ADMISSION_FLOODED, &batch), TALLY_OK);

    events[1] = fixture_event(desk->fixture, header, span_of("\xFF\xFF", 2));
    batch = fixture_batch(desk->fixture, LENDER, events, 3, EXPIRES_MS);
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_EFORM);
    assert_refusal(desk, "BODY_FORM", "body", 1);
    assert_int_equal(submit_batch(desk, ADMISSION_FLOODED, &batch), TALLY_OK);
}

static void events_in_anothers_name_are_refused(void **context)
{
    struct desk *desk = *context;
    struct batch_event events[3], others[3];

    three_events(desk, LENDER, events);
    three_events(desk, OTHER_LENDER, others);
    events[2] = others[2];
    struct batch batch = fixture_batch(desk->fixture, LENDER, events, 3, EXPIRES_MS);
    for (int source = ADMISSION_CLIENT; source <= ADMISSION_ORDERED; source++) {
        assert_int_equal(submit_batch(desk, (enum admission_source)source, &batch), TALLY_EINVALID);
        assert_refusal(desk, "EVENT_INVALID", "header", 2);
    }
}

static void the_largest_batch_is_admitted_and_a_larger_one_refused(void **context)
{
    struct desk *desk = *context;
    struct batch_event *events = calloc(BATCH_EVENTS_MAX + 1, sizeof(*events));
    assert_non_null(events);

    for (uint32_t i = 0; i <= BATCH_EVENTS_MAX; i++) {
        struct event_header header =
            fixture_header(LENDER, EVENT_PERIOD_REPORT, (uint8_t)i, (uint8_t)(i >> 8));
        struct event_body body = {.balance_minor = i, .reported_code = "30 days late"};
        header.account_seq = i;
        memset(body.reported_code, 'x', 100);
        events[i] = fixture_event_with(desk->fixture, header, body);
    }
    struct batch batch = fixture_batch(desk->fixture, LENDER, events, BATCH_EVENTS_MAX, EXPIRES_MS);
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_OK);
    assert_true(desk->arena.used < ADMISSION_ARENA_BUDGET);
    batch = fixture_batch(desk->fixture, LENDER, events, BATCH_EVENTS_MAX + 1, EXPIRES_MS);
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_ELIMIT);
    assert_refusal(desk, "BATCH_TOO_LARGE", "batch", -1);

    struct span zeros = span_of(calloc(1, BATCH_SIZE_MAX + 1), BATCH_SIZE_MAX + 1);
    assert_int_equal(submit(desk, ADMISSION_CLIENT, zeros), TALLY_ELIMIT);
    assert_refusal(desk, "BATCH_TOO_LARGE", "batch", -1);
    free((void *)(uintptr_t)zeros.data);
    free(events);
}

static void a_register_with_a_bad_key_does_not_open(void **context)
{
    struct desk *desk = *context;
    struct admission *admission = NULL;

    memset(desk->fixture->genesis.members[2].keys[1].bytes, 0xFF, PUBLIC_KEY_SIZE);
    struct register_view *view = genesis_view(&desk->fixture->genesis);
    assert_int_equal(admission_open(&desk->fixture->genesis.chain_id, view, NULL, &admission), TALLY_EFORM);
    assert_null(admission);
    register_view_release(view);
}

/* ---- What the register says ---- */

static struct register_key *key_in(struct desk *desk, const struct public_key *key)
{
    const struct register_key *found = register_key_find(&desk->view->value, key);
    assert_non_null(found);
    return &desk->view->value.keys[found - desk->view->value.keys];
}

static void who_is_no_active_member_submits_nothing(void **context)
{
    struct desk *desk = *context;
    struct batch batch = good_batch(desk, LENDER);
    struct register_member *member = &desk->view->value.members[LENDER - 1];

    assert_int_equal(member->id, LENDER);
    member->status = MEMBER_SUSPENDED;
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_EDENIED);
    assert_refusal(desk, "NOT_ALLOWED", "member_id", -1);
    member->status = MEMBER_REMOVED;
    assert_int_equal(submit_batch(desk, ADMISSION_FLOODED, &batch), TALLY_EDENIED);
    assert_refusal(desk, "NOT_ALLOWED", "member_id", -1);
    /* What becomes of it in a block is for the rules to say. */
    assert_int_equal(submit_batch(desk, ADMISSION_ORDERED, &batch), TALLY_OK);
    member->status = MEMBER_ACTIVE;
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_OK);
}

static void a_key_that_has_ended_signs_nothing_more(void **context)
{
    struct desk *desk = *context;
    struct batch batch = good_batch(desk, LENDER);
    struct register_key *key = key_in(desk, &batch.signing_key);

    desk->view->height = 7;
    key->until = 9;
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_OK);
    key->until = 8;
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_EDENIED);
    assert_refusal(desk, "KEY_REVOKED", "signing_key", -1);
    assert_int_equal(submit_batch(desk, ADMISSION_ORDERED, &batch), TALLY_OK);
    key->kind = KEY_BALLOT;
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_EDENIED);
    assert_refusal(desk, "KEY_UNKNOWN", "signing_key", -1);
}

/* A register that goes on: keys that were parsed are taken over, and a new one signs. */
static void an_admission_follows_another(void **context)
{
    struct desk *desk = *context;
    struct batch batch = good_batch(desk, LENDER);
    struct register_view *later = register_view_make(&desk->view->value, 7);
    struct member_register *members = &later->value;
    struct public_key added = fixture_public(240);
    struct admission *next;

    assert_non_null(later);
    members->keys[members->key_count++] =
        (struct register_key){.member_id = LENDER, .kind = KEY_SIGNING, .key = added, .from = 8};
    assert_int_equal(
        admission_open(&desk->fixture->genesis.chain_id, later, desk->admission, &next), TALLY_OK);
    register_view_release(later);
    admission_release(desk->admission);
    desk->admission = admission_share(next);
    admission_release(next);
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_OK);
    desk->fixture->secrets[LENDER] = fixture_secret(240);
    batch = good_batch(desk, LENDER);
    assert_true(public_key_equal(&batch.signing_key, &added));
    assert_int_equal(submit_batch(desk, ADMISSION_CLIENT, &batch), TALLY_OK);
}

/* ---- Governance transactions ---- */

struct made {
    struct governance_transaction fields;
    struct buffer body;
};

static void made_close(struct made *made)
{
    buffer_close(&made->body);
}

/* Of LENDER, signed by the key of a number; its ballot key's is 150. */
static void make(
    struct desk *desk, struct made *made, enum governance_kind kind, uint64_t sequence, uint8_t key)
{
    struct secret_key secret = fixture_secret(key);

    memset(made, 0, sizeof *made);
    buffer_init(&made->body, GOVERNANCE_SIZE_MAX);
    made->fields.chain_id = desk->fixture->genesis.chain_id;
    made->fields.member_id = LENDER;
    made->fields.expires_at_ms = EXPIRES_MS;
    made->fields.sequence = sequence;
    made->fields.kind = kind;
    made->fields.revoked_kind = KEY_SIGNING;
    made->fields.revoked_key = fixture_public(100);
    made->fields.ready.checkpoint.chain_id = desk->fixture->genesis.chain_id;
    made->fields.ready.signers = 7;
    governance_body_encode(&made->fields, &made->body);
    assert_false(made->body.failed);
    made->fields.body = buffer_span(&made->body);
    governance_sign(&made->fields, &secret);
}

static int submit_made(struct desk *desk, enum admission_source source, const struct made *made)
{
    struct batch batch = batch_of_governance(&made->fields);
    return submit_batch(desk, source, &batch);
}

#define BALLOT_NUMBER 150

static void a_transaction_is_admitted_from_everywhere(void **context)
{
    struct desk *desk = *context;
    struct made made;

    for (int kind = GOVERNANCE_BALLOT; kind <= GOVERNANCE_REVOKE_OWN_KEY; kind++) {
        make(desk, &made, (enum governance_kind)kind, 1, BALLOT_NUMBER);
        for (int source = ADMISSION_CLIENT; source <= ADMISSION_ORDERED; source++) {
            assert_int_equal(submit_made(desk, (enum admission_source)source, &made), TALLY_OK);
            assert_int_equal(desk->batch.governance->kind, kind);
            assert_memory_equal(desk->batch.digest.bytes, made.fields.digest.bytes, DIGEST_SIZE);
        }
        made_close(&made);
    }
}

static void refused_transaction(
    struct desk *desk, const struct made *made, const char *reason, const char *field)
{
    for (int source = ADMISSION_CLIENT; source <= ADMISSION_FLOODED; source++) {
        assert_int_equal(submit_made(desk, (enum admission_source)source, made), TALLY_EDENIED);
        assert_refusal(desk, reason, field, -1);
    }
    /* A block may carry it: there the rules say the same. */
    assert_int_equal(submit_made(desk, ADMISSION_ORDERED, made), TALLY_OK);
}

static void a_transaction_is_its_members_and_in_its_turn(void **context)
{
    struct desk *desk = *context;
    struct register_member *member = &desk->view->value.members[LENDER - 1];
    struct made made;

    make(desk, &made, GOVERNANCE_BALLOT, 5, 1); /* a signing key */
    refused_transaction(desk, &made, "UNKNOWN_KEY", "key");
    made_close(&made);
    make(desk, &made, GOVERNANCE_BALLOT, 5, BALLOT_NUMBER);
    member->sequence = 5;
    refused_transaction(desk, &made, "OUT_OF_SEQUENCE", "sequence");
    member->sequence = 4;
    assert_int_equal(submit_made(desk, ADMISSION_CLIENT, &made), TALLY_OK);
    made_close(&made);
    make(desk, &made, GOVERNANCE_BALLOT, 4 + ADMISSION_SEQUENCE_AHEAD_MAX, BALLOT_NUMBER);
    assert_int_equal(submit_made(desk, ADMISSION_CLIENT, &made), TALLY_OK);
    member->sequence = 3;
    refused_transaction(desk, &made, "OUT_OF_SEQUENCE", "sequence");
    member->sequence = 4;
    member->status = MEMBER_SUSPENDED;
    refused_transaction(desk, &made, "SUSPENDED", "member_id");
    made_close(&made);
    make(desk, &made, GOVERNANCE_REVOKE_OWN_KEY, 5, BALLOT_NUMBER);
    assert_int_equal(submit_made(desk, ADMISSION_CLIENT, &made), TALLY_OK);
    member->status = MEMBER_REMOVED;
    refused_transaction(desk, &made, "UNKNOWN_MEMBER", "member_id");
    made_close(&made);
}

static void only_a_node_that_is_wanted_and_not_ready_says_that_it_is(void **context)
{
    struct desk *desk = *context;
    struct member_register *members = &desk->view->value;
    struct made made;

    make(desk, &made, GOVERNANCE_READY, 0, 50); /* validator-1's */
    refused_transaction(desk, &made, "NOT_WANTED", "key");
    members->set.keys[0] = members->set.keys[1] = members->set.keys[2] = members->set.keys[3] =
        fixture_public(51);
    assert_int_equal(submit_made(desk, ADMISSION_CLIENT, &made), TALLY_OK);
    members->nodes[0].ready = 12;
    refused_transaction(desk, &made, "NOT_WANTED", "key");
    members->nodes[0].ready = 0;
    members->nodes[0].validator = false;
    refused_transaction(desk, &made, "NOT_WANTED", "key");
    made_close(&made);
    make(desk, &made, GOVERNANCE_READY, 0, BALLOT_NUMBER);
    refused_transaction(desk, &made, "UNKNOWN_KEY", "key");
    made_close(&made);
}

static void a_transaction_keeps_its_time_its_chain_and_its_signature(void **context)
{
    struct desk *desk = *context;
    struct made made;

    make(desk, &made, GOVERNANCE_BALLOT, 1, BALLOT_NUMBER);
    made.fields.signature.bytes[3] ^= 1;
    for (int source = ADMISSION_CLIENT; source <= ADMISSION_ORDERED; source++) {
        assert_int_equal(submit_made(desk, (enum admission_source)source, &made), TALLY_ESIGNATURE);
        assert_refusal(desk, "SIGNATURE", "signature", -1);
    }
    struct secret_key secret = fixture_secret(BALLOT_NUMBER);
    made.fields.expires_at_ms = NOW_MS;
    governance_sign(&made.fields, &secret);
    assert_int_equal(submit_made(desk, ADMISSION_CLIENT, &made), TALLY_ETIMEOUT);
    assert_refusal(desk, "EXPIRED", "expires_at_ms", -1);
    made.fields.expires_at_ms = NOW_MS + GOVERNANCE_LIFETIME_MS_MAX + 1;
    governance_sign(&made.fields, &secret);
    assert_int_equal(submit_made(desk, ADMISSION_FLOODED, &made), TALLY_ETIMEOUT);
    assert_refusal(desk, "EXPIRY_TOO_FAR", "expires_at_ms", -1);
    assert_int_equal(submit_made(desk, ADMISSION_ORDERED, &made), TALLY_OK);
    made.fields.chain_id.bytes[0] ^= 1;
    governance_sign(&made.fields, &secret);
    assert_int_equal(submit_made(desk, ADMISSION_ORDERED, &made), TALLY_ECHAIN);
    assert_refusal(desk, "CHAIN", "chain_id", -1);
    made_close(&made);
}

/* As a join file one value of which was changed: what brings a key holds as that key signed it, or not. */
static void a_proposal_is_signed_by_each_key_that_it_brings(void **context)
{
    struct desk *desk = *context;
    struct secret_key new_secret = fixture_secret(99), ballot = fixture_secret(BALLOT_NUMBER);
    struct governance_action action = {
        .kind = ACTION_ADD_KEY, .member_id = LENDER, .key_kind = KEY_SIGNING, .key = fixture_public(99)};
    struct buffer bytes;
    struct signature proof;
    struct made made;

    buffer_init(&bytes, ACTION_SIZE_MAX);
    action_encode(&action, &bytes);
    struct digest said = action_proof_digest(&desk->fixture->genesis.chain_id, buffer_span(&bytes));
    signature_make(&new_secret, &said, &proof);
    for (uint8_t spoilt = 0; spoilt < 2; spoilt++) {
        proof.bytes[7] ^= spoilt;
        make(desk, &made, GOVERNANCE_BALLOT, 1, BALLOT_NUMBER);
        made.fields.kind = GOVERNANCE_PROPOSE;
        made.fields.closes_ms = EXPIRES_MS;
        made.fields.action = buffer_span(&bytes);
        made.fields.proofs = span_of(proof.bytes, SIGNATURE_SIZE);
        buffer_close(&made.body);
        buffer_init(&made.body, GOVERNANCE_SIZE_MAX);
        governance_body_encode(&made.fields, &made.body);
        made.fields.body = buffer_span(&made.body);
        governance_sign(&made.fields, &ballot);
        assert_int_equal(submit_made(desk, ADMISSION_CLIENT, &made), spoilt ? TALLY_ESIGNATURE : TALLY_OK);
        made_close(&made);
    }
    assert_refusal(desk, "SIGNATURE", "proofs", -1);
    assert_int_equal(desk->refusal.member_id, LENDER);
    buffer_close(&bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_batch_is_admitted_from_everywhere),
        TEST(bytes_that_are_no_batch_are_refused),
        TEST(every_flipped_bit_is_refused),
        TEST(another_chains_batch_is_refused),
        TEST(members_submit_what_their_role_may),
        TEST(the_key_is_the_members_own),
        TEST(a_signature_that_does_not_hold_is_refused),
        TEST(expiry_lies_within_its_window),
        TEST(bodies_come_with_a_submission),
        TEST(a_body_answers_to_its_commitment),
        TEST(the_rules_of_bodies_hold_at_the_furnishers_own_node),
        TEST(events_in_anothers_name_are_refused),
        TEST(the_largest_batch_is_admitted_and_a_larger_one_refused),
        TEST(a_register_with_a_bad_key_does_not_open),
        TEST(who_is_no_active_member_submits_nothing),
        TEST(a_key_that_has_ended_signs_nothing_more),
        TEST(an_admission_follows_another),
        TEST(a_transaction_is_admitted_from_everywhere),
        TEST(a_transaction_is_its_members_and_in_its_turn),
        TEST(only_a_node_that_is_wanted_and_not_ready_says_that_it_is),
        TEST(a_transaction_keeps_its_time_its_chain_and_its_signature),
        TEST(a_proposal_is_signed_by_each_key_that_it_brings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
