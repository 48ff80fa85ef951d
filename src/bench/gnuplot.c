/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/gnuplot.h"
#include "base/error.h"
#include "base/mem.h"
#include "bench/process.h"

#include <errno.h>
#include <string.h>

void ib_gnuplot_quote(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', out);
        fputc((unsigned char)*text < ' ' || *text == '`' || *text == 0x7f ? ' ' : *text, out);
    }
    fputc('\'', out);
}

static ib_status run(FILE *script, FILE *picture, FILE *complaint, ib_error *err)
{
    char *const argv[] = {"gnuplot", "--default-settings", "-", NULL};
    char        line[200];
    const int   code = ib_process_run(argv, script, picture, complaint);

    if ((code < 0 && errno == ENOENT) || code == 127)
        return ib_fail(err, IB_EUNSUPPORTED,
                       "pictures are drawn by gnuplot, which is not installed (apt-get install gnuplot-nox)");
    if (code < 0)
        return ib_fail(err, IB_EIO, "start gnuplot: %s", strerror(errno));
    if (code == 0)
        return IB_OK;
    rewind(complaint);
    *line = 0;
    while (fgets(line, sizeof line, complaint) && strspn(line, " \t\n^") == strlen(line)) {
    }
    line[strcspn(line, "\n")] = 0;
    return ib_fail(err, IB_EUNSUPPORTED, "gnuplot could not draw the picture: %s", *line ? line : "it was killed");
}

ib_status ib_gnuplot(FILE *script, const char *path, ib_error *err)
{
    const size_t n = strlen(path) + 6;
    char        *partial = ib_alloc(n, 1, "name of the picture", err);
    FILE        *complaint = tmpfile(), *picture = NULL;
    ib_status    rc = partial ? IB_OK : err->status;

    if (rc)
        goto done;
    snprintf(partial, n, "%s.part", path);
    if (!script || !complaint || ferror(script) || fflush(script)) {
        rc = ib_fail(err, IB_EIO, "picture: write a temporary file: %s", strerror(errno));
        goto done;
    }
    rewind(script);
    picture = fopen(partial, "wb");
    if (!picture) {
        rc = ib_fail(err, IB_EIO, "picture: create %s: %s", partial, strerror(errno));
        goto done;
    }
    rc = run(script, picture, complaint, err);
    fseek(picture, 0, SEEK_END);
    if (!rc && ftell(picture) <= 0)
        rc = ib_fail(err, IB_EIO, "picture: gnuplot wrote nothing to %s; is the disk full?", partial);
    if (fclose(picture) && !rc)
        rc = ib_fail(err, IB_EIO, "picture: write %s: %s", partial, strerror(errno));
    if (!rc && rename(partial, path))
        rc = ib_fail(err, IB_EIO, "picture: rename %s to %s: %s", partial, path, strerror(errno));
    if (rc)
        remove(partial);
done:
    if (complaint)
        fclose(complaint);
    ib_free(partial);
    return rc;
}
