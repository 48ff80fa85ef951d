/* SPDX-License-Identifier: BSD-3-Clause */
/** The engine's parts, timed in memory on made-up observations: what `imgbench bench` prints. Work and bits depend on the
 *  arguments alone, times on the machine. Every repetition visits all cases in turn, so that a disturbance meets all. */
#ifndef IB_GRIDDER_MEASURE_H
#define IB_GRIDDER_MEASURE_H

#include "gridder/limits.h"

enum { IB_MAX_REPEAT = 64 };

/** Shapes of observations: A sparse, A10 ten times the rows on an eighth of the planes, B many small planes. */
typedef struct ib_workload {
    const char *name, *array;                           /* array as in model/simulate.h */
    double      radius;                                 /* m, of the array */
    size_t      n_antenna, n_row, n_chan, n_corr, side; /* side: pixels of the image, along l and m */
    double      freq, width;                            /* Hz, of the middle channel */
    double      dec, hours;                             /* deg, h around the meridian */
} ib_workload;

const ib_workload *ib_workload_at(size_t i); /* NULL beyond the last */
const ib_workload *ib_workload_find(const char *name);

/** Rows, frequencies and samples of a workload, held in memory; a fixed seed. Rows are time-major, whole integrations;
 *  the longest baseline reaches 0.3 of the width of the uv plane. */
typedef struct ib_observation ib_observation;
ib_status                     ib_observation_create(ib_observation **out, const ib_workload *workload, ib_error *err);
void                          ib_observation_destroy(ib_observation *observation);
size_t                        ib_observation_rows(const ib_observation *observation);

/* ---- gridding ----------------------------------------------------------------------------------------------- */

/** Names of the instruction sets that this machine has, the best first, "reference" last; NULL beyond. */
const char *ib_measure_isa(size_t i);

#define IB_TEXTBOOK "textbook" /* the baseline's name among instruction sets */

typedef struct ib_kernel_case {
    const char *isa;                          /* or IB_TEXTBOOK, compiled for the best instruction set here */
    int         precision, support, n_thread; /* each thread grids its own channels */
} ib_kernel_case;

/** Samples (row x channel x correlation) per second of all threads. */
typedef struct ib_kernel_rates {
    ib_spread add;    /* ib_lane_add: weigh, locate, collect, convolve; rows sorted beforehand */
    ib_spread leaf;   /* the leaf loop alone, on what it is handed; NaN for the baseline */
    ib_spread factor; /* add over the baseline's rate in the same repetition; NaN without one of the same precision,
                         support and threads */
} ib_kernel_rates;

/** @param n_repeat  1 .. IB_MAX_REPEAT, after one that is not counted; rates [n]
 *  @return IB_EUSAGE, IB_ENOMEM, IB_EUNSUPPORTED (the machine lacks an instruction set). */
ib_status ib_measure_kernel(const ib_observation *observation, const ib_kernel_case *cases, size_t n, size_t n_repeat,
                            ib_kernel_rates *rates, ib_error *err);

/** The leaf loop of mosaics, alone: four planes, groups of 16 samples, of which `run` after the other share a pointing and a square of the table. */
typedef struct ib_mosaic_case {
    const char *isa; /* or IB_TEXTBOOK: one sample and plane after the other, nearest of a table over both axes */
    int         precision, support, run;
} ib_mosaic_case;

typedef struct ib_mosaic_rates {
    ib_spread leaf;   /* samples x planes per second, one thread */
    ib_spread factor; /* over the baseline of the same precision and support; NaN without one */
} ib_mosaic_rates;

/** Arguments and statuses as above. */
ib_status ib_measure_mosaic(const ib_mosaic_case *cases, size_t n, size_t n_repeat, ib_mosaic_rates *rates,
                            ib_error *err);

/* ---- transform ---------------------------------------------------------------------------------------------- */

typedef struct ib_fft_case {
    size_t side; /* pixels of the image */
    int    precision, n_thread;
    bool   shared; /* the threads transform one grid together, not each its own */
} ib_fft_case;

typedef struct ib_fft_times {
    size_t    grid;          /* cells along an axis of the padded grid */
    ib_spread full, covered; /* s that a plane takes: all cells, and those that the longest baseline reaches */
    ib_need   need;          /* of a plane with all columns */
} ib_fft_times;

/** The plans are measured, or read from the user's cache, beforehand. Arguments as above. */
ib_status ib_measure_fft(const ib_observation *observation, const ib_fft_case *cases, size_t n, size_t n_repeat,
                         ib_fft_times *times, ib_error *err);

/* ---- everything --------------------------------------------------------------------------------------------- */

typedef struct ib_pipeline_case {
    const char *isa;
    int         precision, support, n_thread;
    double      padding;
    double      epsilon;      /* above 0: chooses support and padding, which are 0 then, and oversampling */
    int         oversampling; /* 0: the default */
    bool        mfs;          /* one image of all channels, as one rank makes it; else a cube */
    bool        check;        /* pixels of some planes against the direct sum */
} ib_pipeline_case;

/** Dirty planes, from samples in memory to planes that nobody keeps: engine, statistics and mipmaps, without
 *  plans, files and the copy that a read would be. */
typedef struct ib_pipeline_times {
    ib_spread seconds;
    double    phase[IB_N_PHASES]; /* s of the repetition nearest to the median; mean over threads */
    ib_spread efficiency;         /* of n threads against the same case with one, repetition by repetition; or NaN */
    ib_spread check_cost;         /* time over that of the same case without check, less 1; or NaN */
    size_t    n_sample, n_plane;
    ib_need   need[IB_N_PHASES]; /* of all planes */
} ib_pipeline_times;

ib_status ib_measure_pipeline(const ib_observation *observation, const ib_pipeline_case *cases, size_t n,
                              size_t n_repeat, ib_pipeline_times *times, ib_error *err);

/* ---- choice ------------------------------------------------------------------------------------------------- */

/** What reaches an accuracy. Times are of an image channel: gridding; transform and all that follows. */
typedef struct ib_candidate {
    int       support, oversampling;
    double    padding;
    size_t    grid; /* cells along an axis */
    double    predicted_s[2];
    ib_spread measured_s[2];
} ib_candidate;

typedef struct ib_scan {
    size_t       n_candidate;        /* that were measured */
    ib_candidate choice, best;       /* of --epsilon; of the measurement */
    double       ratio;              /* least time of the choice over that of the best */
    double       promised, measured; /* errors of the choice: expected; of some pixels of a plane */
} ib_scan;

/** Costs of work fitted to what scans measured: nanoseconds, for the tables of choice.c. */
typedef struct ib_cost_fit {
    struct {
        double square[5][5], product[5], ns[5]; /* normal equations of relative errors; their solution */
    } part[2][2];                               /* [precision][gridding, transform] */
    size_t n[2];                                /* candidates of a precision */
} ib_cost_fit;

/** Measure every support and padding that reach an accuracy (the least support at a padding and two more; one more, and
 *  paddings in steps of so many per cent, when step is not 1), then the fastest of them beside the choice, in turns.
 *  @param n_repeat  as above, in turns; one thread. @param fit  added to; zero before the first call */
ib_status ib_measure_choice(const ib_observation *observation, double epsilon, int precision, const char *isa,
                            int step, size_t n_repeat, ib_cost_fit *fit, ib_scan *out, ib_error *err);

/** Solve for ns. */
void ib_cost_fit_solve(ib_cost_fit *fit);

#endif
