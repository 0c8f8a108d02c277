#include "proto/proof/in_force.h"

#include <stdlib.h>

#include "proto/base/check.h"

/* Ids in their order, to find an event by its id. Sorted and not hashed: ids can be made to collide in the
 * few bits that a table looks at. */
struct id_place {
    struct digest id;
    uint32_t place;
};

/* What is kept beside each event while the list is read. */
struct reading {
    uint32_t last_about;   /* of its list */
    uint32_t account_last; /* of the account that it begins */
    uint32_t root;         /* the original, or the first of its corrections that is in the list */
    uint32_t newest;       /* of a root: the newest of its corrections that stands, or itself */
    uint32_t readable;     /* whose body is read where this one is the newest */
};

struct work {
    struct in_force *list;
    struct id_place *ids;
    struct reading *readings;
    struct event_body *body;
};

static int events_read(const struct history_proof *proof, struct work *work);
static uint32_t place_of(const struct work *work, uint32_t before, const struct digest *id);
static void account_join(struct work *work, uint32_t place);
static void about_join(struct work *work, uint32_t place);
static int remedy_take(struct work *work, uint32_t place);

const char *event_standing_name(enum event_standing standing)
{
    switch (standing) {
    case STANDS_REFUSED:
        return "REFUSED";
    case STANDS_IN_FORCE:
        return "IN_FORCE";
    case STANDS_CORRECTED:
        return "CORRECTED";
    case STANDS_RETRACTED:
        return "RETRACTED";
    }
    CHECK_UNREACHABLE();
}

int in_force_read(const struct history_proof *proof, struct arena *arena, struct in_force *list)
{
    struct in_force read = {.count = proof->event_count, .proven = proof->events};
    struct work work = {.list = &read};
    read.events = arena_take_zeroed(arena, read.count, sizeof *read.events);
    work.ids = arena_take_zeroed(arena, read.count, sizeof *work.ids);
    work.readings = arena_take_zeroed(arena, read.count, sizeof *work.readings);
    work.body = arena_take(arena, sizeof *work.body);
    if (read.events == NULL || work.ids == NULL || work.readings == NULL || work.body == NULL) {
        return TALLY_ENOMEM;
    }
    int error = events_read(proof, &work);
    for (uint32_t i = 0; i < read.count && error == TALLY_OK; i++) {
        account_join(&work, i);
        about_join(&work, i);
        error = remedy_take(&work, i);
    }
    for (uint32_t i = 0; i < read.count && error == TALLY_OK; i++) {
        uint32_t newest = work.readings[work.readings[i].root].newest;
        read.events[i].version = work.readings[newest].readable;
    }
    if (error == TALLY_OK) *list = read;
    return error;
}

static int id_compare(const void *a, const void *b)
{
    const struct id_place *left = a, *right = b;
    int order = memcmp(left->id.bytes, right->id.bytes, DIGEST_SIZE);
    return order != 0 ? order : (left->place > right->place) - (left->place < right->place);
}

static int events_read(const struct history_proof *proof, struct work *work)
{
    for (uint32_t i = 0; i < proof->event_count; i++) {
        struct event_in_force *event = &work->list->events[i];
        int error = event_header_decode(proof->events[i].header, &event->header);
        if (error == TALLY_ENOMEM) return error;
        CHECK(error == TALLY_OK);
        event->id = event_id(&proof->checkpoint.checkpoint.chain_id, proof->events[i].header);
        event->standing = proof->events[i].result == RESULT_OK ? STANDS_IN_FORCE : STANDS_REFUSED;
        event->ended_by = event->about = event->first_about = event->next_about = NO_PLACE;
        event->account = event->account_next = NO_PLACE;
        event->original = i;
        work->readings[i] = (struct reading){NO_PLACE, i, i, i, i};
        work->ids[i] = (struct id_place){event->id, i};
    }
    if (proof->event_count > 0) qsort(work->ids, proof->event_count, sizeof *work->ids, id_compare);
    return TALLY_OK;
}

/* The event of that id which comes before a place: nothing can name what comes after it. */
static uint32_t place_of(const struct work *work, uint32_t before, const struct digest *id)
{
    uint32_t low = 0, high = work->list->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(work->ids[middle].id.bytes, id->bytes, DIGEST_SIZE) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_there = low < work->list->count && digest_equal(&work->ids[low].id, id);
    return is_there && work->ids[low].place < before ? work->ids[low].place : NO_PLACE;
}

/* Every event of an account but the first names the one before it. */
static void account_join(struct work *work, uint32_t place)
{
    struct event_in_force *events = work->list->events, *event = &events[place];
    if (!event->header.has_account) return;
    uint32_t before =
        event->header.account_seq == 0 ? NO_PLACE : place_of(work, place, &event->header.account_prev);
    bool follows = before != NO_PLACE && events[before].account != NO_PLACE;
    event->account = follows ? events[before].account : place;
    struct reading *first = &work->readings[event->account];
    if (follows) events[first->account_last].account_next = place;
    first->account_last = place;
}

/* The id that an event names; NULL where it names none. */
static const struct digest *named_id(const struct event_header *header)
{
    switch (header->type) {
    case EVENT_CORRECT:
    case EVENT_RETRACT:
    case EVENT_DISPUTE_OPEN:
        return &header->target;
    case EVENT_STATEMENT:
        return header->has_target ? &header->target : NULL;
    case EVENT_DISPUTE_ANSWER:
    case EVENT_DISPUTE_CLOSE:
        return &header->dispute;
    case EVENT_RESERVE_CANCEL:
        return &header->reservation;
    case EVENT_CONSENT_REVOKE:
        return &header->consent;
    case EVENT_INQUIRY:
        return header->has_consent ? &header->consent : NULL;
    case EVENT_ACCOUNT_OPEN:
        if (header->has_transfer_of) return &header->transfer_of;
        return header->has_authorization ? &header->authorization : NULL;
    case EVENT_CONSENT_GRANT:
    case EVENT_RESERVE:
    case EVENT_DISBURSE:
    case EVENT_PERIOD_REPORT:
    case EVENT_PAYMENT:
    case EVENT_LIMIT_CHANGE:
    case EVENT_STATUS:
    case EVENT_CHARGE_OFF:
    case EVENT_RECOVERY:
    case EVENT_TRANSFER:
    case EVENT_CLOSE:
        return NULL;
    }
    return NULL;
}

static void about_join(struct work *work, uint32_t place)
{
    struct event_in_force *events = work->list->events, *event = &events[place];
    const struct digest *id = event->standing == STANDS_REFUSED ? NULL : named_id(&event->header);
    if (id == NULL) return;
    event->about = place_of(work, place, id);
    if (event->about == NO_PLACE) return;
    struct reading *named = &work->readings[event->about];
    if (named->last_about == NO_PLACE) {
        events[event->about].first_about = place;
    } else {
        events[named->last_about].next_about = place;
    }
    named->last_about = place;
}

/* ---- Remedies ---- */

/* Whether the body of a CORRECT is there, and is one of another type than its original. */
static int mismatch_find(struct work *work, uint32_t place, bool *is_mismatched)
{
    const struct event_in_force *events = work->list->events;
    int error = in_force_body(work->list, place, work->body);
    *is_mismatched = error == TALLY_OK && work->body->type != events[events[place].original].header.type;
    return error == TALLY_ENOMEM ? error : TALLY_OK;
}

/* "CORRECT replaces a body and aims at the version in force." */
static int correct_take(struct work *work, uint32_t place)
{
    struct event_in_force *events = work->list->events, *event = &events[place];
    uint32_t target = event->about;
    event->original = NO_PLACE;
    if (target == NO_PLACE) return TALLY_OK;
    event->original = events[target].original;
    int error = event->original == NO_PLACE ? TALLY_OK : mismatch_find(work, place, &event->is_mismatched);
    if (error != TALLY_OK || events[target].standing != STANDS_IN_FORCE) return error;
    struct reading *reading = &work->readings[place];
    events[target].standing = STANDS_CORRECTED;
    events[target].ended_by = place;
    if (event->is_mismatched) reading->readable = work->readings[target].readable;
    reading->root = work->readings[target].root;
    work->readings[reading->root].newest = place;
    return TALLY_OK;
}

/* RETRACT takes back the newest version alone: of a correction, the one before it is in force again. */
static void retract_take(struct work *work, uint32_t place)
{
    struct event_in_force *events = work->list->events;
    uint32_t target = events[place].about;
    if (target == NO_PLACE || events[target].standing != STANDS_IN_FORCE) return;
    events[target].standing = STANDS_RETRACTED;
    events[target].ended_by = place;
    uint32_t before = events[target].header.type == EVENT_CORRECT ? events[target].about : NO_PLACE;
    if (before == NO_PLACE || events[before].ended_by != target) return;
    events[before].standing = STANDS_IN_FORCE;
    events[before].ended_by = NO_PLACE;
    work->readings[work->readings[target].root].newest = before;
}

static int remedy_take(struct work *work, uint32_t place)
{
    const struct event_in_force *event = &work->list->events[place];
    if (event->standing == STANDS_REFUSED) return TALLY_OK;
    if (event->header.type == EVENT_CORRECT) return correct_take(work, place);
    if (event->header.type == EVENT_RETRACT) retract_take(work, place);
    return TALLY_OK;
}

/* ---- For readers ---- */

int in_force_body(const struct in_force *list, uint32_t place, struct event_body *body)
{
    CHECK(place < list->count);
    const struct proven_event *proven = &list->proven[place];
    if (!proven->has_body) return TALLY_ENOTFOUND;
    int error = event_body_decode(list->events[place].header.type, proven->body, body);
    if (error == TALLY_OK && body->type == EVENT_CORRECT) body->type = body->corrected;
    return error;
}

struct dispute_course in_force_dispute(const struct in_force *list, uint32_t place)
{
    struct dispute_course course = {.first_answer = NO_PLACE, .closing = NO_PLACE};
    CHECK(place < list->count && list->events[place].header.type == EVENT_DISPUTE_OPEN);
    for (uint32_t i = list->events[place].first_about; i != NO_PLACE; i = list->events[i].next_about) {
        enum event_type type = list->events[i].header.type;
        if (type == EVENT_DISPUTE_ANSWER && course.first_answer == NO_PLACE) course.first_answer = i;
        if (type == EVENT_DISPUTE_CLOSE && course.closing == NO_PLACE) course.closing = i;
    }
    return course;
}
