#include "proto/base/date.h"

#include <stddef.h>

#include "proto/base/check.h"

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int date_days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    CHECK(month >= 1 && month <= 12);
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days before 1 January of `year`, counted from 1970; `year` is 1900 or later. */
static int32_t days_before_year(int year)
{
    int past = year - 1;
    return 365 * (year - 1970) + (past / 4 - 492) - (past / 100 - 19) + (past / 400 - 4);
}

int32_t date_from_civil(int year, int month, int day)
{
    CHECK(year >= 1900 && year <= 9999);
    CHECK(day >= 1 && day <= date_days_in_month(year, month));
    int32_t days = days_before_year(year);
    for (int m = 1; m < month; m++)
        days += date_days_in_month(year, m);
    return days + day - 1;
}

void date_to_civil(int32_t days, int *year, int *month, int *day)
{
    CHECK(date_is_valid(days));
    int y = 1970 + days / 366 - (days < 0 ? 2 : 0); /* at or before the year sought */
    while (y < 9999 && days_before_year(y + 1) <= days)
        y++;
    int32_t left = days - days_before_year(y);
    int m = 1;
    while (left >= date_days_in_month(y, m))
        left -= date_days_in_month(y, m++);
    *year = y;
    *month = m;
    *day = (int)left + 1;
}

/* Reads `count` decimal digits; -1 when one is none. */
static int digits(const char *text, size_t count)
{
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static void put_digits(char *text, int count, int value)
{
    for (int i = count - 1; i >= 0; i--) {
        text[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

int date_from_text(const char *text, int32_t *days)
{
    int year = digits(text, 4);
    if (year < 1900 || text[4] != '-') return TALLY_EFORM;
    int month = digits(text + 5, 2);
    if (month < 1 || month > 12 || text[7] != '-') return TALLY_EFORM;
    int day = digits(text + 8, 2);
    if (day < 1 || day > date_days_in_month(year, month) || text[10] != '\0') return TALLY_EFORM;
    *days = date_from_civil(year, month, day);
    return TALLY_OK;
}

void date_to_text(int32_t days, char text[DATE_TEXT_SIZE])
{
    int year, month, day;
    date_to_civil(days, &year, &month, &day);
    put_digits(text, 4, year);
    put_digits(text + 5, 2, month);
    put_digits(text + 8, 2, day);
    text[4] = text[7] = '-';
    text[10] = '\0';
}

bool period_is_valid(uint32_t yyyymm)
{
    return yyyymm >= 190001 && yyyymm <= 999912 && yyyymm % 100 >= 1 && yyyymm % 100 <= 12;
}

int period_from_text(const char *text, uint32_t *yyyymm)
{
    int year = digits(text, 4);
    if (year < 1900 || text[4] != '-') return TALLY_EFORM;
    int month = digits(text + 5, 2);
    if (month < 1 || month > 12 || text[7] != '\0') return TALLY_EFORM;
    *yyyymm = (uint32_t)(year * 100 + month);
    return TALLY_OK;
}

void period_to_text(uint32_t yyyymm, char text[PERIOD_TEXT_SIZE])
{
    CHECK(period_is_valid(yyyymm));
    put_digits(text, 4, (int)(yyyymm / 100));
    put_digits(text + 5, 2, (int)(yyyymm % 100));
    text[4] = '-';
    text[7] = '\0';
}

uint32_t period_index(uint32_t yyyymm)
{
    CHECK(period_is_valid(yyyymm));
    return (yyyymm / 100 - 1900) * 12 + yyyymm % 100 - 1;
}

uint32_t period_from_index(uint32_t index)
{
    uint32_t yyyymm = (1900 + index / 12) * 100 + index % 12 + 1;
    CHECK(period_is_valid(yyyymm));
    return yyyymm;
}
