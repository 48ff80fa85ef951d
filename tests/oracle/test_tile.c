/* SPDX-License-Identifier: BSD-3-Clause */
/* Every instruction set and precision of the leaf loops against the textbook ones. */
#include "base/mem.h"
#include "gridder/convfn.h"
#include "gridder/kernel/kernel.h"
#include "ib_test.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 400, N = 700, PLANES = 8, ROOM = IB_BATCH };

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

struct fixture {
    int32_t iu[N + IB_RANK], iv[N + IB_RANK];
    double  pu[N + IB_RANK], pv[N + IB_RANK];
    float   single[2][N + IB_RANK]; /* the same, rounded */
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

/* Grid of the first planes as doubles, whatever the precision. */
static void run(const ib_isa *isa, const struct fixture *f, const ib_convfn *fn, int planes, double *out)
{
    static _Alignas(64) char scratch[IB_SCRATCH_BYTES];
    ib_error                 err;
    ib_patch                 patch;
    const bool               twice = fn->precision == IB_DOUBLE;
    const size_t             real = twice ? sizeof(double) : sizeof(float), record = 2 * (size_t)planes;
    void                    *grid = ib_alloc_zero((size_t)SIDE * SIDE * record, real, "grid", &err);
    void                    *value = ib_alloc(N * record, real, "values", &err);

    for (size_t k = 0; k < N * record; k++) {
        const double x = f->value[k % record / 2][k / record][k % 2];
        if (twice)
            ((double *)value)[k] = x;
        else
            ((float *)value)[k] = (float)x;
    }
    isa->patch[fn->precision](fn->support, planes, &patch);
    for (size_t first = 0; first < N; first += ROOM) {
        const ib_tile_job job = {
            .n = N - first < ROOM ? N - first : ROOM,
            .iu = f->iu + first,
            .iv = f->iv + first,
            .pu = twice ? (const void *)(f->pu + first) : f->single[0] + first,
            .pv = twice ? (const void *)(f->pv + first) : f->single[1] + first,
            .planes = planes,
            .value = (char *)value + first * record * real,
            .grid = grid,
            .stride = SIDE,
            .patch = &patch,
            .taps = fn->taps,
            .tap_stride = fn->stride,
            .linear = fn->lookup == IB_LINEAR,
            .support = fn->support,
            .scratch = scratch,
        };
        isa->grid[fn->precision](&job);
    }
    for (size_t i = 0; i < (size_t)SIDE * SIDE * record; i++)
        out[i] = twice ? ((double *)grid)[i] : (double)((float *)grid)[i];
    ib_free(grid);
    ib_free(value);
}

/* A cell is a sum of at most 240 products (a cluster of 40 that may meet five others) of value <= 1 and two taps <= 1;
   each of the additions and the at most four roundings of a product are off by half an ulp of a sum that stays below 240. */
static void compare(ib_test *t, int precision)
{
    static struct fixture f;
    const double          epsilon = precision == IB_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON;
    const size_t          room = (size_t)PLANES * SIDE * SIDE * 2;
    double               *want = malloc(room * sizeof *want), *got = malloc(room * sizeof *got);
    int                   planes = 1, lookup = IB_LINEAR;

    for (int support = 3; support <= 129; support += support < 20 ? 1 : support < 50 ? 5 : 39)
        for (int kind = 0; kind < 4; kind++) {
            ib_convfn *fn;
            ib_error   err;
            planes = planes < PLANES ? 2 * planes : 1;
            lookup = planes == 1 ? IB_LINEAR + IB_NEAREST - lookup : lookup;
            const size_t n = (size_t)planes * SIDE * SIDE * 2;
            IB_CHECK(t, ib_convfn_create(&fn, IB_KERNEL_KB, support, 16, 1.5, lookup, precision, &err) == IB_OK);
            scatter(&f, support, (int)fn->n_row, (uint64_t)support);
            run(ib_isa_find("reference"), &f, fn, planes, want);
            for (size_t i = 0; ib_isa_at(i); i++) {
                double off = 0, sum = 0;
                if (!ib_isa_at(i)->usable())
                    continue;
                run(ib_isa_at(i), &f, fn, planes, got);
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

/* A sample of 1 and many of a quarter of its last bit: added one by one all of these would be lost. Of those that come with
   the first one, 31 at most, that is so; the rest are added to each other first. */
static void small_samples_beside_a_large_one_are_not_lost(ib_test *t)
{
    static struct fixture f;
    ib_error              err;
    ib_convfn            *fn;
    double               *got = malloc(2 * sizeof *got * SIDE * SIDE);
    const double          small = (double)FLT_EPSILON / 4;

    IB_CHECK(t, ib_convfn_create(&fn, IB_KERNEL_KB, 7, 16, 1.5, IB_NEAREST, IB_SINGLE, &err) == IB_OK);
    for (int k = 0; k < N; k++) { /* all in the middle of a cell */
        f.iu[k] = f.iv[k] = 100;
        f.single[0][k] = f.single[1][k] = (float)-fn->first;
        f.value[0][k][0] = k ? small : 1;
    }
    for (size_t i = 0; ib_isa_at(i); i++) {
        if (!ib_isa_at(i)->usable() || !strcmp(ib_isa_at(i)->name, "reference"))
            continue;
        run(ib_isa_at(i), &f, fn, 1, got);
        const double sum = got[2 * ((size_t)(100 + fn->half) * SIDE + (size_t)(100 + fn->half))];
        IB_NEAR(t, sum - 1, (N - 1) * small, (IB_RANK + 1) * small);
    }
    ib_convfn_destroy(fn);
    free(got);
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

enum { ROWS = 1000, CORRS = 3 }; /* three: no loop is made for them */

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
    static double  value[2][ROWS][8][2], natural[2][ROWS][4];

    awkward_rows(vis, weight, flag, use);
    /* Kinds: precision; one correlation or two by each rule, or all as they are; with the weights beside the values, or in
       the places of PSFs among them. */
    for (int kind = 0; kind < 20; kind++)
        for (size_t i = 0; ib_isa_at(i); i++) {
            const ib_isa *isas[2] = {ib_isa_find("reference"), ib_isa_at(i)};
            const int     precision = kind & 1;
            const double  epsilon = precision == IB_DOUBLE ? DBL_EPSILON : (double)FLT_EPSILON;
            ib_weigh_job  job[2];
            if (!isas[1]->usable())
                continue;
            const int    rule = kind / 2 % 5 - 1, side = rule == 3 ? CORRS : 1; /* -1: one correlation, 3: all */
            const bool   psf = kind >= 10;
            const size_t real = precision == IB_DOUBLE ? sizeof(double) : sizeof(float);
            for (int k = 0; k < 2; k++) {
                job[k] =
                    (ib_weigh_job){.n_row = ROWS,
                                   .n_corr = CORRS,
                                   .vis = (const float(*)[2])vis,
                                   .weight = weight,
                                   .flag = flag,
                                   .use = use,
                                   .side = side,
                                   .n_in = rule >= 0 && rule < 3 ? 2 : 1,
                                   .in = {side > 1 ? 0 : CORRS - 1, 0},
                                   .factor = {{0.5, 0}, {0, -0.5}},
                                   .rule = rule,
                                   .value_step = (size_t)(psf ? 4 : 2) * (size_t)side,
                                   .weight_step = (size_t)(psf ? 4 : 1) * (size_t)side,
                                   .weight_side = psf ? 2 : 1,
                                   .value = value[k],
                                   .natural = psf ? (char *)value[k] + 2 * (size_t)side * real : (void *)natural[k]};
                memset(value[k], 0, sizeof value[k]);
                memset(natural[k], 0, sizeof natural[k]);
                isas[k]->weigh[precision](&job[k]);
            }
            for (int c = 0; c < side; c++) {
                IB_CHECK(t, job[0].flagged[c] > 50 && job[0].not_finite[c] > 20 && job[0].weightless[c] > 50);
                IB_CHECK(t, job[0].flagged[c] == job[1].flagged[c] && job[0].not_finite[c] == job[1].not_finite[c] &&
                                job[0].weightless[c] == job[1].weightless[c]);
            }
            for (size_t at = 0; at < ROWS * (size_t)side; at++) {
                const size_t r = at / (size_t)side, c = at % (size_t)side;
                double       x[2][3];
                for (int k = 0; k < 2; k++)
                    for (size_t part = 0; part < 3; part++) {
                        const void  *from = part < 2 ? job[k].value : job[k].natural;
                        const size_t here = part < 2 ? r * job[k].value_step + 2 * c + part
                                                     : r * job[k].weight_step + c * job[k].weight_side;
                        x[k][part] = precision == IB_DOUBLE ? ((const double *)from)[here]
                                                            : (double)((const float *)from)[here];
                    }
                const double size = fabs(x[0][0]) + fabs(x[0][1]) + x[0][2];
                for (int part = 0; part < 3; part++)
                    if (!(fabs(x[1][part] - x[0][part]) <= 4 * epsilon * size)) /* thousands of checks tell nothing */
                        IB_NEAR(t, x[1][part], x[0][part], 4 * epsilon * size);
            }
        }
}

/* The usual numbers of correlations have loops of their own: those of three must not stand for them. */
static void usual_shapes_are_weighed_as_unusual_ones(ib_test *t)
{
    static float   vis[ROWS * CORRS][2], weight[ROWS * CORRS];
    static uint8_t flag[ROWS * CORRS], use[ROWS];
    static float   value[2][ROWS * 32], natural[2][ROWS * 32];

    awkward_rows(vis, weight, flag, use);
    for (int n_corr = 1; n_corr <= 4; n_corr *= 2)
        for (int kind = 0; kind < 8; kind++)
            for (size_t i = 0; ib_isa_at(i); i++) {
                const bool psf = kind & 1, plain = kind & 2, two = kind & 4;
                const int  side = plain ? n_corr : 1;
                if (!ib_isa_at(i)->usable() || (two && (n_corr == 1 || plain)))
                    continue;
                for (int k = 0; k < 2; k++) { /* the second time with a gap that no usual shape has */
                    const size_t gap = k ? 3 : 0;
                    ib_weigh_job job = {.n_row = ROWS * CORRS / 4 - 5,
                                        .n_corr = (size_t)n_corr,
                                        .vis = (const float(*)[2])vis,
                                        .weight = weight,
                                        .flag = flag,
                                        .use = use,
                                        .side = side,
                                        .n_in = two ? 2 : 1,
                                        .in = {plain ? 0 : n_corr - 1, 0},
                                        .factor = {{0.5, 0}, {0.5, 0}},
                                        .value_step = (size_t)(psf ? 4 : 2) * (size_t)side + gap,
                                        .weight_step = (psf ? 4 : 1) * (size_t)side + gap,
                                        .weight_side = psf ? 2 : 1,
                                        .value = value[k],
                                        .natural = psf ? value[k] + 2 * side : natural[k]};
                    ib_isa_at(i)->weigh[IB_SINGLE](&job);
                }
                size_t n_other = 0;
                for (size_t r = 0; r < ROWS * CORRS / 4 - 5; r++)
                    for (size_t c = 0; c < (size_t)side; c++) {
                        const size_t v = (size_t)(psf ? 4 : 2) * (size_t)side,
                                     w = (size_t)(psf ? 4 : 1) * (size_t)side;
                        const size_t each = psf ? 2 : 1;
                        const float *a = value[0] + r * v + 2 * c, *b = value[1] + r * (v + 3) + 2 * c;
                        const float *p = psf ? value[0] + r * v + 2 * side + c * each : natural[0] + r * w + c * each;
                        const float *q =
                            psf ? value[1] + r * (v + 3) + 2 * side + c * each : natural[1] + r * (w + 3) + c * each;
                        n_other += a[0] != b[0] || a[1] != b[1] || *p != *q;
                    }
                IB_CHECK(t, n_other == 0);
            }
}

/* Patches are what updates write: supports of all samples of a group must lie inside. */
static void patches_hold_the_supports_of_their_group(ib_test *t)
{
    for (size_t i = 0; ib_isa_at(i); i++)
        for (int precision = 0; precision < 2; precision++)
            for (int support = 3; support <= 129; support++) {
                ib_patch p;
                ib_isa_at(i)->patch[precision](support, 1 << support % 4, &p);
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

IB_TEST_MAIN({IB_TEST(samples_are_weighed_as_the_textbook), IB_TEST(usual_shapes_are_weighed_as_unusual_ones),
              IB_TEST(patches_hold_the_supports_of_their_group), IB_TEST(only_usable_instruction_sets_are_found),
              IB_TEST(every_instruction_set_grids_as_the_textbook_in_single_precision),
              IB_TEST(every_instruction_set_grids_as_the_textbook_in_double_precision),
              IB_TEST(small_samples_beside_a_large_one_are_not_lost)})
