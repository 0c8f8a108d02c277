/* One field of an event as people write and read it: JSON <-> a place in a plain struct. */
#ifndef TALLY_TOOLS_EVENT_FIELD_H
#define TALLY_TOOLS_EVENT_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"

/* What is in the plain struct, and how it is written in JSON. */
enum field_kind {
    FIELD_AMOUNT,          /* int64_t, minor units */
    FIELD_OPTIONAL_AMOUNT, /* struct optional_amount */
    FIELD_PUBLIC_AMOUNT,   /* int64_t from 0 on, behind a flag */
    FIELD_DAYS_PAST_DUE,   /* uint32_t, 0 to 65535 */
    FIELD_RATE,            /* int32_t, parts per million, behind a flag */
    FIELD_COUNT,           /* uint32_t, behind a flag */
    FIELD_NUMBER,          /* uint32_t from 1 on; 0 where absent */
    FIELD_DATE,            /* int32_t days; "yyyy-mm-dd" */
    FIELD_PERIOD,          /* uint32_t yyyymm; "yyyy-mm" */
    FIELD_TIME,            /* uint64_t, ms since 1970 */
    FIELD_CURRENCY,        /* uint32_t, ISO 4217 numeric; its letters */
    FIELD_NAME,            /* uint32_t, one of `names`; 0 where absent */
    FIELD_NAMES,           /* uint32_t, a mask of some of `names`; a list of them */
    FIELD_TEXT,            /* up to `size` bytes; "" where absent */
    FIELD_HEX,             /* `size` bytes; hexadecimal digits */
};

struct event_field {
    const char *name;
    enum field_kind kind;
    bool required;
    size_t offset;            /* in struct event_header or struct event_body */
    size_t flag_offset;       /* of the bool that tells whether it is there; 0 where there is none */
    size_t size;              /* FIELD_TEXT and FIELD_HEX */
    const char *const *names; /* FIELD_NAME and FIELD_NAMES: that of number 1 first; ends at NULL */
    const char *meaning;      /* what it is, beyond its name and its form; "" where that says all */
};

/* The name of a number, counted from 1; NULL where there is none. */
const char *field_name_of(const char *const *names, uint32_t number);

/* What a value of the field must be, such as "text of at most 256 bytes". */
#define FIELD_FORM_SIZE 192
void field_form(const struct event_field *field, char text[FIELD_FORM_SIZE]);

/* Reads `value` into the struct at `base`, and sets the field's flag where it has one. Errors: TALLY_EFORM (a
 * value of another form, or out of its range); the struct is then unspecified. */
int field_read(const struct event_field *field, const json_t *value, void *base) TALLY_MUST_CHECK;
/* NULL where the struct at `base` does not have the field, or memory runs out. */
json_t *field_write(const struct event_field *field, const void *base);

#endif
