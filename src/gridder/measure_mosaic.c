/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/error.h"
#include "base/mem.h"
#include "base/trace.h"
#include "gridder/kernel/kernel.h"
#include "gridder/kernel/textbook.h"
#include "gridder/measure.h"

#include <math.h>
#include <string.h>

/* Samples as a sorted mosaic has them: groups of IN_GROUP, one beside the other in a tile. A run is what a track leaves behind while it crosses
   a square of the table: samples of one pointing, side by side. Rows of the grid are no power of two apart, which would let
   them share few sets of the cache. */
enum {
    N = 2048,
    IN_GROUP = 16,
    POINTINGS = 32,
    PLANES = 4, /* two correlations and their PSFs: what a run has unless told otherwise */
    SIDE = 520,
    TILE = 96,
    OVERSAMPLING = 8, /* of the textbook's table */
    PASSES = 4
};

typedef struct subject {
    ib_mosaic_case     how;
    const ib_isa      *isa;
    const ib_textbook *textbook;
    ib_patch           patch;
    int32_t            iu[N], iv[N], pair[N], pointing[N];
    double             at[N][2]; /* cells */
    void              *pu, *pv, *value, *grid, *phase[2], *taps, *plane[PLANES], *scratch;
    ib_mosaic_table    table;
} subject;

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

/* n reals between -1 and 1. */
static void *reals(size_t n, int precision, uint64_t *state, ib_error *err)
{
    void *out = ib_alloc(n, precision == IB_DOUBLE ? sizeof(double) : sizeof(float), "samples", err);

    for (size_t i = 0; out && i < n; i++)
        if (precision == IB_DOUBLE)
            ((double *)out)[i] = 2 * uniform(state) - 1;
        else
            ((float *)out)[i] = (float)(2 * uniform(state) - 1);
    return out;
}

static void place(subject *s, uint64_t *state)
{
    const int support = s->how.support, across = TILE / s->patch.group_u, o = s->table.oversampling;
    int       cell[2] = {0, 0}, square[2] = {0, 0};

    for (int k = 0; k < N; k++) {
        const int group = k / IN_GROUP, column = group % across * s->patch.group_u;
        const int row = group / across * s->patch.group_v % TILE;
        if (k % s->how.run == 0)
            for (int axis = 0; axis < 2; axis++) {
                cell[axis] = (int)(uniform(state) * ((axis ? s->patch.group_v : s->patch.group_u) < 2 ? 1 : 2));
                square[axis] = (int)(uniform(state) * o);
            }
        s->iu[k] = column + cell[0];
        s->iv[k] = row + cell[1];
        s->pointing[k] = k / s->how.run % POINTINGS;
        for (int axis = 0; axis < 2; axis++) {
            const double position = square[axis] + uniform(state);
            void *const  to = axis ? s->pv : s->pu;
            s->at[k][axis] = (axis ? s->iv[k] : s->iu[k]) + support / 2 + 0.5 - position / o;
            if (s->how.precision == IB_DOUBLE)
                ((double *)to)[k] = position;
            else
                ((float *)to)[k] = (float)position;
        }
    }
}

static ib_status prepare(subject *s, const ib_mosaic_case *how, ib_error *err)
{
    const int    precision = how->precision;
    const size_t support = (size_t)how->support, offsets = OVERSAMPLING + 1;
    const int    squares = how->support < 25 ? 24 / (how->support - 3 > 0 ? how->support - 3 : 1) : 1;
    uint64_t     state = 20240521;
    bool         ok;

    s->how = *how;
    if (how->support < 3 || how->support > 129 || how->run < 1)
        return ib_fail(err, IB_EUSAGE, "support %d, runs of %d: 3..129 and 1 or more are taken", how->support,
                       how->run);
    if (!strcmp(how->isa, IB_TEXTBOOK))
        s->textbook = ib_textbook_best();
    s->isa = ib_isa_find(s->textbook ? "reference" : how->isa);
    if (!s->isa)
        return ib_fail(err, IB_EUNSUPPORTED, "this machine has no instruction set %s", how->isa);
    s->isa->mosaic_patch[precision](how->support, PLANES, &s->patch);
    s->table = (ib_mosaic_table){.columns = (support / 16 + 1) * 16,
                                 .rows = support + IB_MOSAIC_SLACK,
                                 .support = how->support,
                                 .oversampling = squares < 1 ? 1 : squares};
    const size_t before = (IB_MOSAIC_SLACK + 1) * IB_MOSAIC_TERMS * s->table.columns,
                 o = (size_t)s->table.oversampling;
    const size_t of_tables = before + o * o * s->table.rows * IB_MOSAIC_TERMS * s->table.columns;
    ok = (s->pu = reals(N, precision, &state, err)) && (s->pv = reals(N, precision, &state, err)) &&
         (s->value = reals(2 * PLANES * N, precision, &state, err)) &&
         (s->grid = reals((size_t)2 * PLANES * SIDE * SIDE, precision, &state, err)) &&
         (s->scratch = ib_alloc(1, IB_SCRATCH_BYTES, "scratch", err));
    for (int axis = 0; ok && axis < 2; axis++)
        ok = (s->phase[axis] = reals((size_t)POINTINGS * 2 * SIDE, precision, &state, err)) != NULL;
    ok = ok &&
         (s->taps = reals(s->textbook ? offsets * offsets * support * support : of_tables, precision, &state, err));
    if (ok)
        s->table.taps = (char *)s->taps + before * (precision == IB_DOUBLE ? sizeof(double) : sizeof(float));
    for (int p = 0; ok && p < PLANES; p++)
        ok = (s->plane[p] = reals(2 * N, precision, &state, err));
    if (ok)
        place(s, &state);
    return ok ? IB_OK : err->status;
}

static void finish(subject *s)
{
    void *const own[] = {s->pu, s->pv, s->value, s->grid, s->phase[0], s->phase[1], s->taps, s->scratch};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        ib_free(own[i]);
    for (int p = 0; p < PLANES; p++)
        ib_free(s->plane[p]);
}

static void add(const subject *s)
{
    const ib_mosaic_job job = {.n = N,
                               .iu = s->iu,
                               .iv = s->iv,
                               .pu = s->pu,
                               .pv = s->pv,
                               .pair = s->pair,
                               .pointing = s->pointing,
                               .planes = PLANES,
                               .value = s->value,
                               .grid = s->grid,
                               .stride = SIDE,
                               .patch = &s->patch,
                               .table = s->table,
                               .phase_u = s->phase[0],
                               .phase_v = s->phase[1],
                               .phase_columns = SIDE,
                               .phase_rows = SIDE,
                               .scratch = s->scratch};
    s->isa->mosaic[s->how.precision](&job);
}

static void add_textbook(const subject *s)
{
    for (int p = 0; p < PLANES; p++)
        s->textbook->mosaic[s->how.precision](&(ib_textbook_mosaic_job){.n = N,
                                                                        .at = s->at,
                                                                        .pointing = s->pointing,
                                                                        .value = s->plane[p],
                                                                        .grid = s->grid,
                                                                        .side = SIDE,
                                                                        .taps = s->taps,
                                                                        .support = s->how.support,
                                                                        .oversampling = OVERSAMPLING,
                                                                        .phase = {s->phase[0], s->phase[1]}});
}

/* Samples per second. */
static double rate(const subject *s)
{
    const double start = ib_now();

    for (int pass = 0; pass < PASSES; pass++)
        if (s->textbook)
            add_textbook(s);
        else
            add(s);
    return N * PLANES * PASSES / (ib_now() - start);
}

static size_t baseline_of(const ib_mosaic_case *cases, size_t n, size_t i)
{
    for (size_t b = 0; b < n; b++)
        if (!strcmp(cases[b].isa, IB_TEXTBOOK) && cases[b].precision == cases[i].precision &&
            cases[b].support == cases[i].support)
            return b;
    return n;
}

ib_status ib_measure_mosaic(const ib_mosaic_case *cases, size_t n, size_t n_repeat, ib_mosaic_rates *rates,
                            ib_error *err)
{
    subject  *subjects = ib_alloc_zero(n, sizeof *subjects, "cases", err);
    double   *value = ib_alloc(n * (n_repeat + 1), 2 * sizeof *value, "rates", err);
    ib_status rc = subjects && value ? IB_OK : err->status;

    if (!rc && (n_repeat < 1 || n_repeat > IB_MAX_REPEAT))
        rc = ib_fail(err, IB_EUSAGE, "%zu repetitions: between 1 and %d are taken", n_repeat, IB_MAX_REPEAT);
    for (size_t i = 0; i < n && !rc; i++)
        rc = prepare(&subjects[i], &cases[i], err);
    for (size_t r = 0; r <= n_repeat && !rc; r++) { /* the first one warms up */
        double *now = value + r * n * 2;
        for (size_t i = 0; i < n; i++)
            now[2 * i] = rate(&subjects[i]);
        for (size_t i = 0; i < n; i++) {
            const size_t b = baseline_of(cases, n, i);
            now[2 * i + 1] = b < n ? now[2 * i] / now[2 * b] : (double)NAN;
        }
    }
    for (size_t i = 0; i < n && !rc; i++) {
        double list[2][IB_MAX_REPEAT];
        for (size_t r = 0; r < n_repeat; r++)
            for (int k = 0; k < 2; k++)
                list[k][r] = value[((r + 1) * n + i) * 2 + (size_t)k];
        rates[i] = (ib_mosaic_rates){ib_spread_of(list[0], n_repeat), ib_spread_of(list[1], n_repeat)};
    }
    for (size_t i = 0; subjects && i < n; i++)
        finish(&subjects[i]);
    ib_free(subjects);
    ib_free(value);
    return rc;
}
