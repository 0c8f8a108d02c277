// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/evidence.h"
#include "tests/vectors/samples.h"

struct fixture {
    struct sample_network network;
    char dir[64], path[96];
};

static int open_fixture(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    sample_network_init(&fixture->network, "evidence", 4);
    strcpy(fixture->dir, "/tmp/tally-evidence-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    snprintf(fixture->path, sizeof fixture->path, "%s/evidence.jsonl", fixture->dir);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    remove(fixture->path);
    remove(fixture->dir);
    free(fixture);
    return 0;
}

static struct vote signed_vote(const struct fixture *fixture, const char *block)
{
    struct vote vote = {
        .kind = VOTE_NOTARIZE, .epoch = 1, .view = 9, .block = sample_digest(block), .signer = 2};
    struct digest digest =
        vote_digest(&fixture->network.chain_id, vote.epoch, vote.kind, vote.view, &vote.block);
    signature_make(&fixture->network.secrets[2], &digest, &vote.signature);
    return vote;
}

/* The bytes of a hexadecimal field of a line. */
static size_t field(const char *line, const char *name, uint8_t *bytes)
{
    char key[32], text[4096];
    snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *from = strstr(line, key);
    assert_non_null(from);
    from += strlen(key);
    size_t size = strcspn(from, "\"");
    assert_true(size % 2 == 0 && size < sizeof text);
    memcpy(text, from, size);
    text[size] = '\0';
    assert_int_equal(hex_decode(text, bytes, size / 2), TALLY_OK);
    return size / 2;
}

static void kept_votes_still_convict_when_they_are_read_back(void **state)
{
    struct fixture *fixture = *state;
    const struct validator_set *set = &fixture->network.validators.set;
    struct consensus_evidence evidence = {.signer = 2, .view = 9};
    evidence.first = signed_vote(fixture, "one");
    evidence.second = signed_vote(fixture, "two");
    assert_int_equal(evidence_keep(fixture->dir, set, &evidence), TALLY_OK);
    assert_int_equal(evidence_keep(fixture->dir, set, &evidence), TALLY_OK);
    char line[8192];
    uint8_t bytes[2048];
    FILE *file = fopen(fixture->path, "r");
    assert_non_null(file);
    for (int i = 0; i < 2; i++) {
        struct vote first, second;
        assert_non_null(fgets(line, sizeof line, file));
        assert_int_equal(field(line, "validator", bytes), PUBLIC_KEY_SIZE);
        assert_memory_equal(bytes, set->keys[2].bytes, PUBLIC_KEY_SIZE);
        assert_int_equal(vote_decode(span_of(bytes, field(line, "first", bytes)), &first), TALLY_OK);
        assert_int_equal(vote_decode(span_of(bytes, field(line, "second", bytes)), &second), TALLY_OK);
        assert_int_equal(
            vote_check(&fixture->network.validators, &fixture->network.chain_id, &first), TALLY_OK);
        assert_int_equal(
            vote_check(&fixture->network.validators, &fixture->network.chain_id, &second), TALLY_OK);
        assert_false(digest_equal(&first.block, &second.block));
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
}

static void the_file_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct consensus_evidence evidence = {.signer = 2, .view = 9};
    evidence.first = signed_vote(fixture, "one");
    evidence.second = signed_vote(fixture, "two");
    FILE *file = fopen(fixture->path, "w");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), EVIDENCE_FILE_SIZE_MAX), 0);
    fclose(file);
    assert_int_equal(evidence_keep(fixture->dir, &fixture->network.validators.set, &evidence), TALLY_EFULL);
    struct stat status;
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_size, EVIDENCE_FILE_SIZE_MAX);
}

static void a_folder_that_cannot_be_written_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct consensus_evidence evidence = {.signer = 1, .view = 3, .proposals = true};
    assert_int_equal(
        evidence_keep("/nonexistent/folder", &fixture->network.validators.set, &evidence), TALLY_EIO);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(kept_votes_still_convict_when_they_are_read_back),
        TEST(the_file_is_bounded),
        TEST(a_folder_that_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
