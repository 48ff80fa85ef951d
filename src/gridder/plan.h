/* SPDX-License-Identifier: BSD-3-Clause */
/** Everything that is decided before work starts: a pure function of options, input and machine, equal on all ranks. */
#ifndef IB_GRIDDER_PLAN_H
#define IB_GRIDDER_PLAN_H

#include "gridder/centre.h"
#include "gridder/choice.h"
#include "gridder/mosaic.h"
#include "gridder/wterm.h"
#include "model/image.h"

enum { IB_BLOCK_ROWS = 1 << 20 }; /* rows sorted together: fixed, because the order of additions depends on it */

/** Image and uv grid. The grid is the half plane u >= 0 of the padded grid: column c holds u = c - margin cells, row r
 *  holds v = r - grid_ny/2 cells. Columns left of the margin and beyond the Nyquist column catch supports that cross
 *  the edge; those on the left are folded back before the transform. */
typedef struct ib_geometry {
    size_t nx, ny;           /* pixels */
    size_t grid_nx, grid_ny; /* padded grid, cells of the full plane; even */
    double cell[2];          /* rad */
    int    support;
    int    record; /* values of a sample: planes gridded together for one image channel, rounded up to a power of 2 */
    int    planes; /* complex values of a cell: the same, times the terms of w gridded side by side */
    ib_wterm w;
    ib_patch patch;                  /* of the leaf loops */
    int      squares;                /* of a cell along an axis, each with kernels of its own; 0, 1: whole cells */
    size_t   margin, stride, height; /* half plane as stored: columns left of zero, cells per row, rows */
    size_t   tile;                   /* side of a tile, cells */
} ib_geometry;

/** Part of a grid that may not be zero: columns [0, columns) of rows [row_first, row_end). */
typedef struct ib_touched {
    size_t columns, row_first, row_end;
} ib_touched;

/** An input channel: contributes to one image channel. */
typedef struct ib_part {
    uint32_t spw, chan; /* index into info->spw, selected channel of it */
} ib_part;

/** What the rows of a spectral window reach. */
typedef struct ib_extent {
    double u, v, w,
        uv; /* largest |u|, |v|, |w|, length in the uv plane, m; without autocorrelations and what is not finite */
} ib_extent;

/** Add what n rows of a block reach. */
void ib_extent_add(ib_extent *extent, const double (*uvw)[3], const int32_t (*antenna)[2], size_t n);

typedef struct ib_plan {
    ib_geometry geometry;
    double      padding; /* really used: the smaller one of the two axes */
    ib_choice   choice;  /* with --epsilon */
    ib_centre   centre;
    ib_mosaic   mosaic; /* its primary is NULL for the standard gridder */
    int         mode, n_stokes, stokes[IB_MAX_STOKES];
    bool        psf, density_all, needs_density;
    int         n_grid; /* planes gridded together for one image channel: Stokes planes and their PSFs */

    size_t   n_chan; /* image channels */
    double  *freq, *width;
    bool     even;
    size_t  *part_first; /* [n_chan + 1] into part */
    ib_part *part;

    /* Units are what is dealt: image channels; for mfs fixed shares of the input channels, whose grids are summed. */
    size_t  n_unit, n_chunk;
    size_t *share_first; /* mfs: [n_unit + 1] into part */

    /* Rows are sorted once per bin: a run of input channels over which samples move by less than half a cell. Bins come
       from data and options alone, so that bits do not depend on ranks, threads, chunks or memory. */
    uint32_t **bin;      /* [spw][chan] */
    double   **bin_freq; /* [spw][bin] Hz */

    size_t block_rows; /* rows read at once, at most */
    size_t max_rows;   /* rows of the largest block there is */
    size_t columns;    /* of the half plane, from u = 0, that the supports of rows reach; the others stay empty */
    double w_phase;    /* rad: the largest phase of the w-term */
    size_t n_check;    /* image channels to compare with the direct sum */
    int    n_pixel;    /* its pixels along l and along m; even */
    bool
        check_share; /* mfs: the samples of one share are compared with its grid, and the image with the grid of all */

    /* memory of one rank, bytes */
    size_t  n_lane, window; /* grids resident at once; image channels read at once, input channels if not fused */
    int64_t base_bytes;     /* program and libraries, as measured before work */
    int64_t fixed_bytes;    /* rows, threads, tables */
    int64_t lane_bytes;     /* of each lane: grids, where they are not partial sums, and densities */
    int64_t sample_bytes;   /* of each input channel read */
    int64_t order_bytes;    /* of each bin sorted */
    int     n_rank;         /* of this launch */
    int64_t density_bytes;  /* of the sums of densities */
    int64_t part_bytes;     /* of a partial sum of an mfs image */
    int64_t rest_bytes;     /* of a grid that is transformed, beside that */
    int64_t tree_bytes;     /* of all partial sums, those that lanes fill included */
    bool    ahead;          /* a read is prepared while the one before is worked on: twice sample_bytes */
    size_t  n_write;        /* buffers of planes on their way to the files, so many bytes each */
    int64_t write_bytes;
    int64_t total_bytes;
    bool    fused; /* every image channel's samples are in one read: it is finished as soon as it is gridded */
} ib_plan;

/** Decide. @param cfg  wterm is put in where it is auto; support, padding and oversampling with --epsilon where they are 0
 *  @param extent [info->n_spw]; @param n_rank, n_thread of this launch; base_bytes resident before work.
 *  @return IB_EUSAGE, IB_EDATA, IB_ENOMEM (the sentence has the least memory that would do), IB_EUNSUPPORTED. */
ib_status ib_plan_make(ib_plan *plan, ib_config *cfg, const ib_vis_info *info, const ib_extent *extent, int n_rank,
                       int n_thread, int64_t base_bytes, ib_error *err);
void      ib_plan_clear(ib_plan *plan, const ib_vis_info *info);

/** Units of a rank: contiguous runs of whole chunks, as even as possible. */
ib_range ib_plan_share(const ib_plan *plan, int rank, int n_rank);

/** Input channels of a unit: a run of plan->part. */
ib_range ib_plan_parts(const ib_plan *plan, size_t unit);

/** Selected channels of a spectral window from the first to the last that a run of units has; n 0: it has none. */
ib_range ib_plan_span(const ib_plan *plan, ib_range units, size_t spw);

/** Units from the k-th of a run on that are read together: a read is of one spectral window. */
size_t ib_plan_next(const ib_plan *plan, ib_range units, size_t k);

/** Read fewer channels at once, none of them ahead, and have memory for something else. */
void ib_plan_narrow(ib_plan *plan, const ib_vis_info *info, size_t window);

/** What a choice of parameters depends on, of a plan whose image, planes and channels are decided. Borrows cfg. */
ib_imaging ib_plan_imaging(const ib_plan *plan, const ib_config *cfg, const ib_vis_info *info,
                           const ib_extent *extent);

/** Shares of an mfs image, whose grids are summed. @param n_part  input channels */
size_t ib_share_count(const ib_geometry *geometry, double samples, size_t n_part);

/** The grid of an image, whose nx, ny, cell and w are set. @return its padding: the smaller one of the two axes */
double ib_lay_out(ib_geometry *geometry, const ib_isa *isa, int precision, int n_grid, int support, double padding);

/** Smallest even size >= n whose only prime factors are 2, 3, 5, 7. */
size_t ib_good_size(double n);

/** Bytes of the grid of a channel, all planes. */
size_t ib_grid_bytes(const ib_geometry *geometry, int precision);

#endif
