/* CRC-32C (Castagnoli), as RFC 3720 appendix B.4 gives it: against accidents on disk, never against people.
 */
#ifndef TALLY_STORAGE_CRC32C_H
#define TALLY_STORAGE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues from `crc`, the value over the bytes before these; 0 to begin, or a seed. Uses the processor's
 * instruction where there is one. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);
/* What to continue from so that the bytes bring it to `crc`. */
uint32_t crc32c_before(uint32_t crc, const void *data, size_t size);
/* crc32c by table, on any machine: what the other is tested against. */
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t size);

#endif
