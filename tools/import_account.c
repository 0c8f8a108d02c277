#include "tools/import_account.h"

#include <stdlib.h>

#include "proto/base/check.h"

#define CAPACITY_START 1024

static int table_grow(struct import_accounts *accounts);

void import_accounts_init(struct import_accounts *accounts)
{
    *accounts = (struct import_accounts){.slots = NULL};
}

void import_accounts_close(struct import_accounts *accounts)
{
    for (size_t i = 0; i < accounts->capacity; i++) {
        if (accounts->slots[i] != NULL) free(accounts->slots[i]->applied);
        free(accounts->slots[i]);
    }
    free(accounts->slots);
    import_accounts_init(accounts);
}

uint64_t import_account_hash(const uint8_t ref[ACCOUNT_REF_SIZE])
{
    /* References may be plain counters: every bit of them must reach every bit of the hash. */
    uint64_t hash = get_u64(ref) * 0x9E3779B97F4A7C15u ^ get_u64(ref + 8);
    hash = (hash ^ hash >> 30) * 0xBF58476D1CE4E5B9u;
    hash = (hash ^ hash >> 27) * 0x94D049BB133111EBu;
    return hash ^ hash >> 31;
}

static struct import_account **slot_of(
    struct import_account **slots, size_t capacity, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    size_t at = (size_t)import_account_hash(ref) & (capacity - 1);
    while (slots[at] != NULL && memcmp(slots[at]->ref, ref, ACCOUNT_REF_SIZE) != 0)
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

struct import_account *import_account_find(
    const struct import_accounts *accounts, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    return accounts->capacity == 0 ? NULL : *slot_of(accounts->slots, accounts->capacity, ref);
}

struct import_account *import_account_get(
    struct import_accounts *accounts, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    if (2 * (accounts->count + 1) > accounts->capacity && table_grow(accounts) != TALLY_OK) return NULL;
    struct import_account **slot = slot_of(accounts->slots, accounts->capacity, ref);
    if (*slot != NULL) return *slot;
    if (accounts->count >= IMPORT_ACCOUNTS_MAX) return NULL;
    struct import_account *account = calloc(1, sizeof *account);
    if (account == NULL) return NULL;
    memcpy(account->ref, ref, ACCOUNT_REF_SIZE);
    accounts->count++;
    *slot = account;
    return account;
}

void import_account_reset(struct import_account *account)
{
    free(account->applied);
    account->applied = NULL;
    account->applied_count = account->applied_next = 0;
    account->next_seq = 0;
    account->head = (struct digest){{0}};
}

void import_account_applied_take(struct import_account *account, struct digest *applied, uint32_t count)
{
    free(account->applied);
    account->applied = applied;
    account->applied_count = count;
    account->applied_next = 0;
}

bool import_account_is_applied(struct import_account *account, const struct digest *commitment)
{
    CHECK(account->applied_next <= account->applied_count);
    for (uint32_t step = 0; step < account->applied_count; step++) {
        uint32_t at = (account->applied_next + step) % account->applied_count;
        if (!digest_equal(&account->applied[at], commitment)) continue;
        account->applied_next = (at + 1) % account->applied_count;
        return true;
    }
    return false;
}

static int table_grow(struct import_accounts *accounts)
{
    size_t capacity = accounts->capacity == 0 ? CAPACITY_START : 2 * accounts->capacity;
    struct import_account **slots = calloc(capacity, sizeof(struct import_account *));
    if (slots == NULL) return TALLY_ENOMEM;
    for (size_t i = 0; i < accounts->capacity; i++) {
        if (accounts->slots[i] != NULL)
            *slot_of(slots, capacity, accounts->slots[i]->ref) = accounts->slots[i];
    }
    free(accounts->slots);
    accounts->slots = slots;
    accounts->capacity = capacity;
    return TALLY_OK;
}
