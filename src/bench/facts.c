/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* sched_getaffinity */
#include "bench/facts.h"
#include "bench/build.h"

#include <ctype.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { MAX_CPU = 4096 };

const ib_build *ib_build_facts(void)
{
    static const ib_library library[] = {IB_BUILD_LIBRARIES{NULL, NULL}};
    static const ib_build   build = {
          .version = IB_BUILD_VERSION,
          .commit = IB_BUILD_COMMIT,
          .describe = IB_BUILD_DESCRIBE,
          .commit_time = IB_BUILD_COMMIT_TIME,
          .dirty = IB_BUILD_DIRTY,
          .compiler = IB_BUILD_COMPILER,
          .flags = IB_BUILD_FLAGS,
          .type = IB_BUILD_TYPE,
          .sanitizers = IB_BUILD_SANITIZERS,
          .library = library,
    };
    return &build;
}

/* The value of the first line of a file that starts with key, quotes and spaces removed; the whole first line for "". */
static void read_key(const char *path, const char *key, char *out, size_t size)
{
    FILE  *file = fopen(path, "r");
    char   line[512];
    size_t n = strlen(key);

    *out = 0;
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, key, n)) {
            char *value = line + n;
            value += strspn(value, " \t:=\"");
            value[strcspn(value, "\"\n")] = 0;
            snprintf(out, size, "%.*s", (int)size - 1, value);
            break;
        }
    if (file)
        fclose(file);
}

/* Distinct pairs of socket and core: hardware threads share one. */
static void count_cores(ib_machine *m)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char  line[512];
    int   socket = 0, sockets = 0, cores = 0;
    int   seen[MAX_CPU][2];

    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        const int   value = colon ? (int)strtol(colon + 1, NULL, 10) : 0;
        if (!strncmp(line, "physical id", 11))
            socket = value;
        if (strncmp(line, "core id", 7))
            continue;
        int known = 0, known_socket = 0;
        for (int i = 0; i < cores; i++) {
            known |= seen[i][0] == socket && seen[i][1] == value;
            known_socket |= seen[i][0] == socket;
        }
        sockets += !known_socket;
        if (!known && cores < MAX_CPU) {
            seen[cores][0] = socket;
            seen[cores++][1] = value;
        }
    }
    if (file)
        fclose(file);
    m->cores = cores;
    m->sockets = sockets;
}

/* "AMD EPYC 7763 64-Core Processor", 2 -> "amd-epyc-7763-64-core-processor-2c" */
static void make_alias(ib_machine *m)
{
    const char *given = getenv("IMGBENCH_MACHINE");
    char        text[160];
    size_t      n = 0;

    if (given && *given)
        snprintf(text, sizeof text, "%s", given);
    else
        snprintf(text, sizeof text, "%.40s %dc", *m->cpu ? m->cpu : "machine", m->cores ? m->cores : m->cpus);
    for (const char *c = text; *c && n + 1 < sizeof m->alias; c++) {
        if (isalnum((unsigned char)*c) || *c == '_')
            m->alias[n++] = (char)tolower((unsigned char)*c);
        else if (n && m->alias[n - 1] != '-')
            m->alias[n++] = '-';
    }
    m->alias[n] = 0;
}

void ib_machine_facts(ib_machine *out)
{
    struct utsname name;

    memset(out, 0, sizeof *out);
    read_key("/proc/cpuinfo", "model name", out->cpu, sizeof out->cpu);
    read_key("/etc/os-release", "PRETTY_NAME", out->os, sizeof out->os);
    read_key("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "", out->governor, sizeof out->governor);
    if (!uname(&name))
        snprintf(out->kernel, sizeof out->kernel, "%.40s %.70s", name.sysname, name.release);
    if (!*out->cpu && !uname(&name))
        snprintf(out->cpu, sizeof out->cpu, "%.60s", name.machine);
    out->cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    out->mem_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    count_cores(out);
    make_alias(out);
}

static void mark(const char *cpus, unsigned char used[MAX_CPU])
{
    for (const char *at = cpus; isdigit((unsigned char)*at);) {
        char *end;
        long  first = strtol(at, &end, 10), last = first;
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        for (long i = first; i <= last && i < MAX_CPU; i++)
            used[i] = 1;
        at = *end == ',' ? end + 1 : end;
    }
}

void ib_place_here(ib_place *out)
{
    memset(out, 0, sizeof *out);
    gethostname(out->node, sizeof out->node - 1);
    ib_place_join(out);
}

void ib_place_join(ib_place *place)
{
    unsigned char used[MAX_CPU] = {0};
    cpu_set_t    *set = CPU_ALLOC(MAX_CPU);
    const size_t  size = CPU_ALLOC_SIZE(MAX_CPU);

    if (set && !sched_getaffinity(0, size, set)) {
        size_t at = 0;
        mark(place->cpus, used);
        for (size_t i = 0; i < MAX_CPU; i++)
            used[i] |= CPU_ISSET_S(i, size, set) != 0;
        place->n_cpu = 0;
        for (int i = 0; i < MAX_CPU; i++) {
            int last = i;
            if (!used[i])
                continue;
            while (last + 1 < MAX_CPU && used[last + 1])
                last++;
            if (at < sizeof place->cpus)
                at += (size_t)snprintf(place->cpus + at, sizeof place->cpus - at, last > i ? "%s%d-%d" : "%s%d",
                                       at ? "," : "", i, last);
            place->n_cpu += last - i + 1;
            i = last;
        }
    } else {
        place->n_cpu = (int)sysconf(_SC_NPROCESSORS_ONLN);
    }
    CPU_FREE(set);
}

/* Whether rank i is the first of its node. */
static int leads(const ib_place *place, int i)
{
    for (int k = 0; k < i; k++)
        if (!strcmp(place[k].node, place[i].node))
            return 0;
    return 1;
}

int ib_place_nodes(const ib_place *place, int n)
{
    int nodes = 0;

    for (int i = 0; i < n; i++)
        nodes += leads(place, i);
    return nodes;
}

int ib_place_excess(const ib_place *place, int n, int threads)
{
    int worst = 0;

    for (int i = 0; i < n; i++) {
        unsigned char used[MAX_CPU] = {0};
        int           want = 0, have = 0;
        if (!leads(place, i))
            continue;
        for (int k = i; k < n; k++)
            if (!strcmp(place[k].node, place[i].node)) {
                want += threads;
                mark(place[k].cpus, used);
            }
        for (int k = 0; k < MAX_CPU; k++)
            have += used[k];
        if (have == 0) /* the system does not tell which */
            have = place[i].n_cpu;
        if (want - have > worst)
            worst = want - have;
    }
    return worst;
}
