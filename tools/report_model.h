/* A credit report as data: what a verified whole history says of its subject, as of its checkpoint. Nothing
 * here reads a clock or trusts a summary. */
#ifndef TALLY_TOOLS_REPORT_MODEL_H
#define TALLY_TOOLS_REPORT_MODEL_H

#include "node/credit/account.h"
#include "node/credit/policy.h"
#include "proto/base/amount.h"
#include "proto/codec/genesis.h"
#include "proto/proof/in_force.h"
#include "proto/proof/verify.h"
#include "tools/report_codes.h"

#define REPORT_MONTHS_DEFAULT 24u
#define REPORT_MONTHS_MAX 120u
#define INQUIRY_MONTHS 12 /* over which hard and soft inquiries are counted */

/* What a reader notices and the rules cannot: bits. They refuse nothing. */
enum report_flag {
    FLAG_JUMP = 1,             /* late by more than one level more than the month before */
    FLAG_OVER_LIMIT = 2,       /* owed more than the line */
    FLAG_BELOW_ZERO = 4,       /* owed less than nothing */
    FLAG_LATE_BEFORE_OPEN = 8, /* the first delinquency is dated before the opening */
    FLAG_OTHER_TYPE = 16,      /* a correction whose body is of another type: not taken */
};
#define REPORT_FLAGS 5
/* "DELINQUENCY_JUMP" and so on, of one bit. */
const char *report_flag_name(enum report_flag flag);

/* A sum of amounts; one that cannot be held is `spilled`, and then says nothing. */
struct report_sum {
    bool present; /* of anything */
    bool spilled;
    int64_t minor;
};
void report_sum_add(struct report_sum *sum, int64_t minor);

/* A month that was reported, as it is in force. */
struct report_month {
    uint32_t place;   /* of the PERIOD_REPORT; NO_PLACE where there is none in force */
    bool is_unread;   /* its body is withheld, or of an unknown form: nothing below is known */
    bool has_days;    /* days_past_due is a fact */
    bool has_amounts; /* balance and paid are facts */
    uint32_t days_past_due;
    int64_t balance_minor, paid_minor;
    struct optional_amount past_due, limit;
    const char *code; /* the source's own; "" without one */
};

struct report_account {
    uint32_t opening; /* place of the ACCOUNT_OPEN */
    const struct event_header *header;
    const struct currency *currency; /* NULL where it is not known */
    enum account_state state;
    bool is_active;      /* the subject owes on it, or may come to */
    bool is_open_unread; /* the opening's body is withheld */
    struct optional_amount limit, principal;
    int32_t limit_date; /* of what the limit is from */
    uint32_t end;       /* place of what ended it (CLOSE, TRANSFER); NO_PLACE while it goes on */
    uint32_t charge_off, last_payment; /* places; NO_PLACE */
    struct optional_amount charged_off, paid_last;
    bool has_charge_off_began; /* the first day of the delinquency that led to the charge-off is known: */
    int32_t charge_off_began;
    bool is_past; /* it was charged off so long ago that the report has nothing of it */
    struct report_sum recovered;
    uint32_t latest; /* index of the latest reported month; NO_PLACE without any */
    /* The reported months, from period `month_first` (period_index) on without gaps. */
    uint32_t month_first, month_count;
    struct report_month *months;
    /* The grid's window, of report.months: its last month (period_index). */
    uint32_t grid_last;
};

/* By currency, over the active accounts. */
struct report_total {
    uint32_t currency;
    uint32_t accounts, unknown; /* of them, those whose balance is not known */
    struct report_sum balance, limit, past_due;
};

struct report_places {
    uint32_t count;
    uint32_t *places;
};

struct report {
    const struct in_force *list;
    const struct genesis *genesis;
    const struct credit_policy *policy;
    const struct proof_verdict *verdict;
    struct digest subject;
    bool no_file;                 /* there is none, or nothing in it but consents and inquiries */
    const struct digest *inquiry; /* that it answers, as the caller sets it; NULL without one */
    enum code_scheme codes;
    uint32_t months;   /* of the grids */
    int32_t as_of_day; /* of the checkpoint */
    uint8_t *flags;    /* by place: bits */
    uint32_t flagged;  /* events with any */
    bool *disputed;    /* by place: it, or a correction of it, is disputed, and is marked so */
    bool *past;        /* by place: the policy's years for it are over, and nothing of it is shown */
    uint32_t account_count;
    struct report_account *accounts;   /* in the order of their openings */
    struct report_places reservations; /* live at the checkpoint */
    struct report_places inquiries, disputes, statements;
    uint32_t by_state[ACCOUNT_STATE_COUNT], active;
    uint32_t total_count;
    struct report_total *totals;
    /* The month of the grids that was latest by days past due; NO_PLACE where none is known to be late. */
    uint32_t worst_account, worst_month;
    uint32_t unranked;   /* reported months of the grids whose days are not known, and are not compared */
    uint32_t hard, soft; /* inquiries that were answered in the last INQUIRY_MONTHS */
    uint32_t disputes_open;
};

/* What a report is asked for. */
struct report_request {
    enum code_scheme codes;
    uint32_t months; /* 1 to REPORT_MONTHS_MAX */
};

/* Everything is in the arena, or borrowed. `list` is of the subject's whole history, which `verdict` found
 * complete (CHECKed). Errors: TALLY_ENOMEM. */
int report_make(const struct report_request *request, const struct in_force *list,
    const struct digest *subject, const struct proof_verdict *verdict, const struct genesis *genesis,
    struct arena *arena, struct report *report) TALLY_MUST_CHECK;

/* Fills accounts with their months and flags, by the report's list. Private to the report. */
int report_accounts_make(struct report *report, struct arena *arena) TALLY_MUST_CHECK;

/* Leaves out what is past retention: see report_retention.c. Private to the report. */
void report_retention_apply(struct report *report, struct report_account *account);

/* The reported month of a period (period_index); NULL where none is in force. */
const struct report_month *report_month_of(const struct report_account *account, uint32_t index);
/* The code of a month (period_index) of the account. */
char report_code(
    const struct report *report, const struct report_account *account, uint32_t index, bool *is_source);
/* Whether the inquiry is a hard one. */
bool inquiry_is_hard(const struct event_header *inquiry);

/* How a dispute stands, by the policy's clock: days run from the block that opened it. */
enum dispute_state {
    DISPUTE_OPEN = 1,
    DISPUTE_OVERDUE = 2, /* open without an answer after the last day for one, extension included */
    DISPUTE_ANSWERED = 3,
    DISPUTE_CLOSED = 4,
};
const char *dispute_state_name(enum dispute_state state);
/* `place` is that of the DISPUTE_OPEN here and below. */
enum dispute_state report_dispute_state(const struct report *report, uint32_t place);
/* What the policy demands where it was closed as unverifiable; false where it was not. */
bool report_dispute_duty(const struct report *report, uint32_t place, enum unverifiable_duty *duty);
/* The last day for an answer. */
int32_t report_dispute_due(const struct report *report, uint32_t place, bool extended);
/* Whether the answer at `place` came after the last day, extension included. */
bool report_answer_is_late(const struct report *report, uint32_t dispute, uint32_t answer);

/* The day of the block that ordered an event. */
int32_t report_day(const struct report *report, uint32_t place);

#endif
