#include "tools/home_make.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "node/net/certificate.h"

enum tool_exit directory_make(struct context *context, const char *path)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST) return TOOL_DONE;
    return context_fail(
        context, TOOL_REFUSED, "FILE", "cannot make the directory %s: %s", path, strerror(errno));
}

enum tool_exit text_make(
    struct context *context, const char *directory, const char *file, mode_t mode, struct span content)
{
    char path[HOME_PATH_MAX], why[MESSAGE_SIZE_MAX];
    enum tool_exit code = path_join(context, directory, file, path);
    if (code != TOOL_DONE) return code;
    if (file_create(path, mode, content, why, sizeof why) == TALLY_OK) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
}

enum tool_exit secret_make(struct context *context, const char *directory, const char *file,
    const uint8_t secret[KEY_TEXT_SECRET_SIZE], const struct public_key *key)
{
    char path[HOME_PATH_MAX];
    enum tool_exit code = path_join(context, directory, file, path);
    return code == TOOL_DONE ? secret_file_make(context, path, secret, key) : code;
}

static enum tool_exit certificate_pair_make(struct context *context, const char *directory, const char *file,
    const char *common_name, const char *const *names, size_t name_count, char certificate[HOME_PATH_MAX])
{
    char name[32], key[HOME_PATH_MAX];
    snprintf(name, sizeof name, "%s.crt", file);
    enum tool_exit code = path_join(context, directory, name, certificate);
    snprintf(name, sizeof name, "%s.key", file);
    if (code == TOOL_DONE) code = path_join(context, directory, name, key);
    if (code != TOOL_DONE) return code;
    int error = certificate_make_files(common_name, names, name_count, certificate, key);
    if (error == TALLY_OK) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "FILE", "cannot make the certificate %s: %s", certificate,
        tally_error_text(error));
}

enum tool_exit certificates_make(struct context *context, const char *directory, const char *node,
    const char *const *names, size_t name_count, struct digest *client)
{
    char certificate[HOME_PATH_MAX];
    enum tool_exit code =
        certificate_pair_make(context, directory, "rpc", node, names, name_count, certificate);
    if (code == TOOL_DONE)
        code = certificate_pair_make(context, directory, "client", "local", NULL, 0, certificate);
    if (code == TOOL_DONE && certificate_file_fingerprint(certificate, client) != TALLY_OK)
        code =
            context_fail(context, TOOL_REFUSED, "FILE", "cannot read back the certificate %s", certificate);
    return code;
}
