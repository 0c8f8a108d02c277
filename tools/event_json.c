#include "tools/event_json.h"

#include <stdio.h>

#include "proto/base/check.h"
#include "proto/base/date.h"
#include "tools/event_fields.h"
#include "tools/output.h"

#define CORRECTED_KEY "type"

#define CODE_KEY "reported_code"

/* Whether a body says nothing but a code, be it that of a CORRECT. */
static bool is_code_only(const json_t *object)
{
    size_t own = json_object_get(object, CORRECTED_KEY) != NULL;
    return json_string_length(json_object_get(object, CODE_KEY)) > 0 && json_object_size(object) == own + 1;
}

/* Whether a field that must be there may be left out of this object. Days are never invented: a source that
 * knows only a code gives that instead; and one that knows nothing else gives no amounts either. */
static bool is_excused(const struct event_field *field, const json_t *object)
{
    return is_code_only(object) ||
           (field->kind == FIELD_DAYS_PAST_DUE && json_object_get(object, CODE_KEY) != NULL);
}

/* Reads the fields of a table from `object` (NULL: it has none) into the struct at `base`. */
static int fields_read(const struct event_field *fields, const char *prefix, const json_t *object, void *base,
    size_t *taken, char *why, size_t why_size)
{
    for (const struct event_field *field = fields; field->name != NULL; field++) {
        const json_t *value = json_object_get(object, field->name);
        if (value == NULL && field->required && !is_excused(field, object)) {
            snprintf(why, why_size, "%s%s is missing", prefix, field->name);
            return TALLY_EFORM;
        }
        if (value == NULL) continue;
        *taken += 1;
        if (field_read(field, value, base) == TALLY_OK) continue;
        char form[FIELD_FORM_SIZE];
        field_form(field, form);
        snprintf(why, why_size, "%s%s is not %s", prefix, field->name, form);
        return TALLY_EFORM;
    }
    return TALLY_OK;
}

static void fields_write(const struct event_field *fields, const void *base, json_t *object)
{
    for (const struct event_field *field = fields; field->name != NULL; field++) {
        json_t *value = field_write(field, base);
        if (value != NULL) json_object_set_new(object, field->name, value);
    }
}

int event_public_from_json(
    const json_t *object, struct event_header *header, size_t *taken, char *why, size_t why_size)
{
    const char *fault = NULL;
    int error = fields_read(header_fields(header->type), "", object, header, taken, why, why_size);
    if (error != TALLY_OK) return error;
    if (header->type == EVENT_INQUIRY && header->has_consent == (header->legal_basis != 0))
        fault = "one of consent and legal_basis must be there, and not both";
    if (header->type == EVENT_CONSENT_GRANT && header->valid_until < header->valid_from)
        fault = "valid_until is before valid_from";
    if ((json_object_get(object, "grantor_key") == NULL) !=
        (json_object_get(object, "grantor_signature") == NULL))
        fault = "grantor_key and grantor_signature go together";
    if (fault == NULL) return TALLY_OK;
    snprintf(why, why_size, "%s", fault);
    return TALLY_EFORM;
}

/* The first key of `object` that is no field of the type. */
static const char *unknown_key(enum event_type type, const struct event_field *fields, const json_t *object)
{
    for (void *at = json_object_iter((json_t *)(uintptr_t)object); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        const struct event_field *field = fields;
        const char *key = json_object_iter_key(at);
        if (type == EVENT_CORRECT && strcmp(key, CORRECTED_KEY) == 0) continue;
        while (field->name != NULL && strcmp(field->name, key) != 0)
            field++;
        if (field->name == NULL) return key;
    }
    return "";
}

/* The type that the body of a CORRECT is of. */
static int corrected_read(const json_t *object, enum event_type *corrected, char *why, size_t why_size)
{
    const char *name = json_string_value(json_object_get(object, CORRECTED_KEY));
    uint32_t type = name == NULL ? 0 : event_type_by_name(name);
    if (event_type_has_amounts(type)) {
        *corrected = (enum event_type)type;
        return TALLY_OK;
    }
    snprintf(why, why_size, "body." CORRECTED_KEY " is not a type whose body has amounts");
    return TALLY_EFORM;
}

int event_body_from_json(
    enum event_type type, const json_t *object, struct event_body *body, char *why, size_t why_size)
{
    struct event_body read = {.type = type};
    size_t taken = 0;
    if (object != NULL && !json_is_object(object)) {
        snprintf(why, why_size, "body is not an object");
        return TALLY_EFORM;
    }
    if (type == EVENT_CORRECT) {
        if (corrected_read(object, &read.corrected, why, why_size) != TALLY_OK) return TALLY_EFORM;
        taken++;
    }
    const struct event_field *fields = body_fields(type == EVENT_CORRECT ? read.corrected : type);
    int error = fields_read(fields, "body.", object, &read, &taken, why, why_size);
    if (error != TALLY_OK) return error;
    if (object != NULL && taken != json_object_size(object)) {
        snprintf(why, why_size, "%s has no field body.%.64s", event_type_name((uint32_t)type),
            unknown_key(type, fields, object));
        return TALLY_EFORM;
    }
    read.code_only = is_code_only(object);
    *body = read;
    return TALLY_OK;
}

json_t *event_body_to_json(const struct event_body *body)
{
    json_t *object = json_object();
    if (object == NULL) return NULL;
    enum event_type type = body->type == EVENT_CORRECT ? body->corrected : body->type;
    if (body->type == EVENT_CORRECT)
        json_object_set_new(object, CORRECTED_KEY, json_string(event_type_name((uint32_t)type)));
    fields_write(body_fields(type), body, object);
    /* Beside a code, 0 stands for days the source did not give. */
    if (body->days_past_due == 0 && body->reported_code[0] != '\0') json_object_del(object, "days_past_due");
    if (body->code_only) {
        json_object_del(object, "balance_minor");
        json_object_del(object, "paid_minor");
    }
    return object;
}

json_t *event_header_to_json(const struct event_header *header)
{
    char date[DATE_TEXT_SIZE];
    date_to_text(header->event_date, date);
    json_t *object = json_pack("{s:s, s:I}", "type", event_type_name((uint32_t)header->type), "member",
        (json_int_t)header->member_id);
    if (object == NULL) return NULL;
    if (header->has_account) {
        json_object_set_new(object, "account", json_hex(span_of(header->account_ref, ACCOUNT_REF_SIZE)));
        json_object_set_new(object, "account_seq", json_integer(header->account_seq));
    } else {
        json_object_set_new(object, "item", json_hex(span_of(header->item_id, ITEM_ID_SIZE)));
    }
    json_object_set_new(object, "event_date", json_string(date));
    fields_write(header_fields(header->type), header, object);
    return object;
}
