// links: proof codec crypto base
/* The vectors of tests/vectors/history.txt, which any verifier written from proto/proof/FORMAT.md can be held
 * against. Lines: "trust CHAIN_ID EPOCH KEY..", then "NAME REASON PROOF", all bytes in hexadecimal. Run with
 * a file's name, this program writes them instead; it is a function of the samples, so the file only changes
 * when the format does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "proto/proof/verify.h"
#include "tests/vectors/samples.h"

#define VECTORS TALLY_SOURCE_DIR "/tests/vectors/history.txt"
#define LINE_SIZE_MAX 32768

static struct sample_map map;

/* Each spoils a good proof in its own way; `events` are the proof's, to be written to. */
static void present(struct history_proof *proof, struct proven_event *events)
{
    (void)proof;
    events[4].has_body = false;
}

static void absent_other(struct history_proof *proof, struct proven_event *events)
{
    (void)events;
    struct digest subject = sample_absent(&map, PLACE_OTHER);
    sample_prove(&map, &subject, proof);
}

static void absent_empty(struct history_proof *proof, struct proven_event *events)
{
    (void)events;
    struct digest subject = sample_absent(&map, PLACE_EMPTY);
    sample_prove(&map, &subject, proof);
}

static void other_chain(struct history_proof *proof, struct proven_event *events)
{
    (void)events;
    proof->checkpoint.checkpoint.chain_id = sample_digest("another chain");
    sample_certify(&map.network, sample_quorum(&map.network), &proof->checkpoint);
}

static void other_height(struct history_proof *proof, struct proven_event *events)
{
    (void)events;
    proof->checkpoint.checkpoint.height++;
}

static void stale_set(struct history_proof *proof, struct proven_event *events)
{
    (void)events;
    struct validator_set next = map.network.validators.set;
    next.epoch++;
    proof->checkpoint.checkpoint.set_hash = validator_set_hash(&next);
    proof->checkpoint.checkpoint.epoch = next.epoch;
    sample_certify(&map.network, sample_quorum(&map.network), &proof->checkpoint);
}

static void too_few_signers(struct history_proof *proof, struct proven_event *events)
{
    (void)events;
    sample_certify(&map.network, 3, &proof->checkpoint);
}

static void duplicate_signer(struct history_proof *proof, struct proven_event *events)
{
    (void)events;
    proof->checkpoint.signatures[1] = proof->checkpoint.signatures[0];
}

static void truncated_path(struct history_proof *proof, struct proven_event *events)
{
    (void)events;
    proof->sibling_count--;
}

static void longer_path(struct history_proof *proof, struct proven_event *events)
{
    (void)events;
    memset(&proof->siblings[proof->sibling_count++], 0, DIGEST_SIZE);
}

static void inner_node_as_leaf(struct history_proof *proof, struct proven_event *events)
{
    absent_other(proof, events);
    proof->leaf.acc = subject_leaf_hash(&proof->other_position, &proof->leaf);
    proof->leaf.summary = proof->siblings[--proof->sibling_count];
}

static void leaf_at_wrong_prefix(struct history_proof *proof, struct proven_event *events)
{
    (void)events;
    proof->subject_id = sample_absent(&map, PLACE_EMPTY);
    proof->place = PLACE_OTHER;
    proof->other_position = map.places[0].position;
    proof->event_count = 0;
}

static void absence_of_present(struct history_proof *proof, struct proven_event *events)
{
    (void)events;
    proof->place = PLACE_EMPTY;
    proof->event_count = 0;
}

static void omitted_event(struct history_proof *proof, struct proven_event *events)
{
    (void)events;
    proof->event_count--;
}

static void swapped_events(struct history_proof *proof, struct proven_event *events)
{
    (void)proof;
    struct proven_event first = events[2];
    events[2] = events[3];
    events[3] = first;
}

static void altered_header(struct history_proof *proof, struct proven_event *events)
{
    (void)proof;
    events[3].header = events[2].header;
}

static void altered_result(struct history_proof *proof, struct proven_event *events)
{
    (void)proof;
    events[0].result = RESULT_GAP;
}

static void altered_body(struct history_proof *proof, struct proven_event *events)
{
    (void)proof;
    events[1].body = events[2].body;
}

static void altered_salt(struct history_proof *proof, struct proven_event *events)
{
    (void)proof;
    events[0].salt[0] ^= 1;
}

static const struct {
    const char *name;
    enum proof_reason reason;
    void (*spoil)(struct history_proof *proof, struct proven_event *events);
    const char *appended;
} vectors[] = {
    {"present", PROOF_OK, present, ""},
    {"absent_other", PROOF_OK, absent_other, ""},
    {"absent_empty", PROOF_OK, absent_empty, ""},
    {"other_chain", PROOF_CHAIN, other_chain, ""},
    {"other_height", PROOF_SIGNATURE, other_height, ""},
    {"stale_set", PROOF_SIGNATURE, stale_set, ""},
    {"too_few_signers", PROOF_SIGNATURE, too_few_signers, ""},
    {"duplicate_signer", PROOF_SIGNATURE, duplicate_signer, ""},
    {"truncated_path", PROOF_ROOT, truncated_path, ""},
    {"longer_path", PROOF_ROOT, longer_path, ""},
    {"inner_node_as_leaf", PROOF_ROOT, inner_node_as_leaf, ""},
    {"leaf_at_wrong_prefix", PROOF_ROOT, leaf_at_wrong_prefix, ""},
    {"absence_of_present", PROOF_ROOT, absence_of_present, ""},
    {"omitted_event", PROOF_COUNT, omitted_event, ""},
    {"swapped_events", PROOF_FOLD, swapped_events, ""},
    {"altered_header", PROOF_FOLD, altered_header, ""},
    {"altered_result", PROOF_FOLD, altered_result, ""},
    {"altered_body", PROOF_BODY, altered_body, ""},
    {"altered_salt", PROOF_BODY, altered_salt, ""},
    {"trailing_byte", PROOF_FORM, present, "00"},
    {"unknown_field", PROOF_FORM, present, "5a0178"},
};
#define VECTOR_COUNT (sizeof vectors / sizeof vectors[0])

static void print_hex(char *line, struct span bytes)
{
    size_t used = strlen(line);
    CHECK(used + 2 * bytes.size + 2 < LINE_SIZE_MAX);
    line[used] = ' ';
    hex_encode(bytes, line + used + 1);
}

static void print_trust(char *line)
{
    const struct validator_set *set = &map.network.validators.set;
    memcpy(line, "trust", sizeof "trust");
    print_hex(line, span_of(map.network.chain_id.bytes, DIGEST_SIZE));
    size_t used = strlen(line);
    (void)snprintf(line + used, LINE_SIZE_MAX - used, " %u", (unsigned)set->epoch);
    for (uint32_t i = 0; i < set->count; i++)
        print_hex(line, span_of(set->keys[i].bytes, PUBLIC_KEY_SIZE));
}

static void print_vector(size_t index, char *line)
{
    static struct history_proof proof;
    struct proven_event events[SAMPLE_HISTORY];
    struct buffer bytes;
    sample_prove(&map, &map.subject, &proof);
    memcpy(events, map.events, sizeof events);
    proof.events = events;
    vectors[index].spoil(&proof, events);
    buffer_init(&bytes, LINE_SIZE_MAX);
    history_proof_encode(&proof, &bytes);
    (void)snprintf(
        line, LINE_SIZE_MAX, "%s %s", vectors[index].name, proof_reason_name(vectors[index].reason));
    print_hex(line, buffer_span(&bytes));
    memcpy(line + strlen(line), vectors[index].appended, strlen(vectors[index].appended) + 1);
    buffer_close(&bytes);
}

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
        print_vector(i, expected);
        read_line(file, line);
        assert_string_equal(line, expected);
    }
    assert_null(fgets(line, LINE_SIZE_MAX, file));
    fclose(file);
}

static void every_vector_has_its_verdict(void **state)
{
    (void)state;
    static char line[LINE_SIZE_MAX], name[64], reason[16];
    static uint8_t bytes[LINE_SIZE_MAX];
    static struct history_proof proof;
    struct proof_trust trust = {.chain_id = map.network.chain_id, .validators = map.network.validators};
    FILE *file = fopen(VECTORS, "r");
    assert_non_null(file);
    read_line(file, line);
    size_t count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        struct arena arena;
        struct proof_verdict verdict;
        int used = 0;
        line[strcspn(line, "\n")] = '\0';
        assert_int_equal(sscanf(line, "%63s %15s %n", name, reason, &used), 2);
        size_t size = strlen(line + used) / 2;
        assert_int_equal(hex_decode(line + used, bytes, size), TALLY_OK);
        arena_init(&arena, MIB);
        int error = history_verify(&trust, span_of(bytes, size), &arena, &proof, &verdict);
        assert_int_equal(error == TALLY_OK, strcmp(reason, "OK") == 0);
        assert_string_equal(proof_reason_name(verdict.reason), reason);
        arena_close(&arena);
        count++;
    }
    assert_int_equal(count, VECTOR_COUNT);
    fclose(file);
}

static int write_vectors(const char *path)
{
    static char line[LINE_SIZE_MAX];
    FILE *file = fopen(path, "w");
    if (file == NULL) return 1;
    print_trust(line);
    fprintf(file, "%s\n", line);
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        print_vector(i, line);
        fprintf(file, "%s\n", line);
    }
    return fclose(file) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_format_has_not_changed),
        cmocka_unit_test(every_vector_has_its_verdict),
    };
    sample_map_init(&map);
    int result = argc == 2 ? write_vectors(argv[1]) : cmocka_run_group_tests(tests, NULL, NULL);
    sample_map_close(&map);
    return result;
}
