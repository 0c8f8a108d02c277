/* Whose signing key a key is: the register's keys by a hash of their own, as there may be a thousand of them,
 * and one is looked up for every batch. */
#ifndef TALLY_COMMIT_REGISTER_INDEX_H
#define TALLY_COMMIT_REGISTER_INDEX_H

#include "proto/codec/register.h"
#include "proto/crypto/digest_hash.h"

#define REGISTER_INDEX_SLOTS 4096u
_Static_assert((REGISTER_INDEX_SLOTS & (REGISTER_INDEX_SLOTS - 1)) == 0, "a slot is chosen by masking");
_Static_assert(2 * REGISTER_KEYS_MAX <= REGISTER_INDEX_SLOTS, "a search ends soon");
_Static_assert(REGISTER_KEYS_MAX < UINT16_MAX, "a place in the register fits its slot");

struct register_index {
    struct digest_hash_key hash;
    uint16_t slots[REGISTER_INDEX_SLOTS]; /* place in the register + 1; 0 = free */
};

void register_index_init(struct register_index *index);
/* Makes it anew, of this register, whose places it holds. */
void register_index_make(struct register_index *index, const struct member_register *of);
/* register_key_find, for the register that it was made of. */
const struct register_key *register_index_find(
    const struct register_index *index, const struct member_register *of, const struct public_key *key);

#endif
