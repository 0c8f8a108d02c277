#include "tools/secret_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "proto/base/check.h"

/* ---- Passphrases ---- */

static int typed_read(int terminal, struct passphrase *passphrase)
{
    passphrase->size = 0;
    for (;;) {
        uint8_t byte;
        ssize_t got = read(terminal, &byte, 1);
        if (got != 1) return TALLY_EIO;
        if (byte == '\n') return passphrase->size > 0 ? TALLY_OK : TALLY_EFORM;
        if (passphrase->size == PASSPHRASE_SIZE_MAX) return TALLY_EFORM;
        passphrase->bytes[passphrase->size++] = byte;
    }
}

/* One line from the terminal, whatever standard input is; it is not shown. */
static enum tool_exit passphrase_ask(
    struct context *context, const char *prompt, struct passphrase *passphrase)
{
    struct termios shown, hidden;
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (terminal < 0 || tcgetattr(terminal, &shown) != 0) {
        if (terminal >= 0) close(terminal);
        return context_fail(context, TOOL_REFUSED, "PASSPHRASE",
            "a passphrase is needed, and there is no terminal to ask at; name its file by "
            "--passphrase-file or TALLY_PASSPHRASE_FILE");
    }
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    hidden.c_lflag |= ICANON;
    int error = tcsetattr(terminal, TCSAFLUSH, &hidden) == 0 ? TALLY_OK : TALLY_EIO;
    if (error == TALLY_OK) {
        dprintf(terminal, "%s: ", prompt);
        error = typed_read(terminal, passphrase);
        dprintf(terminal, "\n");
        (void)tcsetattr(terminal, TCSAFLUSH, &shown);
    }
    close(terminal);
    if (error == TALLY_OK) return TOOL_DONE;
    passphrase_wipe(passphrase);
    return context_fail(
        context, TOOL_REFUSED, "PASSPHRASE", "that is no passphrase of 1 to %u bytes", PASSPHRASE_SIZE_MAX);
}

enum tool_exit passphrase_choose(struct context *context, const char *path, struct passphrase *passphrase)
{
    char why[MESSAGE_SIZE_MAX];
    struct passphrase again = {.size = 0};
    if (path != NULL) {
        if (passphrase_read(path, passphrase, why, sizeof why) == TALLY_OK) return TOOL_DONE;
        return context_fail(context, TOOL_REFUSED, "PASSPHRASE", "%s", why);
    }
    enum tool_exit code = passphrase_ask(context, "new passphrase", passphrase);
    if (code == TOOL_DONE) code = passphrase_ask(context, "the same again", &again);
    if (code == TOOL_DONE &&
        !span_equal(span_of(passphrase->bytes, passphrase->size), span_of(again.bytes, again.size)))
        code = context_fail(context, TOOL_REFUSED, "PASSPHRASE", "the two were not the same");
    passphrase_wipe(&again);
    if (code != TOOL_DONE) passphrase_wipe(passphrase);
    return code;
}

void passphrase_forget(struct context *context)
{
    if (context->passphrase == NULL) return;
    passphrase_wipe(context->passphrase);
    free(context->passphrase);
    context->passphrase = NULL;
}

/* The one of this run, for what is read or made; asked for once. */
static enum tool_exit passphrase_take(struct context *context, bool is_new)
{
    if (context->passphrase != NULL) return TOOL_DONE;
    struct passphrase *taken = calloc(1, sizeof *taken);
    if (taken == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    enum tool_exit code = context->passphrase_file != NULL || is_new
                              ? passphrase_choose(context, context->passphrase_file, taken)
                              : passphrase_ask(context, "passphrase", taken);
    context->passphrase = taken;
    if (code != TOOL_DONE) passphrase_forget(context);
    return code;
}

/* ---- Files ---- */

static enum tool_exit text_read(struct context *context, const char *path, struct buffer *text)
{
    char why[MESSAGE_SIZE_MAX];
    struct stat status;
    buffer_init(text, KEY_TEXT_SIZE_MAX);
    if (file_read(path, text, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_REFUSED, "KEY", "%s", why);
    if (stat(path, &status) == 0 && (status.st_mode & 077) != 0)
        return context_fail(
            context, TOOL_REFUSED, "KEY", "%s may be read by others; run: chmod 600 %s", path, path);
    return TOOL_DONE;
}

static void text_wipe(struct buffer *text)
{
    if (text->data != NULL) explicit_bzero(text->data, text->capacity);
    buffer_close(text);
}

static enum tool_exit text_open(struct context *context, const char *path, const struct buffer *text,
    uint8_t secret[KEY_TEXT_SECRET_SIZE])
{
    struct span bytes = buffer_span(text);
    enum tool_exit code = key_text_is_sealed(bytes) ? passphrase_take(context, false) : TOOL_DONE;
    if (code != TOOL_DONE) return code;
    int error = key_text_open(bytes, context->passphrase, secret);
    if (error == TALLY_OK) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, error == TALLY_EDENIED ? "PASSPHRASE" : "KEY", "%s %s", path,
        key_text_fault(error, context->passphrase));
}

enum tool_exit secret_file_open(
    struct context *context, const char *path, uint8_t secret[KEY_TEXT_SECRET_SIZE])
{
    struct buffer text;
    enum tool_exit code = text_read(context, path, &text);
    if (code == TOOL_DONE) code = text_open(context, path, &text, secret);
    text_wipe(&text);
    return code;
}

enum tool_exit secret_file_public(struct context *context, const char *path, struct public_key *public_key)
{
    struct buffer text;
    struct secret_key secret;
    enum tool_exit code = text_read(context, path, &text);
    if (code == TOOL_DONE && key_text_public(buffer_span(&text), public_key) != TALLY_OK) {
        code = text_open(context, path, &text, secret.bytes);
        if (code == TOOL_DONE && secret_key_public(&secret, public_key) != TALLY_OK)
            code = context_fail(context, TOOL_REFUSED, "KEY", "%s holds no secp256k1 key", path);
        secret_key_close(&secret);
    }
    text_wipe(&text);
    return code;
}

static enum tool_exit text_make(struct context *context, const uint8_t secret[KEY_TEXT_SECRET_SIZE],
    const struct public_key *public_key, const struct passphrase *passphrase, struct buffer *text)
{
    int error = TALLY_OK;
    buffer_init(text, KEY_TEXT_SIZE_MAX);
    if (passphrase != NULL)
        error = key_text_seal(secret, public_key, passphrase, KEY_COST_DEFAULT, text);
    else
        key_text_print(secret, text);
    if (error == TALLY_OK && !text->failed) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
}

enum tool_exit secret_file_make(struct context *context, const char *path,
    const uint8_t secret[KEY_TEXT_SECRET_SIZE], const struct public_key *public_key)
{
    char why[MESSAGE_SIZE_MAX];
    struct buffer text;
    /* What opened a key seals the one that is to follow it. */
    bool sealed = context->passphrase_file != NULL || context->asks_passphrase || context->passphrase != NULL;
    enum tool_exit code = sealed ? passphrase_take(context, true) : TOOL_DONE;
    if (code != TOOL_DONE) return code;
    code = text_make(context, secret, public_key, sealed ? context->passphrase : NULL, &text);
    int error = code == TOOL_DONE ? file_create(path, 0600, buffer_span(&text), why, sizeof why) : TALLY_OK;
    text_wipe(&text);
    if (error == TALLY_OK) return code;
    return context_fail(context, TOOL_REFUSED, error == TALLY_EEXISTS ? "EXISTS" : "FILE", "%s", why);
}

enum tool_exit key_file_make(struct context *context, const char *path, struct public_key *key)
{
    struct secret_key secret;
    secret_key_generate(&secret);
    CHECK(secret_key_public(&secret, key) == TALLY_OK);
    enum tool_exit code = secret_file_make(context, path, secret.bytes, key);
    secret_key_close(&secret);
    return code;
}

enum tool_exit secret_file_replace(struct context *context, const char *path,
    const uint8_t secret[KEY_TEXT_SECRET_SIZE], const struct public_key *public_key,
    const struct passphrase *passphrase)
{
    char why[MESSAGE_SIZE_MAX];
    struct buffer text;
    enum tool_exit code = text_make(context, secret, public_key, passphrase, &text);
    if (code == TOOL_DONE && file_replace(path, 0600, buffer_span(&text), why, sizeof why) != TALLY_OK)
        code = context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    text_wipe(&text);
    return code;
}
