#include "node/keys/key_text.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"

#define MAGIC "tallystick-key "
#define VERSION 1u
#define SALT_SIZE 16
#define NONCE_SIZE 12
#define TAG_SIZE 16
#define CIPHER_KEY_SIZE 32
#define LOG_N_MIN 10u
#define LOG_N_MAX 20u
#define R_MAX 16u
#define P_MAX 4u

struct sealed {
    bool has_public;
    struct public_key public_key;
    struct key_cost cost;
    uint8_t salt[SALT_SIZE], nonce[NONCE_SIZE], tag[TAG_SIZE];
    uint8_t secret[KEY_TEXT_SECRET_SIZE]; /* enciphered */
};

/* ---- Passphrases ---- */

int passphrase_read(const char *path, struct passphrase *passphrase, char *why, size_t why_size)
{
    struct stat status;
    struct passphrase read = {.size = 0};
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        int number = errno;
        snprintf(why, why_size, "cannot open %s: %s", path, strerror(number));
        return number == ENOENT ? TALLY_ENOTFOUND : TALLY_EIO;
    }
    setvbuf(file, NULL, _IONBF, 0); /* no copy of it stays in a buffer */
    int error = TALLY_OK, byte;
    if (fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 077) != 0) {
        snprintf(why, why_size, "%s may be read by others; run: chmod 600 %s", path, path);
        error = TALLY_EDENIED;
    }
    while (error == TALLY_OK && (byte = fgetc(file)) != EOF && byte != '\n') {
        if (read.size == PASSPHRASE_SIZE_MAX)
            error = TALLY_EFORM;
        else
            read.bytes[read.size++] = (uint8_t)byte;
    }
    if (error == TALLY_OK && ferror(file)) error = TALLY_EIO;
    fclose(file);
    if (error == TALLY_OK && read.size > 0 && read.bytes[read.size - 1] == '\r') read.size--;
    if (error == TALLY_OK && read.size == 0) error = TALLY_EFORM;
    if (error == TALLY_EFORM)
        snprintf(why, why_size, "the first line of %s is no passphrase of 1 to %u bytes", path,
            PASSPHRASE_SIZE_MAX);
    if (error == TALLY_EIO) snprintf(why, why_size, "cannot read %s", path);
    if (error == TALLY_OK) *passphrase = read;
    passphrase_wipe(&read);
    return error;
}

void passphrase_wipe(struct passphrase *passphrase)
{
    explicit_bzero(passphrase, sizeof *passphrase);
}

/* ---- Texts ---- */

static void line_append(struct buffer *out, const char *name, struct span value)
{
    char hex[2 * 33 + 2];
    CHECK(value.size <= 33);
    hex_encode(value, hex);
    buffer_append(out, name, strlen(name));
    buffer_u8(out, ' ');
    buffer_append(out, hex, 2 * value.size);
    buffer_u8(out, '\n');
    explicit_bzero(hex, sizeof hex);
}

/* What is authenticated beside the secret. */
static void head_append(const struct sealed *sealed, struct buffer *out)
{
    char line[80];
    int size = snprintf(line, sizeof line, MAGIC "%u\n", VERSION);
    buffer_append(out, line, (size_t)size);
    if (sealed->has_public)
        line_append(out, "public", span_of(sealed->public_key.bytes, PUBLIC_KEY_SIZE));
    else
        buffer_append(out, "public none\n", 12);
    size =
        snprintf(line, sizeof line, "scrypt %u %u %u\n", sealed->cost.log_n, sealed->cost.r, sealed->cost.p);
    buffer_append(out, line, (size_t)size);
    line_append(out, "salt", span_of(sealed->salt, SALT_SIZE));
    line_append(out, "nonce", span_of(sealed->nonce, NONCE_SIZE));
}

static void sealed_append(const struct sealed *sealed, struct buffer *out)
{
    head_append(sealed, out);
    line_append(out, "tag", span_of(sealed->tag, TAG_SIZE));
    line_append(out, "secret", span_of(sealed->secret, KEY_TEXT_SECRET_SIZE));
}

void key_text_print(const uint8_t secret[KEY_TEXT_SECRET_SIZE], struct buffer *out)
{
    char hex[2 * KEY_TEXT_SECRET_SIZE + 1];
    hex_encode(span_of(secret, KEY_TEXT_SECRET_SIZE), hex);
    buffer_append(out, hex, sizeof hex - 1);
    buffer_u8(out, '\n');
    explicit_bzero(hex, sizeof hex);
}

static bool cost_is_allowed(struct key_cost cost)
{
    return cost.log_n >= LOG_N_MIN && cost.log_n <= LOG_N_MAX && cost.r >= 1 && cost.r <= R_MAX &&
           cost.p >= 1 && cost.p <= P_MAX && (128ull << cost.log_n) * cost.r <= KEY_COST_MEMORY_MAX;
}

/* The value of one line, of which it says the name; NULL where it is another line. */
static const char *line_value(char **rest, const char *name)
{
    char *line = *rest, *end = strchr(line, '\n');
    size_t size = strlen(name);
    if (end == NULL || strncmp(line, name, size) != 0 || line[size] != ' ') return NULL;
    *end = '\0';
    *rest = end + 1;
    return line + size + 1;
}

static bool hex_line(char **rest, const char *name, uint8_t *to, size_t size)
{
    const char *value = line_value(rest, name);
    return value != NULL && hex_decode(value, to, size) == TALLY_OK;
}

static int sealed_read(struct span text, struct sealed *sealed)
{
    char copy[KEY_TEXT_SIZE_MAX + 1], *rest = copy;
    unsigned version;
    struct buffer again;
    *sealed = (struct sealed){.has_public = true};
    if (text.size > KEY_TEXT_SIZE_MAX) return TALLY_EFORM;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    const char *value = line_value(&rest, "tallystick-key");
    if (value == NULL || sscanf(value, "%u", &version) != 1) return TALLY_EFORM;
    if (version != VERSION) return TALLY_EVERSION;
    value = line_value(&rest, "public");
    if (value == NULL) return TALLY_EFORM;
    if (strcmp(value, "none") == 0)
        sealed->has_public = false;
    else if (hex_decode(value, sealed->public_key.bytes, PUBLIC_KEY_SIZE) != TALLY_OK)
        return TALLY_EFORM;
    value = line_value(&rest, "scrypt");
    struct key_cost *cost = &sealed->cost;
    if (value == NULL || sscanf(value, "%9u %9u %9u", &cost->log_n, &cost->r, &cost->p) != 3)
        return TALLY_EFORM;
    if (!hex_line(&rest, "salt", sealed->salt, SALT_SIZE) ||
        !hex_line(&rest, "nonce", sealed->nonce, NONCE_SIZE) ||
        !hex_line(&rest, "tag", sealed->tag, TAG_SIZE) ||
        !hex_line(&rest, "secret", sealed->secret, KEY_TEXT_SECRET_SIZE))
        return TALLY_EFORM;
    /* The one text there is of it. */
    buffer_init(&again, KEY_TEXT_SIZE_MAX);
    sealed_append(sealed, &again);
    int error = again.failed ? TALLY_ENOMEM : span_equal(buffer_span(&again), text) ? TALLY_OK : TALLY_EFORM;
    buffer_close(&again);
    return error == TALLY_OK && !cost_is_allowed(*cost) ? TALLY_ELIMIT : error;
}

/* ---- The cipher ---- */

static int cipher_key(
    const struct sealed *sealed, const struct passphrase *passphrase, uint8_t key[CIPHER_KEY_SIZE])
{
    const struct key_cost cost = sealed->cost;
    /* Beside its table scrypt wants a little more. */
    uint64_t memory = KEY_COST_MEMORY_MAX + (4u << 20);
    if (EVP_PBE_scrypt((const char *)passphrase->bytes, passphrase->size, sealed->salt, SALT_SIZE,
            UINT64_C(1) << cost.log_n, cost.r, cost.p, memory, key, CIPHER_KEY_SIZE) != 1)
        return TALLY_ENOMEM;
    return TALLY_OK;
}

static int encipher(struct sealed *sealed, const uint8_t key[CIPHER_KEY_SIZE], struct span head,
    const uint8_t secret[KEY_TEXT_SECRET_SIZE])
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int size;
    bool ok = cipher != NULL &&
              EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, sealed->nonce) == 1 &&
              EVP_EncryptUpdate(cipher, NULL, &size, head.data, (int)head.size) == 1 &&
              EVP_EncryptUpdate(cipher, sealed->secret, &size, secret, KEY_TEXT_SECRET_SIZE) == 1 &&
              EVP_EncryptFinal_ex(cipher, sealed->secret + size, &size) == 1 &&
              EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, sealed->tag) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return ok ? TALLY_OK : TALLY_ENOMEM;
}

static int decipher(const struct sealed *sealed, const uint8_t key[CIPHER_KEY_SIZE], struct span head,
    uint8_t secret[KEY_TEXT_SECRET_SIZE])
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    uint8_t tag[TAG_SIZE], made[KEY_TEXT_SECRET_SIZE];
    int size;
    memcpy(tag, sealed->tag, TAG_SIZE);
    bool begun = cipher != NULL &&
                 EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, sealed->nonce) == 1 &&
                 EVP_DecryptUpdate(cipher, NULL, &size, head.data, (int)head.size) == 1 &&
                 EVP_DecryptUpdate(cipher, made, &size, sealed->secret, KEY_TEXT_SECRET_SIZE) == 1 &&
                 EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1;
    bool holds = begun && EVP_DecryptFinal_ex(cipher, made + size, &size) == 1;
    EVP_CIPHER_CTX_free(cipher);
    if (holds) memcpy(secret, made, KEY_TEXT_SECRET_SIZE);
    explicit_bzero(made, sizeof made);
    return holds ? TALLY_OK : begun ? TALLY_EDENIED : TALLY_ENOMEM;
}

int key_text_seal(const uint8_t secret[KEY_TEXT_SECRET_SIZE], const struct public_key *public_key,
    const struct passphrase *passphrase, struct key_cost cost, struct buffer *out)
{
    struct sealed sealed = {.has_public = public_key != NULL, .cost = cost};
    uint8_t key[CIPHER_KEY_SIZE];
    struct buffer head;
    CHECK(passphrase->size > 0 && cost_is_allowed(cost));
    if (public_key != NULL) sealed.public_key = *public_key;
    random_bytes(sealed.salt, SALT_SIZE);
    random_bytes(sealed.nonce, NONCE_SIZE);
    buffer_init(&head, KEY_TEXT_SIZE_MAX);
    head_append(&sealed, &head);
    int error = head.failed ? TALLY_ENOMEM : cipher_key(&sealed, passphrase, key);
    if (error == TALLY_OK) error = encipher(&sealed, key, buffer_span(&head), secret);
    if (error == TALLY_OK) sealed_append(&sealed, out);
    buffer_close(&head);
    explicit_bzero(key, sizeof key);
    return error == TALLY_OK && out->failed ? TALLY_ENOMEM : error;
}

bool key_text_is_sealed(struct span text)
{
    return text.size >= strlen(MAGIC) && memcmp(text.data, MAGIC, strlen(MAGIC)) == 0;
}

int key_text_public(struct span text, struct public_key *public_key)
{
    struct sealed sealed;
    if (!key_text_is_sealed(text)) return TALLY_ENOTFOUND;
    int error = sealed_read(text, &sealed);
    if (error == TALLY_OK && !sealed.has_public) error = TALLY_ENOTFOUND;
    if (error == TALLY_OK) *public_key = sealed.public_key;
    return error;
}

static int sealed_open(
    struct span text, const struct passphrase *passphrase, uint8_t secret[KEY_TEXT_SECRET_SIZE])
{
    struct sealed sealed;
    struct buffer head;
    uint8_t key[CIPHER_KEY_SIZE];
    int error = sealed_read(text, &sealed);
    if (error != TALLY_OK) return error;
    if (passphrase == NULL || passphrase->size == 0) return TALLY_EDENIED;
    buffer_init(&head, KEY_TEXT_SIZE_MAX);
    head_append(&sealed, &head);
    error = head.failed ? TALLY_ENOMEM : cipher_key(&sealed, passphrase, key);
    if (error == TALLY_OK) error = decipher(&sealed, key, buffer_span(&head), secret);
    buffer_close(&head);
    explicit_bzero(key, sizeof key);
    return error;
}

static int plain_open(struct span text, uint8_t secret[KEY_TEXT_SECRET_SIZE])
{
    char hex[2 * KEY_TEXT_SECRET_SIZE + 1];
    uint8_t read[KEY_TEXT_SECRET_SIZE];
    if (text.size > 0 && text.data[text.size - 1] == '\n') text.size--;
    if (text.size != 2 * KEY_TEXT_SECRET_SIZE) return TALLY_EFORM;
    memcpy(hex, text.data, text.size);
    hex[text.size] = '\0';
    int error = hex_decode(hex, read, KEY_TEXT_SECRET_SIZE);
    if (error == TALLY_OK) memcpy(secret, read, KEY_TEXT_SECRET_SIZE);
    explicit_bzero(hex, sizeof hex);
    explicit_bzero(read, sizeof read);
    return error;
}

int key_text_open(struct span text, const struct passphrase *passphrase, uint8_t secret[KEY_TEXT_SECRET_SIZE])
{
    return key_text_is_sealed(text) ? sealed_open(text, passphrase, secret) : plain_open(text, secret);
}

const char *key_text_fault(int error, const struct passphrase *passphrase)
{
    bool given = passphrase != NULL && passphrase->size > 0;
    switch (error) {
    case TALLY_EDENIED:
        return given ? "is sealed, and the passphrase does not open it"
                     : "is sealed; name the file of its passphrase by --passphrase-file or "
                       "TALLY_PASSPHRASE_FILE";
    case TALLY_EVERSION:
        return "is sealed in a way that this release does not know";
    case TALLY_ELIMIT:
        return "is sealed at a cost that is out of bounds";
    case TALLY_ENOMEM:
        return "cannot be opened: not enough memory";
    default:
        return "does not hold a key: 64 hexadecimal digits, or the lines of a sealed one";
    }
}
