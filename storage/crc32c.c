#include "storage/crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0x82F63B78u /* 0x1EDC6F41, bits reversed */

static uint32_t table[256];
static bool has_instruction;
static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static void prepare(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = (value & 1) != 0 ? value >> 1 ^ POLYNOMIAL : value >> 1;
        table[i] = value;
    }
#if defined(__x86_64__)
    has_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t size)
{
    pthread_once(&prepared, prepare);
    const uint8_t *at = data;
    crc = ~crc;
    for (size_t i = 0; i < size; i++)
        crc = table[(crc ^ at[i]) & 0xFF] ^ crc >> 8;
    return ~crc;
}

uint32_t crc32c_before(uint32_t crc, const void *data, size_t size)
{
    pthread_once(&prepared, prepare);
    const uint8_t *at = data;
    crc = ~crc;
    while (size > 0) {
        /* The table's entry that was used last: alone in it is its highest byte. */
        uint32_t used = 0;
        while (table[used] >> 24 != crc >> 24)
            used++;
        crc = (crc ^ table[used]) << 8 | (used ^ at[--size]);
    }
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *at, size_t size)
{
    uint64_t wide = ~crc;
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    uint32_t narrow = (uint32_t)wide;
    for (; size > 0; at++, size--)
        narrow = __builtin_ia32_crc32qi(narrow, *at);
    return ~narrow;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
    pthread_once(&prepared, prepare);
#if defined(__x86_64__)
    if (has_instruction) return by_instruction(crc, data, size);
#endif
    return crc32c_by_table(crc, data, size);
}
