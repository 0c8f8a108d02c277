#include "node/keys/node_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/base/check.h"

#define NOW "node.key"
#define NEXT "node.key.next"

struct node_keys {
    const struct disk *disk;
    char home[DISK_PATH_SIZE_MAX];
    struct passphrase passphrase;
    struct node_signer *now, *next; /* apart, so that a signer keeps its address when it becomes the first */
    struct disk_identity read;      /* what the next one was read from */
};

/* ---- Files ---- */

static int identify(const struct node_keys *keys, const char *path, struct disk_identity *identity)
{
    int file, error = keys->disk->open(keys->disk->context, path, DISK_READ, &file);
    if (error != TALLY_OK) return error;
    error = keys->disk->identify(keys->disk->context, file, identity);
    keys->disk->close(keys->disk->context, file);
    return error;
}

static int read_text(
    const struct node_keys *keys, const char *path, uint8_t text[KEY_TEXT_SIZE_MAX + 1], size_t *size)
{
    int file, error = keys->disk->open(keys->disk->context, path, DISK_READ, &file);
    if (error != TALLY_OK) return error;
    error = keys->disk->read(keys->disk->context, file, 0, text, KEY_TEXT_SIZE_MAX + 1, size);
    keys->disk->close(keys->disk->context, file);
    return error;
}

static int make_signer(const struct secret_key *secret, struct node_signer **out)
{
    struct node_signer *signer = calloc(1, sizeof *signer);
    if (signer == NULL) return TALLY_ENOMEM;
    int error = node_signer_open(secret, signer);
    if (error != TALLY_OK)
        free(signer);
    else
        *out = signer;
    return error;
}

static int read_key(
    const struct node_keys *keys, const char *name, struct node_signer **out, char *why, size_t why_size)
{
    char path[DISK_PATH_SIZE_MAX];
    uint8_t text[KEY_TEXT_SIZE_MAX + 1];
    struct secret_key secret;
    struct stat status;
    size_t size = 0;
    int error = disk_join(keys->home, name, path);
    if (error != TALLY_OK) {
        snprintf(why, why_size, "the home's path is too long");
        return error;
    }
    if (stat(path, &status) == 0 && (status.st_mode & 077) != 0) {
        snprintf(why, why_size, "%s can be read by others; run: chmod 600 %s", path, path);
        return TALLY_EDENIED;
    }
    error = read_text(keys, path, text, &size);
    if (error != TALLY_OK) {
        snprintf(why, why_size, "cannot open %s: %s", path, tally_error_text(error));
        return error;
    }
    error = key_text_open(span_of(text, size), &keys->passphrase, secret.bytes);
    if (error != TALLY_OK)
        snprintf(why, why_size, "%s %s", path, key_text_fault(error, &keys->passphrase));
    else if ((error = make_signer(&secret, out)) != TALLY_OK)
        snprintf(why, why_size, "%s is not a valid key", path);
    explicit_bzero(text, sizeof text);
    secret_key_close(&secret);
    return error;
}

static void signer_free(struct node_signer *signer)
{
    if (signer == NULL) return;
    node_signer_close(signer);
    free(signer);
}

/* ---- Life ---- */

int node_keys_open(const struct disk *disk, const char *home, const struct passphrase *passphrase,
    struct node_keys **out, char *why, size_t why_size)
{
    if (strlen(home) >= DISK_PATH_SIZE_MAX) {
        snprintf(why, why_size, "the home's path is too long");
        return TALLY_ELIMIT;
    }
    struct node_keys *keys = calloc(1, sizeof *keys);
    if (keys == NULL) {
        snprintf(why, why_size, "no memory for the node's key");
        return TALLY_ENOMEM;
    }
    keys->disk = disk;
    strcpy(keys->home, home);
    if (passphrase != NULL) keys->passphrase = *passphrase;
    int error = read_key(keys, NOW, &keys->now, why, why_size);
    if (error != TALLY_OK)
        node_keys_close(keys);
    else
        *out = keys;
    return error;
}

void node_keys_close(struct node_keys *keys)
{
    if (keys == NULL) return;
    signer_free(keys->now);
    signer_free(keys->next);
    passphrase_wipe(&keys->passphrase);
    free(keys);
}

/* ---- Signers ---- */

const struct node_signer *node_keys_now(const struct node_keys *keys)
{
    return keys->now;
}

const struct node_signer *node_keys_next(const struct node_keys *keys)
{
    return keys->next;
}

const struct node_signer *node_keys_find(const struct node_keys *keys, const struct public_key *key)
{
    if (public_key_equal(&keys->now->key, key)) return keys->now;
    return keys->next != NULL && public_key_equal(&keys->next->key, key) ? keys->next : NULL;
}

uint32_t node_keys_public(const struct node_keys *keys, struct public_key out[NODE_KEYS_MAX])
{
    uint32_t count = 0;
    out[count++] = keys->now->key;
    if (keys->next != NULL) out[count++] = keys->next->key;
    return count;
}

/* ---- The next one ---- */

int node_keys_look(struct node_keys *keys, char *why, size_t why_size)
{
    char path[DISK_PATH_SIZE_MAX];
    struct node_signer *found;
    struct disk_identity identity;
    if (keys->next != NULL) return TALLY_OK;
    int error = disk_join(keys->home, NEXT, path);
    if (error == TALLY_OK) error = identify(keys, path, &identity);
    if (error != TALLY_OK) {
        snprintf(why, why_size, "cannot open %s/" NEXT ": %s", keys->home, tally_error_text(error));
        return error;
    }
    error = read_key(keys, NEXT, &found, why, why_size);
    if (error != TALLY_OK) return error;
    keys->next = found;
    keys->read = identity;
    return TALLY_OK;
}

int node_keys_advance(struct node_keys *keys)
{
    char now[DISK_PATH_SIZE_MAX], next[DISK_PATH_SIZE_MAX];
    struct disk_identity identity;
    CHECK(keys->next != NULL);
    int error = disk_join(keys->home, NOW, now);
    if (error == TALLY_OK) error = disk_join(keys->home, NEXT, next);
    if (error == TALLY_OK) error = identify(keys, next, &identity);
    if (error != TALLY_OK) return error;
    if (identity.inode != keys->read.inode || identity.born_ns != keys->read.born_ns) return TALLY_EINVALID;
    error = keys->disk->rename(keys->disk->context, next, now);
    if (error != TALLY_OK) return error;
    signer_free(keys->now);
    keys->now = keys->next;
    keys->next = NULL;
    /* Where this is lost the file has its old name at the next start, which does it again. */
    (void)keys->disk->sync_dir(keys->disk->context, keys->home);
    return TALLY_OK;
}
