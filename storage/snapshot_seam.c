#include "storage/snapshot_seam.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"

struct snapshot_seam *snapshot_seam_make(uint32_t account_count)
{
    CHECK(account_count <= ACCOUNTS_PER_SUBJECT_MAX);
    return calloc(1, sizeof(struct snapshot_seam) + account_count * sizeof(struct account_chain));
}

void snapshot_seam_start(struct snapshot_seam *seam, const struct digest *chain_id,
    const struct digest *subject_id, const struct account_chain *chains, uint32_t chain_count)
{
    CHECK(chain_count <= ACCOUNTS_PER_SUBJECT_MAX);
    seam->count = seam->last_height = 0;
    seam->acc = subject_fold_start(chain_id, subject_id);
    seam->items = (struct item_chain){.count = 0};
    seam->account_count = chain_count;
    for (uint32_t i = 0; i < chain_count; i++) {
        seam->accounts[i] = (struct account_chain){.member_id = chains[i].member_id};
        memcpy(seam->accounts[i].ref, chains[i].ref, ACCOUNT_REF_SIZE);
    }
}

void snapshot_seam_copy(struct snapshot_seam *to, const struct snapshot_seam *from)
{
    memcpy(to, from, sizeof *from + from->account_count * sizeof from->accounts[0]);
}

static bool account_step(struct account_chain *account, const struct snapshot_event *event)
{
    if (account->next_seq == UINT32_MAX) return false;
    account->ids = event_facts_account_step(&account->ids, &event->id, &event->facts);
    account->head = event->id;
    account->next_seq++;
    return true;
}

static bool item_step(struct item_chain *items, const struct snapshot_event *event)
{
    if (items->count == UINT32_MAX) return false;
    items->ids = event_facts_item_step(&items->ids, &event->id, &event->facts, event->result);
    items->count++;
    return true;
}

bool snapshot_seam_step(struct snapshot_seam *seam, const struct snapshot_event *event)
{
    bool known = snapshot_event_has_item(event) ? item_step(&seam->items, event)
                                                : event->account < seam->account_count &&
                                                      account_step(&seam->accounts[event->account], event);
    if (!known) return false;
    seam->acc =
        subject_fold_step(&seam->acc, seam->count, event->height, event->time_ms, event->result, &event->id);
    seam->count++;
    seam->last_height = event->height;
    return true;
}

uint32_t account_chain_find(const struct account_chain *chains, uint32_t count, uint32_t member_id,
    const uint8_t ref[ACCOUNT_REF_SIZE])
{
    uint32_t at = 0;
    while (at < count &&
           (chains[at].member_id != member_id || memcmp(chains[at].ref, ref, ACCOUNT_REF_SIZE) != 0))
        at++;
    return at;
}

bool item_chains_equal(const struct item_chain *a, const struct item_chain *b)
{
    return a->count == b->count && digest_equal(&a->ids, &b->ids);
}

static bool accounts_meet(const struct account_chain *made, const struct account_chain *expected)
{
    bool heads_known = !digest_is_zero(&made->head) && !digest_is_zero(&expected->head);
    return made->next_seq == expected->next_seq && digest_equal(&made->ids, &expected->ids) &&
           (!heads_known || digest_equal(&made->head, &expected->head));
}

bool snapshot_seam_meets(const struct snapshot_seam *made, const struct snapshot_seam *expected)
{
    bool heights_known = made->last_height != 0 && expected->last_height != 0;
    CHECK(made->account_count == expected->account_count);
    if (made->count != expected->count || !digest_equal(&made->acc, &expected->acc)) return false;
    if (!item_chains_equal(&made->items, &expected->items)) return false;
    if (heights_known && made->last_height != expected->last_height) return false;
    for (uint32_t i = 0; i < made->account_count; i++)
        if (!accounts_meet(&made->accounts[i], &expected->accounts[i])) return false;
    return true;
}

void snapshot_seam_encode(const struct snapshot_seam *seam, struct buffer *out)
{
    buffer_append(out, seam->acc.bytes, DIGEST_SIZE);
    for (uint32_t i = 0; i < seam->account_count; i++) {
        buffer_u32(out, seam->accounts[i].next_seq);
        buffer_append(out, seam->accounts[i].ids.bytes, DIGEST_SIZE);
    }
    buffer_u32(out, seam->items.count);
    buffer_append(out, seam->items.ids.bytes, DIGEST_SIZE);
}

void snapshot_seam_read(struct reader *reader, uint64_t count, struct snapshot_seam *seam)
{
    seam->count = count;
    seam->last_height = 0;
    reader_copy(reader, seam->acc.bytes, DIGEST_SIZE);
    for (uint32_t i = 0; i < seam->account_count; i++) {
        seam->accounts[i].next_seq = reader_u32(reader);
        reader_copy(reader, seam->accounts[i].ids.bytes, DIGEST_SIZE);
        seam->accounts[i].head = (struct digest){{0}};
    }
    seam->items.count = reader_u32(reader);
    reader_copy(reader, seam->items.ids.bytes, DIGEST_SIZE);
}
