/* Key files: read with the passphrase that opens them, made with the one that is given. A passphrase comes
 * from the file that the command line or the environment names, or from the terminal, and is asked for once.
 */
#ifndef TALLY_TOOLS_SECRET_FILE_H
#define TALLY_TOOLS_SECRET_FILE_H

#include "node/keys/key_text.h"
#include "tools/command.h"
#include "tools/file.h"

/* Reads a key file. Refuses one that others may read. The caller wipes the secret. */
enum tool_exit secret_file_open(
    struct context *context, const char *path, uint8_t secret[KEY_TEXT_SECRET_SIZE]) TALLY_MUST_CHECK;
/* Makes one that was not there, mode 0600: sealed where a passphrase is given, else plain. `public_key` names
 * a sealed one; NULL where it has none. */
enum tool_exit secret_file_make(struct context *context, const char *path,
    const uint8_t secret[KEY_TEXT_SECRET_SIZE], const struct public_key *public_key) TALLY_MUST_CHECK;
/* The same with a new key, whose public half is then in *key. */
enum tool_exit key_file_make(
    struct context *context, const char *path, struct public_key *key) TALLY_MUST_CHECK;
/* Replaces one: sealed with `passphrase`, or plain where that is NULL. */
enum tool_exit secret_file_replace(struct context *context, const char *path,
    const uint8_t secret[KEY_TEXT_SECRET_SIZE], const struct public_key *public_key,
    const struct passphrase *passphrase) TALLY_MUST_CHECK;
/* The public half of a key file, without its passphrase where it is sealed. */
enum tool_exit secret_file_public(
    struct context *context, const char *path, struct public_key *public_key) TALLY_MUST_CHECK;

/* A new passphrase from a file, or typed twice at the terminal where `path` is NULL. The caller wipes it. */
enum tool_exit passphrase_choose(
    struct context *context, const char *path, struct passphrase *passphrase) TALLY_MUST_CHECK;
/* Wipes the passphrase that a context holds. */
void passphrase_forget(struct context *context);

#endif
