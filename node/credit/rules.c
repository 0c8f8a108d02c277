#include "node/credit/rules.h"

#include "proto/base/check.h"
#include "proto/base/date.h"
#include "proto/codec/genesis.h"
#include "proto/crypto/subject_path.h"

/* ---- The table ---- */

#define TYPE_FIRST EVENT_ACCOUNT_OPEN
#define TYPE_COUNT (EVENT_CLOSE - EVENT_ACCOUNT_OPEN + 1)

#define ALLOW(state, sentence)                                                                               \
    {                                                                                                        \
        RESULT_OK, ACCOUNT_STATE_##state, false, sentence                                                    \
    }
#define ALLOW_DISBURSED(state, sentence)                                                                     \
    {                                                                                                        \
        RESULT_OK, ACCOUNT_STATE_##state, true, sentence                                                     \
    }
#define REFUSE(state, sentence)                                                                              \
    {                                                                                                        \
        RESULT_WRONG_STATE, ACCOUNT_STATE_##state, false, sentence                                           \
    }
#define AT(type) [EVENT_##type - TYPE_FIRST]

/* "NONE -ACCOUNT_OPEN-> OPEN; OPEN -CLOSE-> CLOSED; OPEN -CHARGE_OFF-> CHARGED_OFF -CLOSE-> SETTLED", the
 * last two of which are left by nothing. Events that leave a state as it is are the facts that still come to
 * light in it: money is paid and balances are reported on a debt that was charged off. Cells of types that
 * have no rules are all zeros. */
static const struct credit_rule rules[ACCOUNT_STATE_COUNT][TYPE_COUNT] = {
    [ACCOUNT_STATE_NONE] =
        {
            AT(ACCOUNT_OPEN) = ALLOW(OPEN, "an account begins with its opening"),
            AT(DISBURSE) = REFUSE(NONE, "nothing can be paid out on an account that was never opened"),
            AT(PERIOD_REPORT) =
                REFUSE(NONE, "there is nothing to report on an account that was never opened"),
            AT(PAYMENT) = REFUSE(NONE, "nothing is owed on an account that was never opened"),
            AT(CHARGE_OFF) = REFUSE(NONE, "nothing can be lost on an account that was never opened"),
            AT(CLOSE) = REFUSE(NONE, "an account that was never opened cannot be closed"),
        },
    [ACCOUNT_STATE_OPEN] =
        {
            AT(ACCOUNT_OPEN) = REFUSE(OPEN, "an account is opened once"),
            AT(DISBURSE) = ALLOW(OPEN, "a loan may be paid out in parts"),
            AT(PERIOD_REPORT) = ALLOW_DISBURSED(OPEN, "a loan is reported on once it was paid out"),
            AT(PAYMENT) = ALLOW_DISBURSED(OPEN, "a loan is paid back once it was paid out"),
            AT(CHARGE_OFF) = ALLOW(CHARGED_OFF, "the furnisher gives the debt up as lost"),
            AT(CLOSE) = ALLOW(CLOSED, "an open account ends by being closed"),
        },
    [ACCOUNT_STATE_CHARGED_OFF] =
        {
            AT(ACCOUNT_OPEN) = REFUSE(CHARGED_OFF, "a debt that was charged off is not opened again"),
            AT(DISBURSE) = REFUSE(CHARGED_OFF, "nothing more is lent on a debt that was charged off"),
            AT(PERIOD_REPORT) =
                ALLOW_DISBURSED(CHARGED_OFF, "what is still owed is reported until it is settled"),
            AT(PAYMENT) = ALLOW_DISBURSED(CHARGED_OFF, "money still comes in on a debt that was charged off"),
            AT(CHARGE_OFF) = REFUSE(CHARGED_OFF, "a debt is charged off once"),
            AT(CLOSE) = ALLOW(SETTLED, "a debt that was charged off ends by being settled"),
        },
    [ACCOUNT_STATE_CLOSED] =
        {
            AT(ACCOUNT_OPEN) = REFUSE(CLOSED, "a closed account is not opened again"),
            AT(DISBURSE) = REFUSE(CLOSED, "nothing more is lent on a closed account"),
            AT(PERIOD_REPORT) = REFUSE(CLOSED, "a closed account has nothing left to report"),
            AT(PAYMENT) = REFUSE(CLOSED, "nothing is owed on a closed account"),
            AT(CHARGE_OFF) = REFUSE(CLOSED, "nothing is left to lose on a closed account"),
            AT(CLOSE) = REFUSE(CLOSED, "an account is closed once"),
        },
    [ACCOUNT_STATE_SETTLED] =
        {
            AT(ACCOUNT_OPEN) = REFUSE(SETTLED, "a settled account is not opened again"),
            AT(DISBURSE) = REFUSE(SETTLED, "nothing more is lent on a settled account"),
            AT(PERIOD_REPORT) = REFUSE(SETTLED, "a settled account has nothing left to report"),
            AT(PAYMENT) = REFUSE(SETTLED, "nothing is owed on a settled account"),
            AT(CHARGE_OFF) = REFUSE(SETTLED, "nothing is left to lose on a settled account"),
            AT(CLOSE) = REFUSE(SETTLED, "an account is settled once"),
        },
};

const struct credit_rule *credit_rule(enum account_state state, enum event_type type)
{
    if ((unsigned)state >= ACCOUNT_STATE_COUNT || type < TYPE_FIRST || type > EVENT_CLOSE) return NULL;
    const struct credit_rule *rule = &rules[state][type - TYPE_FIRST];
    return rule->why ? rule : NULL;
}

bool credit_role_furnishes(uint32_t role)
{
    return role == ROLE_LENDER || role == ROLE_BUREAU;
}

/* ---- Results ---- */

static struct event_result result_plain(enum result_code code)
{
    return (struct event_result){.code = (uint16_t)code};
}

static struct event_result result_conflict(const struct digest *winner)
{
    struct event_result result = result_plain(RESULT_CONFLICT);

    result.detail_size = DIGEST_SIZE;
    memcpy(result.detail, winner->bytes, DIGEST_SIZE);
    return result;
}

static struct event_result result_gap(uint32_t expected_seq, const struct digest *head)
{
    struct event_result result = result_plain(RESULT_GAP);

    result.detail_size = 4 + DIGEST_SIZE;
    put_u32(result.detail, expected_seq);
    memcpy(result.detail + 4, head->bytes, DIGEST_SIZE);
    return result;
}
_Static_assert(4 + DIGEST_SIZE <= RESULT_DETAIL_SIZE_MAX, "a gap's detail fits");

/* ---- The rules, in their order. Each sets *result when it refuses and leaves RESULT_OK otherwise. ---- */

/* "Refused by every validator: an event by a member that is not the account's holder; a subject that is not
 * the account's." For an account that this subject does not have with this member. */
static int rule_on_stranger(const struct credit_read *read, const struct subject_state *subject,
    const struct event_header *header, struct event_result *result)
{
    struct digest owner;
    int error = read->account_subject(read->context, header->member_id, header->account_ref, &owner);

    if (error && error != TALLY_ENOTFOUND) return error;
    if (!error) {
        /* The file and the index are written together: the index cannot know an account its own file lacks.
         */
        if (digest_equal(&owner, &header->subject_id)) return TALLY_EDAMAGED;
        *result = result_plain(RESULT_WRONG_SUBJECT);
    } else if (header->type != EVENT_ACCOUNT_OPEN &&
               subject_state_ref_elsewhere(subject, header->member_id, header->account_ref)) {
        *result = result_plain(RESULT_NOT_HOLDER);
    }
    return TALLY_OK;
}

/* "The same event again is DUPLICATE, another event at a taken seq is CONFLICT and names the winner, a gap is
 * GAP and says which seq and head it expects." `account` is NULL before the opening. */
static int rule_on_chain(const struct credit_read *read, const struct account *account,
    const struct event_header *header, const struct digest *event_id, struct event_result *result)
{
    static const struct digest no_head = {{0}};
    uint32_t next_seq = account ? account->next_seq : 0;
    const struct digest *head = account ? &account->head : &no_head;

    if (header->account_seq < next_seq) {
        struct digest winner;
        int error = read->account_event(
            read->context, header->member_id, header->account_ref, header->account_seq, &winner);
        if (error) return error;
        *result = digest_equal(&winner, event_id) ? result_plain(RESULT_DUPLICATE) : result_conflict(&winner);
    } else if (header->account_seq > next_seq || !digest_equal(&header->account_prev, head)) {
        *result = result_gap(next_seq, head);
    }
    return TALLY_OK;
}

/* "An event date after the block's UTC date plus one day": the day that has begun somewhere on earth. */
static bool date_is_future(int32_t event_date, uint64_t block_time_ms)
{
    return event_date > (int64_t)(block_time_ms / MS_PER_DAY) + 1;
}

static struct event_result rule_on_life(const struct account *account, const struct event_header *header,
    uint64_t block_time_ms, const struct credit_rule *rule)
{
    if (date_is_future(header->event_date, block_time_ms)) return result_plain(RESULT_FUTURE_DATE);
    if (rule->code != RESULT_OK) return result_plain(rule->code);
    if (account && rule->needs_disbursement && account->type == ACCOUNT_INSTALMENT && !account->disbursed) {
        return result_plain(RESULT_WRONG_STATE);
    }
    if (account && header->type == EVENT_PERIOD_REPORT && account_period_is_set(account, header->period)) {
        return result_plain(RESULT_PERIOD_TAKEN);
    }
    return result_plain(RESULT_OK);
}

/* ---- Carrying out ---- */

static int carry_out_opening(struct subject_state *subject, const struct event_header *header,
    const struct digest *event_id, const struct credit_rule *rule, struct event_result *result)
{
    struct account account = {
        .member_id = header->member_id,
        .state = rule->next,
        .previous_state = ACCOUNT_STATE_NONE,
        .type = (enum account_type)header->account_type,
        .product = header->product,
        .currency = header->currency,
        .next_seq = 1,
        .head = *event_id,
    };

    account.ids = account_ids_step(&account.ids, event_id);
    memcpy(account.ref, header->account_ref, ACCOUNT_REF_SIZE);
    int error = subject_state_add(subject, &account);
    if (error == TALLY_ELIMIT) {
        *result = result_plain(RESULT_ACCOUNT_LIMIT);
        return TALLY_OK;
    }
    if (!error) *result = result_plain(RESULT_OK);
    return error;
}

static struct event_result carry_out(struct account *account, const struct event_header *header,
    const struct digest *event_id, const struct credit_rule *rule)
{
    if (account->next_seq == UINT32_MAX) return result_plain(RESULT_ACCOUNT_LIMIT);
    if (header->type == EVENT_PERIOD_REPORT && account_period_set(account, header->period) != TALLY_OK) {
        return result_plain(RESULT_ACCOUNT_LIMIT);
    }
    if (header->type == EVENT_DISBURSE) account->disbursed = true;
    if (rule->next != account->state) {
        account->previous_state = account->state;
        account->state = rule->next;
    }
    account->next_seq++;
    account->head = *event_id;
    account->ids = account_ids_step(&account->ids, event_id);
    return result_plain(RESULT_OK);
}

int credit_apply(const struct credit_read *read, struct subject_state *subject,
    const struct event_header *header, const struct digest *event_id, uint64_t block_time_ms,
    struct event_result *result)
{
    uint32_t role = read->member_role(read->context, header->member_id);
    if (!credit_role_furnishes(role) || !header->has_account ||
        !credit_rule(ACCOUNT_STATE_NONE, header->type)) {
        *result = result_plain(RESULT_NOT_ALLOWED);
        return TALLY_OK;
    }

    struct event_result verdict = result_plain(RESULT_OK);
    struct account *account = subject_state_account(subject, header->member_id, header->account_ref);
    int error = account ? TALLY_OK : rule_on_stranger(read, subject, header, &verdict);
    if (!error && verdict.code == RESULT_OK) error = rule_on_chain(read, account, header, event_id, &verdict);
    if (error) return error;

    const struct credit_rule *rule = credit_rule(account ? account->state : ACCOUNT_STATE_NONE, header->type);
    CHECK(rule);
    if (verdict.code == RESULT_OK) verdict = rule_on_life(account, header, block_time_ms, rule);
    if (verdict.code != RESULT_OK) {
        *result = verdict;
        return TALLY_OK;
    }
    if (!account) return carry_out_opening(subject, header, event_id, rule, result);
    *result = carry_out(account, header, event_id, rule);
    return TALLY_OK;
}
