#include "storage/segment_log_internal.h"

#include <stdio.h>
#include <stdlib.h>

static int write_header(
    const struct segment_log_config *config, int file, const struct segment_header *header)
{
    const struct disk *disk = config->disk;
    uint8_t bytes[SEGMENT_HEADER_SIZE + SEGMENT_END_MARK_SIZE] = {0};
    segment_header_encode(header, bytes);
    int error =
        disk->write(disk->context, file, 0, bytes, header->used_before ? sizeof bytes : SEGMENT_HEADER_SIZE);
    return error == TALLY_OK ? disk->sync(disk->context, file) : error;
}

/* The file of a new segment: the spare, *path, where there is one, else a new one under a name of its own. */
static int open_new(const struct segment_log_config *config, uint32_t sequence, char path[DISK_PATH_SIZE_MAX],
    struct segment *segment)
{
    const struct disk *disk = config->disk;
    char temporary[SEGMENT_NAME_SIZE + 4];
    int error = config->recycles ? disk_join(config->dir, SEGMENT_SPARE, path) : TALLY_ENOTFOUND;
    if (error == TALLY_OK) error = disk->open(disk->context, path, DISK_WRITE, &segment->file);
    segment->used_before = error == TALLY_OK;
    if (error == TALLY_OK) {
        error = disk->size(disk->context, segment->file, &segment->allocated);
        if (error != TALLY_OK) disk->close(disk->context, segment->file);
        return error;
    }
    if (error != TALLY_ENOTFOUND) return error;
    snprintf(temporary, sizeof temporary, "%016x.new", sequence);
    error = disk_join(config->dir, temporary, path);
    return error == TALLY_OK ? disk->open(disk->context, path, DISK_CREATE, &segment->file) : error;
}

/* Written under another name and renamed once it is on disk: a crash leaves a whole segment, or none. The
 * header is filled in but for its salt. */
int segment_log_make(
    const struct segment_log_config *config, struct segment_header *header, struct segment *segment)
{
    const struct disk *disk = config->disk;
    char name[SEGMENT_NAME_SIZE], path[DISK_PATH_SIZE_MAX], temporary[DISK_PATH_SIZE_MAX];
    struct segment made = {.sequence = (uint32_t)header->sequence,
        .previous_size = header->previous_size,
        .previous_digest = header->previous_digest,
        .size = SEGMENT_HEADER_SIZE,
        .synced = SEGMENT_HEADER_SIZE,
        .allocated = SEGMENT_HEADER_SIZE};
    segment_log_name(made.sequence, name);
    int error = disk_join(config->dir, name, path);
    if (error == TALLY_OK) error = open_new(config, made.sequence, temporary, &made);
    if (error != TALLY_OK) return error;
    header->kind = config->kind;
    header->chain_id = config->chain_id;
    header->used_before = made.used_before;
    random_bytes(header->salt, sizeof header->salt);
    made.seed = segment_seed(header);
    error = write_header(config, made.file, header);
    if (error == TALLY_OK) error = disk->rename(disk->context, temporary, path);
    if (error == TALLY_OK) error = disk->sync_dir(disk->context, config->dir);
    if (error != TALLY_OK) {
        disk->close(disk->context, made.file);
        return error;
    }
    *segment = made;
    return TALLY_OK;
}

/* ---- What is in the folder ---- */

static int listing_seen(void *context, const char *name)
{
    struct segment_listing *listing = context;
    size_t length = strlen(name);
    if (length == SEGMENT_NAME_SIZE - 1 + 4 && strcmp(name + length - 4, ".new") == 0) {
        /* A segment whose making a crash cut short: it never was. */
        char path[DISK_PATH_SIZE_MAX];
        int error = disk_join(listing->config->dir, name, path);
        return error == TALLY_OK ? listing->config->disk->remove(listing->config->disk->context, path)
                                 : error;
    }
    uint8_t bytes[8];
    if (length != SEGMENT_NAME_SIZE - 1 || hex_decode(name, bytes, sizeof bytes) != TALLY_OK) return TALLY_OK;
    uint64_t sequence = get_u64(bytes);
    if (sequence == 0 || sequence > UINT32_MAX) return TALLY_OK;
    if (listing->count == SEGMENT_LOG_SEGMENTS_MAX) return TALLY_ELIMIT;
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 16 : listing->capacity * 2;
        uint32_t *sequences = realloc(listing->sequences, capacity * sizeof *sequences);
        if (sequences == NULL) return TALLY_ENOMEM;
        listing->sequences = sequences;
        listing->capacity = capacity;
    }
    listing->sequences[listing->count++] = (uint32_t)sequence;
    return TALLY_OK;
}

static int by_sequence(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int segment_log_list(const struct segment_log_config *config, struct segment_listing *listing)
{
    *listing = (struct segment_listing){.config = config};
    int error = config->disk->list(config->disk->context, config->dir, listing_seen, listing);
    if (error == TALLY_OK && listing->count > 1)
        qsort(listing->sequences, listing->count, sizeof *listing->sequences, by_sequence);
    return error;
}

int segment_log_create(
    const struct segment_log_config *config, uint64_t first_number, const struct digest *link)
{
    struct segment_listing listing;
    int error = segment_log_list(config, &listing);
    if (error == TALLY_OK && listing.count > 0) error = TALLY_EEXISTS;
    free(listing.sequences);
    struct segment segment;
    struct segment_header header = {.sequence = 1, .first_number = first_number};
    if (link != NULL) header.link = *link;
    if (error == TALLY_OK) error = segment_log_make(config, &header, &segment);
    if (error == TALLY_OK) config->disk->close(config->disk->context, segment.file);
    return error;
}
