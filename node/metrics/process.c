#include "node/metrics/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)
#define THREAD_NAME_SIZE 32u
/* Names are the program's own: far fewer. */
#define THREAD_NAMES_MAX 32u

struct thread_cpu {
    char name[THREAD_NAME_SIZE];
    uint64_t ns;
};

static uint64_t ns_of(struct timeval time)
{
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_usec * 1000u;
}

static void render_usage(struct exposition *exposition)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return;
    exposition_family(exposition, "process_cpu_seconds_total", EXPOSITION_COUNTER,
        "Processor time used, by user and system together.");
    exposition_seconds(exposition, EXPOSITION_PLAIN, ns_of(usage.ru_utime) + ns_of(usage.ru_stime));
}

static void render_memory(struct exposition *exposition)
{
    unsigned long virtual_pages, resident_pages;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return;
    int read = fscanf(file, "%lu %lu", &virtual_pages, &resident_pages);
    (void)fclose(file);
    if (read != 2) return;
    exposition_family(
        exposition, "process_virtual_memory_bytes", EXPOSITION_GAUGE, "Virtual memory, in bytes.");
    exposition_value(exposition, EXPOSITION_PLAIN, virtual_pages * page);
    exposition_family(
        exposition, "process_resident_memory_bytes", EXPOSITION_GAUGE, "Resident memory, in bytes.");
    exposition_value(exposition, EXPOSITION_PLAIN, resident_pages * page);
}

static void render_files(struct exposition *exposition)
{
    struct rlimit limit;
    uint64_t count = 0;
    DIR *open_files = opendir("/proc/self/fd");
    if (open_files == NULL || getrlimit(RLIMIT_NOFILE, &limit) != 0) goto cleanup;
    const struct dirent *entry;
    while ((entry = readdir(open_files)) != NULL)
        if (entry->d_name[0] != '.') count++;
    exposition_family(exposition, "process_open_fds", EXPOSITION_GAUGE, "Open file descriptors.");
    exposition_value(exposition, EXPOSITION_PLAIN, count - 1); /* this folder is open, too */
    exposition_family(exposition, "process_max_fds", EXPOSITION_GAUGE, "File descriptors that may be open.");
    exposition_value(exposition, EXPOSITION_PLAIN, limit.rlim_cur);

cleanup:
    if (open_files != NULL) (void)closedir(open_files);
}

/* "123 (name) S ...": the name may hold anything; the times are the 12th and 13th number behind it. */
static bool thread_read(const char *task, struct thread_cpu *cpu)
{
    char path[64], line[512];
    unsigned long user, system;
    snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", task);
    FILE *file = fopen(path, "re");
    if (file == NULL) return false; /* it has ended */
    size_t size = fread(line, 1, sizeof line - 1, file);
    (void)fclose(file);
    line[size] = '\0';
    const char *open = strchr(line, '('), *close = strrchr(line, ')');
    if (open == NULL || close == NULL || close < open) return false;
    if (sscanf(close + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return false;
    snprintf(cpu->name, sizeof cpu->name, "%.*s", (int)(close - open - 1), open + 1);
    cpu->ns = (user + system) * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
    return true;
}

/* Those of one name count as one. */
static size_t threads_read(struct thread_cpu threads[THREAD_NAMES_MAX])
{
    size_t count = 0;
    struct thread_cpu read;
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL) return 0;
    const struct dirent *entry;
    while ((entry = readdir(tasks)) != NULL) {
        size_t at = 0;
        if (entry->d_name[0] == '.' || !thread_read(entry->d_name, &read)) continue;
        while (at < count && strcmp(threads[at].name, read.name) != 0)
            at++;
        if (at == THREAD_NAMES_MAX) continue;
        if (at == count) {
            threads[count] = read;
            count++;
        } else {
            threads[at].ns += read.ns;
        }
    }
    (void)closedir(tasks);
    return count;
}

static void render_threads(struct exposition *exposition)
{
    struct thread_cpu threads[THREAD_NAMES_MAX];
    size_t count = threads_read(threads);
    exposition_family(exposition, "tallystick_thread_cpu_seconds_total", EXPOSITION_COUNTER,
        "Processor time used by the threads of one name that run now; the loop's is the program's own name.");
    for (size_t i = 0; i < count; i++)
        exposition_seconds(exposition, EXPOSITION_LABELS({"thread", threads[i].name}), threads[i].ns);
}

void process_metrics(struct exposition *exposition, uint64_t started_ms)
{
    exposition_family(exposition, "process_start_time_seconds", EXPOSITION_GAUGE,
        "When the process began, in seconds since 1970.");
    exposition_seconds(exposition, EXPOSITION_PLAIN, started_ms * 1000000u);
    render_usage(exposition);
    render_memory(exposition);
    render_files(exposition);
    render_threads(exposition);
}
