/* play_events: plays the lines of sequences.py, from its standard input, by the rules that a node runs, and
 * compares each result, its detail and the account's state, and at a world's end the whole state, with what
 * the model says. At the first difference it prints the step and the subject's file before it, and ends with
 * 1. */
#include "tests/model/print_file.h"

static struct world world;
static uint64_t times_ms[APPLIED_MAX]; /* of the blocks of world.applied */
static int64_t world_number, world_seed;
static unsigned long steps, worlds, world_steps;
static struct buffer before, after; /* the file of a step's subject, encoded */

/* ---- What is printed of a difference ---- */

/* Where it happened; sequences.py makes it again from the seed. */
static int differs(const char *what)
{
    printf("the rules and the model differ: %s, at step %lu of world %" PRId64 ", seed %" PRId64 "\n", what,
        world_steps, world_number, world_seed);
    return 1;
}

static int differs_at_step(
    const char *line, const char *what, const struct event_result *wanted, const struct event_result *found)
{
    struct subject_state file;

    subject_state_init(&file);
    (void)differs(what);
    printf("%s", line);
    print_result("model", wanted);
    print_result("rules", found);
    CHECK(subject_state_decode(buffer_span(&before), &file) == TALLY_OK);
    printf("the subject's file before it:\n");
    print_file(&file);
    subject_state_close(&file);
    return 1;
}

/* ---- A world, and a step ---- */

static void begin(json_t *line)
{
    const char *member;
    json_t *role;

    if (world.applied) world_close(&world);
    world_open(&world);
    memset(ids, 0, sizeof ids);
    world.policy = policy_read(json_object_get(line, "policy"));
    world_number = integer_of(line, "world");
    world_seed = integer_of(line, "seed");
    world_steps = 0;
    json_object_foreach(json_object_get(line, "members"), member, role)
    {
        const char *const roles[] = {[ROLE_LENDER] = "LENDER", "BUREAU", "REGULATOR", "OPERATOR"};
        uint32_t number = world_member_role(NULL, (uint32_t)strtoul(member, NULL, 10));
        CHECK(number > 0 && number <= ROLE_OPERATOR && strcmp(json_string_value(role), roles[number]) == 0);
    }
}

static const char *state_of_account(const struct subject_state *file, const struct event_header *header)
{
    const struct account *account = subject_state_account(file, header->member_id, header->account_ref);

    return account_state_name(account ? account->state : ACCOUNT_STATE_NONE);
}

static void encode(const struct subject_state *file, struct buffer *out)
{
    buffer_clear(out);
    subject_state_encode(file, out);
    CHECK(!out->failed);
}

static int play(json_t *step, const char *line)
{
    struct event_header header = header_take(step);
    const struct subject_state *file = &world.files[header.subject_id.bytes[0]];
    const json_t *expect = json_object_get(step, "expect");
    uint64_t now_ms = (uint64_t)integer_of(step, "block_time_ms");
    struct event_result wanted = result_expected(expect), found;

    CHECK(json_object_size(step) == 2); /* every field of the event was read */
    encode(file, &before);
    found = world_apply_at(&world, &header, now_ms);
    encode(file, &after);
    steps++, world_steps++;
    bool folds = credit_result_folds(header.type, found.code);
    if (folds) times_ms[world.applied_count - 1] = now_ms;
    if (found.code != wanted.code || found.detail_size != wanted.detail_size ||
        memcmp(found.detail, wanted.detail, wanted.detail_size) != 0) {
        return differs_at_step(line, "the result", &wanted, &found);
    }
    if (!folds && !span_equal(buffer_span(&before), buffer_span(&after))) {
        return differs_at_step(line, "a refusal changed the file", &wanted, &found);
    }
    /* An account in another subject's file, or another member's, is not looked for here. */
    if (header.has_account && folds &&
        strcmp(state_of_account(file, &header), text_of(expect, "state")) != 0) {
        return differs_at_step(line, "the account's state", &wanted, &found);
    }
    return 0;
}

/* ---- A world's last state ---- */

static bool same_periods(const struct account *account, const json_t *periods)
{
    size_t index, set = 0;
    json_t *period;

    json_array_foreach(periods, index, period)
    {
        if (!account_period_is_set(account, (uint32_t)json_integer_value(period))) return false;
    }
    for (uint32_t i = 0; i < account->period_span; i++)
        set += account_period_is_set(account, period_from_index(account->period_first + i));
    return set == json_array_size(periods);
}

static bool same_account(const json_t *wanted)
{
    uint8_t ref[ACCOUNT_REF_SIZE] = {0};

    put_u32(ref, (uint32_t)integer_of(wanted, "ref"));
    const struct account *account = subject_state_account(
        &world.files[integer_of(wanted, "subject")], (uint32_t)integer_of(wanted, "member"), ref);
    return account && strcmp(account_state_name(account->state), text_of(wanted, "state")) == 0 &&
           account->next_seq == integer_of(wanted, "seq") &&
           number_by_id(&account->head) == integer_of(wanted, "head") &&
           account->in_force == integer_of(wanted, "in_force") &&
           account->disbursements == integer_of(wanted, "disbursements") &&
           account->reserved_minor == integer_of(wanted, "reserved") &&
           account->opened_day == integer_of(wanted, "opened_day") &&
           account->taken_over == json_is_true(json_object_get(wanted, "taken_over")) &&
           same_periods(account, json_object_get(wanted, "periods"));
}

static bool holds(const json_t *numbers, const struct digest *id)
{
    int64_t number = number_by_id(id);
    size_t index;
    json_t *one;

    json_array_foreach(numbers, index, one)
    {
        if (json_integer_value(one) == number) return true;
    }
    return false;
}

/* A spent consent may still be in the list, and nothing comes of it; the model lists the others. */
static bool same_consents(const struct subject_state *file, const json_t *wanted, uint64_t now_ms)
{
    size_t found = 0, index;
    json_t *pair;

    for (uint32_t i = 0; i < file->consents.count; i++) {
        const struct consent *consent = consent_at(file, i);
        bool listed = false;
        json_array_foreach(wanted, index, pair)
        {
            if (json_integer_value(json_array_get(pair, 0)) != number_by_id(&consent->id)) continue;
            if (json_integer_value(json_array_get(pair, 1)) != consent->uses_left) return false;
            listed = true;
        }
        if (!listed && consent->uses_left > 0 && (int64_t)(now_ms / MS_PER_DAY) <= consent->valid_until)
            return false;
        found += listed;
    }
    return found == json_array_size(wanted);
}

static bool same_reservations(const struct subject_state *file, const json_t *wanted, uint64_t now_ms)
{
    size_t live = 0;

    for (uint32_t i = 0; i < file->reservations.count; i++) {
        if (reservation_at(file, i)->expires_ms <= now_ms) continue;
        if (!holds(wanted, &reservation_at(file, i)->id)) return false;
        live++;
    }
    return live == json_array_size(wanted);
}

static bool same_disputes(const struct subject_state *file, const json_t *wanted)
{
    for (uint32_t i = 0; i < file->disputes.count; i++) {
        if (!holds(wanted, &dispute_at(file, i)->id)) return false;
    }
    return file->disputes.count == json_array_size(wanted);
}

/* What was folded into the file, and which of its inquiries are answered now. */
static bool same_history(int64_t subject, const json_t *wanted, uint64_t now_ms)
{
    const json_t *answered = json_object_get(wanted, "answered");
    size_t folded = 0, answers = 0;

    for (size_t i = 0; i < world.applied_count; i++) {
        const struct applied *one = &world.applied[i];
        if (one->header.subject_id.bytes[0] != subject) continue;
        folded++;
        if (one->header.type != EVENT_INQUIRY || one->code != RESULT_OK) continue;
        if (!credit_inquiry_answers(
                &world.policy, &world.files[subject], &one->header, times_ms[i], now_ms)) {
            continue;
        }
        if (!holds(answered, &one->id)) return false;
        answers++;
    }
    return folded == (size_t)integer_of(wanted, "folded") && answers == json_array_size(answered);
}

static bool same_subject(const json_t *wanted, uint64_t now_ms)
{
    int64_t number = integer_of(wanted, "subject");
    const struct subject_state *file = &world.files[number];

    return same_reservations(file, json_object_get(wanted, "reservations"), now_ms) &&
           same_consents(file, json_object_get(wanted, "consents"), now_ms) &&
           same_disputes(file, json_object_get(wanted, "disputes")) && same_history(number, wanted, now_ms);
}

/* What the rules made of a file can be stored and read again. */
static bool reads_back(const struct subject_state *file)
{
    struct subject_state decoded;

    subject_state_init(&decoded);
    encode(file, &before);
    bool same = subject_state_decode(buffer_span(&before), &decoded) == TALLY_OK;
    encode(&decoded, &after);
    subject_state_close(&decoded);
    return same && span_equal(buffer_span(&before), buffer_span(&after));
}

static int end(const json_t *line)
{
    const json_t *final = json_object_get(line, "final"), *accounts = json_object_get(final, "accounts");
    uint64_t now_ms = (uint64_t)integer_of(line, "block_time_ms");
    size_t index, account_count = 0;
    json_t *one;

    json_array_foreach(accounts, index, one)
    {
        if (!same_account(one)) return differs(json_dumps(one, 0));
    }
    json_array_foreach(json_object_get(final, "subjects"), index, one)
    {
        if (!same_subject(one, now_ms)) return differs(json_dumps(one, 0));
    }
    for (size_t i = 0; i < 4; i++) {
        account_count += world.files[i].account_count;
        if (!reads_back(&world.files[i])) return differs("a file does not read back");
    }
    if (account_count != json_array_size(accounts)) return differs("the number of accounts");
    worlds++;
    return 0;
}

static int play_line(json_t *object, const char *line)
{
    if (json_object_get(object, "world")) {
        begin(object);
        return 0;
    }
    CHECK(world.applied != NULL);
    return json_object_get(object, "final") ? end(object) : play(object, line);
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    int status = 0;

    buffer_init(&before, SUBJECT_STATE_SIZE_MAX);
    buffer_init(&after, SUBJECT_STATE_SIZE_MAX);
    while (status == 0 && getline(&line, &capacity, stdin) > 0) {
        json_t *object = json_loads(line, 0, NULL);
        CHECK(object != NULL);
        status = play_line(object, line);
        json_decref(object);
    }
    if (status == 0) printf("%lu steps in %lu worlds: the rules and the model agree\n", steps, worlds);
    if (world.applied) world_close(&world);
    buffer_close(&before);
    buffer_close(&after);
    free(line);
    return status;
}
