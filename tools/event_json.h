/* Events as people write and read them: JSON <-> the plain structs. tools/event_fields.h has the names. */
#ifndef TALLY_TOOLS_EVENT_JSON_H
#define TALLY_TOOLS_EVENT_JSON_H

#include <jansson.h>

#include "proto/codec/event.h"

/* Reads the public fields of header->type, which is one of the types, into a header that has none yet; *taken
 * grows by how many keys of `object` they are. On failure `why` is one sentence that names the field. Errors:
 * TALLY_EFORM (one is missing, a value is of another form or out of its range, or two that do not go
 * together). */
int event_public_from_json(const json_t *object, struct event_header *header, size_t *taken, char *why,
    size_t why_size) TALLY_MUST_CHECK;
/* Reads a body; `object` may be NULL where the line has none. That of a CORRECT has one more key, "type": the
 * type that it corrects. On failure `why` is one sentence that names the field. Errors: TALLY_EFORM (no
 * object, an unknown field, one missing, or a value of another form or out of its range). */
int event_body_from_json(enum event_type type, const json_t *object, struct event_body *body, char *why,
    size_t why_size) TALLY_MUST_CHECK;

/* As event_body_from_json reads it. NULL when memory runs out. */
json_t *event_body_to_json(const struct event_body *body);
/* The header's own fields: type, member, account and account_seq or item, event_date, and the public ones of
 * its type as event_public_from_json reads them. NULL when memory runs out. */
json_t *event_header_to_json(const struct event_header *header);

#endif
