/* SPDX-License-Identifier: BSD-3-Clause */
/** What the system grants and how it is set up, beyond the facts that every record has (bench/facts.h): caches, limits of
 *  the job, large pages, clocks, the disk of a folder. */
#ifndef IB_BENCH_SYSTEM_H
#define IB_BENCH_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

enum { IB_MAX_CACHES = 6 };

typedef struct ib_cache {
    int     level, shared; /* logical processors that share it */
    int64_t bytes;
} ib_cache;

/** "" 0 or -1 where the system does not tell. */
typedef struct ib_system {
    ib_cache cache[IB_MAX_CACHES]; /* of data, of the first processor */
    int      n_cache;
    int      cpus;           /* online */
    int      numa_nodes;     /* at least 1 */
    int      threads_a_core; /* hardware threads; 0: not told */
    bool     virtualised;    /* the processor says that it is a guest's */
    char     governor[32];   /* of the frequency of processor 0 */
    int      boost;          /* 1 on, 0 off */
    char     huge_pages[16]; /* always, madvise, never */
    int      numa_balancing; /* 1 on, 0 off */
    char     clock_source[16];
    double   cpu_quota;    /* processors that the control group grants; 0: no limit */
    int64_t  memory_limit; /* of the control group, bytes; 0: no limit */
    int64_t  memory_available, swap_used;
    bool     fabric;        /* an InfiniBand or like device is there */
    int64_t  locked_memory; /* ulimit, bytes; INT64_MAX unlimited */
    int64_t  stack;
    int64_t  open_files;
    char     file_system[24]; /* of the folder: "ext4", "nfs", "lustre"; else its number */
    bool     shared_disk; /* a network's or cluster's, or memory: what calibrate measures elsewhere does not hold */
    int64_t  disk_free;
} ib_system;

/** @param root    "" for this machine; a folder with a made-up /proc and /sys in tests
 *  @param folder  whose disk is meant */
void ib_system_read(ib_system *out, const char *root, const char *folder);

#endif
