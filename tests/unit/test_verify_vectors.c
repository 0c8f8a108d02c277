// links: proof codec crypto base
/* The vectors of tests/vectors/proofs.txt, which any verifier written from proto/proof/FORMAT.md can be held
 * against. Lines: "trust CHAIN_ID EPOCH KEY..", then "NAME REASON FILE [OPTION=VALUE]..", all bytes in
 * hexadecimal; the options are since, known, min_height, min_time_ms, inquiry. With "--write FILE" this
 * program writes them instead; it is a function of the samples, so the file only changes when the format
 * does. With "--flips SEED COUNT" it prints as many vectors of a few flipped bits each, with the verdicts
 * that this verifier gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>

#include "tests/vectors/vectors_chain.h"
#include "tests/vectors/vectors_epochs.h"
#include "tests/vectors/vectors_history.h"

#define VECTORS TALLY_SOURCE_DIR "/tests/vectors/proofs.txt"
#define LINE_SIZE_MAX (4u * VECTOR_SIZE_MAX)
#define VECTOR_COUNT                                                                                         \
    (HISTORY_VECTORS + RECEIPT_VECTORS + CONSISTENCY_VECTORS + CHECKPOINT_VECTORS + EPOCHS_VECTORS)

static struct sample_map map;

static void vector_make(size_t i, struct vector *vector)
{
    if (i < HISTORY_VECTORS) {
        history_vector_make(&map, i, vector);
    } else if ((i -= HISTORY_VECTORS) < RECEIPT_VECTORS) {
        receipt_vector_make(&map.network, i, vector);
    } else if ((i -= RECEIPT_VECTORS) < CONSISTENCY_VECTORS) {
        consistency_vector_make(&map.network, i, vector);
    } else if ((i -= CONSISTENCY_VECTORS) < CHECKPOINT_VECTORS) {
        checkpoint_vector_make(&map.network, i, vector);
    } else {
        epochs_vector_make(&map, i - CHECKPOINT_VECTORS, vector);
    }
    CHECK(!vector->bytes.failed && !vector->since.failed && !vector->known.failed);
}

/* ---- Lines ---- */

static void print_hex(char *line, const char *before, struct span bytes)
{
    size_t used = strlen(line);
    CHECK(used + strlen(before) + 2 * bytes.size + 2 < LINE_SIZE_MAX);
    memcpy(line + used, before, strlen(before));
    hex_encode(bytes, line + used + strlen(before));
}

static void print_number(char *line, const char *before, uint64_t number)
{
    size_t used = strlen(line);
    (void)snprintf(line + used, LINE_SIZE_MAX - used, "%s%" PRIu64, before, number);
}

static void print_trust(char *line)
{
    const struct validator_set *set = &map.network.validators.set;
    memcpy(line, "trust", sizeof "trust");
    print_hex(line, " ", span_of(map.network.chain_id.bytes, DIGEST_SIZE));
    print_number(line, " ", set->epoch);
    for (uint32_t i = 0; i < set->count; i++)
        print_hex(line, " ", span_of(set->keys[i].bytes, PUBLIC_KEY_SIZE));
}

static void print_vector(const struct vector *vector, char *line)
{
    (void)snprintf(line, LINE_SIZE_MAX, "%s %s", vector->name, proof_reason_name(vector->reason));
    print_hex(line, " ", buffer_span(&vector->bytes));
    if (vector->since.size > 0) print_hex(line, " since=", buffer_span(&vector->since));
    if (vector->known.size > 0) print_hex(line, " known=", buffer_span(&vector->known));
    if (vector->height_min > 0) print_number(line, " min_height=", vector->height_min);
    if (vector->time_ms_min > 0) print_number(line, " min_time_ms=", vector->time_ms_min);
    if (vector->has_inquiry) print_hex(line, " inquiry=", span_of(vector->inquiry.bytes, DIGEST_SIZE));
}

/* ---- This verifier ---- */

/* As tally verify does: what was verified before comes first, however old it is. */
static enum proof_reason history_reason(
    const struct proof_trust *trust, const struct vector *vector, struct arena *arena)
{
    static struct history_proof proof;
    struct proof_trust any_age = {.chain_id = trust->chain_id, .validators = trust->validators};
    struct proof_verdict verdict;
    struct history_base base;
    bool has_base = vector->since.size > 0;
    if (has_base) {
        if (history_verify(&any_age, buffer_span(&vector->since), arena, &proof, &verdict) != TALLY_OK)
            return verdict.reason;
        base = history_base_of(&proof);
    }
    int error = history_verify_since(
        trust, has_base ? &base : NULL, buffer_span(&vector->bytes), arena, &proof, &verdict);
    CHECK((error == TALLY_OK) == (verdict.reason == PROOF_OK));
    return verdict.reason;
}

static enum proof_reason reason_of(const struct vector *vector)
{
    struct proof_trust trust = {.chain_id = map.network.chain_id, .validators = map.network.validators};
    struct proof_verdict verdict = {.reason = PROOF_OK};
    struct certified_checkpoint certified;
    struct known_checkpoint known;
    struct consistency_proof consistency;
    struct receipt receipt;
    struct arena arena;
    struct span bytes = buffer_span(&vector->bytes);
    enum proof_reason reason = PROOF_OK;
    int error = TALLY_OK;
    if (vector->known.size > 0) {
        error = known_checkpoint_verify(&trust, buffer_span(&vector->known), &known, &verdict);
        if (error != TALLY_OK) return verdict.reason;
        trust.known = &known;
    }
    trust.height_min = vector->height_min;
    trust.time_ms_min = vector->time_ms_min;
    trust.inquiry = vector->has_inquiry ? &vector->inquiry : NULL;
    switch (proof_form_of(bytes)) {
    case PROOF_FORM_HISTORY:
        arena_init(&arena, MIB);
        reason = history_reason(&trust, vector, &arena);
        arena_close(&arena);
        return reason;
    case PROOF_FORM_RECEIPT:
        error = receipt_verify(&trust, bytes, &receipt, &verdict);
        break;
    case PROOF_FORM_CONSISTENCY:
        error = consistency_verify(&trust, bytes, &consistency, &verdict);
        break;
    case PROOF_FORM_CHECKPOINT:
        error = certified_checkpoint_verify(&trust, bytes, &certified, &verdict);
        break;
    }
    CHECK((error == TALLY_OK) == (verdict.reason == PROOF_OK));
    return verdict.reason;
}

/* ---- Tests ---- */

static void read_line(FILE *file, char *line)
{
    assert_non_null(fgets(line, LINE_SIZE_MAX, file));
    line[strcspn(line, "\n")] = '\0';
}

static void the_format_has_not_changed(void **state)
{
    (void)state;
    static char expected[LINE_SIZE_MAX], line[LINE_SIZE_MAX];
    FILE *file = fopen(VECTORS, "r");
    assert_non_null(file);
    print_trust(expected);
    read_line(file, line);
    assert_string_equal(line, expected);
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct vector vector;
        vector_make(i, &vector);
        print_vector(&vector, expected);
        read_line(file, line);
        assert_string_equal(line, expected);
        vector_close(&vector);
    }
    assert_null(fgets(line, LINE_SIZE_MAX, file));
    fclose(file);
}

static void every_vector_has_its_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct vector vector;
        vector_make(i, &vector);
        enum proof_reason reason = reason_of(&vector);
        if (reason != vector.reason)
            fail_msg(
                "%s is %s, not %s", vector.name, proof_reason_name(reason), proof_reason_name(vector.reason));
        vector_close(&vector);
    }
}

/* What the design asks for by name. */
static void every_way_of_cheating_that_is_known_is_there(void **state)
{
    (void)state;
    static const char *const names[] = {"omitted_event", "swapped_order", "altered_header", "altered_body",
        "wrong_chain", "wrong_height", "stale_validator_set", "too_few_signers", "duplicate_signers",
        "truncated_path", "inner_node_as_leaf", "leaf_at_the_wrong_prefix", "absence_for_a_present_subject",
        "trailing_bytes"};
    bool reached[PROOF_STALE + 1] = {false};
    size_t found = 0;
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct vector vector;
        vector_make(i, &vector);
        reached[vector.reason] = true;
        for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
            if (strcmp(vector.name, names[n]) == 0 && vector.reason != PROOF_OK) found++;
        vector_close(&vector);
    }
    assert_int_equal(found, sizeof names / sizeof names[0]);
    for (size_t reason = 0; reason <= PROOF_STALE; reason++)
        assert_true(reached[reason]);
}

/* ---- Other uses ---- */

static int write_vectors(const char *path)
{
    static char line[LINE_SIZE_MAX];
    FILE *file = fopen(path, "w");
    if (file == NULL) return 1;
    print_trust(line);
    fprintf(file, "%s\n", line);
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct vector vector;
        vector_make(i, &vector);
        print_vector(&vector, line);
        fprintf(file, "%s\n", line);
        vector_close(&vector);
    }
    return fclose(file) == 0 ? 0 : 1;
}

/* splitmix64 (Steele, Lea, Flood 2014): the same stream everywhere. */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* One to three bits, none of them twice. */
static void flip(struct buffer *bytes, uint64_t *seed)
{
    size_t bits = 8 * bytes->size, bit = (size_t)(random_next(seed) % bits);
    for (uint64_t flips = 1 + random_next(seed) % 3; flips > 0; flips--) {
        bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bit = (bit + 1 + (size_t)(random_next(seed) % (bits / 3))) % bits;
    }
}

/* Of the vectors that hold, in turn. */
static int print_flips(uint64_t seed, uint64_t count)
{
    static char line[LINE_SIZE_MAX];
    print_trust(line);
    printf("%s\n", line);
    for (size_t i = 0; count > 0; i = (i + 1) % VECTOR_COUNT) {
        struct vector vector;
        vector_make(i, &vector);
        if (vector.reason == PROOF_OK) {
            flip(&vector.bytes, &seed);
            vector.reason = reason_of(&vector);
            print_vector(&vector, line);
            printf("%s\n", line);
            count--;
        }
        vector_close(&vector);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_format_has_not_changed),
        cmocka_unit_test(every_vector_has_its_verdict),
        cmocka_unit_test(every_way_of_cheating_that_is_known_is_there),
    };
    int result;
    sample_map_init(&map);
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        result = write_vectors(argv[2]);
    else if (argc == 4 && strcmp(argv[1], "--flips") == 0)
        result = print_flips(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
    else
        result = cmocka_run_group_tests(tests, NULL, NULL);
    sample_map_close(&map);
    return result;
}
