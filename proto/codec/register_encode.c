/* The register's bytes: every field at its fixed width, big-endian, texts after their size in one byte; the
 * layout is in node/governance/README.md. */
#include <string.h>

#include "proto/base/check.h"
#include "proto/codec/register.h"
#include "proto/crypto/digest.h"

/* The largest of everything, so that a register always has an encoding. */
#define MEMBER_SIZE_MAX (4u + 3u + NAME_SIZE_MAX + REGISTER_KIND_SIZE_MAX + NAME_SIZE_MAX + 2u + 24u)
#define KEY_SIZE (4u + 1u + 4u + PUBLIC_KEY_SIZE + 16u)
#define NODE_SIZE_MAX (8u + 2u + NAME_SIZE_MAX + REGISTER_ADDRESS_SIZE_MAX + PUBLIC_KEY_SIZE + 1u + 24u)
#define SET_SIZE_MAX (2u + 8u + VALIDATORS_MAX * PUBLIC_KEY_SIZE)
#define OPEN_SIZE_MAX (8u + DIGEST_SIZE + 5u + 16u + 2u + 5u * MEMBERS_MAX + 2u + ACTION_SIZE_MAX)
#define CLOSED_SIZE (8u + DIGEST_SIZE + 4u + 2u + 2u + 8u)
#define REST_SIZE                                                                                            \
    (1u + 1u + NAME_SIZE_MAX + 6u * 2u + 4u + 24u + 8u + 4u + 8u + 2u + REGISTER_POLICY_SIZE_MAX + 8u)
_Static_assert(MEMBERS_MAX *MEMBER_SIZE_MAX + REGISTER_KEYS_MAX * KEY_SIZE +
                       REGISTER_NODES_MAX * NODE_SIZE_MAX + 2 * SET_SIZE_MAX + REGISTER_FLAGS_MAX * 12 +
                       PROPOSALS_OPEN_MAX * OPEN_SIZE_MAX + PROPOSALS_CLOSED_MAX * CLOSED_SIZE + REST_SIZE <=
                   REGISTER_SIZE_MAX,
    "the largest register fits");

static void put_text(struct buffer *out, const char *text)
{
    size_t size = strlen(text);
    CHECK(size <= UINT8_MAX);
    buffer_u8(out, (uint8_t)size);
    buffer_append(out, text, size);
}

static void put_key(struct buffer *out, const struct public_key *key)
{
    buffer_append(out, key->bytes, PUBLIC_KEY_SIZE);
}

static void put_member(struct buffer *out, const struct register_member *member)
{
    buffer_u32(out, member->id);
    put_text(out, member->name);
    put_text(out, member->kind);
    put_text(out, member->licence);
    buffer_u8(out, (uint8_t)member->role);
    buffer_u8(out, (uint8_t)member->status);
    buffer_u64(out, member->from);
    buffer_u64(out, member->status_from);
    buffer_u64(out, member->sequence);
}

static void put_register_key(struct buffer *out, const struct register_key *key)
{
    buffer_u32(out, key->member_id);
    buffer_u8(out, (uint8_t)key->kind);
    buffer_u32(out, key->node_id);
    put_key(out, &key->key);
    buffer_u64(out, key->from);
    buffer_u64(out, key->until);
}

static void put_node(struct buffer *out, const struct register_node *node)
{
    buffer_u32(out, node->id);
    buffer_u32(out, node->member_id);
    put_text(out, node->name);
    put_text(out, node->address);
    put_key(out, &node->key);
    buffer_u8(out, node->validator);
    buffer_u64(out, node->ready);
    buffer_u64(out, node->from);
    buffer_u64(out, node->until);
}

static void put_set(struct buffer *out, const struct register_set *set)
{
    buffer_u16(out, (uint16_t)set->count);
    for (uint32_t i = 0; i < set->count; i++)
        put_key(out, &set->keys[i]);
    buffer_u32(out, set->base_timeout_ms);
    buffer_u32(out, set->heartbeat_ms);
}

static void put_open(struct buffer *out, const struct register_proposal *proposal)
{
    buffer_u64(out, proposal->number);
    buffer_append(out, proposal->id.bytes, DIGEST_SIZE);
    buffer_u32(out, proposal->member_id);
    buffer_u8(out, (uint8_t)proposal->kind);
    buffer_u64(out, proposal->height);
    buffer_u64(out, proposal->closes_ms);
    buffer_u16(out, (uint16_t)proposal->ballot_count);
    for (uint32_t i = 0; i < proposal->ballot_count; i++) {
        buffer_u32(out, proposal->ballots[i].member_id);
        buffer_u8(out, proposal->ballots[i].yes);
    }
    buffer_u16(out, (uint16_t)proposal->action_size);
    buffer_append(out, proposal->action, proposal->action_size);
}

static void put_closed(struct buffer *out, const struct closed_proposal *closed)
{
    buffer_u64(out, closed->number);
    buffer_append(out, closed->id.bytes, DIGEST_SIZE);
    buffer_u32(out, closed->member_id);
    buffer_u8(out, (uint8_t)closed->kind);
    buffer_u8(out, (uint8_t)closed->outcome);
    buffer_u16(out, closed->why);
    buffer_u64(out, closed->height);
}

static void put_terms(struct buffer *out, const struct member_register *from)
{
    buffer_u64(out, from->epoch);
    buffer_u64(out, from->epoch_from);
    put_set(out, &from->set);
    buffer_u64(out, from->next_from);
    put_set(out, &from->next);
    buffer_u32(out, from->base_timeout_ms);
    buffer_u32(out, from->heartbeat_ms);
    buffer_u32(out, from->policy_version);
    buffer_u64(out, from->policy_from);
    buffer_u16(out, (uint16_t)from->policy_size);
    buffer_append(out, from->policy, from->policy_size);
    buffer_u16(out, (uint16_t)from->flag_count);
    for (uint32_t i = 0; i < from->flag_count; i++) {
        buffer_u32(out, from->flags[i].flag);
        buffer_u64(out, from->flags[i].from);
    }
}

void register_encode(const struct member_register *from, struct buffer *out)
{
    buffer_u8(out, REGISTER_VERSION);
    put_text(out, from->network);
    buffer_u16(out, (uint16_t)from->member_count);
    for (uint32_t i = 0; i < from->member_count; i++)
        put_member(out, &from->members[i]);
    buffer_u16(out, (uint16_t)from->key_count);
    for (uint32_t i = 0; i < from->key_count; i++)
        put_register_key(out, &from->keys[i]);
    buffer_u32(out, from->last_node_id);
    buffer_u16(out, (uint16_t)from->node_count);
    for (uint32_t i = 0; i < from->node_count; i++)
        put_node(out, &from->nodes[i]);
    put_terms(out, from);
    buffer_u64(out, from->last_proposal);
    buffer_u16(out, (uint16_t)from->open_count);
    for (uint32_t i = 0; i < from->open_count; i++)
        put_open(out, &from->open[i]);
    buffer_u16(out, (uint16_t)from->closed_count);
    for (uint32_t i = 0; i < from->closed_count; i++)
        put_closed(out, &from->closed[i]);
}

int register_root(const struct member_register *from, struct digest *root)
{
    struct buffer bytes;
    buffer_init(&bytes, REGISTER_SIZE_MAX);
    register_encode(from, &bytes);
    bool failed = bytes.failed;
    if (!failed) *root = digest_tagged(TAG_REGISTER, buffer_span(&bytes));
    buffer_close(&bytes);
    return failed ? TALLY_ENOMEM : TALLY_OK;
}
