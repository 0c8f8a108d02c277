#include "tools/import_line.h"
#include "proto/codec/subject_scheme.h"

#include <stdio.h>

#include "proto/base/date.h"
#include "tools/event_fields.h"
#include "tools/event_json.h"
#include "tools/subject_id.h"

static int object_take(json_t *object, struct import_line *line, char *why, size_t why_size);
static int body_take(
    const json_t *object, struct import_line *line, size_t *taken, char *why, size_t why_size);

static int fault(char *why, size_t why_size, const char *field, const char *wanted)
{
    snprintf(why, why_size, "%s %s", field, wanted);
    return TALLY_EFORM;
}

void import_line_init(struct import_line *line)
{
    *line = (struct import_line){.ref_size = 0};
    buffer_init(&line->body, EVENT_BODY_SIZE_MAX);
}

void import_line_close(struct import_line *line)
{
    buffer_close(&line->body);
}

int import_line_parse(struct span text, struct import_line *line, char *why, size_t why_size)
{
    json_error_t where;
    line->fields = (struct event_header){.subject_scheme = SUBJECT_SCHEME_HMAC};
    json_t *object = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &where);
    if (object == NULL) {
        snprintf(why, why_size, "it is not JSON at column %d: %s", where.column, where.text);
        return TALLY_EFORM;
    }
    int error = object_take(object, line, why, why_size);
    json_decref(object);
    return error;
}

/* The string under `key`; counts it as taken. NULL where it is missing or no string. */
static const char *string_take(const json_t *object, const char *key, size_t *taken)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL) return NULL;
    *taken += 1;
    return json_string_value(value);
}

/* The first key that no line of the type has. */
static const char *unknown_key(const json_t *object, enum event_type type)
{
    static const char *const common[] = {"type", "subject", "event_date", "body", "ref", "label", NULL};
    const char *belongs = event_type_has_account((uint32_t)type) ? "account" : "item";
    for (void *at = json_object_iter((json_t *)(uintptr_t)object); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        const char *key = json_object_iter_key(at);
        bool known = strcmp(key, belongs) == 0;
        for (size_t i = 0; !known && common[i] != NULL; i++)
            known = strcmp(key, common[i]) == 0;
        for (const struct event_field *field = header_fields(type); !known && field->name != NULL; field++)
            known = strcmp(key, field->name) == 0;
        if (!known) return key;
    }
    return "";
}

/* Where the event belongs: in its account's chain, or by itself. */
static int key_take(const json_t *object, struct import_line *line, size_t *taken, char *why, size_t why_size)
{
    struct event_header *fields = &line->fields;
    fields->has_account = event_type_has_account((uint32_t)fields->type);
    const char *name = fields->has_account ? "account" : "item";
    line->has_item = !fields->has_account && json_object_get(object, name) != NULL;
    if (!fields->has_account && !line->has_item) return TALLY_OK;
    const char *text = string_take(object, name, taken);
    uint8_t *to = fields->has_account ? fields->account_ref : fields->item_id;
    if (text != NULL && hex_decode(text, to, ITEM_ID_SIZE) == TALLY_OK) return TALLY_OK;
    return fault(why, why_size, name, "is not 32 hexadecimal digits");
}
_Static_assert(ACCOUNT_REF_SIZE == ITEM_ID_SIZE, "both are read in one way");

static int ref_take(const json_t *object, struct import_line *line, size_t *taken, char *why, size_t why_size)
{
    const json_t *ref = json_object_get(object, "ref");
    line->ref_size = json_string_length(ref);
    if (ref == NULL) return TALLY_OK;
    if (!json_is_string(ref) || line->ref_size > EVENT_TEXT_SIZE_MAX)
        return fault(why, why_size, "ref", "is not text of at most 256 bytes");
    memcpy(line->ref, json_string_value(ref), line->ref_size);
    *taken += 1;
    return TALLY_OK;
}

/* A name of its own for an event without an account. */
static int label_take(
    const json_t *object, struct import_line *line, size_t *taken, char *why, size_t why_size)
{
    const json_t *value = json_object_get(object, "label");
    size_t size = json_string_length(value);
    line->label[0] = '\0';
    if (value == NULL) return TALLY_OK;
    if (line->fields.has_account)
        return fault(why, why_size, "label",
            "is for events without an account: the id of another is known once it stands");
    if (size == 0 || size > IMPORT_LABEL_SIZE_MAX)
        return fault(why, why_size, "label", "is not text of 1 to 64 bytes");
    if (import_label_is_taken(line->labels, json_string_value(value)))
        return fault(why, why_size, "label", "is that of an earlier line");
    memcpy(line->label, json_string_value(value), size + 1);
    *taken += 1;
    return TALLY_OK;
}

static int object_take(json_t *object, struct import_line *line, char *why, size_t why_size)
{
    size_t taken = 0;
    struct event_header *fields = &line->fields;
    if (!json_is_object(object)) return fault(why, why_size, "the line", "is no JSON object");
    const char *type = string_take(object, "type", &taken);
    if (type == NULL) return fault(why, why_size, "type", "is missing, or no text");
    fields->type = (enum event_type)event_type_by_name(type);
    if (fields->type == 0) {
        snprintf(why, why_size, "type: there is no type '%.40s'", type);
        return TALLY_EFORM;
    }
    const char *subject = string_take(object, "subject", &taken);
    if (subject == NULL || hex_decode(subject, fields->subject_id.bytes, DIGEST_SIZE) != TALLY_OK) {
        return fault(why, why_size, "subject", "is not 64 hexadecimal digits");
    }
    int error = key_take(object, line, &taken, why, why_size);
    if (error != TALLY_OK) return error;
    const char *date = string_take(object, "event_date", &taken);
    if (date == NULL || date_from_text(date, &fields->event_date) != TALLY_OK) {
        return fault(why, why_size, "event_date", "is not a date yyyy-mm-dd");
    }
    error = ref_take(object, line, &taken, why, why_size);
    if (error == TALLY_OK) error = label_take(object, line, &taken, why, why_size);
    if (error == TALLY_OK) error = import_labels_resolve(line->labels, fields->type, object, why, why_size);
    if (error == TALLY_OK) error = event_public_from_json(object, fields, &taken, why, why_size);
    if (error == TALLY_OK) error = body_take(object, line, &taken, why, why_size);
    if (error == TALLY_OK && taken != json_object_size(object)) {
        snprintf(why, why_size, "%s has no field '%.64s'", type, unknown_key(object, fields->type));
        error = TALLY_EFORM;
    }
    return error;
}

static int body_take(
    const json_t *object, struct import_line *line, size_t *taken, char *why, size_t why_size)
{
    struct event_body body;
    const json_t *value = json_object_get(object, "body");
    *taken += value != NULL;
    int error = event_body_from_json(line->fields.type, value, &body, why, why_size);
    if (error != TALLY_OK) return error;
    buffer_clear(&line->body);
    event_body_encode(&body, &line->body);
    if (!line->body.failed) return TALLY_OK;
    snprintf(why, why_size, "not enough memory for the body");
    return TALLY_ENOMEM;
}

static void fields_help(const struct event_field *fields, const char *prefix)
{
    for (const struct event_field *field = fields; field->name != NULL; field++) {
        char name[64], form[FIELD_FORM_SIZE];
        snprintf(name, sizeof name, "%s%s%s", prefix, field->name, field->required ? " *" : "");
        field_form(field, form);
        printf("  %-31s %s%s%s\n", name, form, field->meaning[0] == '\0' ? "" : ": ", field->meaning);
    }
}

void import_line_help(void)
{
    puts("\nEvery line; * must be there:\n"
         "  type *                          one of the types below\n"
         "  subject *                       64 hexadecimal digits (tally help subject-id)\n"
         "  account *, or item              32 hexadecimal digits of the furnisher's own: the account that "
         "the event belongs\n"
         "                                  to, or its own id; without an item, one is made of the line\n"
         "  event_date *                    a date yyyy-mm-dd\n"
         "  ref                             text of at most 256 bytes: tells true twins apart\n"
         "  label                           text of 1 to 64 bytes, of an event without an account: a later "
         "line may have \"@LABEL\"\n"
         "                                  where a field takes an event id\n"
         "  body                            an object with the fields that begin with body.");
    for (uint32_t type = 1; type <= EVENT_STATEMENT; type++) {
        if (event_type_name(type) == NULL) continue;
        printf("\n%s, of an %s\n", event_type_name(type), event_type_has_account(type) ? "account" : "item");
        fields_help(header_fields((enum event_type)type), "");
        fields_help(body_fields((enum event_type)type), "body.");
        if (type == EVENT_CORRECT)
            puts("  body.type *                     the target's type, whose body fields follow in the body");
    }
}
