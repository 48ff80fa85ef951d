/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of instruction sets, and the choice. */
#include "gridder/kernel/depth.h"
#include "gridder/kernel/direct.h"
#include "gridder/kernel/kernel.h"
#include "gridder/kernel/lines.h"

#include <string.h>

/* clang-format off */
#define DECLARE(isa)                                                              \
    void ib_grid_##isa##_f32(const ib_tile_job *), ib_grid_##isa##_f64(const ib_tile_job *);  \
    void ib_patch_##isa##_f32(int, int, ib_patch *), ib_patch_##isa##_f64(int, int, ib_patch *);        \
    void ib_mosaic_##isa##_f32(const ib_mosaic_job *), ib_mosaic_##isa##_f64(const ib_mosaic_job *);    \
    void ib_mosaic_patch_##isa##_f32(int, int, ib_patch *), ib_mosaic_patch_##isa##_f64(int, int, ib_patch *); \
    void ib_weigh_##isa##_f32(ib_weigh_job *), ib_weigh_##isa##_f64(ib_weigh_job *);          \
    void ib_locate_##isa(ib_locate_job *);
#define ROW(isa, name, help)                                                      \
    {name, help, usable_##isa, {ib_weigh_##isa##_f32, ib_weigh_##isa##_f64}, ib_locate_##isa, \
     {ib_grid_##isa##_f32, ib_grid_##isa##_f64}, {ib_patch_##isa##_f32, ib_patch_##isa##_f64}, \
     {ib_mosaic_##isa##_f32, ib_mosaic_##isa##_f64}, {ib_mosaic_patch_##isa##_f32, ib_mosaic_patch_##isa##_f64}}
/* clang-format on */

DECLARE(reference)
DECLARE(base)

static int usable_reference(void)
{
    return 1;
}

static int usable_base(void)
{
    return 1;
}

#ifdef __x86_64__
DECLARE(v3)
DECLARE(v4)

static int usable_v3(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int usable_v4(void)
{
    return usable_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
}
#endif

/* clang-format off */
static const ib_isa isas[] = {
    ROW(reference, "reference", "textbook loops in plain C, one sample after the other"),
    ROW(base, IB_BASE, "128-bit vectors: every machine"),
#ifdef __x86_64__
    ROW(v3, "v3", "256-bit vectors: AVX2 and FMA"),
    ROW(v4, "v4", "512-bit vectors: AVX-512"),
#endif
};
/* clang-format on */

enum { N_ISAS = sizeof isas / sizeof *isas };

const ib_isa *ib_isa_at(size_t i)
{
    return i < N_ISAS ? &isas[i] : NULL;
}

const ib_isa *ib_isa_find(const char *name)
{
    for (size_t i = N_ISAS; i-- > 0;)
        if ((!strcmp(name, "auto") || !strcmp(name, isas[i].name)) && isas[i].usable())
            return &isas[i];
    return NULL;
}

/* Tables of an instruction set. */
typedef struct tables {
    const char           *isa;
    const ib_lines       *lines[2];
    const ib_depths      *depths[2];
    const ib_direct_loop *direct[2];
} tables;

/* clang-format off */
#define DECLARE_TABLES(isa)                                   \
    extern const ib_lines ib_lines_##isa##_f32, ib_lines_##isa##_f64; \
    extern const ib_depths ib_depths_##isa##_f32, ib_depths_##isa##_f64; \
    extern const ib_direct_loop ib_direct_##isa##_f32, ib_direct_##isa##_f64;
#define TABLES(isa, name) \
    {name, {&ib_lines_##isa##_f32, &ib_lines_##isa##_f64}, {&ib_depths_##isa##_f32, &ib_depths_##isa##_f64}, \
     {&ib_direct_##isa##_f32, &ib_direct_##isa##_f64}}
/* clang-format on */

DECLARE_TABLES(base)
#ifdef __x86_64__
DECLARE_TABLES(v3)
DECLARE_TABLES(v4)
#endif

static const tables *find_tables(const char *isa)
{
    static const tables all[] = {
#ifdef __x86_64__
        TABLES(v4, "v4"),
        TABLES(v3, "v3"),
#endif
        TABLES(base, IB_BASE),
    };
    size_t i = 0;

    while (i + 1 < sizeof all / sizeof *all && strcmp(all[i].isa, isa) != 0)
        i++;
    return &all[i];
}

const ib_lines *ib_lines_find(const char *isa, int precision)
{
    return find_tables(isa)->lines[precision];
}

const ib_depths *ib_depths_find(const char *isa, int precision)
{
    return find_tables(isa)->depths[precision];
}

const ib_direct_loop *ib_direct_find(const char *isa, int precision)
{
    return find_tables(isa)->direct[precision];
}
