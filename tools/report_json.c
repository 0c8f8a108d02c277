/* The report for programs. Money is whole minor units beside its currency, ids are hexadecimal digits, and
 * what is not known is null or not there. */
#include "proto/base/date.h"
#include "tools/event_fields.h"
#include "tools/history_view.h"
#include "tools/report_show.h"

static json_t *policy_json(const struct report *report);
static json_t *verdict_json(const struct report *report);
static json_t *summary_json(const struct report *report);
static json_t *accounts_json(const struct report *report);
static json_t *places_json(const struct report *report, const struct report_places *places,
    void (*more)(const struct report *report, uint32_t place, json_t *object));
static void inquiry_more(const struct report *report, uint32_t place, json_t *object);
static void dispute_more(const struct report *report, uint32_t place, json_t *object);

json_t *report_json(const struct report *report)
{
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "subject", json_digest(&report->subject), "network", report->genesis->network, "chain_id",
        json_digest(&report->genesis->chain_id), "policy", policy_json(report), "inquiry",
        report->inquiry == NULL ? json_null() : json_digest(report->inquiry), "as_of_height",
        (json_int_t)report->verdict->as_of_height, "as_of_time_ms",
        (json_int_t)report->verdict->as_of_time_ms, "codes", code_scheme_name(report->codes), "months",
        (json_int_t)report->months, "verdict", verdict_json(report), "summary", summary_json(report),
        "accounts", accounts_json(report), "reservations", places_json(report, &report->reservations, NULL),
        "inquiries", places_json(report, &report->inquiries, inquiry_more), "disputes",
        places_json(report, &report->disputes, dispute_more), "statements",
        places_json(report, &report->statements, NULL));
}

static json_t *policy_json(const struct report *report)
{
    struct digest digest = credit_policy_root(report->policy);
    return json_pack("{s:s, s:I, s:o, s:I}", "name", report->policy->name, "version",
        (json_int_t)report->policy->version, "digest", json_digest(&digest), "retention_years",
        (json_int_t)report->policy->retention_years);
}

static json_t *verdict_json(const struct report *report)
{
    const struct proof_verdict *verdict = report->verdict;
    return json_pack("{s:b, s:b, s:b, s:b, s:I, s:I}", "authentic", verdict->authentic, "complete",
        verdict->complete, "absent", verdict->absent, "no_file", report->no_file, "events",
        (json_int_t)verdict->events, "withheld", (json_int_t)verdict->withheld);
}

/* ---- Summary ---- */

static json_t *sum_json(const struct report_sum *sum)
{
    return sum->present && !sum->spilled ? json_integer(sum->minor) : json_null();
}

static json_t *totals_json(const struct report *report)
{
    json_t *list = json_array();
    for (uint32_t i = 0; list != NULL && i < report->total_count; i++) {
        const struct report_total *total = &report->totals[i];
        const struct currency *currency = currency_by_numeric(total->currency);
        json_array_append_new(
            list, json_pack("{s:s, s:I, s:I, s:o, s:o, s:o}", "currency",
                      currency == NULL ? "" : currency->alpha, "accounts", (json_int_t)total->accounts,
                      "unknown", (json_int_t)total->unknown, "balance_minor", sum_json(&total->balance),
                      "limit_minor", sum_json(&total->limit), "past_due_minor", sum_json(&total->past_due)));
    }
    return list;
}

static json_t *period_json(uint32_t index)
{
    char text[PERIOD_TEXT_SIZE];
    period_to_text(period_from_index(index), text);
    return json_string(text);
}

static json_t *worst_json(const struct report *report)
{
    if (report->worst_account == NO_PLACE) return json_null();
    const struct report_account *account = &report->accounts[report->worst_account];
    const struct report_month *month = report_month_of(account, report->worst_month);
    bool is_source;
    char code[2] = {report_code(report, account, report->worst_month, &is_source), '\0'};
    return json_pack("{s:I, s:s, s:I, s:o}", "days_past_due", (json_int_t)month->days_past_due, "code", code,
        "account", (json_int_t)report->worst_account, "period", period_json(report->worst_month));
}

static json_t *summary_json(const struct report *report)
{
    json_t *states = json_object();
    for (uint32_t i = 0; states != NULL && i < ACCOUNT_STATE_COUNT; i++) {
        if (report->by_state[i] > 0)
            json_object_set_new(states, account_state_name(i), json_integer(report->by_state[i]));
    }
    return json_pack("{s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "accounts",
        (json_int_t)report->account_count, "active", (json_int_t)report->active, "by_state", states, "totals",
        totals_json(report), "worst", worst_json(report), "unranked", (json_int_t)report->unranked,
        "reservations_open", (json_int_t)report->reservations.count, "inquiries_hard",
        (json_int_t)report->hard, "inquiries_soft", (json_int_t)report->soft, "disputes",
        (json_int_t)report->disputes.count, "disputes_open", (json_int_t)report->disputes_open, "statements",
        (json_int_t)report->statements.count, "flagged", (json_int_t)report->flagged);
}

/* ---- Accounts ---- */

static json_t *flags_json(const struct report *report, uint32_t place)
{
    json_t *list = json_array();
    for (unsigned bit = 0; list != NULL && bit < REPORT_FLAGS; bit++) {
        if ((report->flags[place] >> bit & 1) != 0)
            json_array_append_new(list, json_string(report_flag_name((enum report_flag)(1u << bit))));
    }
    return list;
}

static void amount_set(json_t *object, const char *key, struct optional_amount amount)
{
    if (amount.present) json_object_set_new(object, key, json_integer(amount.minor));
}

static void month_facts_set(const struct report *report, const struct report_month *month, json_t *object)
{
    const struct event_in_force *event = &report->list->events[month->place];
    json_object_set_new(object, "event_id", json_digest(&event->id));
    json_object_set_new(object, "corrected", json_boolean(event->version != month->place));
    json_object_set_new(object, "disputed", json_boolean(report->disputed[month->place]));
    json_object_set_new(object, "flags", flags_json(report, month->place));
    json_object_set_new(object, "readable", json_boolean(!month->is_unread));
    if (month->is_unread) return;
    if (month->has_amounts) {
        json_object_set_new(object, "balance_minor", json_integer(month->balance_minor));
        json_object_set_new(object, "paid_minor", json_integer(month->paid_minor));
    }
    amount_set(object, "limit_minor", month->limit);
    if (month->has_days) json_object_set_new(object, "days_past_due", json_integer(month->days_past_due));
    if (month->code[0] != '\0') json_object_set_new(object, "reported_code", json_string(month->code));
    amount_set(object, "past_due_minor", month->past_due);
}

static json_t *months_json(const struct report *report, const struct report_account *account)
{
    json_t *list = json_array();
    uint32_t last = account->grid_last, first = last + 1 >= report->months ? last + 1 - report->months : 0;
    for (uint32_t index = first; list != NULL && index <= last; index++) {
        const struct report_month *month = report_month_of(account, index);
        bool is_source;
        char code[2] = {report_code(report, account, index, &is_source), '\0'};
        json_t *object = json_pack("{s:o, s:s, s:b, s:b}", "period", period_json(index), "code", code,
            "as_reported", is_source, "reported", month != NULL);
        if (object != NULL && month != NULL) month_facts_set(report, month, object);
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *events_json(const struct report *report, const struct report_account *account)
{
    const struct event_in_force *events = report->list->events;
    json_t *list = json_array();
    for (uint32_t i = account->opening; list != NULL && i != NO_PLACE; i = events[i].account_next) {
        if (report->past[i]) continue;
        json_t *object = history_event_json(report->list, i);
        if (object != NULL && report->flags[i] != 0)
            json_object_set_new(object, "flags", flags_json(report, i));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *member_name_json(const struct report *report, uint32_t id)
{
    const struct genesis_member *member = genesis_member_by_id(report->genesis, id);
    return member == NULL ? json_null() : json_string(member->name);
}

static json_t *payment_json(const struct report *report, const struct report_account *account)
{
    char date[DATE_TEXT_SIZE];
    if (account->last_payment == NO_PLACE) return json_null();
    date_to_text(report->list->events[account->last_payment].header.event_date, date);
    json_t *object = json_pack("{s:s}", "event_date", date);
    if (object != NULL) amount_set(object, "amount_minor", account->paid_last);
    return object;
}

static json_t *account_json(const struct report *report, const struct report_account *account)
{
    char opened[DATE_TEXT_SIZE];
    const struct event_header *header = account->header;
    date_to_text(header->event_date, opened);
    json_t *object = json_pack("{s:o, s:I, s:o, s:s, s:I, s:s, s:s, s:b, s:s, s:o, s:o}", "account",
        json_hex(span_of(header->account_ref, ACCOUNT_REF_SIZE)), "member", (json_int_t)header->member_id,
        "member_name", member_name_json(report, header->member_id), "account_type",
        account_type_name(header->account_type), "product", (json_int_t)header->product, "currency",
        account->currency == NULL ? "" : account->currency->alpha, "state",
        account_state_name(account->state), "active", account->is_active, "opened", opened, "months",
        months_json(report, account), "events", events_json(report, account));
    if (object == NULL) return NULL;
    json_object_set_new(object, "readable", json_boolean(!account->is_open_unread));
    amount_set(object, "limit_minor", account->limit);
    amount_set(object, "principal_minor", account->principal);
    amount_set(object, "charged_off_minor", account->charged_off);
    json_object_set_new(object, "last_payment", payment_json(report, account));
    if (account->recovered.present)
        json_object_set_new(object, "recovered_minor", sum_json(&account->recovered));
    const struct report_month *latest =
        account->latest == NO_PLACE ? NULL : report_month_of(account, account->latest);
    if (latest == NULL) return object;
    json_t *newest = json_pack("{s:o}", "period", period_json(account->latest));
    if (newest != NULL) month_facts_set(report, latest, newest);
    json_object_set_new(object, "latest", newest);
    return object;
}

static json_t *accounts_json(const struct report *report)
{
    json_t *list = json_array();
    for (uint32_t i = 0; list != NULL && i < report->account_count; i++)
        json_array_append_new(list, account_json(report, &report->accounts[i]));
    return list;
}

/* ---- Items ---- */

static json_t *item_json(const struct report *report, uint32_t place)
{
    json_t *object = history_event_json(report->list, place);
    if (object == NULL) return NULL;
    uint32_t member_id = report->list->events[place].header.member_id;
    json_object_set_new(object, "member_name", member_name_json(report, member_id));
    return object;
}

static json_t *places_json(const struct report *report, const struct report_places *places,
    void (*more)(const struct report *report, uint32_t place, json_t *object))
{
    json_t *list = json_array();
    for (uint32_t i = 0; list != NULL && i < places->count; i++) {
        json_t *object = item_json(report, places->places[i]);
        if (object != NULL && more != NULL) more(report, places->places[i], object);
        json_array_append_new(list, object);
    }
    return list;
}

static void inquiry_more(const struct report *report, uint32_t place, json_t *object)
{
    bool is_hard = inquiry_is_hard(&report->list->events[place].header);
    json_object_set_new(object, "hard", json_boolean(is_hard));
}

static void due_set(
    const struct report *report, uint32_t place, bool extended, const char *key, json_t *object)
{
    char date[DATE_TEXT_SIZE];
    date_to_text(report_dispute_due(report, place, extended), date);
    json_object_set_new(object, key, json_string(date));
}

static void dispute_more(const struct report *report, uint32_t place, json_t *object)
{
    const struct event_in_force *events = report->list->events;
    json_t *answers = json_array();
    json_object_set_new(
        object, "state", json_string(dispute_state_name(report_dispute_state(report, place))));
    enum unverifiable_duty duty;
    if (report_dispute_duty(report, place, &duty))
        json_object_set_new(object, "duty", json_string(duty == UNVERIFIABLE_KEEP ? "KEEP" : "DELETE"));
    due_set(report, place, false, "due", object);
    due_set(report, place, true, "due_extended", object);
    for (uint32_t i = events[place].first_about; answers != NULL && i != NO_PLACE; i = events[i].next_about) {
        json_t *event = item_json(report, i);
        if (event != NULL && events[i].header.type == EVENT_DISPUTE_ANSWER) {
            json_object_set_new(event, "late", json_boolean(report_answer_is_late(report, place, i)));
            json_array_append_new(answers, event);
        } else if (event != NULL && events[i].header.type == EVENT_DISPUTE_CLOSE) {
            json_object_set_new(object, "closing", event);
        } else {
            json_decref(event);
        }
    }
    json_object_set_new(object, "answers", answers);
}
