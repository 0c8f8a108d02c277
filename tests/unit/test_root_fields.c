// links: policies node
/* Every stored field that a future result can depend on stands under state_root: each is changed, by itself,
 * and the root must change. The fields are read from the structs' definitions, so one that is added there and
 * has no case here fails the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/credit/subject_state.h"
#include "proto/codec/register.h"
#include "proto/crypto/digest.h"
#include "storage/replay_window.h"
#include "storage/state.h"
#include "storage/state_record.h"
#include "tests/unit/credit_fixture.h"

#define FIELDS_MAX 32
#define FIELD_SIZE_MAX 48
#define START_MS 1700000000000ull

/* All that is stored of a network with one subject, as plain structs. */
struct stored {
    struct genesis genesis;
    struct member_register registered;
    struct credit_policy policy; /* the register's, worked out */
    struct digest subject_id;
    struct account account; /* of subject.accounts */
    struct consent consent;
    struct reservation reservation;
    struct dispute dispute;
    struct subject_state subject;
    struct subject_leaf leaf; /* the summary follows from the subject */
    struct state_counts counts;
    struct replay_window window;
};

static struct fixture *fixture;
static struct stored base;

/* The genesis's, and something of all that comes later. */
static void register_fill(struct member_register *registered)
{
    assert_int_equal(register_from_genesis(&fixture->genesis, registered), TALLY_OK);
    registered->next = registered->set;
    registered->next.base_timeout_ms++;
    registered->next_from = 9;
    registered->flag_count = 1;
    registered->flags[0] = (struct register_flag){.flag = 3, .from = 400};
    registered->last_proposal = 2;
    registered->open_count = 1;
    registered->open[0] = (struct register_proposal){.number = 2,
        .id = {{4}},
        .member_id = LENDER,
        .kind = ACTION_SET_FLAG,
        .height = 5,
        .closes_ms = START_MS,
        .ballot_count = 2,
        .ballots = {{LENDER, true}, {BUREAU, true}},
        .action_size = 3,
        .action = {1, 2, 3}};
    registered->closed_count = 1;
    registered->closed[0] = (struct closed_proposal){.number = 1,
        .id = {{5}},
        .member_id = OTHER_LENDER,
        .kind = ACTION_SET_FLAG,
        .outcome = PROPOSAL_PASSED,
        .height = 4};
}

static int set_up(void **context)
{
    (void)context;
    fixture = fixture_open();
    base.genesis = fixture->genesis;
    base.policy = base.genesis.policy;
    base.policy.amount_cap_count = 2;
    base.policy.amount_caps[1] = (struct amount_cap){840, 5};
    register_fill(&base.registered);
    base.subject_id = (struct digest){{0x50, 1}};
    base.account = (struct account){.member_id = LENDER,
        .ref = {0xF0, 1},
        .state = ACCOUNT_STATE_CHARGED_OFF,
        .type = ACCOUNT_REVOLVING,
        .product = 7,
        .currency = 901,
        .opened_day = 12000,
        .reserved_minor = 500,
        .next_seq = 3,
        .in_force = 2,
        .disbursements = 1,
        .head = {{9, 9}},
        .ids = {{8, 8}},
        .turn_count = 1,
        .turns = {{ACCOUNT_STATE_OPEN, {{7, 7}}}},
        .period_first = 1200,
        .period_span = 12,
        .periods = {0x80, 0x10}};
    base.consent = (struct consent){.id = {{0xC0}},
        .grantee = LENDER,
        .purposes = 3,
        .valid_from = 13000,
        .valid_until = 13010,
        .uses_left = 2,
        .last_use_ms = START_MS};
    base.reservation = (struct reservation){.id = {{0xC1}},
        .member_id = LENDER,
        .account_type = ACCOUNT_REVOLVING,
        .currency = 901,
        .has_amount = true,
        .amount_minor = 500,
        .expires_ms = START_MS};
    base.dispute = (struct dispute){.id = {{0xC2}}, .opener = LENDER, .author = OTHER_LENDER};
    base.subject = (struct subject_state){.account_count = 1,
        .account_capacity = 1,
        .consents.count = 1,
        .reservations.count = 1,
        .disputes.count = 1,
        .item_count = 3,
        .item_ids = {{6, 6}}};
    base.counts = (struct state_counts){.events = 3, .applied = 2, .subjects = 1};
    struct digest id = {{3}};
    uint32_t order;
    assert_int_equal(replay_window_add(&base.window, START_MS, &id, START_MS + 60000, &order), TALLY_OK);
    assert_int_equal(replay_window_add(&base.window, START_MS, &id, START_MS + 180000, &order), TALLY_OK);
    base.leaf = (struct subject_leaf){.count = 2, .last_height = 1};
    base.leaf.acc = subject_fold_start(&base.genesis.chain_id, &base.subject_id);
    base.leaf.acc = subject_fold_step(&base.leaf.acc, 0, 1, START_MS, RESULT_OK, &(struct digest){{21}});
    base.leaf.acc = subject_fold_step(&base.leaf.acc, 1, 1, START_MS, RESULT_OK, &(struct digest){{22}});
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    fixture_close(fixture);
    return 0;
}

static struct digest summary_of(struct stored *stored, struct buffer *bytes)
{
    if (stored->subject.accounts == NULL) stored->subject.accounts = &stored->account;
    stored->subject.consents.records = &stored->consent;
    stored->subject.reservations.records = &stored->reservation;
    stored->subject.disputes.records = &stored->dispute;
    buffer_init(bytes, SUBJECT_STATE_SIZE_MAX);
    subject_state_encode(&stored->subject, bytes);
    assert_false(bytes->failed);
    return digest_tagged(TAG_SUMMARY, buffer_span(bytes));
}

static struct digest members_root_of(const struct stored *stored)
{
    struct digest root;
    assert_int_equal(register_root(&stored->registered, &root), TALLY_OK);
    return root;
}

static struct digest root_of_parts(const struct stored *stored, const struct digest *subjects_root)
{
    struct state_parts parts = {
        .subjects_root = *subjects_root,
        .members_root = members_root_of(stored),
        .policy_root = credit_policy_root(&stored->policy),
        .replay_root = replay_window_root(&stored->window),
        .counts_root = state_counts_root(&stored->counts),
    };
    return state_root(&parts);
}

/* The state root, from the structs alone. A given summary stands as it is. */
static struct digest root_of(struct stored *stored)
{
    struct buffer bytes;
    struct digest summary = summary_of(stored, &bytes);
    buffer_close(&bytes);
    if (!digest_is_zero(&stored->leaf.summary)) summary = stored->leaf.summary;
    struct subject_leaf leaf = stored->leaf;
    leaf.summary = summary;
    struct digest position = subject_position(&stored->genesis.chain_id, &stored->subject_id);
    struct digest subjects_root = subject_leaf_hash(&position, &leaf);
    return root_of_parts(stored, &subjects_root);
}

static void the_state_computes_the_same_root(void **context)
{
    (void)context;
    char dir[] = "/tmp/test_root_fields.XXXXXX";
    struct state_config config = {
        .chain_id = base.genesis.chain_id,
    };
    struct state *state;
    struct state_roots roots;
    struct buffer bytes;
    struct stored stored = base;
    struct digest block = {{1}}, batch = {{3}};
    const struct event_result results[] = {{.code = RESULT_OK}, {.code = RESULT_OK}, {.code = RESULT_GAP}};
    assert_non_null(mkdtemp(dir));
    assert_int_equal(state_open(dir, &config, &state), TALLY_OK);
    assert_int_equal(state_block_begin(state, 1, &block, START_MS), TALLY_OK);
    struct buffer registered;
    buffer_init(&registered, REGISTER_SIZE_MAX);
    register_encode(&base.registered, &registered);
    struct state_register put = {
        .policy_root = credit_policy_root(&base.policy), .bytes = buffer_span(&registered)};
    assert_int_equal(state_register_put(state, &put), TALLY_OK);
    buffer_close(&registered);
    (void)summary_of(&stored, &bytes);
    assert_int_equal(state_subject_put(state, &stored.subject_id, buffer_span(&bytes)), TALLY_OK);
    for (uint32_t i = 0; i < 3; i++) {
        struct digest id = {{(uint8_t)(21 + i)}};
        if (results[i].code == RESULT_OK)
            assert_int_equal(state_fold(state, &stored.subject_id, &id, i, RESULT_OK), TALLY_OK);
        assert_int_equal(state_result_record(state, i, &id, &results[i]), TALLY_OK);
    }
    assert_int_equal(state_batch_remember(state, &batch, START_MS + 60000), TALLY_OK);
    assert_int_equal(state_batch_remember(state, &batch, START_MS + 180000), TALLY_OK);
    assert_int_equal(state_block_end(state, &roots), TALLY_OK);
    struct digest expected = root_of(&stored);
    assert_memory_equal(roots.state_root.bytes, expected.bytes, DIGEST_SIZE);
    buffer_close(&bytes);
    state_close(state);
    assert_int_equal(state_discard(dir), TALLY_OK);
    assert_int_equal(rmdir(dir), 0);
}

/* ---- The fields of a struct, from its definition ---- */

static char *whole_file(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    assert_true(size > 0);
    rewind(file);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, file), (size_t)size);
    fclose(file);
    return text;
}

/* The text between `struct NAME {` and its closing brace, comments made spaces. */
static char *definition(const char *header, const char *name)
{
    char path[512], opening[64];
    (void)snprintf(path, sizeof path, TALLY_SOURCE_DIR "/%s", header);
    (void)snprintf(opening, sizeof opening, "struct %s {", name);
    char *text = whole_file(path), *at = strstr(text, opening);
    if (at == NULL) fail_msg("%s does not define struct %s", header, name);
    at += strlen(opening);
    char *end = strstr(at, "\n};");
    assert_non_null(end);
    *end = '\0';
    memmove(text, at, strlen(at) + 1);
    for (char *from = text; (from = strstr(from, "/*")) != NULL;) {
        char *close = strstr(from, "*/");
        assert_non_null(close);
        memset(from, ' ', (size_t)(close + 2 - from));
    }
    assert_null(strpbrk(text, "{}()")); /* nothing that the reading below would not understand */
    return text;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* What is declared: the last word before each `,` or `;`, and before the brackets of an array. */
static uint32_t fields_read(const char *header, const char *name, char fields[FIELDS_MAX][FIELD_SIZE_MAX])
{
    char *text = definition(header, name);
    uint32_t count = 0;
    for (char *at = text; (at = strpbrk(at, ",;")) != NULL; at++) {
        const char *end = at;
        for (bool in_brackets = false; end > text && (in_brackets || !is_word(end[-1])); end--)
            in_brackets = end[-1] == ']' || (in_brackets && end[-1] != '[');
        const char *start = end;
        while (start > text && is_word(start[-1]))
            start--;
        size_t size = (size_t)(end - start);
        assert_true(size > 0 && size < FIELD_SIZE_MAX && count < FIELDS_MAX);
        memcpy(fields[count], start, size);
        fields[count++][size] = '\0';
    }
    free(text);
    assert_true(count > 0);
    return count;
}

/* ---- A change of each ---- */

struct change {
    const char *field;
    void (*change)(struct stored *stored); /* NULL: not stored */
};

/* A change to a field of `stored`, by an expression that assigns to it. */
#define CHANGE(name, ...)                                                                                    \
    static void change_##name(struct stored *stored)                                                         \
    {                                                                                                        \
        __VA_ARGS__;                                                                                         \
    }

CHANGE(account_member_id, stored->account.member_id = OTHER_LENDER)
CHANGE(account_ref, stored->account.ref[15] ^= 1)
CHANGE(account_state, stored->account.state = ACCOUNT_STATE_CLOSED)
CHANGE(account_type, stored->account.type = ACCOUNT_INSTALMENT)
CHANGE(account_product, stored->account.product++)
CHANGE(account_currency, stored->account.currency = 156)
CHANGE(account_opened_day, stored->account.opened_day++)
CHANGE(account_reserved_minor, stored->account.reserved_minor++)
CHANGE(account_next_seq, stored->account.next_seq++)
CHANGE(account_in_force, stored->account.in_force++)
CHANGE(account_disbursements, stored->account.disbursements++)
CHANGE(account_head, stored->account.head.bytes[31] ^= 1)
CHANGE(account_ids, stored->account.ids.bytes[31] ^= 1)
CHANGE(account_transferee, stored->account.transferee++)
CHANGE(account_taken_over, stored->account.taken_over = true)
CHANGE(account_turn_count, stored->account.turn_count++)
CHANGE(account_turns, stored->account.turns[0].event_id.bytes[31] ^= 1)
CHANGE(account_period_first, stored->account.period_first++)
/* The span ends with its last bit, so it moves with that. */
CHANGE(account_period_span, assert_int_equal(account_period_set(&stored->account, 200102), TALLY_OK))
CHANGE(account_periods, stored->account.periods[0] = 0xA0)

static const struct change account_changes[] = {
    {"member_id", change_account_member_id},
    {"ref", change_account_ref},
    {"state", change_account_state},
    {"type", change_account_type},
    {"product", change_account_product},
    {"currency", change_account_currency},
    {"opened_day", change_account_opened_day},
    {"reserved_minor", change_account_reserved_minor},
    {"next_seq", change_account_next_seq},
    {"in_force", change_account_in_force},
    {"disbursements", change_account_disbursements},
    {"head", change_account_head},
    {"ids", change_account_ids},
    {"transferee", change_account_transferee},
    {"taken_over", change_account_taken_over},
    {"turn_count", change_account_turn_count},
    {"turns", change_account_turns},
    {"period_first", change_account_period_first},
    {"period_span", change_account_period_span},
    {"periods", change_account_periods},
    {NULL, NULL},
};

CHANGE(turn_before, stored->account.turns[0].before = ACCOUNT_STATE_FROZEN)
CHANGE(turn_event_id, stored->account.turns[0].event_id.bytes[0] ^= 1)
static const struct change turn_changes[] = {
    {"before", change_turn_before},
    {"event_id", change_turn_event_id},
    {NULL, NULL},
};

CHANGE(consent_id, stored->consent.id.bytes[31] ^= 1)
CHANGE(consent_grantee, stored->consent.grantee++)
CHANGE(consent_purposes, stored->consent.purposes = 2)
CHANGE(consent_valid_from, stored->consent.valid_from++)
CHANGE(consent_valid_until, stored->consent.valid_until++)
CHANGE(consent_uses_left, stored->consent.uses_left--)
CHANGE(consent_last_use_ms, stored->consent.last_use_ms++)
static const struct change consent_changes[] = {
    {"id", change_consent_id},
    {"grantee", change_consent_grantee},
    {"purposes", change_consent_purposes},
    {"valid_from", change_consent_valid_from},
    {"valid_until", change_consent_valid_until},
    {"uses_left", change_consent_uses_left},
    {"last_use_ms", change_consent_last_use_ms},
    {NULL, NULL},
};

CHANGE(reservation_id, stored->reservation.id.bytes[31] ^= 1)
CHANGE(reservation_member_id, stored->reservation.member_id++)
CHANGE(reservation_account_type, stored->reservation.account_type = ACCOUNT_INSTALMENT)
CHANGE(reservation_currency, stored->reservation.currency = 156)
CHANGE(reservation_has_amount, stored->reservation.has_amount = false)
CHANGE(reservation_amount_minor, stored->reservation.amount_minor++)
CHANGE(reservation_expires_ms, stored->reservation.expires_ms++)
static const struct change reservation_changes[] = {
    {"id", change_reservation_id},
    {"member_id", change_reservation_member_id},
    {"account_type", change_reservation_account_type},
    {"currency", change_reservation_currency},
    {"has_amount", change_reservation_has_amount},
    {"amount_minor", change_reservation_amount_minor},
    {"expires_ms", change_reservation_expires_ms},
    {NULL, NULL},
};

CHANGE(dispute_id, stored->dispute.id.bytes[31] ^= 1)
CHANGE(dispute_opener, stored->dispute.opener++)
CHANGE(dispute_author, stored->dispute.author++)
static const struct change dispute_changes[] = {
    {"id", change_dispute_id},
    {"opener", change_dispute_opener},
    {"author", change_dispute_author},
    {NULL, NULL},
};

static struct account two_accounts[2];
static void change_accounts(struct stored *stored)
{
    two_accounts[0] = stored->account;
    two_accounts[0].ref[0] ^= 1;
    stored->subject.accounts = two_accounts;
}
static void change_account_count(struct stored *stored)
{
    two_accounts[0] = two_accounts[1] = stored->account;
    two_accounts[1].ref[0]++;
    stored->subject.accounts = two_accounts;
    stored->subject.account_count = 2;
}
CHANGE(consent_count, stored->subject.consents.count = 0)
CHANGE(reservation_count, stored->subject.reservations.count = 0)
CHANGE(dispute_count, stored->subject.disputes.count = 0)
CHANGE(item_count, stored->subject.item_count++)
CHANGE(item_ids, stored->subject.item_ids.bytes[31] ^= 1)
static const struct change subject_changes[] = {
    {"account_count", change_account_count},
    {"account_capacity", NULL}, /* memory's alone */
    {"accounts", change_accounts},
    {"consents", change_consent_count},
    {"reservations", change_reservation_count},
    {"disputes", change_dispute_count},
    {"item_count", change_item_count},
    {"item_ids", change_item_ids},
    {NULL, NULL},
};

CHANGE(leaf_count, stored->leaf.count++)
CHANGE(leaf_last_height, stored->leaf.last_height++)
CHANGE(leaf_acc, stored->leaf.acc.bytes[0] ^= 1)
CHANGE(leaf_summary, stored->leaf.summary.bytes[0] = 1)
static const struct change leaf_changes[] = {
    {"count", change_leaf_count},
    {"last_height", change_leaf_last_height},
    {"acc", change_leaf_acc},
    {"summary", change_leaf_summary},
    {NULL, NULL},
};

CHANGE(counts_events, stored->counts.events++)
CHANGE(counts_applied, stored->counts.applied++)
static const struct change counts_changes[] = {
    {"events", change_counts_events},
    {"applied", change_counts_applied},
    {"subjects", NULL}, /* in each proof its number would tell whether a subject was known */
    {NULL, NULL},
};

CHANGE(window_minute_count, stored->window.minute_count--)
CHANGE(window_minutes, stored->window.minutes[0] = stored->window.minutes[1])
static const struct change window_changes[] = {
    {"minute_count", change_window_minute_count},
    {"minutes", change_window_minutes},
    {NULL, NULL},
};

CHANGE(minute_minute, stored->window.minutes[1].minute++)
CHANGE(minute_batches, stored->window.minutes[1].batches = stored->window.minutes[0].batches)
static const struct change minute_changes[] = {
    {"minute", change_minute_minute},
    {"batches", change_minute_batches},
    {NULL, NULL},
};

/* A count alone, without another tree. */
static void change_tree_count(struct stored *stored)
{
    struct merkle_frontier *tree = &stored->window.minutes[1].batches;
    tree->count = 2; /* as many subtrees as 1 has */
}
CHANGE(tree_peaks, stored->window.minutes[1].batches.peaks[0].bytes[7] ^= 1)
static const struct change tree_changes[] = {
    {"count", change_tree_count},
    {"peaks", change_tree_peaks},
    {NULL, NULL},
};

CHANGE(registered_member_id, stored->registered.members[4].id++)
CHANGE(registered_member_name, stored->registered.members[4].name[0]++)
CHANGE(registered_member_kind, stored->registered.members[4].kind[0]++)
CHANGE(registered_member_licence, stored->registered.members[4].licence[0]++)
CHANGE(registered_member_role, stored->registered.members[4].role = ROLE_REGULATOR)
CHANGE(registered_member_status, stored->registered.members[4].status = MEMBER_SUSPENDED)
CHANGE(registered_member_from, stored->registered.members[4].from++)
CHANGE(registered_member_status_from, stored->registered.members[4].status_from++)
CHANGE(registered_member_sequence, stored->registered.members[4].sequence++)
static const struct change registered_member_changes[] = {
    {"id", change_registered_member_id},
    {"name", change_registered_member_name},
    {"kind", change_registered_member_kind},
    {"licence", change_registered_member_licence},
    {"role", change_registered_member_role},
    {"status", change_registered_member_status},
    {"from", change_registered_member_from},
    {"status_from", change_registered_member_status_from},
    {"sequence", change_registered_member_sequence},
    {NULL, NULL},
};

CHANGE(registered_key_member_id, stored->registered.keys[0].member_id++)
CHANGE(registered_key_kind, stored->registered.keys[0].kind = KEY_BALLOT)
CHANGE(registered_key_node_id, stored->registered.keys[0].node_id++)
CHANGE(registered_key_key, stored->registered.keys[0].key.bytes[32] ^= 1)
CHANGE(registered_key_from, stored->registered.keys[0].from++)
CHANGE(registered_key_until, stored->registered.keys[0].until++)
static const struct change registered_key_changes[] = {
    {"member_id", change_registered_key_member_id},
    {"kind", change_registered_key_kind},
    {"node_id", change_registered_key_node_id},
    {"key", change_registered_key_key},
    {"from", change_registered_key_from},
    {"until", change_registered_key_until},
    {NULL, NULL},
};

CHANGE(registered_node_id, stored->registered.nodes[0].id++)
CHANGE(registered_node_member_id, stored->registered.nodes[0].member_id++)
CHANGE(registered_node_name, stored->registered.nodes[0].name[0]++)
CHANGE(registered_node_address, stored->registered.nodes[0].address[0]++)
CHANGE(registered_node_key, stored->registered.nodes[0].key.bytes[32] ^= 1)
CHANGE(registered_node_validator, stored->registered.nodes[0].validator = false)
CHANGE(registered_node_ready, stored->registered.nodes[0].ready++)
CHANGE(registered_node_from, stored->registered.nodes[0].from++)
CHANGE(registered_node_until, stored->registered.nodes[0].until++)
static const struct change registered_node_changes[] = {
    {"id", change_registered_node_id},
    {"member_id", change_registered_node_member_id},
    {"name", change_registered_node_name},
    {"address", change_registered_node_address},
    {"key", change_registered_node_key},
    {"validator", change_registered_node_validator},
    {"ready", change_registered_node_ready},
    {"from", change_registered_node_from},
    {"until", change_registered_node_until},
    {NULL, NULL},
};

CHANGE(registered_set_count, stored->registered.set.count--)
CHANGE(registered_set_keys, stored->registered.set.keys[0].bytes[32] ^= 1)
CHANGE(registered_set_base_timeout_ms, stored->registered.set.base_timeout_ms++)
CHANGE(registered_set_heartbeat_ms, stored->registered.set.heartbeat_ms++)
static const struct change registered_set_changes[] = {
    {"count", change_registered_set_count},
    {"keys", change_registered_set_keys},
    {"base_timeout_ms", change_registered_set_base_timeout_ms},
    {"heartbeat_ms", change_registered_set_heartbeat_ms},
    {NULL, NULL},
};

CHANGE(registered_ballot_member_id, stored->registered.open[0].ballots[1].member_id++)
CHANGE(registered_ballot_yes, stored->registered.open[0].ballots[1].yes = false)
static const struct change registered_ballot_changes[] = {
    {"member_id", change_registered_ballot_member_id},
    {"yes", change_registered_ballot_yes},
    {NULL, NULL},
};

CHANGE(registered_proposal_number, stored->registered.open[0].number++)
CHANGE(registered_proposal_id, stored->registered.open[0].id.bytes[31] ^= 1)
CHANGE(registered_proposal_member_id, stored->registered.open[0].member_id++)
CHANGE(registered_proposal_kind, stored->registered.open[0].kind = ACTION_ADD_NODE)
CHANGE(registered_proposal_height, stored->registered.open[0].height++)
CHANGE(registered_proposal_closes_ms, stored->registered.open[0].closes_ms++)
CHANGE(registered_proposal_ballot_count, stored->registered.open[0].ballot_count--)
CHANGE(registered_proposal_ballots,
    stored->registered.open[0].ballots[0] = stored->registered.open[0].ballots[1])
CHANGE(registered_proposal_action_size, stored->registered.open[0].action_size--)
CHANGE(registered_proposal_action, stored->registered.open[0].action[0] ^= 1)
static const struct change registered_proposal_changes[] = {
    {"number", change_registered_proposal_number},
    {"id", change_registered_proposal_id},
    {"member_id", change_registered_proposal_member_id},
    {"kind", change_registered_proposal_kind},
    {"height", change_registered_proposal_height},
    {"closes_ms", change_registered_proposal_closes_ms},
    {"ballot_count", change_registered_proposal_ballot_count},
    {"ballots", change_registered_proposal_ballots},
    {"action_size", change_registered_proposal_action_size},
    {"action", change_registered_proposal_action},
    {NULL, NULL},
};

CHANGE(registered_closed_number, stored->registered.closed[0].number++)
CHANGE(registered_closed_id, stored->registered.closed[0].id.bytes[31] ^= 1)
CHANGE(registered_closed_member_id, stored->registered.closed[0].member_id++)
CHANGE(registered_closed_kind, stored->registered.closed[0].kind = ACTION_ADD_NODE)
CHANGE(registered_closed_outcome, stored->registered.closed[0].outcome = PROPOSAL_VOID)
CHANGE(registered_closed_why, stored->registered.closed[0].why++)
CHANGE(registered_closed_height, stored->registered.closed[0].height++)
static const struct change registered_closed_changes[] = {
    {"number", change_registered_closed_number},
    {"id", change_registered_closed_id},
    {"member_id", change_registered_closed_member_id},
    {"kind", change_registered_closed_kind},
    {"outcome", change_registered_closed_outcome},
    {"why", change_registered_closed_why},
    {"height", change_registered_closed_height},
    {NULL, NULL},
};

CHANGE(registered_flag_flag, stored->registered.flags[0].flag++)
CHANGE(registered_flag_from, stored->registered.flags[0].from++)
static const struct change registered_flag_changes[] = {
    {"flag", change_registered_flag_flag},
    {"from", change_registered_flag_from},
    {NULL, NULL},
};

CHANGE(register_network, stored->registered.network[0]++)
CHANGE(register_member_count, stored->registered.member_count--)
CHANGE(register_members, stored->registered.members[0] = stored->registered.members[1])
CHANGE(register_key_count, stored->registered.key_count--)
CHANGE(register_keys, stored->registered.keys[0] = stored->registered.keys[1])
CHANGE(register_last_node_id, stored->registered.last_node_id++)
CHANGE(register_node_count, stored->registered.node_count--)
CHANGE(register_nodes, stored->registered.nodes[0] = stored->registered.nodes[1])
CHANGE(register_epoch, stored->registered.epoch++)
CHANGE(register_epoch_from, stored->registered.epoch_from++)
CHANGE(register_set, stored->registered.set = stored->registered.next)
CHANGE(register_next_from, stored->registered.next_from++)
CHANGE(register_next, stored->registered.next = stored->registered.set)
CHANGE(register_base_timeout_ms, stored->registered.base_timeout_ms++)
CHANGE(register_heartbeat_ms, stored->registered.heartbeat_ms++)
CHANGE(register_policy_version, stored->registered.policy_version++)
CHANGE(register_policy_from, stored->registered.policy_from++)
CHANGE(register_policy_size, stored->registered.policy_size--)
CHANGE(register_policy, stored->registered.policy[0] ^= 1)
CHANGE(register_flag_count, stored->registered.flag_count--)
CHANGE(register_flags, stored->registered.flags[0].flag++)
CHANGE(register_last_proposal, stored->registered.last_proposal++)
CHANGE(register_open_count, stored->registered.open_count--)
CHANGE(register_open, stored->registered.open[0].number++)
CHANGE(register_closed_count, stored->registered.closed_count--)
CHANGE(register_closed, stored->registered.closed[0].number++)
static const struct change register_changes[] = {
    {"network", change_register_network},
    {"member_count", change_register_member_count},
    {"members", change_register_members},
    {"key_count", change_register_key_count},
    {"keys", change_register_keys},
    {"last_node_id", change_register_last_node_id},
    {"node_count", change_register_node_count},
    {"nodes", change_register_nodes},
    {"epoch", change_register_epoch},
    {"epoch_from", change_register_epoch_from},
    {"set", change_register_set},
    {"next_from", change_register_next_from},
    {"next", change_register_next},
    {"base_timeout_ms", change_register_base_timeout_ms},
    {"heartbeat_ms", change_register_heartbeat_ms},
    {"policy_version", change_register_policy_version},
    {"policy_from", change_register_policy_from},
    {"policy_size", change_register_policy_size},
    {"policy", change_register_policy},
    {"flag_count", change_register_flag_count},
    {"flags", change_register_flags},
    {"last_proposal", change_register_last_proposal},
    {"open_count", change_register_open_count},
    {"open", change_register_open},
    {"closed_count", change_register_closed_count},
    {"closed", change_register_closed},
    {NULL, NULL},
};

/* A genesis is under the chain id, which every position is made from. */
#define GENESIS_CHANGE(name, ...) CHANGE(genesis_##name, __VA_ARGS__; genesis_identify(&stored->genesis))
GENESIS_CHANGE(member_id, stored->genesis.members[4].id++)
GENESIS_CHANGE(member_name, stored->genesis.members[4].name[0]++)
GENESIS_CHANGE(member_kind, stored->genesis.members[4].kind[0]++)
GENESIS_CHANGE(member_licence, stored->genesis.members[4].licence[0]++)
GENESIS_CHANGE(member_role, stored->genesis.members[4].role = ROLE_LENDER)
GENESIS_CHANGE(member_key_count, stored->genesis.members[4].key_count--)
GENESIS_CHANGE(member_keys, stored->genesis.members[4].keys[1].bytes[32] ^= 1)
GENESIS_CHANGE(member_ballot_key_count, stored->genesis.members[4].ballot_key_count--)
GENESIS_CHANGE(member_ballot_keys, stored->genesis.members[4].ballot_keys[0].bytes[32] ^= 1)
static const struct change member_changes[] = {
    {"id", change_genesis_member_id},
    {"name", change_genesis_member_name},
    {"kind", change_genesis_member_kind},
    {"licence", change_genesis_member_licence},
    {"role", change_genesis_member_role},
    {"key_count", change_genesis_member_key_count},
    {"keys", change_genesis_member_keys},
    {"ballot_key_count", change_genesis_member_ballot_key_count},
    {"ballot_keys", change_genesis_member_ballot_keys},
    {NULL, NULL},
};

GENESIS_CHANGE(network, stored->genesis.network[0]++)
GENESIS_CHANGE(created_ms, stored->genesis.created_ms++)
GENESIS_CHANGE(open_reads, stored->genesis.open_reads = !stored->genesis.open_reads)
GENESIS_CHANGE(base_timeout_ms, stored->genesis.base_timeout_ms++)
GENESIS_CHANGE(heartbeat_ms, stored->genesis.heartbeat_ms++)
GENESIS_CHANGE(policy, stored->genesis.policy.version++)
GENESIS_CHANGE(member_count, stored->genesis.member_count--)
GENESIS_CHANGE(members, stored->genesis.members[0] = stored->genesis.members[1])
GENESIS_CHANGE(validator_count, stored->genesis.validator_count--)
GENESIS_CHANGE(validators, stored->genesis.validators[0] = stored->genesis.validators[1])
GENESIS_CHANGE(observer_count, stored->genesis.observer_count++)
GENESIS_CHANGE(observers, stored->genesis.observers[0] = stored->genesis.validators[1];
               stored->genesis.observer_count = 1)
CHANGE(genesis_chain_id, stored->genesis.chain_id.bytes[0] ^= 1)
static const struct change genesis_changes[] = {
    {"network", change_genesis_network},
    {"created_ms", change_genesis_created_ms},
    {"open_reads", change_genesis_open_reads},
    {"base_timeout_ms", change_genesis_base_timeout_ms},
    {"heartbeat_ms", change_genesis_heartbeat_ms},
    {"policy", change_genesis_policy},
    {"member_count", change_genesis_member_count},
    {"members", change_genesis_members},
    {"validator_count", change_genesis_validator_count},
    {"validators", change_genesis_validators},
    {"observer_count", change_genesis_observer_count},
    {"observers", change_genesis_observers},
    {"chain_id", change_genesis_chain_id},
    {NULL, NULL},
};

CHANGE(policy_name, stored->policy.name[0]++)
CHANGE(policy_version, stored->policy.version++)
CHANGE(policy_live_reservations_max, stored->policy.live_reservations_max++)
CHANGE(policy_lenders_max, stored->policy.lenders_max++)
CHANGE(policy_accounts_max, stored->policy.accounts_max++)
CHANGE(policy_cooling_off_days, stored->policy.cooling_off_days++)
CHANGE(policy_amount_cap_count, stored->policy.amount_cap_count--)
CHANGE(policy_amount_caps, stored->policy.amount_caps[0] = stored->policy.amount_caps[1])
CHANGE(policy_reservation_life_ms_max, stored->policy.reservation_life_ms_max++)
CHANGE(policy_authorization_from_ms, stored->policy.authorization_from_ms--)
CHANGE(policy_purposes, stored->policy.purposes ^= 2)
CHANGE(policy_legal_bases, stored->policy.legal_bases[ROLE_REGULATOR] ^= 1)
CHANGE(policy_answer_ttl_ms, stored->policy.answer_ttl_ms++)
CHANGE(policy_retention_start, stored->policy.retention_start = RETENTION_FROM_FIRST_DELINQUENCY)
CHANGE(policy_retention_years, stored->policy.retention_years++)
CHANGE(policy_unverifiable, stored->policy.unverifiable = UNVERIFIABLE_DELETE)
CHANGE(policy_dispute_days, stored->policy.dispute_days++)
CHANGE(policy_dispute_extension_days, stored->policy.dispute_extension_days++)
static const struct change policy_changes[] = {
    {"name", change_policy_name},
    {"version", change_policy_version},
    {"live_reservations_max", change_policy_live_reservations_max},
    {"lenders_max", change_policy_lenders_max},
    {"accounts_max", change_policy_accounts_max},
    {"cooling_off_days", change_policy_cooling_off_days},
    {"amount_cap_count", change_policy_amount_cap_count},
    {"amount_caps", change_policy_amount_caps},
    {"reservation_life_ms_max", change_policy_reservation_life_ms_max},
    {"authorization_from_ms", change_policy_authorization_from_ms},
    {"purposes", change_policy_purposes},
    {"legal_bases", change_policy_legal_bases},
    {"answer_ttl_ms", change_policy_answer_ttl_ms},
    {"retention_start", change_policy_retention_start},
    {"retention_years", change_policy_retention_years},
    {"unverifiable", change_policy_unverifiable},
    {"dispute_days", change_policy_dispute_days},
    {"dispute_extension_days", change_policy_dispute_extension_days},
    {NULL, NULL},
};

CHANGE(cap_currency, stored->policy.amount_caps[1].currency++)
CHANGE(cap_minor, stored->policy.amount_caps[1].minor++)
static const struct change cap_changes[] = {
    {"currency", change_cap_currency},
    {"minor", change_cap_minor},
    {NULL, NULL},
};

GENESIS_CHANGE(node_name, stored->genesis.validators[2].name[0]++)
GENESIS_CHANGE(node_member_id, stored->genesis.validators[2].member_id++)
GENESIS_CHANGE(node_address, stored->genesis.validators[2].address[0]++)
GENESIS_CHANGE(node_key, stored->genesis.validators[2].key.bytes[4] ^= 1)
static const struct change node_changes[] = {
    {"name", change_genesis_node_name},
    {"member_id", change_genesis_node_member_id},
    {"address", change_genesis_node_address},
    {"key", change_genesis_node_key},
    {NULL, NULL},
};

static const struct {
    const char *header, *name;
    const struct change *changes;
} structs[] = {
    {"node/credit/account.h", "account", account_changes},
    {"node/credit/account.h", "account_turn", turn_changes},
    {"node/credit/subject_state.h", "consent", consent_changes},
    {"node/credit/subject_state.h", "reservation", reservation_changes},
    {"node/credit/subject_state.h", "dispute", dispute_changes},
    {"node/credit/subject_state.h", "subject_state", subject_changes},
    {"proto/crypto/subject_path.h", "subject_leaf", leaf_changes},
    {"storage/state.h", "state_counts", counts_changes},
    {"storage/replay_window.h", "replay_window", window_changes},
    {"storage/replay_window.h", "replay_minute", minute_changes},
    {"proto/crypto/merkle.h", "merkle_frontier", tree_changes},
    {"proto/codec/policy.h", "credit_policy", policy_changes},
    {"proto/codec/policy.h", "amount_cap", cap_changes},
    {"proto/codec/register.h", "register_member", registered_member_changes},
    {"proto/codec/register.h", "register_key", registered_key_changes},
    {"proto/codec/register.h", "register_node", registered_node_changes},
    {"proto/codec/register.h", "register_set", registered_set_changes},
    {"proto/codec/register.h", "register_ballot", registered_ballot_changes},
    {"proto/codec/register.h", "register_proposal", registered_proposal_changes},
    {"proto/codec/register.h", "closed_proposal", registered_closed_changes},
    {"proto/codec/register.h", "register_flag", registered_flag_changes},
    {"proto/codec/register.h", "member_register", register_changes},
    {"proto/codec/genesis.h", "genesis", genesis_changes},
    {"proto/codec/genesis.h", "genesis_member", member_changes},
    {"proto/codec/genesis.h", "genesis_node", node_changes},
};
#define STRUCT_COUNT (sizeof structs / sizeof structs[0])

static void every_field_has_its_case(void **context)
{
    (void)context;
    static char fields[FIELDS_MAX][FIELD_SIZE_MAX];
    for (size_t s = 0; s < STRUCT_COUNT; s++) {
        uint32_t count = fields_read(structs[s].header, structs[s].name, fields), cases = 0;
        for (; structs[s].changes[cases].field != NULL; cases++) {
            if (cases == count || strcmp(fields[cases], structs[s].changes[cases].field) != 0)
                fail_msg("struct %s: %s stands where the case of %s is", structs[s].name,
                    cases == count ? "nothing" : fields[cases], structs[s].changes[cases].field);
        }
        if (cases < count) fail_msg("struct %s: %s has no case", structs[s].name, fields[cases]);
    }
}

static void a_change_of_any_field_changes_the_root(void **context)
{
    (void)context;
    struct stored *unchanged = malloc(sizeof *unchanged), *changed = malloc(sizeof *changed);
    assert_non_null(unchanged);
    assert_non_null(changed);
    *unchanged = base;
    struct digest before = root_of(unchanged);
    for (size_t s = 0; s < STRUCT_COUNT; s++)
        for (const struct change *change = structs[s].changes; change->field != NULL; change++) {
            if (change->change == NULL) continue;
            *changed = base;
            change->change(changed);
            struct digest after = root_of(changed);
            if (digest_equal(&before, &after))
                fail_msg("the root stands, whatever %s.%s is", structs[s].name, change->field);
        }
    free(unchanged);
    free(changed);
}

/* The file's codec has one form for each value, and none of its bytes is slack. */
static void no_byte_of_a_subjects_file_is_slack(void **context)
{
    (void)context;
    struct buffer bytes, again;
    struct subject_state read;
    struct stored stored = base;
    (void)summary_of(&stored, &bytes);
    buffer_init(&again, SUBJECT_STATE_SIZE_MAX);
    subject_state_init(&read);
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (subject_state_decode(buffer_span(&bytes), &read) == TALLY_OK) {
            buffer_clear(&again);
            subject_state_encode(&read, &again);
            assert_true(span_equal(buffer_span(&again), buffer_span(&bytes)));
        }
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    subject_state_close(&read);
    buffer_close(&again);
    buffer_close(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_computes_the_same_root),
        cmocka_unit_test(every_field_has_its_case),
        cmocka_unit_test(a_change_of_any_field_changes_the_root),
        cmocka_unit_test(no_byte_of_a_subjects_file_is_slack),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
