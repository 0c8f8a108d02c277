#include "storage/subject_map.h"

#include <stdlib.h>

#include "proto/base/check.h"

/* Nodes come from blocks of these many, and go back to a list of their kind: an update takes and gives many
 * of one size. */
#define BLOCK_NODES 512u

/* A leaf is the longer struct; `is_leaf` says which. A NULL child is an empty subtree. */
struct subject_map_node {
    struct digest hash;
    uint32_t holders;
    bool is_leaf;
    union {
        struct subject_map_node *children[2];
        struct subject_map_node *next_free;
    } u;
};

struct leaf_node {
    struct subject_map_node node;
    struct digest position;
    struct subject_leaf leaf;
};

struct slab_block {
    struct slab_block *next;
    uint64_t memory[];
};

struct slab {
    size_t node_size;
    struct subject_map_node *free;
    struct slab_block *blocks;
};

struct subject_map_pool {
    struct slab inner, leaves;
    size_t alive;
};

static const struct digest empty_hash = {{0}};

struct subject_map_pool *subject_map_pool_make(void)
{
    struct subject_map_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) return NULL;
    pool->inner.node_size = sizeof(struct subject_map_node);
    pool->leaves.node_size = sizeof(struct leaf_node);
    return pool;
}

static void slab_close(struct slab *slab)
{
    while (slab->blocks != NULL) {
        struct slab_block *next = slab->blocks->next;
        free(slab->blocks);
        slab->blocks = next;
    }
}

void subject_map_pool_close(struct subject_map_pool *pool)
{
    if (pool == NULL) return;
    slab_close(&pool->inner);
    slab_close(&pool->leaves);
    free(pool);
}

size_t subject_map_pool_nodes(const struct subject_map_pool *pool)
{
    return pool->alive;
}

static struct subject_map_node *slab_take(struct slab *slab)
{
    if (slab->free == NULL) {
        struct slab_block *block = malloc(sizeof *block + BLOCK_NODES * slab->node_size);
        if (block == NULL) return NULL;
        block->next = slab->blocks;
        slab->blocks = block;
        uint8_t *at = (uint8_t *)block->memory;
        for (size_t i = 0; i < BLOCK_NODES; i++, at += slab->node_size) {
            struct subject_map_node *node = (struct subject_map_node *)(void *)at;
            node->u.next_free = slab->free;
            slab->free = node;
        }
    }
    struct subject_map_node *node = slab->free;
    slab->free = node->u.next_free;
    return node;
}

static struct leaf_node *as_leaf(struct subject_map_node *node)
{
    CHECK(node->is_leaf);
    return (struct leaf_node *)(void *)node;
}

static const struct leaf_node *as_const_leaf(const struct subject_map_node *node)
{
    CHECK(node->is_leaf);
    return (const struct leaf_node *)(const void *)node;
}

static struct subject_map_node *make_leaf(
    struct subject_map_pool *pool, const struct subject_map_update *update)
{
    struct subject_map_node *node = slab_take(&pool->leaves);
    if (node == NULL) return NULL;
    node->holders = 1;
    node->is_leaf = true;
    struct leaf_node *leaf = as_leaf(node);
    leaf->position = update->position;
    leaf->leaf = update->leaf;
    node->hash = subject_leaf_hash(&update->position, &update->leaf);
    pool->alive++;
    return node;
}

static const struct digest *hash_of(const struct subject_map_node *node)
{
    return node == NULL ? &empty_hash : &node->hash;
}

/* Takes over the caller's hold on both children. */
static struct subject_map_node *make_inner(
    struct subject_map_pool *pool, struct subject_map_node *left, struct subject_map_node *right)
{
    struct subject_map_node *node = slab_take(&pool->inner);
    if (node == NULL) return NULL;
    node->holders = 1;
    node->is_leaf = false;
    node->u.children[0] = left;
    node->u.children[1] = right;
    node->hash = subject_node_hash(hash_of(left), hash_of(right));
    pool->alive++;
    return node;
}

struct subject_map_node *subject_map_retain(struct subject_map_node *map)
{
    if (map != NULL) {
        CHECK(map->holders > 0 && map->holders < UINT32_MAX);
        map->holders++;
    }
    return map;
}

/* Recursion is as deep as the tree, at most 256. */
void subject_map_release(struct subject_map_pool *pool, struct subject_map_node *map)
{
    if (map == NULL) return;
    CHECK(map->holders > 0);
    if (--map->holders > 0) return;
    CHECK(pool->alive > 0);
    pool->alive--;
    struct slab *slab = map->is_leaf ? &pool->leaves : &pool->inner;
    if (!map->is_leaf) {
        subject_map_release(pool, map->u.children[0]);
        subject_map_release(pool, map->u.children[1]);
    }
    map->u.next_free = slab->free;
    slab->free = map;
}

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

/* What an update turns a subtree into. `base` is borrowed; the result is held by the caller. `carried` is a
 * leaf of an older version that belongs in this subtree but stood higher up, or NULL; it is borrowed too, and
 * its position is not among the updates. */
static int updated(struct subject_map_pool *pool, struct subject_map_node *base,
    struct subject_map_node *carried, const struct subject_map_update *updates, size_t count, size_t depth,
    struct subject_map_node **result)
{
    CHECK(base == NULL || carried == NULL);
    if (count == 0) {
        *result = subject_map_retain(base != NULL ? base : carried);
        return TALLY_OK;
    }
    if (base != NULL && base->is_leaf) {
        /* The leaf moves down beside the new ones, unless one of them replaces it. */
        carried = base;
        base = NULL;
        for (size_t low = 0, high = count; low < high;) {
            size_t middle = low + (high - low) / 2;
            int order = memcmp(updates[middle].position.bytes, as_leaf(carried)->position.bytes, DIGEST_SIZE);
            if (order == 0) {
                carried = NULL;
                break;
            }
            if (order < 0)
                low = middle + 1;
            else
                high = middle;
        }
    }
    if (base == NULL && carried == NULL && count == 1) {
        *result = make_leaf(pool, &updates[0]);
        return *result == NULL ? TALLY_ENOMEM : TALLY_OK;
    }
    CHECK(depth < SUBJECT_PATH_LENGTH_MAX);
    size_t zeros = split_at(updates, count, depth);
    unsigned side = carried != NULL ? position_bit(&as_leaf(carried)->position, depth) : 0;
    struct subject_map_node *left, *right;
    int error = updated(pool, base != NULL ? base->u.children[0] : NULL, side == 0 ? carried : NULL, updates,
        zeros, depth + 1, &left);
    if (error != TALLY_OK) return error;
    error = updated(pool, base != NULL ? base->u.children[1] : NULL, side == 1 ? carried : NULL,
        updates + zeros, count - zeros, depth + 1, &right);
    if (error != TALLY_OK) {
        subject_map_release(pool, left);
        return error;
    }
    *result = make_inner(pool, left, right);
    if (*result != NULL) return TALLY_OK;
    subject_map_release(pool, left);
    subject_map_release(pool, right);
    return TALLY_ENOMEM;
}

int subject_map_update(struct subject_map_pool *pool, struct subject_map_node *base,
    struct subject_map_update *updates, size_t count, struct subject_map_node **next)
{
    if (count > 1) qsort(updates, count, sizeof *updates, by_position);
    for (size_t i = 1; i < count; i++)
        CHECK(by_position(&updates[i - 1], &updates[i]) < 0);
    return updated(pool, base, NULL, updates, count, 0, next);
}

struct digest subject_map_root(const struct subject_map_node *map)
{
    return *hash_of(map);
}

const struct subject_leaf *subject_map_find(const struct subject_map_node *map, const struct digest *position)
{
    for (size_t depth = 0; map != NULL && !map->is_leaf; depth++) {
        CHECK(depth < SUBJECT_PATH_LENGTH_MAX);
        map = map->u.children[position_bit(position, depth)];
    }
    if (map == NULL) return NULL;
    const struct leaf_node *leaf = as_const_leaf(map);
    return digest_equal(&leaf->position, position) ? &leaf->leaf : NULL;
}

void subject_map_prove(
    const struct subject_map_node *map, const struct digest *position, struct subject_map_proof *proof)
{
    size_t depth = 0;
    for (; map != NULL && !map->is_leaf; depth++) {
        CHECK(depth < SUBJECT_PATH_LENGTH_MAX);
        unsigned side = position_bit(position, depth);
        proof->siblings[depth] = *hash_of(map->u.children[1 - side]);
        map = map->u.children[side];
    }
    proof->sibling_count = (uint32_t)depth;
    proof->place = PLACE_EMPTY;
    proof->leaf = (struct subject_leaf){0};
    proof->other_position = (struct digest){{0}};
    if (map == NULL) return;
    const struct leaf_node *leaf = as_const_leaf(map);
    proof->leaf = leaf->leaf;
    proof->place = digest_equal(&leaf->position, position) ? PLACE_PRESENT : PLACE_OTHER;
    if (proof->place == PLACE_OTHER) proof->other_position = leaf->position;
}
