#include "storage/account_filter.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/base/pages.h"
#include "proto/crypto/digest_hash.h"

#define BITS_MIN 10u
#define BITS_MAX 31u

/* The hashes of what was added, each in the first free slot from the one its highest bits name; 0 = free. So
 * they lie about in their order, and go over to a larger table from front to back. */
struct account_filter {
    struct digest_hash_key key;
    uint32_t *slots;
    uint32_t bits; /* 2^bits slots, a quarter of them free */
    uint32_t count;
    bool overfull; /* something was not added */
};

static size_t slot_count(uint32_t bits)
{
    return (size_t)1 << bits;
}

static uint32_t *slots_make(uint32_t bits)
{
    size_t size = slot_count(bits) * sizeof(uint32_t);
    if (size < PAGES_SIZE_MIN) return calloc(1, size);
    uint32_t *slots = pages_take(size);
    if (slots != NULL) memset(slots, 0, size);
    return slots;
}

struct account_filter *account_filter_make(void)
{
    struct account_filter *filter = calloc(1, sizeof *filter);
    if (filter == NULL) return NULL;
    digest_hash_key_init(&filter->key);
    filter->bits = BITS_MIN;
    filter->slots = slots_make(filter->bits);
    if (filter->slots != NULL) return filter;
    free(filter);
    return NULL;
}

void account_filter_close(struct account_filter *filter)
{
    if (filter == NULL) return;
    free(filter->slots);
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
    size_t place = hash >> (32 - bits);
    while (slots[place] != 0 && slots[place] != hash)
        place = (place + 1) & (slot_count(bits) - 1);
    return place;
}

static void grow(struct account_filter *filter)
{
    uint32_t bits = filter->bits + 1;
    uint32_t *slots = bits <= BITS_MAX ? slots_make(bits) : NULL;
    filter->overfull = slots == NULL;
    if (slots == NULL) return;
    for (size_t i = 0; i < slot_count(filter->bits); i++)
        if (filter->slots[i] != 0) slots[place_of(slots, bits, filter->slots[i])] = filter->slots[i];
    free(filter->slots);
    filter->slots = slots;
    filter->bits = bits;
}

void account_filter_add(
    struct account_filter *filter, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    if (!filter->overfull && filter->count >= slot_count(filter->bits) / 4 * 3) grow(filter);
    if (filter->overfull) return;
    uint32_t hash = hash_of(filter, member_id, ref);
    size_t place = place_of(filter->slots, filter->bits, hash);
    if (filter->slots[place] == 0) filter->count++;
    filter->slots[place] = hash;
    CHECK(filter->count < slot_count(filter->bits));
}

bool account_filter_may_have(
    const struct account_filter *filter, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    if (filter->overfull) return true;
    return filter->slots[place_of(filter->slots, filter->bits, hash_of(filter, member_id, ref))] != 0;
}

size_t account_filter_size(const struct account_filter *filter)
{
    return slot_count(filter->bits) * sizeof *filter->slots;
}
