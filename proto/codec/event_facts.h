/* What of an event's header the rules may ask for once it is folded, beside its id, its account and its
 * result. The running digests of its subject's file cover it, and through them the state root, so that it can
 * come without the header, from anybody. */
#ifndef TALLY_CODEC_EVENT_FACTS_H
#define TALLY_CODEC_EVENT_FACTS_H

#include "proto/codec/event.h"

struct event_facts {
    enum event_type type;
    uint32_t period; /* PERIOD_REPORT, else 0 */
    /* CORRECT and RETRACT: the target; ACCOUNT_OPEN: the TRANSFER it takes over, if any; else zeros. */
    struct digest link;
    uint32_t member_id; /* who wrote it, of an event with an item id; else 0: the account says it */
    uint8_t item_id[ITEM_ID_SIZE];
};

#define EVENT_FACTS_SIZE_MAX (1u + 1u + DIGEST_SIZE)

struct event_facts event_facts_of(const struct event_header *header);
/* Whether the event has an item id, and not an account. */
bool event_facts_has_item(const struct event_facts *facts);

/* type u8, and then of
 *   PERIOD_REPORT            period u32
 *   CORRECT, RETRACT         target 32
 *   ACCOUNT_OPEN             0 u8; or 1 u8 | transfer 32, which is not zeros
 *   a type with an item id   member u32 | item id 16
 *   any other                nothing. */
void event_facts_encode(const struct event_facts *facts, struct buffer *out);
/* False for what is none of these; *facts is then unspecified. */
bool event_facts_read(struct reader *reader, struct event_facts *facts) TALLY_MUST_CHECK;

/* account_ids_step of an event of an account, item_ids_step of one with an item id (CHECKed). */
struct digest event_facts_account_step(
    const struct digest *before, const struct digest *event_id, const struct event_facts *facts);
struct digest event_facts_item_step(const struct digest *before, const struct digest *event_id,
    const struct event_facts *facts, uint32_t result);

#endif
