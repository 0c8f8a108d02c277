#include "storage/disk_reader.h"

static int reader_open(void *context, const char *path, enum disk_mode mode, int *file)
{
    const struct disk *system = disk_system();
    (void)context;
    return mode == DISK_CREATE ? TALLY_EIO : system->open(system->context, path, DISK_READ, file);
}

static void reader_close(void *context, int file)
{
    const struct disk *system = disk_system();
    (void)context;
    system->close(system->context, file);
}

static int reader_write(void *context, int file, uint64_t offset, const void *data, size_t size)
{
    (void)context, (void)file, (void)offset, (void)data, (void)size;
    return TALLY_OK;
}

static int reader_read(void *context, int file, uint64_t offset, void *data, size_t size, size_t *got)
{
    const struct disk *system = disk_system();
    (void)context;
    return system->read(system->context, file, offset, data, size, got);
}

static int reader_sync(void *context, int file)
{
    (void)context, (void)file;
    return TALLY_OK;
}

static int reader_size(void *context, int file, uint64_t *size)
{
    const struct disk *system = disk_system();
    (void)context;
    return system->size(system->context, file, size);
}

static int reader_identify(void *context, int file, struct disk_identity *identity)
{
    const struct disk *system = disk_system();
    (void)context;
    return system->identify(system->context, file, identity);
}

static int reader_resize(void *context, int file, uint64_t size)
{
    (void)context, (void)file, (void)size;
    return TALLY_OK;
}

static int reader_allocate(void *context, int file, uint64_t offset, uint64_t size)
{
    (void)context, (void)file, (void)offset, (void)size;
    return TALLY_EIO;
}

static int reader_remove(void *context, const char *path)
{
    (void)context, (void)path;
    return TALLY_OK;
}

static int reader_rename(void *context, const char *from, const char *to)
{
    (void)context, (void)from, (void)to;
    return TALLY_EIO;
}

static int reader_make_dir(void *context, const char *path)
{
    (void)context, (void)path;
    return TALLY_EEXISTS;
}

static int reader_sync_dir(void *context, const char *path)
{
    (void)context, (void)path;
    return TALLY_OK;
}

static int reader_list(
    void *context, const char *path, int (*seen)(void *seen_context, const char *name), void *seen_context)
{
    const struct disk *system = disk_system();
    (void)context;
    return system->list(system->context, path, seen, seen_context);
}

static int reader_lock(void *context, const char *path, int *file)
{
    (void)context, (void)path, (void)file;
    return TALLY_EIO;
}

const struct disk *disk_reader(void)
{
    static const struct disk disk = {
        .open = reader_open,
        .close = reader_close,
        .write = reader_write,
        .read = reader_read,
        .sync = reader_sync,
        .size = reader_size,
        .identify = reader_identify,
        .resize = reader_resize,
        .allocate = reader_allocate,
        .remove = reader_remove,
        .rename = reader_rename,
        .make_dir = reader_make_dir,
        .sync_dir = reader_sync_dir,
        .list = reader_list,
        .lock = reader_lock,
    };
    return &disk;
}
