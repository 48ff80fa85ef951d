/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/io.h"

#include <string.h>

extern const ib_sink_ops ib_sink_hdf5, ib_sink_fits;

static const ib_sink_ops *const sinks[] = {&ib_sink_hdf5, &ib_sink_fits};

const ib_sink_ops *ib_sink_find(const char *name)
{
    for (size_t i = 0; i < sizeof sinks / sizeof *sinks; i++)
        if (!strcmp(sinks[i]->name, name))
            return sinks[i];
    return NULL;
}
