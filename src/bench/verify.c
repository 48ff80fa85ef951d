/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/verify.h"
#include "base/error.h"
#include "bench/arguments.h"
#include "io/io.h"

const ib_help_option ib_verify_options[] = {{NULL, NULL, NULL, NULL}};

enum { MOST_CUBES = 4096, MOST_TOLD = 20 };

typedef struct teller {
    FILE       *out;
    const char *path;
    size_t      n;
} teller;

static void tell(void *self, size_t chan, size_t stokes)
{
    teller *t = self;

    if (t->n++ < MOST_TOLD)
        fprintf(t->out, "%s: channel %zu, plane %zu is not what was written\n", t->path, chan, stokes);
}

ib_status ib_verify(int argc, char *const *argv, FILE *out, ib_error *err)
{
    static const char *path[MOST_CUBES];
    const char        *value[IB_MAX_ARGUMENTS];
    size_t             n = 0, n_broken = 0;

    *err = (ib_error){0};
    if (ib_arguments_words("verify", ib_verify_options, argc, argv, value, path, MOST_CUBES, &n, err))
        return err->status;
    if (!n)
        return ib_fail(err, IB_EUSAGE, "verify needs a cube: imgbench verify CUBE.hdf5");
    for (size_t i = 0; i < n; i++) {
        teller      told = {out, path[i], 0};
        ib_verified found;

        if (ib_cube_verify(path[i], &found, tell, &told, err)) {
            if (n == 1)
                return err->status;
            fprintf(out, "%s\n", err->text);
            n_broken++;
        } else if (found.n_differ)
            n_broken++;
        else
            fprintf(out, "%s: %zu planes are what was written\n", path[i], found.n_plane);
    }
    return n_broken
               ? ib_fail(
                     err, IB_EDATA,
                     "%zu of %zu cubes cannot be read or have planes that differ from their checksums: image them again",
                     n_broken, n)
               : IB_OK;
}
