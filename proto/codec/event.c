#include "proto/codec/event.h"

#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/event_public.h"
#include "proto/codec/message.h"
#include "proto/codec/subject_scheme.h"
#include "proto/crypto/digest.h"

#define HEADER_VERSION 1u
/* Always enough: an unpacked header takes a few hundred bytes beside its fields, none of which can repeat. */
#define HEADER_ARENA_SIZE (4u * EVENT_HEADER_SIZE_MAX)

typedef Tallystick__V1__EventHeader header_message;

static const struct {
    enum event_type type;
    const char *name;
    bool has_account;
} types[] = {
    {EVENT_CONSENT_GRANT, "CONSENT_GRANT", false},
    {EVENT_CONSENT_REVOKE, "CONSENT_REVOKE", false},
    {EVENT_INQUIRY, "INQUIRY", false},
    {EVENT_RESERVE, "RESERVE", false},
    {EVENT_RESERVE_CANCEL, "RESERVE_CANCEL", false},
    {EVENT_ACCOUNT_OPEN, "ACCOUNT_OPEN", true},
    {EVENT_DISBURSE, "DISBURSE", true},
    {EVENT_PERIOD_REPORT, "PERIOD_REPORT", true},
    {EVENT_PAYMENT, "PAYMENT", true},
    {EVENT_LIMIT_CHANGE, "LIMIT_CHANGE", true},
    {EVENT_STATUS, "STATUS", true},
    {EVENT_CHARGE_OFF, "CHARGE_OFF", true},
    {EVENT_RECOVERY, "RECOVERY", true},
    {EVENT_TRANSFER, "TRANSFER", true},
    {EVENT_CLOSE, "CLOSE", true},
    {EVENT_CORRECT, "CORRECT", true},
    {EVENT_RETRACT, "RETRACT", true},
    {EVENT_DISPUTE_OPEN, "DISPUTE_OPEN", false},
    {EVENT_DISPUTE_ANSWER, "DISPUTE_ANSWER", false},
    {EVENT_DISPUTE_CLOSE, "DISPUTE_CLOSE", false},
    {EVENT_STATEMENT, "STATEMENT", false},
};

#define TYPE_COUNT (sizeof types / sizeof types[0])

const char *event_type_name(uint32_t type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if ((uint32_t)types[i].type == type) return types[i].name;
    return NULL;
}

uint32_t event_type_by_name(const char *name)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (strcmp(types[i].name, name) == 0) return (uint32_t)types[i].type;
    return 0;
}

const char *const credit_purpose_names[] = {
    "CREDIT_DECISION", "ACCOUNT_REVIEW", "GUARANTEE", "COLLECTION", "EMPLOYMENT", "SUBJECT_REQUEST", NULL};
const char *const credit_legal_basis_names[] = {"COURT_ORDER", "SUPERVISION", "STATUTE", NULL};

bool event_type_has_account(uint32_t type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if ((uint32_t)types[i].type == type) return types[i].has_account;
    return false;
}

/* Where the event belongs: in its account's chain, or by itself. */
static int read_key(const header_message *message, struct event_header *header)
{
    header->has_account = event_type_has_account((uint32_t)header->type);
    if (!header->has_account) {
        if (message->key_case != TALLYSTICK__V1__EVENT_HEADER__KEY_ITEM_ID) return TALLY_EFORM;
        return fixed_from_bytes(message->item_id, header->item_id, ITEM_ID_SIZE);
    }
    if (message->key_case != TALLYSTICK__V1__EVENT_HEADER__KEY_ACCOUNT) return TALLY_EFORM;
    header->account_seq = message->account->seq;
    int error = fixed_from_bytes(message->account->ref, header->account_ref, ACCOUNT_REF_SIZE);
    return error == TALLY_OK ? digest_from_bytes(message->account->prev, &header->account_prev) : error;
}

static int read_header(const header_message *message, struct event_header *header)
{
    if (message->version != HEADER_VERSION) return message->version == 0 ? TALLY_EFORM : TALLY_EVERSION;
    if (message->type == TALLYSTICK__V1__EVENT_TYPE__EVENT_TYPE_UNSPECIFIED) return TALLY_EFORM;
    header->type = (enum event_type)message->type;
    if (message->member_id == 0 || !date_is_valid(message->event_date)) return TALLY_EFORM;
    header->member_id = message->member_id;
    header->subject_scheme = message->subject_scheme;
    header->regime = message->regime;
    header->event_date = message->event_date;
    int error = digest_from_bytes(message->subject_id, &header->subject_id);
    if (error == TALLY_OK) error = digest_from_bytes(message->body_commitment, &header->body_commitment);
    if (error == TALLY_OK) error = read_key(message, header);
    if (error == TALLY_OK) error = event_public_read(message, header);
    if (error == TALLY_OK && !subject_scheme_fits(header)) error = TALLY_EFORM;
    return error;
}

int event_header_decode(struct span bytes, struct event_header *header)
{
    if (bytes.size > EVENT_HEADER_SIZE_MAX) return TALLY_EFORM;
    if (message_version_differs(bytes, HEADER_VERSION)) return TALLY_EVERSION;
    struct arena arena;
    ProtobufCMessage *message;
    struct event_header read = {0};
    arena_init(&arena, HEADER_ARENA_SIZE);
    int error =
        message_decode(&tallystick__v1__event_header__descriptor, MESSAGE_CANONICAL, bytes, &arena, &message);
    if (error == TALLY_OK) error = read_header((const header_message *)message, &read);
    arena_close(&arena);
    if (error == TALLY_OK) *header = read;
    return error;
}

void event_header_encode(const struct event_header *header, struct buffer *out)
{
    Tallystick__V1__AccountLink account = TALLYSTICK__V1__ACCOUNT_LINK__INIT;
    header_message message = TALLYSTICK__V1__EVENT_HEADER__INIT;
    union event_public_message room;
    message.version = HEADER_VERSION;
    message.type = (Tallystick__V1__EventType)header->type;
    message.member_id = header->member_id;
    message.subject_scheme = header->subject_scheme;
    message.subject_id = digest_bytes(&header->subject_id);
    message.regime = header->regime;
    message.event_date = header->event_date;
    message.body_commitment = digest_bytes(&header->body_commitment);
    if (header->has_account) {
        account.ref = message_bytes(span_of(header->account_ref, ACCOUNT_REF_SIZE));
        account.seq = header->account_seq;
        account.prev = digest_bytes(&header->account_prev);
        message.key_case = TALLYSTICK__V1__EVENT_HEADER__KEY_ACCOUNT;
        message.account = &account;
    } else {
        message.key_case = TALLYSTICK__V1__EVENT_HEADER__KEY_ITEM_ID;
        message.item_id = message_bytes(span_of(header->item_id, ITEM_ID_SIZE));
    }
    event_public_fill(header, &message, &room);
    message_encode(&message.base, out);
}

struct digest event_id(const struct digest *chain_id, struct span header_bytes)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_EVENT);
    hasher_digest(&hasher, chain_id);
    hasher_bytes(&hasher, header_bytes.data, header_bytes.size);
    return hasher_final(&hasher);
}

struct digest event_body_commitment(const uint8_t salt[SALT_SIZE], struct span body)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_BODY);
    hasher_bytes(&hasher, salt, SALT_SIZE);
    hasher_bytes(&hasher, body.data, body.size);
    return hasher_final(&hasher);
}
