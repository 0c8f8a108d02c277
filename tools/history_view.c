#include "tools/history_view.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/base/date.h"
#include "tools/event_json.h"
#include "tools/event_summary.h"
#include "tools/shown_text.h"

#define LINE_SIZE_MAX (8u * KIB)

/* How the event stands, where another changed that. */
static void standing_json(const struct in_force *list, const struct event_in_force *event, json_t *object)
{
    json_object_set_new(object, "standing", json_string(event_standing_name(event->standing)));
    if (event->ended_by != NO_PLACE)
        json_object_set_new(object, "ended_by", json_digest(&list->events[event->ended_by].id));
    if (event->is_mismatched) json_object_set_new(object, "mismatched", json_true());
}

json_t *history_event_json(const struct in_force *list, uint32_t place)
{
    const struct event_in_force *event = &list->events[place];
    const struct proven_event *proven = &list->proven[place];
    json_t *object = event_header_to_json(&event->header);
    if (object == NULL) return NULL;
    const char *result = result_name(proven->result);
    json_object_set_new(object, "regime", json_integer(event->header.regime));
    json_object_set_new(object, "event_id", json_digest(&event->id));
    json_object_set_new(object, "height", json_integer((json_int_t)proven->height));
    json_object_set_new(object, "time_ms", json_integer((json_int_t)proven->time_ms));
    json_object_set_new(object, "result", json_string(result == NULL ? "UNKNOWN" : result));
    standing_json(list, event, object);
    json_object_set_new(object, "body", history_body_json(list, place));
    return object;
}

json_t *history_body_json(const struct in_force *list, uint32_t place)
{
    const struct event_in_force *event = &list->events[place];
    const struct proven_event *proven = &list->proven[place];
    struct event_body *body = malloc(sizeof *body);
    /* Withheld or erased, or of a form that only its author knows: its commitment holds either way. */
    bool is_read = body != NULL && proven->has_body &&
                   event_body_decode(event->header.type, proven->body, body) == TALLY_OK;
    json_t *object = is_read ? event_body_to_json(body) : json_null();
    free(body);
    return object;
}

json_t *history_events_json(const struct in_force *list)
{
    json_t *events = json_array();
    for (uint32_t i = 0; events != NULL && i < list->count; i++)
        json_array_append_new(events, history_event_json(list, i));
    return events;
}

const struct currency *history_currency(const struct in_force *list, uint32_t place)
{
    uint32_t first = list->events[place].account;
    if (first == NO_PLACE || list->events[first].header.type != EVENT_ACCOUNT_OPEN) return NULL;
    return currency_by_numeric(list->events[first].header.currency);
}

void history_summary(
    const struct in_force *list, uint32_t place, struct event_body *room, char text[EVENT_SUMMARY_SIZE])
{
    const struct event_in_force *event = &list->events[place];
    int error = in_force_body(list, place, room);
    if (error == TALLY_ENOTFOUND) {
        snprintf(text, EVENT_SUMMARY_SIZE, "(body withheld)");
    } else if (error != TALLY_OK) {
        snprintf(text, EVENT_SUMMARY_SIZE, "(a body of an unknown form)");
    } else if (event->is_mismatched || event->original == NO_PLACE) {
        snprintf(text, EVENT_SUMMARY_SIZE, "(a body of %s)", event_type_name((uint32_t)room->type));
    } else {
        event_summary(&list->events[event->original].header, room, history_currency(list, place), text);
    }
}

/* What others did to the event, or it to another: " (corrected at height 12)". */
static void standing_text(const struct in_force *list, const struct event_in_force *event, struct buffer *out)
{
    char text[96] = "";
    uint64_t aim = event->about == NO_PLACE ? 0 : list->proven[event->about].height;
    uint64_t end = event->ended_by == NO_PLACE ? 0 : list->proven[event->ended_by].height;
    if (event->standing == STANDS_REFUSED) {
        snprintf(text, sizeof text, " (refused)");
    } else if (end != 0) {
        const char *how = event->standing == STANDS_CORRECTED ? "corrected" : "taken back";
        snprintf(text, sizeof text, " (%s at height %llu)", how, (unsigned long long)end);
    } else if (event->is_mismatched) {
        snprintf(
            text, sizeof text, " (of another type than height %llu: not taken)", (unsigned long long)aim);
    } else if (aim != 0) {
        snprintf(text, sizeof text, " (about height %llu)", (unsigned long long)aim);
    }
    buffer_append(out, text, strlen(text));
}

static void line_print(
    const struct in_force *list, uint32_t place, struct event_body *room, struct buffer *line, FILE *out)
{
    const struct event_in_force *event = &list->events[place];
    const struct event_header *header = &event->header;
    bool is_over = event->standing == STANDS_CORRECTED || event->standing == STANDS_RETRACTED;
    char date[DATE_TEXT_SIZE], key[2 * ACCOUNT_REF_SIZE + 1], summary[EVENT_SUMMARY_SIZE];
    date_to_text(header->event_date, date);
    hex_encode(span_of(header->has_account ? header->account_ref : header->item_id, ACCOUNT_REF_SIZE), key);
    history_summary(list, place, room, summary);
    buffer_clear(line);
    if (is_over) buffer_append(line, "~", 1);
    shown_append(line, summary);
    if (is_over) buffer_append(line, "~", 1);
    standing_text(list, event, line);
    fprintf(out, "%-10s  %-6u  %.8s  %-14s  %-8llu  %.*s\n", date, header->member_id, key,
        event_type_name((uint32_t)header->type), (unsigned long long)list->proven[place].height,
        (int)line->size, (const char *)line->data);
}

int history_events_text(const struct in_force *list, FILE *out)
{
    struct event_body *room = malloc(sizeof *room);
    struct buffer line;
    if (room == NULL) return TALLY_ENOMEM;
    buffer_init(&line, LINE_SIZE_MAX);
    fprintf(out, "%-10s  %-6s  %-8s  %-14s  %-8s  %s\n", "date", "member", "account", "event", "height", "");
    for (uint32_t i = 0; i < list->count && !line.failed; i++)
        line_print(list, i, room, &line, out);
    int error = line.failed ? TALLY_ENOMEM : TALLY_OK;
    buffer_close(&line);
    free(room);
    return error;
}
