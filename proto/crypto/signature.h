/* ECDSA on secp256k1 over 32-byte digests: RFC 6979 nonces, compact form, low s only. Sole owner of
 * libsecp256k1. All functions may be called from any thread. */
#ifndef TALLY_CRYPTO_SIGNATURE_H
#define TALLY_CRYPTO_SIGNATURE_H

#include "proto/base/agreement.h"

#define SECRET_KEY_SIZE 32

struct secret_key {
    uint8_t bytes[SECRET_KEY_SIZE];
};

/* A public key parsed once, because parsing costs 6 us of a 41 us check. Copyable. */
struct verify_key {
    uint8_t opaque[64];
};

/* A fresh key from the system's randomness. */
void secret_key_generate(struct secret_key *secret);
/* Wipes it. */
void secret_key_close(struct secret_key *secret);
/* Errors: TALLY_EFORM (0, or at or above the group's order); `key` is then unchanged. */
int secret_key_public(const struct secret_key *secret, struct public_key *key) TALLY_MUST_CHECK;

/* Errors: TALLY_EFORM (not a point, or not in compressed form). */
int verify_key_parse(const struct public_key *key, struct verify_key *parsed) TALLY_MUST_CHECK;

/* The secret key is valid (CHECKed). */
void signature_make(
    const struct secret_key *secret, const struct digest *digest, struct signature *signature);
/* Errors: TALLY_ESIGNATURE (it does not hold, or its s is high). */
int signature_check(const struct verify_key *key, const struct digest *digest,
    const struct signature *signature) TALLY_MUST_CHECK;

static inline bool public_key_equal(const struct public_key *a, const struct public_key *b)
{
    return memcmp(a->bytes, b->bytes, PUBLIC_KEY_SIZE) == 0;
}

#endif
