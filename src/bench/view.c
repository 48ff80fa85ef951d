/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/view.h"
#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_SIDE = 1200, ELLIPSE = 72 }; /* drawn pixels per side, corners of the beam */

extern char **environ;

static const double pi = 3.14159265358979323846;

typedef struct axis_unit {
    const char *name;
    double      rad;
} axis_unit;

/* The largest unit in which half of the side is at least two. */
static axis_unit unit_for(double half)
{
    static const axis_unit units[] = {{"deg", 1}, {"arcmin", 1 / 60.0}, {"arcsec", 1 / 3600.0}, {"mas", 1 / 3600e3}};
    axis_unit              unit = units[3];

    for (int i = 3; i >= 0; i--)
        if (half >= 2 * units[i].rad * pi / 180)
            unit = units[i];
    unit.rad *= pi / 180;
    return unit;
}

/* A text between single quotes, where gnuplot substitutes nothing; a quote is doubled, what could end the line goes. */
static void put_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', out);
        fputc((unsigned char)*text < ' ' || *text == '`' || *text == 0x7f ? ' ' : *text, out);
    }
    fputc('\'', out);
}

/* Mean of the pixels that are not NaN in a square of step x step; columns counted from the west, as they are drawn. */
static float drawn_pixel(const ib_drawing *d, size_t column, size_t row, size_t step)
{
    double sum = 0;
    size_t n = 0;

    for (size_t j = row * step; j < (row + 1) * step && j < d->ny; j++)
        for (size_t k = column * step; k < (column + 1) * step && k < d->nx; k++) {
            const float value = d->pixel[j * d->nx + (d->nx - 1 - k)];
            if (isfinite(value)) {
                sum += (double)value;
                n++;
            }
        }
    return n ? (float)(sum / (double)n) : NAN;
}

/* The restoring beam in the lower left corner, as a closed line of east and north offsets. */
static void put_beam(FILE *out, const ib_drawing *d, double east, double south, double margin, double unit)
{
    const double a = 0.5 * d->beam[0] / unit, b = 0.5 * d->beam[1] / unit, pa = d->beam[2];

    fprintf(out, "$beam << EOD\n");
    for (int i = 0; i <= ELLIPSE; i++) {
        const double t = 2 * pi * i / ELLIPSE, along = a * cos(t), across = b * sin(t);
        fprintf(out, "%.9g %.9g\n", east - margin - a + along * sin(pa) + across * cos(pa),
                south + margin + a + along * cos(pa) - across * sin(pa));
    }
    fprintf(out, "EOD\n");
}

/* The script, and behind its last line the pixels as raw floats. No name of a file occurs in it. */
static void put_script(FILE *out, const ib_drawing *d)
{
    const size_t    side = d->nx > d->ny ? d->nx : d->ny, step = (side + MAX_SIDE - 1) / MAX_SIDE;
    const size_t    nx = (d->nx + step - 1) / step, ny = (d->ny + step - 1) / step;
    const double    cell = d->cell[0] > d->cell[1] ? d->cell[0] : d->cell[1];
    const axis_unit unit = unit_for(0.5 * (double)side * cell);
    const double    dx = d->cell[0] / unit.rad, dy = d->cell[1] / unit.rad;
    /* outer edges of the outermost pixels; pixel nx/2 is at 0 */
    const double west = (-(double)(d->nx - 1 - d->nx / 2) - 0.5) * dx, east = west + (double)d->nx * dx;
    const double south = (-(double)(d->ny / 2) - 0.5) * dy, north = south + (double)d->ny * dy;
    const bool   beam = d->beam[0] > 0 && d->beam[1] > 0;
    float        low = INFINITY, high = -INFINITY;

    for (size_t j = 0; j < ny; j++)
        for (size_t k = 0; k < nx; k++) {
            const float value = drawn_pixel(d, k, j, step);
            low = fminf(low, value); /* a NaN loses */
            high = fmaxf(high, value);
        }
    const bool blank = !(low <= high);
    if (blank || low == high) {
        low = (blank ? 0 : low) - 1;
        high = low + 2;
    }

    fprintf(out, "set terminal pngcairo noenhanced size 900,800 font 'sans,11'\nset encoding utf8\n");
    fprintf(out, "set title ");
    put_quoted(out, d->title);
    fprintf(out, "\nset xlabel 'right ascension offset (%s)%s'\nset ylabel 'declination offset (%s)'\n", unit.name,
            blank ? " - blank plane" : "", unit.name);
    fprintf(out, "set cblabel ");
    put_quoted(out, d->unit);
    fprintf(out,
            "\nset palette cubehelix start 0.5 cycles -1.5 saturation 1\nset size ratio -1\nset tics out nomirror\n");
    fprintf(out, "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\nset cbrange [%.9g:%.9g]\nunset key\n", east, west,
            south, north, (double)low, (double)high);
    if (beam)
        put_beam(out, d, east, south, 0.03 * (north - south), unit.rad);
    fprintf(out,
            "plot '-' binary array=(%zu,%zu) format='%%float32' dx=%.12g dy=%.12g origin=(%.12g,%.12g) with image",
            nx, ny, dx * (double)step, dy * (double)step, west + 0.5 * dx * (double)step,
            south + 0.5 * dy * (double)step);
    fprintf(out, beam ? ", $beam using 1:2 with lines linewidth 3 linecolor 'black', $beam using 1:2 with lines "
                        "linewidth 1.5 linecolor 'white'\n"
                      : "\n");
    for (size_t j = 0; j < ny; j++)
        for (size_t k = 0; k < nx; k++) {
            const float value = drawn_pixel(d, k, j, step);
            fwrite(&value, sizeof value, 1, out);
        }
}

/* Run gnuplot on a script with the picture going to `picture`; its complaints to `complaint`. */
static ib_status run_gnuplot(FILE *script, FILE *picture, FILE *complaint, ib_error *err)
{
    char *const                argv[] = {"gnuplot", "--default-settings", "-", NULL};
    posix_spawn_file_actions_t actions;
    char                       line[200] = "";
    pid_t                      child;
    int                        status;

    if (posix_spawn_file_actions_init(&actions))
        return ib_fail(err, IB_ENOMEM, "gnuplot: no memory to start it");
    posix_spawn_file_actions_adddup2(&actions, fileno(script), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(picture), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(complaint), STDERR_FILENO);
    const int failed = posix_spawnp(&child, "gnuplot", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed == ENOENT)
        return ib_fail(err, IB_EUNSUPPORTED,
                       "pictures are drawn by gnuplot, which is not installed (apt-get install gnuplot-nox)");
    if (failed)
        return ib_fail(err, IB_EIO, "start gnuplot: %s", strerror(failed));
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return ib_fail(err, IB_EIO, "wait for gnuplot: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return ib_fail(err, IB_EUNSUPPORTED, "pictures are drawn by gnuplot, which cannot be started here");
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        rewind(complaint);
        while (fgets(line, sizeof line, complaint) && strspn(line, " \t\n^") == strlen(line)) {
        }
        line[strcspn(line, "\n")] = 0;
        return ib_fail(err, IB_EUNSUPPORTED, "gnuplot could not draw the picture: %s",
                       *line ? line : "it was killed");
    }
    return IB_OK;
}

ib_status ib_view_draw(const ib_drawing *drawing, const char *path, ib_error *err)
{
    static const char suffix[] = ".png";
    const size_t      n = strlen(path);
    ib_status         rc = IB_OK;
    char             *partial = NULL;
    FILE             *script = NULL, *complaint = NULL, *picture = NULL;

    if (n < sizeof suffix || strcmp(path + n - (sizeof suffix - 1), suffix) != 0)
        return ib_fail(err, IB_EUSAGE, "the picture %s is a PNG file: give it a name that ends in .png", path);
    partial = ib_alloc(n + 6, 1, "name of the picture", err);
    script = tmpfile();
    complaint = tmpfile();
    if (!partial) {
        rc = err->status;
        goto done;
    }
    snprintf(partial, n + 6, "%s.part", path);
    if (script && complaint)
        put_script(script, drawing);
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
    rc = run_gnuplot(script, picture, complaint, err);
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
    if (script)
        fclose(script);
    if (complaint)
        fclose(complaint);
    ib_free(partial);
    return rc;
}
