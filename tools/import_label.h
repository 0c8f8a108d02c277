/* Labels: names by which lines of a file call each other's events, which have no ids yet. Only an event
 * without an account can have one: its id is known from its line, the same in every run; that of another,
 * which is chained, is not. */
#ifndef TALLY_TOOLS_IMPORT_LABEL_H
#define TALLY_TOOLS_IMPORT_LABEL_H

#include <jansson.h>

#include "proto/codec/event.h"

#define IMPORT_LABEL_SIZE_MAX 64
#define IMPORT_LABELS_MAX (1u << 20)

struct import_labels {
    json_t *ids; /* label -> hexadecimal digits; NULL where there are none yet */
};

void import_labels_init(struct import_labels *labels);
void import_labels_close(struct import_labels *labels);

/* Whether an earlier line has the label. Here and below, `labels` may be NULL: then there are none. */
bool import_label_is_taken(const struct import_labels *labels, const char *label);
/* Errors: TALLY_ENOMEM, TALLY_ELIMIT (there are IMPORT_LABELS_MAX). */
int import_label_put(
    struct import_labels *labels, const char *label, const struct digest *id) TALLY_MUST_CHECK;

/* Puts the id in place of each "@label" among the fields of `object`, a line of the type, that take an event
 * id. On failure `why` is one sentence that names the field. Errors: TALLY_EFORM (no earlier line has the
 * label), TALLY_ENOMEM. */
int import_labels_resolve(const struct import_labels *labels, enum event_type type, json_t *object, char *why,
    size_t why_size) TALLY_MUST_CHECK;

#endif
