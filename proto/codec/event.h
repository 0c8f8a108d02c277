/* Credit events: bytes <-> plain structs. See schema/credit.proto. */
#ifndef TALLY_CODEC_EVENT_H
#define TALLY_CODEC_EVENT_H

#include "proto/base/agreement.h"
#include "proto/base/arena.h"
#include "proto/base/date.h"

#define ACCOUNT_REF_SIZE 16
#define ITEM_ID_SIZE 16
#define SALT_SIZE 32
#define EVENT_NONCE_SIZE 16
/* The last millisecond that has a date. */
#define EVENT_EXPIRES_MS_MAX (((uint64_t)DATE_MAX + 1) * MS_PER_DAY - 1)

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

enum credit_purpose {
    PURPOSE_CREDIT_DECISION = 1, /* hard */
    PURPOSE_ACCOUNT_REVIEW = 2,
    PURPOSE_GUARANTEE = 3, /* hard */
    PURPOSE_COLLECTION = 4,
    PURPOSE_EMPLOYMENT = 5,
    PURPOSE_SUBJECT_REQUEST = 6,
};
/* A set of purposes is a mask. */
#define PURPOSE_BIT(purpose) (1u << ((purpose)-1))
#define PURPOSES_ALL (2u * PURPOSE_BIT(PURPOSE_SUBJECT_REQUEST) - 1u)

enum credit_legal_basis {
    LEGAL_COURT_ORDER = 1,
    LEGAL_SUPERVISION = 2,
    LEGAL_STATUTE = 3,
};

enum event_reason {
    REASON_FURNISHER_ERROR = 1,
    REASON_DISPUTE = 2,
    REASON_COURT_ORDER = 3,
    REASON_RESTRUCTURED = 4,
    REASON_SUBJECT_REQUEST = 5,
    REASON_FRAUD = 6,
    REASON_OTHER = 7,
};

enum dispute_category {
    CATEGORY_NOT_MINE = 1,
    CATEGORY_AMOUNT = 2,
    CATEGORY_DATE = 3,
    CATEGORY_STATUS = 4,
    CATEGORY_DUPLICATE_ENTRY = 5,
    CATEGORY_IDENTITY = 6,
    CATEGORY_OTHER = 7,
};

enum dispute_outcome {
    OUTCOME_CORRECTED = 1,
    OUTCOME_REJECTED = 2,
    OUTCOME_UNVERIFIABLE = 3,
    OUTCOME_WITHDRAWN = 4,
};

/* "ACCOUNT_OPEN" and so on; NULL for a number that is no type. */
const char *event_type_name(uint32_t type);
/* 0 for a name that is no type. */
uint32_t event_type_by_name(const char *name);
/* "CREDIT_DECISION" and so on, "COURT_ORDER" and so on: by the enum's number less one, ended by NULL. */
extern const char *const credit_purpose_names[];
extern const char *const credit_legal_basis_names[];
/* Whether an event of the type is one of an account, and so has a sequence; else it has an item id of its
 * own. False for a number that is no type. */
bool event_type_has_account(uint32_t type);

/* What every validator reads and rules on. */
struct event_header {
    enum event_type type;
    uint32_t member_id;
    uint32_t subject_scheme; /* enum subject_scheme (proto/codec/subject_scheme.h) */
    struct digest subject_id;
    uint32_t regime;
    int32_t event_date; /* days since 1970 */
    struct digest body_commitment;
    bool has_account; /* account_* below; else item_id */
    uint8_t account_ref[ACCOUNT_REF_SIZE];
    uint32_t account_seq;
    struct digest account_prev;
    uint8_t item_id[ITEM_ID_SIZE];
    /* Public fields of the type; 0 and false where the type has none. Ids are those of events. */
    uint32_t period;                         /* PERIOD_REPORT: yyyymm */
    uint32_t close_kind;                     /* CLOSE: 1 PAID, 2 EARLY, 3 SETTLED_LESS, 4 OTHER */
    uint32_t new_state;                      /* STATUS: 1 OPEN, 2 FROZEN */
    uint32_t reason;                         /* STATUS, CORRECT, RETRACT: enum event_reason */
    uint32_t transferee;                     /* TRANSFER: a member's id */
    bool has_amount;                         /* ACCOUNT_OPEN, RESERVE: optional */
    bool has_authorization, has_transfer_of; /* ACCOUNT_OPEN: optional */
    bool has_grantor;                        /* CONSENT_GRANT, optional: kept, and not ruled on */
    bool has_consent;                        /* INQUIRY: else it has a legal basis; exactly one of the two */
    bool has_reply_key;                      /* INQUIRY, optional: kept, and not ruled on */
    bool has_target;                         /* CORRECT, RETRACT, DISPUTE_OPEN: always; STATEMENT: optional */
    bool has_dispute; /* DISPUTE_ANSWER, DISPUTE_CLOSE: always; CORRECT, RETRACT: optional */
    /* These share their memory: a type's own may be read, and no other. */
    union {
        struct {                /* CONSENT_GRANT; first, as it is the largest, and {0} clears the first */
            uint32_t grantee;   /* a member's id */
            uint32_t purposes;  /* of PURPOSES_ALL, not empty */
            uint32_t max_uses;  /* 1 or more */
            int32_t valid_from; /* days, both included */
            int32_t valid_until;
            struct digest form_digest; /* of the signed form */
            struct public_key grantor_key;
            struct signature grantor_signature;
        };
        struct {                         /* ACCOUNT_OPEN, RESERVE */
            uint32_t account_type;       /* enum account_type */
            uint32_t product;            /* the furnisher's own code; 0 = none given */
            uint32_t currency;           /* ISO 4217 numeric */
            int64_t amount_minor;        /* 0 or more */
            uint64_t expires_ms;         /* RESERVE: since 1970, 1 to EVENT_EXPIRES_MS_MAX */
            struct digest authorization; /* ACCOUNT_OPEN: the granted RESERVE */
            struct digest transfer_of;   /* ACCOUNT_OPEN: the TRANSFER it takes over */
        };
        struct digest reservation;         /* RESERVE_CANCEL: the RESERVE */
        struct {                           /* INQUIRY, and the first of them CONSENT_REVOKE */
            struct digest consent;         /* the CONSENT_GRANT */
            uint32_t purpose;              /* enum credit_purpose */
            uint32_t legal_basis;          /* enum credit_legal_basis, or 0 */
            struct digest operator_digest; /* keyed digest of who asks at the member */
            uint8_t nonce[EVENT_NONCE_SIZE];
            struct public_key reply_key;
        };
        struct {                   /* CORRECT, RETRACT, DISPUTE_*, STATEMENT */
            struct digest target;  /* the event it is about */
            struct digest dispute; /* the DISPUTE_OPEN */
            uint32_t category;     /* DISPUTE_OPEN: enum dispute_category */
            uint32_t outcome;      /* DISPUTE_CLOSE: enum dispute_outcome */
        };
    };
};

/* Decodes a canonical header of any type whose fields are those its type needs, no more and no fewer, each
 * within its form (sizes, enums, dates, periods, a known currency, and what the fields above say of their
 * values). Errors: TALLY_EFORM, and TALLY_EVERSION (another header version), TALLY_ENOMEM (the machine's
 * memory). Never depends on state. */
int event_header_decode(struct span bytes, struct event_header *header) TALLY_MUST_CHECK;
/* Appends the canonical encoding. */
void event_header_encode(const struct event_header *header, struct buffer *out);

struct digest event_id(const struct digest *chain_id, struct span header_bytes);
struct digest event_body_commitment(const uint8_t salt[SALT_SIZE], struct span body);

/* A body, by type; only the fields of that type are meaningful, and those that are absent are 0 or false.
 * Types that are named nowhere below have an empty body. */
struct optional_amount {
    bool present;
    int64_t minor;
};

struct event_body {
    enum event_type type;
    /* CORRECT: the type whose body this is, one that event_type_has_amounts; that type's fields follow. */
    enum event_type corrected;
    struct optional_amount limit, principal, scheduled, past_due, interest, fee, recovery, balance,
        fees_deducted;
    int64_t amount_minor;    /* DISBURSE, PAYMENT, CHARGE_OFF, RECOVERY */
    int64_t balance_minor;   /* PERIOD_REPORT, TRANSFER */
    int64_t paid_minor;      /* PERIOD_REPORT */
    int64_t old_limit_minor; /* LIMIT_CHANGE */
    int64_t new_limit_minor; /* LIMIT_CHANGE */
    uint32_t days_past_due;  /* PERIOD_REPORT: 0 to 65535 */
    bool code_only; /* PERIOD_REPORT: its reported_code is all there is; the zeros of the rest say nothing */
    bool has_rate, has_apr, has_terms, has_first_delinquency;
    int32_t rate_ppm, apr_ppm;
    uint32_t term_count;
    int32_t first_delinquency_date; /* days */
    char term_unit[EVENT_TEXT_SIZE_MAX + 1], security[EVENT_TEXT_SIZE_MAX + 1],
        payer[EVENT_TEXT_SIZE_MAX + 1], reported_code[EVENT_TEXT_SIZE_MAX + 1];
    char channel[EVENT_TEXT_SIZE_MAX + 1], notice_version[EVENT_TEXT_SIZE_MAX + 1]; /* CONSENT_GRANT */
    char reason[EVENT_TEXT_SIZE_MAX + 1];                                           /* CONSENT_REVOKE */
    char text[EVENT_STATEMENT_SIZE_MAX + 1]; /* DISPUTE_OPEN, _ANSWER, _CLOSE, STATEMENT */
};

/* Whether a body of the type holds amounts: then it is one that a CORRECT can replace. */
bool event_type_has_amounts(uint32_t type);

/* Errors: TALLY_EFORM (not canonical, text over its bound, a number out of its range, fields of another
 * type, bytes where the type has none), TALLY_ENOMEM (the machine's memory). */
int event_body_decode(enum event_type type, struct span bytes, struct event_body *body) TALLY_MUST_CHECK;
/* The type is a type; that of a CORRECT's body event_type_has_amounts (CHECKed). */
void event_body_encode(const struct event_body *body, struct buffer *out);

#endif
