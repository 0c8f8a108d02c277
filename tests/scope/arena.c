#include "tests/scope/arena.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "proto/base/check.h"

#define PAGE_SIZE 4096u
#define PAGE_WORDS (PAGE_SIZE / 8u)
#define ARENA_SIZE ((size_t)96 << 20)
#define ARENA_PAGES (ARENA_SIZE / PAGE_SIZE)
#define TOUCHED_MAX 4096u
#define BLOCKS_TAKEN_MAX 32u
/* The store is reserved whole and its pages come as they are written. */
#define STORE_SIZE ((size_t)16 << 30)

struct piece {
    size_t at, size;
    bool scratch;
};

struct arena {
    uint8_t *memory;
    size_t used;
    struct piece pieces[BLOCKS_TAKEN_MAX];
    uint32_t piece_count;
    uint32_t touched[TOUCHED_MAX]; /* page numbers, in the order they were first written to */
    uint32_t touched_count;
    uint64_t (*base)[PAGE_WORDS]; /* beside `touched` */
};

static struct arena arenas[ARENAS];
static struct arena *entered;
static uint64_t *store;
static size_t store_used;

void *__real_calloc(size_t count, size_t size);
void __real_free(void *pointer);
void *__wrap_calloc(size_t count, size_t size);
void __wrap_free(void *pointer);

static struct arena *arena_of(const void *pointer)
{
    for (uint32_t i = 0; i < ARENAS; i++) {
        const uint8_t *at = pointer;
        if (arenas[i].memory && at >= arenas[i].memory && at < arenas[i].memory + ARENA_SIZE)
            return &arenas[i];
    }
    return NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    if (!entered) return __real_calloc(count, size);
    struct arena *arena = entered;
    CHECK(arena->piece_count < BLOCKS_TAKEN_MAX && count < ARENA_SIZE && size < ARENA_SIZE);
    /* Each allocation has its own pages, so that what is scratch shares none with what is not. */
    size_t whole = (count * size + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    CHECK(arena->used + whole <= ARENA_SIZE);
    struct piece *piece = &arena->pieces[arena->piece_count++];
    /* Opened again, a core asks for the same again; what was scratch still is. */
    CHECK(piece->size == 0 || (piece->at == arena->used && piece->size == whole));
    piece->at = arena->used;
    piece->size = whole;
    arena->used += whole;
    return arena->memory + piece->at;
}

void __wrap_free(void *pointer)
{
    if (!arena_of(pointer)) __real_free(pointer);
}

/* The first write to a page makes it one that is saved from then on. */
static void page_touched(int number, siginfo_t *info, void *context)
{
    (void)context;
    struct arena *arena = arena_of(info->si_addr);
    if (!arena || arena->touched_count == TOUCHED_MAX) {
        signal(number, SIG_DFL);
        return;
    }
    size_t page = (size_t)((uint8_t *)info->si_addr - arena->memory) / PAGE_SIZE;
    arena->touched[arena->touched_count++] = (uint32_t)page;
    if (mprotect(arena->memory + page * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE))
        signal(number, SIG_DFL);
}

static void *pages_take(size_t size, int protection)
{
    void *memory = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

void arenas_init(void)
{
    struct sigaction action = {.sa_sigaction = page_touched, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    for (uint32_t i = 0; i < ARENAS; i++) {
        arenas[i].memory = pages_take(ARENA_SIZE, PROT_READ);
        arenas[i].base = pages_take(TOUCHED_MAX * PAGE_SIZE, PROT_READ | PROT_WRITE);
    }
    store = pages_take(STORE_SIZE, PROT_READ | PROT_WRITE);
}

void arenas_forget(void)
{
    store_used = 0;
}

void arena_enter_empty(uint32_t index)
{
    CHECK(index < ARENAS && !entered);
    entered = &arenas[index];
    entered->used = 0;
    entered->piece_count = 0;
    for (uint32_t i = 0; i < entered->touched_count; i++)
        memset(entered->memory + (size_t)entered->touched[i] * PAGE_SIZE, 0, PAGE_SIZE);
}

void arena_leave(void)
{
    entered = NULL;
}

static struct piece *piece_of(struct arena *arena, size_t at)
{
    for (uint32_t i = 0; i < arena->piece_count; i++)
        if (at >= arena->pieces[i].at && at < arena->pieces[i].at + arena->pieces[i].size)
            return &arena->pieces[i];
    return NULL;
}

void arena_scratch(uint32_t index, const void *pointer)
{
    struct arena *arena = &arenas[index];
    if (arena_of(pointer) != arena) return;
    struct piece *piece = piece_of(arena, (size_t)((const uint8_t *)pointer - arena->memory));
    if (piece && piece != &arena->pieces[0]) piece->scratch = true;
}

static bool page_kept(struct arena *arena, uint32_t place)
{
    const struct piece *piece = piece_of(arena, (size_t)arena->touched[place] * PAGE_SIZE);
    return piece && !piece->scratch;
}

static uint64_t *page_at(const struct arena *arena, uint32_t place)
{
    return (uint64_t *)(void *)(arena->memory + (size_t)arena->touched[place] * PAGE_SIZE);
}

void arena_base_set(uint32_t index)
{
    struct arena *arena = &arenas[index];
    for (uint32_t i = 0; i < arena->touched_count; i++)
        memcpy(arena->base[i], page_at(arena, i), PAGE_SIZE);
}

static void word_put(uint64_t word)
{
    CHECK(store_used < STORE_SIZE / 8);
    store[store_used++] = word;
}

/* Runs of words that differ: a word that says the page's place, the first word and how many, then those. */
static void page_save(const struct arena *arena, uint32_t place)
{
    const uint64_t *page = page_at(arena, place), *base = arena->base[place];
    for (uint32_t line = 0; line < PAGE_WORDS; line += 8) {
        if (memcmp(page + line, base + line, 64) == 0) continue;
        uint32_t end = line + 8;
        while (page[line] == base[line])
            line++;
        while (end < PAGE_WORDS && memcmp(page + end, base + end, 64) != 0)
            end += 8;
        uint32_t next = end;
        while (page[end - 1] == base[end - 1])
            end--;
        word_put((uint64_t)place << 32 | (uint64_t)line << 16 | (end - line));
        for (uint32_t i = line; i < end; i++)
            word_put(page[i]);
        line = next - 8;
    }
}

size_t arena_save(uint32_t index)
{
    struct arena *arena = &arenas[index];
    size_t saved = store_used;
    for (uint32_t i = 0; i < arena->touched_count; i++)
        if (page_kept(arena, i)) page_save(arena, i);
    word_put(UINT64_MAX);
    return saved;
}

void arena_load(uint32_t index, size_t saved)
{
    struct arena *arena = &arenas[index];
    for (uint32_t i = 0; i < arena->touched_count; i++)
        if (page_kept(arena, i)) memcpy(page_at(arena, i), arena->base[i], PAGE_SIZE);
    while (store[saved] != UINT64_MAX) {
        uint64_t head = store[saved++];
        uint32_t place = (uint32_t)(head >> 32), first = (uint32_t)(head >> 16 & 0xffff);
        uint32_t count = (uint32_t)(head & 0xffff);
        memcpy(page_at(arena, place) + first, store + saved, count * sizeof *store);
        saved += count;
    }
}
