/* Runs a fuzz target without a fuzzer: over the files given as arguments, or else over a seeded stream of
 * random bytes and of mutations of the target's samples, for about two seconds. "--samples DIR" writes the
 * samples to files, for a fuzzer to start from. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_SIZE_MAX (64u * 1024u)
#define SAMPLES_MAX 64u
#define SECONDS 2
#define INPUTS_MAX 2000000u
#define EDITS_MAX 6u

#pragma weak fuzz_sample

struct sample {
    uint8_t *bytes;
    size_t size;
};

static struct sample samples[SAMPLES_MAX];
static uint32_t sample_count;

/* splitmix64 (Steele, Lea, Flood 2014): any seed will do, and the stream is the same everywhere. */
static uint64_t random_state = 0x7a11;

static uint64_t random_u64(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* 0 to `bound` - 1; 0 where bound is 0. */
static size_t random_below(size_t bound)
{
    return bound == 0 ? 0 : (size_t)(random_u64() % bound);
}

static uint8_t *take(size_t size)
{
    uint8_t *memory = malloc(size > 0 ? size : 1);
    if (memory == NULL) {
        fprintf(stderr, "no memory left\n");
        exit(1);
    }
    return memory;
}

static void load_samples(void)
{
    uint8_t *scratch = take(INPUT_SIZE_MAX);
    while (fuzz_sample != NULL && sample_count < SAMPLES_MAX) {
        size_t size = fuzz_sample(sample_count, scratch, INPUT_SIZE_MAX);
        if (size == 0) break;
        samples[sample_count].bytes = take(size);
        memcpy(samples[sample_count].bytes, scratch, size);
        samples[sample_count++].size = size;
    }
    free(scratch);
}

static void close_samples(void)
{
    for (uint32_t i = 0; i < sample_count; i++)
        free(samples[i].bytes);
}

/* The input lies in memory of exactly its size, so that a sanitizer sees any byte read past its end. */
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = take(size);
    memcpy(exact, bytes, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

/* Moves the bytes from `from` on to `to`, and returns the new size. */
static size_t shift(uint8_t *bytes, size_t size, size_t from, size_t to)
{
    memmove(bytes + to, bytes + from, size - from);
    return size - from + to;
}

static size_t edit(uint8_t *bytes, size_t size)
{
    static const uint8_t telling[] = {0x00, 0x01, 0x7f, 0x80, 0x81, 0xff, 0x08, 0x0a, 0x12, 0x20, 0x40};
    size_t at = random_below(size);
    size_t span = 1 + random_below(size - at < 40 ? size - at : 40);
    switch (random_below(7)) {
    case 0:
        if (size > 0) bytes[at] ^= (uint8_t)(1u << random_below(8));
        return size;
    case 1:
        if (size > 0) bytes[at] = telling[random_below(sizeof telling)];
        return size;
    case 2:
        if (size > 0) bytes[at] = (uint8_t)random_u64();
        return size;
    case 3: /* cut out */
        return at + span <= size ? shift(bytes, size, at + span, at) : size;
    case 4: /* put in */
        if (size + span > INPUT_SIZE_MAX) return size;
        size = shift(bytes, size, at, at + span);
        for (size_t i = 0; i < span; i++)
            bytes[at + i] = (uint8_t)random_u64();
        return size;
    case 5: /* say twice */
        if (at + span > size || size + span > INPUT_SIZE_MAX) return size;
        return shift(bytes, size, at, at + span);
    default: /* end early */
        return random_below(8) == 0 ? at : size;
    }
}

/* Joins the head of what is there with the tail of another sample. */
static size_t splice(uint8_t *bytes, size_t size)
{
    const struct sample *other = &samples[random_below(sample_count)];
    size_t head = random_below(size + 1), from = random_below(other->size + 1);
    size_t tail = other->size - from;
    if (head + tail > INPUT_SIZE_MAX) return size;
    memcpy(bytes + head, other->bytes + from, tail);
    return head + tail;
}

static size_t make_input(uint8_t *bytes)
{
    size_t size;
    if (sample_count == 0 || random_below(16) == 0) {
        size = random_below(300);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)random_u64();
        return size;
    }
    const struct sample *from = &samples[random_below(sample_count)];
    size = from->size;
    memcpy(bytes, from->bytes, size);
    if (random_below(16) == 0) size = splice(bytes, size);
    for (size_t edits = 1 + random_below(EDITS_MAX); edits > 0; edits--)
        size = edit(bytes, size);
    return size;
}

static int run_stream(void)
{
    uint8_t *bytes = take(INPUT_SIZE_MAX);
    clock_t start = clock();
    uint32_t inputs = 0;
    run(bytes, 0);
    for (uint32_t i = 0; i < sample_count; i++)
        run(samples[i].bytes, samples[i].size);
    while (inputs < INPUTS_MAX && clock() - start < (clock_t)SECONDS * CLOCKS_PER_SEC) {
        run(bytes, make_input(bytes));
        inputs++;
    }
    free(bytes);
    printf("%" PRIu32 " samples, %" PRIu32 " inputs\n", sample_count, inputs);
    return 0;
}

static int run_file(const char *path)
{
    uint8_t *bytes = take(1u << 24);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "cannot open %s\n", path);
        free(bytes);
        return 1;
    }
    run(bytes, fread(bytes, 1, 1u << 24, file));
    fclose(file);
    free(bytes);
    return 0;
}

static int write_samples(const char *directory)
{
    char path[4096];
    for (uint32_t i = 0; i < sample_count; i++) {
        (void)snprintf(path, sizeof path, "%s/sample-%02" PRIu32, directory, i);
        FILE *file = fopen(path, "wb");
        if (file == NULL || fwrite(samples[i].bytes, 1, samples[i].size, file) != samples[i].size) {
            fprintf(stderr, "cannot write %s\n", path);
            if (file != NULL) fclose(file);
            return 1;
        }
        fclose(file);
    }
    return 0;
}

int main(int argc, char **argv)
{
    int result = 0;
    load_samples();
    if (argc == 3 && strcmp(argv[1], "--samples") == 0)
        result = write_samples(argv[2]);
    else if (argc == 1)
        result = run_stream();
    else
        for (int i = 1; i < argc && result == 0; i++)
            result = run_file(argv[i]);
    close_samples();
    return result;
}
