#include "tests/sim/story.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/base/date.h"
#include "tests/sim/items.h"

#define SUBJECTS 40u
/* Item ids are drawn from so many. */
#define ITEMS 4096u

void story_open(struct story *story, struct dice *dice, struct arena *arena, const struct digest *chain_id)
{
    *story = (struct story){.dice = dice, .arena = arena, .chain_id = *chain_id};
}

void story_close(struct story *story)
{
    free(story->books);
}

struct span story_keep(struct story *story, struct buffer *buffer)
{
    CHECK(!buffer->failed);
    uint8_t *kept = arena_take(story->arena, buffer->size);
    CHECK(kept != NULL);
    if (buffer->size > 0) memcpy(kept, buffer->data, buffer->size);
    struct span span = span_of(kept, buffer->size);
    buffer_close(buffer);
    return span;
}

static struct book *book_open(struct story *story, uint32_t member_id)
{
    story->books = items_grow(story->books, story->book_count, &story->book_capacity, sizeof story->books[0]);
    struct book *book = &story->books[story->book_count++];
    *book = (struct book){.member_id = member_id};
    book->subject = (uint32_t)dice_below(story->dice, SUBJECTS);
    put_u32(book->ref, (uint32_t)story->book_count);
    return book;
}

/* An account of the member's, or NULL after a few tries. */
static struct book *book_find(struct story *story, uint32_t member_id)
{
    for (uint32_t i = 0; i < 8 && story->book_count > 0; i++) {
        struct book *book = &story->books[dice_below(story->dice, story->book_count)];
        if (book->member_id == member_id) return book;
    }
    return NULL;
}

/* An event that was made lately and, if there is one among a few, `fits`; NULL before the first. */
static const struct made_event *made_find(
    struct story *story, bool (*fits)(const struct made_event *made, uint64_t of), uint64_t of)
{
    const struct made_event *found = NULL;
    uint32_t count = story->made_count < STORY_MADE_KEPT ? story->made_count : STORY_MADE_KEPT;
    for (uint32_t i = 0; i < 24 && count > 0; i++) {
        found = &story->made[dice_below(story->dice, count)];
        if (fits(found, of)) break;
    }
    return found;
}

static bool made_of_type(const struct made_event *made, uint64_t type)
{
    return (uint64_t)made->type == type;
}

static bool made_of_ref(const struct made_event *made, uint64_t ref)
{
    return made->ref == ref;
}

static bool made_at_all(const struct made_event *made, uint64_t of)
{
    (void)made, (void)of;
    return true;
}

static void made_note(struct story *story, const struct batch_event *event)
{
    const struct event_header *header = &event->fields;
    struct made_event *made = &story->made[story->made_count++ % STORY_MADE_KEPT];
    *made = (struct made_event){header->type, header->subject_id, event->id, 0};
    if (header->has_account) made->ref = get_u32(header->account_ref);
}

static enum event_type draw_type(struct dice *dice, const struct book *book)
{
    static const enum event_type drawn[] = {EVENT_PERIOD_REPORT, EVENT_PERIOD_REPORT, EVENT_PERIOD_REPORT,
        EVENT_PERIOD_REPORT, EVENT_PAYMENT, EVENT_PAYMENT, EVENT_PAYMENT, EVENT_DISBURSE, EVENT_DISBURSE,
        EVENT_LIMIT_CHANGE, EVENT_STATUS, EVENT_STATUS, EVENT_CHARGE_OFF, EVENT_RECOVERY, EVENT_TRANSFER,
        EVENT_CLOSE, EVENT_CORRECT, EVENT_CORRECT, EVENT_RETRACT, EVENT_RETRACT};
    if (book->next_seq == 0) return EVENT_ACCOUNT_OPEN;
    return drawn[dice_below(dice, sizeof drawn / sizeof drawn[0])];
}

static enum event_type draw_item_type(struct dice *dice)
{
    static const enum event_type drawn[] = {EVENT_CONSENT_GRANT, EVENT_CONSENT_GRANT, EVENT_CONSENT_REVOKE,
        EVENT_INQUIRY, EVENT_INQUIRY, EVENT_INQUIRY, EVENT_RESERVE, EVENT_RESERVE, EVENT_RESERVE_CANCEL,
        EVENT_DISPUTE_OPEN, EVENT_DISPUTE_OPEN, EVENT_DISPUTE_ANSWER, EVENT_DISPUTE_CLOSE, EVENT_STATEMENT};
    return drawn[dice_below(dice, sizeof drawn / sizeof drawn[0])];
}

static void body_make(struct story *story, enum event_type type, struct batch_event *event)
{
    struct event_body body = {.type = type};
    struct buffer bytes;
    if (type == EVENT_DISBURSE || type == EVENT_PAYMENT || type == EVENT_CHARGE_OFF || type == EVENT_RECOVERY)
        body.amount_minor = (int64_t)dice_between(story->dice, 1, 1000000);
    if (type == EVENT_PERIOD_REPORT) body.balance_minor = (int64_t)dice_below(story->dice, 1000000);
    if (type == EVENT_CORRECT) body.corrected = EVENT_PAYMENT;
    buffer_init(&bytes, EVENT_BODY_SIZE_MAX);
    event_body_encode(&body, &bytes);
    event->has_body = true;
    event->body = story_keep(story, &bytes);
    for (size_t i = 0; i < SALT_SIZE; i += 8)
        put_u64(event->salt + i, dice_next(story->dice));
}

/* Names the header, and notes it as made. */
static void event_end(struct story *story, const struct event_header *header, struct batch_event *event)
{
    struct buffer bytes;
    buffer_init(&bytes, EVENT_HEADER_SIZE_MAX);
    event_header_encode(header, &bytes);
    event->header = story_keep(story, &bytes);
    event->fields = *header;
    event->id = event_id(&story->chain_id, event->header);
    made_note(story, event);
}

static struct event_header header_begin(struct story *story, enum event_type type, uint32_t member_id,
    uint64_t wall_ms, const struct batch_event *event)
{
    struct event_header header = {.type = type, .member_id = member_id, .subject_scheme = 1};
    header.event_date = (int32_t)(wall_ms / MS_PER_DAY) + (dice_chance(story->dice, 20) ? 5 : -3);
    header.body_commitment = event_body_commitment(event->salt, event->body);
    return header;
}

static void account_event_make(
    struct story *story, struct book *book, uint64_t wall_ms, struct batch_event *event)
{
    struct dice *dice = story->dice;
    enum event_type type = draw_type(dice, book);
    body_make(story, type, event);
    struct event_header header = header_begin(story, type, book->member_id, wall_ms, event);
    put_u32(header.subject_id.bytes, book->subject);
    header.has_account = true;
    memcpy(header.account_ref, book->ref, sizeof header.account_ref);
    header.account_seq = book->next_seq + (dice_chance(dice, 30) ? 1 : 0);
    header.account_prev = book->head;
    if (type == EVENT_ACCOUNT_OPEN) {
        header.account_type = (uint32_t)dice_between(dice, 1, 2);
        header.currency = 901;
        const struct made_event *from = made_find(story, made_of_type, EVENT_TRANSFER);
        header.has_transfer_of = from != NULL && from->type == EVENT_TRANSFER && dice_chance(dice, 300);
        if (header.has_transfer_of) header.transfer_of = from->id;
        if (header.has_transfer_of) header.subject_id = from->subject_id;
    }
    if (type == EVENT_PERIOD_REPORT)
        header.period = (uint32_t)(dice_between(dice, 2010, 2024) * 100 + dice_between(dice, 1, 12));
    if (type == EVENT_CLOSE) header.close_kind = 1;
    if (type == EVENT_STATUS) header.new_state = (uint32_t)dice_between(dice, 1, 2);
    if (type == EVENT_TRANSFER) header.transferee = (uint32_t)dice_between(dice, 1, STORY_LENDERS);
    if (type == EVENT_STATUS || type == EVENT_CORRECT || type == EVENT_RETRACT) header.reason = REASON_OTHER;
    if (type == EVENT_CORRECT || type == EVENT_RETRACT) {
        header.has_target = true;
        header.target = made_find(story, made_of_ref, get_u32(book->ref))->id;
    }
    event_end(story, &header, event);
    book->next_seq++;
    book->head = event->id;
}

/* What an event without an account aims at, and in whose file that is. */
static void item_aim(struct story *story, struct event_header *header, struct digest *field,
    bool (*fits)(const struct made_event *made, uint64_t of), uint64_t of)
{
    const struct made_event *made = made_find(story, fits, of);
    *field = made != NULL ? made->id : (struct digest){{1}};
    if (made != NULL && !dice_chance(story->dice, 50)) header->subject_id = made->subject_id;
}

static void item_fields_make(struct story *story, uint64_t wall_ms, struct event_header *header)
{
    struct dice *dice = story->dice;
    int32_t today = (int32_t)(wall_ms / MS_PER_DAY);
    switch (header->type) {
    case EVENT_CONSENT_GRANT:
        header->grantee = header->member_id;
        header->purposes = 3;
        header->max_uses = (uint32_t)dice_between(dice, 1, 3);
        header->valid_from = today - 1;
        header->valid_until = today + 1;
        break;
    case EVENT_CONSENT_REVOKE:
        header->has_consent = true;
        item_aim(story, header, &header->consent, made_of_type, EVENT_CONSENT_GRANT);
        break;
    case EVENT_INQUIRY:
        header->has_consent = true;
        header->purpose = PURPOSE_CREDIT_DECISION;
        item_aim(story, header, &header->consent, made_of_type, EVENT_CONSENT_GRANT);
        break;
    case EVENT_RESERVE:
        header->account_type = ACCOUNT_REVOLVING;
        header->currency = 901;
        header->expires_ms = wall_ms + dice_between(dice, 1000, 7200000);
        break;
    case EVENT_RESERVE_CANCEL:
        item_aim(story, header, &header->reservation, made_of_type, EVENT_RESERVE);
        break;
    case EVENT_DISPUTE_OPEN:
        header->category = CATEGORY_AMOUNT;
        header->has_target = true;
        item_aim(story, header, &header->target, made_at_all, 0);
        break;
    case EVENT_STATEMENT:
        header->has_target = true;
        item_aim(story, header, &header->target, made_at_all, 0);
        break;
    case EVENT_DISPUTE_ANSWER:
    case EVENT_DISPUTE_CLOSE:
        header->outcome = header->type == EVENT_DISPUTE_CLOSE ? OUTCOME_REJECTED : 0;
        header->has_dispute = true;
        item_aim(story, header, &header->dispute, made_of_type, EVENT_DISPUTE_OPEN);
        break;
    default:
        CHECK(!event_type_has_account(header->type));
    }
}

static void item_event_make(
    struct story *story, uint32_t member_id, uint64_t wall_ms, struct batch_event *event)
{
    enum event_type type = draw_item_type(story->dice);
    body_make(story, type, event);
    struct event_header header = header_begin(story, type, member_id, wall_ms, event);
    put_u32(header.subject_id.bytes, (uint32_t)dice_below(story->dice, SUBJECTS));
    /* Some are taken already. */
    put_u32(header.item_id, (uint32_t)dice_below(story->dice, 4 * ITEMS));
    item_fields_make(story, wall_ms, &header);
    event_end(story, &header, event);
}

void story_go_on(struct story *story, uint32_t member_id, uint64_t wall_ms, struct batch_event *event)
{
    if (dice_chance(story->dice, 300)) {
        item_event_make(story, member_id, wall_ms, event);
        return;
    }
    struct book *book = dice_chance(story->dice, 300) ? NULL : book_find(story, member_id);
    if (book == NULL) book = book_open(story, member_id);
    account_event_make(story, book, wall_ms, event);
}
