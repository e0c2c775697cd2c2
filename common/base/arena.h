/*
 * arena.h - memory that lives as long as one request: bump allocation, one release, a budget
 *
 * Not thread-safe; an arena belongs to one thread at a time.
 */
#ifndef CRM_BASE_ARENA_H
#define CRM_BASE_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stdatomic.h>

#include "common/base/slice.h"

struct arena_block;

/* What several arenas may take from the heap together, on whichever threads they are. */
struct arena_pool {
    atomic_size_t used; /* bytes of blocks */
    size_t max;         /* beyond it arena_alloc gives NULL where it needs a new block */
};

struct arena {
    struct arena_block *blocks; /* newest first; the first one is kept by arena_reset */
    size_t used;                /* bytes handed out since the last reset */
    size_t budget;              /* at most so many; beyond it arena_alloc gives NULL */
    bool is_spent;              /* something could not be given since somebody cleared this: an answer found since may be wrong */
    struct arena_pool *pool;    /* NULL: only the budget bounds it */
    ProtobufCAllocator protobuf; /* allocates here, frees nothing; valid as long as the arena */
};

/* An empty arena; allocates nothing yet. budget in bytes. */
void arena_init(struct arena *arena, size_t budget);
/* An empty arena that shares a pool, which must outlive it. */
void arena_init_shared(struct arena *arena, size_t budget, struct arena_pool *pool);
/* Give everything back to the heap. Accepts NULL and an all-zero arena. */
void arena_fini(struct arena *arena);
/* Forget what was handed out; keeps one block of at most 64 KiB for the next request. */
void arena_reset(struct arena *arena);

/* size bytes aligned for anything, not cleared; NULL when the budget or the heap is spent. Lives until reset or fini. */
void *arena_alloc(struct arena *arena, size_t size) MUST_CHECK;
/* The same, cleared. */
void *arena_zalloc(struct arena *arena, size_t size) MUST_CHECK;
/* A copy with a NUL behind it. */
char *arena_strndup(struct arena *arena, const void *text, size_t size) MUST_CHECK;
char *arena_strdup(struct arena *arena, const char *text) MUST_CHECK;
void *arena_memdup(struct arena *arena, const void *data, size_t size) MUST_CHECK;
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

#endif
