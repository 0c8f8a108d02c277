/* Credit events: bytes <-> plain structs. See schema/credit.proto. */
#ifndef TALLY_CODEC_EVENT_H
#define TALLY_CODEC_EVENT_H

#include "proto/base/agreement.h"
#include "proto/base/arena.h"

#define ACCOUNT_REF_SIZE 16
#define ITEM_ID_SIZE 16
#define SALT_SIZE 32

/* Numbers as in credit.proto. */
enum event_type {
    EVENT_CONSENT_GRANT = 1,
    EVENT_CONSENT_REVOKE = 2,
    EVENT_INQUIRY = 3,
    EVENT_RESERVE = 10,
    EVENT_RESERVE_CANCEL = 11,
    EVENT_ACCOUNT_OPEN = 12,
    EVENT_DISBURSE = 13,
    EVENT_PERIOD_REPORT = 14,
    EVENT_PAYMENT = 15,
    EVENT_LIMIT_CHANGE = 16,
    EVENT_STATUS = 17,
    EVENT_CHARGE_OFF = 18,
    EVENT_RECOVERY = 19,
    EVENT_TRANSFER = 20,
    EVENT_CLOSE = 21,
    EVENT_CORRECT = 30,
    EVENT_RETRACT = 31,
    EVENT_DISPUTE_OPEN = 32,
    EVENT_DISPUTE_ANSWER = 33,
    EVENT_DISPUTE_CLOSE = 34,
    EVENT_STATEMENT = 35,
};

enum account_type {
    ACCOUNT_INSTALMENT = 1,
    ACCOUNT_REVOLVING = 2,
};

/* "ACCOUNT_OPEN" and so on; NULL for a number that is no type. */
const char *event_type_name(uint32_t type);
/* 0 for a name that is no type. */
uint32_t event_type_by_name(const char *name);
/* Whether this release has rules for the type: ACCOUNT_OPEN, DISBURSE, PERIOD_REPORT, PAYMENT, CHARGE_OFF,
 * CLOSE. */
bool event_type_is_supported(uint32_t type);

/* What every validator reads and rules on. */
struct event_header {
    enum event_type type;
    uint32_t member_id;
    uint32_t subject_scheme;
    struct digest subject_id;
    uint32_t regime;
    int32_t event_date; /* days since 1970 */
    struct digest body_commitment;
    bool has_account; /* account_* below; else item_id */
    uint8_t account_ref[ACCOUNT_REF_SIZE];
    uint32_t account_seq;
    struct digest account_prev;
    uint8_t item_id[ITEM_ID_SIZE];
    /* Public fields of the type; 0 where the type has none. */
    uint32_t account_type; /* ACCOUNT_OPEN: enum account_type */
    uint32_t product;      /* ACCOUNT_OPEN */
    uint32_t currency;     /* ACCOUNT_OPEN: ISO 4217 numeric */
    uint32_t period;       /* PERIOD_REPORT: yyyymm */
    uint32_t close_kind;   /* CLOSE: 1 PAID, 2 EARLY, 3 SETTLED_LESS, 4 OTHER */
};

/* Decodes a canonical header whose fields are those its type needs, no more and no fewer, each within its
 * form (sizes, enums, dates, periods, a known currency). Errors: TALLY_EFORM, and TALLY_EVERSION (another
 * header version), TALLY_EINVALID (a type this release has no rules for), TALLY_ENOMEM (the machine's
 * memory). Never depends on state. */
int event_header_decode(struct span bytes, struct event_header *header) TALLY_MUST_CHECK;
/* Appends the canonical encoding. */
void event_header_encode(const struct event_header *header, struct buffer *out);

struct digest event_id(const struct digest *chain_id, struct span header_bytes);
struct digest event_body_commitment(const uint8_t salt[SALT_SIZE], struct span body);

/* A body, by type; only the fields of that type are meaningful. Absent optional amounts have their flag
 * false. */
struct optional_amount {
    bool present;
    int64_t minor;
};

struct event_body {
    enum event_type type;
    struct optional_amount limit, principal, scheduled, past_due, interest, fee, recovery, balance,
        fees_deducted;
    int64_t amount_minor;   /* DISBURSE, PAYMENT, CHARGE_OFF */
    int64_t balance_minor;  /* PERIOD_REPORT */
    int64_t paid_minor;     /* PERIOD_REPORT */
    uint32_t days_past_due; /* PERIOD_REPORT: 0 to 65535 */
    bool has_rate, has_apr, has_terms, has_first_delinquency;
    int32_t rate_ppm, apr_ppm;
    uint32_t term_count;
    int32_t first_delinquency_date; /* days */
    char term_unit[EVENT_TEXT_SIZE_MAX + 1], security[EVENT_TEXT_SIZE_MAX + 1],
        payer[EVENT_TEXT_SIZE_MAX + 1], reported_code[EVENT_TEXT_SIZE_MAX + 1];
};

/* Errors: TALLY_EFORM (not canonical, text over its bound, a number out of its range, fields of another
 * type), TALLY_ENOMEM (the machine's memory). */
int event_body_decode(enum event_type type, struct span bytes, struct event_body *body) TALLY_MUST_CHECK;
/* The type is one that event_type_is_supported (CHECKed). */
void event_body_encode(const struct event_body *body, struct buffer *out);

#endif
