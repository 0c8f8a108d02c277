// links: node -Wl,--wrap=state_subject_get,--wrap=state_history_read,--wrap=state_prove,--wrap=ledger_event_read
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/credit/rules.h"
#include "node/inquiry.h"
#include "node/supervision.h"
#include "proto/codec/register.h"
#include "proto/proof/verify.h"
#include "tests/fault/blocks.h"
#include "tests/fault/memory_disk.h"
#include "tests/vectors/governance_samples.h"
#include "tests/vectors/samples.h"

#define ME 1u
#define OTHER 2u
#define BLOCKS_MAX 16
#define MANY 1000u

/* ---- What was read ---- */

static struct {
    uint32_t subjects, histories, proofs, events;
} reads;

int __real_state_subject_get(struct state *, const struct digest *, struct arena *, struct state_subject *);
int __wrap_state_subject_get(struct state *, const struct digest *, struct arena *, struct state_subject *);
int __wrap_state_subject_get(
    struct state *state, const struct digest *id, struct arena *arena, struct state_subject *subject)
{
    reads.subjects++;
    return __real_state_subject_get(state, id, arena, subject);
}

int __real_state_history_read(
    struct state *, const struct digest *, uint64_t, size_t, struct state_history_entry *);
int __wrap_state_history_read(
    struct state *, const struct digest *, uint64_t, size_t, struct state_history_entry *);
int __wrap_state_history_read(struct state *state, const struct digest *id, uint64_t from, size_t count,
    struct state_history_entry *entries)
{
    reads.histories++;
    return __real_state_history_read(state, id, from, count, entries);
}

int __real_state_prove(struct state *, uint64_t, const struct digest *, struct state_proof *);
int __wrap_state_prove(struct state *, uint64_t, const struct digest *, struct state_proof *);
int __wrap_state_prove(
    struct state *state, uint64_t height, const struct digest *id, struct state_proof *proof)
{
    reads.proofs++;
    return __real_state_prove(state, height, id, proof);
}

int __real_ledger_event_read(struct ledger *, uint64_t, uint32_t, struct arena *, struct ledger_event *);
int __wrap_ledger_event_read(struct ledger *, uint64_t, uint32_t, struct arena *, struct ledger_event *);
int __wrap_ledger_event_read(
    struct ledger *ledger, uint64_t height, uint32_t index, struct arena *arena, struct ledger_event *event)
{
    reads.events++;
    return __real_ledger_event_read(ledger, height, index, arena, event);
}

/* ---- A ledger and its state, a block at a time ---- */

struct world {
    char dir[32];
    struct memory_disk *disk;
    struct arena arena;
    struct sample_network network;
    struct member_register *members;
    struct asker asker;
    uint64_t height, skipped_ms;
    struct digest head;
    struct state_roots roots;
    const struct member_register *changed; /* in the next block; NULL = it is as it was */
};

/* An event of a header, without a body's fields, in the world's arena. */
static struct batch_event make(struct world *world, struct event_header header)
{
    struct batch_event event = {.has_body = true};
    uint8_t *bytes = arena_take(&world->arena, EVENT_HEADER_SIZE_MAX);
    struct buffer out;
    if (header.subject_scheme == 0) header.subject_scheme = SUBJECT_SCHEME_HMAC;
    header.event_date = 12345;
    header.body_commitment = event_body_commitment(event.salt, span_of(NULL, 0));
    buffer_init(&out, EVENT_HEADER_SIZE_MAX);
    event_header_encode(&header, &out);
    assert_true(bytes != NULL && !out.failed);
    memcpy(bytes, out.data, out.size);
    event.header = span_of(bytes, out.size);
    event.fields = header;
    event.id = event_id(&world->asker.chain_id, event.header);
    buffer_close(&out);
    return event;
}

static struct batch_event payment(
    struct world *world, uint32_t member, uint8_t ref, uint32_t seq, const struct digest *subject)
{
    return make(world, (struct event_header){.type = EVENT_PAYMENT,
                           .member_id = member,
                           .subject_id = *subject,
                           .has_account = true,
                           .account_ref = {member & 0xFF, ref},
                           .account_seq = seq});
}

static struct batch_event inquiry(
    struct world *world, uint32_t member, const struct digest *subject, const struct digest *consent)
{
    static uint8_t nonce;
    struct event_header header = {.type = EVENT_INQUIRY,
        .member_id = member,
        .subject_id = *subject,
        .item_id = {9, ++nonce},
        .has_consent = consent != NULL};
    header.purpose = PURPOSE_CREDIT_DECISION;
    header.nonce[0] = nonce;
    if (consent != NULL)
        header.consent = *consent;
    else
        header.legal_basis = LEGAL_COURT_ORDER;
    return make(world, header);
}

/* What members decided with this block. */
static void put_register(struct world *world)
{
    struct buffer bytes;
    buffer_init(&bytes, REGISTER_SIZE_MAX);
    register_encode(world->changed, &bytes);
    assert_int_equal(
        state_register_put(world->asker.state, &(struct state_register){.bytes = buffer_span(&bytes)}),
        TALLY_OK);
    buffer_close(&bytes);
    world->changed = NULL;
}

static void put_file(struct state *state, const struct digest *subject_id, const struct subject_state *file)
{
    struct buffer bytes;
    buffer_init(&bytes, SUBJECT_STATE_SIZE_MAX);
    subject_state_encode(file, &bytes);
    assert_int_equal(state_subject_put(state, subject_id, buffer_span(&bytes)), TALLY_OK);
    buffer_close(&bytes);
}

/* The block's events in the state; `file` is that of the first one's subject from now on; NULL: all are
 * empty. */
static void apply(
    struct world *world, const struct block *block, const uint16_t *codes, const struct subject_state *file)
{
    struct state *state = world->asker.state;
    struct subject_state empty;
    subject_state_init(&empty);
    assert_int_equal(
        state_block_begin(state, block->header.height, &block->hash, block->header.time_ms), TALLY_OK);
    if (world->changed != NULL) put_register(world);
    for (uint32_t i = 0; i < block->batch_count; i++) {
        const struct batch_event *event = block->batches[i].events;
        const struct event_header *header = &event->fields;
        struct event_result result = {.code = codes == NULL ? RESULT_OK : codes[i]};
        if (credit_result_folds(header->type, result.code))
            assert_int_equal(state_fold(state, &header->subject_id, &event->id, i, result.code), TALLY_OK);
        if (header->has_account)
            assert_int_equal(state_account_event_put(
                                 state, header->member_id, header->account_ref, header->account_seq, i),
                TALLY_OK);
        assert_int_equal(state_result_record(state, i, &event->id, &result), TALLY_OK);
    }
    for (uint32_t i = 0; i < (file == NULL ? block->batch_count : 1); i++)
        put_file(state, &block->batches[i].events[0].fields.subject_id, file == NULL ? &empty : file);
    assert_int_equal(state_block_end(state, &world->roots), TALLY_OK);
}

/* A block of these events, a batch each, with these results (NULL = all OK). */
static void put(struct world *world, const struct batch_event *events, const uint16_t *codes, uint32_t count,
    const struct subject_state *file)
{
    struct block block = {.header = {.chain_id = world->asker.chain_id,
                              .epoch = 1,
                              .view = world->height + 1,
                              .height = world->height + 1,
                              .parent_view = world->height,
                              .parent_hash = world->head,
                              .payload_events = count,
                              .time_ms = BLOCKS_START_MS + world->skipped_ms + (world->height + 1) * 1000},
        .has_finalization = true,
        .batch_count = count};
    struct digest *digests = arena_take_zeroed(&world->arena, count, sizeof *digests);
    block.batches = arena_take_zeroed(&world->arena, count, sizeof *block.batches);
    assert_true(digests != NULL && block.batches != NULL);
    block.header.justification_root = justification_root(block.justification);
    for (uint32_t i = 0; i < count; i++) {
        struct batch *batch = &block.batches[i];
        *batch = (struct batch){.chain_id = world->asker.chain_id,
            .member_id = events[i].fields.member_id,
            .expires_at_ms = block.header.time_ms + 1,
            .event_count = 1,
            .events = arena_take(&world->arena, sizeof *events)};
        batch->events[0] = events[i];
        digests[i] = batch->digest = batch_digest(batch);
        block.header.payload_size += (uint32_t)batch_size_without_bodies(batch);
    }
    block.header.payload_root = payload_root(digests, count);
    block.hash = block_header_hash(&block.header);
    block.finalization = blocks_certificate(&block.header, &block.hash);
    assert_int_equal(ledger_append(world->asker.ledger, &block), TALLY_OK);
    assert_int_equal(ledger_sync(world->asker.ledger), TALLY_OK);

    world->height++;
    world->head = block.hash;
    apply(world, &block, codes, file);
}

static void certify(struct world *world)
{
    struct digest set_hash = validator_set_hash(&world->network.validators.set);
    struct certified_checkpoint checkpoint = {.checkpoint = {.chain_id = world->asker.chain_id,
                                                  .epoch = 1,
                                                  .height = world->roots.height,
                                                  .block = world->roots.block,
                                                  .time_ms = world->roots.time_ms,
                                                  .state_root = world->roots.state_root,
                                                  .results_root = world->roots.results_root,
                                                  .history_root = world->roots.history_root,
                                                  .set_hash = set_hash,
                                                  .next_set_hash = set_hash}};
    sample_certify(&world->network, sample_quorum(&world->network), &checkpoint);
    assert_int_equal(state_certified_put(world->asker.state, &checkpoint), TALLY_OK);
}

#define TTL_MS 60000u /* of the register's policy */

/* Members of whom ME is a regulator. The caller frees it. */
static struct member_register *supervised(void)
{
    struct genesis *genesis = malloc(sizeof *genesis);
    struct member_register *made = malloc(sizeof *made);
    assert_true(genesis != NULL && made != NULL);
    sample_genesis(genesis);
    genesis->members[ME - 1].role = ROLE_REGULATOR;
    genesis->policy.legal_bases[ROLE_REGULATOR] = 1u << (LEGAL_SUPERVISION - 1);
    assert_int_equal(genesis->policy.answer_ttl_ms, TTL_MS);
    assert_int_equal(register_from_genesis(genesis, made), TALLY_OK);
    free(genesis);
    return made;
}

static int set_up(void **context)
{
    struct world *world = calloc(1, sizeof *world);
    struct ledger_report report;
    assert_non_null(world);
    strcpy(world->dir, "inquiry-test-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    world->disk = memory_disk_make(1);
    assert_int_equal(world->disk->disk.make_dir(world->disk, "home"), TALLY_OK);
    arena_init(&world->arena, 64 * MIB);
    sample_network_init(&world->network, "chain", 4);
    world->members = supervised();
    world->changed = world->members;
    world->asker = (struct asker){.chain_id = world->network.chain_id, .member_id = ME};
    struct state_config config = {.chain_id = world->asker.chain_id};
    world->head = world->asker.chain_id;
    assert_int_equal(
        ledger_open(&world->disk->disk, "home", &world->asker.chain_id, NULL, &world->asker.ledger, &report),
        TALLY_OK);
    assert_int_equal(state_open(world->dir, &config, &world->asker.state), TALLY_OK);
    *context = world;
    return 0;
}

static int tear_down(void **context)
{
    struct world *world = *context;
    ledger_close(world->asker.ledger);
    state_close(world->asker.state);
    assert_int_equal(state_discard(world->dir), TALLY_OK);
    assert_int_equal(rmdir(world->dir), 0);
    arena_close(&world->arena);
    memory_disk_close(world->disk);
    free(world->members);
    free(world);
    return 0;
}

/* What the asker gets. */
struct answered {
    int error;
    struct receipt receipt;
    struct buffer proof;
};

static uint64_t now_ms(const struct world *world)
{
    return BLOCKS_START_MS + world->height * 1000;
}

static void ask(struct world *world, const struct digest *id, uint64_t at_ms, struct answered *answered)
{
    memset(answered, 0, sizeof *answered);
    memset(&reads, 0, sizeof reads);
    buffer_init(&answered->proof, QUERY_PROOF_SIZE_MAX);
    bool more;
    struct arena arena;
    arena_init(&arena, MIB);
    answered->error =
        inquiry_answer(&world->asker, id, 0, at_ms, &arena, &answered->receipt, &answered->proof, &more);
    assert_int_equal(answered->receipt.seals.size, 0);
    arena_close(&arena);
    assert_false(more);
}

static int error_of(struct world *world, const struct digest *id, uint64_t at_ms)
{
    struct answered answered;
    ask(world, id, at_ms, &answered);
    if (answered.error != TALLY_OK) assert_int_equal(answered.proof.size, 0);
    buffer_close(&answered.proof);
    return answered.error;
}

/* A subject of whom another member furnished this many events. */
static struct digest furnished(struct world *world, uint8_t number, uint32_t count)
{
    struct digest subject = {{0x50, number}};
    struct batch_event *events = calloc(count + 1, sizeof *events);
    assert_non_null(events);
    for (uint32_t seq = 0; seq < count; seq++)
        events[seq] = payment(world, OTHER, number, seq, &subject);
    if (count > 0) put(world, events, NULL, count, NULL);
    free(events);
    return subject;
}

/* ---- Under an inquiry ---- */

/* The same size and shape, by the same reads: none of the subject. */
static void a_refusal_is_the_same_for_a_subject_of_none_one_and_many_events(void **context)
{
    struct world *world = *context;
    const struct digest unknown = {{0xC0}};
    struct digest subjects[] = {
        furnished(world, 1, 0), furnished(world, 2, 1), furnished(world, 3, MANY), furnished(world, 4, 2)};
    struct batch_event events[4];
    const uint16_t codes[] = {RESULT_NO_CONSENT, RESULT_NO_CONSENT, RESULT_NO_CONSENT, RESULT_NO_CONSENT};
    size_t size = 0;
    for (uint32_t i = 0; i < 4; i++)
        events[i] = inquiry(world, ME, &subjects[i], &unknown);
    put(world, events, codes, 4, NULL);
    certify(world);
    for (uint32_t i = 1; i < 4; i++) { /* place 0 is a byte shorter */
        struct answered answered;
        struct buffer bytes;
        ask(world, &events[i].id, now_ms(world), &answered);
        assert_int_equal(answered.error, TALLY_OK);
        assert_int_equal(answered.receipt.result.code, RESULT_NO_CONSENT);
        assert_int_equal(answered.receipt.result.detail_size, 0);
        assert_int_equal(answered.proof.size, 0);
        assert_int_equal(reads.subjects + reads.histories + reads.proofs, 0);
        assert_int_equal(reads.events, 1); /* the inquiry itself */
        buffer_init(&bytes, 64 * KIB);
        receipt_encode(&answered.receipt, &bytes);
        if (i > 1) assert_int_equal(bytes.size, size);
        size = bytes.size;
        buffer_close(&bytes);
        buffer_close(&answered.proof);
    }
}

/* As its fold stands: the first place is of the subject without a file. */
static void a_refusal_for_a_subject_without_a_file_is_no_other(void **context)
{
    struct world *world = *context;
    const struct digest unknown = {{0xC0}}, none = {{0x50, 1}}, many = furnished(world, 3, MANY);
    const uint16_t codes[] = {RESULT_NO_CONSENT, RESULT_NO_CONSENT};
    size_t sizes[2];
    for (uint32_t i = 0; i < 2; i++) {
        struct answered answered;
        struct buffer bytes;
        struct batch_event event = inquiry(world, ME, i == 0 ? &none : &many, &unknown);
        put(world, &event, codes, 1, NULL);
        certify(world);
        ask(world, &event.id, now_ms(world), &answered);
        assert_int_equal(answered.error, TALLY_OK);
        assert_int_equal(reads.subjects + reads.histories + reads.proofs, 0);
        buffer_init(&bytes, 64 * KIB);
        receipt_encode(&answered.receipt, &bytes);
        /* Paths grow with the ledger, and with nothing else. */
        sizes[i] = bytes.size - answered.receipt.history_path_length * DIGEST_SIZE;
        buffer_close(&bytes);
        buffer_close(&answered.proof);
    }
    assert_int_equal(sizes[0], sizes[1]);
}

static void an_answer_is_the_whole_file_and_holds_its_own_inquiry(void **context)
{
    struct world *world = *context;
    static struct history_proof proof;
    struct digest subject = furnished(world, 1, 5);
    struct batch_event event = inquiry(world, ME, &subject, NULL),
                       another = inquiry(world, ME, &subject, NULL);
    struct proof_trust trust = {
        .chain_id = world->asker.chain_id, .validators = world->network.validators, .inquiry = &event.id};
    struct proof_verdict verdict;
    struct answered answered;
    struct arena arena;
    put(world, &event, NULL, 1, NULL);
    assert_int_equal(error_of(world, &event.id, now_ms(world)), TALLY_EBUSY);
    certify(world);
    ask(world, &event.id, now_ms(world), &answered);
    assert_int_equal(answered.error, TALLY_OK);
    assert_int_equal(answered.receipt.result.code, RESULT_OK);
    arena_init(&arena, 16 * MIB);
    assert_int_equal(
        history_verify(&trust, buffer_span(&answered.proof), &arena, &proof, &verdict), TALLY_OK);
    assert_int_equal(verdict.events, 6);
    assert_int_equal(verdict.withheld, 0);
    trust.inquiry = &another.id;
    assert_int_equal(
        history_verify(&trust, buffer_span(&answered.proof), &arena, &proof, &verdict), TALLY_EINVALID);
    assert_int_equal(verdict.reason, PROOF_STALE);
    arena_close(&arena);
    buffer_close(&answered.proof);
}

static void an_answer_is_under_a_checkpoint_at_or_above_its_inquiry(void **context)
{
    struct world *world = *context;
    struct digest subject = furnished(world, 1, 5);
    struct batch_event event = inquiry(world, ME, &subject, NULL);
    certify(world);
    put(world, &event, NULL, 1, NULL);
    assert_int_equal(error_of(world, &event.id, now_ms(world)), TALLY_EBUSY);
    (void)furnished(world, 2, 1);
    certify(world);
    assert_int_equal(error_of(world, &event.id, now_ms(world)), TALLY_OK);
}

static void only_the_members_own_inquiries_are_answered(void **context)
{
    struct world *world = *context;
    struct digest subject = furnished(world, 1, 0), nothing = {{0xAB}};
    struct batch_event events[] = {inquiry(world, OTHER, &subject, NULL), payment(world, ME, 1, 0, &subject)};
    put(world, events, NULL, 2, NULL);
    certify(world);
    assert_int_equal(error_of(world, &events[0].id, now_ms(world)), TALLY_ENOTFOUND);
    assert_int_equal(error_of(world, &events[1].id, now_ms(world)), TALLY_ENOTFOUND);
    assert_int_equal(error_of(world, &nothing, now_ms(world)), TALLY_ENOTFOUND);
    assert_int_equal(reads.subjects + reads.histories + reads.proofs, 0);
}

static void an_inquiry_is_answered_again_for_the_policys_time(void **context)
{
    struct world *world = *context;
    struct digest subject = furnished(world, 1, 1);
    struct batch_event event = inquiry(world, ME, &subject, NULL);
    const uint64_t ttl_ms = TTL_MS;
    put(world, &event, NULL, 1, NULL);
    certify(world);
    uint64_t inquired_ms = now_ms(world);
    assert_int_equal(error_of(world, &event.id, inquired_ms), TALLY_OK);
    assert_int_equal(error_of(world, &event.id, inquired_ms + ttl_ms - 1), TALLY_OK);
    assert_int_equal(error_of(world, &event.id, inquired_ms + ttl_ms), TALLY_ETIMEOUT);
    assert_int_equal(reads.histories + reads.proofs, 0);
}

/* Neither is it answered longer by a machine whose clock stands still. */
static void for_how_long_is_what_the_policy_in_force_says(void **context)
{
    struct world *world = *context;
    struct digest subject = furnished(world, 1, 1);
    struct batch_event event = inquiry(world, ME, &subject, NULL);
    struct credit_policy policy;
    struct buffer text;
    put(world, &event, NULL, 1, NULL);
    uint64_t inquired_ms = now_ms(world);
    assert_int_equal(members_policy(world->members, &policy), TALLY_OK);
    policy.answer_ttl_ms = TTL_MS * 2;
    buffer_init(&text, POLICY_TEXT_SIZE_MAX);
    credit_policy_print(&policy, &text);
    memcpy(world->members->policy, text.data, text.size);
    world->members->policy_size = (uint32_t)text.size;
    buffer_close(&text);
    world->changed = world->members; /* members set another one */
    (void)furnished(world, 2, 1);
    certify(world);
    assert_int_equal(error_of(world, &event.id, inquired_ms + TTL_MS * 2 - 1), TALLY_OK);
    assert_int_equal(error_of(world, &event.id, inquired_ms + TTL_MS * 2), TALLY_ETIMEOUT);
}

static void the_networks_time_counts_where_it_is_ahead(void **context)
{
    struct world *world = *context;
    struct digest subject = furnished(world, 1, 1);
    struct batch_event event = inquiry(world, ME, &subject, NULL);
    put(world, &event, NULL, 1, NULL);
    certify(world);
    uint64_t stopped_ms = now_ms(world);
    world->skipped_ms = TTL_MS;
    assert_int_equal(error_of(world, &event.id, stopped_ms), TALLY_OK);
    (void)furnished(world, 2, 1);
    certify(world);
    assert_int_equal(error_of(world, &event.id, stopped_ms), TALLY_ETIMEOUT);
}

static void an_inquiry_is_answered_only_while_its_consent_stands(void **context)
{
    struct world *world = *context;
    struct digest subject = furnished(world, 1, 0);
    struct consent consent = {
        .id = {{0xC0}}, .grantee = ME, .purposes = 1, .valid_until = 1 << 20, .uses_left = 1};
    struct batch_event event = inquiry(world, ME, &subject, &consent.id);
    struct subject_state file;
    subject_state_init(&file);
    assert_int_equal(
        record_list_add(&file.consents, sizeof consent, CONSENTS_PER_SUBJECT_MAX, &consent), TALLY_OK);
    put(world, &event, NULL, 1, &file);
    certify(world);
    assert_int_equal(error_of(world, &event.id, now_ms(world)), TALLY_OK);
    record_list_remove(&file.consents, sizeof consent, 0);
    struct batch_event revoke = make(world, (struct event_header){.type = EVENT_CONSENT_REVOKE,
                                                .member_id = OTHER,
                                                .subject_id = subject,
                                                .item_id = {7},
                                                .consent = consent.id});
    put(world, &revoke, NULL, 1, &file);
    assert_int_equal(error_of(world, &event.id, now_ms(world)), TALLY_ETIMEOUT);
    subject_state_close(&file);
}

/* ---- Of one's own ---- */

static void add_account(struct subject_state *file, uint32_t member, uint8_t ref, uint32_t events)
{
    struct account account = {.member_id = member,
        .ref = {member & 0xFF, ref},
        .state = ACCOUNT_STATE_OPEN,
        .type = ACCOUNT_REVOLVING,
        .currency = 156,
        .next_seq = events,
        .in_force = events};
    assert_int_equal(subject_state_add(file, &account), TALLY_OK);
}

static void expect_own(
    struct world *world, const struct digest *subject, const struct state_event *places, uint32_t count)
{
    struct state_event *found;
    uint32_t found_count;
    struct arena arena;
    arena_init(&arena, MIB);
    memset(&reads, 0, sizeof reads);
    assert_int_equal(own_events(&world->asker, subject, &arena, &found, &found_count), TALLY_OK);
    assert_int_equal(found_count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(found[i].height, places[i].height);
        assert_int_equal(found[i].index, places[i].index);
    }
    /* However much others furnished, the file's events are not gone through. */
    assert_int_equal(reads.subjects, 1);
    assert_int_equal(reads.histories + reads.proofs + reads.events, 0);
    arena_close(&arena);
}

static void a_member_finds_its_own_events_and_nobody_elses(void **context)
{
    struct world *world = *context;
    struct digest subject = {{0x50, 1}}, stranger = {{0x50, 2}};
    struct batch_event events[6] = {payment(world, OTHER, 1, 0, &subject), payment(world, ME, 1, 0, &subject),
        payment(world, OTHER, 1, 1, &subject), payment(world, ME, 1, 1, &subject),
        payment(world, ME, 2, 0, &subject), inquiry(world, OTHER, &subject, NULL)};
    struct consent consent = {
        .id = events[5].id, .grantee = OTHER, .purposes = 1, .valid_until = 1 << 20, .uses_left = 1};
    struct dispute dispute = {.id = events[2].id, .opener = OTHER, .author = ME};
    struct subject_state file;
    subject_state_init(&file);
    add_account(&file, ME, 1, 2);
    add_account(&file, ME, 2, 1);
    add_account(&file, OTHER, 1, 2);
    assert_int_equal(
        record_list_add(&file.consents, sizeof consent, CONSENTS_PER_SUBJECT_MAX, &consent), TALLY_OK);
    put(world, events, NULL, 6, &file);
    expect_own(world, &subject, (struct state_event[]){{1, 1, true}, {1, 3, true}, {1, 4, true}}, 3);
    expect_own(world, &stranger, NULL, 0);

    /* What another said of the member's own is the member's to see. */
    assert_int_equal(
        record_list_add(&file.disputes, sizeof dispute, DISPUTES_PER_SUBJECT_MAX, &dispute), TALLY_OK);
    struct batch_event more = payment(world, OTHER, 1, 2, &subject);
    put(world, &more, NULL, 1, &file);
    expect_own(
        world, &subject, (struct state_event[]){{1, 1, true}, {1, 2, true}, {1, 3, true}, {1, 4, true}}, 4);
    subject_state_close(&file);
}

static bool owns(struct world *world, const struct batch_event *event)
{
    bool yes;
    assert_int_equal(asker_owns(&world->asker, &event->fields, &yes), TALLY_OK);
    return yes;
}

static void what_names_a_member_or_disputes_what_it_wrote_is_its_own(void **context)
{
    struct world *world = *context;
    struct digest subject = {{0x50, 1}};
    struct batch_event mine = payment(world, ME, 1, 0, &subject),
                       theirs = payment(world, OTHER, 1, 0, &subject);
    struct event_header header = {.type = EVENT_CONSENT_GRANT,
        .member_id = OTHER,
        .subject_id = subject,
        .item_id = {1},
        .grantee = ME,
        .purposes = 1,
        .max_uses = 1};
    struct batch_event grant = make(world, header);
    header.grantee = OTHER;
    struct batch_event grant_to_other = make(world, header);
    struct event_header remedy = {.type = EVENT_DISPUTE_OPEN,
        .member_id = OTHER,
        .subject_id = subject,
        .item_id = {2},
        .has_target = true};
    remedy.target = mine.id;
    remedy.category = CATEGORY_AMOUNT;
    struct batch_event dispute = make(world, remedy);
    remedy.target = theirs.id;
    struct batch_event dispute_of_theirs = make(world, remedy);
    remedy = (struct event_header){.type = EVENT_DISPUTE_CLOSE,
        .member_id = OTHER,
        .subject_id = subject,
        .item_id = {3},
        .has_dispute = true};
    remedy.dispute = dispute.id;
    remedy.outcome = OUTCOME_REJECTED;
    struct batch_event close = make(world, remedy);
    remedy.dispute = (struct digest){{0xEE}};
    struct batch_event close_of_nothing = make(world, remedy);
    const struct batch_event events[] = {
        mine, theirs, grant, grant_to_other, dispute, dispute_of_theirs, close};
    put(world, events, NULL, 7, NULL);
    assert_true(owns(world, &mine) && owns(world, &grant) && owns(world, &dispute) && owns(world, &close));
    assert_false(owns(world, &theirs) || owns(world, &grant_to_other) || owns(world, &dispute_of_theirs) ||
                 owns(world, &close_of_nothing));
}

/* ---- Under an inquiry about blocks ---- */

static struct batch_event inquiry_about(struct world *world, uint32_t member, uint64_t first, uint64_t last)
{
    static uint8_t nonce;
    struct event_header header = {.type = EVENT_INQUIRY,
        .member_id = member,
        .subject_scheme = SUBJECT_SCHEME_BLOCKS,
        .subject_id = subject_of_blocks(&(struct block_range){first, last}),
        .item_id = {8, ++nonce}};
    header.purpose = PURPOSE_ACCOUNT_REVIEW;
    header.legal_basis = LEGAL_SUPERVISION;
    return make(world, header);
}

static int opened(struct world *world, const struct digest *id, uint64_t at_ms)
{
    struct block_range blocks = {0, 0};
    int error = supervision_open(&world->asker, id, at_ms, &blocks);
    if (error == TALLY_OK)
        assert_true(blocks.first == 3 && blocks.last == 8);
    else
        assert_true(blocks.first == 0 && blocks.last == 0);
    return error;
}

static void a_regulators_inquiry_opens_its_blocks_for_the_policys_time(void **context)
{
    struct world *world = *context;
    struct member_register *members = supervised();
    struct batch_event event = inquiry_about(world, ME, 3, 8);
    assert_int_equal(opened(world, &event.id, now_ms(world)), TALLY_ENOTFOUND); /* not on the ledger */
    world->changed = members;
    put(world, &event, NULL, 1, NULL);
    uint64_t at_ms = now_ms(world);
    assert_int_equal(opened(world, &event.id, at_ms), TALLY_OK);
    assert_int_equal(opened(world, &event.id, 0), TALLY_OK);
    assert_int_equal(opened(world, &event.id, at_ms + TTL_MS - 1), TALLY_OK);
    assert_int_equal(opened(world, &event.id, at_ms + TTL_MS), TALLY_ETIMEOUT);
    world->skipped_ms = TTL_MS; /* the network's time counts where this machine's stands still */
    (void)furnished(world, 1, 1);
    assert_int_equal(opened(world, &event.id, at_ms), TALLY_ETIMEOUT);
    free(members);
}

static void only_ones_own_inquiry_about_blocks_that_was_granted_opens_them(void **context)
{
    struct world *world = *context;
    struct member_register *members = supervised();
    const struct digest subject = subject_of_blocks(&(struct block_range){3, 8});
    struct batch_event events[] = {inquiry_about(world, OTHER, 3, 8), inquiry_about(world, ME, 3, 8),
        inquiry(world, ME, &subject, NULL), payment(world, ME, 1, 0, &subject)};
    const uint16_t codes[] = {RESULT_OK, RESULT_NOT_ALLOWED, RESULT_OK, RESULT_OK};
    world->changed = members;
    put(world, events, codes, 4, NULL);
    assert_int_equal(opened(world, &events[0].id, now_ms(world)), TALLY_ENOTFOUND);
    assert_int_equal(opened(world, &events[1].id, now_ms(world)), TALLY_EDENIED);
    assert_int_equal(opened(world, &events[2].id, now_ms(world)), TALLY_ENOTFOUND);
    assert_int_equal(opened(world, &events[3].id, now_ms(world)), TALLY_ENOTFOUND);
    free(members);
}

static void who_is_no_active_regulator_any_more_reads_nothing(void **context)
{
    struct world *world = *context;
    struct member_register *members = supervised(), *sound = supervised();
    struct batch_event event = inquiry_about(world, ME, 3, 8);
    world->changed = members;
    put(world, &event, NULL, 1, NULL);
    uint64_t at_ms = now_ms(world);
    for (uint32_t wrong = 0; wrong < 4; wrong++) {
        *members = *sound;
        if (wrong == 0) members->members[ME - 1].status = MEMBER_SUSPENDED;
        if (wrong == 1) members->members[ME - 1].status = MEMBER_REMOVED;
        if (wrong == 2) members->members[ME - 1].role = ROLE_BUREAU;
        if (wrong == 3) { /* the sample's policy gives nobody a ground */
            struct buffer policy;
            buffer_init(&policy, POLICY_TEXT_SIZE_MAX);
            sample_policy_print(2, &policy);
            memcpy(members->policy, policy.data, policy.size);
            members->policy_size = (uint32_t)policy.size;
            buffer_close(&policy);
        }
        world->changed = members;
        (void)furnished(world, (uint8_t)(2 * wrong + 1), 1);
        assert_int_equal(opened(world, &event.id, at_ms), TALLY_EDENIED);
        world->changed = sound;
        (void)furnished(world, (uint8_t)(2 * wrong + 2), 1);
        assert_int_equal(opened(world, &event.id, at_ms), TALLY_OK);
    }
    free(members);
    free(sound);
}

static void an_inquiry_about_blocks_is_everybodys_to_see(void **context)
{
    struct world *world = *context;
    struct batch_event event = inquiry_about(world, OTHER, 3, 8);
    bool owns = false;
    assert_int_equal(asker_owns(&world->asker, &event.fields, &owns), TALLY_OK);
    assert_true(owns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_refusal_is_the_same_for_a_subject_of_none_one_and_many_events),
        TEST(a_refusal_for_a_subject_without_a_file_is_no_other),
        TEST(an_answer_is_the_whole_file_and_holds_its_own_inquiry),
        TEST(an_answer_is_under_a_checkpoint_at_or_above_its_inquiry),
        TEST(only_the_members_own_inquiries_are_answered),
        TEST(an_inquiry_is_answered_again_for_the_policys_time),
        TEST(for_how_long_is_what_the_policy_in_force_says),
        TEST(the_networks_time_counts_where_it_is_ahead),
        TEST(an_inquiry_is_answered_only_while_its_consent_stands),
        TEST(a_member_finds_its_own_events_and_nobody_elses),
        TEST(what_names_a_member_or_disputes_what_it_wrote_is_its_own),
        TEST(a_regulators_inquiry_opens_its_blocks_for_the_policys_time),
        TEST(only_ones_own_inquiry_about_blocks_that_was_granted_opens_them),
        TEST(who_is_no_active_regulator_any_more_reads_nothing),
        TEST(an_inquiry_about_blocks_is_everybodys_to_see),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
