#include "storage/subject_map.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/base/pages.h"

/* Nodes come from blocks of these many, by an index that fits four bytes, and go back to a list of their
 * kind: an update takes and gives many of one size. */
#define BLOCK_SHIFT 18
#define BLOCK_NODES (1u << BLOCK_SHIFT)
#define BLOCKS_MAX (1u << 10)
#define CACHE_LINE 64u
/* Nodes that will be written are fetched from memory so many at a time, before they are taken: the processor
 * translates several addresses at once, but where it meets them one by one, waits for each. */
#define FETCH_GROUP 8u

/* What stands at a place of the tree: nothing, a leaf or an inner node, told by the lowest bit. Its hash is
 * kept beside the reference, so that a path is hashed again without a look at what hangs off it. */
typedef uint32_t subject_ref;
#define REF_EMPTY ((subject_ref)0)
#define REF_LEAF_BIT ((subject_ref)1)

/* Children lie apart from their hashes: so dense, those of a large map stay in the processor's cache, and a
 * walk down waits for little else. */
struct inner_block {
    struct digest hashes[BLOCK_NODES][2];
    subject_ref children[BLOCK_NODES][2];
};

struct leaf_node {
    struct digest position;
    struct subject_leaf leaf;
};

struct leaf_block {
    struct leaf_node leaves[BLOCK_NODES];
};

/* A node that was given back is named in a list and not touched. The list, a stack, has a piece for each
 * block and so room for all nodes there are: nothing is moved when the slab grows, which would hold up a
 * block. The table of blocks never moves: others read it while it grows. */
struct slab {
    size_t block_size;
    void **blocks;
    uint32_t **free;
    uint32_t free_count;
    uint32_t used_count, node_count; /* the first so many were ever taken, of those there are */
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
    size_t alive, older; /* nodes; of them, those that some version replaced */
    subject_ref top;     /* of the newest version, */
    struct digest root;
    struct version *oldest, *newest;
    struct refs made; /* by the update under way */
    bool out_of_memory;
};

_Static_assert(sizeof(struct inner_block) % CACHE_LINE == 0 && sizeof(struct leaf_block) % CACHE_LINE == 0,
    "blocks can be aligned to lines, and an inner node's hashes are one");
_Static_assert((uint64_t)BLOCKS_MAX *BLOCK_NODES <= UINT32_MAX / 2, "an index and a bit fit a reference");

static const struct digest empty_hash = {{0}};

/* ---- Memory ---- */

static bool refs_grow(struct refs *refs)
{
    size_t capacity = refs->capacity == 0 ? 64 : refs->capacity * 2;
    subject_ref *items = realloc(refs->items, capacity * sizeof *items);
    if (items == NULL) return false;
    refs->items = items;
    refs->capacity = capacity;
    return true;
}

static inline bool refs_add(struct refs *refs, subject_ref ref)
{
    if (refs->count == refs->capacity && !refs_grow(refs)) return false;
    refs->items[refs->count++] = ref;
    return true;
}

static bool slab_grow(struct slab *slab)
{
    if (slab->node_count == BLOCKS_MAX * BLOCK_NODES) return false;
    uint32_t next = slab->node_count >> BLOCK_SHIFT;
    if (slab->free[next] == NULL) slab->free[next] = malloc(BLOCK_NODES * sizeof **slab->free);
    if (slab->free[next] == NULL) return false;
    slab->blocks[next] = pages_take(slab->block_size);
    if (slab->blocks[next] == NULL) return false;
    slab->node_count += BLOCK_NODES;
    return true;
}

/* Node 0 stays unused: its reference would be the empty one. */
static bool slab_open(struct slab *slab, size_t block_size)
{
    slab->block_size = block_size;
    slab->used_count = 1;
    slab->blocks = calloc(BLOCKS_MAX, sizeof *slab->blocks);
    slab->free = calloc(BLOCKS_MAX, sizeof *slab->free);
    return slab->blocks != NULL && slab->free != NULL;
}

static void slab_close(struct slab *slab)
{
    for (uint32_t i = 0; i < slab->node_count >> BLOCK_SHIFT; i++)
        pages_give(slab->blocks[i], slab->block_size);
    for (uint32_t i = 0; slab->free != NULL && i < BLOCKS_MAX; i++)
        free(slab->free[i]);
    free(slab->blocks);
    free(slab->free);
}

static uint32_t *free_at(const struct slab *slab, uint32_t i)
{
    return &slab->free[i >> BLOCK_SHIFT][i & (BLOCK_NODES - 1)];
}

static bool is_leaf(subject_ref ref)
{
    return (ref & REF_LEAF_BIT) != 0;
}

static bool is_inner(subject_ref ref)
{
    return ref != REF_EMPTY && !is_leaf(ref);
}

static void *block_of(const struct slab *slab, subject_ref ref)
{
    return slab->blocks[ref >> 1 >> BLOCK_SHIFT];
}

static size_t place_in_block(subject_ref ref)
{
    return ref >> 1 & (BLOCK_NODES - 1);
}

static subject_ref *children_of(const struct subject_map_pool *pool, subject_ref ref)
{
    CHECK(is_inner(ref));
    struct inner_block *block = block_of(&pool->inner, ref);
    return block->children[place_in_block(ref)];
}

static struct digest *hashes_of(const struct subject_map_pool *pool, subject_ref ref)
{
    CHECK(is_inner(ref));
    struct inner_block *block = block_of(&pool->inner, ref);
    return block->hashes[place_in_block(ref)];
}

static struct leaf_node *leaf_of(const struct subject_map_pool *pool, subject_ref ref)
{
    CHECK(is_leaf(ref));
    struct leaf_block *block = block_of(&pool->leaves, ref);
    return &block->leaves[place_in_block(ref)];
}

static subject_ref take(struct subject_map_pool *pool, struct slab *slab, subject_ref tag)
{
    bool is_new = slab->free_count == 0;
    if (is_new && slab->used_count >= slab->node_count && !slab_grow(slab)) pool->out_of_memory = true;
    if (pool->out_of_memory) return REF_EMPTY;
    uint32_t node = is_new ? slab->used_count : *free_at(slab, slab->free_count - 1);
    subject_ref ref = node << 1 | tag;
    if (!refs_add(&pool->made, ref)) {
        pool->out_of_memory = true;
        return REF_EMPTY;
    }
    if (is_new)
        slab->used_count++;
    else
        slab->free_count--;
    pool->alive++;
    return ref;
}

static void give_back(struct subject_map_pool *pool, subject_ref ref)
{
    struct slab *slab = is_leaf(ref) ? &pool->leaves : &pool->inner;
    CHECK(slab->free_count < slab->used_count && pool->alive > 0);
    *free_at(slab, slab->free_count++) = ref >> 1;
    pool->alive--;
}

/* The newest version no longer has it; those before it do. */
static void replace(struct subject_map_pool *pool, subject_ref ref)
{
    if (!refs_add(&pool->newest->replaced, ref)) pool->out_of_memory = true;
}

/* Of the nodes that were given back and are taken soon, the group behind the next. */
static void fetch_free(const struct subject_map_pool *pool, bool leaf)
{
    const struct slab *slab = leaf ? &pool->leaves : &pool->inner;
    if (slab->free_count % FETCH_GROUP != 0 || slab->free_count < 2 * FETCH_GROUP) return;
    for (uint32_t i = slab->free_count - 2 * FETCH_GROUP; i < slab->free_count - FETCH_GROUP; i++) {
        subject_ref ref = *free_at(slab, i) << 1;
        if (leaf) {
            __builtin_prefetch(leaf_of(pool, ref | REF_LEAF_BIT), 1);
        } else {
            __builtin_prefetch(hashes_of(pool, ref), 1);
            __builtin_prefetch(children_of(pool, ref), 1);
        }
    }
}

static subject_ref make_leaf(
    struct subject_map_pool *pool, const struct subject_map_update *update, struct digest *hash)
{
    subject_ref ref = take(pool, &pool->leaves, REF_LEAF_BIT);
    if (ref == REF_EMPTY) return ref;
    fetch_free(pool, true);
    *leaf_of(pool, ref) = (struct leaf_node){update->position, update->leaf};
    *hash = subject_leaf_hash(&update->position, &update->leaf);
    return ref;
}

/* ---- The pool ---- */

struct subject_map_pool *subject_map_pool_make(void)
{
    struct subject_map_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) return NULL;
    pool->oldest = pool->newest = calloc(1, sizeof *pool->newest);
    bool inner = slab_open(&pool->inner, sizeof(struct inner_block));
    bool leaves = slab_open(&pool->leaves, sizeof(struct leaf_block));
    if (inner && leaves && pool->newest != NULL) return pool;
    subject_map_pool_close(pool);
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

size_t subject_map_pool_older_nodes(const struct subject_map_pool *pool)
{
    return pool->older;
}

void subject_map_release_oldest(struct subject_map_pool *pool)
{
    struct version *oldest = pool->oldest;
    CHECK(oldest != pool->newest);
    for (size_t i = 0; i < oldest->replaced.count; i++)
        give_back(pool, oldest->replaced.items[i]);
    pool->older -= oldest->replaced.count;
    pool->oldest = oldest->newer;
    version_close(oldest);
}

/* Brings in the paths from `base` down: waiting for memory once a level for all of them, not once a node. */
static void fetch_paths(const struct subject_map_pool *pool, subject_ref base,
    const struct digest *const *positions, size_t count, size_t depth)
{
    subject_ref at[SUBJECT_MAP_FETCH_MAX];
    bool any = is_inner(base);
    CHECK(count <= SUBJECT_MAP_FETCH_MAX);
    for (size_t i = 0; i < count; i++)
        at[i] = base;
    for (; any; depth++) {
        any = false;
        for (size_t i = 0; i < count; i++) {
            if (!is_inner(at[i])) continue;
            __builtin_prefetch(hashes_of(pool, at[i]));
            at[i] = children_of(pool, at[i])[position_bit(positions[i], depth)];
            if (is_leaf(at[i])) __builtin_prefetch(leaf_of(pool, at[i]));
            if (!is_inner(at[i])) continue;
            __builtin_prefetch(children_of(pool, at[i]));
            any = true;
        }
    }
}

/* ---- Updating ---- */

static int by_position(const void *a, const void *b)
{
    const struct subject_map_update *x = a, *y = b;
    uint64_t x_start = get_u64(x->position.bytes), y_start = get_u64(y->position.bytes);
    if (x_start != y_start) return x_start < y_start ? -1 : 1;
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

/* Brings in what the updates will meet. */
static void fetch_updated(const struct subject_map_pool *pool, subject_ref base,
    const struct subject_map_update *updates, size_t count, size_t depth)
{
    const struct digest *positions[SUBJECT_MAP_FETCH_MAX];
    for (size_t i = 0; i < count; i++)
        positions[i] = &updates[i].position;
    fetch_paths(pool, base, positions, count, depth);
}

/* What the updates turn the subtree `base` into, whose hash is *base_hash, and *hash, its hash. A leaf that
 * stood here moves down beside the new ones, unless one of them replaces it. After out_of_memory what comes
 * back is not to be used. */
static subject_ref updated(struct subject_map_pool *pool, subject_ref base, const struct digest *base_hash,
    const struct subject_map_update *updates, size_t count, size_t depth, struct digest *hash)
{
    if (count == 0) {
        *hash = *base_hash;
        return base;
    }
    if (is_leaf(base) && is_updated(updates, count, &leaf_of(pool, base)->position)) {
        replace(pool, base);
        base = REF_EMPTY;
    }
    if (base == REF_EMPTY && count == 1) return make_leaf(pool, &updates[0], hash);
    CHECK(depth < SUBJECT_PATH_LENGTH_MAX);
    subject_ref ref = take(pool, &pool->inner, 0);
    if (ref == REF_EMPTY) return ref;
    fetch_free(pool, false);
    subject_ref sides[2] = {REF_EMPTY, REF_EMPTY};
    const struct digest *side_hashes[2] = {&empty_hash, &empty_hash};
    if (is_leaf(base)) {
        unsigned side = position_bit(&leaf_of(pool, base)->position, depth);
        sides[side] = base;
        side_hashes[side] = base_hash;
    } else if (base != REF_EMPTY) {
        for (unsigned side = 0; side < 2; side++) {
            sides[side] = children_of(pool, base)[side];
            side_hashes[side] = &hashes_of(pool, base)[side];
        }
        replace(pool, base);
    }
    struct digest *hashes = hashes_of(pool, ref);
    size_t counts[2] = {split_at(updates, count, depth)};
    counts[1] = count - counts[0];
    for (unsigned side = 0; side < 2; side++) {
        if (count > SUBJECT_MAP_FETCH_MAX && counts[side] <= SUBJECT_MAP_FETCH_MAX)
            fetch_updated(pool, sides[side], updates, counts[side], depth + 1);
        children_of(pool, ref)[side] =
            updated(pool, sides[side], side_hashes[side], updates, counts[side], depth + 1, &hashes[side]);
        updates += counts[side];
    }
    *hash = subject_node_hash(&hashes[0], &hashes[1]);
    return ref;
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
    if (count <= SUBJECT_MAP_FETCH_MAX) fetch_updated(pool, pool->top, updates, count, 0);
    struct digest root;
    subject_ref top = updated(pool, pool->top, &pool->root, updates, count, 0, &root);
    if (pool->out_of_memory) return take_back(pool, version);
    pool->top = top;
    pool->root = root;
    pool->older += pool->newest->replaced.count;
    pool->newest->newer = version;
    pool->newest = version;
    *next = (struct subject_map){pool, top, root};
    return TALLY_OK;
}

/* ---- Reading ---- */

void subject_map_fetch(const struct subject_map *map, const struct digest *const *positions, size_t count)
{
    fetch_paths(map->pool, map->top, positions, count, 0);
}

const struct subject_leaf *subject_map_find(const struct subject_map *map, const struct digest *position)
{
    subject_ref ref = map->top;
    for (size_t depth = 0; is_inner(ref); depth++) {
        CHECK(depth < SUBJECT_PATH_LENGTH_MAX);
        ref = children_of(map->pool, ref)[position_bit(position, depth)];
    }
    if (ref == REF_EMPTY) return NULL;
    const struct leaf_node *leaf = leaf_of(map->pool, ref);
    return digest_equal(&leaf->position, position) ? &leaf->leaf : NULL;
}

void subject_map_prove(
    const struct subject_map *map, const struct digest *position, struct subject_map_proof *proof)
{
    size_t depth = 0;
    subject_ref ref = map->top;
    for (; is_inner(ref); depth++) {
        CHECK(depth < SUBJECT_PATH_LENGTH_MAX);
        unsigned side = position_bit(position, depth);
        proof->siblings[depth] = hashes_of(map->pool, ref)[1 - side];
        ref = children_of(map->pool, ref)[side];
    }
    proof->sibling_count = (uint32_t)depth;
    proof->place = PLACE_EMPTY;
    proof->leaf = (struct subject_leaf){0};
    proof->other_position = (struct digest){{0}};
    if (ref == REF_EMPTY) return;
    const struct leaf_node *leaf = leaf_of(map->pool, ref);
    proof->leaf = leaf->leaf;
    proof->place = digest_equal(&leaf->position, position) ? PLACE_PRESENT : PLACE_OTHER;
    if (proof->place == PLACE_OTHER) proof->other_position = leaf->position;
}
