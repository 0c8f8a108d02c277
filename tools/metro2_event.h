/* What a record of a Metro 2 file becomes: the events of one account, in their order. `tally help
 * import-metro2` has the table. */
#ifndef TALLY_TOOLS_METRO2_EVENT_H
#define TALLY_TOOLS_METRO2_EVENT_H

#include <jansson.h>

#include "proto/codec/event.h"
#include "tools/metro2_record.h"

/* Opening, disbursement, months of the profile, the month of the record itself, charge-off, closing. */
#define METRO2_EVENTS_MAX (METRO2_MONTHS + 5u)

struct metro2_step {
    enum event_type type;
    uint32_t period; /* of a PERIOD_REPORT */
    int32_t days;    /* its date */
    char code;       /* of a month of the profile; '\0' where the whole record speaks */
};

/* The steps of a record that metro2_record_parse gave, with the newest `months` of its profile, up to
 * METRO2_MONTHS; returns how many. */
uint32_t metro2_plan(
    const struct metro2_record *record, uint32_t months, struct metro2_step steps[METRO2_EVENTS_MAX]);

/* One of them as a line of `tally help import`; `subject` and `account` are hexadecimal digits. NULL when
 * memory runs out. */
json_t *metro2_event(const struct metro2_record *record, const struct metro2_step *step, const char *subject,
    const char *account);

#endif
