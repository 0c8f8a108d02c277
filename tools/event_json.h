/* Events as people write and read them: the names of fields, and JSON <-> the plain structs. */
#ifndef TALLY_TOOLS_EVENT_JSON_H
#define TALLY_TOOLS_EVENT_JSON_H

#include <jansson.h>

#include "proto/codec/event.h"

enum body_field_kind {
    BODY_AMOUNT,          /* int64_t, minor units; always there */
    BODY_OPTIONAL_AMOUNT, /* struct optional_amount */
    BODY_DAYS_PAST_DUE,   /* uint32_t, 0 to 65535 */
    BODY_RATE,            /* int32_t, parts per million, behind a flag */
    BODY_COUNT,           /* uint32_t behind a flag */
    BODY_DATE,            /* int32_t days behind a flag; "yyyy-mm-dd" */
    BODY_TEXT,            /* up to EVENT_TEXT_SIZE_MAX bytes; "" where absent */
};

struct body_field {
    const char *name;
    enum body_field_kind kind;
    bool required;
    size_t offset;      /* in struct event_body */
    size_t flag_offset; /* of the flag, for the kinds that have one */
    const char *meaning;
};

/* The fields of a type's body, ending at a name of NULL; NULL for a type without rules in this release. */
const struct body_field *body_fields(enum event_type type);

/* "INSTALMENT", "PAID" and so on; NULL and 0 for what is none. */
const char *account_type_name(uint32_t type);
uint32_t account_type_by_name(const char *name);
const char *close_kind_name(uint32_t kind);
uint32_t close_kind_by_name(const char *name);

/* Reads a body; `object` may be NULL where the line has none. On failure `why` is one sentence that names the
 * field. Errors: TALLY_EFORM (no object, an unknown field, one missing, or a value of another form or out of
 * its range). */
int event_body_from_json(enum event_type type, const json_t *object, struct event_body *body, char *why,
    size_t why_size) TALLY_MUST_CHECK;

/* NULL when memory runs out. */
json_t *event_body_to_json(const struct event_body *body);
/* The header's own fields: type, member, account, account_seq, event_date, and the public ones of its type.
 */
json_t *event_header_to_json(const struct event_header *header);

#endif
