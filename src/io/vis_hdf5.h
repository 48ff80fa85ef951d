/* SPDX-License-Identifier: BSD-3-Clause */
/** Native HDF5 visibilities (docs/visibilities.md): what their writing and their reading share.
 *
 * The large data sets are contiguous, so that they are read and written in place by offset, by any number of threads
 * and ranks, and a run of channels is one piece of the file. */
#ifndef IB_IO_VIS_HDF5_H
#define IB_IO_VIS_HDF5_H

#include "model/vis.h"

#include <hdf5.h>

#define IB_VIS_FORMAT "imgbench visibilities"

enum { IB_VIS_VERSION = 1 };

/** The large data sets of a window. */
enum { IB_VIS_UVW, IB_VIS_ANTENNA, IB_VIS_FIELD, IB_VIS_WEIGHT, IB_VIS_DATA, IB_VIS_FLAG, IB_VIS_TIME, IB_VIS_SETS };

typedef struct ib_vis_window {
    size_t   n_row, n_chan, n_corr;
    bool     weight_per_channel, has_time;
    uint64_t at[IB_VIS_SETS]; /* byte offset in the file */
} ib_vis_window;

const char *ib_vis_set_name(int set);

/** Bytes of one row of a data set, of one channel where it has channels. */
size_t ib_vis_row_bytes(const ib_vis_window *window, int set);

/** Does the data set have a channel axis in front of the rows? */
bool ib_vis_has_channels(const ib_vis_window *window, int set);

/** Sizes of window `number` (0..) of an open file and where its data sets lie. They agree with each other, have the
 *  types of this machine and lie inside the file.
 *  @return IB_EDATA otherwise, the sentence naming the data set. */
ib_status ib_vis_locate(hid_t file, size_t number, uint64_t file_bytes, ib_vis_window *window, ib_error *err);

/** One row of the table of fields, in memory and in the file. */
typedef struct ib_vis_field {
    char   name[IB_NAME];
    double ra, dec;
} ib_vis_field;

/** The HDF5 type of ib_vis_field; the caller closes it. */
hid_t ib_vis_field_type(void);

/** Name of planes (IB_PLANES_...) in the file: "auto", "corr", "I", ...; NULL beyond the last. */
const char *ib_vis_planes_name(int planes);

#endif
