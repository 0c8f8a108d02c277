/* make_fork DIR SHAPE VALIDATORS [EPOCH]: a network whose validators signed two histories, as two nodes of it
 * would hold them once they are stopped. For tests of `tally blame`; the keys are made from seeds.
 *
 *   genesis.json         one/data, two/data   ledgers that part at height 3
 *   trust                "trust CHAIN_ID EPOCH KEY..", for the second judge
 *   one.checkpoint       of height 3, of the first ledger's block; two.checkpoint of the second's
 *   result.checkpoint    of the first ledger's block, with another result; later.checkpoint of height 4
 *   one.history .receipt two.history .receipt   answers that rest on the two
 *
 * In epoch 2 one of the genesis's validators has gone and another has come; the answers then carry how epoch
 * 1 ended. SHAPE is finalized, notarized, skipped or unjustified (tests/vectors/forks.h). The first ledger
 * ends with a block that nothing finalized, as a crash may leave it. */
#include <stdio.h>
#include <sys/stat.h>

#include "proto/codec/epoch_seal.h"
#include "proto/codec/genesis.h"
#include "storage/ledger.h"
#include "tests/vectors/forks.h"
#include "tests/vectors/profile.h"

static struct sample_network network;
static uint8_t seal_bytes[EPOCH_SEAL_SIZE_MAX];
static struct span seals; /* of the epochs before; empty in the first */
static struct genesis genesis;
static struct fork_chain chains[2];
static const char *folder;

static void save(const char *name, struct span bytes)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fwrite(bytes.data, 1, bytes.size, file) == bytes.size && fclose(file) == 0);
}

static struct public_key key_of(uint32_t number)
{
    struct secret_key secret = sample_secret(number);
    struct public_key key;
    CHECK(secret_key_public(&secret, &key) == TALLY_OK);
    return key;
}

static void make_genesis(uint32_t validators)
{
    struct buffer text;
    genesis = (struct genesis){.network = "fork",
        .created_ms = SAMPLE_TIME_MS,
        .base_timeout_ms = 60,
        .heartbeat_ms = 10000,
        .policy = profile("dev"),
        .member_count = validators,
        .validator_count = validators};
    for (uint32_t i = 0; i < validators; i++) {
        struct genesis_member *member = &genesis.members[i];
        struct genesis_node *node = &genesis.validators[i];
        *member = (struct genesis_member){.id = i + 1,
            .role = ROLE_LENDER,
            .key_count = 1,
            .keys = {key_of(1000 + i)},
            .ballot_key_count = 1,
            .ballot_keys = {key_of(3000 + i)}};
        *node = (struct genesis_node){.member_id = i + 1, .key = key_of(i)};
        snprintf(member->name, sizeof member->name, "Bank %u", i + 1);
        snprintf(member->kind, sizeof member->kind, "bank");
        snprintf(node->name, sizeof node->name, "validator-%u", i + 1);
        snprintf(node->address, sizeof node->address, "127.0.0.1:%u", 7000 + i);
    }
    genesis_identify(&genesis);
    buffer_init(&text, MIB);
    genesis_print(&genesis, &text);
    save("genesis.json", buffer_span(&text));
    buffer_close(&text);
}

static void make_trust(void)
{
    char text[8192], hex[2 * PUBLIC_KEY_SIZE + 1];
    const struct validator_set *set = &network.validators.set;
    hex_encode(span_of(network.chain_id.bytes, DIGEST_SIZE), hex);
    int size = snprintf(text, sizeof text, "trust %s %u", hex, (unsigned)set->epoch);
    for (uint32_t i = 0; i < set->count; i++) {
        hex_encode(span_of(set->keys[i].bytes, PUBLIC_KEY_SIZE), hex);
        size += snprintf(text + size, sizeof text - (size_t)size, " %s", hex);
    }
    save("trust", span_of(text, (size_t)size));
}

static void make_folder(const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", folder, name);
    CHECK(mkdir(path, 0700) == 0);
}

static void make_ledger(const char *home, const char *data, const struct fork_chain *chain)
{
    char path[512];
    struct ledger *ledger;
    struct ledger_report report;
    make_folder(home, path);
    make_folder(data, path);
    CHECK(ledger_open(disk_system(), path, &network.chain_id, NULL, &ledger, &report) == TALLY_OK);
    for (uint32_t i = 0; i < chain->count; i++) {
        const struct blame_block *from = &chain->blocks[i];
        struct block block = {.header = from->header,
            .hash = from->hash,
            .justification = from->justification_bytes,
            .signature = from->signature,
            .has_finalization = from->finalization != NULL};
        if (from->finalization != NULL) block.finalization = *from->finalization;
        CHECK(ledger_append(ledger, &block) == TALLY_OK);
    }
    CHECK(ledger_sync(ledger) == TALLY_OK);
    ledger_close(ledger);
}

static struct certified_checkpoint certify(
    uint64_t height, const struct digest *block, const char *root, uint64_t signers)
{
    struct digest set_hash = validator_set_hash(&network.validators.set);
    struct certified_checkpoint certified = {.checkpoint = {.chain_id = network.chain_id,
                                                 .epoch = network.validators.set.epoch,
                                                 .height = height,
                                                 .block = *block,
                                                 .time_ms = SAMPLE_TIME_MS + 3000,
                                                 .state_root = sample_digest(root),
                                                 .set_hash = set_hash,
                                                 .next_set_hash = set_hash}};
    sample_certify(&network, signers, &certified);
    return certified;
}

static void make_checkpoint(const char *name, const struct certified_checkpoint *certified)
{
    struct buffer bytes;
    buffer_init(&bytes, MIB);
    if (seals.size == 0) {
        certified_checkpoint_encode(certified, &bytes);
    } else {
        struct consistency_proof proof = {.older = *certified, .newer = *certified, .seals = seals};
        consistency_proof_encode(&proof, &bytes);
    }
    save(name, buffer_span(&bytes));
    buffer_close(&bytes);
}

static void make_answers(
    const char *history, const char *receipt, const struct certified_checkpoint *certified)
{
    static struct history_proof proof;
    struct receipt given = {
        .height = 3, .result = {.code = RESULT_OK}, .checkpoint = *certified, .seals = seals};
    struct buffer bytes;
    proof = (struct history_proof){.checkpoint = *certified, .place = PLACE_EMPTY, .seals = seals};
    buffer_init(&bytes, MIB);
    history_proof_encode(&proof, &bytes);
    save(history, buffer_span(&bytes));
    buffer_clear(&bytes);
    receipt_encode(&given, &bytes);
    save(receipt, buffer_span(&bytes));
    buffer_close(&bytes);
}

static enum fork_shape shape_of(const char *name)
{
    static const char *const names[] = {"finalized", "notarized", "skipped", "unjustified"};
    enum fork_shape shape = FORK_FINALIZED;
    while (shape < FORK_SHAPES && strcmp(names[shape], name) != 0)
        shape++;
    CHECK(shape < FORK_SHAPES);
    return shape;
}

/* Another comes in place of one of the first epoch's validators, as these sign it. */
static void second_epoch(uint32_t validators)
{
    struct sample_network before = network;
    struct buffer bytes;
    sample_network_of(&network, "fork", 2, 1, validators);
    network.chain_id = genesis.chain_id;
    struct epoch_seal seal = {
        .checkpoint = {.checkpoint = {.chain_id = genesis.chain_id,
                           .epoch = 1,
                           .height = 1,
                           .set_hash = validator_set_hash(&before.validators.set),
                           .next_set_hash = validator_set_hash(&network.validators.set)}},
        .next_set = network.validators.set};
    sample_certify(&before, sample_quorum(&before), &seal.checkpoint);
    buffer_init(&bytes, sizeof seal_bytes);
    epoch_seal_append(&seal, &bytes);
    CHECK(!bytes.failed);
    memcpy(seal_bytes, bytes.data, bytes.size);
    seals = span_of(seal_bytes, bytes.size);
    buffer_close(&bytes);
}

int main(int argc, char **argv)
{
    CHECK(argc == 4 || argc == 5);
    folder = argv[1];
    uint32_t n = (uint32_t)strtoul(argv[3], NULL, 10);
    CHECK(n >= VALIDATORS_MIN && n <= 16);
    make_genesis(n);
    sample_network_init(&network, "fork", n);
    network.chain_id = genesis.chain_id;
    if (argc == 5 && strcmp(argv[4], "2") == 0) second_epoch(n);
    make_trust();
    uint64_t low = sample_quorum(&network), high = low << (n - quorum_of(n));
    fork_make(&network, shape_of(argv[2]), low, high, chains);
    const struct digest first = chains[0].blocks[2].hash, second = chains[1].blocks[2].hash;
    fork_extend(&network, &chains[0], 5, 0);
    make_ledger("one", "one/data", &chains[0]);
    make_ledger("two", "two/data", &chains[1]);
    struct certified_checkpoint one = certify(3, &first, "root", low),
                                two = certify(3, &second, "root", high);
    struct certified_checkpoint result = certify(3, &first, "other root", high);
    struct certified_checkpoint later = certify(4, &second, "root", high);
    make_checkpoint("one.checkpoint", &one);
    make_checkpoint("two.checkpoint", &two);
    make_checkpoint("result.checkpoint", &result);
    make_checkpoint("later.checkpoint", &later);
    make_answers("one.history", "one.receipt", &one);
    make_answers("two.history", "two.receipt", &two);
    fork_chain_close(&chains[0]);
    fork_chain_close(&chains[1]);
    return 0;
}
