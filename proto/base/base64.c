#include "proto/base/base64.h"

size_t base64_encode(struct span bytes, bool padded, char *digits)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned held = 0;
    size_t count = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        bits = bits << 8 | bytes.data[i];
        for (held += 8; held >= 6; held -= 6)
            digits[count++] = alphabet[bits >> (held - 6) & 63];
    }
    if (held > 0) digits[count++] = alphabet[bits << (6 - held) & 63];
    while (padded && count % 4 != 0)
        digits[count++] = '=';
    return count;
}

static int digit_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

/* The digits without their padding, which completes a group of four where there is any. */
static struct span padding_strip(struct span digits)
{
    size_t size = digits.size;
    if (size == 0 || size % 4 != 0 || digits.data[size - 1] != '=') return digits;
    return span_of(digits.data, digits.data[size - 2] == '=' ? size - 2 : size - 1);
}

int base64_decode(struct span digits, uint8_t *bytes, size_t *size)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t count = 0;
    digits = padding_strip(digits);
    for (size_t i = 0; i < digits.size; i++) {
        int value = digit_value(digits.data[i]);
        if (value < 0) return TALLY_EFORM;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        bytes[count++] = (uint8_t)(bits >> held);
        bits &= (1u << held) - 1;
    }
    if (bits != 0 || held >= 6) return TALLY_EFORM;
    *size = count;
    return TALLY_OK;
}
