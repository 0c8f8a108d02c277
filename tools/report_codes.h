/* A month of an account as one character, by the code lists that loan officers know. Codes are derived from
 * facts; where a source gave a code and no days, its code stands as it was reported. */
#ifndef TALLY_TOOLS_REPORT_CODES_H
#define TALLY_TOOLS_REPORT_CODES_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/error.h"

enum code_scheme {
    /* People's Bank of China: / not open yet, * no report, # a report that cannot be read, N normal, 1 to 7
     * late by up to 30, 60, .. 180 and more days, C settled, G ended otherwise. */
    CODES_PBOC = 1,
    /* Metro 2 payment history: B before the opening, D no report, 0 current, 1 to 6 late by 30, 60, .. 180
     * and more days, E a line without a balance, L charged off. */
    CODES_METRO2 = 2,
};
/* "pboc", "metro2". Errors: TALLY_EFORM. */
int code_scheme_by_name(const char *name, enum code_scheme *scheme) TALLY_MUST_CHECK;
const char *code_scheme_name(enum code_scheme scheme);
/* One line for people: what each code means. */
const char *code_scheme_legend(enum code_scheme scheme);

/* 0 for no day late, up to 7. */
uint32_t pboc_level(uint32_t days_past_due);
/* 0 to 6. */
uint32_t metro2_bucket(uint32_t days_past_due);

/* What is known of one month of an account. */
struct month_facts {
    bool is_before;      /* it comes before the month of the opening */
    bool is_after;       /* it comes after the month in which the account ended */
    bool is_end;         /* the account ended in it */
    bool is_settled;     /* where it ended: paid, and not for less or passed on */
    bool is_charged_off; /* the debt was charged off in it, or before */
    bool is_reported;
    /* Of a report: */
    bool is_unread;    /* its body is withheld, or of an unknown form */
    bool has_days;     /* else the source gave a code alone */
    bool is_idle_line; /* a revolving line without a balance */
    uint32_t days_past_due;
    const char *code; /* the source's, "" where it gave none */
};
/* The month's code; ' ' for one after the end. *is_source is whether it is the source's own, as reported. */
char month_code(enum code_scheme scheme, const struct month_facts *facts, bool *is_source);

#endif
