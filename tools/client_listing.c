#include "tools/client_listing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/config.h"
#include "storage/disk.h"

enum tool_exit client_listing_open(struct context *context, struct client_listing *listing)
{
    char why[MESSAGE_SIZE_MAX];
    listing->lock = -1;
    buffer_init(&listing->text, CONFIG_FILE_SIZE_MAX);
    enum tool_exit code = home_open_given(context, &listing->home);
    if (code == TOOL_DONE) code = path_join(context, listing->home.path, "node.yaml", listing->path);
    if (code != TOOL_DONE) return code;
    listing->lock = open(listing->home.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (listing->lock < 0 || flock(listing->lock, LOCK_EX) != 0)
        return context_fail(
            context, TOOL_REFUSED, "FILE", "cannot lock %s: %s", listing->home.path, strerror(errno));
    if (file_read(listing->path, &listing->text, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    return TOOL_DONE;
}

void client_listing_close(struct client_listing *listing)
{
    if (listing->lock >= 0) close(listing->lock);
    buffer_close(&listing->text);
}

enum tool_exit client_listing_write(
    struct context *context, const struct client_listing *listing, const struct buffer *text)
{
    struct stat status;
    char why[MESSAGE_SIZE_MAX];
    if (stat(listing->path, &status) != 0)
        return context_fail(
            context, TOOL_REFUSED, "FILE", "cannot read %s: %s", listing->path, strerror(errno));
    if (file_replace(listing->path, status.st_mode & 0777, buffer_span(text), why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    return TOOL_DONE;
}

enum tool_exit client_listing_tell(struct context *context, const struct client_listing *listing, bool *told)
{
    char data[HOME_PATH_MAX];
    int lock = -1;
    *told = false;
    enum tool_exit code = path_join(context, listing->home.path, "data", data);
    if (code != TOOL_DONE) return code;
    int error = disk_lock(disk_system(), data, &lock);
    if (error == TALLY_OK) disk_unlock(disk_system(), lock);
    if (error != TALLY_EBUSY) return TOOL_DONE;
    uint64_t holder = disk_lock_holder(disk_system(), data);
    if (holder > 1 && holder <= INT32_MAX && kill((pid_t)holder, SIGHUP) == 0)
        *told = true;
    else
        return context_fail(context, TOOL_REFUSED, "RELOAD",
            "%s is changed, but the node that runs on it cannot be told; as its user: kill -HUP %llu",
            listing->path, (unsigned long long)holder);
    return TOOL_DONE;
}
