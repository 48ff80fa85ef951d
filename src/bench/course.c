/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/course.h"
#include "base/error.h"
#include "bench/gnuplot.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { MAX_DRAWN = 16 };

static double number(const json_t *line, const char *key, size_t rank, size_t i)
{
    return json_number_value(json_array_get(json_array_get(json_object_get(line, key), rank), i));
}

/* Time, GiB, and processors that were busy until then. */
static void put_rank(FILE *out, const json_t *line, size_t rank)
{
    const size_t n = json_array_size(json_array_get(json_object_get(line, "at_s"), rank));

    fprintf(out, "$rank%zu << EOD\n", rank);
    for (size_t i = 0; i < n; i++) {
        const double at = number(line, "at_s", rank, i), since = i ? at - number(line, "at_s", rank, i - 1) : 0;
        const double cpu = i ? number(line, "cpu_s", rank, i) - number(line, "cpu_s", rank, i - 1) : 0;
        fprintf(out, "%.9g %.9g ", at, number(line, "resident_bytes", rank, i) / 0x1p30);
        fprintf(out, since > 0 ? "%.9g\n" : "NaN\n", cpu / since);
    }
    fprintf(out, "EOD\n");
}

static void put_lines(FILE *out, const json_t *line, size_t step, const char *columns, const char *with)
{
    const size_t n = json_array_size(json_object_get(line, "at_s"));
    const size_t every = (size_t)json_integer_value(json_object_get(line, "every_rank"));

    fprintf(out, "plot ");
    for (size_t r = 0; r < n; r += step)
        fprintf(out, "%s$rank%zu using %s with %s linewidth 1.5 linetype %zu title 'rank %zu'", r ? ", " : "", r,
                columns, with, r / step + 1, r * every);
    fprintf(out, "\n");
}

static void put_script(FILE *out, const json_t *line, const char *title, bool svg)
{
    static const char *const colour[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"};
    enum { N_COLOUR = sizeof colour / sizeof *colour };
    const size_t n = json_array_size(json_object_get(line, "at_s")), step = (n + MAX_DRAWN - 1) / MAX_DRAWN;

    for (size_t r = 0; r < n; r += step)
        put_rank(out, line, r);
    for (size_t i = 0; i < MAX_DRAWN; i++)
        fprintf(out, "set linetype %zu linecolor '%s' dashtype %zu\n", i + 1, colour[i % N_COLOUR], 1 + i / N_COLOUR);
    fprintf(
        out,
        "set terminal %s noenhanced size 900,700 font 'sans,12' background '#ffffff'%s\nset encoding utf8\n"
        "set multiplot layout 2,1\nset tics out nomirror\nset grid linetype 1 linecolor '#dddddd'\n"
        "set lmargin 10\nset xlabel 's'\nset yrange [0:*]\nset key outside right top Left reverse\nset ylabel 'resident, GiB'\nset title ",
        svg ? "svg" : "pngcairo", svg ? " name 'course'" : "");
    ib_gnuplot_quote(out, title);
    fprintf(out, "\n");
    put_lines(out, line, step, "1:2", "lines");
    fprintf(out, "unset title\nset ylabel 'busy processors'\n");
    put_lines(out, line, step, "1:3", "fsteps");
    fprintf(out, "unset multiplot\n");
}

ib_status ib_course_plot(const json_t *line, const char *title, const char *path, ib_error *err)
{
    const char *dot = strrchr(path, '.');
    const bool  svg = dot && !strcasecmp(dot, ".svg");

    if (!dot || (!svg && strcasecmp(dot, ".png") != 0))
        return ib_fail(err, IB_EUSAGE, "show --plot: %s ends in neither .svg nor .png", path);
    if (!line)
        return ib_fail(err, IB_ENODATA, "this launch was not watched over time (--monitor 0, or an earlier version)");
    FILE *script = tmpfile();
    if (script)
        put_script(script, line, title, svg);
    const ib_status rc = ib_gnuplot(script, path, err);
    if (script)
        fclose(script);
    return rc;
}
