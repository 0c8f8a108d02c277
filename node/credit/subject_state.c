#include "node/credit/subject_state.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/base/date.h"

/* Kinds of sections, in the order they are encoded. */
#define SECTION_ACCOUNTS 1

#define ACCOUNT_CAPACITY_START 1u

const char *account_state_name(uint32_t state)
{
    static const char *const names[ACCOUNT_STATE_COUNT] = {
        [ACCOUNT_STATE_NONE] = "NONE",
        [ACCOUNT_STATE_OPEN] = "OPEN",
        [ACCOUNT_STATE_CHARGED_OFF] = "CHARGED_OFF",
        [ACCOUNT_STATE_CLOSED] = "CLOSED",
        [ACCOUNT_STATE_SETTLED] = "SETTLED",
    };

    return state < ACCOUNT_STATE_COUNT ? names[state] : NULL;
}

void subject_state_init(struct subject_state *subject)
{
    *subject = (struct subject_state){0};
}

void subject_state_close(struct subject_state *subject)
{
    free(subject->accounts);
    subject_state_init(subject);
}

void subject_state_clear(struct subject_state *subject)
{
    subject->account_count = 0;
}

/* ---- Accounts in order ---- */

static int account_compare(
    const struct account *account, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    if (account->member_id != member_id) return account->member_id < member_id ? -1 : 1;
    return memcmp(account->ref, ref, ACCOUNT_REF_SIZE);
}

/* The index of the first account that does not come before (member, ref). */
static uint32_t account_place(
    const struct subject_state *subject, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    uint32_t low = 0, high = subject->account_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (account_compare(&subject->accounts[middle], member_id, ref) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct account *subject_state_account(
    const struct subject_state *subject, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    uint32_t place = account_place(subject, member_id, ref);

    if (place == subject->account_count) return NULL;
    struct account *account = &subject->accounts[place];
    return account_compare(account, member_id, ref) == 0 ? account : NULL;
}

bool subject_state_ref_elsewhere(
    const struct subject_state *subject, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    for (uint32_t i = 0; i < subject->account_count; i++) {
        const struct account *account = &subject->accounts[i];
        if (account->member_id != member_id && memcmp(account->ref, ref, ACCOUNT_REF_SIZE) == 0) return true;
    }
    return false;
}

/* Makes room for `count` accounts. */
static int accounts_reserve(struct subject_state *subject, uint32_t count)
{
    CHECK(count <= ACCOUNTS_PER_SUBJECT_MAX);
    if (count <= subject->account_capacity) return TALLY_OK;

    uint32_t capacity = subject->account_capacity ? subject->account_capacity : ACCOUNT_CAPACITY_START;
    while (capacity < count)
        capacity *= 2;
    struct account *accounts = realloc(subject->accounts, capacity * sizeof(*accounts));
    if (!accounts) return TALLY_ENOMEM;
    subject->accounts = accounts;
    subject->account_capacity = capacity;
    return TALLY_OK;
}

int subject_state_add(struct subject_state *subject, const struct account *account)
{
    uint32_t place = account_place(subject, account->member_id, account->ref);
    CHECK(!subject_state_account(subject, account->member_id, account->ref));

    if (subject->account_count == ACCOUNTS_PER_SUBJECT_MAX) return TALLY_ELIMIT;
    int error = accounts_reserve(subject, subject->account_count + 1);
    if (error) return error;
    memmove(&subject->accounts[place + 1], &subject->accounts[place],
        (subject->account_count - place) * sizeof(*account));
    subject->accounts[place] = *account;
    subject->account_count++;
    return TALLY_OK;
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

/* ---- Encoding ---- */

static void account_encode(const struct account *account, struct buffer *out)
{
    uint8_t bitmap_size = (uint8_t)((account->period_span + 7) / 8);

    buffer_u32(out, account->member_id);
    buffer_append(out, account->ref, ACCOUNT_REF_SIZE);
    buffer_u8(out, (uint8_t)account->state);
    buffer_u8(out, (uint8_t)account->previous_state);
    buffer_u8(out, (uint8_t)account->type);
    buffer_u8(out, account->disbursed ? 1 : 0);
    buffer_u32(out, account->product);
    buffer_u16(out, (uint16_t)account->currency);
    buffer_u32(out, account->next_seq);
    buffer_append(out, account->head.bytes, DIGEST_SIZE);
    buffer_append(out, account->ids.bytes, DIGEST_SIZE);
    buffer_u32(out, account->period_first);
    buffer_u8(out, bitmap_size);
    buffer_append(out, account->periods, bitmap_size);
}

static size_t account_encoded_size(const struct account *account)
{
    return ACCOUNT_ENCODED_SIZE_MAX - PERIOD_BITMAP_SIZE + (account->period_span + 7) / 8;
}

void subject_state_encode(const struct subject_state *subject, struct buffer *out)
{
    buffer_u8(out, SUBJECT_STATE_VERSION);
    if (subject->account_count == 0) return;

    size_t size = 2;
    for (uint32_t i = 0; i < subject->account_count; i++)
        size += account_encoded_size(&subject->accounts[i]);
    buffer_u8(out, SECTION_ACCOUNTS);
    buffer_u32(out, (uint32_t)size);
    buffer_u16(out, (uint16_t)subject->account_count);
    for (uint32_t i = 0; i < subject->account_count; i++)
        account_encode(&subject->accounts[i], out);
}

/* ---- Decoding ---- */

/* Whether the rules can have led from one state to the next. */
static bool state_follows(uint8_t previous, uint8_t state)
{
    switch ((enum account_state)state) {
    case ACCOUNT_STATE_NONE:
        return false;
    case ACCOUNT_STATE_OPEN:
        return previous == ACCOUNT_STATE_NONE;
    case ACCOUNT_STATE_CHARGED_OFF:
    case ACCOUNT_STATE_CLOSED:
        return previous == ACCOUNT_STATE_OPEN;
    case ACCOUNT_STATE_SETTLED:
        return previous == ACCOUNT_STATE_CHARGED_OFF;
    }
    return false;
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
    if (!bitmap_get(account->periods, 0) || last == 0) return TALLY_EFORM;
    account->period_span = (uint32_t)size * 8 - (uint32_t)__builtin_ctz(last);
    uint32_t month_max = period_index(999912);
    if (account->period_first > month_max || account->period_span - 1 > month_max - account->period_first) {
        return TALLY_EFORM;
    }
    return TALLY_OK;
}

static int account_decode(struct reader *reader, struct account *account)
{
    *account = (struct account){0};
    account->member_id = reader_u32(reader);
    reader_copy(reader, account->ref, ACCOUNT_REF_SIZE);
    uint8_t state = reader_u8(reader);
    uint8_t previous = reader_u8(reader);
    uint8_t type = reader_u8(reader);
    uint8_t disbursed = reader_u8(reader);
    account->product = reader_u32(reader);
    account->currency = reader_u16(reader);
    account->next_seq = reader_u32(reader);
    reader_copy(reader, account->head.bytes, DIGEST_SIZE);
    reader_copy(reader, account->ids.bytes, DIGEST_SIZE);

    if (reader->failed || account->member_id == 0 || account->next_seq == 0) return TALLY_EFORM;
    if (!state_follows(previous, state) || disbursed > 1) return TALLY_EFORM;
    if (type != ACCOUNT_INSTALMENT && type != ACCOUNT_REVOLVING) return TALLY_EFORM;
    account->state = (enum account_state)state;
    account->previous_state = (enum account_state)previous;
    account->type = (enum account_type)type;
    account->disbursed = disbursed == 1;
    return periods_decode(reader, account);
}

static int accounts_decode(struct span content, struct subject_state *subject)
{
    struct reader reader;

    reader_init(&reader, content);
    uint32_t count = reader_u16(&reader);
    if (reader.failed || count == 0 || count > ACCOUNTS_PER_SUBJECT_MAX) return TALLY_EFORM;
    int error = accounts_reserve(subject, count);
    if (error) return error;
    for (uint32_t i = 0; i < count; i++) {
        struct account *account = &subject->accounts[i];
        error = account_decode(&reader, account);
        if (error) return error;
        if (i > 0 && account_compare(account - 1, account->member_id, account->ref) >= 0) return TALLY_EFORM;
    }
    if (!reader_done(&reader)) return TALLY_EFORM;
    subject->account_count = count;
    return TALLY_OK;
}

static int sections_decode(struct span bytes, struct subject_state *subject)
{
    struct reader reader;

    reader_init(&reader, bytes);
    if (reader_u8(&reader) != SUBJECT_STATE_VERSION) return TALLY_EFORM;
    if (reader_done(&reader)) return TALLY_OK;
    if (reader_u8(&reader) != SECTION_ACCOUNTS) return TALLY_EFORM;
    uint32_t size = reader_u32(&reader);
    struct span content = reader_span(&reader, size);
    if (!reader_done(&reader)) return TALLY_EFORM;
    return accounts_decode(content, subject);
}

int subject_state_decode(struct span bytes, struct subject_state *subject)
{
    subject_state_clear(subject);
    int error = sections_decode(bytes, subject);
    if (error) subject_state_clear(subject);
    return error;
}

int subject_state_chains(
    struct span bytes, struct account_chain chains[ACCOUNTS_PER_SUBJECT_MAX], uint32_t *count)
{
    struct subject_state subject;

    subject_state_init(&subject);
    int error = subject_state_decode(bytes, &subject);
    for (uint32_t i = 0; error == TALLY_OK && i < subject.account_count; i++) {
        const struct account *account = &subject.accounts[i];
        chains[i] = (struct account_chain){.member_id = account->member_id,
            .next_seq = account->next_seq,
            .head = account->head,
            .ids = account->ids};
        memcpy(chains[i].ref, account->ref, ACCOUNT_REF_SIZE);
    }
    if (error == TALLY_OK) *count = subject.account_count;
    subject_state_close(&subject);
    return error;
}
