// links: node
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/evidence.h"
#include "proto/proof/blame.h"
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

static struct vote signed_vote(const struct fixture *fixture, enum vote_kind kind, const char *block)
{
    struct vote vote = {.kind = kind, .epoch = 1, .view = 9, .signer = 2};
    if (kind != VOTE_NULLIFY) vote.block = sample_digest(block);
    struct digest digest =
        vote_digest(&fixture->network.chain_id, vote.epoch, vote.kind, vote.view, &vote.block);
    signature_make(&fixture->network.secrets[2], &digest, &vote.signature);
    return vote;
}

static struct signature signed_proposal(
    const struct fixture *fixture, const struct block_header *header, const struct digest *hash)
{
    struct signature signature;
    struct digest digest = proposal_digest(&fixture->network.chain_id, header, hash);
    signature_make(&fixture->network.secrets[2], &digest, &signature);
    return signature;
}

static int keep(const struct fixture *fixture, const char *dir, const struct consensus_evidence *said)
{
    struct evidence evidence = evidence_of_consensus(&fixture->network.chain_id, 1, said);
    return evidence_keep(dir, &fixture->network.validators.set.keys[said->signer], &evidence);
}

/* The file's next line, judged by nothing but itself. */
static void next_line_convicts(const struct fixture *fixture, FILE *file, const char *words)
{
    static char line[8192];
    struct arena arena;
    struct evidence evidence;
    struct evidence_verdict verdict;
    struct public_key key;
    arena_init(&arena, EVIDENCE_ARENA_SIZE);
    assert_non_null(fgets(line, sizeof line, file));
    assert_non_null(strstr(line, words));
    assert_int_equal(
        evidence_line_read(span_of(line, strcspn(line, "\n")), &arena, &evidence, &key), TALLY_OK);
    assert_memory_equal(key.bytes, fixture->network.validators.set.keys[2].bytes, PUBLIC_KEY_SIZE);
    assert_int_equal(
        evidence_check(&fixture->network.validators, &fixture->network.chain_id, &evidence, &arena, &verdict),
        TALLY_OK);
    assert_false(verdict.divergence);
    assert_int_equal(evidence.signer, 2);
    arena_close(&arena);
}

static void kept_messages_still_convict_when_they_are_read_back(void **state)
{
    struct fixture *fixture = *state;
    struct block_header header = {.chain_id = fixture->network.chain_id, .epoch = 1, .view = 9};
    struct consensus_evidence votes = {.signer = 2, .view = 9}, mixed = votes, proposals = votes;
    votes.first = signed_vote(fixture, VOTE_NOTARIZE, "two");
    votes.second = signed_vote(fixture, VOTE_NOTARIZE, "one");
    mixed.first = signed_vote(fixture, VOTE_NULLIFY, "");
    mixed.second = signed_vote(fixture, VOTE_FINALIZE, "one");
    proposals.proposals = true;
    proposals.first_header = proposals.second_header = header;
    proposals.second_header.time_ms = 1;
    proposals.first_block = block_header_hash(&proposals.first_header);
    proposals.second_block = block_header_hash(&proposals.second_header);
    proposals.first_signature = signed_proposal(fixture, &proposals.first_header, &proposals.first_block);
    proposals.second_signature = signed_proposal(fixture, &proposals.second_header, &proposals.second_block);
    assert_int_equal(keep(fixture, fixture->dir, &votes), TALLY_OK);
    assert_int_equal(keep(fixture, fixture->dir, &mixed), TALLY_OK);
    assert_int_equal(keep(fixture, fixture->dir, &proposals), TALLY_OK);
    FILE *file = fopen(fixture->path, "r");
    assert_non_null(file);
    next_line_convicts(
        fixture, file, "\"epoch\":1,\"view\":9,\"signed\":[\"notarize\",\"notarize\"],\"evidence\":\"");
    next_line_convicts(fixture, file, "\"signed\":[\"finalize\",\"nullify\"]");
    next_line_convicts(fixture, file, "\"signed\":[\"propose\",\"propose\"]");
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
}

static struct consensus_evidence two_notarizations(const struct fixture *fixture)
{
    struct consensus_evidence evidence = {.signer = 2, .view = 9};
    evidence.first = signed_vote(fixture, VOTE_NOTARIZE, "one");
    evidence.second = signed_vote(fixture, VOTE_NOTARIZE, "two");
    return evidence;
}

static void the_file_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct consensus_evidence evidence = two_notarizations(fixture);
    FILE *file = fopen(fixture->path, "w");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), EVIDENCE_FILE_SIZE_MAX), 0);
    fclose(file);
    assert_int_equal(keep(fixture, fixture->dir, &evidence), TALLY_EFULL);
    struct stat status;
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_size, EVIDENCE_FILE_SIZE_MAX);
}

/* So many whole lines are in the file, and nothing else. */
static void holds_lines(const struct fixture *fixture, uint32_t count)
{
    FILE *file = fopen(fixture->path, "r");
    assert_non_null(file);
    for (uint32_t i = 0; i < count; i++)
        next_line_convicts(fixture, file, "\"signed\":[\"notarize\",\"notarize\"]");
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
}

static void what_a_crash_left_of_a_line_takes_no_other_with_it(void **state)
{
    static const size_t torn_sizes[] = {1, 200, 4095, 4096, 9000};
    struct fixture *fixture = *state;
    struct consensus_evidence evidence = two_notarizations(fixture);
    for (uint32_t i = 0; i < sizeof torn_sizes / sizeof torn_sizes[0]; i++) {
        assert_int_equal(keep(fixture, fixture->dir, &evidence), TALLY_OK);
        FILE *file = fopen(fixture->path, "a");
        assert_non_null(file);
        assert_int_equal(fprintf(file, "%*s", (int)torn_sizes[i], "{"), torn_sizes[i]);
        fclose(file);
    }
    assert_int_equal(keep(fixture, fixture->dir, &evidence), TALLY_OK);
    holds_lines(fixture, 6);
    FILE *file = fopen(fixture->path, "w");
    assert_non_null(file);
    fputs("{\"validator\":", file);
    fclose(file);
    assert_int_equal(keep(fixture, fixture->dir, &evidence), TALLY_OK);
    holds_lines(fixture, 1);
}

static void a_line_that_cannot_be_written_whole_is_taken_back(void **state)
{
    struct fixture *fixture = *state;
    struct consensus_evidence evidence = two_notarizations(fixture);
    struct stat status;
    struct rlimit before, low;
    assert_int_equal(keep(fixture, fixture->dir, &evidence), TALLY_OK);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = (struct rlimit){.rlim_cur = (rlim_t)status.st_size + 100, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    int error = keep(fixture, fixture->dir, &evidence);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(error, TALLY_EIO);
    holds_lines(fixture, 1);
}

static void a_folder_that_cannot_be_written_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct consensus_evidence evidence = two_notarizations(fixture);
    assert_int_equal(keep(fixture, "/nonexistent/folder", &evidence), TALLY_ENOTFOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(kept_messages_still_convict_when_they_are_read_back),
        TEST(the_file_is_bounded),
        TEST(what_a_crash_left_of_a_line_takes_no_other_with_it),
        TEST(a_line_that_cannot_be_written_whole_is_taken_back),
        TEST(a_folder_that_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
