// links: tools
/* Files of random events, as a verified proof could hold them, read for what is in force and made into
 * reports. The headers are canonical, since a proof whose headers are not does not verify; that the rules
 * would have let them stand there is not assumed. */
#include <jansson.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/event_samples.h"
#include "tests/vectors/sample_report.h"
#include "tools/history_view.h"
#include "tools/report_show.h"
#include "tools/shown_text.h"

#define EVENTS_MAX 200u
/* What one event may come to in the longest of the three forms; a text is 2 KiB, and grows fourfold. */
#define PAGE_EVENT_MAX (96u * KIB)

/* The bytes of the input, and zeros after their end. */
struct input {
    const uint8_t *at;
    size_t left;
};

static uint8_t next(struct input *input)
{
    if (input->left == 0) return 0;
    input->left--;
    return *input->at++;
}

/* An event that was there before, or one that never was. */
static struct digest some_id(const struct sample_file *file, struct input *input)
{
    uint32_t back = next(input);
    if (file->count == 0 || back == 255) return sample_digest("nothing");
    return file->ids[file->count - 1 - back % file->count];
}

static void text_fill(char *text, size_t size_max, struct input *input)
{
    static const char *const parts[] = {
        "a", " ", "\x1b[2J", "<s>", "&", "\xe4\xb8\xad", "\xe2\x80\xae", "\"'\\"};
    size_t used = 0;
    for (uint32_t left = next(input) % 64u; left > 0; left--) {
        const char *part = parts[next(input) % 8];
        if (used + strlen(part) > size_max) break;
        memcpy(text + used, part, strlen(part) + 1);
        used += strlen(part);
    }
}

static void body_fill(struct event_body *body, struct input *input)
{
    enum event_type type = body->type == EVENT_CORRECT ? body->corrected : body->type;
    if (type != EVENT_PERIOD_REPORT) return;
    uint8_t kind = next(input);
    body->days_past_due = next(input) * 2u;
    body->balance_minor = kind & 1 ? (int64_t)(next(input) * 1000) - 1000 : body->balance_minor;
    body->reported_code[0] = '\0';
    if (kind & 2) text_fill(body->reported_code, EVENT_TEXT_SIZE_MAX, input);
    if ((kind & 4) == 0 || body->reported_code[0] == '\0') return;
    struct event_body code = {.type = body->type, .corrected = body->corrected, .code_only = true};
    memcpy(code.reported_code, body->reported_code, sizeof code.reported_code);
    *body = code;
}

/* A header of the type, about what stood before it. */
static struct event_header header_make(
    const struct sample_file *file, enum event_type type, struct input *input)
{
    struct event_header header = full_header(type);
    header.subject_id = file->subject;
    header.member_id = 1 + next(input) % 4u;
    header.event_date = 19000 + next(input) * 8;
    if (header.has_account) memset(header.account_ref, 0xA0 + next(input) % 8, ACCOUNT_REF_SIZE);
    if (!header.has_account) put_u32(header.item_id, file->count + 1);
    if (type >= EVENT_CORRECT && header.has_target) header.target = some_id(file, input);
    if (type >= EVENT_CORRECT && header.has_dispute) header.dispute = some_id(file, input);
    if (type == EVENT_PERIOD_REPORT) header.period = period_from_index(1400 + next(input) * 4u);
    if (type == EVENT_INQUIRY) header.consent = some_id(file, input);
    if (type == EVENT_RESERVE_CANCEL) header.reservation = some_id(file, input);
    if (type == EVENT_RESERVE) header.expires_ms = file->time_ms + next(input) * 1000000u;
    if (type == EVENT_STATUS) header.new_state = 1 + next(input) % 2u;
    if (type == EVENT_CLOSE) header.close_kind = 1 + next(input) % 4u;
    if (type == EVENT_ACCOUNT_OPEN) {
        header.has_transfer_of = next(input) % 2 == 1;
        header.authorization = header.transfer_of = some_id(file, input);
        header.account_type = 1 + next(input) % 2u;
    }
    return header;
}

static void event_make(struct sample_file *file, struct event_body *body, struct input *input)
{
    enum event_type type = event_types[next(input) % EVENT_TYPE_COUNT];
    *body = full_body(type);
    if (type == EVENT_CORRECT) {
        body->corrected = (enum event_type)(EVENT_ACCOUNT_OPEN + next(input) % 10u);
        if (!event_type_has_amounts((uint32_t)body->corrected)) body->corrected = EVENT_PAYMENT;
        struct event_body corrected = full_body(body->corrected);
        corrected.type = EVENT_CORRECT;
        corrected.corrected = body->corrected;
        *body = corrected;
    }
    body_fill(body, input);
    if (type >= EVENT_DISPUTE_OPEN) {
        memset(body->text, 0, sizeof body->text);
        text_fill(body->text, EVENT_STATEMENT_SIZE_MAX, input);
    }
    struct event_header header = header_make(file, type, input);
    bool refused = !header.has_account && next(input) % 8 == 0;
    uint32_t place = sample_file_add(file, header, body, refused ? RESULT_NO_CONSENT : RESULT_OK);
    uint8_t twist = next(input);
    if (twist % 16 == 1) file->events[place].has_body = false;
    if (twist % 16 == 2) file->events[place].body = span_of("\xff\x00", twist % 3);
    if (twist % 16 == 3) sample_days_pass(file, twist);
}

static void page_check(const struct page *page, uint32_t events, bool is_text)
{
    CHECK(!page->out.failed && page->out.size <= (size_t)(events + 1) * PAGE_EVENT_MAX);
    size_t start = 0;
    for (size_t i = 0; i < page->out.size; i++) {
        uint8_t byte = page->out.data[i];
        CHECK(byte == '\n' || (byte >= 0x20 && byte != 0x7F));
        if (byte != '\n') continue;
        if (is_text) CHECK(shown_width(span_of(page->out.data + start, i - start)) <= PAGE_WIDTH);
        start = i + 1;
    }
}

static void report_check(const struct report *report, struct event_body *room)
{
    const struct page_form *const forms[] = {&page_text, &page_html};
    for (size_t i = 0; i < 2; i++) {
        struct page page;
        page_open(&page, forms[i], "Credit report");
        report_show(report, room, &page);
        page_end(&page);
        page_check(&page, report->list->count, i == 0);
        page_close(&page);
    }
    json_t *object = report_json(report);
    CHECK(object != NULL);
    char *text = json_dumps(object, JSON_COMPACT);
    CHECK(text != NULL && strlen(text) <= (size_t)(report->list->count + 1) * PAGE_EVENT_MAX);
    free(text);
    json_decref(object);
}

/* What must be so whatever the list: nothing aims forwards, and an event's version is of its own kind. */
static void list_check(const struct in_force *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const struct event_in_force *event = &list->events[i];
        CHECK(event->about == NO_PLACE || event->about < i);
        CHECK(event->next_about == NO_PLACE || event->next_about > i);
        CHECK(event->account_next == NO_PLACE || event->account_next > i);
        CHECK(event->version < list->count);
        if (event->version != i && event->header.type != EVENT_CORRECT) {
            CHECK(list->events[event->version].original == i);
            CHECK(!list->events[event->version].is_mismatched);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sample_file file;
    static struct genesis genesis;
    static struct event_body room;
    static struct in_force list;
    static struct report report;
    struct input input = {data, size};
    struct arena arena;
    sample_file_init(&file, "borrower", SAMPLE_REPORT_START_MS);
    sample_genesis(&file, &genesis);
    uint8_t codes = next(&input), months = next(&input);
    while (input.left > 0 && file.count < EVENTS_MAX)
        event_make(&file, &room, &input);
    struct history_proof proof = sample_file_proof(&file);
    struct proof_verdict verdict = sample_verdict(&file);
    struct report_request request = {
        codes % 2 == 0 ? CODES_PBOC : CODES_METRO2, 1 + months % REPORT_MONTHS_MAX};
    arena_init(&arena, 64 * MIB);
    CHECK(in_force_read(&proof, &arena, &list) == TALLY_OK);
    list_check(&list);
    CHECK(report_make(&request, &list, &file.subject, &verdict, &genesis, &arena, &report) == TALLY_OK);
    report_check(&report, &room);
    arena_close(&arena);
    sample_file_close(&file);
    return 0;
}

/* Streams of a simple generator: everything of an event is a byte of it. */
size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    uint32_t state = number * 2654435761u + 1;
    size_t size = 32u << number;
    if (number >= 7 || size > size_max) return 0;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24);
    }
    return size;
}
