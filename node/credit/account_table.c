#include "node/credit/rules.h"

#define ALLOW(state, sentence)                                                                               \
    {                                                                                                        \
        .code = RESULT_OK, .next = ACCOUNT_STATE_##state, .why = sentence                                    \
    }
#define ALLOW_DISBURSED(state, sentence)                                                                     \
    {                                                                                                        \
        .code = RESULT_OK, .next = ACCOUNT_STATE_##state, .needs_disbursement = true, .why = sentence        \
    }
#define ALLOW_REVOLVING(state, sentence)                                                                     \
    {                                                                                                        \
        .code = RESULT_OK, .next = ACCOUNT_STATE_##state, .needs_revolving = true, .why = sentence           \
    }
#define REFUSE(state, sentence)                                                                              \
    {                                                                                                        \
        .code = RESULT_WRONG_STATE, .next = ACCOUNT_STATE_##state, .why = sentence                           \
    }
#define AT(type) [EVENT_##type]

/* "After it only CORRECT, RETRACT, DISPUTE_*, STATEMENT." */
#define TERMINAL(state, account)                                                                             \
    [ACCOUNT_STATE_##state] = {                                                                              \
        AT(ACCOUNT_OPEN) = REFUSE(state, account " is not opened again"),                                    \
        AT(DISBURSE) = REFUSE(state, "nothing more is lent on " account),                                    \
        AT(PERIOD_REPORT) = REFUSE(state, account " has nothing left to report"),                            \
        AT(PAYMENT) = REFUSE(state, "nothing is paid to the holder of " account),                            \
        AT(LIMIT_CHANGE) = REFUSE(state, account " has no limit"),                                           \
        AT(STATUS) = REFUSE(state, account " is neither opened nor frozen"),                                 \
        AT(CHARGE_OFF) = REFUSE(state, "nothing is left to lose on " account),                               \
        AT(RECOVERY) = REFUSE(state, "nothing is recovered on " account),                                    \
        AT(TRANSFER) = REFUSE(state, account " is not passed on"),                                           \
        AT(CLOSE) = REFUSE(state, account " is not closed again"),                                           \
        AT(CORRECT) = ALLOW(state, "what was said of " account " may still be put right"),                   \
        AT(RETRACT) = ALLOW(state, "what was said of " account " may still be taken back"),                  \
    }

/* "NONE -ACCOUNT_OPEN-> OPEN <-STATUS-> FROZEN (revolving only); OPEN | FROZEN -CLOSE-> CLOSED*; OPEN |
 * FROZEN -CHARGE_OFF-> CHARGED_OFF -(RECOVERY)- -CLOSE-> SETTLED*; any of them -TRANSFER-> TRANSFERRED*;
 * RETRACT of a lone opening -> VOID*". Events that leave a state as it is are the facts that still come to
 * light in it: money is paid and balances are reported on a debt that was charged off. Where a STATUS leads
 * is here; one that says otherwise is refused. Cells of types that are no account's are all zeros. */
static const struct credit_rule rules[ACCOUNT_STATE_COUNT][EVENT_RETRACT + 1] =
    {
        [ACCOUNT_STATE_NONE] =
            {
                AT(ACCOUNT_OPEN) = ALLOW(OPEN, "an account begins with its opening"),
                AT(DISBURSE) = REFUSE(NONE, "nothing can be paid out on an account that was never opened"),
                AT(PERIOD_REPORT) =
                    REFUSE(NONE, "there is nothing to report on an account that was never opened"),
                AT(PAYMENT) = REFUSE(NONE, "nothing is owed on an account that was never opened"),
                AT(LIMIT_CHANGE) = REFUSE(NONE, "an account that was never opened has no limit"),
                AT(STATUS) = REFUSE(NONE, "an account that was never opened has no status"),
                AT(CHARGE_OFF) = REFUSE(NONE, "nothing can be lost on an account that was never opened"),
                AT(RECOVERY) = REFUSE(NONE, "nothing is recovered on an account that was never opened"),
                AT(TRANSFER) = REFUSE(NONE, "an account that was never opened cannot be passed on"),
                AT(CLOSE) = REFUSE(NONE, "an account that was never opened cannot be closed"),
                AT(CORRECT) = REFUSE(NONE, "nothing was said yet that could be put right"),
                AT(RETRACT) = REFUSE(NONE, "nothing was said yet that could be taken back"),
            },
        [ACCOUNT_STATE_OPEN] =
            {
                AT(ACCOUNT_OPEN) = REFUSE(OPEN, "an account is opened once"),
                AT(DISBURSE) = ALLOW(OPEN, "a loan may be paid out in parts"),
                AT(PERIOD_REPORT) = ALLOW_DISBURSED(OPEN, "a loan is reported on once it was paid out"),
                AT(PAYMENT) = ALLOW_DISBURSED(OPEN, "a loan is paid back once it was paid out"),
                AT(LIMIT_CHANGE) = ALLOW(OPEN, "a limit may be raised or lowered"),
                AT(STATUS) = ALLOW_REVOLVING(FROZEN, "a line may be frozen"),
                AT(CHARGE_OFF) = ALLOW(CHARGED_OFF, "the furnisher gives the debt up as lost"),
                AT(RECOVERY) = REFUSE(OPEN, "nothing was given up that could be recovered"),
                AT(TRANSFER) = ALLOW(TRANSFERRED, "a claim may be passed on to another member"),
                AT(CLOSE) = ALLOW(CLOSED, "an open account ends by being closed"),
                AT(CORRECT) = ALLOW(OPEN, "what was said may be put right"),
                AT(RETRACT) = ALLOW(OPEN, "what was said may be taken back"),
            },
        [ACCOUNT_STATE_FROZEN] =
            {
                AT(ACCOUNT_OPEN) = REFUSE(FROZEN, "an account is opened once"),
                AT(DISBURSE) = REFUSE(FROZEN, "nothing is drawn on a frozen line"),
                AT(PERIOD_REPORT) = ALLOW_DISBURSED(FROZEN, "what is owed on a frozen line is reported"),
                AT(PAYMENT) = ALLOW_DISBURSED(FROZEN, "what is owed on a frozen line is paid back"),
                AT(LIMIT_CHANGE) = ALLOW(FROZEN, "the limit of a frozen line may be changed"),
                AT(STATUS) = ALLOW_REVOLVING(OPEN, "a frozen line may be opened again"),
                AT(CHARGE_OFF) = ALLOW(CHARGED_OFF, "the furnisher gives the debt up as lost"),
                AT(RECOVERY) = REFUSE(FROZEN, "nothing was given up that could be recovered"),
                AT(TRANSFER) = ALLOW(TRANSFERRED, "a claim may be passed on to another member"),
                AT(CLOSE) = ALLOW(CLOSED, "a frozen line may end by being closed"),
                AT(CORRECT) = ALLOW(FROZEN, "what was said may be put right"),
                AT(RETRACT) = ALLOW(FROZEN, "what was said may be taken back"),
            },
        [ACCOUNT_STATE_CHARGED_OFF] =
            {
                AT(ACCOUNT_OPEN) = REFUSE(CHARGED_OFF, "a debt that was charged off is not opened again"),
                AT(DISBURSE) = REFUSE(CHARGED_OFF, "nothing more is lent on a debt that was charged off"),
                AT(PERIOD_REPORT) =
                    ALLOW_DISBURSED(CHARGED_OFF, "what is still owed is reported until it is settled"),
                AT(PAYMENT) =
                    ALLOW_DISBURSED(CHARGED_OFF, "money still comes in on a debt that was charged off"),
                AT(LIMIT_CHANGE) = REFUSE(CHARGED_OFF, "a debt that was charged off has no limit"),
                AT(STATUS) = REFUSE(CHARGED_OFF, "a debt that was charged off is not opened again"),
                AT(CHARGE_OFF) = REFUSE(CHARGED_OFF, "a debt is charged off once"),
                AT(RECOVERY) = ALLOW(CHARGED_OFF, "part of what was given up comes in after all"),
                AT(TRANSFER) = ALLOW(TRANSFERRED, "a claim may be passed on to another member"),
                AT(CLOSE) = ALLOW(SETTLED, "a debt that was charged off ends by being settled"),
                AT(CORRECT) = ALLOW(CHARGED_OFF, "what was said may be put right"),
                AT(RETRACT) = ALLOW(CHARGED_OFF, "what was said may be taken back"),
            },
        TERMINAL(CLOSED, "a closed account"),
        TERMINAL(SETTLED, "a settled account"),
        TERMINAL(TRANSFERRED, "a transferred account"),
        TERMINAL(VOID, "a void account"),
};

const struct credit_rule *credit_rule(enum account_state state, enum event_type type)
{
    if ((unsigned)state >= ACCOUNT_STATE_COUNT || (unsigned)type > EVENT_RETRACT) return NULL;
    const struct credit_rule *rule = &rules[state][type];
    return rule->why ? rule : NULL;
}
