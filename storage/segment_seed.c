#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/crc32c.h"
#include "storage/segment.h"

#define CHECKED_SIZE 28u /* of a record's header: what its own checksum is over */

uint32_t segment_seed(const struct segment_header *header)
{
    return crc32c(0, header->salt, SEGMENT_SALT_SIZE);
}

void segment_salt_of(uint32_t seed, uint8_t salt[SEGMENT_SALT_SIZE])
{
    static const uint8_t zeros[4];
    memset(salt, 0, SEGMENT_SALT_SIZE);
    uint32_t last = crc32c(0, salt, SEGMENT_SALT_SIZE - 4) ^ crc32c_before(seed, zeros, sizeof zeros);
    for (uint32_t i = 0; i < 4; i++)
        salt[SEGMENT_SALT_SIZE - 4 + i] = (uint8_t)(last >> 8 * i);
    CHECK(crc32c(0, salt, SEGMENT_SALT_SIZE) == seed);
}

/* Any bytes have a seed that makes a header of them; the payload's checksum tells. */
static int record_confirms(const struct disk *disk, int file, uint64_t offset, uint64_t size,
    const struct record_header *header, uint32_t seed, bool *confirms)
{
    uint64_t padded = record_footprint(header->size) - RECORD_HEADER_SIZE;
    size_t got = 0;
    *confirms = false;
    if (header->synced_size > offset || padded > size - offset - RECORD_HEADER_SIZE) return TALLY_OK;
    uint8_t *payload = malloc((size_t)padded);
    if (payload == NULL) return TALLY_ENOMEM;
    int error = disk->read(disk->context, file, offset + RECORD_HEADER_SIZE, payload, (size_t)padded, &got);
    *confirms = error == TALLY_OK && got == padded && crc32c(seed, payload, got) == header->payload_crc;
    free(payload);
    return error;
}

int segment_seed_find(const struct disk *disk, int file, uint64_t size, uint32_t record_size_max,
    uint32_t *seed, uint64_t *number)
{
    for (uint64_t at = SEGMENT_HEADER_SIZE; at + RECORD_HEADER_SIZE <= size; at += RECORD_ALIGNMENT) {
        uint8_t bytes[RECORD_HEADER_SIZE];
        struct record_header header;
        size_t got;
        bool confirms = false;
        int error = disk->read(disk->context, file, at, bytes, sizeof bytes, &got);
        if (error == TALLY_OK && got < sizeof bytes) break;
        if (error == TALLY_OK && get_u32(bytes) == 0) continue;
        uint32_t likely = crc32c_before(get_u32(bytes + CHECKED_SIZE), bytes, CHECKED_SIZE);
        if (error == TALLY_OK && record_header_decode(bytes, likely, &header) == TALLY_OK &&
            header.type != RECORD_TYPE_ERASED && header.size <= record_size_max)
            error = record_confirms(disk, file, at, size, &header, likely, &confirms);
        if (error != TALLY_OK) return error;
        if (!confirms) continue;
        *seed = likely;
        *number = at == SEGMENT_HEADER_SIZE ? header.number : 0;
        return TALLY_OK;
    }
    return TALLY_ENOTFOUND;
}
