/* A node's own keys: HOME/node.key and, while members decide to rotate it, HOME/node.key.next. Both sign,
 * each where it is the one that is asked for: links and READY by the newest that the register has, votes by
 * the one that the epoch's validators have. Once nothing needs the old key any more the next one takes its
 * place, by a rename: before it and after it, a start comes to the same. */
#ifndef TALLY_KEYS_NODE_KEYS_H
#define TALLY_KEYS_NODE_KEYS_H

#include "node/keys/key_text.h"
#include "node/keys/node_signer.h"
#include "storage/disk.h"

#define NODE_KEYS_MAX 2u

struct node_keys;

/* Reads HOME/node.key alone. The passphrase may be NULL, or none; it is kept, for a next key that comes
 * later. On failure `why` is one sentence. Errors: TALLY_ENOTFOUND, TALLY_EIO, TALLY_EDENIED (others may read
 * it, or it is sealed and does not open), TALLY_EFORM, TALLY_EVERSION, TALLY_ELIMIT, TALLY_ENOMEM. */
int node_keys_open(const struct disk *disk, const char *home, const struct passphrase *passphrase,
    struct node_keys **keys, char *why, size_t why_size) TALLY_MUST_CHECK;
/* Wipes what it holds. NULL is fine. */
void node_keys_close(struct node_keys *keys);

/* Signers are borrowed, and stay until they are replaced by node_keys_advance. */
const struct node_signer *node_keys_now(const struct node_keys *keys);
/* NULL where there is none, or none has been read. */
const struct node_signer *node_keys_next(const struct node_keys *keys);
/* The one with this public key; NULL where neither has it. */
const struct node_signer *node_keys_find(const struct node_keys *keys, const struct public_key *key);
/* The public halves, the next one last. Returns how many. */
uint32_t node_keys_public(const struct node_keys *keys, struct public_key out[NODE_KEYS_MAX]);

/* Reads HOME/node.key.next, unless that was done already. Errors: TALLY_ENOTFOUND (there is none), and as
 * node_keys_open; nothing has changed then. */
int node_keys_look(struct node_keys *keys, char *why, size_t why_size) TALLY_MUST_CHECK;
/* The next key, which was read (CHECKed), takes the place of the old one, which is wiped. Errors:
 * TALLY_EINVALID (the file is no longer what was read), TALLY_EIO, TALLY_ELIMIT, TALLY_ENOTFOUND; nothing has
 * changed then. */
int node_keys_advance(struct node_keys *keys) TALLY_MUST_CHECK;

#endif
