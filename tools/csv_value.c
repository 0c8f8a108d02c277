#include "tools/csv_value.h"

#include <stdio.h>

#include "proto/base/date.h"
#include "proto/base/limits.h"

/* ---- Dates ---- */

struct civil {
    int year, month, day;
};

/* The length of the run of one letter that begins at `at`. */
static size_t run_of(const char *at)
{
    size_t size = 0;
    while (at[size] == at[0])
        size++;
    return size;
}

static int *part_of(struct civil *civil, char letter)
{
    switch (letter) {
    case 'y':
        return &civil->year;
    case 'm':
        return &civil->month;
    case 'd':
        return &civil->day;
    default:
        return NULL;
    }
}

bool csv_format_is_valid(const char *format, bool *has_day)
{
    struct civil seen = {0};
    if (strlen(format) > CSV_FORMAT_SIZE_MAX) return false;
    for (const char *at = format; *at != '\0';) {
        int *part = part_of(&seen, *at);
        size_t run = part != NULL ? run_of(at) : 1;
        if (*at >= '0' && *at <= '9') return false;
        if (part != NULL && (*part != 0 || (*at == 'y' ? run != 4 : run > 2))) return false;
        if (part != NULL) *part = 1;
        at += run;
    }
    *has_day = seen.day == 1;
    return seen.year == 1 && seen.month == 1;
}

/* Reads `least` to `most` digits. */
static bool digits_take(struct span *cell, size_t least, size_t most, int *number)
{
    size_t taken = 0;
    *number = 0;
    for (; taken < most && taken < cell->size; taken++) {
        uint8_t c = cell->data[taken];
        if (c < '0' || c > '9') break;
        *number = *number * 10 + (c - '0');
    }
    *cell = span_of(cell->data + taken, cell->size - taken);
    return taken >= least;
}

static bool civil_take(const char *format, struct span cell, struct civil *civil)
{
    for (const char *at = format; *at != '\0';) {
        int *part = part_of(civil, *at);
        if (part != NULL) {
            size_t run = run_of(at);
            if (!digits_take(&cell, run, run == 1 ? 2 : run, part)) return false;
            at += run;
        } else {
            if (cell.size == 0 || cell.data[0] != (uint8_t)*at++) return false;
            cell = span_of(cell.data + 1, cell.size - 1);
        }
    }
    return cell.size == 0;
}

static bool date_take(const struct csv_field *field, struct span cell, char text[DATE_TEXT_SIZE])
{
    struct civil civil = {.day = -1}; /* the format may have none */
    if (!civil_take(field->format, cell, &civil)) return false;
    if (civil.year < 1900 || civil.month < 1 || civil.month > 12) return false;
    int last = date_days_in_month(civil.year, civil.month);
    if (civil.day < 0 && field->kind == CSV_MONTH) civil.day = 1;
    if (civil.day < 0) civil.day = field->day == CSV_DAY_LAST ? last : (int)field->day;
    if (civil.day < 1 || civil.day > last) return false;
    date_to_text(date_from_civil(civil.year, civil.month, civil.day), text);
    if (field->kind == CSV_MONTH) text[PERIOD_TEXT_SIZE - 1] = '\0';
    return true;
}

/* ---- Numbers ---- */

/* Appends one digit to a number that stays at or below zero, so that the least of all fits too. */
static bool digit_append(int64_t *number, uint8_t c)
{
    return !__builtin_mul_overflow(*number, 10, number) && !__builtin_sub_overflow(*number, c - '0', number);
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Reads digits, in groups of three or in none where `group` is given, onto a number. */
static bool whole_take(struct span *cell, char group, int64_t *number)
{
    size_t at = 0, digits = 0; /* of the group */
    bool grouped = false;
    for (; at < cell->size; at++) {
        uint8_t c = cell->data[at];
        if (is_digit(c)) {
            if (!digit_append(number, c)) return false;
            digits++;
        } else if (group != '\0' && c == (uint8_t)group) {
            if (digits == 0 || (grouped ? digits != 3 : digits > 3)) return false;
            grouped = true;
            digits = 0;
        } else {
            break;
        }
    }
    *cell = span_of(cell->data + at, cell->size - at);
    return grouped ? digits == 3 : digits > 0;
}

/* Reads e+05 and its like, where there is one. */
static bool power_take(struct span *cell, int *power)
{
    int number;
    if (cell->size < 2 || (cell->data[0] | 0x20) != 'e') return true;
    bool negative = cell->data[1] == '-';
    size_t sign = negative || cell->data[1] == '+';
    *cell = span_of(cell->data + 1 + sign, cell->size - 1 - sign);
    if (!digits_take(cell, 1, 2, &number)) return false;
    *power = negative ? -number : number;
    return true;
}

/* number * 10^power, which must be whole. */
static bool scale(int64_t *number, int power)
{
    for (; power > 0; power--)
        if (!digit_append(number, '0')) return false;
    for (; power < 0; power++) {
        if (*number % 10 != 0) return false;
        *number /= 10;
    }
    return true;
}

/* Minor units: [-] digits, decimals, and a power of ten where that is allowed. What is beyond the currency's
 * decimals is zeros. A number is an amount of a currency without decimals. */
static bool amount_take(const struct csv_field *field, struct span cell, int64_t *amount)
{
    int64_t number = 0;
    int power = 0;
    bool negative = cell.size > 0 && cell.data[0] == '-';
    if (negative) cell = span_of(cell.data + 1, cell.size - 1);
    if (!whole_take(&cell, field->group, &number)) return false;
    size_t left = cell.size;
    if (field->decimal != '\0' && left > 0 && cell.data[0] == (uint8_t)field->decimal) {
        cell = span_of(cell.data + 1, cell.size - 1);
        left = cell.size;
        if (!whole_take(&cell, '\0', &number)) return false;
    }
    size_t decimals = left - cell.size;
    if (field->powers && !power_take(&cell, &power)) return false;
    if (cell.size != 0 || !scale(&number, power + field->exponent - (int)decimals)) return false;
    *amount = number;
    return negative || !__builtin_sub_overflow(0, number, amount);
}

/* ---- Names under a key ---- */

static int subject_take(
    const struct csv_field *field, struct span cell, const struct source_keys *keys, json_t **value)
{
    char document[DOCUMENT_TYPE_SIZE_MAX + 4 * DOCUMENT_NUMBER_SIZE_MAX], hex[2 * DIGEST_SIZE + 1];
    struct digest id;
    if (memchr(cell.data, '\0', cell.size) != NULL) return TALLY_EFORM;
    int size = snprintf(
        document, sizeof document, "%s:%.*s", field->document, (int)cell.size, (const char *)cell.data);
    int error = size < 0 || (size_t)size >= sizeof document ? TALLY_EFORM
                                                            : subject_id_derive(keys->subject, document, &id);
    explicit_bzero(document, sizeof document);
    if (error != TALLY_OK) return error;
    hex_encode(span_of(id.bytes, DIGEST_SIZE), hex);
    *value = json_string(hex);
    return TALLY_OK;
}

static int account_take(struct span cell, const struct source_keys *keys, json_t **value)
{
    uint8_t ref[ACCOUNT_REF_SIZE];
    char hex[2 * ACCOUNT_REF_SIZE + 1];
    if (cell.size == 0) return TALLY_EFORM;
    account_ref_derive(keys->salt, cell, ref);
    hex_encode(span_of(ref, ACCOUNT_REF_SIZE), hex);
    *value = json_string(hex);
    return TALLY_OK;
}

/* ---- A cell ---- */

bool csv_is_among(const json_t *cells, struct span cell)
{
    for (size_t i = 0; i < json_array_size(cells); i++) {
        const json_t *one = json_array_get(cells, i);
        if (span_equal(cell, span_of(json_string_value(one), json_string_length(one)))) return true;
    }
    return false;
}

static int text_take(struct span cell, json_t **value)
{
    bool has_nul = memchr(cell.data, '\0', cell.size) != NULL;
    *value = has_nul ? NULL : json_stringn((const char *)cell.data, cell.size);
    return *value != NULL ? TALLY_OK : TALLY_EFORM;
}

static int one_of_values(const json_t *values, struct span cell, json_t **value)
{
    json_t *found = json_object_getn(values, (const char *)cell.data, cell.size);
    *value = json_incref(found);
    return found != NULL ? TALLY_OK : TALLY_EFORM;
}

static int number_take(const struct csv_field *field, struct span cell, json_t **value)
{
    int64_t number;
    if (!amount_take(field, cell, &number)) return TALLY_EFORM;
    *value = json_integer(number);
    return TALLY_OK;
}

static int date_text_take(const struct csv_field *field, struct span cell, json_t **value)
{
    char text[DATE_TEXT_SIZE];
    if (!date_take(field, cell, text)) return TALLY_EFORM;
    *value = json_string(text);
    return TALLY_OK;
}

static int kind_take(
    const struct csv_field *field, struct span cell, const struct source_keys *keys, json_t **value)
{
    switch (field->kind) {
    case CSV_CONSTANT:
        break;
    case CSV_TEXT:
        return text_take(cell, value);
    case CSV_NUMBER:
    case CSV_AMOUNT:
        return number_take(field, cell, value);
    case CSV_DATE:
    case CSV_MONTH:
        return date_text_take(field, cell, value);
    case CSV_VALUES:
        return one_of_values(field->values, cell, value);
    case CSV_SUBJECT_ID:
        return subject_take(field, cell, keys, value);
    case CSV_ACCOUNT_REF:
        return account_take(cell, keys, value);
    }
    *value = json_incref((json_t *)(uintptr_t)field->constant);
    return TALLY_OK;
}

/* What a cell of this kind is not. */
static void say(const struct csv_field *field, char *why, size_t why_size)
{
    switch (field->kind) {
    case CSV_CONSTANT:
    case CSV_TEXT:
        snprintf(why, why_size, "is no UTF-8 text");
        return;
    case CSV_NUMBER:
        snprintf(why, why_size, "is no whole number");
        return;
    case CSV_AMOUNT:
        snprintf(why, why_size, "is no amount with at most %u decimals", field->exponent);
        return;
    case CSV_DATE:
        snprintf(why, why_size, "is no date of the form %s", field->format);
        return;
    case CSV_MONTH:
        snprintf(why, why_size, "is no month of the form %s", field->format);
        return;
    case CSV_VALUES:
        snprintf(why, why_size, "is none of the mapping's \"values\"");
        return;
    case CSV_SUBJECT_ID:
        snprintf(why, why_size, "is no number of an identity document");
        return;
    case CSV_ACCOUNT_REF:
        snprintf(why, why_size, "is empty");
        return;
    }
}

int csv_value(const struct csv_field *field, struct span cell, const struct source_keys *keys, json_t **value,
    char *why, size_t why_size)
{
    *value = NULL;
    if (field->kind != CSV_CONSTANT && csv_is_among(field->absent, cell)) return TALLY_OK;
    int error = kind_take(field, cell, keys, value);
    if (error == TALLY_OK) return *value != NULL ? TALLY_OK : TALLY_ENOMEM;
    if (error == TALLY_EFORM) say(field, why, why_size);
    return error;
}
