/* One record of a Metro 2 file: the base segment's fixed columns -> plain values. What is read of them, and
 * what each becomes, is in `tally help import-metro2`. */
#ifndef TALLY_TOOLS_METRO2_RECORD_H
#define TALLY_TOOLS_METRO2_RECORD_H

#include "proto/base/bytes.h"

#define METRO2_BASE_SIZE 426u
#define METRO2_RECORD_SIZE_MAX 9999u /* what a record descriptor word can say */
#define METRO2_MONTHS 24u
#define METRO2_SEGMENT_KINDS 8u

/* Segments that may follow the base. They are counted, and not read. */
extern const char metro2_segment_names[METRO2_SEGMENT_KINDS][3];

struct metro2_date {
    bool present; /* zeros say that there is none */
    int32_t days;
};

struct metro2_record {
    char account[31]; /* without the blanks behind it */
    char portfolio;   /* C, I, M, O or R */
    char type[3], status[3], comment[3];
    char rating;                     /* ' ' = none */
    char terms[4];                   /* three characters */
    char frequency;                  /* of payments */
    char profile[METRO2_MONTHS + 1]; /* the month before information_date's first */
    char ssn[10];
    int64_t limit, original, scheduled, paid, balance, past_due, charged_off; /* whole dollars */
    struct metro2_date opened, information, delinquency, closed;              /* the first two are present */
    uint32_t segments[METRO2_SEGMENT_KINDS];
    bool length_differs; /* the record descriptor word is not the line's length */
};

/* Reads a line, without its newline. On failure `why` is one sentence that names the columns and the field;
 * whose record it is, it does not tell. Errors: TALLY_EFORM. */
int metro2_record_parse(
    struct span line, struct metro2_record *record, char *why, size_t why_size) TALLY_MUST_CHECK;

/* Eight digits, MMDDYYYY, of a day from 1902 on, or zeros. Errors: TALLY_EFORM. */
int metro2_date_parse(struct span text, struct metro2_date *date) TALLY_MUST_CHECK;
/* Up to 18 digits and nothing else. Errors: TALLY_EFORM. */
int metro2_number_parse(struct span text, int64_t *number) TALLY_MUST_CHECK;

#endif
