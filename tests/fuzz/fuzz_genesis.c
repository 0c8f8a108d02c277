// links: policies codec crypto base
#include "proto/base/check.h"
#include "proto/codec/genesis.h"
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/profile.h"
#include "tests/vectors/samples.h"

static struct genesis genesis, again;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[256];
    struct buffer out;
    if (genesis_parse(span_of(data, size), &genesis, why, sizeof why) != TALLY_OK) {
        CHECK(strlen(why) > 0);
        return 0;
    }
    buffer_init(&out, MIB);
    genesis_print(&genesis, &out);
    CHECK(!out.failed);
    CHECK(genesis_parse(buffer_span(&out), &again, why, sizeof why) == TALLY_OK);
    CHECK(digest_equal(&again.chain_id, &genesis.chain_id));
    buffer_close(&out);
    return 0;
}

static void sample_node(uint32_t number, uint32_t member, struct genesis_node *node)
{
    struct secret_key secret = sample_secret(number);
    node->member_id = member;
    memcpy(node->address, "[::1]:7000", 11);
    memcpy(node->name, "node-0", 7);
    node->name[5] = (char)('0' + number);
    CHECK(secret_key_public(&secret, &node->key) == TALLY_OK);
}

size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max)
{
    static struct genesis sample;
    struct buffer out;
    if (number >= 2) return 0;
    sample = (struct genesis){
        .network = "net", .created_ms = SAMPLE_TIME_MS, .base_timeout_ms = 60, .policy = profile("dev")};
    sample.member_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        struct secret_key secret = sample_secret(100 + i);
        struct genesis_member *member = &sample.members[i];
        *member = (struct genesis_member){.id = i + 1,
            .name = "Member 1",
            .kind = "bank",
            .licence = "No. 7",
            .role = ROLE_LENDER,
            .key_count = number};
        member->name[7] = (char)('1' + i);
        if (number == 1) CHECK(secret_key_public(&secret, &member->keys[0]) == TALLY_OK);
        secret = sample_secret(200 + i);
        member->ballot_key_count = 1;
        CHECK(secret_key_public(&secret, &member->ballot_keys[0]) == TALLY_OK);
    }
    sample.validator_count = 4;
    for (uint32_t i = 0; i < 4; i++)
        sample_node(i, 1 + i % 2, &sample.validators[i]);
    sample.observer_count = number;
    if (number == 1) sample_node(4, 1, &sample.observers[0]);
    buffer_init(&out, size_max);
    genesis_print(&sample, &out);
    CHECK(!out.failed);
    size_t size = out.size;
    memcpy(bytes, out.data, size);
    buffer_close(&out);
    return size;
}
