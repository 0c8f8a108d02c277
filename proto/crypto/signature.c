#include "proto/crypto/signature.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <secp256k1.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"

_Static_assert(sizeof(secp256k1_pubkey) == sizeof(struct verify_key), "a parsed key fits");

/* One context for the process: made once, blinded once, read by every thread afterwards. */
static secp256k1_context *shared_context;
static pthread_once_t shared_context_once = PTHREAD_ONCE_INIT;

static void make_shared_context(void)
{
    uint8_t seed[32];
    shared_context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    CHECK(shared_context != NULL);
    random_bytes(seed, sizeof seed);
    CHECK(secp256k1_context_randomize(shared_context, seed) == 1);
    OPENSSL_cleanse(seed, sizeof seed);
}

static const secp256k1_context *context(void)
{
    CHECK(pthread_once(&shared_context_once, make_shared_context) == 0);
    return shared_context;
}

void secret_key_generate(struct secret_key *secret)
{
    do
        random_bytes(secret->bytes, SECRET_KEY_SIZE);
    while (secp256k1_ec_seckey_verify(context(), secret->bytes) != 1);
}

void secret_key_close(struct secret_key *secret)
{
    OPENSSL_cleanse(secret, sizeof *secret);
}

int secret_key_public(const struct secret_key *secret, struct public_key *key)
{
    secp256k1_pubkey point;
    if (secp256k1_ec_pubkey_create(context(), &point, secret->bytes) != 1) return TALLY_EFORM;
    size_t size = PUBLIC_KEY_SIZE;
    CHECK(secp256k1_ec_pubkey_serialize(context(), key->bytes, &size, &point, SECP256K1_EC_COMPRESSED) == 1);
    CHECK(size == PUBLIC_KEY_SIZE);
    return TALLY_OK;
}

int verify_key_parse(const struct public_key *key, struct verify_key *parsed)
{
    secp256k1_pubkey point;
    if (secp256k1_ec_pubkey_parse(context(), &point, key->bytes, PUBLIC_KEY_SIZE) != 1) return TALLY_EFORM;
    memcpy(parsed->opaque, &point, sizeof point);
    return TALLY_OK;
}

void signature_make(const struct secret_key *secret, const struct digest *digest, struct signature *signature)
{
    secp256k1_ecdsa_signature raw;
    CHECK(secp256k1_ecdsa_sign(context(), &raw, digest->bytes, secret->bytes, NULL, NULL) == 1);
    CHECK(secp256k1_ecdsa_signature_serialize_compact(context(), signature->bytes, &raw) == 1);
}

int signature_check(
    const struct verify_key *key, const struct digest *digest, const struct signature *signature)
{
    secp256k1_pubkey point;
    secp256k1_ecdsa_signature raw;
    memcpy(&point, key->opaque, sizeof point);
    if (secp256k1_ecdsa_signature_parse_compact(context(), &raw, signature->bytes) != 1)
        return TALLY_ESIGNATURE;
    /* The library refuses a high s by itself: of the two equivalent forms only one verifies. */
    if (secp256k1_ecdsa_verify(context(), &raw, digest->bytes, &point) != 1) return TALLY_ESIGNATURE;
    return TALLY_OK;
}
