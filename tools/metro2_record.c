#include "tools/metro2_record.h"

#include <stdio.h>

#include "proto/base/date.h"
#include "tools/line_reader.h"

/* So that the months before it have numbers too. */
#define YEAR_MIN 1902
#define SHOWN_MAX 40

/* Columns, counted from 1, both included. */
struct columns {
    const char *name;
    uint16_t first, last;
    bool hidden; /* who it is about does not belong in a log */
};

static const struct columns descriptor = {"record descriptor word", 1, 4, false};
static const struct columns account = {"consumer account number", 43, 72, true};
static const struct columns portfolio = {"portfolio type", 73, 73, false};
static const struct columns account_type = {"account type", 74, 75, false};
static const struct columns opened = {"date opened", 76, 83, false};
static const struct columns limit = {"credit limit", 84, 92, false};
static const struct columns original = {"original loan amount", 93, 101, false};
static const struct columns terms = {"terms duration", 102, 104, false};
static const struct columns frequency = {"terms frequency", 105, 105, false};
static const struct columns scheduled = {"scheduled monthly payment", 106, 114, false};
static const struct columns paid = {"actual payment", 115, 123, false};
static const struct columns status = {"account status", 124, 125, false};
static const struct columns rating = {"payment rating", 126, 126, false};
static const struct columns profile = {"payment history profile", 127, 150, false};
static const struct columns comment = {"special comment", 151, 152, false};
static const struct columns balance = {"current balance", 155, 163, false};
static const struct columns past_due = {"amount past due", 164, 172, false};
static const struct columns charged_off = {"original charge-off amount", 173, 181, false};
static const struct columns information = {"date of account information", 182, 189, false};
static const struct columns delinquency = {"date of first delinquency", 190, 197, false};
static const struct columns closed = {"date closed", 198, 205, false};
static const struct columns ssn = {"social security number", 298, 306, true};

const char metro2_segment_names[METRO2_SEGMENT_KINDS][3] = {"J1", "J2", "K1", "K2", "K3", "K4", "L1", "N1"};
static const uint16_t segment_sizes[METRO2_SEGMENT_KINDS] = {100, 200, 34, 34, 40, 30, 54, 146};

/* ---- Values ---- */

int metro2_number_parse(struct span text, int64_t *number)
{
    int64_t read = 0;
    if (text.size == 0 || text.size > 18) return TALLY_EFORM;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return TALLY_EFORM;
        read = read * 10 + (text.data[i] - '0');
    }
    *number = read;
    return TALLY_OK;
}

int metro2_date_parse(struct span text, struct metro2_date *date)
{
    int64_t number;
    if (text.size != 8 || metro2_number_parse(text, &number) != TALLY_OK) return TALLY_EFORM;
    int month = (int)(number / 1000000), day = (int)(number / 10000 % 100), year = (int)(number % 10000);
    if (number == 0) {
        *date = (struct metro2_date){.present = false};
        return TALLY_OK;
    }
    if (year < YEAR_MIN || month < 1 || month > 12) return TALLY_EFORM;
    if (day < 1 || day > date_days_in_month(year, month)) return TALLY_EFORM;
    *date = (struct metro2_date){true, date_from_civil(year, month, day)};
    return TALLY_OK;
}

/* ---- Columns ---- */

/* One line being read. The first fault stays. */
struct reading {
    struct span line;
    char *why;
    size_t why_size;
    bool failed;
};

static struct span cell_of(const struct reading *reading, const struct columns *columns)
{
    return span_of(reading->line.data + columns->first - 1, (size_t)(columns->last - columns->first + 1));
}

/* "columns 164-172 (amount past due) hold '-00000015', and not 9 digits" */
static void fault(struct reading *reading, const struct columns *columns, const char *wanted)
{
    char where[32], shown[SHOWN_MAX + 1];
    struct span cell = cell_of(reading, columns);
    if (reading->failed) return;
    reading->failed = true;
    snprintf(where, sizeof where, columns->first == columns->last ? "column %u" : "columns %u-%u",
        columns->first, columns->last);
    for (size_t i = 0; i < cell.size; i++)
        shown[i] = cell.data[i] < 0x20 || cell.data[i] >= 0x7F ? '?' : (char)cell.data[i];
    shown[cell.size] = '\0';
    if (columns->hidden)
        snprintf(reading->why, reading->why_size, "%s (%s): %s", where, columns->name, wanted);
    else
        snprintf(
            reading->why, reading->why_size, "%s (%s): '%s' is not %s", where, columns->name, shown, wanted);
}

static void number_take(struct reading *reading, const struct columns *columns, int64_t *number)
{
    if (metro2_number_parse(cell_of(reading, columns), number) != TALLY_OK)
        fault(reading, columns, "all digits");
}

static void date_take(
    struct reading *reading, const struct columns *columns, bool required, struct metro2_date *date)
{
    *date = (struct metro2_date){.present = false};
    if (metro2_date_parse(cell_of(reading, columns), date) != TALLY_OK || (required && !date->present))
        fault(reading, columns, required ? "a date MMDDYYYY" : "a date MMDDYYYY, nor zeros");
}

/* Printable characters, with a NUL behind them; the blanks at the end are the caller's. */
static void text_take(struct reading *reading, const struct columns *columns, char *to)
{
    struct span cell = cell_of(reading, columns);
    memcpy(to, cell.data, cell.size);
    to[cell.size] = '\0';
    for (size_t i = 0; i < cell.size; i++) {
        if (cell.data[i] < 0x20 || cell.data[i] >= 0x7F) {
            fault(reading, columns, columns->hidden ? "it is no plain text" : "plain text");
            return;
        }
    }
}

static char letter_take(struct reading *reading, const struct columns *columns, const char *allowed)
{
    char letter = (char)cell_of(reading, columns).data[0];
    if (letter == '\0' || strchr(allowed, letter) == NULL) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "one of %s", allowed);
        fault(reading, columns, wanted);
    }
    return letter;
}

/* ---- What a field may say ---- */

static void account_take(struct reading *reading, char *to)
{
    text_take(reading, &account, to);
    size_t size = strlen(to);
    while (size > 0 && to[size - 1] == ' ')
        size--;
    to[size] = '\0';
    if (size == 0) fault(reading, &account, "it is blank");
}

static void status_take(struct reading *reading, char *to)
{
    static const char statuses[] = "05 11 13 61 62 63 64 65 71 78 80 82 83 84 88 89 93 94 95 96 97 ";
    char found[4];
    text_take(reading, &status, to);
    snprintf(found, sizeof found, "%s ", to);
    if (to[0] == 'D' && (to[1] == 'A' || to[1] == 'F'))
        fault(reading, &status, "taken from a file: an account is taken back by RETRACT of its events");
    else if (strchr(to, ' ') != NULL || strstr(statuses, found) == NULL)
        fault(reading, &status, "an account status");
}

/* Each of its characters is a code of one month. */
static void profile_take(struct reading *reading, char *to)
{
    text_take(reading, &profile, to);
    for (size_t i = 0; i < METRO2_MONTHS; i++) {
        const struct columns column = {
            "payment history profile", (uint16_t)(profile.first + i), (uint16_t)(profile.first + i), false};
        (void)letter_take(reading, &column, "0123456BDEGHJKL");
    }
}

/* The segments behind the base, each under its name, up to the line's end or to blanks that fill it. */
static void segments_take(struct reading *reading, uint32_t counts[METRO2_SEGMENT_KINDS])
{
    memset(counts, 0, METRO2_SEGMENT_KINDS * sizeof *counts);
    for (size_t at = METRO2_BASE_SIZE; at < reading->line.size && !reading->failed;) {
        const struct columns name = {"segment", (uint16_t)(at + 1), (uint16_t)(at + 2), false};
        const char *found = (const char *)reading->line.data + at;
        size_t left = reading->line.size - at, kind = 0;
        if (line_is_blank(span_of(found, left))) return;
        while (kind < METRO2_SEGMENT_KINDS && (left < 2 || memcmp(metro2_segment_names[kind], found, 2) != 0))
            kind++;
        if (kind == METRO2_SEGMENT_KINDS || segment_sizes[kind] > left) {
            reading->failed = true;
            snprintf(reading->why, reading->why_size,
                "columns %u-%zu (segments): no whole segment of a known name", name.first,
                reading->line.size);
            return;
        }
        counts[kind]++;
        at += segment_sizes[kind];
    }
}

/* ---- A record ---- */

/* Whether the line holds a base segment, as its first columns say too. Lengths behind it are often wrong, and
 * change nothing of what the base says: the line's own counts. */
static bool descriptor_differs(struct reading *reading)
{
    int64_t size = 0;
    if (reading->line.size < METRO2_BASE_SIZE) {
        reading->failed = true;
        snprintf(reading->why, reading->why_size, "it has %zu columns, and a base segment has %u",
            reading->line.size, METRO2_BASE_SIZE);
        return false;
    }
    number_take(reading, &descriptor, &size);
    if (size < (int64_t)METRO2_BASE_SIZE) fault(reading, &descriptor, "a length from 426 on");
    return (size_t)size != reading->line.size;
}

static void base_take(struct reading *reading, struct metro2_record *record)
{
    account_take(reading, record->account);
    record->portfolio = letter_take(reading, &portfolio, "CIMOR");
    text_take(reading, &account_type, record->type);
    date_take(reading, &opened, true, &record->opened);
    number_take(reading, &limit, &record->limit);
    number_take(reading, &original, &record->original);
    text_take(reading, &terms, record->terms);
    record->frequency = (char)cell_of(reading, &frequency).data[0];
    number_take(reading, &scheduled, &record->scheduled);
    number_take(reading, &paid, &record->paid);
    status_take(reading, record->status);
    record->rating = letter_take(reading, &rating, " 0123456GL");
    profile_take(reading, record->profile);
    text_take(reading, &comment, record->comment);
    number_take(reading, &balance, &record->balance);
    number_take(reading, &past_due, &record->past_due);
    number_take(reading, &charged_off, &record->charged_off);
    date_take(reading, &information, true, &record->information);
    date_take(reading, &delinquency, false, &record->delinquency);
    date_take(reading, &closed, false, &record->closed);
    text_take(reading, &ssn, record->ssn);
}

int metro2_record_parse(struct span line, struct metro2_record *record, char *why, size_t why_size)
{
    struct reading reading = {.line = line, .why = why, .why_size = why_size};
    struct metro2_record read;
    memset(&read, 0, sizeof read);
    read.length_differs = descriptor_differs(&reading);
    if (!reading.failed) base_take(&reading, &read);
    if (!reading.failed) segments_take(&reading, read.segments);
    if (!reading.failed) *record = read;
    explicit_bzero(&read.ssn, sizeof read.ssn);
    return reading.failed ? TALLY_EFORM : TALLY_OK;
}
