/* What a process has used so far, as the kernel counts it, and what kind of machine this is. */
#ifndef TALLY_TOOLS_BENCH_USAGE_H
#define TALLY_TOOLS_BENCH_USAGE_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base/error.h"

#define USAGE_NAMES_MAX 32
#define USAGE_NAME_SIZE 16

/* CPU by the name of the thread. The first thread is "loop"; one without a name of its own, which LevelDB's
 * is, shows the name of the thread that started it, and is told by coming second with it: those are
 * "leveldb". */
struct usage {
    uint32_t count;
    struct {
        char name[USAGE_NAME_SIZE];
        uint64_t ticks;
    } threads[USAGE_NAMES_MAX];
    uint64_t system_ticks;
    uint64_t written_bytes;                   /* handed to the disk, file system pages included */
    uint64_t memory_bytes, memory_peak_bytes; /* resident */
};

/* Errors: TALLY_ENOTFOUND (no such process, or it is another user's). */
int usage_read(pid_t pid, struct usage *usage) TALLY_MUST_CHECK;

/* {"NAME": seconds, ..., "total", "system"} of what was used between the two. */
json_t *usage_cpu(const struct usage *before, const struct usage *after);

/* Bytes that a folder's files take on the disk; 0 where it is missing. */
uint64_t folder_bytes(const char *path);
/* Removes a folder and what is in it. Errors: TALLY_EIO. */
int folder_remove(const char *path) TALLY_MUST_CHECK;

/* {"cores", "cpu", "memory_bytes", "kernel", "filesystem", "load_average", "version"}; the file system is
 * that of `dir`. */
json_t *machine_describe(const char *dir);

#endif
