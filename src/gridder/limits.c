/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/limits.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/trace.h"
#include "gridder/kernel/kernel.h"
#include "gridder/kernel/limit.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REPEAT = 64 };

/* clang-format off */
#define DECLARE(isa)                                                                               \
    double ib_limit_fma_##isa##_f32(size_t, double *), ib_limit_fma_##isa##_f64(size_t, double *); \
    double ib_limit_read_##isa(const void *, size_t);                                              \
    void   ib_limit_update_##isa(void *, size_t);
#define ROW(isa, name) {name, {ib_limit_fma_##isa##_f32, ib_limit_fma_##isa##_f64}, ib_limit_read_##isa, ib_limit_update_##isa}

DECLARE(base)
#ifdef __x86_64__
DECLARE(v3)
DECLARE(v4)
#endif

static const ib_limit_loops loops[] = { /* best last */
    ROW(base, IB_BASE),
#ifdef __x86_64__
    ROW(v3, "v3"),
    ROW(v4, "v4"),
#endif
};
/* clang-format on */

static const ib_limit_loops *best_loops(void)
{
    size_t i = sizeof loops / sizeof *loops;

    while (--i > 0 && !ib_isa_find(loops[i].isa))
        ;
    return &loops[i];
}

const char *ib_level_name(ib_level level)
{
    static const char *const names[] = {"L1", "L2", "L3", "DRAM"};
    return names[level];
}

/* What all threads do at once. */
typedef struct task {
    const ib_limit_loops *loops;
    int                   precision; /* of arithmetic */
    size_t                n;         /* rounds */
    char *const          *memory;    /* [thread], or NULL: arithmetic */
    size_t                bytes;
    bool                  writes;
} task;

/* One thread's work: FLOP, or bytes moved. */
static double work(const task *t, int thread)
{
    double done = 0, sum = 0; /* nobody wants the sum; the loops cannot know */

    if (!t->memory)
        done = t->loops->fma[t->precision](t->n, &sum);
    for (size_t k = 0; t->memory && k < t->n; k++) {
        if (t->writes)
            t->loops->update(t->memory[thread], t->bytes);
        else
            sum += t->loops->read(t->memory[thread], t->bytes);
        done += (double)t->bytes * (t->writes ? 2 : 1);
    }
    (void)sum;
    return done;
}

/* Work per second of n_thread threads that begin together, until the last one has ended. */
static double rate(const task *t, int n_thread, double *seconds)
{
    double first = INFINITY, last = 0, done = 0;

#pragma omp parallel num_threads(n_thread) reduction(min : first) reduction(max : last) reduction(+ : done)
    {
#pragma omp barrier
        first = ib_now();
        done = work(t, omp_get_thread_num());
        last = ib_now();
    }
    *seconds = last - first;
    return done / *seconds;
}

/* Rounds that last about `seconds`, found by one thread from the best of three tries each: a neighbour must not make them
   look longer than they are. That search is the warm-up, too. */
static size_t rounds(task *t, double seconds)
{
    double took, best;

    for (t->n = 1;; t->n *= 2) {
        best = INFINITY;
        for (int k = 0; k < 3; k++) {
            rate(t, 1, &took);
            best = fmin(best, took);
        }
        if (best >= seconds / 4)
            return (size_t)fmax(1, (double)t->n * seconds / best);
    }
}

/* Of one thread and of all, the same rounds in every repetition. */
static void measure(task *t, int n_thread, size_t n_repeat, double seconds, ib_spread out[2])
{
    double value[MAX_REPEAT], took;

    t->n = rounds(t, seconds);
    for (int all = 0; all < 2; all++) {
        for (size_t r = 0; r < n_repeat; r++)
            value[r] = rate(t, all ? n_thread : 1, &took);
        out[all] = ib_spread_of(value, n_repeat);
    }
}

/* Bytes of the data cache of a level, 0 where the system does not tell. The C library's answer is of no use for the third
   level of a virtual machine: it counts that of processors one does not have. */
static size_t cache_size(int level)
{
    size_t size = 0;

    for (int i = 0; i < 8 && !size; i++) {
        static const char *const fact[] = {"level", "type", "size"};
        char                     text[3][32] = {"", "", ""}, path[80];
        for (int k = 0; k < 3; k++) {
            snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", i, fact[k]);
            FILE *file = fopen(path, "r");
            if (file && !fgets(text[k], sizeof text[k], file))
                text[k][0] = 0;
            if (file)
                fclose(file);
        }
        if (strtol(text[0], NULL, 10) == level && strncmp(text[1], "Instruction", 11) != 0)
            size = strtoul(text[2], NULL, 10) << (strchr(text[2], 'M') ? 20 : 10);
    }
    return size;
}

/* Working sets in the middle of a level: half of a cache, memory far beyond the last one. */
static void choose_sizes(ib_limits *out)
{
    static const size_t otherwise[] = {32 << 10, 512 << 10, 16 << 20};
    size_t              size = 0;

    for (int level = IB_L1; level <= IB_L3; level++) {
        size = cache_size(level + 1) ? cache_size(level + 1) : otherwise[level];
        out->bytes[level] = size / 2 / (level == IB_L3 ? (size_t)out->n_thread : 1); /* the third is shared */
    }
    out->bytes[IB_DRAM] = 4 * size / (size_t)out->n_thread + (64 << 20);
    for (int level = 0; level < IB_N_LEVELS; level++)
        out->bytes[level] = out->bytes[level] / IB_LIMIT_PIECE * IB_LIMIT_PIECE;
}

static ib_status measure_memory(ib_limits *out, const ib_limit_loops *with, size_t n_repeat, double seconds,
                                ib_error *err)
{
    ib_status rc = IB_OK;

    choose_sizes(out);
    char **memory = ib_alloc_zero((size_t)out->n_thread, sizeof *memory, "threads", err);
    if (!memory)
        return err->status;
    for (int t = 0; t < out->n_thread && !rc; t++) {
        memory[t] = ib_alloc_zero(out->bytes[IB_DRAM], 1, "memory to be measured", err);
        rc = memory[t] ? IB_OK : err->status;
    }
    for (int level = 0; level < IB_N_LEVELS && !rc; level++) {
        task t = {.loops = with, .memory = memory, .bytes = out->bytes[level]};
        measure(&t, out->n_thread, n_repeat, seconds, out->read[level]);
        t.writes = true;
        measure(&t, out->n_thread, n_repeat, seconds, out->update[level]);
    }
    for (int t = 0; t < out->n_thread; t++)
        ib_free(memory[t]);
    ib_free(memory);
    return rc;
}

ib_status ib_limits_measure(ib_limits *out, int n_thread, size_t n_repeat, double seconds, bool memory, ib_error *err)
{
    const ib_limit_loops *with = best_loops();

    if (n_repeat < 1 || n_repeat > MAX_REPEAT)
        return ib_fail(err, IB_EUSAGE, "%zu repetitions: between 1 and %d are taken", n_repeat, MAX_REPEAT);
    memset(out, 0, sizeof *out);
    snprintf(out->isa, sizeof out->isa, "%s", with->isa);
    out->n_thread = n_thread;
    for (int precision = IB_SINGLE; precision <= IB_DOUBLE; precision++) {
        task t = {.loops = with, .precision = precision};
        measure(&t, n_thread, n_repeat, seconds, out->fma[precision]);
    }
    return memory ? measure_memory(out, with, n_repeat, seconds, err) : IB_OK;
}

/* Between one thread and all of them, each adds the same. All can do at least what one does, whatever a neighbour took. */
static double shared(double one, double all, int n_all, int n)
{
    all = fmax(one, all);
    return n >= n_all ? all : n == 1 ? one : one + (all - one) * (n - 1) / (n_all - 1);
}

double ib_limits_flops(const ib_limits *limits, int precision, int n_thread)
{
    const ib_spread *fma = limits->fma[precision];
    return shared(fma[0].max, fma[1].max, limits->n_thread, n_thread);
}

double ib_limits_bandwidth(const ib_limits *limits, ib_level level, int n_thread)
{
    const ib_spread *update = limits->update[level];
    return limits->bytes[level] ? shared(update[0].max, update[1].max, limits->n_thread, n_thread) : 0;
}

ib_level ib_limits_level(const ib_limits *limits, double bytes)
{
    for (int level = IB_L1; level < IB_DRAM; level++)
        if (bytes <= 2 * (double)limits->bytes[level])
            return (ib_level)level;
    return IB_DRAM;
}

/* ---- bounds ------------------------------------------------------------------------------------------------- */

static ib_need grid_need(const ib_result *r)
{
    const double terms = r->w_terms ? r->w_terms * (r->w_slabs > 1 ? 2 : 1) : 1;
    const double planes = terms * (r->n_stokes && r->n_plane > r->n_chan * r->n_stokes ? 2 : 1); /* dirty, PSF */
    const double taps = (double)r->support * r->support, n_stokes = (double)r->n_stokes;
    const double sample = sizeof(float[2]) + sizeof(float) + 1; /* itself, weight, flag */
    const double row = sizeof(double[3]) + sizeof(uint32_t);    /* u, v, w; place in the order */

    if (!r->n_stokes)
        return (ib_need){0};
    return (ib_need){
        .flops = 4 * taps * (double)r->counts.gridded * planes,
        .bytes = (double)r->counts.read / n_stokes * ((double)r->n_corr * sample + row),
        .set = INFINITY,
    };
}

static ib_need fft_need(const ib_result *r)
{
    const double images = r->w_terms ? r->w_terms * (2 * r->w_slabs - 1) : 1;
    const double nu = (double)r->grid_nx, nv = (double)r->grid_ny, columns = (double)r->columns;
    const double nx = (double)r->nx, ny = (double)r->ny, n = (double)(r->n_plane - r->n_blank) * images;
    const double cell = 2 * (r->precision == IB_DOUBLE ? sizeof(double) : sizeof(float));

    if (!(nu > 1 && nv > 1))
        return (ib_need){0};
    return (ib_need){
        .flops = n * (columns * 5 * nv * log2(nv) + ny * 2.5 * nu * log2(nu)),
        .bytes = n * (2 * columns * cell * (nv + ny) + nx * ny * sizeof(float)),
        .set = columns * nv * cell,
    };
}

ib_need ib_phase_need(const ib_result *r, ib_phase phase)
{
    switch (phase) {
    case IB_PHASE_GRID:
        return grid_need(r);
    case IB_PHASE_FFT:
        return fft_need(r);
    case IB_PHASE_WEIGH:
        return (ib_need){.bytes = (double)r->counts.read * (sizeof(float) + 1), .set = INFINITY};
    case IB_PHASE_READ:
        return (ib_need){.read = (double)r->bytes_read};
    case IB_PHASE_WRITE:
        return (ib_need){.written = (double)r->bytes_written};
    default:
        return (ib_need){0};
    }
}

double ib_phase_seconds(const ib_result *r, ib_phase phase)
{
    return r->phase[phase].mean_s + (phase == IB_PHASE_WRITE ? r->phase[IB_PHASE_CLOSE].mean_s : 0);
}

/* Seconds that a limit allows, 0 when either is not known. */
static double least(double work, double rate)
{
    return work > 0 && rate > 0 ? work / rate : 0;
}

ib_bound ib_bound_of(const ib_need *need, double seconds, const ib_limits *l, int precision, int n_thread, int n_node)
{
    const ib_level level = ib_limits_level(l, need->set);
    const double   arithmetic = least(need->flops, n_node * ib_limits_flops(l, precision, n_thread));
    const double   memory = least(need->bytes, n_node * ib_limits_bandwidth(l, level, n_thread));
    const double   disk = least(need->read, l->disk.read.max) + least(need->written, l->disk.write.max);
    const double   traffic = fmax(memory, disk);
    ib_bound       b = {(double)NAN, (double)NAN, "", (double)NAN};

    if (!(seconds > 0))
        return b;
    if (arithmetic > 0)
        b.arithmetic = arithmetic / seconds;
    if (traffic > 0)
        b.traffic = traffic / seconds;
    if (arithmetic > 0 || traffic > 0) {
        b.nearest = arithmetic >= traffic ? "FMA" : memory >= disk ? ib_level_name(level) : "disk";
        b.share = fmax(arithmetic, traffic) / seconds;
    }
    return b;
}
