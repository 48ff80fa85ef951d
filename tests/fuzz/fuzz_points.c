/* SPDX-License-Identifier: BSD-3-Clause */
/* What a sweep measures: a key, a space and its values per line; a ! before the values: they are one. */
#include "bench/arguments.h"
#include "bench/points.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ib_point point[IB_MAX_POINTS];
    char           *text = fuzz_text(data, size);
    ib_sweep_grid   grid = {.cores = 8, .spread = size % 2, .weak = size % 3 == 0, .channels = size % 5};
    int64_t         number[IB_MAX_VALUES];
    ib_status       rc = IB_OK;
    ib_error        err = {IB_OK, -1, ""};

    for (char *line = text, *next; !rc && line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        char *values = strchr(line, ' ');
        if (!values)
            continue;
        *values++ = '\0';
        fuzz_expect(ib_numbers(values, -5, 100, number, IB_MAX_VALUES, &err) <= IB_MAX_VALUES, "numbers fit");
        rc = ib_axis_add(&grid, line, values + (*values == '!'), *values == '!', &err);
        fuzz_accepted(rc, &err);
    }
    const size_t n = rc ? 0 : ib_points_plan(&grid, point, &err);
    fuzz_expect(n > 0 || *err.text, "no point without a sentence");
    for (size_t i = 0; i < n; i++)
        fuzz_expect(point[i].ranks > 0 && point[i].threads > 0 && point[i].nodes > 0, "settings can be launched");
    free(text);
    return fuzz_end();
}
