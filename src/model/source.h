/* SPDX-License-Identifier: BSD-3-Clause */
/** Where visibilities come from: the table of functions that every input format fills. */
#ifndef IB_MODEL_SOURCE_H
#define IB_MODEL_SOURCE_H

#include "model/vis.h"

typedef struct ib_source_ops {
    const char *name, *help; /* "ms", "hdf5", "sim" */

    /** 0 no .. 100 certain. Cheap, silent, looks at content. */
    int (*probe)(const char *path);

    /** Describe what cfg selects. Every rank calls it with the same arguments and gets the same info.
     *  @return IB_EUSAGE for a selection of nothing, IB_EDATA, IB_EIO, IB_ENOMEM, IB_EUNSUPPORTED. */
    ib_status (*open)(void **self, const char *path, const ib_config *cfg, ib_vis_info *info, ib_error *err);

    /** Geometry (and weights, where they do not depend on the channel) of rows of info->spw[spw]. */
    ib_status (*rows)(void *self, size_t spw, ib_range rows, const ib_rows *into, ib_error *err);

    /** Samples of channels x rows of info->spw[spw]; channels count the selected ones. The same bytes whatever the
     *  ranges are cut into. Called by one thread at a time, unless `concurrent`. */
    ib_status (*read)(void *self, size_t spw, ib_range chans, ib_range rows, const ib_samples *into, ib_error *err);

    /** Accepts NULL. */
    void (*close)(void *self);

    bool concurrent; /* several threads may ask for rows and read at once */
} ib_source_ops;

#endif
