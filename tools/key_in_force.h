/* A member's secret keys at its home, and which of them the register has in force: KIND.key, or after it was
 * rotated KIND.key.next, which then takes the other's place. */
#ifndef TALLY_TOOLS_KEY_IN_FORCE_H
#define TALLY_TOOLS_KEY_IN_FORCE_H

#include "proto/codec/register.h"
#include "proto/crypto/signature.h"
#include "tools/home.h"

/* "signing.key" and so on, of one kind; or the file of the next one. */
#define KEY_FILE_NAME_SIZE 32
void key_file_name(enum key_kind kind, bool next, char name[KEY_FILE_NAME_SIZE]);

/* One secret, from a file, with its public half. Told where there is none; the caller wipes it. */
struct key_pair {
    struct secret_key secret;
    struct public_key public;
};
enum tool_exit key_pair_open(
    struct context *context, const char *path, struct key_pair *pair) TALLY_MUST_CHECK;

/* The home's key of a kind that is in force, and whose it is. Where that is the next one, its file is renamed
 * first. The caller wipes it. Fails where neither is in force, and says so. */
enum tool_exit key_in_force(struct context *context, const struct home *home,
    const struct member_register *from, enum key_kind kind, struct key_pair *pair,
    uint32_t *member_id) TALLY_MUST_CHECK;

/* Whether the register has the key in force for this work, and then whose it is; else 0. */
uint32_t key_holder(const struct member_register *from, enum key_kind kind, const struct public_key *key);

#endif
