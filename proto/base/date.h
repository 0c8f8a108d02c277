/* Dates: days since 1970-01-01 in the proleptic Gregorian calendar, and periods as yyyymm. */
#ifndef TALLY_BASE_DATE_H
#define TALLY_BASE_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/error.h"

/* Years 1900 to 9999 are allowed, so a date always prints in ten characters. */
#define DATE_MIN (-25567)
#define DATE_MAX 2932896
#define DATE_TEXT_SIZE 11
#define PERIOD_TEXT_SIZE 8
#define MS_PER_DAY 86400000

static inline bool date_is_valid(int32_t days)
{
    return days >= DATE_MIN && days <= DATE_MAX;
}

/* Months are 1 to 12, days 1 to 31; the arguments name a real date (CHECKed by date_from_text's own test). */
int32_t date_from_civil(int year, int month, int day);
void date_to_civil(int32_t days, int *year, int *month, int *day);
int date_days_in_month(int year, int month);

/* Reads "yyyy-mm-dd". Errors: TALLY_EFORM (other text, or no such day). */
int date_from_text(const char *text, int32_t *days) TALLY_MUST_CHECK;
/* Writes "yyyy-mm-dd"; `days` is valid. */
void date_to_text(int32_t days, char text[DATE_TEXT_SIZE]);

/* A period is the number yyyymm, 190001 to 999912. */
bool period_is_valid(uint32_t yyyymm);
/* Reads "yyyy-mm". Errors: TALLY_EFORM. */
int period_from_text(const char *text, uint32_t *yyyymm) TALLY_MUST_CHECK;
void period_to_text(uint32_t yyyymm, char text[PERIOD_TEXT_SIZE]);
/* Months since 1900-01, for a valid period. */
uint32_t period_index(uint32_t yyyymm);
uint32_t period_from_index(uint32_t index);

#endif
