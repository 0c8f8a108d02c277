/* The names of what an event says: every public field and every field of a body, by type, with the form it
 * has where people write and read it. */
#ifndef TALLY_TOOLS_EVENT_FIELDS_H
#define TALLY_TOOLS_EVENT_FIELDS_H

#include "proto/codec/event.h"
#include "tools/event_field.h"

/* Tables end at a name of NULL. `type` is a type (CHECKed).
 * The type's public fields, in struct event_header. */
const struct event_field *header_fields(enum event_type type);
/* The fields of the type's body, in struct event_body. A CORRECT has none of its own: its body is of the type
 * it corrects. */
const struct event_field *body_fields(enum event_type type);

/* "INSTALMENT", "PAID" and so on; NULL for a number that is none. */
const char *account_type_name(uint32_t type);
const char *close_kind_name(uint32_t kind);

#endif
