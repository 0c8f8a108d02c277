#include "tools/report_model.h"

#include "proto/base/check.h"
#include "proto/base/date.h"

#define DAYS_PER_INQUIRY_MONTHS 365 /* of INQUIRY_MONTHS */
_Static_assert(INQUIRY_MONTHS == 12, "a year");

static bool is_access_alone(const struct in_force *list);
static int places_of(
    const struct report *report, enum event_type type, struct arena *arena, struct report_places *found);
static void reservations_keep_live(struct report *report);
static void inquiries_count(struct report *report);
static int totals_make(struct report *report, struct arena *arena);
static void worst_find(struct report *report);
static void disputed_mark(struct report *report);

const char *report_flag_name(enum report_flag flag)
{
    switch (flag) {
    case FLAG_JUMP:
        return "DELINQUENCY_JUMP";
    case FLAG_OVER_LIMIT:
        return "OVER_LIMIT";
    case FLAG_BELOW_ZERO:
        return "BELOW_ZERO";
    case FLAG_LATE_BEFORE_OPEN:
        return "DELINQUENCY_BEFORE_OPENING";
    case FLAG_OTHER_TYPE:
        return "CORRECTION_OF_ANOTHER_TYPE";
    }
    CHECK_UNREACHABLE();
}

void report_sum_add(struct report_sum *sum, int64_t minor)
{
    if (!sum->spilled) sum->spilled = amount_add(sum->minor, minor, &sum->minor) != TALLY_OK;
    sum->present = true;
}

static int32_t day_of(uint64_t time_ms)
{
    uint64_t day = time_ms / MS_PER_DAY;
    return day > (uint64_t)DATE_MAX ? DATE_MAX : (int32_t)day;
}

int report_make(const struct report_request *request, const struct in_force *list,
    const struct digest *subject, const struct proof_verdict *verdict, const struct genesis *genesis,
    struct arena *arena, struct report *report)
{
    struct report made = {
        .list = list,
        .genesis = genesis,
        .policy = &genesis->policy,
        .verdict = verdict,
        .subject = *subject,
        .codes = request->codes,
        .months = request->months,
        .as_of_day = day_of(verdict->as_of_time_ms),
    };
    CHECK(verdict->complete && verdict->since == 0 && request->months >= 1 &&
          request->months <= REPORT_MONTHS_MAX);
    made.flags = arena_take_zeroed(arena, list->count, sizeof *made.flags);
    made.disputed = arena_take_zeroed(arena, list->count, sizeof *made.disputed);
    made.past = arena_take_zeroed(arena, list->count, sizeof *made.past);
    bool has_room = made.flags != NULL && made.disputed != NULL && made.past != NULL;
    int error = has_room ? report_accounts_make(&made, arena) : TALLY_ENOMEM;
    if (error == TALLY_OK) error = places_of(&made, EVENT_RESERVE, arena, &made.reservations);
    if (error == TALLY_OK) error = places_of(&made, EVENT_INQUIRY, arena, &made.inquiries);
    if (error == TALLY_OK) error = places_of(&made, EVENT_DISPUTE_OPEN, arena, &made.disputes);
    if (error == TALLY_OK) error = places_of(&made, EVENT_STATEMENT, arena, &made.statements);
    if (error == TALLY_OK) error = totals_make(&made, arena);
    if (error != TALLY_OK) return error;
    for (uint32_t i = 0; i < list->count; i++)
        made.flagged += made.flags[i] != 0;
    made.no_file = is_access_alone(list);
    disputed_mark(&made);
    reservations_keep_live(&made);
    inquiries_count(&made);
    worst_find(&made);
    *report = made;
    return TALLY_OK;
}

/* "No file means a fold of access events only." */
static bool is_access_alone(const struct in_force *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        enum event_type type = list->events[i].header.type;
        if (type != EVENT_CONSENT_GRANT && type != EVENT_CONSENT_REVOKE && type != EVENT_INQUIRY)
            return false;
    }
    return true;
}

/* ---- Items ---- */

static int places_of(
    const struct report *report, enum event_type type, struct arena *arena, struct report_places *found)
{
    const struct in_force *list = report->list;
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->count; i++)
        count += list->events[i].header.type == type;
    uint32_t *places = arena_take_zeroed(arena, count, sizeof *places);
    if (places == NULL) return TALLY_ENOMEM;
    *found = (struct report_places){.places = places};
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->events[i].header.type == type) places[found->count++] = i;
    }
    return TALLY_OK;
}

/* An opening uses a reservation up, and does not give it back when it is retracted. Anybody may dispute one
 * or say something about it, which changes nothing. */
static bool is_used_up(const struct in_force *list, uint32_t reservation)
{
    for (uint32_t i = list->events[reservation].first_about; i != NO_PLACE; i = list->events[i].next_about) {
        enum event_type type = list->events[i].header.type;
        if (type == EVENT_ACCOUNT_OPEN || type == EVENT_RESERVE_CANCEL) return true;
    }
    return false;
}

/* "Live is a function of block time." */
static void reservations_keep_live(struct report *report)
{
    struct report_places *reservations = &report->reservations;
    uint32_t live = 0;
    for (uint32_t i = 0; i < reservations->count; i++) {
        uint32_t place = reservations->places[i];
        const struct event_in_force *event = &report->list->events[place];
        bool is_ended =
            is_used_up(report->list, place) || event->header.expires_ms <= report->verdict->as_of_time_ms;
        if (event->standing == STANDS_IN_FORCE && !is_ended) reservations->places[live++] = place;
    }
    reservations->count = live;
}

bool inquiry_is_hard(const struct event_header *inquiry)
{
    return inquiry->purpose == PURPOSE_CREDIT_DECISION || inquiry->purpose == PURPOSE_GUARANTEE;
}

static void inquiries_count(struct report *report)
{
    for (uint32_t i = 0; i < report->inquiries.count; i++) {
        uint32_t place = report->inquiries.places[i];
        const struct event_in_force *event = &report->list->events[place];
        bool is_recent = report_day(report, place) > report->as_of_day - DAYS_PER_INQUIRY_MONTHS;
        if (event->standing != STANDS_IN_FORCE || !is_recent) continue;
        if (inquiry_is_hard(&event->header)) {
            report->hard++;
        } else {
            report->soft++;
        }
    }
}

/* ---- Sums ---- */

static struct report_total *total_of(struct report *report, uint32_t currency)
{
    uint32_t i = 0;
    while (i < report->total_count && report->totals[i].currency != currency)
        i++;
    if (i == report->total_count) report->totals[report->total_count++].currency = currency;
    return &report->totals[i];
}

static int totals_make(struct report *report, struct arena *arena)
{
    report->totals = arena_take_zeroed(arena, report->account_count, sizeof *report->totals);
    if (report->totals == NULL) return TALLY_ENOMEM;
    for (uint32_t i = 0; i < report->account_count; i++) {
        const struct report_account *account = &report->accounts[i];
        report->by_state[account->state]++;
        if (!account->is_active) continue;
        const struct report_month *latest =
            account->latest == NO_PLACE ? NULL : report_month_of(account, account->latest);
        struct report_total *total = total_of(report, account->header->currency);
        bool is_known = latest != NULL && latest->has_amounts;
        report->active++;
        total->accounts++;
        total->unknown += !is_known;
        if (is_known) report_sum_add(&total->balance, latest->balance_minor);
        if (is_known && latest->past_due.present) report_sum_add(&total->past_due, latest->past_due.minor);
        if (account->limit.present) report_sum_add(&total->limit, account->limit.minor);
    }
    return TALLY_OK;
}

static void worst_find(struct report *report)
{
    uint32_t worst = 0;
    report->worst_account = report->worst_month = NO_PLACE;
    for (uint32_t i = 0; i < report->account_count; i++) {
        const struct report_account *account = &report->accounts[i];
        for (uint32_t back = 0; back < report->months && back <= account->grid_last; back++) {
            const struct report_month *month = report_month_of(account, account->grid_last - back);
            if (month == NULL) continue;
            report->unranked += !month->has_days;
            if (!month->has_days || month->days_past_due <= worst) continue;
            worst = month->days_past_due;
            report->worst_account = i;
            report->worst_month = account->grid_last - back;
        }
    }
}

/* ---- Disputes ---- */

int32_t report_day(const struct report *report, uint32_t place)
{
    return day_of(report->list->proven[place].time_ms);
}

const char *dispute_state_name(enum dispute_state state)
{
    switch (state) {
    case DISPUTE_OPEN:
        return "OPEN";
    case DISPUTE_OVERDUE:
        return "OVERDUE";
    case DISPUTE_ANSWERED:
        return "ANSWERED";
    case DISPUTE_CLOSED:
        return "CLOSED";
    }
    CHECK_UNREACHABLE();
}

int32_t report_dispute_due(const struct report *report, uint32_t place, bool extended)
{
    return credit_dispute_due(report->policy, report_day(report, place), extended);
}

enum dispute_state report_dispute_state(const struct report *report, uint32_t place)
{
    struct dispute_course course = in_force_dispute(report->list, place);
    if (course.closing != NO_PLACE) return DISPUTE_CLOSED;
    if (course.first_answer != NO_PLACE) return DISPUTE_ANSWERED;
    bool is_over = report->as_of_day > report_dispute_due(report, place, true);
    return is_over ? DISPUTE_OVERDUE : DISPUTE_OPEN;
}

bool report_dispute_duty(const struct report *report, uint32_t place, enum unverifiable_duty *duty)
{
    uint32_t closing = in_force_dispute(report->list, place).closing;
    if (closing == NO_PLACE) return false;
    if (report->list->events[closing].header.outcome != OUTCOME_UNVERIFIABLE) return false;
    *duty = report->policy->unverifiable;
    return true;
}

/* An open dispute marks what it is about, and one that ended without a finding where the policy says "kept
 * and annotated". */
static void disputed_mark(struct report *report)
{
    const struct event_in_force *events = report->list->events;
    for (uint32_t i = 0; i < report->disputes.count; i++) {
        uint32_t place = report->disputes.places[i], target = events[place].about;
        enum unverifiable_duty duty;
        bool is_open = report_dispute_state(report, place) != DISPUTE_CLOSED;
        bool is_annotated = report_dispute_duty(report, place, &duty) && duty == UNVERIFIABLE_KEEP;
        report->disputes_open += is_open;
        if (target == NO_PLACE || !(is_open || is_annotated)) continue;
        uint32_t original = events[target].original;
        report->disputed[original == NO_PLACE ? target : original] = true;
    }
}

bool report_answer_is_late(const struct report *report, uint32_t dispute, uint32_t answer)
{
    return report_day(report, answer) > report_dispute_due(report, dispute, true);
}
