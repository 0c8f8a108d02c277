#include "node/credit/account.h"

#include "proto/base/check.h"
#include "proto/base/date.h"

const char *account_state_name(uint32_t state)
{
    static const char *const names[ACCOUNT_STATE_COUNT] = {
        [ACCOUNT_STATE_NONE] = "NONE",
        [ACCOUNT_STATE_OPEN] = "OPEN",
        [ACCOUNT_STATE_FROZEN] = "FROZEN",
        [ACCOUNT_STATE_CHARGED_OFF] = "CHARGED_OFF",
        [ACCOUNT_STATE_CLOSED] = "CLOSED",
        [ACCOUNT_STATE_SETTLED] = "SETTLED",
        [ACCOUNT_STATE_TRANSFERRED] = "TRANSFERRED",
        [ACCOUNT_STATE_VOID] = "VOID",
    };

    return state < ACCOUNT_STATE_COUNT ? names[state] : NULL;
}

int account_compare(const struct account *account, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    if (account->member_id != member_id) return account->member_id < member_id ? -1 : 1;
    return memcmp(account->ref, ref, ACCOUNT_REF_SIZE);
}

bool account_is_active(const struct account *account)
{
    switch (account->state) {
    case ACCOUNT_STATE_OPEN:
    case ACCOUNT_STATE_FROZEN:
    case ACCOUNT_STATE_CHARGED_OFF:
        return true;
    case ACCOUNT_STATE_TRANSFERRED:
        return !account->taken_over;
    case ACCOUNT_STATE_NONE:
    case ACCOUNT_STATE_CLOSED:
    case ACCOUNT_STATE_SETTLED:
    case ACCOUNT_STATE_VOID:
        return false;
    }
    return false;
}

/* ---- Changes of state ---- */

void account_turn_take(struct account *account, enum account_state next, const struct digest *event_id)
{
    CHECK(next != account->state && account->turn_count <= ACCOUNT_TURNS_MAX);
    if (account->turn_count == ACCOUNT_TURNS_MAX) {
        memmove(account->turns, account->turns + 1, (ACCOUNT_TURNS_MAX - 1) * sizeof(account->turns[0]));
        account->turn_count--;
    }
    account->turns[account->turn_count++] =
        (struct account_turn){.before = account->state, .event_id = *event_id};
    account->state = next;
}

const struct account_turn *account_turn_newest(const struct account *account)
{
    return account->turn_count > 0 ? &account->turns[account->turn_count - 1] : NULL;
}

void account_turn_back(struct account *account)
{
    CHECK(account->turn_count > 0);
    account->state = account->turns[--account->turn_count].before;
}

/* ---- Periods ---- */

static bool bitmap_get(const uint8_t *bitmap, uint32_t index)
{
    return ((unsigned)bitmap[index / 8] >> (7 - index % 8) & 1u) != 0;
}

static void bitmap_set(uint8_t *bitmap, uint32_t index)
{
    bitmap[index / 8] = (uint8_t)(bitmap[index / 8] | 0x80u >> index % 8);
}

bool account_period_is_set(const struct account *account, uint32_t period)
{
    CHECK(period_is_valid(period));
    uint32_t month = period_index(period);

    if (account->period_span == 0 || month < account->period_first) return false;
    uint32_t index = month - account->period_first;
    return index < account->period_span && bitmap_get(account->periods, index);
}

/* Moves the bitmap so that it starts `months` earlier. The caller has seen that it fits. */
static void periods_shift(struct account *account, uint32_t months)
{
    uint8_t shifted[PERIOD_BITMAP_SIZE] = {0};

    for (uint32_t i = 0; i < account->period_span; i++) {
        if (bitmap_get(account->periods, i)) bitmap_set(shifted, i + months);
    }
    memcpy(account->periods, shifted, sizeof(shifted));
    account->period_first -= months;
    account->period_span += months;
}

int account_period_set(struct account *account, uint32_t period)
{
    CHECK(!account_period_is_set(account, period));
    uint32_t month = period_index(period);

    if (account->period_span == 0) {
        account->period_first = month;
        account->period_span = 1;
    } else if (month < account->period_first) {
        uint32_t months = account->period_first - month;
        if (months > PERIODS_PER_ACCOUNT_MAX - account->period_span) return TALLY_ELIMIT;
        periods_shift(account, months);
    } else if (month - account->period_first >= account->period_span) {
        if (month - account->period_first >= PERIODS_PER_ACCOUNT_MAX) return TALLY_ELIMIT;
        account->period_span = month - account->period_first + 1;
    }
    bitmap_set(account->periods, month - account->period_first);
    return TALLY_OK;
}

void account_period_clear(struct account *account, uint32_t period)
{
    CHECK(account_period_is_set(account, period));
    uint32_t cleared = period_index(period), first = account->period_first, span = account->period_span;
    uint8_t bits[PERIOD_BITMAP_SIZE];

    /* What is left is noted afresh: its first month, and so the form, may be another. */
    memcpy(bits, account->periods, sizeof(bits));
    account->period_first = account->period_span = 0;
    memset(account->periods, 0, sizeof(account->periods));
    for (uint32_t i = 0; i < span; i++) {
        if (!bitmap_get(bits, i) || first + i == cleared) continue;
        int error = account_period_set(account, period_from_index(first + i));
        CHECK(error == TALLY_OK);
    }
}
