#include "node/credit/subject_state.h"
#include "proto/base/date.h"

/* Kinds of sections, in the order they are encoded. */
enum section {
    SECTION_ACCOUNTS = 1,
    SECTION_CONSENTS = 2,
    SECTION_RESERVATIONS = 3,
    SECTION_DISPUTES = 4,
    SECTION_ITEMS = 5,
};
#define ITEMS_ENCODED_SIZE (4 + DIGEST_SIZE)

/* ---- Encoding ---- */

static void section_begin(struct buffer *out, enum section section, size_t size)
{
    buffer_u8(out, (uint8_t)section);
    buffer_u32(out, (uint32_t)size);
}

static void accounts_encode(const struct subject_state *subject, struct buffer *out)
{
    size_t size = 2;

    if (subject->account_count == 0) return;
    for (uint32_t i = 0; i < subject->account_count; i++)
        size += account_encoded_size(&subject->accounts[i]);
    section_begin(out, SECTION_ACCOUNTS, size);
    buffer_u16(out, (uint16_t)subject->account_count);
    for (uint32_t i = 0; i < subject->account_count; i++)
        account_encode(&subject->accounts[i], out);
}

static void consent_encode(const void *record, struct buffer *out)
{
    const struct consent *consent = record;

    buffer_append(out, consent->id.bytes, DIGEST_SIZE);
    buffer_u32(out, consent->grantee);
    buffer_u32(out, consent->purposes);
    buffer_u32(out, (uint32_t)consent->valid_from);
    buffer_u32(out, (uint32_t)consent->valid_until);
    buffer_u32(out, consent->uses_left);
    buffer_u64(out, consent->last_use_ms);
}

static void reservation_encode(const void *record, struct buffer *out)
{
    const struct reservation *reservation = record;

    buffer_append(out, reservation->id.bytes, DIGEST_SIZE);
    buffer_u32(out, reservation->member_id);
    buffer_u8(out, (uint8_t)reservation->account_type);
    buffer_u16(out, (uint16_t)reservation->currency);
    buffer_u8(out, reservation->has_amount ? 1 : 0);
    buffer_u64(out, (uint64_t)reservation->amount_minor);
    buffer_u64(out, reservation->expires_ms);
}

static void dispute_encode(const void *record, struct buffer *out)
{
    const struct dispute *dispute = record;

    buffer_append(out, dispute->id.bytes, DIGEST_SIZE);
    buffer_u32(out, dispute->opener);
    buffer_u32(out, dispute->author);
}

/* ---- Decoding: whether what was read is a record that the rules can have made ---- */

static bool consent_decode(struct reader *reader, void *record)
{
    struct consent *consent = record;

    reader_copy(reader, consent->id.bytes, DIGEST_SIZE);
    consent->grantee = reader_u32(reader);
    consent->purposes = reader_u32(reader);
    consent->valid_from = (int32_t)reader_u32(reader);
    consent->valid_until = (int32_t)reader_u32(reader);
    consent->uses_left = reader_u32(reader);
    consent->last_use_ms = reader_u64(reader);
    if (consent->grantee == 0 || consent->purposes == 0 || (consent->purposes & ~PURPOSES_ALL)) return false;
    if (!date_is_valid(consent->valid_from) || !date_is_valid(consent->valid_until)) return false;
    return consent->valid_from <= consent->valid_until &&
           (consent->uses_left > 0 || consent->last_use_ms > 0);
}

static bool reservation_decode(struct reader *reader, void *record)
{
    struct reservation *reservation = record;

    reader_copy(reader, reservation->id.bytes, DIGEST_SIZE);
    reservation->member_id = reader_u32(reader);
    uint8_t type = reader_u8(reader);
    reservation->currency = reader_u16(reader);
    uint8_t has_amount = reader_u8(reader);
    reservation->amount_minor = (int64_t)reader_u64(reader);
    reservation->expires_ms = reader_u64(reader);
    if (type != ACCOUNT_INSTALMENT && type != ACCOUNT_REVOLVING) return false;
    reservation->account_type = (enum account_type)type;
    reservation->has_amount = has_amount == 1;
    if (has_amount > 1 || reservation->amount_minor < 0) return false;
    return reservation->member_id != 0 && (has_amount == 1 || reservation->amount_minor == 0) &&
           reservation->expires_ms > 0 && reservation->expires_ms <= EVENT_EXPIRES_MS_MAX;
}

static bool dispute_decode(struct reader *reader, void *record)
{
    struct dispute *dispute = record;

    reader_copy(reader, dispute->id.bytes, DIGEST_SIZE);
    dispute->opener = reader_u32(reader);
    dispute->author = reader_u32(reader);
    return dispute->opener != 0 && dispute->author != 0;
}

/* ---- Sections of records ---- */

struct record_form {
    enum section section;
    size_t record_size, encoded_size, list_offset;
    uint32_t count_max;
    void (*encode)(const void *record, struct buffer *out);
    bool (*decode)(struct reader *reader, void *record);
};

union record {
    struct digest id;
    struct consent consent;
    struct reservation reservation;
    struct dispute dispute;
};

static const struct record_form forms[] = {
    {SECTION_CONSENTS, sizeof(struct consent), CONSENT_ENCODED_SIZE, offsetof(struct subject_state, consents),
        CONSENTS_PER_SUBJECT_MAX, consent_encode, consent_decode},
    {SECTION_RESERVATIONS, sizeof(struct reservation), RESERVATION_ENCODED_SIZE,
        offsetof(struct subject_state, reservations), RESERVATIONS_PER_SUBJECT_MAX, reservation_encode,
        reservation_decode},
    {SECTION_DISPUTES, sizeof(struct dispute), DISPUTE_ENCODED_SIZE, offsetof(struct subject_state, disputes),
        DISPUTES_PER_SUBJECT_MAX, dispute_encode, dispute_decode},
};
#define FORM_COUNT (sizeof(forms) / sizeof(forms[0]))

static void records_encode(
    const struct record_form *form, const struct subject_state *subject, struct buffer *out)
{
    const struct record_list *list =
        (const struct record_list *)(const void *)((const uint8_t *)subject + form->list_offset);

    if (list->count == 0) return;
    section_begin(out, form->section, 2 + list->count * form->encoded_size);
    buffer_u16(out, (uint16_t)list->count);
    for (uint32_t i = 0; i < list->count; i++)
        form->encode(record_list_at(list, form->record_size, i), out);
}

static int records_decode(
    const struct record_form *form, struct reader *reader, struct subject_state *subject)
{
    struct record_list *list = (struct record_list *)(void *)((uint8_t *)subject + form->list_offset);
    struct digest before = {{0}};
    uint32_t count = reader_u16(reader);

    if (reader->failed || count == 0 || count > form->count_max) return TALLY_EFORM;
    int error = record_list_reserve(list, form->record_size, count);
    if (error) return error;
    for (uint32_t i = 0; i < count; i++) {
        union record record;
        memset(&record, 0, sizeof(record));
        bool sound = form->decode(reader, &record);
        if (!sound || reader->failed) return TALLY_EFORM;
        if (i > 0 && memcmp(before.bytes, record.id.bytes, DIGEST_SIZE) >= 0) return TALLY_EFORM;
        before = record.id;
        error = record_list_add(list, form->record_size, form->count_max, &record);
        if (error) return error;
    }
    return TALLY_OK;
}

/* ---- The whole ---- */

void subject_state_encode(const struct subject_state *subject, struct buffer *out)
{
    buffer_u8(out, SUBJECT_STATE_VERSION);
    accounts_encode(subject, out);
    for (size_t i = 0; i < FORM_COUNT; i++)
        records_encode(&forms[i], subject, out);
    if (subject->item_count == 0) return;
    section_begin(out, SECTION_ITEMS, ITEMS_ENCODED_SIZE);
    buffer_u32(out, subject->item_count);
    buffer_append(out, subject->item_ids.bytes, DIGEST_SIZE);
}

static int accounts_decode(struct reader *reader, struct subject_state *subject)
{
    uint32_t count = reader_u16(reader);

    if (reader->failed || count == 0 || count > ACCOUNTS_PER_SUBJECT_MAX) return TALLY_EFORM;
    int error = subject_state_reserve(subject, count);
    if (error) return error;
    for (uint32_t i = 0; i < count; i++) {
        struct account *account = &subject->accounts[i];
        error = account_decode(reader, account);
        if (error) return error;
        if (i > 0 && account_compare(account - 1, account->member_id, account->ref) >= 0) return TALLY_EFORM;
    }
    subject->account_count = count;
    return TALLY_OK;
}

static int items_decode(struct reader *reader, struct subject_state *subject)
{
    subject->item_count = reader_u32(reader);
    reader_copy(reader, subject->item_ids.bytes, DIGEST_SIZE);
    return subject->item_count > 0 ? TALLY_OK : TALLY_EFORM;
}

static int section_decode(uint8_t kind, struct span content, struct subject_state *subject)
{
    struct reader reader;
    int error = TALLY_EFORM;

    reader_init(&reader, content);
    if (kind == SECTION_ACCOUNTS) error = accounts_decode(&reader, subject);
    if (kind == SECTION_ITEMS) error = items_decode(&reader, subject);
    for (size_t i = 0; i < FORM_COUNT; i++) {
        if (kind == forms[i].section) error = records_decode(&forms[i], &reader, subject);
    }
    if (error) return error;
    return reader_done(&reader) ? TALLY_OK : TALLY_EFORM;
}

static int sections_decode(struct span bytes, struct subject_state *subject)
{
    struct reader reader;
    uint8_t before = 0;

    reader_init(&reader, bytes);
    if (reader_u8(&reader) != SUBJECT_STATE_VERSION) return TALLY_EFORM;
    while (!reader_done(&reader)) {
        uint8_t kind = reader_u8(&reader);
        uint32_t size = reader_u32(&reader);
        struct span content = reader_span(&reader, size);
        if (reader.failed || kind <= before) return TALLY_EFORM;
        int error = section_decode(kind, content, subject);
        if (error) return error;
        before = kind;
    }
    return TALLY_OK;
}

int subject_state_decode(struct span bytes, struct subject_state *subject)
{
    subject_state_clear(subject);
    int error = sections_decode(bytes, subject);
    if (error) subject_state_clear(subject);
    return error;
}

int subject_state_chains(struct span bytes, struct account_chain chains[ACCOUNTS_PER_SUBJECT_MAX],
    uint32_t *count, struct item_chain *items)
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
    if (error == TALLY_OK) {
        *count = subject.account_count;
        *items = (struct item_chain){.count = subject.item_count, .ids = subject.item_ids};
    }
    subject_state_close(&subject);
    return error;
}
