// links: proof codec crypto base
/* Saved evidence: a line, or the bytes in it. The first byte picks which. Whoever is convicted signed both
 * messages, so in these samples it is one validator, and with these bytes alone. */
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/forks.h"

static struct sample_network network;
static struct fork_chain chains[2][2];
static struct blame blames[3];

static void make(void)
{
    static const enum fork_shape shapes[] = {FORK_SKIPPED, FORK_UNJUSTIFIED};
    if (network.validators.set.count != 0) return;
    sample_network_init(&network, "fuzz", 4);
    struct blame_law law = blame_law_of(&network.validators, &network.chain_id);
    for (int i = 0; i < 2; i++) {
        fork_make(&network, shapes[i], 7, 14, chains[i]);
        struct blame_chain first = {chains[i][0].count, chains[i][0].blocks},
                           second = {chains[i][1].count, chains[i][1].blocks};
        CHECK(blame_chains(&law, &first, &second, &blames[i]) == TALLY_OK && blames[i].conflict);
    }
    struct certified_checkpoint one = {.checkpoint = {.chain_id = network.chain_id,
                                           .epoch = 1,
                                           .height = 5,
                                           .set_hash = validator_set_hash(&network.validators.set)}};
    struct certified_checkpoint two = one;
    two.checkpoint.block.bytes[0] = 1;
    sample_certify(&network, 7, &one);
    sample_certify(&network, 14, &two);
    CHECK(blame_checkpoints(&network.validators, &network.chain_id, &one, &two, &blames[2]) == TALLY_OK);
}

/* That this is evidence the validators gave: nothing else can be made of it without their keys. */
static bool was_given(const struct evidence *evidence)
{
    struct buffer bytes, given;
    bool found = false;
    buffer_init(&bytes, MIB);
    buffer_init(&given, MIB);
    evidence_encode(evidence, &bytes);
    for (int b = 0; b < 3; b++) {
        for (uint32_t i = 0; i < blames[b].count; i++) {
            buffer_clear(&given);
            evidence_encode(&blames[b].culprits[i], &given);
            found = found || span_equal(buffer_span(&given), buffer_span(&bytes));
        }
    }
    buffer_close(&bytes);
    buffer_close(&given);
    return found;
}

static void judge(const struct evidence *evidence)
{
    struct arena arena;
    struct evidence_verdict verdict;
    arena_init(&arena, EVIDENCE_ARENA_SIZE);
    int error = evidence_check(&network.validators, &network.chain_id, evidence, &arena, &verdict);
    CHECK(verdict.reason[0] != '\0');
    CHECK(error != TALLY_OK || was_given(evidence));
    arena_close(&arena);
}

static void run_bytes(struct span bytes, struct arena *arena)
{
    struct evidence evidence;
    struct buffer again;
    if (evidence_decode(bytes, arena, &evidence) != TALLY_OK) return;
    buffer_init(&again, EVIDENCE_SIZE_MAX);
    evidence_encode(&evidence, &again);
    CHECK(span_equal(buffer_span(&again), bytes));
    buffer_close(&again);
    judge(&evidence);
}

static void run_line(struct span line, struct arena *arena)
{
    struct evidence evidence;
    struct public_key key;
    struct buffer again;
    if (evidence_line_read(line, arena, &evidence, &key) != TALLY_OK) return;
    buffer_init(&again, EVIDENCE_LINE_SIZE_MAX);
    evidence_line_print(&evidence, &key, &again);
    CHECK(again.size == line.size + 1 && memcmp(again.data, line.data, line.size) == 0);
    buffer_close(&again);
    judge(&evidence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    make();
    if (size == 0) return 0;
    arena_init(&arena, EVIDENCE_ARENA_SIZE);
    if (data[0] == 0)
        run_bytes(span_of(data + 1, size - 1), &arena);
    else
        run_line(span_of(data + 1, size - 1), &arena);
    arena_close(&arena);
    return 0;
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    struct buffer out;
    make();
    if (number >= 6) return 0;
    const struct evidence *evidence = &blames[number / 2].culprits[0];
    buffer_init(&out, size_max);
    buffer_u8(&out, number % 2 == 0 ? 0 : 1);
    if (number % 2 == 0)
        evidence_encode(evidence, &out);
    else
        evidence_line_print(evidence, &network.validators.set.keys[evidence->signer], &out);
    CHECK(!out.failed);
    size_t size = number % 2 == 0 ? out.size : out.size - 1;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
