/* Derived salts and references: the same line of the same file always gets the same salt, so that the event
 * it becomes is known again when the file is imported once more; nobody without the member's salt key can
 * guess a body from its commitment, or an account's number from its reference. */
#ifndef TALLY_TOOLS_SALT_H
#define TALLY_TOOLS_SALT_H

#include "proto/codec/event.h"

#define SALT_KEY_SIZE 32

/* What a line of a furnisher's file says, whatever its spacing and the order of its keys. */
struct salt_source {
    const struct event_header
        *fields;         /* type, subject, account or item, date and public fields count; the rest does not */
    struct span body;    /* canonical */
    struct span ref;     /* the line's "ref", which tells true twins apart; empty where it has none */
    uint32_t occurrence; /* how many lines that say the same came before it in the file */
};

/* HMAC under the member's key over everything in `source`. Errors: TALLY_ENOMEM. */
int salt_derive(const uint8_t key[SALT_KEY_SIZE], const struct salt_source *source,
    uint8_t salt[SALT_SIZE]) TALLY_MUST_CHECK;

/* The item id of a line that gives none: HMAC under the member's key over the same, whose header then has
 * zeros for it. Errors: TALLY_ENOMEM. */
int item_id_derive(const uint8_t key[SALT_KEY_SIZE], const struct salt_source *source,
    uint8_t item_id[ITEM_ID_SIZE]) TALLY_MUST_CHECK;

/* The reference of an account by the furnisher's own number for it, which its books show to many and which is
 * not told to the network: HMAC under the member's key. */
void account_ref_derive(
    const uint8_t key[SALT_KEY_SIZE], struct span number, uint8_t account_ref[ACCOUNT_REF_SIZE]);

/* A number that two lines share when they say the same, and else all but never: for counting occurrences. It
 * does not look at `occurrence`. Errors: TALLY_ENOMEM. */
int salt_source_hash(const struct salt_source *source, uint64_t *hash) TALLY_MUST_CHECK;

#endif
