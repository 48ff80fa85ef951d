/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of primary beams. */
#include "fuzz.h"
#include "model/primary.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ib_primary_recipe recipe = {
        .beam = fuzz_file("input", data, size), .telescope = "", .n_antenna = 1, .diameter = &(double){25}};
    ib_primary *beam;
    ib_error    err = {IB_OK, -1, ""};
    double      squares[64] = {0};

    if (fuzz_accepted(ib_primary_create(&beam, &recipe, &err), &err)) {
        for (double freq = 1e8; freq < 1e12; freq *= 3)
            for (double theta = 0; theta < 0.1; theta = 2 * theta + 1e-5)
                (void)ib_primary_beam(beam, 0, theta, freq);
        fuzz_expect(fabs(ib_primary_beam(beam, 0, 0, 1e9) - 1) < 1e-4, "a beam is 1 in its middle");
        ib_primary_add_squares(beam, 0, 1e9, 1, -0.01, 0.02 / 64, 0, 64, squares);
        ib_primary_destroy(beam);
    }
    return fuzz_end();
}
