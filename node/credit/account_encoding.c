#include "node/credit/account.h"
#include "proto/base/date.h"

size_t account_encoded_size(const struct account *account)
{
    return ACCOUNT_ENCODED_SIZE_MIN + account->turn_count * (1u + DIGEST_SIZE) +
           (account->period_span + 7) / 8;
}

void account_encode(const struct account *account, struct buffer *out)
{
    uint8_t bitmap_size = (uint8_t)((account->period_span + 7) / 8);

    buffer_u32(out, account->member_id);
    buffer_append(out, account->ref, ACCOUNT_REF_SIZE);
    buffer_u8(out, (uint8_t)account->state);
    buffer_u8(out, (uint8_t)account->type);
    buffer_u32(out, account->product);
    buffer_u16(out, (uint16_t)account->currency);
    buffer_u32(out, (uint32_t)account->opened_day);
    buffer_u64(out, (uint64_t)account->reserved_minor);
    buffer_u32(out, account->next_seq);
    buffer_u32(out, account->in_force);
    buffer_u32(out, account->disbursements);
    buffer_append(out, account->head.bytes, DIGEST_SIZE);
    buffer_append(out, account->ids.bytes, DIGEST_SIZE);
    buffer_u32(out, account->transferee);
    buffer_u8(out, account->taken_over ? 1 : 0);
    buffer_u8(out, account->turn_count);
    for (uint32_t i = 0; i < account->turn_count; i++) {
        buffer_u8(out, (uint8_t)account->turns[i].before);
        buffer_append(out, account->turns[i].event_id.bytes, DIGEST_SIZE);
    }
    buffer_u32(out, account->period_first);
    buffer_u8(out, bitmap_size);
    buffer_append(out, account->periods, bitmap_size);
}

/* Whether one event can lead from one state to another. */
static bool state_follows(enum account_state before, enum account_state state)
{
    bool lives = before == ACCOUNT_STATE_OPEN || before == ACCOUNT_STATE_FROZEN;

    switch (state) {
    case ACCOUNT_STATE_NONE:
    case ACCOUNT_STATE_VOID:
        return false;
    case ACCOUNT_STATE_OPEN:
        return before == ACCOUNT_STATE_FROZEN;
    case ACCOUNT_STATE_FROZEN:
        return before == ACCOUNT_STATE_OPEN;
    case ACCOUNT_STATE_CHARGED_OFF:
    case ACCOUNT_STATE_CLOSED:
        return lives;
    case ACCOUNT_STATE_SETTLED:
        return before == ACCOUNT_STATE_CHARGED_OFF;
    case ACCOUNT_STATE_TRANSFERRED:
        return lives || before == ACCOUNT_STATE_CHARGED_OFF;
    }
    return false;
}

/* Reads the changes of state: each leads to the next, and the last to the state the account is in. Without
 * any, the account is open as it was opened, void, or frozen longer ago than is remembered. */
static int turns_decode(struct reader *reader, struct account *account)
{
    uint8_t count = reader_u8(reader);

    if (count > ACCOUNT_TURNS_MAX) return TALLY_EFORM;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t before = reader_u8(reader);
        if (before >= ACCOUNT_STATE_COUNT) return TALLY_EFORM;
        account->turns[i].before = (enum account_state)before;
        reader_copy(reader, account->turns[i].event_id.bytes, DIGEST_SIZE);
    }
    for (uint32_t i = 0; i < count; i++) {
        enum account_state after = i + 1u < count ? account->turns[i + 1].before : account->state;
        if (!state_follows(account->turns[i].before, after)) return TALLY_EFORM;
    }
    account->turn_count = count;
    if (count > 0) return TALLY_OK;
    return account->state == ACCOUNT_STATE_OPEN || account->state == ACCOUNT_STATE_FROZEN ||
                   account->state == ACCOUNT_STATE_VOID
               ? TALLY_OK
               : TALLY_EFORM;
}

/* Reads the periods, of which only one form is canonical: the first bit set, no zero byte at the end, no
 * month past the last that a date can have. */
static int periods_decode(struct reader *reader, struct account *account)
{
    account->period_first = reader_u32(reader);
    uint8_t size = reader_u8(reader);
    if (reader->failed || size > PERIOD_BITMAP_SIZE) return TALLY_EFORM;
    reader_copy(reader, account->periods, size);
    if (reader->failed) return TALLY_EFORM;
    if (size == 0) return account->period_first == 0 ? TALLY_OK : TALLY_EFORM;

    uint8_t last = account->periods[size - 1];
    if ((account->periods[0] & 0x80u) == 0 || last == 0) return TALLY_EFORM;
    account->period_span = (uint32_t)size * 8 - (uint32_t)__builtin_ctz(last);
    uint32_t month_max = period_index(999912);
    if (account->period_first > month_max || account->period_span - 1 > month_max - account->period_first) {
        return TALLY_EFORM;
    }
    return TALLY_OK;
}

/* What holds between an account's fields, whatever its events were. */
static bool fields_agree(const struct account *account)
{
    bool transferred = account->state == ACCOUNT_STATE_TRANSFERRED;

    if (account->member_id == 0 || account->next_seq == 0 || account->in_force > account->next_seq) {
        return false;
    }
    if ((account->state == ACCOUNT_STATE_VOID) != (account->in_force == 0)) return false;
    if (account->state == ACCOUNT_STATE_FROZEN && account->type != ACCOUNT_REVOLVING) return false;
    if (transferred != (account->transferee != 0) || (account->taken_over && !transferred)) return false;
    return date_is_valid(account->opened_day) && account->reserved_minor >= 0 &&
           account->disbursements <= account->next_seq;
}

int account_decode(struct reader *reader, struct account *account)
{
    *account = (struct account){0};
    account->member_id = reader_u32(reader);
    reader_copy(reader, account->ref, ACCOUNT_REF_SIZE);
    uint8_t state = reader_u8(reader);
    uint8_t type = reader_u8(reader);
    account->product = reader_u32(reader);
    account->currency = reader_u16(reader);
    account->opened_day = (int32_t)reader_u32(reader);
    account->reserved_minor = (int64_t)reader_u64(reader);
    account->next_seq = reader_u32(reader);
    account->in_force = reader_u32(reader);
    account->disbursements = reader_u32(reader);
    reader_copy(reader, account->head.bytes, DIGEST_SIZE);
    reader_copy(reader, account->ids.bytes, DIGEST_SIZE);
    account->transferee = reader_u32(reader);
    uint8_t taken_over = reader_u8(reader);

    if (reader->failed || state == ACCOUNT_STATE_NONE || state >= ACCOUNT_STATE_COUNT) return TALLY_EFORM;
    if (taken_over > 1 || (type != ACCOUNT_INSTALMENT && type != ACCOUNT_REVOLVING)) return TALLY_EFORM;
    account->state = (enum account_state)state;
    account->type = (enum account_type)type;
    account->taken_over = taken_over == 1;
    if (!fields_agree(account)) return TALLY_EFORM;
    int error = turns_decode(reader, account);
    return error ? error : periods_decode(reader, account);
}
