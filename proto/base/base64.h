/* Base64 (RFC 4648): written with the standard alphabet, read in that or the URL's. */
#ifndef TALLY_BASE_BASE64_H
#define TALLY_BASE_BASE64_H

#include "proto/base/bytes.h"

/* Digits for so many bytes, padding included. */
#define BASE64_SIZE(bytes) (((bytes) + 2u) / 3u * 4u)

/* Writes the digits of all bytes, padded where `padded`, and returns how many: at most BASE64_SIZE. No NUL
 * follows. */
size_t base64_encode(struct span bytes, bool padded, char *digits);

/* Reads digits, padded or not, into `bytes`, which has room for 3/4 of their count; *size is how many.
 * Errors: TALLY_EFORM (another character, a length that is none, padding that does not complete it, or spare
 * bits that are not zero); `bytes` is then unspecified. */
int base64_decode(struct span digits, uint8_t *bytes, size_t *size) TALLY_MUST_CHECK;

#endif
