/* SPDX-License-Identifier: BSD-3-Clause */
/** Visibilities: what an input holds, and the buffers that receive it. */
#ifndef IB_MODEL_VIS_H
#define IB_MODEL_VIS_H

#include "imgbench.h"

#include <stdbool.h>

#define IB_LIGHT 299792458.0 /* m/s */
#define IB_PI    3.14159265358979323846

enum { IB_MAX_CORR = 4, IB_NAME = 64 };

/* Correlations and Stokes parameters, numbered as in the POLARIZATION table of a MeasurementSet. */
enum { IB_I = 1, IB_Q, IB_U, IB_V, IB_RR, IB_RL, IB_LR, IB_LL, IB_XX, IB_XY, IB_YX, IB_YY };

/** Name of a correlation ("XX"), "?" when unknown; its code in a FITS STOKES axis (-5), 0 when unknown. */
const char *ib_corr_name(int corr);
int         ib_corr_fits(int corr);

typedef struct ib_range {
    size_t first, n;
} ib_range;

/** The run of rows that holds a selected row. @param first  [n_run], ascending from 0: selected rows before each run */
size_t ib_run_of(const size_t *first, size_t n_run, size_t row);

/** How the samples of a spectral window lie in a file: in tiles, of which a part costs as much to read as the whole. */
typedef struct ib_tiling {
    size_t n_chan,
        n_row;           /* of a tile, channels as the input counts them; 0: whatever is asked for costs what it is */
    double row_bytes;    /* read for each row of the window and tile that is touched */
    double sample_bytes; /* that a sample takes in the file; 0: it is computed */
    size_t
        together; /* windows of one number, not 0, have the same rows in the same tiles, the last of which a source keeps */
} ib_tiling;

/** The selected rows of one spectral window, which share frequencies and correlations. Channels are the selected
 *  ones, in the order of the input (frequencies may descend). */
typedef struct ib_spw {
    int       id; /* number in the input */
    char      name[IB_NAME];
    size_t    n_row, n_chan, n_corr;
    int       corr[IB_MAX_CORR];  /* IB_XX, ... in the order of the samples */
    int      *chan;               /* [n_chan] channel number in the input */
    double   *freq;               /* [n_chan] Hz, centre */
    double   *width;              /* [n_chan] Hz, positive */
    bool      weight_per_channel; /* false: one weight per row and correlation */
    ib_tiling tiling;
} ib_spw;

typedef struct ib_field {
    int    id;
    char   name[IB_NAME];
    double ra, dec; /* rad, phase centre */
    bool   selected;
} ib_field;

/** What an input holds after selection. Made by a source's open, ended by ib_vis_info_clear. Read only after. */
typedef struct ib_vis_info {
    size_t    n_spw, n_field, n_antenna;
    ib_spw   *spw;
    ib_field *field;
    double   *dish; /* [n_antenna] m, 0 where unknown */
    char      telescope[IB_NAME], object[IB_NAME], observer[IB_NAME];
    char      frame[16];   /* of the frequencies as in FITS: "TOPOCENT", "LSRK", "BARYCENT", ...; "" unknown */
    char      radesys[16]; /* "ICRS", "FK5", "FK4" */
    char      column[32];  /* data column read, "" where there is no choice */
    double    time_first, time_last; /* s, MJD x 86400, UTC; 0 unknown */
    double    rest_freq;             /* Hz, 0 unknown */
    int64_t   imsize[2];             /* pixels the simulation was made for; 0: none */
    double    cell[2];               /* rad, likewise */
    int       stokes;                /* IB_PLANES_... that AUTO stands for */
    int64_t   held_bytes;            /* memory the source holds while it reads, beside the caller's buffers */
    int64_t   thread_bytes;          /* likewise, for each thread that reads */
    double    site[3];               /* m, ITRF: the middle of the array; 0: unknown */
    bool      has_time;              /* rows tell their time */
} ib_vis_info;

void ib_vis_info_clear(ib_vis_info *info);

/** Rows [first, first + n) of a spectral window. Buffers are the caller's, of at least n rows; NULL: not wanted. */
typedef struct ib_rows {
    double (*uvw)[3]; /* m, as in the MeasurementSet: V ~ exp(+2 pi i (u l + v m + w (n - 1))) */
    int32_t (*antenna)[2];
    int32_t *field;  /* index into info->field */
    float   *weight; /* [row][corr]; filled only if the window has no weight per channel */
    double  *time;   /* s, MJD x 86400, UTC, middle of the integration; filled only if info->has_time */
} ib_rows;

/** Samples of channels x rows. Buffers are the caller's. */
typedef struct ib_samples {
    float (*vis)[2]; /* [chan][row][corr] re, im */
    float   *weight; /* [chan][row][corr]; filled only if the window has a weight per channel */
    uint8_t *flag;   /* [chan][row][corr] non-zero: leave out (row flags included) */
} ib_samples;

/** The list of channel runs that are consecutive in the input: the run that starts at selected channel `first`, at
 *  most n long. @return its length. */
size_t ib_chan_run(const ib_spw *spw, size_t first, size_t n);

/* ---- selection: --field, --spw, --channels ---------------------------------------------------------------- */

/** Mark which of n named things a selection means: "", "3", "0-4", "0~4", "2,5-7", "10-100:5" (every fifth), or names
 *  (with * and ?), separated by commas. names may be NULL, ids NULL (then 0..n-1).
 *  @param what   "field", "spectral window", "channel": for the error sentence
 *  @return IB_EUSAGE for what is not there (the sentence says what is), IB_EDATA when n is 0. */
ib_status ib_select(const char *text, const char *what, size_t n, const char *const *names, const int *ids,
                    uint8_t *selected, ib_error *err);

#endif
