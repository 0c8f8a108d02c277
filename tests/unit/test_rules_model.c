// links: policies credit codec crypto base
#include "proto/crypto/digest.h"
#include "tests/unit/rules_world.h"

/* ---- Random sequences against a naive model, which knows nothing but the list of applied events ---- */

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % bound;
}

static bool same_account(const struct event_header *a, const struct event_header *b)
{
    return a->member_id == b->member_id && memcmp(a->account_ref, b->account_ref, ACCOUNT_REF_SIZE) == 0;
}

/* The account's state in words, by reading its events from the first; those that were taken back never were.
 */
struct naive_account {
    const char *state;
    bool instalment, disbursed, period_seen;
    uint32_t period_low, period_high;
    uint32_t count, in_force;
    struct digest head, ids;
    struct digest last_turn; /* the event that led to the state */
};

static bool naive_retracted(const struct world *world, const struct digest *id)
{
    for (size_t i = 0; i < world->applied_count; i++) {
        const struct event_header *header = &world->applied[i].header;
        if (header->type == EVENT_RETRACT && digest_equal(&header->target, id)) return true;
    }
    return false;
}

/* Where an event in force leads; NULL where the state stays. */
static const char *naive_next(const char *state, const struct event_header *header)
{
    if (header->type == EVENT_ACCOUNT_OPEN) return "OPEN";
    if (header->type == EVENT_STATUS) return header->new_state == 2 ? "FROZEN" : "OPEN";
    if (header->type == EVENT_CHARGE_OFF) return "CHARGED_OFF";
    if (header->type == EVENT_TRANSFER) return "TRANSFERRED";
    if (header->type == EVENT_CLOSE) return strcmp(state, "CHARGED_OFF") == 0 ? "SETTLED" : "CLOSED";
    return NULL;
}

static void naive_take(
    struct naive_account *naive, const struct event_header *header, const struct digest *id, uint32_t period)
{
    const char *next = naive_next(naive->state, header);

    if (next) {
        naive->state = next;
        naive->last_turn = *id;
    }
    if (header->type == EVENT_ACCOUNT_OPEN) naive->instalment = header->account_type == ACCOUNT_INSTALMENT;
    if (header->type == EVENT_DISBURSE) naive->disbursed = true;
    if (header->type == EVENT_PERIOD_REPORT) {
        uint32_t month = header->period / 100 * 12 + header->period % 100;
        naive->period_seen |= header->period == period;
        if (month < naive->period_low) naive->period_low = month;
        if (month > naive->period_high) naive->period_high = month;
    }
    if (header->type != EVENT_CORRECT && header->type != EVENT_RETRACT) naive->in_force++;
}

/* 102 bytes with the tag: before | event id | type u8 | period u32 | what it aims at or takes over. */
static struct digest naive_ids(
    const struct digest *before, const struct event_header *header, const struct digest *id)
{
    uint8_t joined[3 * DIGEST_SIZE + 5] = {0};
    memcpy(joined, before->bytes, DIGEST_SIZE);
    memcpy(joined + DIGEST_SIZE, id->bytes, DIGEST_SIZE);
    joined[2 * DIGEST_SIZE] = (uint8_t)header->type;
    if (header->type == EVENT_PERIOD_REPORT) put_u32(joined + 2 * DIGEST_SIZE + 1, header->period);
    uint8_t *link = joined + 2 * DIGEST_SIZE + 5;
    if (header->type == EVENT_CORRECT || header->type == EVENT_RETRACT)
        memcpy(link, header->target.bytes, DIGEST_SIZE);
    if (header->type == EVENT_ACCOUNT_OPEN && header->has_transfer_of)
        memcpy(link, header->transfer_of.bytes, DIGEST_SIZE);
    return digest_tagged(TAG_ACCOUNT_IDS, span_of(joined, sizeof joined));
}

static struct naive_account naive_read(const struct world *world, const struct event_header *of)
{
    struct naive_account naive = {.state = "NONE", .period_low = UINT32_MAX};

    for (size_t i = 0; i < world->applied_count; i++) {
        const struct event_header *header = &world->applied[i].header;
        const struct digest *id = &world->applied[i].id;
        if (!same_account(header, of)) continue;
        naive.count++;
        naive.head = *id;
        naive.ids = naive_ids(&naive.ids, header, id);
        if (!naive_retracted(world, id)) naive_take(&naive, header, id, of->period);
    }
    if (naive.count > 0 && naive.in_force == 0) naive.state = "VOID";
    return naive;
}

static bool naive_type_fits(const struct naive_account *naive, const struct event_header *event)
{
    bool open = strcmp(naive->state, "OPEN") == 0, lost = strcmp(naive->state, "CHARGED_OFF") == 0,
         frozen = strcmp(naive->state, "FROZEN") == 0;

    switch (event->type) {
    case EVENT_ACCOUNT_OPEN:
        return naive->count == 0;
    case EVENT_DISBURSE:
        return open;
    case EVENT_LIMIT_CHANGE:
    case EVENT_CHARGE_OFF:
        return open || frozen;
    case EVENT_STATUS:
        return !naive->instalment && ((open && event->new_state == 2) || (frozen && event->new_state == 1));
    case EVENT_RECOVERY:
        return lost;
    case EVENT_TRANSFER:
    case EVENT_CLOSE:
        return open || frozen || lost;
    case EVENT_CORRECT:
    case EVENT_RETRACT:
        return naive->count > 0;
    default:
        return (open || frozen || lost) && (!naive->instalment || naive->disbursed);
    }
}

/* What a CORRECT or a RETRACT may aim at. */
static enum result_code naive_remedy(
    const struct world *world, const struct naive_account *naive, const struct event_header *event)
{
    const struct applied *target = world_find(world, &event->target);

    if (!target || !same_account(&target->header, event) || target->header.type == EVENT_RETRACT) {
        return RESULT_NO_TARGET;
    }
    if (naive_retracted(world, &event->target)) return RESULT_STALE_TARGET;
    for (size_t i = 0; i < world->applied_count; i++) {
        const struct applied *other = &world->applied[i];
        if (other->header.type == EVENT_CORRECT && digest_equal(&other->header.target, &event->target) &&
            !naive_retracted(world, &other->id)) {
            return RESULT_STALE_TARGET;
        }
    }
    if (event->type == EVENT_CORRECT) return RESULT_OK;
    if (target->header.type == EVENT_ACCOUNT_OPEN) {
        return naive->in_force == 1 ? RESULT_OK : RESULT_WRONG_STATE;
    }
    if (!naive_next("", &target->header)) return RESULT_OK;
    return digest_equal(&naive->last_turn, &event->target) ? RESULT_OK : RESULT_WRONG_STATE;
}

static enum result_code naive_result(const struct world *world, const struct event_header *event)
{
    struct naive_account naive = naive_read(world, event);
    bool elsewhere = false;

    if (event->member_id != LENDER && event->member_id != BUREAU) return RESULT_NOT_ALLOWED;
    for (size_t i = 0; i < world->applied_count; i++) {
        const struct event_header *header = &world->applied[i].header;
        bool same_subject = digest_equal(&header->subject_id, &event->subject_id);
        if (same_account(header, event) && !same_subject) return RESULT_WRONG_SUBJECT;
        if (memcmp(header->account_ref, event->account_ref, ACCOUNT_REF_SIZE) == 0 && same_subject)
            elsewhere = true;
    }
    if (naive.count == 0 && elsewhere && event->type != EVENT_ACCOUNT_OPEN) return RESULT_NOT_HOLDER;
    if (event->account_seq < naive.count) {
        struct digest id = id_of(event);
        for (size_t i = 0; i < world->applied_count; i++) {
            if (digest_equal(&world->applied[i].id, &id)) return RESULT_DUPLICATE;
        }
        return RESULT_CONFLICT;
    }
    if (event->account_seq > naive.count || !digest_equal(&event->account_prev, &naive.head))
        return RESULT_GAP;
    if (event->event_date > BLOCK_DAY + 1) return RESULT_FUTURE_DATE;
    if (!naive_type_fits(&naive, event)) return RESULT_WRONG_STATE;
    if (event->type == EVENT_CORRECT || event->type == EVENT_RETRACT) {
        return naive_remedy(world, &naive, event);
    }
    if (event->type != EVENT_PERIOD_REPORT) return RESULT_OK;
    if (naive.period_seen) return RESULT_PERIOD_TAKEN;
    uint32_t month = event->period / 100 * 12 + event->period % 100;
    uint32_t low = month < naive.period_low ? month : naive.period_low;
    uint32_t high = month > naive.period_high ? month : naive.period_high;
    return high - low + 1 > PERIODS_PER_ACCOUNT_MAX ? RESULT_ACCOUNT_LIMIT : RESULT_OK;
}

static struct event_header random_event(const struct world *world)
{
    static const uint32_t members[] = {LENDER, LENDER, LENDER, BUREAU, BUREAU, REGULATOR};
    /* Indexes of types: payments and reports above all. */
    static const uint8_t weights[] = {0, 0, 1, 2, 2, 2, 2, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10, 10, 11, 11, 11};
    uint8_t ref = (uint8_t)random_below(5);
    enum event_type type = types[weights[random_below(sizeof(weights))]];

    if (world->applied_count > 0 && random_below(12) == 0) {
        struct event_header again = world->applied[random_below((uint32_t)world->applied_count)].header;
        if (random_below(3) == 0) again.body_commitment.bytes[5]++;
        return again;
    }
    struct event_header header = next_event(world, members[random_below(6)],
        random_below(10) == 0 ? (uint8_t)random_below(3) : ref % 3, ref, type);
    if (type == EVENT_ACCOUNT_OPEN && random_below(2)) header.account_type = ACCOUNT_INSTALMENT;
    if (type == EVENT_PERIOD_REPORT) header.period = period_from_index(1200 + random_below(30) * 20);
    if (type == EVENT_STATUS) header.new_state = 1 + random_below(2);
    if (header.has_target && world->applied_count > 0) {
        /* Of late, and most often of this account. */
        uint32_t last = (uint32_t)world->applied_count;
        for (uint32_t tries = 0; tries < 12; tries++) {
            const struct applied *aim = &world->applied[last - 1 - random_below(last)];
            header.target = aim->id;
            if (same_account(&aim->header, &header)) break;
        }
    }
    if (random_below(15) == 0) header.account_seq += random_below(3);
    if (random_below(20) == 0) header.account_prev.bytes[0]++;
    if (random_below(20) == 0) header.event_date = BLOCK_DAY + (int32_t)random_below(4);
    header.body_commitment.bytes[1] = (uint8_t)random_below(256);
    return header;
}

static void random_sequences_agree_with_a_naive_model(void **context)
{
    (void)context;
    unsigned seen[RESULT_ACCOUNT_LIMIT + 1] = {0};

    random_state = 20260101;
    for (int run = 0; run < 3000; run++) {
        struct world world;
        world_open(&world);
        for (int step = 0; step < 150; step++) {
            struct event_header header = random_event(&world);
            enum result_code expected = naive_result(&world, &header);
            struct event_result result = world_apply(&world, &header);
            if (result.code != expected) {
                fail_msg("run %d step %d: %s is %s, the model says %s", run, step,
                    event_type_name(header.type), result_name(result.code), result_name(expected));
            }
            struct naive_account naive = naive_read(&world, &header);
            const struct account *account = subject_state_account(
                &world.files[header.subject_id.bytes[0]], header.member_id, header.account_ref);
            if (account) {
                assert_string_equal(account_state_name(account->state), naive.state);
                assert_int_equal(account->next_seq, naive.count);
                assert_int_equal(account->in_force, naive.in_force);
                assert_int_equal(account->disbursements > 0, naive.disbursed);
                assert_memory_equal(account->head.bytes, naive.head.bytes, DIGEST_SIZE);
                assert_memory_equal(account->ids.bytes, naive.ids.bytes, DIGEST_SIZE);
            }
            seen[result.code]++;
        }
        world_close(&world);
    }
    static const enum result_code reached[] = {RESULT_OK, RESULT_DUPLICATE, RESULT_CONFLICT, RESULT_GAP,
        RESULT_NOT_HOLDER, RESULT_WRONG_SUBJECT, RESULT_WRONG_STATE, RESULT_PERIOD_TAKEN, RESULT_FUTURE_DATE,
        RESULT_NOT_ALLOWED, RESULT_ACCOUNT_LIMIT, RESULT_NO_TARGET, RESULT_STALE_TARGET};
    for (size_t i = 0; i < sizeof(reached) / sizeof(reached[0]); i++) {
        if (seen[reached[i]] <= 20) fail_msg("%s: %u", result_name(reached[i]), seen[reached[i]]);
    }
}

/* The same events in the same order, with the file encoded and decoded between any two of them. */
static void a_stored_file_rules_as_one_in_memory(void **context)
{
    (void)context;
    struct world live, stored;
    struct buffer first, second;

    world_open(&live);
    world_open(&stored);
    buffer_init(&first, SUBJECT_STATE_SIZE_MAX);
    buffer_init(&second, SUBJECT_STATE_SIZE_MAX);
    random_state = 7;
    for (int step = 0; step < 3000; step++) {
        struct event_header header = random_event(&live);
        struct event_result a = world_apply(&live, &header), b = world_apply(&stored, &header);
        assert_memory_equal(&a, &b, sizeof(a));
        size_t subject = header.subject_id.bytes[0];
        buffer_clear(&first);
        buffer_clear(&second);
        subject_state_encode(&live.files[subject], &first);
        subject_state_encode(&stored.files[subject], &second);
        assert_true(span_equal(buffer_span(&first), buffer_span(&second)));
        assert_int_equal(subject_state_decode(buffer_span(&second), &stored.files[subject]), TALLY_OK);
    }
    buffer_close(&first);
    buffer_close(&second);
    world_close(&live);
    world_close(&stored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_sequences_agree_with_a_naive_model),
        cmocka_unit_test(a_stored_file_rules_as_one_in_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
