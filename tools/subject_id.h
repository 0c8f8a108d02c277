/* Subject ids: the network's pseudonym for a borrower. HMAC under a key that the members share out of band,
 * so that nobody without it can try all identity numbers. */
#ifndef TALLY_TOOLS_SUBJECT_ID_H
#define TALLY_TOOLS_SUBJECT_ID_H

#include "proto/base/bytes.h"

#define SUBJECT_KEY_SIZE 32
/* Of the type and of the number, after they are brought to one form. */
#define DOCUMENT_TYPE_SIZE_MAX 32
#define DOCUMENT_NUMBER_SIZE_MAX 64

/* The id of the holder of an identity document, "TYPE:NUMBER". Every member must come to the same id however
 * a clerk typed it: letters count as capitals, and spaces, hyphens, dots and slashes in the number are left
 * out. TYPE is letters, digits and underscores, NUMBER has at least 4 letters or digits. Errors: TALLY_EFORM
 * (anything else). */
int subject_id_derive(
    const uint8_t key[SUBJECT_KEY_SIZE], const char *document, struct digest *id) TALLY_MUST_CHECK;

#endif
