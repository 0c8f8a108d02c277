#include "tools/metro2_totals.h"

#include <stdio.h>

#include "proto/base/check.h"
#include "proto/base/date.h"

#define TOTAL_DIGITS 9u
#define TRAILER_SIZE_MIN 326u /* up to the last total that is compared */
#define HEADER_SIZE_MIN 55u

/* What a total counts, and its first column. Of one consumer alone, and of blocks, none is compared. */
static const struct {
    const char *name;
    enum { BASE, STATUS, SEGMENT } kind;
    const char *code;
    uint16_t first;
} table[METRO2_TOTALS] = {
    {"base records", BASE, "", 12},
    {"status 05", STATUS, "05", 75},
    {"status 11", STATUS, "11", 84},
    {"status 13", STATUS, "13", 93},
    {"status 61", STATUS, "61", 102},
    {"status 62", STATUS, "62", 111},
    {"status 63", STATUS, "63", 120},
    {"status 64", STATUS, "64", 129},
    {"status 65", STATUS, "65", 138},
    {"status 71", STATUS, "71", 147},
    {"status 78", STATUS, "78", 156},
    {"status 80", STATUS, "80", 165},
    {"status 82", STATUS, "82", 174},
    {"status 83", STATUS, "83", 183},
    {"status 84", STATUS, "84", 192},
    {"status 88", STATUS, "88", 201},
    {"status 89", STATUS, "89", 210},
    {"status 93", STATUS, "93", 219},
    {"status 94", STATUS, "94", 228},
    {"status 95", STATUS, "95", 237},
    {"status 96", STATUS, "96", 246},
    {"status 97", STATUS, "97", 255},
    {"J1 segments", SEGMENT, "J1", 39},
    {"J2 segments", SEGMENT, "J2", 48},
    {"N1 segments", SEGMENT, "N1", 273},
    {"K1 segments", SEGMENT, "K1", 282},
    {"K2 segments", SEGMENT, "K2", 291},
    {"K3 segments", SEGMENT, "K3", 300},
    {"K4 segments", SEGMENT, "K4", 309},
    {"L1 segments", SEGMENT, "L1", 318},
};

static bool holds(struct span line, size_t at, const char *word)
{
    size_t size = strlen(word);
    return line.size >= at + size && memcmp(line.data + at, word, size) == 0;
}

bool metro2_is_header(struct span line)
{
    return holds(line, 4, "HEADER");
}

bool metro2_is_trailer(struct span line)
{
    return holds(line, 4, "TRAILER");
}

void metro2_totals_init(struct metro2_totals *totals)
{
    *totals = (struct metro2_totals){.clean = 0};
}

int metro2_header_take(struct metro2_totals *totals, struct span line, char *why, size_t why_size)
{
    bool is_whole = metro2_is_header(line) && line.size >= HEADER_SIZE_MIN;
    if (!is_whole) {
        snprintf(why, why_size, "columns 5-10 are not HEADER, with which a Metro 2 file begins");
        return TALLY_EFORM;
    }
    int error = metro2_date_parse(span_of(line.data + 47, 8), &totals->activity);
    if (error == TALLY_OK && totals->activity.present) return TALLY_OK;
    snprintf(why, why_size, "columns 48-55 (activity date): no date MMDDYYYY");
    return TALLY_EFORM;
}

int metro2_trailer_take(struct metro2_totals *totals, struct span line, char *why, size_t why_size)
{
    CHECK(metro2_is_trailer(line));
    if (line.size < TRAILER_SIZE_MIN) {
        snprintf(why, why_size, "the trailer has %zu columns, and its totals end at %u", line.size,
            TRAILER_SIZE_MIN);
        return TALLY_EFORM;
    }
    int64_t told[METRO2_TOTALS];
    for (size_t i = 0; i < METRO2_TOTALS; i++) {
        struct span cell = span_of(line.data + table[i].first - 1, TOTAL_DIGITS);
        if (metro2_number_parse(cell, &told[i]) == TALLY_OK) continue;
        snprintf(why, why_size, "columns %u-%u (total of %s) are not all digits", table[i].first,
            table[i].first + TOTAL_DIGITS - 1, table[i].name);
        return TALLY_EFORM;
    }
    memcpy(totals->told, told, sizeof told);
    totals->has_trailer = true;
    return TALLY_OK;
}

static uint32_t segments_of(const struct metro2_record *record, const char *name)
{
    for (size_t i = 0; i < METRO2_SEGMENT_KINDS; i++)
        if (strcmp(metro2_segment_names[i], name) == 0) return record->segments[i];
    CHECK_UNREACHABLE();
}

void metro2_totals_count(
    struct metro2_totals *totals, const struct metro2_record *record, uint64_t line_number)
{
    totals->bad += record == NULL;
    totals->clean += record != NULL;
    if (record != NULL && record->length_differs && totals->odd_lengths++ == 0)
        totals->odd_length_line = line_number;
    for (size_t i = 0; i < METRO2_TOTALS; i++) {
        if (table[i].kind == BASE) totals->read[i]++;
        if (record == NULL) continue;
        if (table[i].kind == STATUS) totals->read[i] += strcmp(record->status, table[i].code) == 0;
        if (table[i].kind == SEGMENT) totals->read[i] += segments_of(record, table[i].code);
    }
}

/* ---- Telling ---- */

static bool differs(const struct metro2_totals *totals, size_t total)
{
    return totals->has_trailer && (uint64_t)totals->told[total] != totals->read[total];
}

bool metro2_totals_agree(const struct metro2_totals *totals)
{
    bool agree = totals->has_trailer;
    for (size_t i = 0; i < METRO2_TOTALS; i++)
        agree = agree && !differs(totals, i);
    return agree;
}

static json_t *differences_json(const struct metro2_totals *totals)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < METRO2_TOTALS; i++) {
        if (!differs(totals, i)) continue;
        json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "total", table[i].name, "trailer",
                                        (json_int_t)totals->told[i], "read", (json_int_t)totals->read[i]));
    }
    return list;
}

static json_t *segments_json(const struct metro2_totals *totals)
{
    json_t *object = json_object();
    for (size_t i = 0; object != NULL && i < METRO2_TOTALS; i++)
        if (table[i].kind == SEGMENT && totals->read[i] > 0)
            json_object_set_new(object, table[i].code, json_integer((json_int_t)totals->read[i]));
    return object;
}

json_t *metro2_totals_json(const struct metro2_totals *totals)
{
    char activity[DATE_TEXT_SIZE];
    date_to_text(totals->activity.days, activity);
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:b, s:o}", "activity_date", activity, "records",
        (json_int_t)(totals->clean + totals->bad), "clean", (json_int_t)totals->clean, "bad",
        (json_int_t)totals->bad, "odd_lengths", (json_int_t)totals->odd_lengths, "segments_not_read",
        segments_json(totals), "trailer", totals->has_trailer, "differences", differences_json(totals));
}

void metro2_totals_say(const struct metro2_totals *totals)
{
    char activity[DATE_TEXT_SIZE];
    date_to_text(totals->activity.days, activity);
    printf("Metro 2 file of %s: %llu base records, %llu clean, %llu bad\n", activity,
        (unsigned long long)(totals->clean + totals->bad), (unsigned long long)totals->clean,
        (unsigned long long)totals->bad);
    for (size_t i = 0; i < METRO2_TOTALS; i++) {
        if (table[i].kind == SEGMENT && totals->read[i] > 0)
            printf("%s, not read: %llu\n", table[i].name, (unsigned long long)totals->read[i]);
    }
}

void metro2_differences_say(const struct metro2_totals *totals)
{
    if (totals->odd_lengths > 0)
        fprintf(stderr, "%llu records say another length than they have; the first is line %llu\n",
            (unsigned long long)totals->odd_lengths, (unsigned long long)totals->odd_length_line);
    if (!totals->has_trailer) fprintf(stderr, "the file has no trailer: it may be cut off\n");
    for (size_t i = 0; i < METRO2_TOTALS; i++) {
        if (differs(totals, i))
            fprintf(stderr, "the trailer says %lld %s, and the file has %llu\n", (long long)totals->told[i],
                table[i].name, (unsigned long long)totals->read[i]);
    }
}
