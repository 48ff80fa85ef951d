/* SPDX-License-Identifier: BSD-3-Clause */
/* What doctor reads of a system, from made-up ones, and what it finds in them. */
#define _XOPEN_SOURCE 700 /* mkdtemp, nftw */
#include "bench/doctor.h"
#include "ib_test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[64];

static void put(const char *name, const char *text)
{
    char path[400];

    snprintf(path, sizeof path, "%s%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0777);
    }
    FILE *file = fopen(path, "w");
    if (file) {
        fputs(text, file);
        fclose(file);
    }
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static void begin(ib_test *t)
{
    strcpy(root, "/tmp/imgbench-doctor-XXXXXX");
    IB_CHECK(t, mkdtemp(root) != NULL);
}

static void end(void)
{
    nftw(root, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static const ib_symptom *about(const ib_symptom *symptom, int n, const char *topic)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(symptom[i].topic, topic))
            return &symptom[i];
    return NULL;
}

static void a_system_that_tells_nothing_has_no_symptoms(ib_test *t)
{
    ib_system  s;
    ib_symptom symptom[IB_MAX_SYMPTOMS];

    begin(t);
    ib_system_read(&s, root, root);
    s.shared_disk = false; /* that folder is real: it may be in memory, or on a small disk */
    s.disk_free = -1;
    IB_CHECK(t, s.n_cache == 0);
    IB_CHECK(t, s.boost == -1);
    IB_CHECK(t, s.numa_nodes == 1);
    IB_CHECK(t, s.memory_limit == 0);
    s.stack = s.open_files = -1;
    IB_CHECK(t, ib_system_symptoms(&s, symptom) == 0);
    end();
}

static void a_badly_set_up_node_is_understood(ib_test *t)
{
    ib_system  s;
    ib_symptom symptom[IB_MAX_SYMPTOMS];

    begin(t);
    put("/sys/devices/system/cpu/online", "0-63\n");
    put("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,64\n");
    put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
    put("/sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
    put("/sys/devices/system/cpu/cpu0/cache/index0/type", "Data\n");
    put("/sys/devices/system/cpu/cpu0/cache/index0/level", "1\n");
    put("/sys/devices/system/cpu/cpu0/cache/index0/size", "48K\n");
    put("/sys/devices/system/cpu/cpu0/cache/index0/shared_cpu_list", "0,64\n");
    put("/sys/devices/system/cpu/cpu0/cache/index1/type", "Instruction\n");
    put("/sys/devices/system/cpu/cpu0/cache/index2/type", "Unified\n");
    put("/sys/devices/system/cpu/cpu0/cache/index2/level", "3\n");
    put("/sys/devices/system/cpu/cpu0/cache/index2/size", "32M\n");
    put("/sys/devices/system/cpu/cpu0/cache/index2/shared_cpu_list", "0-15,64-79\n");
    put("/sys/devices/system/node/node0/cpulist", "0-31\n");
    put("/sys/devices/system/node/node1/cpulist", "32-63\n");
    put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
    put("/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
    put("/proc/sys/kernel/numa_balancing", "1\n");
    put("/proc/cpuinfo", "processor : 0\nflags : fpu sse2 hypervisor avx2\n");
    put("/proc/meminfo", "MemTotal: 2000 kB\nMemAvailable: 1048576 kB\nSwapTotal: 400000 kB\nSwapFree: 200000 kB\n");
    put("/proc/self/cgroup", "0::/job/step\n");
    put("/sys/fs/cgroup/job/cpu.max", "1600000 100000\n");
    put("/sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/job/memory.max", "8589934592\n");
    put("/sys/fs/cgroup/job/step/memory.max", "max\n");
    ib_system_read(&s, root, root);
    IB_CHECK(t, s.cpus == 64);
    IB_CHECK(t, s.threads_a_core == 2);
    IB_CHECK(t, s.n_cache == 2);
    IB_CHECK(t, s.cache[1].level == 3);
    IB_CHECK(t, (int)(s.cache[1].bytes >> 20) == 32);
    IB_CHECK(t, s.cache[1].shared == 32);
    IB_CHECK(t, s.numa_nodes == 2);
    IB_CHECK(t, s.boost == 1);
    IB_CHECK(t, s.virtualised);
    IB_NEAR(t, s.cpu_quota, 16, 0);
    IB_CHECK(t, (int)(s.memory_limit >> 30) == 8);
    IB_CHECK(t, (int)(s.memory_available >> 20) == 1024);

    const int         n = ib_system_symptoms(&s, symptom);
    const char *const slow[] = {"governor", "quota", "large pages", "memory placement"};
    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++) {
        const ib_symptom *found = about(symptom, n, slow[i]);
        IB_CHECK(t, found && found->severity == IB_SLOWS && *found->remedy);
    }
    const char *const noted[] = {"boost", "hardware threads", "clock", "virtual machine", "memory limit", "swap"};
    for (size_t i = 0; i < sizeof noted / sizeof *noted; i++)
        IB_CHECK(t, about(symptom, n, noted[i]) && about(symptom, n, noted[i])->severity == IB_NOTE);
    end();
}

/* Version 1 of control groups: a folder per controller, "no limit" is a number near 2^63. */
static void older_control_groups_are_understood(ib_test *t)
{
    ib_system s;

    begin(t);
    put("/proc/self/cgroup", "4:memory:/box\n1:cpu,cpuacct:/box\n0::/\n");
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "250000\n");
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "4294967296\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    ib_system_read(&s, root, root);
    IB_NEAR(t, s.cpu_quota, 2.5, 0);
    IB_CHECK(t, (int)(s.memory_limit >> 30) == 4);
    end();
}

IB_TEST_MAIN({IB_TEST(a_system_that_tells_nothing_has_no_symptoms), IB_TEST(a_badly_set_up_node_is_understood),
              IB_TEST(older_control_groups_are_understood)})
