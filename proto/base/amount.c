#include "proto/base/amount.h"

#include <stddef.h>
#include <string.h>

static const struct currency currencies[] = {
    {"AED", 784, 2},
    {"ARS", 32, 2},
    {"AUD", 36, 2},
    {"BDT", 50, 2},
    {"BHD", 48, 3},
    {"BRL", 986, 2},
    {"CAD", 124, 2},
    {"CHF", 756, 2},
    {"CLP", 152, 0},
    {"CNY", 156, 2},
    {"COP", 170, 2},
    {"CZK", 203, 2},
    {"DKK", 208, 2},
    {"EGP", 818, 2},
    {"EUR", 978, 2},
    {"GBP", 826, 2},
    {"GHS", 936, 2},
    {"HKD", 344, 2},
    {"HUF", 348, 2},
    {"IDR", 360, 2},
    {"ILS", 376, 2},
    {"INR", 356, 2},
    {"ISK", 352, 0},
    {"JOD", 400, 3},
    {"JPY", 392, 0},
    {"KES", 404, 2},
    {"KRW", 410, 0},
    {"KWD", 414, 3},
    {"KZT", 398, 2},
    {"LKR", 144, 2},
    {"MAD", 504, 2},
    {"MOP", 446, 2},
    {"MXN", 484, 2},
    {"MYR", 458, 2},
    {"NGN", 566, 2},
    {"NOK", 578, 2},
    {"NZD", 554, 2},
    {"OMR", 512, 3},
    {"PEN", 604, 2},
    {"PHP", 608, 2},
    {"PKR", 586, 2},
    {"PLN", 985, 2},
    {"QAR", 634, 2},
    {"RON", 946, 2},
    {"RUB", 643, 2},
    {"SAR", 682, 2},
    {"SEK", 752, 2},
    {"SGD", 702, 2},
    {"THB", 764, 2},
    {"TND", 788, 3},
    {"TRY", 949, 2},
    {"TWD", 901, 2},
    {"TZS", 834, 2},
    {"UAH", 980, 2},
    {"UGX", 800, 0},
    {"USD", 840, 2},
    {"UYU", 858, 2},
    {"VND", 704, 0},
    {"XAF", 950, 0},
    {"XOF", 952, 0},
    {"ZAR", 710, 2},
    {"ZMW", 967, 2},
};

int amount_add(int64_t a_minor, int64_t b_minor, int64_t *sum_minor)
{
    int64_t sum;
    if (__builtin_add_overflow(a_minor, b_minor, &sum)) return TALLY_ELIMIT;
    *sum_minor = sum;
    return TALLY_OK;
}

const struct currency *currency_by_alpha(const char *alpha)
{
    for (size_t i = 0; i < sizeof currencies / sizeof currencies[0]; i++)
        if (strcmp(currencies[i].alpha, alpha) == 0) return &currencies[i];
    return NULL;
}

const struct currency *currency_by_numeric(uint32_t numeric)
{
    for (size_t i = 0; i < sizeof currencies / sizeof currencies[0]; i++)
        if (currencies[i].numeric == numeric) return &currencies[i];
    return NULL;
}
