#include "storage/account_filter.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/base/pages.h"
#include "proto/crypto/digest_hash.h"

/* Parts grow on their own: none of them holds up its owner for long. */
#define PART_BITS 6u
#define PARTS (1u << PART_BITS)
#define BITS_MIN 4u
#define BITS_MAX (31u - PART_BITS)

/* The hashes of what was added, each in the first free slot from the one its highest bits name, behind those
 * that name its part; 0 = free. So they lie about in their order, and go over to a larger table from front to
 * back. */
struct part {
    uint32_t *slots;
    uint32_t bits; /* 2^bits slots, a quarter of them free */
    uint32_t count;
};

struct account_filter {
    struct digest_hash_key key;
    struct part parts[PARTS];
    bool overfull; /* something was not added */
};

static size_t slot_count(uint32_t bits)
{
    return (size_t)1 << bits;
}

static uint32_t *slots_make(uint32_t bits)
{
    size_t size = slot_count(bits) * sizeof(uint32_t);
    return size < PAGES_SIZE_MIN ? calloc(1, size) : pages_take(size);
}

static void slots_close(uint32_t *slots, uint32_t bits)
{
    size_t size = slot_count(bits) * sizeof(uint32_t);
    if (size < PAGES_SIZE_MIN)
        free(slots);
    else
        pages_give(slots, size);
}

struct account_filter *account_filter_make(void)
{
    struct account_filter *filter = calloc(1, sizeof *filter);
    if (filter == NULL) return NULL;
    digest_hash_key_init(&filter->key);
    bool made = true;
    for (size_t i = 0; made && i < PARTS; i++) {
        filter->parts[i] = (struct part){.slots = slots_make(BITS_MIN), .bits = BITS_MIN};
        made = filter->parts[i].slots != NULL;
    }
    if (made) return filter;
    account_filter_close(filter);
    return NULL;
}

void account_filter_close(struct account_filter *filter)
{
    if (filter == NULL) return;
    for (size_t i = 0; i < PARTS; i++)
        slots_close(filter->parts[i].slots, filter->parts[i].bits);
    free(filter);
}

/* Not 0, which says that a slot is free. */
static uint32_t hash_of(
    const struct account_filter *filter, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    struct digest account = {{0}};
    _Static_assert(4 + ACCOUNT_REF_SIZE <= DIGEST_SIZE, "an account fits what is hashed");
    put_u32(account.bytes, member_id);
    memcpy(account.bytes + 4, ref, ACCOUNT_REF_SIZE);
    uint32_t hash = digest_hash(&filter->key, &account);
    return hash != 0 ? hash : 1;
}

/* Where the hash is, or else where it would be added. */
static size_t place_of(const uint32_t *slots, uint32_t bits, uint32_t hash)
{
    size_t place = (uint32_t)(hash << PART_BITS) >> (32 - bits);
    while (slots[place] != 0 && slots[place] != hash)
        place = (place + 1) & (slot_count(bits) - 1);
    return place;
}

/* False: memory is out, or there may be no more. */
static bool grow(struct part *part)
{
    uint32_t bits = part->bits + 1;
    uint32_t *slots = bits <= BITS_MAX ? slots_make(bits) : NULL;
    if (slots == NULL) return false;
    for (size_t i = 0; i < slot_count(part->bits); i++)
        if (part->slots[i] != 0) slots[place_of(slots, bits, part->slots[i])] = part->slots[i];
    slots_close(part->slots, part->bits);
    part->slots = slots;
    part->bits = bits;
    return true;
}

void account_filter_add(
    struct account_filter *filter, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    uint32_t hash = hash_of(filter, member_id, ref);
    struct part *part = &filter->parts[hash >> (32 - PART_BITS)];
    if (!filter->overfull && part->count >= slot_count(part->bits) / 4 * 3) filter->overfull = !grow(part);
    if (filter->overfull) return;
    size_t place = place_of(part->slots, part->bits, hash);
    if (part->slots[place] == 0) part->count++;
    part->slots[place] = hash;
    CHECK(part->count < slot_count(part->bits));
}

bool account_filter_may_have(
    const struct account_filter *filter, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    if (filter->overfull) return true;
    uint32_t hash = hash_of(filter, member_id, ref);
    const struct part *part = &filter->parts[hash >> (32 - PART_BITS)];
    return part->slots[place_of(part->slots, part->bits, hash)] != 0;
}

size_t account_filter_size(const struct account_filter *filter)
{
    size_t slots = 0;
    for (size_t i = 0; i < PARTS; i++)
        slots += slot_count(filter->parts[i].bits);
    return slots * sizeof(uint32_t);
}
