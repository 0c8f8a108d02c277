#include "tools/synth.h"

#include "proto/base/check.h"
#include "proto/base/date.h"
#include "proto/crypto/digest.h"

/* Chances are out of a million. */
#define WHOLE 1000000u
#define SECOND_ACCOUNT_CHANCE 200000u
#define INSTALMENT_CHANCE 600000u
#define REVOLVING_CLOSE_CHANCE 3000u
#define OVER_LIMIT_CHANCE 46000u
#define EARLY_CHANCE 4000u

/* A level is how many thirty-day steps the oldest unpaid amount is late: 0 is current, 1 is 1 to 30 days, and
 * so on. At LEVEL_LAST and still rolling, the account is charged off. */
#define LEVEL_LAST 5u

/* Where an account of a level goes next month. What is left of the million stays. The rolls up, and 1 -> 0,
 * are those measured in real portfolios; the other cures are chosen to fall with lateness, as collectors see.
 */
static const struct {
    uint32_t up, to_current, down_one;
} moves[LEVEL_LAST + 1] = {
    {19000, 0, 0},
    {52000, 500000, 0},
    {300000, 200000, 150000},
    {590000, 60000, 80000},
    {670000, 30000, 50000},
    {700000, 20000, 30000},
};

/* One account's state as its months go by. */
struct account {
    const struct synth_plan *plan;
    int (*on_event)(void *context, const struct synth_event *event);
    void *context;
    uint64_t key; /* of its chances */
    uint64_t draws;
    uint32_t member, type;
    struct digest subject;
    uint8_t ref[ACCOUNT_REF_SIZE];
    uint32_t opened;           /* month, as period_index */
    uint32_t month;            /* since the opening, from 1 */
    uint32_t level, late_day;  /* days past due within the level's thirty: 1 to 30 */
    int32_t first_delinquency; /* a date while level > 0 */
    bool closed;
    /* Instalment: `paid` of `term` equal instalments. */
    uint32_t term, paid;
    int64_t instalment, interest_part;
    /* Revolving. */
    int64_t limit, balance;
};

static int account_run(struct account *account);
static int month_run(struct account *account);
static int instalment_month(struct account *account, uint32_t level_before);
static int revolving_month(struct account *account, uint32_t level_before);

/* A counter-based generator: draw n of a key depends on nothing but both. The mixing is splitmix64's. */
static uint64_t draw(struct account *account)
{
    uint64_t x = account->key + ++account->draws * 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* 0 to bound - 1, for a bound far below 2^32: the bias is then below one in four thousand million. */
static uint32_t draw_below(struct account *account, uint32_t bound)
{
    CHECK(bound > 0);
    return (uint32_t)((draw(account) >> 32) * bound >> 32);
}

static int64_t draw_between(struct account *account, uint32_t least, uint32_t most)
{
    return (int64_t)least + draw_below(account, most - least + 1);
}

static struct digest named(uint64_t seed, const char *what, uint64_t subject, uint64_t account)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_SYNTH);
    hasher_u64(&hasher, seed);
    hasher_sized(&hasher, span_of(what, strlen(what)));
    hasher_u64(&hasher, subject);
    hasher_u64(&hasher, account);
    return hasher_final(&hasher);
}

int synth_run(const struct synth_plan *plan, int (*on_event)(void *context, const struct synth_event *event),
    void *context)
{
    CHECK(plan->subjects >= 1 && plan->subjects <= SYNTH_SUBJECTS_MAX);
    CHECK(plan->months >= 1 && plan->months <= SYNTH_MONTHS_MAX);
    CHECK(plan->members >= 1 && plan->members <= SYNTH_MEMBERS_MAX && plan->member <= plan->members);
    for (uint32_t subject = 0; subject < plan->subjects; subject++) {
        struct account chooser = {.key = get_u64(named(plan->seed, "subject", subject, 0).bytes)};
        uint32_t first = draw_below(&chooser, plan->members);
        uint32_t count = 1 + (draw_below(&chooser, WHOLE) < SECOND_ACCOUNT_CHANCE);
        /* The second account is another member's, where there is one. */
        uint32_t away = plan->members > 1 ? 1 + draw_below(&chooser, plan->members - 1) : 0;
        for (uint32_t number = 0; number < count; number++) {
            uint32_t member = 1 + (first + number * away) % plan->members;
            if (plan->member != 0 && plan->member != member) continue;
            struct digest ref = named(plan->seed, "account", subject, number);
            struct account account = {
                .plan = plan,
                .on_event = on_event,
                .context = context,
                .key = get_u64(named(plan->seed, "chances", subject, number).bytes),
                .member = member,
                .subject = named(plan->seed, "id", subject, 0),
            };
            memcpy(account.ref, ref.bytes, ACCOUNT_REF_SIZE);
            int error = account_run(&account);
            if (error != TALLY_OK) return error;
        }
    }
    return TALLY_OK;
}

/* ---- An account ---- */

static int tell(struct account *account, int32_t date, uint32_t period, uint32_t close_kind,
    const struct event_body *body)
{
    struct synth_event event = {
        .member = account->member,
        .subject = &account->subject,
        .account = account->ref,
        .event_date = date,
        .account_type = account->type,
        .period = period,
        .close_kind = close_kind,
        .body = body,
    };
    return account->on_event(account->context, &event);
}

static uint32_t period_now(const struct account *account)
{
    return period_from_index(account->opened + account->month);
}

/* A day of the present month, at most its last. */
static int32_t date_now(const struct account *account, int day)
{
    uint32_t period = period_now(account);
    int year = (int)(period / 100), month = (int)(period % 100), last = date_days_in_month(year, month);
    return date_from_civil(year, month, day < last ? day : last);
}

static int open_instalment(struct account *account)
{
    struct event_body body = {.type = EVENT_ACCOUNT_OPEN};
    static const uint32_t terms[] = {6, 12, 12, 24, 24, 36};
    account->term = terms[draw_below(account, sizeof terms / sizeof terms[0])];
    int64_t principal = draw_between(account, 20, 1000) * 10000; /* 2,000 to 100,000 in the major unit */
    body.rate_ppm = (int32_t)draw_between(account, 72, 360) * 1000;
    int64_t interest = principal * body.rate_ppm / 1000000 * account->term / 12;
    account->instalment = (principal + interest + account->term - 1) / account->term;
    account->interest_part = interest / account->term;
    body.principal = (struct optional_amount){true, principal};
    body.has_rate = body.has_terms = true;
    body.term_count = account->term;
    memcpy(body.term_unit, "MONTH", sizeof "MONTH");
    int day = (int)draw_between(account, 1, 28);
    int error = tell(account, date_now(account, day), 0, 0, &body);
    if (error != TALLY_OK) return error;
    body = (struct event_body){.type = EVENT_DISBURSE, .amount_minor = principal};
    return tell(account, date_now(account, day), 0, 0, &body);
}

static int open_revolving(struct account *account)
{
    struct event_body body = {.type = EVENT_ACCOUNT_OPEN};
    account->limit = draw_between(account, 5, 100) * 100000; /* 5,000 to 100,000 in the major unit */
    account->balance = account->limit * draw_between(account, 5, 40) / 100;
    body.limit = (struct optional_amount){true, account->limit};
    return tell(account, date_now(account, (int)draw_between(account, 1, 28)), 0, 0, &body);
}

static int account_run(struct account *account)
{
    uint32_t last = period_index(SYNTH_LAST_PERIOD), first = last - account->plan->months + 1;
    /* Most accounts are there from the start; the others open over the first three quarters. */
    uint32_t delay = draw_below(account, 4) == 0 ? draw_below(account, account->plan->months * 3 / 4 + 1) : 0;
    account->opened = first + delay;
    account->type = draw_below(account, WHOLE) < INSTALMENT_CHANCE ? ACCOUNT_INSTALMENT : ACCOUNT_REVOLVING;
    account->late_day = 1 + draw_below(account, 30);
    int error = account->type == ACCOUNT_INSTALMENT ? open_instalment(account) : open_revolving(account);
    for (account->month = 1;
         error == TALLY_OK && !account->closed && account->opened + account->month <= last;
         account->month++) {
        error = month_run(account);
    }
    return error;
}

static int64_t balance_now(const struct account *account)
{
    if (account->type == ACCOUNT_REVOLVING) return account->balance;
    return (int64_t)(account->term - account->paid) * account->instalment;
}

static int charge_off(struct account *account)
{
    struct event_body body = {
        .type = EVENT_CHARGE_OFF,
        .amount_minor = balance_now(account),
        .has_first_delinquency = true,
        .first_delinquency_date = account->first_delinquency,
    };
    account->closed = true;
    return tell(account, date_now(account, 31), 0, 0, &body);
}

static int account_close(struct account *account, uint32_t kind)
{
    struct event_body body = {.type = EVENT_CLOSE, .balance = {true, 0}};
    account->closed = true;
    return tell(account, date_now(account, 31), 0, kind, &body);
}

static int month_run(struct account *account)
{
    uint32_t before = account->level, chance = draw_below(account, WHOLE);
    uint32_t up = moves[before].up, current = up + moves[before].to_current;
    if (chance < up && before == LEVEL_LAST) return charge_off(account);
    if (chance < up) {
        account->level++;
    } else if (chance < current) {
        account->level = 0;
    } else if (chance < current + moves[before].down_one) {
        account->level--;
    }
    if (before == 0 && account->level > 0) {
        account->first_delinquency = date_now(account, 31) - (int32_t)account->late_day;
    }
    return account->type == ACCOUNT_INSTALMENT ? instalment_month(account, before)
                                               : revolving_month(account, before);
}

static uint32_t days_past_due(const struct account *account)
{
    return account->level == 0 ? 0 : 30 * (account->level - 1) + account->late_day;
}

static int report(struct account *account, int64_t scheduled, int64_t paid, int64_t past_due)
{
    struct event_body body = {
        .type = EVENT_PERIOD_REPORT,
        .balance_minor = balance_now(account),
        .scheduled = {true, scheduled},
        .paid_minor = paid,
        .past_due = {true, past_due},
        .days_past_due = days_past_due(account),
    };
    if (account->type == ACCOUNT_REVOLVING) body.limit = (struct optional_amount){true, account->limit};
    if (account->level > 0) {
        body.has_first_delinquency = true;
        body.first_delinquency_date = account->first_delinquency;
    }
    return tell(account, date_now(account, 31), period_now(account), 0, &body);
}

static int payment(struct account *account, int64_t amount, int64_t interest)
{
    struct event_body body = {.type = EVENT_PAYMENT, .amount_minor = amount};
    if (account->type == ACCOUNT_INSTALMENT) {
        body.interest = (struct optional_amount){true, interest};
        body.principal = (struct optional_amount){true, amount - interest};
    }
    return tell(account, date_now(account, (int)draw_between(account, 3, 25)), 0, 0, &body);
}

/* An instalment falls due each month. The level is how many months the oldest unpaid one has waited, so it
 * says how many have been paid: staying late means paying one, rolling up means paying none. */
static int instalment_month(struct account *account, uint32_t level_before)
{
    bool early = account->level == 0 && level_before == 0 && draw_below(account, WHOLE) < EARLY_CHANCE;
    uint32_t due = account->month < account->term ? account->month : account->term;
    uint32_t paid = account->month - account->level;
    if (paid > account->term || early) paid = account->term;
    CHECK(paid >= account->paid);
    uint32_t paying = paid - account->paid;
    account->paid = paid;
    if (paid == account->term) account->level = 0;
    int error = TALLY_OK;
    if (paying > 0) error = payment(account, paying * account->instalment, paying * account->interest_part);
    int64_t past_due = due > paid ? (int64_t)(due - paid) * account->instalment : 0;
    int64_t scheduled = account->month <= account->term ? account->instalment : 0;
    if (error == TALLY_OK) error = report(account, scheduled, paying * account->instalment, past_due);
    if (error != TALLY_OK || paid < account->term) return error;
    return account_close(account, early && due < account->term ? 2 : 1);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A twentieth of the balance falls due each month. Only borrowers who are current go on buying. */
static int revolving_month(struct account *account, uint32_t level_before)
{
    int64_t minimum = account->balance / 20 + 1, paid = 0;
    bool closes =
        account->level == 0 && level_before == 0 && draw_below(account, WHOLE) < REVOLVING_CLOSE_CHANCE;
    if (closes) {
        paid = account->balance;
    } else if (account->level == 0) {
        paid = smaller(account->balance,
            minimum * (level_before + 1) + account->balance * draw_between(account, 0, 60) / 100);
    } else if (account->level <= level_before) {
        paid = smaller(account->balance, minimum * (level_before - account->level + 1));
    }
    account->balance -= paid;
    if (!closes && account->level == 0) {
        /* Now and then a line is drawn past its limit, as happens in real files. */
        bool over = draw_below(account, WHOLE) < OVER_LIMIT_CHANCE;
        int64_t bought = account->limit * draw_between(account, 1, 15) / 100;
        account->balance =
            over ? account->limit * 104 / 100 : smaller(account->balance + bought, account->limit);
    } else if (!closes) {
        account->balance += account->balance * 15 / 1000 + 1; /* a month's interest */
    }
    int64_t past_due = account->level == 0 ? 0 : smaller(account->balance, minimum * account->level);
    int error = paid > 0 ? payment(account, paid, 0) : TALLY_OK;
    if (error == TALLY_OK) error = report(account, minimum, paid, past_due);
    if (error != TALLY_OK || !closes) return error;
    return account_close(account, 1);
}
