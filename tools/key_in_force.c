#include "tools/key_in_force.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void key_file_name(enum key_kind kind, bool next, char name[KEY_FILE_NAME_SIZE])
{
    snprintf(name, KEY_FILE_NAME_SIZE, "%s.key%s", key_kind_name((uint32_t)kind), next ? ".next" : "");
}

enum tool_exit key_pair_open(struct context *context, const char *path, struct key_pair *pair)
{
    enum tool_exit code = secret_file_open(context, path, pair->secret.bytes);
    if (code != TOOL_DONE) return code;
    if (secret_key_public(&pair->secret, &pair->public) == TALLY_OK) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "KEY", "%s holds no secp256k1 key", path);
}

uint32_t key_holder(const struct member_register *from, enum key_kind kind, const struct public_key *key)
{
    const struct register_key *found = register_key_find(from, key);
    return found != NULL && found->kind == kind && found->until == 0 ? found->member_id : 0;
}

/* The old key has ended: its file goes with the rename, which is on disk with whatever is written there next,
 * and is made again where it was lost. */
static enum tool_exit next_take(struct context *context, const char *next, const char *path)
{
    if (rename(next, path) == 0) return TOOL_DONE;
    return context_fail(
        context, TOOL_REFUSED, "FILE", "%s cannot be renamed to %s: %s", next, path, strerror(errno));
}

enum tool_exit key_in_force(struct context *context, const struct home *home,
    const struct member_register *from, enum key_kind kind, struct key_pair *pair, uint32_t *member_id)
{
    char name[KEY_FILE_NAME_SIZE], path[HOME_PATH_MAX], next[HOME_PATH_MAX];
    key_file_name(kind, false, name);
    enum tool_exit code = path_join(context, home->path, name, path);
    key_file_name(kind, true, name);
    if (code == TOOL_DONE) code = path_join(context, home->path, name, next);
    if (code != TOOL_DONE) return code;
    bool has_next = access(next, F_OK) == 0;
    code = key_pair_open(context, path, pair);
    if (code == TOOL_DONE && (*member_id = key_holder(from, kind, &pair->public)) != 0) return TOOL_DONE;
    if (has_next) {
        code = key_pair_open(context, next, pair);
        if (code != TOOL_DONE) return code;
        *member_id = key_holder(from, kind, &pair->public);
        if (*member_id != 0) return next_take(context, next, path);
    }
    if (code != TOOL_DONE) return code;
    return context_fail(context, TOOL_REFUSED, "KEY",
        "%s is in force as no member's %s key%s; tally gov show --keys lists those that are", path,
        key_kind_name((uint32_t)kind), has_next ? ", nor is the next one beside it" : "");
}
