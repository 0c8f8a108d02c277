#include "tools/bench_usage.h"

#include <dirent.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#define THREADS_MAX 256
#define LINE_SIZE 1024
#define PATH_SIZE 320
#define FOLDER_DEPTH 16

struct thread {
    uint32_t order; /* in which they began; the first is the process's own */
    char name[USAGE_NAME_SIZE];
    uint64_t user_ticks, system_ticks;
};

/* The first line of a file; false where it cannot be read. */
static bool line_read(const char *path, char line[LINE_SIZE])
{
    FILE *file = fopen(path, "re");
    bool good = file != NULL && fgets(line, LINE_SIZE, file) != NULL;
    if (file != NULL) fclose(file);
    return good;
}

/* The number behind `key` at the start of a line of the file; 0 where there is none. */
static uint64_t value_read(const char *path, const char *key)
{
    char line[LINE_SIZE];
    unsigned long long value = 0;
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) != 0) continue;
        value = strtoull(line + strlen(key), NULL, 10);
        break;
    }
    if (file != NULL) fclose(file);
    return value;
}

/* "ID (NAME) STATE ...", where user and system time are the fields 14 and 15. */
static bool thread_read(pid_t pid, const char *id, struct thread *thread)
{
    char path[PATH_SIZE], line[LINE_SIZE];
    snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pid, id);
    if (!line_read(path, line)) return false;
    const char *open = strchr(line, '('), *close = strrchr(line, ')');
    if (open == NULL || close == NULL || close < open) return false;
    snprintf(thread->name, sizeof thread->name, "%.*s", (int)(close - open - 1), open + 1);
    /* Ids go up from the process's own, and may begin anew with small ones. */
    thread->order = (uint32_t)(strtol(id, NULL, 10) - pid);
    unsigned long long user, system;
    if (sscanf(close + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
        return false;
    thread->user_ticks = user;
    thread->system_ticks = system;
    return true;
}

static int by_order(const void *a, const void *b)
{
    const struct thread *first = a, *second = b;
    return (first->order > second->order) - (first->order < second->order);
}

static uint32_t threads_read(pid_t pid, struct thread threads[THREADS_MAX])
{
    char path[PATH_SIZE];
    uint32_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *listing = opendir(path);
    if (listing == NULL) return 0;
    for (struct dirent *entry = readdir(listing); entry != NULL && count < THREADS_MAX;
         entry = readdir(listing))
        if (entry->d_name[0] != '.' && thread_read(pid, entry->d_name, &threads[count])) count++;
    closedir(listing);
    qsort(threads, count, sizeof threads[0], by_order);
    return count;
}

static void usage_add(struct usage *usage, const char *name, uint64_t ticks)
{
    uint32_t at = 0;
    while (at < usage->count && strcmp(usage->threads[at].name, name) != 0)
        at++;
    if (at == USAGE_NAMES_MAX) return;
    if (at == usage->count) {
        snprintf(usage->threads[at].name, USAGE_NAME_SIZE, "%s", name);
        usage->count++;
    }
    usage->threads[at].ticks += ticks;
}

/* Of checkers and of those that answer queries a node has several. */
static const char *name_of(const struct thread *threads, uint32_t at)
{
    if (at == 0) return "loop";
    bool seen = false;
    for (uint32_t i = 0; i < at; i++)
        seen = seen || strcmp(threads[i].name, threads[at].name) == 0;
    bool pool = strcmp(threads[at].name, "checks") == 0 || strcmp(threads[at].name, "query") == 0;
    return seen && !pool ? "leveldb" : threads[at].name;
}

int usage_read(pid_t pid, struct usage *usage)
{
    static struct thread threads[THREADS_MAX];
    char path[PATH_SIZE];
    uint32_t count = threads_read(pid, threads);
    if (count == 0) return TALLY_ENOTFOUND;
    *usage = (struct usage){.count = 0};
    for (uint32_t i = 0; i < count; i++) {
        usage_add(usage, name_of(threads, i), threads[i].user_ticks + threads[i].system_ticks);
        usage->system_ticks += threads[i].system_ticks;
    }
    snprintf(path, sizeof path, "/proc/%d/io", (int)pid);
    usage->written_bytes = value_read(path, "write_bytes:");
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    usage->memory_bytes = 1024 * value_read(path, "VmRSS:");
    usage->memory_peak_bytes = 1024 * value_read(path, "VmHWM:");
    return TALLY_OK;
}

static double seconds_of(uint64_t ticks)
{
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

json_t *usage_cpu(const struct usage *before, const struct usage *after)
{
    json_t *cpu = json_object();
    uint64_t total = 0;
    for (uint32_t i = 0; i < after->count; i++) {
        uint64_t ticks = after->threads[i].ticks;
        for (uint32_t j = 0; j < before->count; j++)
            if (strcmp(before->threads[j].name, after->threads[i].name) == 0)
                ticks -= before->threads[j].ticks;
        json_object_set_new(cpu, after->threads[i].name, json_real(seconds_of(ticks)));
        total += ticks;
    }
    json_object_set_new(cpu, "total", json_real(seconds_of(total)));
    json_object_set_new(cpu, "system", json_real(seconds_of(after->system_ticks - before->system_ticks)));
    return cpu;
}

/* ---- Folders. nftw carries no context; one thread walks at a time. ---- */

static uint64_t folder_total;

static int count_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)path;
    (void)where;
    if (type == FTW_F) folder_total += (uint64_t)status->st_blocks * 512;
    return 0;
}

uint64_t folder_bytes(const char *path)
{
    folder_total = 0;
    return nftw(path, count_one, FOLDER_DEPTH, FTW_PHYS) == 0 ? folder_total : 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

int folder_remove(const char *path)
{
    return nftw(path, remove_one, FOLDER_DEPTH, FTW_DEPTH | FTW_PHYS) == 0 ? TALLY_OK : TALLY_EIO;
}

/* ---- The machine ---- */

/* The usual ones by name; a disk in memory says nothing about a disk. */
static const char *filesystem_name(const char *dir)
{
    struct statfs status;
    if (statfs(dir, &status) != 0) return "unknown";
    switch ((unsigned long)status.f_type) {
    case 0xEF53:
        return "ext";
    case 0x58465342:
        return "xfs";
    case 0x9123683E:
        return "btrfs";
    case 0x2FC12FC1:
        return "zfs";
    case 0x01021994:
        return "tmpfs";
    case 0x794C7630:
        return "overlay";
    default:
        return "other";
    }
}

static void cpu_name(char name[LINE_SIZE])
{
    static const char key[] = "model name\t: ";
    char line[LINE_SIZE];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(name, LINE_SIZE, "unknown");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, sizeof key - 1) != 0) continue;
        snprintf(name, LINE_SIZE, "%.*s", (int)strcspn(line + sizeof key - 1, "\n"), line + sizeof key - 1);
        break;
    }
    if (file != NULL) fclose(file);
}

json_t *machine_describe(const char *dir)
{
    char cpu[LINE_SIZE];
    struct utsname kernel = {.release = ""};
    double load = 0;
    cpu_name(cpu);
    (void)uname(&kernel);
    (void)getloadavg(&load, 1);
    return json_pack("{s:I, s:s, s:I, s:s, s:s, s:f, s:s}", "cores",
        (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "cpu", cpu, "memory_bytes",
        (json_int_t)(1024 * value_read("/proc/meminfo", "MemTotal:")), "kernel", kernel.release, "filesystem",
        filesystem_name(dir), "load_average", load, "version", TALLY_VERSION);
}
