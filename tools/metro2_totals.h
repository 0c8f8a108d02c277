/* What the header of a Metro 2 file says of it, and the totals of its trailer beside those of what was read.
 */
#ifndef TALLY_TOOLS_METRO2_TOTALS_H
#define TALLY_TOOLS_METRO2_TOTALS_H

#include <jansson.h>

#include "tools/metro2_record.h"

#define METRO2_TOTALS 30u

struct metro2_totals {
    struct metro2_date activity; /* the header's */
    uint64_t clean, bad;         /* records */
    uint64_t odd_lengths;        /* clean ones whose descriptor is not their length */
    uint64_t odd_length_line;    /* the first of them */
    uint64_t read[METRO2_TOTALS];
    bool has_trailer;
    int64_t told[METRO2_TOTALS]; /* the trailer's */
};

bool metro2_is_header(struct span line);
bool metro2_is_trailer(struct span line);

void metro2_totals_init(struct metro2_totals *totals);
/* Errors, of both: TALLY_EFORM, with `why` as metro2_record_parse gives it. */
int metro2_header_take(
    struct metro2_totals *totals, struct span line, char *why, size_t why_size) TALLY_MUST_CHECK;
int metro2_trailer_take(
    struct metro2_totals *totals, struct span line, char *why, size_t why_size) TALLY_MUST_CHECK;
/* Counts the record in a line of the file; NULL for one that could not be read. */
void metro2_totals_count(
    struct metro2_totals *totals, const struct metro2_record *record, uint64_t line_number);

/* Whether there is a trailer, and every total of it is what was read. */
bool metro2_totals_agree(const struct metro2_totals *totals);
/* As the "metro2" of `tally import --json`; NULL when memory runs out. */
json_t *metro2_totals_json(const struct metro2_totals *totals);
/* For people: what was read, on stdout; and where the trailer says otherwise, on stderr. */
void metro2_totals_say(const struct metro2_totals *totals);
void metro2_differences_say(const struct metro2_totals *totals);

#endif
