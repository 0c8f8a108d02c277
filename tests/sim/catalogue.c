#include "tests/sim/catalogue.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/base/date.h"
#include "proto/codec/batch.h"
#include "proto/codec/genesis.h"
#include "tests/sim/dice.h"
#include "tests/sim/items.h"
#include "tests/sim/seal.h"

#define SLOTS 16384u
#define ARENA_BUDGET (256u * MIB)
#define LENDERS 3u
#define SUBJECTS 40u
#define EVENTS_MAX 6u
#define LIFETIME_MS_MAX 540000u
_Static_assert(SLOTS >= 2 * BATCHES_MAX, "the table is never full");

struct named_batch {
    bool made;
    struct digest name;
    struct span bytes;
    struct batch batch;
};

/* What the members believe of an account: whether an event fits it depends on the order in which batches are
 * finalized, and on whether they are. */
struct book {
    uint32_t member_id, subject;
    uint8_t ref[ACCOUNT_REF_SIZE];
    uint32_t next_seq;
    struct digest head;
};

struct catalogue {
    bool real;
    struct dice dice;
    struct genesis genesis;
    struct arena arena;
    struct named_batch *batches; /* by number */
    uint16_t *slots;             /* number + 1 by name; 0 = none */
    struct book *books;
    size_t book_count, book_capacity;
};

/* ---- The network ---- */

static void genesis_make(struct genesis *genesis, const struct vault *vault)
{
    const struct validator_set *set = &vault_seats(vault, 1)->set;
    genesis->chain_id = vault->chain_id;
    genesis->created_ms = 1;
    genesis->base_timeout_ms = 400;
    (void)snprintf(genesis->network, sizeof genesis->network, "simulated");
    (void)snprintf(genesis->policy, sizeof genesis->policy, "cn");
    genesis->member_count = LENDERS + 1;
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        struct genesis_member *member = &genesis->members[i];
        member->id = i + 1;
        member->role = i < LENDERS ? ROLE_LENDER : ROLE_REGULATOR;
        member->key_count = 1;
        member->keys[0].bytes[0] = 3;
        put_u32(member->keys[0].bytes + 1, i + 1);
    }
    genesis->validator_count = set->count;
    for (uint32_t i = 0; i < set->count; i++)
        genesis->validators[i].key = set->keys[i];
}

struct catalogue *catalogue_open(const struct vault *vault, uint64_t seed, bool real)
{
    struct catalogue *catalogue = calloc(1, sizeof *catalogue);
    CHECK(catalogue != NULL);
    catalogue->real = real;
    if (!real) return catalogue;
    dice_init(&catalogue->dice, seed);
    genesis_make(&catalogue->genesis, vault);
    arena_init(&catalogue->arena, ARENA_BUDGET);
    catalogue->batches = calloc(BATCHES_MAX, sizeof catalogue->batches[0]);
    catalogue->slots = calloc(SLOTS, sizeof catalogue->slots[0]);
    CHECK(catalogue->batches != NULL && catalogue->slots != NULL);
    return catalogue;
}

void catalogue_close(struct catalogue *catalogue)
{
    if (catalogue == NULL) return;
    if (catalogue->real) arena_close(&catalogue->arena);
    free(catalogue->batches);
    free(catalogue->slots);
    free(catalogue->books);
    free(catalogue);
}

bool catalogue_is_real(const struct catalogue *catalogue)
{
    return catalogue->real;
}

const struct genesis *catalogue_genesis(const struct catalogue *catalogue)
{
    CHECK(catalogue->real);
    return &catalogue->genesis;
}

/* ---- Events ---- */

static struct span keep(struct catalogue *catalogue, struct buffer *buffer)
{
    CHECK(!buffer->failed);
    uint8_t *kept = arena_take(&catalogue->arena, buffer->size);
    CHECK(kept != NULL);
    if (buffer->size > 0) memcpy(kept, buffer->data, buffer->size);
    struct span span = span_of(kept, buffer->size);
    buffer_close(buffer);
    return span;
}

static struct book *book_open(struct catalogue *catalogue, uint32_t member_id)
{
    catalogue->books = items_grow(
        catalogue->books, catalogue->book_count, &catalogue->book_capacity, sizeof catalogue->books[0]);
    struct book *book = &catalogue->books[catalogue->book_count++];
    *book = (struct book){.member_id = member_id};
    book->subject = (uint32_t)dice_below(&catalogue->dice, SUBJECTS);
    put_u32(book->ref, (uint32_t)catalogue->book_count);
    return book;
}

/* An account of the member's, or NULL after a few tries. */
static struct book *book_find(struct catalogue *catalogue, uint32_t member_id)
{
    for (uint32_t i = 0; i < 8 && catalogue->book_count > 0; i++) {
        struct book *book = &catalogue->books[dice_below(&catalogue->dice, catalogue->book_count)];
        if (book->member_id == member_id) return book;
    }
    return NULL;
}

static enum event_type draw_type(struct dice *dice, const struct book *book)
{
    if (book->next_seq == 0) return EVENT_ACCOUNT_OPEN;
    uint64_t roll = dice_below(dice, 100);
    if (roll < 40) return EVENT_PERIOD_REPORT;
    if (roll < 70) return EVENT_PAYMENT;
    if (roll < 90) return EVENT_DISBURSE;
    return roll < 95 ? EVENT_CHARGE_OFF : EVENT_CLOSE;
}

static void body_make(struct catalogue *catalogue, enum event_type type, struct batch_event *event)
{
    struct event_body body = {.type = type};
    struct buffer bytes;
    if (type == EVENT_DISBURSE || type == EVENT_PAYMENT || type == EVENT_CHARGE_OFF)
        body.amount_minor = (int64_t)dice_between(&catalogue->dice, 1, 1000000);
    if (type == EVENT_PERIOD_REPORT) body.balance_minor = (int64_t)dice_below(&catalogue->dice, 1000000);
    buffer_init(&bytes, EVENT_BODY_SIZE_MAX);
    event_body_encode(&body, &bytes);
    event->has_body = true;
    event->body = keep(catalogue, &bytes);
    for (size_t i = 0; i < SALT_SIZE; i += 8)
        put_u64(event->salt + i, dice_next(&catalogue->dice));
}

static void event_make(
    struct catalogue *catalogue, struct book *book, uint64_t wall_ms, struct batch_event *event)
{
    struct dice *dice = &catalogue->dice;
    enum event_type type = draw_type(dice, book);
    struct event_header header = {.type = type, .member_id = book->member_id, .subject_scheme = 1};
    struct buffer bytes;
    body_make(catalogue, type, event);
    put_u32(header.subject_id.bytes, book->subject);
    header.event_date = (int32_t)(wall_ms / MS_PER_DAY) + (dice_chance(dice, 20) ? 5 : -3);
    header.body_commitment = event_body_commitment(event->salt, event->body);
    header.has_account = true;
    memcpy(header.account_ref, book->ref, sizeof header.account_ref);
    header.account_seq = book->next_seq + (dice_chance(dice, 30) ? 1 : 0);
    header.account_prev = book->head;
    if (type == EVENT_ACCOUNT_OPEN) header.account_type = (uint32_t)dice_between(dice, 1, 2);
    if (type == EVENT_ACCOUNT_OPEN) header.currency = 901;
    if (type == EVENT_PERIOD_REPORT)
        header.period = (uint32_t)(dice_between(dice, 2010, 2024) * 100 + dice_between(dice, 1, 12));
    if (type == EVENT_CLOSE) header.close_kind = 1;
    buffer_init(&bytes, EVENT_HEADER_SIZE_MAX);
    event_header_encode(&header, &bytes);
    event->header = keep(catalogue, &bytes);
    event->fields = header;
    event->id = event_id(&catalogue->genesis.chain_id, event->header);
    book->next_seq++;
    book->head = event->id;
}

/* ---- Batches ---- */

static void batch_make(struct catalogue *catalogue, struct batch *batch, uint64_t wall_ms)
{
    struct dice *dice = &catalogue->dice;
    *batch = (struct batch){.chain_id = catalogue->genesis.chain_id};
    /* Now and then a member that may not furnish, or a key that is nobody's. */
    batch->member_id = (uint32_t)dice_between(dice, 1, dice_chance(dice, 30) ? LENDERS + 1 : LENDERS);
    batch->signing_key = catalogue->genesis.members[batch->member_id - 1].keys[0];
    if (dice_chance(dice, 20)) batch->signing_key.bytes[20] = 1;
    batch->expires_at_ms = wall_ms + dice_between(dice, 1000, LIFETIME_MS_MAX);
    batch->event_count = (uint32_t)dice_between(dice, 1, EVENTS_MAX);
    batch->events = arena_take_zeroed(&catalogue->arena, batch->event_count, sizeof *batch->events);
    CHECK(batch->events != NULL);
    for (uint32_t i = 0; i < batch->event_count; i++) {
        struct book *book = dice_chance(dice, 300) ? NULL : book_find(catalogue, batch->member_id);
        if (book == NULL) book = book_open(catalogue, batch->member_id);
        event_make(catalogue, book, wall_ms, &batch->events[i]);
    }
    put_u64(batch->signature.bytes, dice_next(dice));
    batch->digest = batch_digest(batch);
}

static struct digest plain_name(uint32_t number)
{
    struct digest name = {{0}};
    put_u32(name.bytes, number);
    name.bytes[31] = 0xb7;
    return name;
}

static uint16_t *slot_of(const struct catalogue *catalogue, const struct digest *name)
{
    uint32_t at = get_u32(name->bytes) % SLOTS;
    while (
        catalogue->slots[at] != 0 && !digest_equal(&catalogue->batches[catalogue->slots[at] - 1].name, name))
        at = (at + 1) % SLOTS;
    return &catalogue->slots[at];
}

struct digest catalogue_name(struct catalogue *catalogue, uint32_t number, uint64_t wall_ms)
{
    CHECK(number < BATCHES_MAX);
    if (!catalogue->real) return plain_name(number);
    struct named_batch *named = &catalogue->batches[number];
    if (named->made) return named->name;
    struct buffer bytes;
    batch_make(catalogue, &named->batch, wall_ms);
    buffer_init(&bytes, BATCH_SIZE_MAX);
    batch_encode(&named->batch, true, &bytes);
    named->bytes = keep(catalogue, &bytes);
    named->name = named->batch.digest;
    named->made = true;
    uint16_t *slot = slot_of(catalogue, &named->name);
    CHECK(*slot == 0);
    *slot = (uint16_t)(number + 1);
    return named->name;
}

uint32_t catalogue_number(const struct catalogue *catalogue, const struct digest *name)
{
    if (!catalogue->real) return get_u32(name->bytes) % BATCHES_MAX;
    uint16_t slot = *slot_of(catalogue, name);
    CHECK(slot != 0);
    return slot - 1u;
}

struct span catalogue_bytes(const struct catalogue *catalogue, const struct digest *name)
{
    if (!catalogue->real) return span_of(name->bytes, DIGEST_SIZE);
    return catalogue->batches[catalogue_number(catalogue, name)].bytes;
}

const struct batch *catalogue_batch(const struct catalogue *catalogue, const struct digest *name)
{
    CHECK(catalogue->real);
    return &catalogue->batches[catalogue_number(catalogue, name)].batch;
}

void catalogue_measure(const struct catalogue *catalogue, const struct digest *names, uint32_t count,
    uint32_t *size, uint32_t *events)
{
    *size = *events = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct batch *batch = catalogue->real ? catalogue_batch(catalogue, &names[i]) : NULL;
        *size += batch == NULL ? 100 : (uint32_t)batch_size_without_bodies(batch);
        *events += batch == NULL ? 1 : batch->event_count;
    }
}
