#include "tools/bench_load.h"
#include "proto/codec/subject_scheme.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/base/date.h"
#include "proto/crypto/digest.h"
#include "tools/subject_id.h"

/* Room for a batch's headers and bodies: none of these events comes near it. */
#define HEADER_SIZE_MAX 512u
#define BODY_SIZE_MAX 128u
#define FIRST_PERIOD 202001u
#define CURRENCY 156u
#define TERM_COUNT 29u

/* What must be remembered of a subject: where its present account's chain stands. */
struct subject {
    uint32_t events; /* told so far */
    struct digest head;
};

struct load {
    struct load_plan plan;
    struct secret_key signing[LOAD_MEMBERS_MAX];
    struct public_key keys[LOAD_MEMBERS_MAX];
    uint64_t told[LOAD_MEMBERS_MAX]; /* events of each member so far */
    struct subject *subjects;
    struct buffer headers, bodies; /* of one batch; never grow, so that spans into them hold */
    struct batch_event items[BATCH_EVENTS_MAX];
};

static int buffer_fix(struct buffer *buffer, size_t size)
{
    buffer_init(buffer, size);
    if (buffer_reserve(buffer, size) == NULL) return TALLY_ENOMEM;
    buffer_clear(buffer);
    return TALLY_OK;
}

int load_open(const struct load_plan *plan, struct load **out)
{
    CHECK(plan->members >= 1 && plan->members <= LOAD_MEMBERS_MAX);
    CHECK(plan->subjects >= plan->members && plan->subjects <= LOAD_SUBJECTS_MAX);
    struct load *load = calloc(1, sizeof *load);
    if (load == NULL) return TALLY_ENOMEM;
    load->plan = *plan;
    load->plan.signing = load->signing;
    for (uint32_t i = 0; i < plan->members; i++) {
        load->signing[i] = plan->signing[i];
        CHECK(secret_key_public(&load->signing[i], &load->keys[i]) == TALLY_OK);
    }
    load->subjects = calloc(plan->subjects, sizeof *load->subjects);
    int error = load->subjects == NULL ? TALLY_ENOMEM : TALLY_OK;
    if (error == TALLY_OK) error = buffer_fix(&load->headers, BATCH_EVENTS_MAX * HEADER_SIZE_MAX);
    if (error == TALLY_OK) error = buffer_fix(&load->bodies, BATCH_EVENTS_MAX * BODY_SIZE_MAX);
    if (error != TALLY_OK) {
        load_close(load);
        return error;
    }
    *out = load;
    return TALLY_OK;
}

void load_close(struct load *load)
{
    if (load == NULL) return;
    free(load->subjects);
    buffer_close(&load->headers);
    buffer_close(&load->bodies);
    explicit_bzero(load->signing, sizeof load->signing);
    free(load);
}

/* ---- One event ---- */

/* A value of the subject's own, such as its id or an event's salt. */
static struct digest named(uint64_t seed, const char *what, uint32_t subject, uint32_t number)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_SYNTH);
    hasher_u64(&hasher, seed);
    hasher_sized(&hasher, span_of(what, strlen(what)));
    hasher_u32(&hasher, subject);
    hasher_u32(&hasher, number);
    return hasher_final(&hasher);
}

struct digest load_subject_id(uint64_t seed, uint32_t subject)
{
    return named(seed, "subject", subject, 0);
}

static bool is_revolving(uint32_t subject, uint32_t account)
{
    return (subject / 4 + account) % 4 == 0;
}

/* The event at place `seq` of an account's life: an instalment loan is opened, paid out, and then paid and
 * reported each month; a revolving line is reported and paid. */
static enum event_type type_at(bool revolving, uint32_t seq)
{
    if (seq == 0) return EVENT_ACCOUNT_OPEN;
    if (seq == LOAD_EVENTS_PER_ACCOUNT - 1) return EVENT_CLOSE;
    if (!revolving && seq == 1) return EVENT_DISBURSE;
    return (seq % 2 == 0) != revolving ? EVENT_PAYMENT : EVENT_PERIOD_REPORT;
}

static struct event_body body_of(enum event_type type, bool revolving, uint32_t seq, int64_t principal)
{
    struct event_body body = {.type = type};
    int64_t instalment = principal / TERM_COUNT, paid = instalment * (seq / 2), left = principal - paid;
    if (type == EVENT_ACCOUNT_OPEN && revolving) {
        body.limit = (struct optional_amount){true, principal};
    } else if (type == EVENT_ACCOUNT_OPEN) {
        body.principal = (struct optional_amount){true, principal};
        body.has_rate = body.has_terms = true;
        body.rate_ppm = 72000;
        body.term_count = TERM_COUNT;
        memcpy(body.term_unit, "MONTH", sizeof "MONTH");
    } else if (type == EVENT_DISBURSE) {
        body.amount_minor = principal;
    } else if (type == EVENT_PAYMENT) {
        body.amount_minor = instalment + instalment / 10;
        body.principal = (struct optional_amount){true, instalment};
        body.interest = (struct optional_amount){true, instalment / 10};
    } else if (type == EVENT_PERIOD_REPORT) {
        body.balance_minor = left < 0 ? 0 : left;
        body.scheduled = (struct optional_amount){true, instalment};
        body.paid_minor = instalment;
        body.past_due = (struct optional_amount){true, 0};
    } else {
        body.balance = (struct optional_amount){true, 0};
    }
    return body;
}

static struct event_header header_of(
    const struct load *load, uint32_t number, uint32_t account, uint32_t seq, enum event_type type)
{
    uint32_t period = period_from_index(period_index(FIRST_PERIOD) + seq / 2);
    struct digest ref = named(load->plan.seed, "account", number, account);
    struct event_header header = {
        .type = type,
        .member_id = number % load->plan.members + 1,
        .subject_scheme = SUBJECT_SCHEME_HMAC,
        .subject_id = load_subject_id(load->plan.seed, number),
        .event_date = date_from_civil((int)(period / 100), (int)(period % 100), 1 + (int)(number % 28)),
        .has_account = true,
        .account_seq = seq,
    };
    memcpy(header.account_ref, ref.bytes, ACCOUNT_REF_SIZE);
    if (seq > 0) header.account_prev = load->subjects[number].head;
    if (type == EVENT_PERIOD_REPORT) header.period = period;
    if (type == EVENT_CLOSE) header.close_kind = 1;
    if (type != EVENT_ACCOUNT_OPEN) return header;
    header.account_type = is_revolving(number, account) ? ACCOUNT_REVOLVING : ACCOUNT_INSTALMENT;
    header.currency = CURRENCY;
    return header;
}

static struct span added(const struct buffer *buffer, size_t from)
{
    return span_of(buffer->data + from, buffer->size - from);
}

/* The subject's next event. */
static int event_make(struct load *load, uint32_t number, struct batch_event *event)
{
    struct subject *subject = &load->subjects[number];
    if (subject->events >= LOAD_EVENTS_PER_SUBJECT_MAX) return TALLY_ELIMIT;
    uint32_t account = subject->events / LOAD_EVENTS_PER_ACCOUNT,
             seq = subject->events % LOAD_EVENTS_PER_ACCOUNT;
    bool revolving = is_revolving(number, account);
    enum event_type type = type_at(revolving, seq);
    struct digest salt = named(load->plan.seed, "salt", number, subject->events);
    int64_t principal = 1000000 + (int64_t)(number % 1000) * 10000;
    struct event_body body = body_of(type, revolving, seq, principal);
    size_t body_start = load->bodies.size, header_start = load->headers.size;

    *event = (struct batch_event){.fields = header_of(load, number, account, seq, type), .has_body = true};
    memcpy(event->salt, salt.bytes, SALT_SIZE);
    event_body_encode(&body, &load->bodies);
    event->body = added(&load->bodies, body_start);
    event->fields.body_commitment = event_body_commitment(event->salt, event->body);
    event_header_encode(&event->fields, &load->headers);
    CHECK(!load->bodies.failed && !load->headers.failed);
    event->header = added(&load->headers, header_start);
    event->id = event_id(&load->plan.chain_id, event->header);
    subject->head = event->id;
    subject->events++;
    return TALLY_OK;
}

/* ---- One batch ---- */

/* How many of the subjects are the member's. */
static uint32_t subjects_of(const struct load_plan *plan, uint32_t member)
{
    return (plan->subjects - member + plan->members - 1) / plan->members;
}

int load_batch(struct load *load, uint32_t member, uint32_t events, uint64_t expires_at_ms,
    struct buffer *out, struct batch *batch)
{
    CHECK(member < load->plan.members && events >= 1 && events <= BATCH_EVENTS_MAX);
    uint32_t own = subjects_of(&load->plan, member);
    size_t start = out->size;
    buffer_clear(&load->headers);
    buffer_clear(&load->bodies);
    for (uint32_t i = 0; i < events; i++) {
        uint32_t number = (uint32_t)(load->told[member] % own) * load->plan.members + member;
        int error = event_make(load, number, &load->items[i]);
        if (error != TALLY_OK) return error;
        load->told[member]++;
    }
    *batch = (struct batch){
        .chain_id = load->plan.chain_id,
        .member_id = member + 1,
        .signing_key = load->keys[member],
        .expires_at_ms = expires_at_ms,
        .event_count = events,
        .events = load->items,
    };
    batch->digest = batch_digest(batch);
    signature_make(&load->signing[member], &batch->digest, &batch->signature);
    batch_encode(batch, true, out);
    if (out->failed) return TALLY_ENOMEM;
    return out->size - start <= BATCH_SIZE_MAX ? TALLY_OK : TALLY_ELIMIT;
}
