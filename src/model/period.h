/* SPDX-License-Identifier: BSD-3-Clause */
/** A layer over a source: only the rows of the times that --times selects. */
#ifndef IB_MODEL_PERIOD_H
#define IB_MODEL_PERIOD_H

#include "model/source.h"

/** Open a source, and put the layer over it if cfg selects times. Windows and fields without such a row are left out.
 *  Looks at every row's time once. A period is FROM~TO, both ends included, one of them perhaps empty; several are separated by
 *  commas. An end is a date with its time (2021-03-04T05:06:07.8, 2021/03/04/05:06:07.8, a date alone is its
 *  midnight) or hh:mm:ss, counted from the midnight before the first row; UTC.
 *  @param ops   receives what to read by: the layer's functions, or the source's
 *  @param self  what to give them
 *  @param info  of the rows that are left. Must outlive *self.
 *  @return IB_EUSAGE for what is no period, and periods without a row; IB_EDATA for rows without time; and what the source
 *  returns. */
ib_status ib_period_open(const ib_source_ops **ops, void **self, const ib_source_ops *source, const char *path,
                         const ib_config *cfg, ib_vis_info *info, ib_error *err);

#endif
