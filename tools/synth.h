/* Synthetic portfolios: the events of borrowers who never lived, whose repayment moves as real borrowers'
 * does. Integers and a counter-based generator only: the same plan gives the same bytes on every machine. */
#ifndef TALLY_TOOLS_SYNTH_H
#define TALLY_TOOLS_SYNTH_H

#include "proto/base/bytes.h"
#include "proto/codec/event.h"

#define SYNTH_SUBJECTS_MAX 100000000u
#define SYNTH_MONTHS_MAX 240u
#define SYNTH_MEMBERS_MAX 256u
/* The last month of every portfolio; the first follows from their number. */
#define SYNTH_LAST_PERIOD 202512u

struct synth_plan {
    uint64_t seed;
    uint32_t subjects; /* 1 to SYNTH_SUBJECTS_MAX */
    uint32_t months;   /* 1 to SYNTH_MONTHS_MAX */
    uint32_t members;  /* 1 to SYNTH_MEMBERS_MAX: among how many the accounts are divided */
    uint32_t member;   /* whose events are told, from 1; 0 = every member's */
};

/* One event as the generator makes it; all pointers hold during the call. */
struct synth_event {
    uint32_t member; /* from 1 */
    const struct digest *subject;
    const uint8_t *account; /* ACCOUNT_REF_SIZE bytes */
    int32_t event_date;
    uint32_t account_type;         /* of the account, with every event */
    uint32_t period;               /* PERIOD_REPORT: yyyymm */
    uint32_t close_kind;           /* CLOSE */
    const struct event_body *body; /* with the type */
};

/* Tells every event of the plan, account by account, each in the order of time. Stops when `on_event` returns
 * another value than TALLY_OK, and returns that. */
int synth_run(const struct synth_plan *plan, int (*on_event)(void *context, const struct synth_event *event),
    void *context) TALLY_MUST_CHECK;

/* Appends the event as a line that tally import reads, with its newline. */
void synth_event_write(const struct synth_event *event, struct buffer *out);

#endif
