/* SPDX-License-Identifier: BSD-3-Clause */
#define _DEFAULT_SOURCE /* statfs */
#include "bench/system.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PATH = 1024 };

/* The first line of a file, without its end; "" where it cannot be read. */
__attribute__((format(printf, 4, 5))) static void read_line(char *out, size_t size, const char *root,
                                                            const char *format, ...)
{
    char    name[PATH], path[2 * PATH];
    va_list args;

    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    snprintf(path, sizeof path, "%s%s", root, name);
    FILE *file = fopen(path, "r");
    *out = 0;
    if (file && fgets(out, (int)size, file))
        out[strcspn(out, "\n")] = 0;
    if (file)
        fclose(file);
}

/* -1: not told. */
static int64_t number_of(const char *text)
{
    char         *end;
    const int64_t n = strtoll(text, &end, 10);

    return end == text ? -1 : n;
}

static int entries(const char *root, const char *folder, const char *prefix)
{
    char           path[2 * PATH];
    struct dirent *entry;
    int            n = 0;

    snprintf(path, sizeof path, "%s%s", root, folder);
    DIR *dir = opendir(path);
    while (dir && (entry = readdir(dir)))
        n += entry->d_name[0] != '.' && !strncmp(entry->d_name, prefix, strlen(prefix));
    if (dir)
        closedir(dir);
    return n;
}

/* Processors in a list such as "0-3,8". */
static int count_list(const char *list)
{
    int n = 0;

    for (const char *at = list; *at >= '0' && *at <= '9';) {
        char *end;
        long  first = strtol(at, &end, 10), last = first;
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        n += (int)(last - first + 1);
        at = *end == ',' ? end + 1 : end;
    }
    return n;
}

/* ---- processor ------------------------------------------------------------------------------------------- */

static void read_caches(ib_system *s, const char *root)
{
    static const char where[] = "/sys/devices/system/cpu/cpu0/cache/index";
    char              text[128];

    for (int i = 0; s->n_cache < IB_MAX_CACHES; i++) {
        ib_cache *c = &s->cache[s->n_cache];
        read_line(text, sizeof text, root, "%s%d/type", where, i);
        if (!*text)
            return;
        if (!strcmp(text, "Instruction"))
            continue;
        read_line(text, sizeof text, root, "%s%d/level", where, i);
        c->level = (int)number_of(text);
        read_line(text, sizeof text, root, "%s%d/size", where, i);
        const char unit = *text ? text[strlen(text) - 1] : 0;
        c->bytes = number_of(text) * (unit == 'K' ? 1024 : unit == 'M' ? 1048576 : 1);
        read_line(text, sizeof text, root, "%s%d/shared_cpu_list", where, i);
        c->shared = count_list(text);
        s->n_cache += c->bytes > 0;
    }
}

static void read_processor(ib_system *s, const char *root)
{
    char   text[256], *line = NULL, path[2 * PATH];
    size_t room = 0;

    read_caches(s, root);
    read_line(text, sizeof text, root, "/sys/devices/system/cpu/online");
    s->cpus = count_list(text);
    s->numa_nodes = entries(root, "/sys/devices/system/node", "node");
    s->numa_nodes = s->numa_nodes > 0 ? s->numa_nodes : 1;
    read_line(text, sizeof text, root, "/sys/devices/system/cpu/cpu0/topology/thread_siblings_list");
    s->threads_a_core = count_list(text);
    read_line(s->governor, sizeof s->governor, root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    read_line(text, sizeof text, root, "/sys/devices/system/cpu/cpufreq/boost");
    s->boost = (int)number_of(text);
    read_line(text, sizeof text, root, "/sys/devices/system/cpu/intel_pstate/no_turbo");
    if (*text)
        s->boost = number_of(text) == 0;
    read_line(s->clock_source, sizeof s->clock_source, root,
              "/sys/devices/system/clocksource/clocksource0/current_clocksource");
    snprintf(path, sizeof path, "%s/proc/cpuinfo", root);
    FILE *file = fopen(path, "r");
    while (file && getline(&line, &room, file) > 0)
        if (!strncmp(line, "flags", 5)) {
            s->virtualised = strstr(line, " hypervisor") != NULL;
            break;
        }
    free(line);
    if (file)
        fclose(file);
}

/* ---- memory and groups ----------------------------------------------------------------------------------- */

static void read_memory(ib_system *s, const char *root)
{
    char    path[2 * PATH], line[200];
    int64_t swap = 0, swap_free = 0;

    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        const char   *colon = strchr(line, ':');
        const int64_t bytes = colon ? 1024 * number_of(colon + 1) : 0;
        if (!strncmp(line, "MemAvailable:", 13))
            s->memory_available = bytes;
        else if (!strncmp(line, "SwapTotal:", 10))
            swap = bytes;
        else if (!strncmp(line, "SwapFree:", 9))
            swap_free = bytes;
    }
    if (file)
        fclose(file);
    s->swap_used = swap - swap_free;
    read_line(line, sizeof line, root, "/sys/kernel/mm/transparent_hugepage/enabled");
    char *chosen = strchr(line, '[');
    snprintf(s->huge_pages, sizeof s->huge_pages, "%.*s", chosen ? (int)strcspn(chosen + 1, "]") : 0,
             chosen ? chosen + 1 : "");
    read_line(line, sizeof line, root, "/proc/sys/kernel/numa_balancing");
    s->numa_balancing = (int)number_of(line);
}

static void take_quota(ib_system *s, double quota, double period)
{
    if (quota > 0 && period > 0 && (s->cpu_quota <= 0 || quota / period < s->cpu_quota))
        s->cpu_quota = quota / period;
}

/* Version 1 tells "no limit" by a number near 2^63. */
static void take_limit(ib_system *s, int64_t bytes)
{
    if (bytes > 0 && bytes < INT64_MAX / 2 && (s->memory_limit <= 0 || bytes < s->memory_limit))
        s->memory_limit = bytes;
}

/* A group and all above it. `controller` "": version 2. In a container the group itself may stand at the root. */
static void read_group(ib_system *s, const char *root, const char *controller, char *group)
{
    char text[200], period[64];

    for (;; *strrchr(group, '/') = 0) {
        if (!*controller) {
            read_line(text, sizeof text, root, "/sys/fs/cgroup%s/cpu.max", group);
            const char *second = strchr(text, ' ');
            take_quota(s, (double)number_of(text), second ? (double)number_of(second + 1) : 0);
            read_line(text, sizeof text, root, "/sys/fs/cgroup%s/memory.max", group);
            take_limit(s, number_of(text));
        } else if (!strcmp(controller, "cpu")) {
            read_line(text, sizeof text, root, "/sys/fs/cgroup/cpu%s/cpu.cfs_quota_us", group);
            read_line(period, sizeof period, root, "/sys/fs/cgroup/cpu%s/cpu.cfs_period_us", group);
            take_quota(s, (double)number_of(text), (double)number_of(period));
        } else {
            read_line(text, sizeof text, root, "/sys/fs/cgroup/memory%s/memory.limit_in_bytes", group);
            take_limit(s, number_of(text));
        }
        if (!strrchr(group, '/'))
            return;
    }
}

static bool holds(const char *list, const char *word)
{
    const size_t n = strlen(word);

    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == n && !strncmp(at, word, n))
            return true;
    return false;
}

/* Lines "number:controllers:/group". */
static void read_groups(ib_system *s, const char *root)
{
    char path[2 * PATH], line[PATH];

    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = 0;
        group[strcspn(group, "\n")] = 0;
        if (!strcmp(group, "/"))
            *group = 0;
        if (!controllers[1])
            read_group(s, root, "", group);
        else if (holds(controllers + 1, "cpu"))
            read_group(s, root, "cpu", group);
        else if (holds(controllers + 1, "memory"))
            read_group(s, root, "memory", group);
    }
    if (file)
        fclose(file);
}

/* ---- limits and disk ------------------------------------------------------------------------------------- */

static int64_t limit_of(int resource)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit))
        return -1;
    return limit.rlim_cur == RLIM_INFINITY ? INT64_MAX : (int64_t)limit.rlim_cur;
}

/* linux/magic.h, and those that are not in it. */
static const struct {
    uint32_t    number;
    const char *name;
    bool        shared;
} file_systems[] = {
    {0xef53, "ext4", false},      {0x58465342, "xfs", false},     {0x9123683e, "btrfs", false},
    {0x2fc12fc1, "zfs", false},   {0x794c7630, "overlay", false}, {0x01021994, "tmpfs", true},
    {0x6969, "nfs", true},        {0x0bd00bd0, "lustre", true},   {0x47504653, "gpfs", true},
    {0x19830326, "beegfs", true}, {0x00c36400, "ceph", true},     {0xff534d42, "cifs", true},
    {0x65735546, "fuse", true},   {0x01021997, "9p", true},
};

static void read_disk(ib_system *s, const char *folder)
{
    struct statfs  what;
    struct statvfs fs;

    if (!statvfs(folder, &fs))
        s->disk_free = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    if (statfs(folder, &what))
        return;
    snprintf(s->file_system, sizeof s->file_system, "0x%x", (unsigned int)what.f_type);
    for (size_t i = 0; i < sizeof file_systems / sizeof *file_systems; i++)
        if (file_systems[i].number == (uint32_t)what.f_type) {
            snprintf(s->file_system, sizeof s->file_system, "%s", file_systems[i].name);
            s->shared_disk = file_systems[i].shared;
        }
}

void ib_system_read(ib_system *out, const char *root, const char *folder)
{
    *out = (ib_system){.boost = -1, .numa_balancing = -1, .disk_free = -1};
    read_processor(out, root);
    read_memory(out, root);
    read_groups(out, root);
    out->fabric = entries(root, "/sys/class/infiniband", "") > 0;
    out->locked_memory = limit_of(RLIMIT_MEMLOCK);
    out->stack = limit_of(RLIMIT_STACK);
    out->open_files = limit_of(RLIMIT_NOFILE);
    read_disk(out, folder);
}
