/*
 * arena.c - bump allocation in blocks that double from 4 to 64 KiB
 *
 * Called by whoever owns the arena, on one thread at a time. Owns its blocks. The newest block is
 * the one that is filled; a large allocation gets a block of its own behind it, so that the room
 * left in the newest is not lost.
 */
#include "common/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#endif

/* Under AddressSanitizer a read past an allocation, or after a reset, is reported as it would be on
 * the heap. */
#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)0)
#endif

#define BLOCK_FIRST ((size_t)4 << 10) /* bytes taken from the heap, head included */
#define BLOCK_MOST  ((size_t)64 << 10)
#define LARGE       (BLOCK_MOST / 4)
#define ALIGNMENT   alignof(max_align_t)

struct arena_block {
    struct arena_block *next;
    size_t size; /* of data */
    size_t fill; /* bytes of data handed out */
    alignas(max_align_t) uint8_t data[];
};

static void *protobuf_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void protobuf_free(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer;
}

static void pool_give(struct arena_pool *pool, size_t size)
{
    if (pool)
        atomic_fetch_sub_explicit(&pool->used, size, memory_order_relaxed);
}

static bool pool_take(struct arena_pool *pool, size_t size)
{
    if (!pool)
        return true;
    if (atomic_fetch_add_explicit(&pool->used, size, memory_order_relaxed) + size <= pool->max)
        return true;
    pool_give(pool, size);
    return false;
}

static void block_destroy(struct arena *arena, struct arena_block *block)
{
    ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
    pool_give(arena->pool, sizeof(*block) + block->size);
    free(block);
}

static struct arena_block *block_create(struct arena *arena, size_t size)
{
    struct arena_block *block;

    if (!pool_take(arena->pool, sizeof(*block) + size))
        return NULL;
    block = malloc(sizeof(*block) + size);
    if (!block) {
        pool_give(arena->pool, sizeof(*block) + size);
        return NULL;
    }
    block->size = size;
    block->fill = 0;
    ASAN_POISON_MEMORY_REGION(block->data, size);
    return block;
}

static void *block_take(struct arena_block *block, size_t size, size_t rounded)
{
    void *place = block->data + block->fill;

    (void)size; /* only AddressSanitizer tells it from rounded */
    block->fill += rounded;
    ASAN_UNPOISON_MEMORY_REGION(place, size);
    return place;
}

/* How large the next shared block is, so that rounded (at most LARGE) fits. */
static size_t next_block_size(const struct arena *arena, size_t rounded)
{
    size_t total = BLOCK_FIRST;

    if (arena->blocks)
        total = 2 * (sizeof(struct arena_block) + arena->blocks->size);
    while (total < sizeof(struct arena_block) + rounded)
        total *= 2;
    return (total < BLOCK_MOST ? total : BLOCK_MOST) - sizeof(struct arena_block);
}

/* The newest block is full: a new one, in front of it, or behind it when it is for this allocation
 * alone. */
static void *refuse(struct arena *arena)
{
    arena->is_spent = true;
    return NULL;
}

static void *arena_alloc_slow(struct arena *arena, size_t size, size_t rounded)
{
    bool is_large = rounded > LARGE;
    struct arena_block *block = block_create(arena, is_large ? rounded : next_block_size(arena, rounded));

    if (!block)
        return refuse(arena);
    if (is_large && arena->blocks) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    arena->used += rounded;
    return block_take(block, size, rounded);
}

void arena_init(struct arena *arena, size_t budget)
{
    *arena = (struct arena){ .budget = budget < SIZE_MAX / 2 ? budget : SIZE_MAX / 2 };
    arena->protobuf = (ProtobufCAllocator){ .alloc = protobuf_alloc,
                                            .free = protobuf_free,
                                            .allocator_data = arena };
}

void arena_init_shared(struct arena *arena, size_t budget, struct arena_pool *pool)
{
    arena_init(arena, budget);
    arena->pool = pool;
}

void arena_fini(struct arena *arena)
{
    if (!arena)
        return;
    for (struct arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        block_destroy(arena, block);
    }
    arena->blocks = NULL;
    arena->used = 0;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = NULL;

    for (struct arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        /* The newest shared block is the largest of them. */
        if (!kept && sizeof(*block) + block->size <= BLOCK_MOST)
            kept = block;
        else
            block_destroy(arena, block);
    }
    if (kept) {
        kept->next = NULL;
        kept->fill = 0;
        ASAN_POISON_MEMORY_REGION(kept->data, kept->size);
    }
    arena->blocks = kept;
    arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->blocks;
    size_t left = arena->budget - arena->used;
    size_t rounded;

    if (size > left)
        return refuse(arena);
    /* Nothing asked for still gets a place of its own. budget is at most SIZE_MAX / 2: this cannot
     * wrap. */
    rounded = (size + !size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (rounded > left)
        return refuse(arena);
    if (!block || rounded > block->size - block->fill)
        return arena_alloc_slow(arena, size, rounded);
    arena->used += rounded;
    return block_take(block, size, rounded);
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    void *place = arena_alloc(arena, size);

    return place ? memset(place, 0, size) : NULL;
}

char *arena_strndup(struct arena *arena, const void *text, size_t size)
{
    char *copy;

    if (size == SIZE_MAX)
        return NULL;
    copy = arena_alloc(arena, size + 1);
    if (!copy)
        return NULL;
    if (size)
        memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

void *arena_memdup(struct arena *arena, const void *data, size_t size)
{
    void *copy = arena_alloc(arena, size);

    if (copy && size)
        memcpy(copy, data, size);
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    char *text;
    int size;

    va_start(arguments, format);
    size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0)
        return NULL;

    text = arena_alloc(arena, (size_t)size + 1);
    if (!text)
        return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return text;
}
