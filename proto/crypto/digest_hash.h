/* Places for digests in hash tables. Multilinear hashing with a secret key: for any two digests, and so for
 * those that a submitter chose, the chance of one place is that of two random ones. Never reaches anything
 * signed or stored. Source: Dietzfelbinger, "Universal hashing and k-wise independent random variables via
 * integer arithmetic without primes", STACS 1996. */
#ifndef TALLY_CRYPTO_DIGEST_HASH_H
#define TALLY_CRYPTO_DIGEST_HASH_H

#include "proto/crypto/digest.h"

struct digest_hash_key {
    uint64_t words[DIGEST_SIZE / 4 + 1];
};

static inline void digest_hash_key_init(struct digest_hash_key *key)
{
    random_bytes(key->words, sizeof(key->words));
}

static inline uint32_t digest_hash(const struct digest_hash_key *key, const struct digest *digest)
{
    uint64_t sum = key->words[0];

    for (size_t i = 0; i < DIGEST_SIZE / 4; i++)
        sum += key->words[i + 1] * get_u32(digest->bytes + 4 * i);
    return (uint32_t)(sum >> 32);
}

#endif
