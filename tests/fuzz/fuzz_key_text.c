// links: keys storage crypto base
#include "node/keys/key_text.h"
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"

static const struct secret_key secret = {{[SECRET_KEY_SIZE - 1] = 7}};

/* Without a passphrase: what a file may make its reader do before it is asked for one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    struct public_key named;
    uint8_t opened[KEY_TEXT_SECRET_SIZE];
    int error = key_text_open(text, NULL, opened);
    if (key_text_is_sealed(text)) {
        CHECK(error != TALLY_OK);
        CHECK(key_text_public(text, &named) != TALLY_OK || error == TALLY_EDENIED);
    } else {
        CHECK(error == TALLY_OK || error == TALLY_EFORM);
        CHECK(key_text_public(text, &named) == TALLY_ENOTFOUND);
    }
    if (error != TALLY_OK) CHECK(key_text_fault(error, NULL) != NULL);
    return 0;
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    struct passphrase passphrase = {.size = 1, .bytes = {'p'}};
    struct public_key key;
    struct buffer out;
    if (number > 2) return 0;
    CHECK(secret_key_public(&secret, &key) == TALLY_OK);
    buffer_init(&out, size_max);
    if (number == 0)
        key_text_print(secret.bytes, &out);
    else
        CHECK(key_text_seal(secret.bytes, number == 1 ? &key : NULL, &passphrase, (struct key_cost){10, 1, 1},
                  &out) == TALLY_OK);
    CHECK(!out.failed);
    size_t size = out.size;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
