/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * imgbench: dirty image cubes from radio-interferometer visibilities, and how long they took.
 *
 * Errors.  A call that can fail returns ib_status and takes `ib_error *err` last; err->text is one sentence that names
 * the thing, the value and the remedy.  Nothing here prints, exits or aborts.
 *
 * Units.  Metres, hertz, radians, seconds, jansky.  Sizes in bytes.
 *
 * Axes.  Memory and files: [Stokes][frequency][m][l], last fastest.  l grows to the east, m to the north; pixel
 * (i, j) of an nx x ny plane is at l = -(i - nx/2) cell_x, m = (j - ny/2) cell_y (integer divisions).
 *
 * Sign.  V = sum_s S_s exp(+2 pi i (u l + v m + w (n - 1))), (u, v, w) = uvw in metres x frequency / c; the image uses
 * the opposite sign.  Nowhere else is an axis flipped or a visibility conjugated (docs/conventions.md).
 */
#ifndef IMGBENCH_H
#define IMGBENCH_H

#include <stddef.h>
#include <stdint.h>

#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ib_status {
    IB_OK = 0,
    IB_EUSAGE,       /* an argument or option is out of range */
    IB_EDATA,        /* the input is malformed or contradicts itself */
    IB_EIO,          /* the system or a file library refused */
    IB_ENOMEM,       /* the memory limit, or the allocator */
    IB_EUNSUPPORTED, /* a valid request this build or machine cannot serve */
    IB_ECHECK,       /* the image disagrees with the direct Fourier sum */
    IB_EINTERRUPTED, /* stopped by a signal; start again */
    IB_ESTUCK,       /* a rank stopped, or the system does not answer */
    IB_ELAUNCH,      /* another process of ours, a launch or a job, failed */
    IB_ESLOWER,      /* verdicts of the harness: a regression, confirmed; */
    IB_EUNDECIDED,   /* inconclusive, where a decision was insisted on; */
    IB_EONLYVALID,   /* not reportable, where that was insisted on; */
    IB_ENODATA,      /* nothing was measured; */
    IB_ENEWER,       /* a record or history was written by a later version; */
    IB_ESUSPECT,     /* a suspected regression that was not confirmed yet */
    IB_EINTERNAL     /* a broken invariant: a defect in imgbench */
} ib_status;

/** What went wrong. Plain data: may be copied, compared, broadcast. Owned by the caller. */
typedef struct ib_error {
    ib_status status;
    int       rank;      /* lowest failing rank, -1 outside MPI */
    char      text[500]; /* outermost context first: "read a.ms: row 17: uvw is not finite" */
} ib_error;

/* The values of the options that are a choice, in the order of their range in src/options.def. */
enum { IB_CUBE, IB_MFS };
enum { IB_PLANES_AUTO, IB_PLANES_CORR, IB_PLANES_I, IB_PLANES_IQ, IB_PLANES_IV, IB_PLANES_IQUV };
enum { IB_STANDARD, IB_MOSAIC };
enum { IB_TRUNCATE_NONE, IB_TRUNCATE_CASA };
enum { IB_FLAT_NOISE, IB_FLAT_SKY, IB_PLAIN };
enum { IB_PSF_EXACT, IB_PSF_UNIT };
enum { IB_KERNEL_KB, IB_KERNEL_PSWF };
enum { IB_LINEAR, IB_NEAREST };
enum { IB_SINGLE, IB_DOUBLE };
enum { IB_WTERM_AUTO, IB_WTERM_NONE, IB_WTERM_STACK };
enum { IB_NATURAL, IB_UNIFORM, IB_BRIGGS };
enum { IB_DENSITY_AUTO, IB_DENSITY_CHANNEL, IB_DENSITY_ALL };
enum { IB_RULE_NEAREST, IB_RULE_FLOOR };
enum { IB_HARMONIC, IB_MIN, IB_MEAN };
enum { IB_READ_AUTO, IB_READ_SLICES, IB_READ_CORNER };
enum { IB_SCHEDULE_STATIC, IB_SCHEDULE_DYNAMIC };
enum { IB_FORMAT_TABLE, IB_FORMAT_JSON };
enum { IB_FRAME_DATA, IB_FRAME_TOPO, IB_FRAME_GEO, IB_FRAME_BARY, IB_FRAME_LSRK, IB_N_FRAMES };

/** What is imaged without an input: CHILES with fewer integrations, channels and pixels. */
#define IB_DEFAULT_INPUT "sim:chiles,times=24,channel=0.125,image=0.1,cell=1arcsec"

/** Every parameter of a run: one field per row of src/options.def, which gives meaning, default and range.
 *  Strings are borrowed and must outlive the configuration. */
typedef struct ib_config {
    /* input */
    const char *input;  /* path, or sim:PRESET[,key=value...]; "": IB_DEFAULT_INPUT */
    const char *column; /* MeasurementSet column; "": CORRECTED_DATA if there, else DATA */
    const char *field;  /* selections by number, range or name; "": all */
    const char *spw;
    const char *channels;
    const char *times; /* periods of rows, FROM~TO; "": all */
    /* image */
    double      cell[2];     /* rad along l, m; 0: from the longest baseline */
    int64_t     imsize[2];   /* pixels along l, m; 0: from the primary beam */
    const char *phasecenter; /* direction, or field by number or name; "": from the fields */
    int         mode;        /* IB_CUBE, IB_MFS */
    int         stokes;      /* IB_PLANES_... */
    int64_t     bin;         /* input channels per image channel */
    int         frame;       /* IB_FRAME_... of the image channels; IB_FRAME_DATA: as the input's */
    const char *frame_grid;  /* START,WIDTH,N of the channels; "": the input's, as they are in that frame */
    int         frame_rule;  /* IB_LINEAR, IB_NEAREST */
    int         psf;         /* image the point spread function too */
    /* gridding */
    int         gridder;        /* IB_STANDARD, IB_MOSAIC; the following up to mosaic_psf are a mosaic's */
    const char *beam;           /* model of the primary beams, or a file */
    double      dish;           /* m, effective diameter; 0: of the telescope */
    double      blockage;       /* m, with dish */
    int         beam_truncate;  /* IB_TRUNCATE_... */
    double      beam_tolerance; /* relative range of frequency that shares a kernel */
    int         normalise;      /* IB_FLAT_NOISE, IB_FLAT_SKY, IB_PLAIN */
    double      pblimit;        /* primary beam below which pixels are 0 */
    int         mosaic_psf;     /* IB_PSF_EXACT, IB_PSF_UNIT */
    int         kernel;         /* IB_KERNEL_... */
    double      epsilon;        /* rms error wanted (docs/conventions.md); 0: as the following give */
    int64_t     support;        /* taps per axis; here and below with an epsilon or of a mosaic, 0: to be chosen */
    int64_t     oversampling;   /* table samples per cell */
    double      padding;        /* padded over image size */
    int         lookup;         /* IB_LINEAR, IB_NEAREST */
    int         precision;      /* IB_SINGLE, IB_DOUBLE */
    int         wterm;          /* IB_WTERM_... */
    const char *isa;            /* instruction set of the leaf loops; "auto": the best here */
    /* weighting */
    int    weighting; /* IB_NATURAL, ... */
    double robust;
    int    density;       /* IB_DENSITY_... */
    int    density_rule;  /* IB_RULE_... */
    double taper[3];      /* FWHM major, minor, position angle (rad); 0: none */
    int    stokes_weight; /* IB_HARMONIC, ... */
    /* output */
    const char *output; /* "": NAME.hdf5 after the input */
    int         pb;     /* of a mosaic write primary beam and weight image */
    int         fits;   /* write a FITS cube beside each HDF5 cube */
    int         overwrite;
    double      time_limit;   /* s; 0: what the batch system tells, if it does */
    double      hang_timeout; /* s of silence, or of waiting for the system, that end a run; 0: none does */
    int         resume;       /* go on with what an earlier start of the same run finished */
    /* convert */
    int64_t average_channels; /* channels that become one */
    double  average_time;     /* s that become one time; 0: as they are */
    /* run */
    int64_t     chunks;       /* runs of channels dealt to ranks; 0: one per channel */
    int         schedule;     /* IB_SCHEDULE_... */
    int64_t     memory;       /* bytes per rank the plan may use */
    int         read;         /* IB_READ_... */
    int64_t     threads;      /* OpenMP threads per rank; 0: as the environment says */
    int         check;        /* compare with the direct Fourier sum */
    int         plan;         /* print the plan and stop */
    int         format;       /* IB_FORMAT_... */
    double      monitor;      /* s between samples of memory and processor time; 0: none */
    const char *trace;        /* file of a timeline; "": none */
    int64_t     trace_memory; /* bytes per rank for it */
    const char *record;       /* folder of result records; "": none */
    const char *tag;          /* a name for the launch in the history; "": none */
    int         quiet;        /* no progress */
} ib_config;

/* The phases of a launch, in the order of the summary. Used by timers, records and reports. */
#define IB_PHASES(X)                                                                                                 \
    X(OPEN, "open")   /* input described, outputs laid out */                                                        \
    X(PLAN, "plan")   /* memory forecast, tables, FFT plans */                                                       \
    X(READ, "read")   /* visibilities from storage, or simulated */                                                  \
    X(WEIGH, "weigh") /* density of weights, imaging weights */                                                      \
    X(SORT, "sort")   /* samples ordered by grid tile, once per run of channels */                                   \
    X(GRID, "grid")   /* located, weighted, convolved */                                                             \
    X(SUM, "sum")     /* grids of ranks added */                                                                     \
    X(FFT, "fft")     /* transform, correction, crop, statistics, mipmaps, checksum */                               \
    X(BEAM, "beam")   /* restoring beam fitted to the PSF */                                                         \
    X(WRITE, "write") /* planes to storage */                                                                        \
    X(CHECK, "check") /* direct Fourier sum */                                                                       \
    X(CLOSE, "close") /* headers, sync, rename */

typedef enum ib_phase {
#define IB_PHASE_ENUM(id, name) IB_PHASE_##id,
    IB_PHASES(IB_PHASE_ENUM)
#undef IB_PHASE_ENUM
        IB_N_PHASES
} ib_phase;

/** Where every sample went: read = the sum of the others. One sample = row x channel x plane. */
typedef struct ib_counts {
    uint64_t read, gridded, flagged, weightless, not_finite, outside, autocorrelation;
} ib_counts;

/** The measured error may exceed the promised one, which is an expectation over pixels, by this much (imaging
 *  specification, 3.11a); ib_run refuses the image beyond. */
#define IB_GATE 3.0

/** What a launch did; equal on all ranks. Plain data. Times in seconds. */
typedef struct ib_result {
    int    ranks, threads;
    size_t n_row, n_chan_in, n_corr;           /* what was selected */
    size_t nx, ny, grid_nx, grid_ny;           /* pixels, padded grid */
    size_t columns;                            /* of half a grid that samples may reach */
    size_t n_chan, n_stokes, n_plane, n_blank; /* image channels, planes each, products of them, without a sample */
    double cell[2];
    size_t n_chunk, n_window;
    size_t n_resumed; /* image channels that an earlier start had finished */
    struct {
        size_t n_take, n_moved; /* dynamic: times that a rank took channels; channels of other ranks' shares */
        double take_s;          /* all of that, all ranks together */
        size_t most, least;     /* image channels or shares that ranks worked on, */
        int    most_rank, least_rank;
        double max_s, mean_s; /* over ranks, from the first read until nothing was left to do */
    } schedule;
    int    support, oversampling, kernel, lookup, precision;
    double padding;
    double epsilon, chosen, predicted_s[2]; /* accuracy wanted, promised by what was chosen for it; predicted time of
                                               gridding and transform, per plane. epsilon 0: nothing was chosen */
    size_t n_pointing, n_pair;              /* of a mosaic: pointings, baseline types; else 0 */
    char   primary[80];                     /* its beams, as --beam has them */
    char   isa[16], fft_plan[80];           /* variant of the leaf loops; digest of the FFT plans */
    double wall_s;
    struct {
        double max_s, mean_s, min_s; /* over ranks; threads working side by side count by their mean */
        int    max_rank;
    } phase[IB_N_PHASES];
    ib_counts counts;
    struct {
        double read_s, write_s; /* that the threads that read ahead and that write were busy, mean over ranks; */
        double data_s, room_s;  /* that gridding waited for data, or read itself, and for room to write, per thread */
    } overlap;
    double   sum_of_weights;
    double   outside_weight;     /* share of the weight whose support leaves the grid */
    double   w_phase;            /* rad; bound of the phase of the w-term */
    int      w_terms, w_slabs;   /* terms of each slab of w, slabs; 0: the w-term is neglected */
    int      w_passes;           /* of gridding and transform */
    double   promised, measured; /* relative to the rms of random-phase visibilities; measured < 0: not checked */
    size_t   n_checked_plane, n_checked_pixel;
    int64_t  plan_bytes, peak_bytes, limit_bytes; /* largest over ranks */
    int64_t  bytes_read, bytes_written;
    int      reading;         /* IB_READ_SLICES, IB_READ_CORNER */
    size_t   n_turn;          /* corner turns for each time that all samples are needed */
    int64_t  bytes_needed;    /* that the samples take in the input; 0: they are computed */
    int64_t  bytes_fetched;   /* that the system read from files for the input; 0: unknown */
    int64_t  bytes_exchanged; /* of samples, from rank to rank */
    double   beam[3];         /* rad: FWHM major, minor, position angle of the middle channel; 0: none */
    char     input[256], column[32], stokes[32];
    uint64_t input_digest;   /* of u, v, w and antennas of all rows; rank 0 */
    char     output[8][512]; /* files that now exist under their final name; "" beyond */
} ib_result;

/** The defaults of src/options.def. */
void ib_config_default(ib_config *cfg);

/** Do a whole job: open, plan, weigh, grid, transform, correct, write, check. Collective on comm. MPI must be
 *  initialised (MPI_THREAD_FUNNELED); OpenMP threads are started inside. With a hang_timeout the process may end
 *  (base/watch.h).
 *  @return the same status, and the same err, on every rank. On failure nothing is left under a final name. */
ib_status ib_run(const ib_config *cfg, MPI_Comm comm, ib_result *result, ib_error *err);

/** Ask a running ib_run to stop soon with IB_EINTERRUPTED. Async-signal-safe. */
void ib_interrupt(void);

/** A short name of a status ("bad data") and the exit code of a program that ends with it. */
const char *ib_status_name(ib_status status);
int         ib_exit_code(ib_status status);

#ifdef __cplusplus
}
#endif

#endif
