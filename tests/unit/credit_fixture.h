/* A small network for tests: a genesis with known keys, and signed batches of its members. */
#ifndef TALLY_TESTS_CREDIT_FIXTURE_H
#define TALLY_TESTS_CREDIT_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/batch.h"
#include "proto/codec/genesis.h"
#include "proto/crypto/digest.h"
#include "tests/vectors/profile.h"

#define LENDER 1
#define OTHER_LENDER 2
#define BUREAU 3
#define REGULATOR 4
#define OPERATOR 5
#define MEMBER_COUNT 5

struct fixture {
    struct genesis genesis;
    struct secret_key secrets[MEMBER_COUNT + 1]; /* by member id */
    struct arena arena;                          /* all events and batches */
};

static inline struct secret_key fixture_secret(uint8_t number)
{
    struct secret_key secret = {{0}};

    secret.bytes[30] = 7;
    secret.bytes[31] = number;
    return secret;
}

static inline struct public_key fixture_public(uint8_t number)
{
    struct secret_key secret = fixture_secret(number);
    struct public_key key;

    CHECK(secret_key_public(&secret, &key) == TALLY_OK);
    return key;
}

static inline struct fixture *fixture_open(void)
{
    static const enum member_role roles[] = {
        ROLE_LENDER, ROLE_LENDER, ROLE_BUREAU, ROLE_REGULATOR, ROLE_OPERATOR};
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    CHECK(fixture);
    struct genesis *genesis = &fixture->genesis;

    arena_init(&fixture->arena, 512 * MIB);
    (void)snprintf(genesis->network, sizeof(genesis->network), "test");
    genesis->policy = profile("cn");
    genesis->created_ms = 1;
    genesis->base_timeout_ms = 400;
    genesis->member_count = MEMBER_COUNT;
    for (uint8_t i = 0; i < MEMBER_COUNT; i++) {
        struct genesis_member *member = &genesis->members[i];
        member->id = i + 1u;
        member->role = roles[i];
        (void)snprintf(member->name, sizeof(member->name), "member-%u", member->id);
        fixture->secrets[member->id] = fixture_secret((uint8_t)(i + 1));
        member->key_count = 2;
        member->keys[0] = fixture_public((uint8_t)(100 + i));
        member->keys[1] = fixture_public((uint8_t)(i + 1));
        member->ballot_key_count = 1;
        member->ballot_keys[0] = fixture_public((uint8_t)(150 + i));
    }
    genesis->validator_count = 4;
    for (uint8_t i = 0; i < 4; i++) {
        struct genesis_node *node = &genesis->validators[i];
        (void)snprintf(node->name, sizeof(node->name), "validator-%u", i + 1u);
        node->member_id = i + 1u;
        node->key = fixture_public((uint8_t)(50 + i));
    }
    genesis_identify(genesis);
    return fixture;
}

static inline void fixture_close(struct fixture *fixture)
{
    arena_close(&fixture->arena);
    free(fixture);
}

/* A header of a type with its public fields set; seq 0 and no head. */
static inline struct event_header fixture_header(
    uint32_t member_id, enum event_type type, uint8_t subject, uint8_t ref)
{
    return (struct event_header){
        .type = type,
        .member_id = member_id,
        .subject_scheme = 1,
        .subject_id = {{0x50, subject}},
        .event_date = 12800,
        .has_account = true,
        .account_ref = {0xF0, ref},
        .account_type = type == EVENT_ACCOUNT_OPEN ? ACCOUNT_REVOLVING : 0,
        .currency = type == EVENT_ACCOUNT_OPEN ? 901 : 0,
        .period = type == EVENT_PERIOD_REPORT ? 200504 : 0,
        .close_kind = type == EVENT_CLOSE ? 1 : 0,
    };
}

static inline struct span fixture_keep(struct fixture *fixture, const struct buffer *buffer)
{
    CHECK(!buffer->failed);
    uint8_t *kept = arena_take(&fixture->arena, buffer->size);
    CHECK(kept);
    if (buffer->size > 0) memcpy(kept, buffer->data, buffer->size);
    return span_of(kept, buffer->size);
}

/* The event of a header and an encoded body: salted, committed, encoded, named. */
static inline struct batch_event fixture_event(
    struct fixture *fixture, struct event_header header, struct span body)
{
    struct batch_event event = {.has_body = true, .body = body, .salt = {1, 2, 3}};
    struct buffer bytes;

    header.body_commitment = event_body_commitment(event.salt, body);
    buffer_init(&bytes, EVENT_HEADER_SIZE_MAX);
    event_header_encode(&header, &bytes);
    event.header = fixture_keep(fixture, &bytes);
    buffer_close(&bytes);
    event.fields = header;
    event.id = event_id(&fixture->genesis.chain_id, event.header);
    return event;
}

static inline struct batch_event fixture_event_with(
    struct fixture *fixture, struct event_header header, struct event_body body)
{
    struct buffer bytes;

    body.type = header.type;
    buffer_init(&bytes, EVENT_BODY_SIZE_MAX);
    event_body_encode(&body, &bytes);
    struct batch_event event = fixture_event(fixture, header, fixture_keep(fixture, &bytes));
    buffer_close(&bytes);
    return event;
}

static inline void fixture_sign(struct fixture *fixture, struct batch *batch, const struct secret_key *secret)
{
    (void)fixture;
    CHECK(secret_key_public(secret, &batch->signing_key) == TALLY_OK);
    batch->digest = batch_digest(batch);
    signature_make(secret, &batch->digest, &batch->signature);
}

/* Copies the events and signs them for the member. */
static inline struct batch fixture_batch(struct fixture *fixture, uint32_t member_id,
    const struct batch_event *events, uint32_t count, uint64_t expires_at_ms)
{
    struct batch batch = {
        .chain_id = fixture->genesis.chain_id,
        .member_id = member_id,
        .expires_at_ms = expires_at_ms,
        .event_count = count,
        .events = arena_take(&fixture->arena, count * sizeof(*events)),
    };

    CHECK(batch.events);
    memcpy(batch.events, events, count * sizeof(*events));
    fixture_sign(fixture, &batch, &fixture->secrets[member_id]);
    return batch;
}

static inline struct span fixture_encode(struct fixture *fixture, const struct batch *batch, bool with_bodies)
{
    struct buffer bytes;

    buffer_init(&bytes, 2 * BATCH_SIZE_MAX);
    batch_encode(batch, with_bodies, &bytes);
    struct span kept = fixture_keep(fixture, &bytes);
    buffer_close(&bytes);
    return kept;
}

#endif
