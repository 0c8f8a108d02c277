/* Money: whole minor units of an ISO 4217 currency, with checked arithmetic only. */
#ifndef TALLY_BASE_AMOUNT_H
#define TALLY_BASE_AMOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/error.h"

/* *sum = a + b. Errors: TALLY_ELIMIT on overflow; *sum is then unchanged. */
int amount_add(int64_t a_minor, int64_t b_minor, int64_t *sum_minor) TALLY_MUST_CHECK;

struct currency {
    char alpha[4];    /* "TWD" */
    uint16_t numeric; /* 901 */
    uint8_t exponent; /* minor units are 10^-exponent of the major unit */
};

/* NULL for a code that is not in the table. The result is constant. Source: ISO 4217. */
const struct currency *currency_by_alpha(const char *alpha);
const struct currency *currency_by_numeric(uint32_t numeric);

#endif
