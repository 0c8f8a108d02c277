// links: tools
/* A Metro 2 file: whatever it is, the import's source ends, tells lines in order, and each of them is an
 * event that the import reads, or has a reason why there is none. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tools/import_line.h"
#include "tools/import_metro2.h"

static int file_of(const uint8_t *data, size_t size)
{
    int file = memfd_create("metro2", MFD_CLOEXEC);
    CHECK(file >= 0 && write(file, data, size) == (ssize_t)size);
    CHECK(lseek(file, 0, SEEK_SET) == 0);
    return file;
}

static void read_all(struct import_metro2 *metro2)
{
    struct import_source source = import_metro2_source(metro2);
    struct import_line line;
    struct span text;
    uint64_t number, before = 1;
    import_line_init(&line);
    for (;;) {
        char why[IMPORT_WHY_SIZE] = "";
        int error = source.next(source.context, &text, &number, why);
        if (error == TALLY_ENOTFOUND) break;
        CHECK(number >= before);
        before = number;
        if (error == TALLY_OK)
            CHECK(import_line_parse(text, &line, why, sizeof why) == TALLY_OK);
        else
            CHECK(error == TALLY_EFORM && why[0] != '\0');
    }
    import_line_close(&line);
    json_t *told = metro2_totals_json(import_metro2_totals(metro2));
    CHECK(json_is_object(told));
    json_decref(told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct source_keys keys;
    struct import_metro2 *metro2;
    char why[IMPORT_WHY_SIZE] = "";
    if (size == 0) return 0;
    int file = file_of(data + 1, size - 1);
    const struct metro2_options options = {
        .subject = data[0] % 2 == 0 ? METRO2_SUBJECT_SSN : METRO2_SUBJECT_ACCOUNT,
        .months = data[0] / 2 % (METRO2_MONTHS + 1),
    };
    if (import_metro2_open(file, &options, &keys, &metro2, why) == TALLY_OK) {
        read_all(metro2);
        import_metro2_close(metro2);
    } else {
        CHECK(why[0] != '\0');
    }
    close(file);
    return 0;
}

static void put(char *line, size_t first, const char *text)
{
    memcpy(line + first - 1, text, strlen(text));
}

static void record_make(char *line, const char *kind, const char *status, const char *profile)
{
    memset(line, ' ', METRO2_BASE_SIZE);
    put(line, 1, "0426120190402140");
    put(line, 43, "A-1");
    put(line, 73, kind);
    put(line, 76, "03152022000004000000018000060M000000350000000340");
    put(line, 124, status);
    put(line, 127, profile);
    put(line, 155, "000000000000000000000000100");
    put(line, 182, "06302025060120240612202500000000");
    put(line, 298, "666010001");
    line[METRO2_BASE_SIZE] = '\n';
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    static const char header[] = "0426HEADER                                     06302025\n";
    static const struct {
        const char *kind, *status, *profile;
    } samples[] = {{"I00", "11", "0123456BDEGHJKL000000000"}, {"I00", "97", "LLL654321000000000000000"},
        {"R18", "13", "000000000000000000000000"}, {"M26", "64", "LLLLLLLLLLLLLLLLLLLLLLLL"}};
    size_t head = sizeof header - 1, size = 1 + head + 2 * (METRO2_BASE_SIZE + 1);
    if (number >= sizeof samples / sizeof samples[0] || size > size_max) return 0;
    char *text = (char *)bytes;
    text[0] = (char)(number % 2 + 2 * METRO2_MONTHS);
    memcpy(text + 1, header, head);
    record_make(text + 1 + head, samples[number].kind, samples[number].status, samples[number].profile);
    char *trailer = text + 1 + head + METRO2_BASE_SIZE + 1;
    memset(trailer, '0', METRO2_BASE_SIZE);
    put(trailer, 1, "0426TRAILER000000001");
    trailer[METRO2_BASE_SIZE] = '\n';
    return size;
}
