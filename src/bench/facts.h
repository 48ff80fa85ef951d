/* SPDX-License-Identifier: BSD-3-Clause */
/** What was built and where it runs: facts that move performance, for records, verdicts and --version. */
#ifndef IB_BENCH_FACTS_H
#define IB_BENCH_FACTS_H

#include "imgbench.h"

typedef struct ib_library {
    const char *name, *version;
} ib_library;

/** Facts of the build. Static. */
typedef struct ib_build {
    const char       *version, *commit, *describe; /* "unknown" outside a repository */
    const char       *commit_time;                 /* "2026-05-01T12:00:00+00:00"; "" unknown */
    int               dirty;                       /* sources differ from the commit; -1: unknown */
    const char       *compiler, *flags, *type;     /* "GNU 12.2.0", "-O2 -g", "Release" */
    const char       *sanitizers;                  /* "" none */
    const ib_library *library;                     /* as compiled against; ends with a NULL name */
} ib_build;

const ib_build *ib_build_facts(void);

/** Facts of this node. "" and 0 where the system does not tell. */
typedef struct ib_machine {
    char    cpu[128], kernel[128], os[128], governor[32];
    int     cpus, cores, sockets; /* logical processors, physical cores */
    int64_t mem_bytes;
    char    alias[64]; /* readable name without a host name: IMGBENCH_MACHINE, else from cpu and cores */
} ib_machine;

void ib_machine_facts(ib_machine *out);

/** Where one rank runs, as the system grants it now, not as it was asked for. Plain data: may be gathered. */
typedef struct ib_place {
    char node[64];  /* host name; only to tell nodes apart */
    char cpus[128]; /* "0-3,8" */
    int  n_cpu;
} ib_place;

/** Where the calling thread runs; and add where another one does: bound threads have processors of their own. */
void ib_place_here(ib_place *out);
void ib_place_join(ib_place *place);

/** Nodes that n ranks run on, and how many more threads some node has than processors that its ranks may use. */
int ib_place_nodes(const ib_place *place, int n);
int ib_place_excess(const ib_place *place, int n, int threads);

#endif
