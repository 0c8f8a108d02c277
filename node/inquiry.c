#include "node/inquiry.h"

#include <stdlib.h>

#include "node/credit/rules.h"
#include "proto/base/check.h"
#include "proto/codec/subject_scheme.h"

#define FILE_ARENA_BUDGET (4u * STATE_SUBJECT_SIZE_MAX)
/* The register's bytes. */
#define REGISTER_ARENA_BUDGET (2u * REGISTER_SIZE_MAX)
/* What reading one event of the ledger takes. */
#define EVENT_ARENA_BUDGET (1u * MIB)

/* ---- Under an inquiry ---- */

int asker_header(const struct asker *asker, const struct digest *event_id, struct state_event *place,
    struct event_header *header)
{
    struct arena arena;
    struct ledger_event stored;
    int error = state_event_get(asker->state, event_id, place);
    if (error != TALLY_OK) return error;
    arena_init(&arena, EVENT_ARENA_BUDGET);
    error = ledger_event_read(asker->ledger, place->height, place->index, &arena, &stored);
    if (error == TALLY_ENOTFOUND) error = TALLY_EDAMAGED;
    if (error == TALLY_OK) error = event_header_decode(stored.header, header);
    arena_close(&arena);
    return error == TALLY_EFORM || error == TALLY_EVERSION ? TALLY_EDAMAGED : error;
}

/* The subject's file as it is now; one of whom nothing is known is empty. The caller closes it. */
static int file_read(const struct asker *asker, const struct digest *subject_id, struct subject_state *file)
{
    struct arena arena;
    struct state_subject stored;
    subject_state_init(file);
    arena_init(&arena, FILE_ARENA_BUDGET);
    int error = state_subject_get(asker->state, subject_id, &arena, &stored);
    if (error == TALLY_OK) error = subject_state_decode(stored.bytes, file);
    arena_close(&arena);
    if (error == TALLY_ENOTFOUND) return TALLY_OK;
    return error == TALLY_EFORM ? TALLY_EDAMAGED : error;
}

int asker_time(const struct asker *asker, uint64_t *now_ms)
{
    struct state_roots roots;
    int error = state_roots_get(asker->state, state_applied_height(asker->state), &roots);
    if (error == TALLY_OK && roots.time_ms > *now_ms) *now_ms = roots.time_ms;
    return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
}

int asker_members(const struct asker *asker, struct member_register *members)
{
    struct state_register stored;
    struct arena arena;
    arena_init(&arena, REGISTER_ARENA_BUDGET);
    int error = state_register_get(asker->state, &arena, &stored);
    if (error == TALLY_OK) error = register_decode(stored.bytes, members);
    arena_close(&arena);
    return error == TALLY_ENOTFOUND || error == TALLY_EFORM ? TALLY_EDAMAGED : error;
}

int members_policy(const struct member_register *members, struct credit_policy *policy)
{
    char why[POLICY_NAME_SIZE_MAX];
    int error = credit_policy_parse(span_of(members->policy, members->policy_size), policy, why, sizeof why);
    return error == TALLY_OK || error == TALLY_ENOMEM ? error : TALLY_EDAMAGED;
}

/* The policy in force, which is not always the genesis's. */
static int policy_read(const struct asker *asker, struct credit_policy *policy)
{
    struct member_register *members = malloc(sizeof *members);
    if (members == NULL) return TALLY_ENOMEM;
    int error = asker_members(asker, members);
    if (error == TALLY_OK) error = members_policy(members, policy);
    free(members);
    return error;
}

/* Whether an inquiry that was applied at `inquired_ms` is answered now. */
static int answers(const struct asker *asker, const struct event_header *inquiry, uint64_t inquired_ms,
    uint64_t now_ms, bool *yes)
{
    struct subject_state file;
    struct credit_policy policy;
    int error = asker_time(asker, &now_ms);
    if (error == TALLY_OK) error = policy_read(asker, &policy);
    if (error != TALLY_OK) return error;
    error = file_read(asker, &inquiry->subject_id, &file);
    if (error == TALLY_OK) *yes = credit_inquiry_answers(&policy, &file, inquiry, inquired_ms, now_ms);
    subject_state_close(&file);
    return error;
}

int inquiry_answer(const struct asker *asker, const struct digest *inquiry, uint64_t since, uint64_t now_ms,
    struct arena *arena, struct receipt *receipt, struct buffer *proof, bool *more)
{
    struct state_event place;
    struct event_header header;
    uint64_t provable = 0;
    bool yes = false;
    *more = false;
    int error = asker_header(asker, inquiry, &place, &header);
    if (error != TALLY_OK) return error;
    if (header.type != EVENT_INQUIRY || header.member_id != asker->member_id) return TALLY_ENOTFOUND;
    error = query_receipt(asker->state, place.height, place.index, arena, receipt);
    /* From here on the subject is looked at, and a refused asker's never. */
    if (error != TALLY_OK || receipt->result.code != RESULT_OK) return error;
    error = answers(asker, &header, receipt->time_ms, now_ms, &yes);
    if (error == TALLY_OK && !yes) error = TALLY_ETIMEOUT;
    if (error == TALLY_OK) error = state_provable_height(asker->state, &provable);
    if (error == TALLY_OK && provable < place.height) error = TALLY_EBUSY;
    if (error != TALLY_OK) return error;
    return query_history(asker->state, asker->ledger, &header.subject_id, since, true, proof, more);
}

/* ---- Of one's own ---- */

/* The event that this one disputes or takes back, as far as that may make it somebody's; NULL for none. */
static const struct digest *aim_of(const struct event_header *header)
{
    switch (header->type) {
    case EVENT_CONSENT_REVOKE:
        return &header->consent;
    case EVENT_DISPUTE_OPEN:
        return &header->target;
    case EVENT_DISPUTE_ANSWER:
    case EVENT_DISPUTE_CLOSE:
        return &header->dispute;
    case EVENT_STATEMENT:
        return header->has_target ? &header->target : NULL;
    case EVENT_CONSENT_GRANT:
    case EVENT_INQUIRY:
    case EVENT_RESERVE:
    case EVENT_RESERVE_CANCEL:
    case EVENT_ACCOUNT_OPEN:
    case EVENT_DISBURSE:
    case EVENT_PERIOD_REPORT:
    case EVENT_PAYMENT:
    case EVENT_LIMIT_CHANGE:
    case EVENT_STATUS:
    case EVENT_CHARGE_OFF:
    case EVENT_RECOVERY:
    case EVENT_TRANSFER:
    case EVENT_CLOSE:
    case EVENT_CORRECT:
    case EVENT_RETRACT:
        return NULL;
    }
    CHECK_UNREACHABLE();
}

static bool names(const struct event_header *header, uint32_t member_id)
{
    return header->member_id == member_id ||
           (header->type == EVENT_CONSENT_GRANT && header->grantee == member_id) ||
           (header->type == EVENT_TRANSFER && header->transferee == member_id);
}

int asker_owns(const struct asker *asker, const struct event_header *header, bool *owns)
{
    /* A close aims at a dispute, that at an event, and a statement at any of them. */
    enum { AIMS_MAX = 4 };
    struct event_header at = *header;
    struct state_event place;
    *owns = names(&at, asker->member_id) || at.subject_scheme == SUBJECT_SCHEME_BLOCKS;
    for (uint32_t i = 0; i < AIMS_MAX && !*owns; i++) {
        const struct digest *aim = aim_of(&at);
        if (aim == NULL) return TALLY_OK;
        struct digest id = *aim;
        int error = asker_header(asker, &id, &place, &at);
        /* A refused event may aim at what never was. */
        if (error == TALLY_ENOTFOUND) return TALLY_OK;
        if (error != TALLY_OK) return error;
        *owns = names(&at, asker->member_id);
    }
    return TALLY_OK;
}

/* A list of events' places, in the arena, with room for what was counted. */
struct places {
    const struct asker *asker;
    struct state_event *at;
    uint32_t count;
};

static int place_add(struct places *places, const struct digest *event_id)
{
    int error = state_event_get(places->asker->state, event_id, &places->at[places->count]);
    if (error == TALLY_OK) places->count++;
    return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
}

static bool takes_over(const struct account *account, uint32_t member_id)
{
    return account->state == ACCOUNT_STATE_TRANSFERRED && account->transferee == member_id &&
           !account->taken_over;
}

static int account_places(struct places *places, const struct account *account, struct arena *arena)
{
    const struct asker *asker = places->asker;
    if (account->member_id != asker->member_id) {
        const struct account_turn *turn = account_turn_newest(account);
        return takes_over(account, asker->member_id) && turn != NULL ? place_add(places, &turn->event_id)
                                                                     : TALLY_OK;
    }
    struct digest *ids = arena_take_zeroed(arena, account->next_seq, sizeof *ids);
    if (ids == NULL) return TALLY_ENOMEM;
    int error = state_account_ids(asker->state, account->member_id, account->ref, 0, account->next_seq, ids);
    if (error == TALLY_ENOTFOUND) return TALLY_EDAMAGED;
    for (uint32_t seq = 0; error == TALLY_OK && seq < account->next_seq; seq++)
        error = place_add(places, &ids[seq]);
    return error;
}

/* What is live beside the accounts. */
static int item_places(struct places *places, const struct subject_state *file)
{
    uint32_t member_id = places->asker->member_id;
    int error = TALLY_OK;
    for (uint32_t i = 0; error == TALLY_OK && i < file->consents.count; i++)
        if (consent_at(file, i)->grantee == member_id) error = place_add(places, &consent_at(file, i)->id);
    for (uint32_t i = 0; error == TALLY_OK && i < file->reservations.count; i++)
        if (reservation_at(file, i)->member_id == member_id)
            error = place_add(places, &reservation_at(file, i)->id);
    for (uint32_t i = 0; error == TALLY_OK && i < file->disputes.count; i++) {
        const struct dispute *dispute = dispute_at(file, i);
        if (dispute->opener == member_id || dispute->author == member_id)
            error = place_add(places, &dispute->id);
    }
    return error;
}

static int place_compare(const void *a, const void *b)
{
    const struct state_event *one = a, *other = b;
    if (one->height != other->height) return one->height < other->height ? -1 : 1;
    return (one->index > other->index) - (one->index < other->index);
}

static size_t places_bound(const struct subject_state *file, uint32_t member_id)
{
    size_t bound =
        file->account_count + file->consents.count + file->reservations.count + file->disputes.count;
    for (uint32_t i = 0; i < file->account_count; i++)
        if (file->accounts[i].member_id == member_id) bound += file->accounts[i].next_seq;
    return bound;
}

int own_events(const struct asker *asker, const struct digest *subject_id, struct arena *arena,
    struct state_event **out, uint32_t *count)
{
    struct subject_state file;
    struct places places = {.asker = asker};
    int error = file_read(asker, subject_id, &file);
    if (error == TALLY_OK) {
        places.at = arena_take_zeroed(arena, places_bound(&file, asker->member_id) + 1, sizeof *places.at);
        if (places.at == NULL) error = TALLY_ENOMEM;
    }
    for (uint32_t i = 0; error == TALLY_OK && i < file.account_count; i++)
        error = account_places(&places, &file.accounts[i], arena);
    if (error == TALLY_OK) error = item_places(&places, &file);
    subject_state_close(&file);
    if (error != TALLY_OK) return error;
    qsort(places.at, places.count, sizeof *places.at, place_compare);
    *out = places.at;
    *count = places.count;
    return TALLY_OK;
}
