// links: tools
/* A mapping, a NUL, and a CSV file: whatever they are, the import's source ends, tells lines in order, and
 * each of them is a JSON object or has a reason why there is none. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tools/import_csv.h"

static int file_of(struct span bytes)
{
    int file = memfd_create("csv", MFD_CLOEXEC);
    CHECK(file >= 0 && write(file, bytes.data, bytes.size) == (ssize_t)bytes.size);
    CHECK(lseek(file, 0, SEEK_SET) == 0);
    return file;
}

static void read_all(struct import_csv *csv)
{
    struct import_source source = import_csv_source(csv);
    struct span text;
    uint64_t number, before = 1;
    for (;;) {
        char why[IMPORT_WHY_SIZE] = "";
        int error = source.next(source.context, &text, &number, why);
        if (error == TALLY_ENOTFOUND) return;
        CHECK(number >= before);
        before = number;
        if (error != TALLY_OK) {
            CHECK(error == TALLY_EFORM && why[0] != '\0');
            continue;
        }
        json_t *object = json_loadb((const char *)text.data, text.size, 0, NULL);
        CHECK(json_is_object(object));
        json_decref(object);
        snprintf(why, sizeof why, "event_date is wrong");
        source.place(source.context, why);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct source_keys keys;
    struct csv_map map;
    struct import_csv *csv;
    char why[IMPORT_WHY_SIZE] = "";
    size_t end = 0;
    while (end < size && data[end] != '\0')
        end++;
    if (csv_map_parse(span_of(data, end), &map, why, sizeof why) != TALLY_OK) {
        CHECK(why[0] != '\0');
        return 0;
    }
    int file = file_of(end < size ? span_of(data + end + 1, size - end - 1) : span_of("", 0));
    if (import_csv_open(file, &map, &keys, &csv, why) == TALLY_OK) {
        read_all(csv);
        import_csv_close(csv);
    } else {
        CHECK(why[0] != '\0');
    }
    close(file);
    csv_map_close(&map);
    return 0;
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
#define EVENT(fields) "{\"events\":[{\"type\":\"PAYMENT\",\"fields\":{" fields "}}]}"
    static const char *const samples[][2] = {
        {EVENT("\"event_date\":{\"column\":\"d\",\"as\":\"date\",\"format\":\"d.m.yyyy\"},"
               "\"body.amount_minor\":{\"column\":\"a\",\"as\":\"amount\",\"currency\":\"EUR\",\"decimal\":"
               "\",\","
               "\"group\":\".\",\"powers\":true}"),
            "d,a\n1.2.2024,\"1.234,5\"\n\"31.12.\n2024\",5e+05\n"},
        {"{\"delimiter\":\";\",\"trim\":true,\"columns\":[\"a\",\"b\"],\"events\":[{\"type\":\"CLOSE\","
         "\"when\":[{\"column\":"
         "\"a\",\"is\":[\"x\"]}],\"fields\":{\"subject\":{\"column\":\"b\",\"as\":\"subject_id\","
         "\"document\":\"ID\"},"
         "\"account\":{\"column\":\"b\",\"as\":\"account_ref\",\"absent\":[\"\"]}}}]}",
            " x ; 12345\r\n\"x\";\"a\"\"b\"\n\nx;"},
        {EVENT("\"period\":{\"column\":\"p\",\"as\":\"month\"},\"n\":{\"column\":\"n\",\"as\":\"number\"},"
               "\"v\":{\"column\":\"n\",\"as\":\"values\",\"values\":{\"1\":[\"A\"]}}"),
            "p,n\n2024-02,1\n2024-13,-9223372036854775808\n"},
    };
    if (number >= sizeof samples / sizeof samples[0]) return 0;
    int size = snprintf((char *)bytes, size_max, "%s%c%s", samples[number][0], '\0', samples[number][1]);
    return (size_t)size < size_max ? (size_t)size : 0;
}
