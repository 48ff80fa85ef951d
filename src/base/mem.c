/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "base/mem.h"
#include "base/error.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, PAGE = 64 << 10, MAPPED = 256 << 10, HUGE = 2 << 20 };

/* Stands in front of every block, one cache line, so that freeing needs no size. */
typedef struct header {
    void  *base;
    size_t bytes, total;
    int    mapped; /* straight from the system */
} header;

static atomic_size_t held, peak, calls;

/* Tests make the n-th allocation fail: IMGBENCH_FAIL_ALLOC=n. */
static int must_fail(void)
{
    static atomic_long nth = -2;
    long               n = atomic_load(&nth);

    if (n == -2) {
        const char *text = getenv("IMGBENCH_FAIL_ALLOC");
        n = text ? strtol(text, NULL, 10) : -1;
        atomic_store(&nth, n);
    }
    return n >= 0 && (long)atomic_fetch_add(&calls, 1) == n;
}

/* Large blocks come from the system, and go back to it at once: all zero, so that whoever first writes to a page has it near,
   and pages of several threads are made side by side; in huge pages, as far as they fill these, so that a block takes no
   more memory than was planned. Sanitizers see the allocator's blocks only. */
static void *map(size_t total)
{
#ifdef IB_SANITIZED
    return NULL;
#else
    const size_t spare = total >= HUGE ? HUGE : 0;
    char *const  wide = mmap(NULL, total + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (wide == MAP_FAILED)
        return NULL;
    if (!spare)
        return wide;
    const size_t before = (HUGE - (uintptr_t)wide % HUGE) % HUGE;
    if (before)
        munmap(wide, before);
    if (HUGE - before)
        munmap(wide + before + total, HUGE - before);
    madvise(wide + before, total, MADV_HUGEPAGE); /* advice only: a refusal costs speed, not correctness */
    return wide + before;
#endif
}

static void *alloc(size_t n, size_t size, const char *what, int zero, ib_error *err)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2) {
        ib_fail(err, IB_ENOMEM, "%s: %zu items of %zu bytes overflow the address space", what, n, size);
        return NULL;
    }
    const int    large = bytes >= MAPPED, fails = must_fail();
    const size_t align = large ? PAGE : ALIGN;
    const size_t total = (bytes + ALIGN + align - 1) / align * align;
    char        *base = !fails && large ? map(total) : NULL;
    const int    mapped = base != NULL;

    if (!fails && !mapped)
        base = aligned_alloc(align, total);
    if (!base) {
        ib_fail(err, IB_ENOMEM, "%s: the system refused %zu bytes; use a smaller --memory or fewer ranks per node",
                what, bytes);
        return NULL;
    }

    char   *block = base + ALIGN;
    header *head = (header *)(void *)(block - sizeof(header));
    *head = (header){base, bytes, total, mapped};
    if (zero && !mapped)
        memset(block, 0, bytes);

    const size_t now = atomic_fetch_add(&held, bytes) + bytes;
    size_t       top = atomic_load(&peak);
    while (now > top && !atomic_compare_exchange_weak(&peak, &top, now)) {
    }
    return block;
}

void *ib_alloc(size_t n, size_t size, const char *what, ib_error *err)
{
    return alloc(n, size, what, 0, err);
}

void *ib_alloc_zero(size_t n, size_t size, const char *what, ib_error *err)
{
    return alloc(n, size, what, 1, err);
}

void ib_free(void *memory)
{
    if (!memory)
        return;
    const header head = *(const header *)(const void *)((char *)memory - sizeof(header));
    atomic_fetch_sub(&held, head.bytes);
    if (head.mapped)
        munmap(head.base, head.total);
    else
        free(head.base);
}

size_t ib_mem_held(void)
{
    return atomic_load(&held);
}

size_t ib_mem_peak(void)
{
    return atomic_load(&peak);
}

static size_t status_line(const char *key)
{
    FILE  *file = fopen("/proc/self/status", "r");
    char   line[256];
    size_t kib = 0;

    if (!file)
        return 0;
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, key, strlen(key))) {
            kib = strtoull(line + strlen(key), NULL, 10);
            break;
        }
    fclose(file);
    return kib * 1024;
}

size_t ib_mem_resident_peak(void)
{
    return status_line("VmHWM:");
}

size_t ib_mem_resident(void)
{
    return status_line("VmRSS:");
}
