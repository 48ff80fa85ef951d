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

enum { ALIGN = 64, HUGE = 2 << 20 };

/* Stands in front of every block, one cache line, so that freeing needs no size. */
typedef struct header {
    void  *base;
    size_t bytes;
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

void *ib_alloc(size_t n, size_t size, const char *what, ib_error *err)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2) {
        ib_fail(err, IB_ENOMEM, "%s: %zu items of %zu bytes overflow the address space", what, n, size);
        return NULL;
    }
    const size_t align = bytes >= HUGE ? HUGE : ALIGN;
    const size_t total = (bytes + align + ALIGN + align - 1) / align * align;
    char        *base = must_fail() ? NULL : aligned_alloc(align, total);
    if (!base) {
        ib_fail(err, IB_ENOMEM, "%s: the system refused %zu bytes; use a smaller --memory or fewer ranks per node",
                what, bytes);
        return NULL;
    }
    if (align == HUGE)
        madvise(base, total, MADV_HUGEPAGE); /* advice only: a refusal costs speed, not correctness */

    char   *block = base + ALIGN;
    header *head = (header *)(void *)(block - sizeof(header));
    head->base = base;
    head->bytes = bytes;

    const size_t now = atomic_fetch_add(&held, bytes) + bytes;
    size_t       top = atomic_load(&peak);
    while (now > top && !atomic_compare_exchange_weak(&peak, &top, now)) {
    }
    return block;
}

void *ib_alloc_zero(size_t n, size_t size, const char *what, ib_error *err)
{
    void *memory = ib_alloc(n, size, what, err);

    if (memory)
        memset(memory, 0, n * size);
    return memory;
}

void ib_free(void *memory)
{
    if (!memory)
        return;
    const header *head = (const header *)(const void *)((char *)memory - sizeof(header));
    atomic_fetch_sub(&held, head->bytes);
    free(head->base);
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
