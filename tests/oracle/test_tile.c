/* SPDX-License-Identifier: BSD-3-Clause */
/* Every instruction set and precision of the leaf loops against the textbook ones. */
#include "base/mem.h"
#include "gridder/convfn.h"
#include "gridder/kernel/kernel.h"
#include "ib_test.h"

#include <float.h>
#include <stdlib.h>

enum { SIDE = 400, N = 700, PLANES = 2, ROOM = IB_BATCH };

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

struct fixture {
    int32_t iu[N], iv[N];
    double  pu[N], pv[N];
    float   single[2][N]; /* the same, rounded */
    double  value[PLANES][N][2];
};

/* Samples in clusters, as tracks are, so that groups of many and of one occur. */
static void scatter(struct fixture *f, int support, int n_row, uint64_t seed)
{
    uint64_t state = seed;
    double   u = 0, v = 0;

    for (int k = 0; k < N; k++) {
        if (k % 40 == 0) {
            u = uniform(&state) * (SIDE - 2 * support - 120) + 8;
            v = uniform(&state) * (SIDE - 2 * support - 120) + 8;
        }
        f->iu[k] = (int32_t)(u + 6 * uniform(&state));
        f->iv[k] = (int32_t)(v + 6 * uniform(&state));
        f->pu[k] = uniform(&state) * (n_row - 1.001);
        f->pv[k] = uniform(&state) * (n_row - 1.001);
        f->single[0][k] = (float)f->pu[k];
        f->single[1][k] = (float)f->pv[k];
        for (int q = 0; q < PLANES; q++)
            for (int i = 0; i < 2; i++)
                f->value[q][k][i] = 2 * uniform(&state) - 1;
    }
}

/* Grid of all planes as doubles, whatever the precision. */
static void run(const ib_isa *isa, const struct fixture *f, const ib_convfn *fn, double *out)
{
    static _Alignas(64) char scratch[IB_SCRATCH_BYTES];
    ib_error                 err;
    const size_t             real = fn->precision == IB_DOUBLE ? sizeof(double) : sizeof(float);
    void                    *grid[PLANES], *value[PLANES];

    for (int q = 0; q < PLANES; q++) {
        grid[q] = ib_alloc_zero((size_t)SIDE * SIDE * 2, real, "grid", &err);
        value[q] = ib_alloc((size_t)N * 2, real, "values", &err);
        for (int k = 0; k < N; k++)
            for (int i = 0; i < 2; i++) {
                if (fn->precision == IB_DOUBLE)
                    ((double *)value[q])[2 * k + i] = f->value[q][k][i];
                else
                    ((float *)value[q])[2 * k + i] = (float)f->value[q][k][i];
            }
    }
    for (size_t first = 0; first < N; first += ROOM) {
        const void       *part[PLANES] = {(char *)value[0] + 2 * first * real, (char *)value[1] + 2 * first * real};
        const bool        twice = fn->precision == IB_DOUBLE;
        const ib_tile_job job = {
            .n = N - first < ROOM ? N - first : ROOM,
            .iu = f->iu + first,
            .iv = f->iv + first,
            .pu = twice ? (const void *)(f->pu + first) : f->single[0] + first,
            .pv = twice ? (const void *)(f->pv + first) : f->single[1] + first,
            .n_plane = PLANES,
            .value = part,
            .grid = grid,
            .stride = SIDE,
            .taps = fn->taps,
            .tap_stride = fn->stride,
            .linear = fn->lookup == IB_LINEAR,
            .support = fn->support,
            .scratch = scratch,
        };
        isa->grid[fn->precision](&job);
    }
    for (int q = 0; q < PLANES; q++)
        for (size_t i = 0; i < (size_t)SIDE * SIDE * 2; i++)
            out[(size_t)q * SIDE * SIDE * 2 + i] =
                fn->precision == IB_DOUBLE ? ((double *)grid[q])[i] : (double)((float *)grid[q])[i];
    for (int q = 0; q < PLANES; q++) {
        ib_free(grid[q]);
        ib_free(value[q]);
    }
}

/* A cell is a sum of at most 240 products (a cluster of 40 that may meet five others) of value <= 1 and two taps <= 1;
   each of the additions and the at most four roundings of a product are off by half an ulp of a sum that stays below 240. */
static void compare(ib_test *t, int precision)
{
    static struct fixture f;
    const double          epsilon = precision == IB_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON;
    const size_t          n = (size_t)PLANES * SIDE * SIDE * 2;
    double               *want = malloc(n * sizeof *want), *got = malloc(n * sizeof *got);

    for (int support = 3; support <= 129; support += support < 20 ? 1 : support < 50 ? 5 : 39)
        for (int lookup = IB_LINEAR; lookup <= IB_NEAREST; lookup++) {
            ib_convfn *fn;
            ib_error   err;
            IB_CHECK(t, ib_convfn_create(&fn, IB_KERNEL_KB, support, 16, 1.5, lookup, precision, &err) == IB_OK);
            scatter(&f, support, (int)fn->n_row, (uint64_t)support);
            run(ib_isa_find("reference"), &f, fn, want);
            for (size_t i = 0; ib_isa_at(i); i++) {
                double off = 0, sum = 0;
                if (!ib_isa_at(i)->usable())
                    continue;
                run(ib_isa_at(i), &f, fn, got);
                for (size_t k = 0; k < n; k++) {
                    off = fmax(off, fabs(got[k] - want[k]));
                    sum += fabs(got[k]);
                }
                IB_CHECK(t, sum > 1);
                IB_NEAR(t, off, 0, 240 * epsilon);
            }
            ib_convfn_destroy(fn);
        }
    free(want);
    free(got);
}

static void every_instruction_set_grids_as_the_textbook_in_single_precision(ib_test *t)
{
    compare(t, IB_SINGLE);
}

static void every_instruction_set_grids_as_the_textbook_in_double_precision(ib_test *t)
{
    compare(t, IB_DOUBLE);
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

enum { ROWS = 1000, CORRS = 3 };

/* Rows of every kind: good, flagged, not finite, without weight, too large, not used. */
static void awkward_rows(float (*vis)[2], float *weight, uint8_t *flag, uint8_t *use)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY, 1e30f, 0, -0.0f, 3e38f};
    uint64_t           state = 7;

    for (int i = 0; i < ROWS * CORRS; i++) {
        vis[i][0] = (float)(2 * uniform(&state) - 1);
        vis[i][1] = uniform(&state) < 0.05 ? bad[(int)(7 * uniform(&state))] : (float)(2 * uniform(&state) - 1);
        weight[i] = (float)(uniform(&state) < 0.1 ? -1 : uniform(&state) < 0.1 ? 0 : 1e9 * uniform(&state));
        if (uniform(&state) < 0.05)
            weight[i] = bad[(int)(7 * uniform(&state))];
        flag[i] = uniform(&state) < 0.1 ? (uint8_t)(1 + 254 * uniform(&state)) : 0;
        use[i % ROWS] = uniform(&state) < 0.9;
    }
}

/* Weights and values may differ by the roundings of the weight of two (four) and of the value (four): 8 half ulps. */
static void samples_are_weighed_as_the_textbook(ib_test *t)
{
    static float   vis[ROWS * CORRS][2], weight[ROWS * CORRS];
    static uint8_t flag[ROWS * CORRS], use[ROWS];
    static double  value[2][ROWS][2][2], natural[2][ROWS][2];

    awkward_rows(vis, weight, flag, use);
    for (int kind = 0; kind < 8; kind++)
        for (size_t i = 0; ib_isa_at(i); i++) {
            const ib_isa *isas[2] = {ib_isa_find("reference"), ib_isa_at(i)};
            const int     precision = kind & 1;
            const double  epsilon = precision == IB_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON;
            ib_weigh_job  job[2];
            if (!isas[1]->usable())
                continue;
            for (int k = 0; k < 2; k++) {
                job[k] = (ib_weigh_job){.n_row = ROWS,
                                        .n_corr = CORRS,
                                        .vis = (const float(*)[2])vis,
                                        .weight = weight,
                                        .flag = flag,
                                        .use = use,
                                        .n_in = kind < 2 ? 1 : 2,
                                        .in = {2, 0},
                                        .factor = {{0.5, 0}, {0, -0.5}},
                                        .rule = kind / 2 - 1,
                                        .n_plane = 2,
                                        .value = value[k],
                                        .natural = natural[k]};
                memset(value[k], 0, sizeof value[k]);
                memset(natural[k], 0, sizeof natural[k]);
                isas[k]->weigh[precision](&job[k]);
            }
            IB_CHECK(t, job[0].flagged > 50 && job[0].not_finite > 20 && job[0].weightless > 50);
            IB_CHECK(t, job[0].flagged == job[1].flagged && job[0].not_finite == job[1].not_finite &&
                            job[0].weightless == job[1].weightless);
            for (size_t r = 0; r < 2 * ROWS; r++) {
                double x[2][3];
                for (int k = 0; k < 2; k++)
                    for (int c = 0; c < 3; c++) {
                        const void  *from = c < 2 ? (void *)value[k] : natural[k];
                        const size_t at = c < 2 ? 2 * r + (size_t)c : r;
                        x[k][c] =
                            precision == IB_DOUBLE ? ((const double *)from)[at] : (double)((const float *)from)[at];
                    }
                const double size = fabs(x[0][0]) + fabs(x[0][1]) + x[0][2];
                for (int c = 0; c < 3; c++)
                    if (!(fabs(x[1][c] - x[0][c]) <= 4 * epsilon * size)) /* thousands of equal checks tell nothing */
                        IB_NEAR(t, x[1][c], x[0][c], 4 * epsilon * size);
            }
        }
}

/* Patches are what updates write: supports of all samples of a group must lie inside. */
static void patches_hold_the_supports_of_their_group(ib_test *t)
{
    for (size_t i = 0; ib_isa_at(i); i++)
        for (int precision = 0; precision < 2; precision++)
            for (int support = 3; support <= 129; support++) {
                ib_patch p;
                ib_isa_at(i)->patch[precision](support, &p);
                IB_CHECK(t, p.group_u >= 1 && p.group_v >= 1 && p.patch_u <= 160 && p.patch_v <= 160);
                IB_CHECK(t, p.group_u + support - 1 <= p.patch_u && p.group_v + support - 1 <= p.patch_v);
            }
}

static void only_usable_instruction_sets_are_found(ib_test *t)
{
    IB_CHECK(t, ib_isa_find("auto") != NULL);
    IB_TEXT(t, ib_isa_find(ib_isa_at(1)->name)->name, ib_isa_at(1)->name); /* the narrowest vectors are everywhere */
    IB_CHECK(t, ib_isa_find("sse9") == NULL);
}

IB_TEST_MAIN({IB_TEST(samples_are_weighed_as_the_textbook), IB_TEST(patches_hold_the_supports_of_their_group),
              IB_TEST(only_usable_instruction_sets_are_found),
              IB_TEST(every_instruction_set_grids_as_the_textbook_in_single_precision),
              IB_TEST(every_instruction_set_grids_as_the_textbook_in_double_precision)})
