/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * --epsilon: the support, padding and oversampling that reach an accuracy in the least predicted time.
 *
 * Many samples on a plane ask for a small support and a large padding, few for the reverse.  The choice is a pure
 * function of data and options: neither the load of the machine nor ranks, threads or memory of a launch enter, because
 * bits depend on it.  Interpolation always wins over the nearest entry of the table, which reaches E with 0.7 / E of them
 * per cell where the other one needs 0.5 / sqrt(E), for the same time per sample; so lookup is as given.
 */
#ifndef IB_GRIDDER_CHOICE_H
#define IB_GRIDDER_CHOICE_H

#include "gridder/kernel/kernel.h"
#include "gridder/wterm.h"
#include "imgbench.h"

#include <stdbool.h>

/** What is to be imaged. Borrows cfg and isa. */
typedef struct ib_imaging {
    const ib_config
                 *cfg; /* epsilon, kernel, lookup, precision; support, padding, oversampling: 0 where they are free */
    const ib_isa *isa;
    size_t        nx, ny;
    int           n_grid;   /* planes gridded together */
    size_t        n_part;   /* input channels of an mfs image; 0: a cube */
    double        n_sample; /* of an image channel */
    ib_wterm      w;        /* its terms and their error */
    double        reach[2]; /* largest |u| and |v| over the width of the uv plane, which is 1 / cell */
} ib_imaging;

/* What takes time, and is counted: of gridding, and of the transform with all that follows. */
enum { IB_WORK = 5 };
typedef enum ib_work { IB_GRID_WORK, IB_FFT_WORK } ib_work;

/** Parameters of the gridder, and what they lead to. */
typedef struct ib_choice {
    int    support, oversampling;
    double padding;          /* as an option; the grid may be a little larger */
    size_t grid_nx, grid_ny; /* cells */
    double promised;         /* rms error, as ib_convfn_promise and ib_convfn_rounding expect it */
    double work[2][IB_WORK]; /* [ib_work] in billions: what the table of costs in choice.c lists */
    double seconds[2];       /* [ib_work] predicted for an image channel on one core */
} ib_choice;

/** @return IB_EUSAGE when nothing reaches the accuracy: the sentence has what could be reached, and the remedy. */
ib_status ib_choose(const ib_imaging *task, ib_choice *out, ib_error *err);

/** What a support and a padding lead to, with the oversampling that the accuracy asks for, whether they reach it or not.
 *  @param support  3 or more; padding 1 or more */
void ib_choice_predict(const ib_imaging *task, int support, double padding, ib_choice *out);

/** Is a promise good enough for what was asked for? */
bool ib_choice_reaches(const ib_imaging *task, const ib_choice *choice);

/** Nanoseconds that the work is counted with: [IB_WORK]. */
const double *ib_choice_costs(int precision, ib_work work);

/** The i-th padding that is considered, from the smallest; 0 beyond the last. */
double ib_choice_padding(int i);

#endif
