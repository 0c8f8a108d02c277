/* A secret of 32 bytes as the text of a key file: plain, 64 hexadecimal digits and a newline; or sealed with
 * a passphrase, seven lines:
 *
 *   tallystick-key 1
 *   public HEX(33)          of a key of the curve, which names it; else "public none"
 *   scrypt LOG_N R P        its cost: N = 2^LOG_N
 *   salt HEX(16)
 *   nonce HEX(12)
 *   tag HEX(16)
 *   secret HEX(32)
 *
 * The secret is enciphered by AES-256-GCM, with the key that scrypt (RFC 7914) makes of passphrase and salt;
 * the lines before the tag are authenticated with it, byte for byte. Lower-case digits, one space, a newline
 * at each end: there is one text for each value, and a byte changed anywhere is found. */
#ifndef TALLY_KEYS_KEY_TEXT_H
#define TALLY_KEYS_KEY_TEXT_H

#include "proto/base/bytes.h"
#include "proto/crypto/signature.h"

#define KEY_TEXT_SECRET_SIZE 32u
/* No key file is longer. */
#define KEY_TEXT_SIZE_MAX 1024u
#define PASSPHRASE_SIZE_MAX 1024u

/* What a guess costs: 128 * 2^log_n * r bytes of memory, at most KEY_COST_MEMORY_MAX, and p times the work.
 */
struct key_cost {
    uint32_t log_n, r, p;
};
#define KEY_COST_DEFAULT ((struct key_cost){17, 8, 1}) /* 128 MiB, some tenths of a second */
#define KEY_COST_MEMORY_MAX (256ull * 1024 * 1024)

struct passphrase {
    size_t size; /* 1 to PASSPHRASE_SIZE_MAX; 0: none */
    uint8_t bytes[PASSPHRASE_SIZE_MAX];
};

/* Reads the first line of a file. One that others may read is refused, unless it is no regular file. On
 * failure `why` is one sentence. Errors: TALLY_ENOTFOUND, TALLY_EIO, TALLY_EDENIED, TALLY_EFORM (empty, or
 * longer than PASSPHRASE_SIZE_MAX). */
int passphrase_read(
    const char *path, struct passphrase *passphrase, char *why, size_t why_size) TALLY_MUST_CHECK;
void passphrase_wipe(struct passphrase *passphrase);

/* Appends the plain text. */
void key_text_print(const uint8_t secret[KEY_TEXT_SECRET_SIZE], struct buffer *out);
/* Appends the sealed text. `public_key` may be NULL. The passphrase is one, and the cost within its bounds
 * (CHECKed). Errors: TALLY_ENOMEM. */
int key_text_seal(const uint8_t secret[KEY_TEXT_SECRET_SIZE], const struct public_key *public_key,
    const struct passphrase *passphrase, struct key_cost cost, struct buffer *out) TALLY_MUST_CHECK;

/* Whether a text is, or means to be, sealed. */
bool key_text_is_sealed(struct span text);
/* Opens a text; the passphrase may be NULL, or none, where it is plain. Errors: TALLY_EFORM (no key's text),
 * TALLY_EVERSION, TALLY_ELIMIT (it asks for more memory or work than is given), TALLY_EDENIED (sealed, and
 * there is no passphrase, or it is the wrong one, or a byte was changed), TALLY_ENOMEM; the secret is then
 * unchanged. */
int key_text_open(struct span text, const struct passphrase *passphrase,
    uint8_t secret[KEY_TEXT_SECRET_SIZE]) TALLY_MUST_CHECK;
/* The public half that a sealed text names; nothing has shown yet that it is the secret's. Errors:
 * TALLY_EFORM, TALLY_EVERSION, TALLY_ELIMIT, TALLY_ENOMEM (as key_text_open), TALLY_ENOTFOUND (a plain text,
 * or one that names none). */
int key_text_public(struct span text, struct public_key *public_key) TALLY_MUST_CHECK;
/* What is wrong, behind a file's name: "is sealed, and the passphrase does not open it". Constant. */
const char *key_text_fault(int error, const struct passphrase *passphrase);

#endif
