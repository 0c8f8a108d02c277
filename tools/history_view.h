/* The events of a verified history, shown as they stand. */
#ifndef TALLY_TOOLS_HISTORY_VIEW_H
#define TALLY_TOOLS_HISTORY_VIEW_H

#include <stdio.h>

#include "proto/proof/in_force.h"
#include "tools/event_summary.h"
#include "tools/output.h"

/* Each returns NULL when memory runs out. The events as a JSON array; one of them; its body alone, as it came
 * with the event, which is null where it was withheld. */
json_t *history_events_json(const struct in_force *list);
json_t *history_event_json(const struct in_force *list, uint32_t place);
json_t *history_body_json(const struct in_force *list, uint32_t place);

/* A table for people. Errors: TALLY_ENOMEM, with what was printed so far. */
int history_events_text(const struct in_force *list, FILE *out) TALLY_MUST_CHECK;

/* What the event at `place` says, in a few words; of a correction, what it puts in the place of its original.
 * `room` is for its body. To be shown by shown_append. */
void history_summary(
    const struct in_force *list, uint32_t place, struct event_body *room, char text[EVENT_SUMMARY_SIZE]);
/* The currency of an event's account; NULL where the list does not have its opening. */
const struct currency *history_currency(const struct in_force *list, uint32_t place);

#endif
