#include "storage/mapped.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A line of /proc/self/maps: addresses, rights, place, device, inode, and a path. */
#define LINE_SIZE_MAX 4352u
#define TABLE_SUFFIX ".ldb"

bool mapped_is_much(void)
{
    unsigned long long total, resident, shared;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return false;
    int found = fscanf(file, "%llu %llu %llu", &total, &resident, &shared);
    (void)fclose(file);
    return found == 3 && shared * (unsigned long long)sysconf(_SC_PAGESIZE) > MAPPED_SIZE_MAX;
}

/* No other file of ours is mapped, and LevelDB's have this name alone. */
static bool is_table(const char *line)
{
    size_t size = strcspn(line, "\n"), suffix_size = strlen(TABLE_SUFFIX);
    return size > suffix_size && strncmp(line + size - suffix_size, TABLE_SUFFIX, suffix_size) == 0;
}

/* MADV_PAGEOUT and no other: the file may be unmapped by now and the place be somebody's memory, and this
 * loses nothing of that. Where nothing is mapped any more, there is nothing to do. */
static int give_back(const char *line)
{
    unsigned long long from, to;
    if (sscanf(line, "%llx-%llx", &from, &to) != 2 || from >= to) return TALLY_EIO;
    if (madvise((void *)(uintptr_t)from, (size_t)(to - from), MADV_PAGEOUT) == 0) return TALLY_OK;
    return errno == ENOMEM ? TALLY_OK : TALLY_EIO;
}

int mapped_give_back(void)
{
    char line[LINE_SIZE_MAX];
    FILE *file = fopen("/proc/self/maps", "re");
    if (file == NULL) return TALLY_EIO;
    int error = TALLY_OK;
    while (error == TALLY_OK && fgets(line, sizeof line, file) != NULL)
        if (is_table(line)) error = give_back(line);
    if (ferror(file)) error = TALLY_EIO;
    (void)fclose(file);
    return error;
}
