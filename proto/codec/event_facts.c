#include "proto/codec/event_facts.h"

#include "proto/base/check.h"
#include "proto/crypto/subject_path.h"

/* What stands behind the type. */
enum form {
    FORM_NONE, /* no type */
    FORM_ALONE,
    FORM_PERIOD,
    FORM_TARGET,
    FORM_OPENING,
    FORM_ITEM,
};

static enum form form_of(enum event_type type)
{
    switch (type) {
    case EVENT_PERIOD_REPORT:
        return FORM_PERIOD;
    case EVENT_CORRECT:
    case EVENT_RETRACT:
        return FORM_TARGET;
    case EVENT_ACCOUNT_OPEN:
        return FORM_OPENING;
    case EVENT_DISBURSE:
    case EVENT_PAYMENT:
    case EVENT_LIMIT_CHANGE:
    case EVENT_STATUS:
    case EVENT_CHARGE_OFF:
    case EVENT_RECOVERY:
    case EVENT_TRANSFER:
    case EVENT_CLOSE:
        return FORM_ALONE;
    case EVENT_CONSENT_GRANT:
    case EVENT_CONSENT_REVOKE:
    case EVENT_INQUIRY:
    case EVENT_RESERVE:
    case EVENT_RESERVE_CANCEL:
    case EVENT_DISPUTE_OPEN:
    case EVENT_DISPUTE_ANSWER:
    case EVENT_DISPUTE_CLOSE:
    case EVENT_STATEMENT:
        return FORM_ITEM;
    }
    return FORM_NONE;
}

struct event_facts event_facts_of(const struct event_header *header)
{
    struct event_facts facts = {.type = header->type};
    switch (form_of(header->type)) {
    case FORM_NONE:
    case FORM_ALONE:
        break;
    case FORM_PERIOD:
        facts.period = header->period;
        break;
    case FORM_TARGET:
        facts.link = header->target;
        break;
    case FORM_OPENING:
        if (header->has_transfer_of) facts.link = header->transfer_of;
        break;
    case FORM_ITEM:
        facts.member_id = header->member_id;
        memcpy(facts.item_id, header->item_id, ITEM_ID_SIZE);
        break;
    }
    return facts;
}

bool event_facts_has_item(const struct event_facts *facts)
{
    return form_of(facts->type) == FORM_ITEM;
}

void event_facts_encode(const struct event_facts *facts, struct buffer *out)
{
    bool linked = !digest_is_zero(&facts->link);
    buffer_u8(out, (uint8_t)facts->type);
    switch (form_of(facts->type)) {
    case FORM_NONE:
        CHECK_UNREACHABLE();
    case FORM_ALONE:
        break;
    case FORM_PERIOD:
        buffer_u32(out, facts->period);
        break;
    case FORM_OPENING:
        buffer_u8(out, linked ? 1 : 0);
        if (linked) buffer_append(out, facts->link.bytes, DIGEST_SIZE);
        break;
    case FORM_TARGET:
        buffer_append(out, facts->link.bytes, DIGEST_SIZE);
        break;
    case FORM_ITEM:
        buffer_u32(out, facts->member_id);
        buffer_append(out, facts->item_id, ITEM_ID_SIZE);
        break;
    }
}

/* 0 for none, or 1 and one that is not zeros. */
static bool read_transfer(struct reader *reader, struct digest *transfer)
{
    uint8_t linked = reader_u8(reader);
    if (linked == 0) return true;
    reader_copy(reader, transfer->bytes, DIGEST_SIZE);
    return linked == 1 && !digest_is_zero(transfer);
}

bool event_facts_read(struct reader *reader, struct event_facts *facts)
{
    *facts = (struct event_facts){.type = (enum event_type)reader_u8(reader)};
    switch (form_of(facts->type)) {
    case FORM_NONE:
        return false;
    case FORM_ALONE:
        break;
    case FORM_PERIOD:
        facts->period = reader_u32(reader);
        break;
    case FORM_OPENING:
        if (!read_transfer(reader, &facts->link)) return false;
        break;
    case FORM_TARGET:
        reader_copy(reader, facts->link.bytes, DIGEST_SIZE);
        break;
    case FORM_ITEM:
        facts->member_id = reader_u32(reader);
        reader_copy(reader, facts->item_id, ITEM_ID_SIZE);
        break;
    }
    return !reader->failed;
}

struct digest event_facts_account_step(
    const struct digest *before, const struct digest *event_id, const struct event_facts *facts)
{
    CHECK(!event_facts_has_item(facts));
    return account_ids_step(before, event_id, (uint8_t)facts->type, facts->period, &facts->link);
}

struct digest event_facts_item_step(const struct digest *before, const struct digest *event_id,
    const struct event_facts *facts, uint32_t result)
{
    CHECK(event_facts_has_item(facts));
    return item_ids_step(before, facts->member_id, facts->item_id, event_id, (uint32_t)facts->type, result);
}
