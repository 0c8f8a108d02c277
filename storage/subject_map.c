#include "storage/subject_map.h"

#include <stdlib.h>

#include "proto/base/check.h"

/* Nodes come from blocks of these many, and go back to a list of their kind: an update takes and gives many
 * of one size. */
#define BLOCK_NODES 512u

/* What stands at a place of the tree: nothing, a leaf or an inner node, told by the lowest bit; and its hash,
 * kept beside the reference, so that a path is hashed again without a look at what hangs off it. */
typedef uintptr_t subject_ref;
#define REF_EMPTY ((subject_ref)0)
#define REF_LEAF_BIT ((subject_ref)1)

struct place {
    subject_ref ref;
    struct digest hash;
};

struct inner_node {
    subject_ref children[2];
    struct digest hashes[2];
};

struct leaf_node {
    struct digest position;
    struct subject_leaf leaf;
};

struct slab_block {
    struct slab_block *next;
    _Alignas(16) uint8_t memory[];
};

/* A free node is named in a list and not touched. */
struct slab {
    size_t node_size;
    struct slab_block *blocks;
    void **free;
    size_t free_count, node_count; /* the list has room for all nodes there are */
};

struct refs {
    subject_ref *items;
    size_t count, capacity;
};

/* What a version has and the one after it has not. */
struct version {
    struct version *newer;
    struct refs replaced;
};

struct subject_map_pool {
    struct slab inner, leaves;
    size_t alive;
    struct place top; /* of the newest version */
    struct version *oldest, *newest;
    struct refs made; /* by the update under way */
    bool out_of_memory;
};

static const struct digest empty_hash = {{0}};

/* ---- Memory ---- */

static bool refs_add(struct refs *refs, subject_ref ref)
{
    if (refs->count == refs->capacity) {
        size_t capacity = refs->capacity == 0 ? 64 : refs->capacity * 2;
        subject_ref *items = realloc(refs->items, capacity * sizeof *items);
        if (items == NULL) return false;
        refs->items = items;
        refs->capacity = capacity;
    }
    refs->items[refs->count++] = ref;
    return true;
}

static void slab_close(struct slab *slab)
{
    while (slab->blocks != NULL) {
        struct slab_block *next = slab->blocks->next;
        free(slab->blocks);
        slab->blocks = next;
    }
    free(slab->free);
}

static bool slab_grow(struct slab *slab)
{
    void **list = realloc(slab->free, (slab->node_count + BLOCK_NODES) * sizeof *list);
    if (list == NULL) return false;
    slab->free = list;
    struct slab_block *block = malloc(sizeof *block + BLOCK_NODES * slab->node_size);
    if (block == NULL) return false;
    block->next = slab->blocks;
    slab->blocks = block;
    slab->node_count += BLOCK_NODES;
    for (size_t i = BLOCK_NODES; i-- > 0;)
        slab->free[slab->free_count++] = block->memory + i * slab->node_size;
    return true;
}

static bool is_leaf(subject_ref ref)
{
    return (ref & REF_LEAF_BIT) != 0;
}

static struct inner_node *inner_of(subject_ref ref)
{
    CHECK(ref != REF_EMPTY && !is_leaf(ref));
    return (struct inner_node *)ref;
}

static struct leaf_node *leaf_of(subject_ref ref)
{
    CHECK(is_leaf(ref));
    return (struct leaf_node *)(ref - REF_LEAF_BIT);
}

static void *take(struct subject_map_pool *pool, struct slab *slab, subject_ref tag)
{
    if (pool->out_of_memory || (slab->free_count == 0 && !slab_grow(slab))) {
        pool->out_of_memory = true;
        return NULL;
    }
    void *node = slab->free[slab->free_count - 1];
    if (!refs_add(&pool->made, (subject_ref)node | tag)) {
        pool->out_of_memory = true;
        return NULL;
    }
    slab->free_count--;
    pool->alive++;
    return node;
}

static void give_back(struct subject_map_pool *pool, subject_ref ref)
{
    struct slab *slab = is_leaf(ref) ? &pool->leaves : &pool->inner;
    void *node = is_leaf(ref) ? (void *)leaf_of(ref) : (void *)inner_of(ref);
    CHECK(slab->free_count < slab->node_count && pool->alive > 0);
    slab->free[slab->free_count++] = node;
    pool->alive--;
}

/* The newest version no longer has it; those before it do. */
static void replace(struct subject_map_pool *pool, subject_ref ref)
{
    if (!refs_add(&pool->newest->replaced, ref)) pool->out_of_memory = true;
}

static struct place make_leaf(struct subject_map_pool *pool, const struct subject_map_update *update)
{
    struct place place = {.ref = REF_EMPTY};
    struct leaf_node *leaf = take(pool, &pool->leaves, REF_LEAF_BIT);
    if (leaf == NULL) return place;
    leaf->position = update->position;
    leaf->leaf = update->leaf;
    place.ref = (subject_ref)leaf | REF_LEAF_BIT;
    place.hash = subject_leaf_hash(&update->position, &update->leaf);
    return place;
}

static struct place make_inner(
    struct subject_map_pool *pool, const struct place *left, const struct place *right)
{
    struct place place = {.ref = REF_EMPTY};
    struct inner_node *node = take(pool, &pool->inner, 0);
    if (node == NULL) return place;
    *node = (struct inner_node){{left->ref, right->ref}, {left->hash, right->hash}};
    place.ref = (subject_ref)node;
    place.hash = subject_node_hash(&left->hash, &right->hash);
    return place;
}

/* ---- The pool ---- */

struct subject_map_pool *subject_map_pool_make(void)
{
    struct subject_map_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) return NULL;
    pool->inner.node_size = sizeof(struct inner_node);
    pool->leaves.node_size = sizeof(struct leaf_node);
    pool->oldest = pool->newest = calloc(1, sizeof *pool->newest);
    if (pool->newest != NULL) return pool;
    free(pool);
    return NULL;
}

static void version_close(struct version *version)
{
    free(version->replaced.items);
    free(version);
}

void subject_map_pool_close(struct subject_map_pool *pool)
{
    if (pool == NULL) return;
    while (pool->oldest != NULL) {
        struct version *newer = pool->oldest->newer;
        version_close(pool->oldest);
        pool->oldest = newer;
    }
    free(pool->made.items);
    slab_close(&pool->inner);
    slab_close(&pool->leaves);
    free(pool);
}

size_t subject_map_pool_nodes(const struct subject_map_pool *pool)
{
    return pool->alive;
}

void subject_map_release_oldest(struct subject_map_pool *pool)
{
    struct version *oldest = pool->oldest;
    CHECK(oldest != pool->newest);
    for (size_t i = 0; i < oldest->replaced.count; i++)
        give_back(pool, oldest->replaced.items[i]);
    pool->oldest = oldest->newer;
    version_close(oldest);
}

/* ---- Updating ---- */

static int by_position(const void *a, const void *b)
{
    const struct subject_map_update *x = a, *y = b;
    return memcmp(x->position.bytes, y->position.bytes, DIGEST_SIZE);
}

/* How many of the sorted updates have a 0 at `depth`; all share the bits before it. */
static size_t split_at(const struct subject_map_update *updates, size_t count, size_t depth)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (position_bit(&updates[middle].position, depth) == 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_updated(const struct subject_map_update *updates, size_t count, const struct digest *position)
{
    for (size_t low = 0, high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(updates[middle].position.bytes, position->bytes, DIGEST_SIZE);
        if (order == 0) return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* What the updates turn a subtree into. A leaf that stood here moves down beside the new ones, unless one of
 * them replaces it. After out_of_memory what comes back is not to be used. */
static struct place updated(struct subject_map_pool *pool, struct place base,
    const struct subject_map_update *updates, size_t count, size_t depth)
{
    if (count == 0) return base;
    bool leaf = is_leaf(base.ref);
    if (leaf && is_updated(updates, count, &leaf_of(base.ref)->position)) {
        replace(pool, base.ref);
        base = (struct place){.ref = REF_EMPTY};
        leaf = false;
    }
    if (base.ref == REF_EMPTY && count == 1) return make_leaf(pool, &updates[0]);
    CHECK(depth < SUBJECT_PATH_LENGTH_MAX);
    struct place sides[2] = {{.ref = REF_EMPTY}, {.ref = REF_EMPTY}};
    if (leaf) {
        sides[position_bit(&leaf_of(base.ref)->position, depth)] = base;
    } else if (base.ref != REF_EMPTY) {
        const struct inner_node *node = inner_of(base.ref);
        for (unsigned side = 0; side < 2; side++) {
            sides[side] = (struct place){node->children[side], node->hashes[side]};
            __builtin_prefetch((const void *)(node->children[side] & ~REF_LEAF_BIT));
        }
        replace(pool, base.ref);
    }
    size_t zeros = split_at(updates, count, depth);
    sides[0] = updated(pool, sides[0], updates, zeros, depth + 1);
    sides[1] = updated(pool, sides[1], updates + zeros, count - zeros, depth + 1);
    return make_inner(pool, &sides[0], &sides[1]);
}

/* As if the update under way had never begun. */
static int take_back(struct subject_map_pool *pool, struct version *version)
{
    for (size_t i = 0; i < pool->made.count; i++)
        give_back(pool, pool->made.items[i]);
    pool->newest->replaced.count = 0;
    pool->out_of_memory = false;
    free(version);
    return TALLY_ENOMEM;
}

int subject_map_update(
    struct subject_map_pool *pool, struct subject_map_update *updates, size_t count, struct subject_map *next)
{
    if (count > 1) qsort(updates, count, sizeof *updates, by_position);
    for (size_t i = 1; i < count; i++)
        CHECK(by_position(&updates[i - 1], &updates[i]) < 0);
    struct version *version = calloc(1, sizeof *version);
    if (version == NULL) return TALLY_ENOMEM;
    pool->made.count = 0;
    struct place top = updated(pool, pool->top, updates, count, 0);
    if (pool->out_of_memory) return take_back(pool, version);
    pool->top = top;
    pool->newest->newer = version;
    pool->newest = version;
    *next = (struct subject_map){top.ref, top.ref == REF_EMPTY ? empty_hash : top.hash};
    return TALLY_OK;
}

/* ---- Reading ---- */

const struct subject_leaf *subject_map_find(const struct subject_map *map, const struct digest *position)
{
    subject_ref ref = map->top;
    for (size_t depth = 0; ref != REF_EMPTY && !is_leaf(ref); depth++) {
        CHECK(depth < SUBJECT_PATH_LENGTH_MAX);
        ref = inner_of(ref)->children[position_bit(position, depth)];
    }
    if (ref == REF_EMPTY) return NULL;
    const struct leaf_node *leaf = leaf_of(ref);
    return digest_equal(&leaf->position, position) ? &leaf->leaf : NULL;
}

void subject_map_prove(
    const struct subject_map *map, const struct digest *position, struct subject_map_proof *proof)
{
    size_t depth = 0;
    subject_ref ref = map->top;
    for (; ref != REF_EMPTY && !is_leaf(ref); depth++) {
        CHECK(depth < SUBJECT_PATH_LENGTH_MAX);
        const struct inner_node *node = inner_of(ref);
        unsigned side = position_bit(position, depth);
        proof->siblings[depth] = node->hashes[1 - side];
        ref = node->children[side];
    }
    proof->sibling_count = (uint32_t)depth;
    proof->place = PLACE_EMPTY;
    proof->leaf = (struct subject_leaf){0};
    proof->other_position = (struct digest){{0}};
    if (ref == REF_EMPTY) return;
    const struct leaf_node *leaf = leaf_of(ref);
    proof->leaf = leaf->leaf;
    proof->place = digest_equal(&leaf->position, position) ? PLACE_PRESENT : PLACE_OTHER;
    if (proof->place == PLACE_OTHER) proof->other_position = leaf->position;
}
