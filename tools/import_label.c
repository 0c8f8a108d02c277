#include "tools/import_label.h"

#include <stdio.h>

#include "tools/event_fields.h"
#include "tools/output.h"

#define MARK '@'

void import_labels_init(struct import_labels *labels)
{
    labels->ids = NULL;
}

void import_labels_close(struct import_labels *labels)
{
    json_decref(labels->ids);
    labels->ids = NULL;
}

static json_t *id_of(const struct import_labels *labels, const char *label)
{
    return labels == NULL ? NULL : json_object_get(labels->ids, label);
}

bool import_label_is_taken(const struct import_labels *labels, const char *label)
{
    return id_of(labels, label) != NULL;
}

int import_label_put(struct import_labels *labels, const char *label, const struct digest *id)
{
    if (labels->ids == NULL) labels->ids = json_object();
    if (json_object_size(labels->ids) >= IMPORT_LABELS_MAX) return TALLY_ELIMIT;
    return json_object_set_new(labels->ids, label, json_digest(id)) == 0 ? TALLY_OK : TALLY_ENOMEM;
}

/* Of the public fields of all types, those of a digest's size that name an event; the others are digests. */
static bool takes_event_id(const struct event_field *field)
{
    static const char *const names[] = {
        "consent", "reservation", "authorization", "transfer_of", "target", "dispute"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(field->name, names[i]) == 0) return true;
    return false;
}

int import_labels_resolve(
    const struct import_labels *labels, enum event_type type, json_t *object, char *why, size_t why_size)
{
    for (const struct event_field *field = header_fields(type); field->name != NULL; field++) {
        const char *text =
            takes_event_id(field) ? json_string_value(json_object_get(object, field->name)) : NULL;
        if (text == NULL || text[0] != MARK) continue;
        json_t *id = id_of(labels, text + 1);
        if (id == NULL) {
            snprintf(why, why_size, "%s: no earlier line has the label '%.64s'", field->name, text + 1);
            return TALLY_EFORM;
        }
        if (json_object_set(object, field->name, id) != 0) return TALLY_ENOMEM;
    }
    return TALLY_OK;
}
