/* SPDX-License-Identifier: BSD-3-Clause */
/* MeasurementSets, made on the fly by tests/make_ms.py: what is in them is said there. */
#include "ib_test.h"

#include "base/error.h"
#include "base/mem.h"
#include "io/io.h"

#include <float.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
/* casacore forgets what it allocated for a damaged table when it throws; what we leak ourselves is still told. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libcasa_\n";
}
#endif

static char scratch[] = "/tmp/imgbench_test_ms_XXXXXX";

static int shell(const char *format, const char *argument)
{
    char command[1000];

    snprintf(command, sizeof command, format, argument);
    return system(command);
}

static void remove_scratch(void)
{
    shell("rm -rf '%s'", scratch);
}

/* Sets are made with casacore's Python module; without it there is nothing to read. */
static bool can_make(ib_test *t)
{
    static int can = -1;

    if (can < 0) {
        can = system("/usr/bin/python3 -c 'import casacore.tables' 2>/dev/null") == 0;
        if (can && mkdtemp(scratch))
            atexit(remove_scratch);
    }
    if (!can) {
        printf("# SKIP %s: python3-casacore is missing\n", t->name);
        IB_CHECK(t, !can);
    }
    return can;
}

/* Path of a variant, made when it is first asked for. */
static const char *made(const char *variant)
{
    static char path[200];
    char        command[300];
    struct stat there;

    snprintf(path, sizeof path, "%s/%s.ms", scratch, variant);
    if (stat(path, &there)) {
        snprintf(command, sizeof command, "/usr/bin/python3 \"$IMGBENCH_TESTS/make_ms.py\" '%s' %s", path, variant);
        if (system(command) != 0)
            printf("# %s failed\n", command);
    }
    return path;
}

typedef struct fixture {
    ib_config   cfg;
    ib_source  *source;
    ib_vis_info info;
    ib_error    err;
    ib_status   rc;
} fixture;

static ib_config defaults(void)
{
    return (ib_config){.column = "", .field = "", .spw = "", .channels = ""};
}

static fixture *open_path(const char *path, ib_config cfg)
{
    static fixture f;

    f = (fixture){.cfg = cfg};
    f.cfg.input = path;
    f.rc = ib_source_open(&f.source, &f.cfg, &f.info, &f.err);
    if (f.rc)
        printf("# %s: %s\n", ib_status_name(f.rc), f.err.text);
    return &f;
}

static fixture *open_made(const char *variant, ib_config cfg)
{
    return open_path(made(variant), cfg);
}

static void end(ib_test *t, fixture *f)
{
    if (!f->rc) {
        ib_source_close(f->source);
        ib_vis_info_clear(&f->info);
    }
    IB_CHECK(t, ib_mem_held() == 0);
}

/* Everything of one window, read at once. */
enum { MOST = 1000 };
static struct {
    double  uvw[MOST][3];
    int32_t antenna[MOST][2], field[MOST];
    float   row_weight[MOST], vis[MOST][2], weight[MOST];
    uint8_t flag[MOST];
} got;

static bool read_window(ib_test *t, fixture *f, size_t s)
{
    if (f->rc || s >= f->info.n_spw) {
        IB_CHECK(t, !"no such window");
        return false;
    }
    const ib_spw  *spw = &f->info.spw[s];
    const ib_range rows = {0, spw->n_row}, chans = {0, spw->n_chan};
    const ib_rows  geometry = {.uvw = got.uvw, .antenna = got.antenna, .field = got.field, .weight = got.row_weight};
    const ib_samples samples = {got.vis, got.weight, got.flag};

    if (spw->n_row * spw->n_chan * spw->n_corr > MOST) {
        IB_CHECK(t, !"the window is larger than the test's buffers");
        return false;
    }
    f->rc = ib_source_rows(f->source, s, rows, &geometry, &f->err);
    if (!f->rc)
        f->rc = ib_source_read(f->source, s, chans, rows, &samples, &f->err);
    IB_TEXT(t, f->rc ? f->err.text : "", "");
    return !f->rc;
}

/* ---- what is read ------------------------------------------------------------------------------------------- */

static void the_set_is_described(ib_test *t)
{
    if (!can_make(t))
        return;
    fixture           *f = open_made("point", defaults());
    const ib_vis_info *info = &f->info;

    IB_CHECK(t, f->rc == IB_OK);
    if (!f->rc) {
        IB_TEXT(t, ib_source_format(f->source), "ms");
        IB_TEXT(t, info->column, "DATA");
        IB_TEXT(t, info->telescope, "TINY");
        IB_TEXT(t, info->observer, "Nobody");
        IB_TEXT(t, info->object, "SOURCE");
        IB_TEXT(t, info->frame, "TOPOCENT");
        IB_TEXT(t, info->radesys, "FK5");
        IB_CHECK(t, info->stokes == IB_PLANES_I);
        IB_CHECK(t, info->time_first == 5.1e9 && info->time_last == 5.1e9 + 30);
        IB_CHECK(t, info->n_antenna == 6 && info->dish[0] == 25 && info->dish[5] == 0);
        IB_CHECK(t, info->n_field == 1 && info->field[0].selected);
        IB_CHECK(t, info->field[0].ra == 1.0 && info->field[0].dec == 0.5);
        IB_CHECK(t, info->n_spw == 1 && info->spw[0].n_row == 60 && info->spw[0].n_chan == 3);
        IB_CHECK(t, info->spw[0].n_corr == 2 && info->spw[0].corr[0] == IB_XX && info->spw[0].corr[1] == IB_YY);
        IB_CHECK(t, info->spw[0].freq[2] == 1.402e9 && info->spw[0].width[2] == 1e6);
        IB_CHECK(t, info->spw[0].weight_per_channel);
    }
    end(t, f);
}

/* The file holds the phases rounded to single precision: half an ulp of 1 in each part. The phase itself, at most
   2 pi 400 m x 8e-4 / 0.2 m = 10 rad, is computed in another order: some ulps of 10, far less. */
static void visibilities_are_those_of_a_source_at_plus_l_and_m(ib_test *t)
{
    const double arcsec = acos(-1.0) / 648000, l = 140 * arcsec, m = 80 * arcsec;

    if (!can_make(t))
        return;
    fixture *f = open_made("point", defaults());
    if (read_window(t, f, 0)) {
        for (size_t c = 0; c < 3; c++)
            for (size_t i = 0; i < 60; i++) {
                const double *uvw = got.uvw[i];
                const double  path = uvw[0] * l + uvw[1] * m + uvw[2] * (sqrt(1 - l * l - m * m) - 1);
                const double  phase = 2 * acos(-1.0) * path * f->info.spw[0].freq[c] / IB_LIGHT;
                for (size_t p = 0; p < 2; p++) {
                    const size_t at = (c * 60 + i) * 2 + p;
                    IB_NEAR(t, got.vis[at][0], cos(phase), FLT_EPSILON);
                    IB_NEAR(t, got.vis[at][1], sin(phase), FLT_EPSILON);
                    IB_CHECK(t, got.weight[at] == 2 && !got.flag[at]);
                }
            }
        IB_CHECK(t, ib_source_bytes(f->source) == 60 * (24 + 8 + 4) + 3 * 60 * 2 * (8 + 4 + 1));
    }
    end(t, f);
}

/* Row r of `mixed` is row r / 2 of window r % 2. Weights of rows without WEIGHT_SPECTRUM are those of WEIGHT. */
static void check_mixed_row(ib_test *t, const ib_spw *spw, size_t r)
{
    const size_t i = r / 2, n_corr = spw->n_corr;

    for (size_t k = 0; k < spw->n_chan; k++)
        for (size_t p = 0; p < n_corr; p++) {
            const size_t at = (k * spw->n_row + i) * n_corr + p;
            const int    c = spw->chan[k], row = (int)r, corr = (int)p;
            const bool   no_data = r == 6 || r == 7, no_spectrum = r % 5 == 3 || r == 14;
            const double weight = !no_spectrum ? 1 + row + 0.5 * c + 0.25 * corr : r == 13 ? 0 : 0.5 + row;

            IB_NEAR(t, got.vis[at][0], no_data ? 0 : 100 * row + 10 * c + corr, 0);
            IB_NEAR(t, got.vis[at][1], no_data ? 0 : -c, 0);
            IB_NEAR(t, got.weight[at], weight, 0);
            IB_CHECK(t, got.flag[at] == (no_data || r == 11 || (row + c + corr) % 7 == 0));
        }
}

static void check_mixed(ib_test *t, const char *channels)
{
    ib_config cfg = defaults();

    cfg.channels = channels;
    fixture *f = open_made("mixed", cfg);
    IB_CHECK(t, f->info.n_spw == 2);
    for (size_t s = 0; s < 2; s++) {
        if (!read_window(t, f, s))
            break;
        for (size_t i = 0; i < f->info.spw[s].n_row; i++)
            check_mixed_row(t, &f->info.spw[s], 2 * i + s);
    }
    end(t, f);
}

static void rows_of_different_shapes_and_undefined_cells_are_read(ib_test *t)
{
    if (!can_make(t))
        return;
    check_mixed(t, "");
    check_mixed(t, "0,2");
    check_mixed(t, "1-2");
}

static void windows_keep_their_own_shape_order_and_correlations(ib_test *t)
{
    if (!can_make(t))
        return;
    fixture *f = open_made("mixed", defaults());

    IB_CHECK(t, !f->rc && f->info.n_spw == 2);
    if (!f->rc && f->info.n_spw == 2) {
        const ib_spw *up = &f->info.spw[0], *down = &f->info.spw[1];

        IB_TEXT(t, up->name, "up");
        IB_TEXT(t, down->name, "down");
        IB_CHECK(t, up->n_chan == 4 && up->n_corr == 2 && down->n_chan == 3 && down->n_corr == 4);
        IB_CHECK(t, down->corr[0] == IB_LL && down->corr[1] == IB_LR && down->corr[3] == IB_RR);
        IB_CHECK(t, down->freq[0] == 2e9 && down->freq[2] == 1.996e9 && down->width[0] == 2e6);
        IB_TEXT(t, f->info.frame, "");
        IB_CHECK(t, !f->info.field[1].selected);
    }
    end(t, f);
}

static void the_same_bytes_whatever_the_ranges_are_cut_into(ib_test *t)
{
    if (!can_make(t))
        return;
    fixture *f = open_made("mixed", defaults());

    for (size_t s = 0; s < 2 && read_window(t, f, s); s++) {
        const ib_spw *spw = &f->info.spw[s];
        const size_t  n_corr = spw->n_corr;

        for (size_t c = 0; c < spw->n_chan; c += 2)
            for (size_t row = 0; row < spw->n_row; row += 5) {
                const ib_range chans = {c, c + 2 <= spw->n_chan ? 2 : spw->n_chan - c};
                const ib_range rows = {row, row + 5 <= spw->n_row ? 5 : spw->n_row - row};
                float          vis[40][2], weight[40];
                uint8_t        flag[40];
                double         uvw[5][3];

                IB_CHECK(t, !ib_source_read(f->source, s, chans, rows, &(ib_samples){vis, weight, flag}, &f->err));
                IB_CHECK(t, !ib_source_rows(f->source, s, rows, &(ib_rows){.uvw = uvw}, &f->err));
                IB_CHECK(t, !memcmp(uvw, got.uvw[row], rows.n * sizeof *uvw));
                for (size_t k = 0; k < chans.n; k++) {
                    const size_t whole = ((c + k) * spw->n_row + row) * n_corr, part = k * rows.n * n_corr;
                    IB_CHECK(t, !memcmp(vis + part, got.vis + whole, rows.n * n_corr * sizeof *vis));
                    IB_CHECK(t, !memcmp(weight + part, got.weight + whole, rows.n * n_corr * sizeof *weight));
                    IB_CHECK(t, !memcmp(flag + part, got.flag + whole, rows.n * n_corr));
                }
            }
    }
    end(t, f);
}

static void weights_come_from_the_first_column_that_has_some(ib_test *t)
{
    static const struct {
        const char *variant;
        float       weight, every_third;
    } cases[] = {{"nospectrum", 6, 6}, {"unfilled", 6, 6}, {"sigma", 4, 0}};

    if (!can_make(t))
        return;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        fixture *f = open_made(cases[k].variant, defaults());

        IB_CHECK(t, !f->rc && !f->info.spw[0].weight_per_channel);
        if (read_window(t, f, 0))
            for (size_t i = 0; i < 60; i++)
                IB_NEAR(t, got.row_weight[2 * i + 1], i % 3 ? cases[k].weight : cases[k].every_third, 0);
        end(t, f);
    }
}

static void autocorrelations_and_strange_uvw_are_delivered(ib_test *t)
{
    if (!can_make(t))
        return;
    fixture *f = open_made("auto", defaults());
    if (read_window(t, f, 0))
        IB_CHECK(t, f->info.spw[0].n_row == 84 && got.antenna[0][0] == 0 && got.antenna[0][1] == 0);
    end(t, f);
    f = open_made("nanuvw", defaults());
    if (read_window(t, f, 0))
        IB_CHECK(t, isnan(got.uvw[5][1]) && isfinite(got.uvw[4][1]));
    end(t, f);
}

/* ---- what is chosen ----------------------------------------------------------------------------------------- */

static void corrected_data_is_taken_when_it_has_values(ib_test *t)
{
    ib_config cfg = defaults();

    if (!can_make(t))
        return;
    fixture *f = open_made("corrected", cfg);
    IB_TEXT(t, f->info.column, "CORRECTED_DATA");
    if (read_window(t, f, 0))
        IB_NEAR(t, hypot(got.vis[0][0], got.vis[0][1]), 2, 2 * FLT_EPSILON);
    end(t, f);

    f = open_made("uncorrected", cfg);
    IB_TEXT(t, f->info.column, "DATA");
    end(t, f);

    cfg.column = "DATA";
    f = open_made("corrected", cfg);
    IB_TEXT(t, f->info.column, "DATA");
    if (read_window(t, f, 0))
        IB_NEAR(t, hypot(got.vis[0][0], got.vis[0][1]), 1, FLT_EPSILON);
    end(t, f);

    cfg.column = "MODEL_DATA";
    f = open_made("corrected", cfg);
    IB_CHECK(t, f->rc == IB_EUSAGE && strstr(f->err.text, "there are: "));
    IB_CHECK(t, strstr(f->err.text, "CORRECTED_DATA") != NULL);
    end(t, f);

    cfg.column = "CORRECTED_DATA";
    f = open_made("uncorrected", cfg);
    IB_CHECK(t, f->rc == IB_EDATA && strstr(f->err.text, "has no value"));
    end(t, f);
}

static void fields_are_selected_by_number_and_name(ib_test *t)
{
    ib_config cfg = defaults();

    if (!can_make(t))
        return;
    fixture *f = open_made("fields", cfg);
    IB_CHECK(t, !f->rc && f->info.n_field == 3 && f->info.spw[0].n_row == 60);
    IB_TEXT(t, f->info.object, "");
    if (read_window(t, f, 0))
        IB_CHECK(t, got.field[0] == 0 && got.field[4] == 1 && got.field[59] == 2);
    IB_NEAR(t, f->info.field[0].ra, 2 * acos(-1.0) - 1, 4 * DBL_EPSILON); /* -1 in the file */
    end(t, f);

    cfg.field = "SAME";
    f = open_made("fields", cfg);
    IB_CHECK(t, !f->rc && f->info.spw[0].n_row == 40);
    IB_CHECK(t, f->info.field[0].selected && f->info.field[1].selected && !f->info.field[2].selected);
    end(t, f);

    cfg.field = "2";
    f = open_made("fields", cfg);
    IB_CHECK(t, !f->rc && f->info.spw[0].n_row == 20 && f->info.field[2].dec == -0.7);
    IB_TEXT(t, f->info.object, "OTHER");
    if (read_window(t, f, 0))
        IB_CHECK(t, got.field[0] == 2 && got.field[19] == 2);
    end(t, f);
}

static void windows_without_selected_channels_drop_out(ib_test *t)
{
    ib_config cfg = defaults();

    if (!can_make(t))
        return;
    cfg.channels = "3";
    fixture *f = open_made("mixed", cfg);
    IB_CHECK(t, !f->rc && f->info.n_spw == 1 && f->info.spw[0].n_chan == 1 && f->info.spw[0].chan[0] == 3);
    end(t, f);

    cfg.channels = "4";
    f = open_made("mixed", cfg);
    IB_CHECK(t, f->rc == IB_EUSAGE && strstr(f->err.text, "4 channels: 0-3"));
    end(t, f);

    cfg.spw = "down";
    cfg.channels = "3";
    f = open_made("mixed", cfg);
    IB_CHECK(t, f->rc == IB_EUSAGE && strstr(f->err.text, "3 channels: 0-2"));
    end(t, f);

    cfg.channels = "";
    cfg.spw = "unused";
    f = open_made("mixed", cfg);
    IB_CHECK(t, f->rc == IB_EUSAGE && strstr(f->err.text, "none of 84 rows"));
    end(t, f);
}

/* ---- what is refused ---------------------------------------------------------------------------------------- */

static void sets_that_contradict_themselves_are_refused(ib_test *t)
{
    static const struct {
        const char *variant;
        ib_status   status;
        const char *text;
    } cases[] = {
        {"empty", IB_EDATA, "MAIN has no rows"},
        {"badflag", IB_EDATA, "row 0: FLAG has 2 correlations x 2 channels"},
        {"badchannels", IB_EDATA, "row 0: DATA has 2 correlations x 3 channels"},
        {"badantenna", IB_EDATA, "row 7: ANTENNA2 is 6, but there are 6"},
        {"badfield", IB_EDATA, "row 9: FIELD_ID is 1, but there are 1"},
        {"badfrequency", IB_EDATA, "channel 1 has frequency 0 Hz"},
        {"moving", IB_EUNSUPPORTED, "moving phase centre"},
        {"azel", IB_EUNSUPPORTED, "AZEL"},
    };

    if (!can_make(t))
        return;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        fixture *f = open_made(cases[k].variant, defaults());
        IB_TEXT(t, ib_status_name(f->rc), ib_status_name(cases[k].status));
        IB_CHECK(t, f->rc && strstr(f->err.text, cases[k].text));
        IB_CHECK(t, f->rc && strstr(f->err.text, cases[k].variant)); /* the path */
        end(t, f);
    }
}

/* A copy of `point` that a command has damaged ($d: the copy). */
static fixture *open_damaged(const char *command)
{
    static char path[200];
    char        line[900];

    snprintf(path, sizeof path, "%s/damaged.ms", scratch);
    snprintf(line, sizeof line, "d='%s'; chmod -R u+w \"$d\" 2>/dev/null; rm -rf \"$d\"; cp -r '%s' \"$d\"; %s", path,
             made("point"), command);
    if (system(line) != 0)
        printf("# %s failed\n", line);
    return open_path(path, defaults());
}

static void damaged_sets_are_refused_in_a_sentence(ib_test *t)
{
    static const char *const damage[] = {"truncate -s 100 $d/table.dat",
                                         "truncate -s 0 $d/table.dat",
                                         "rm $d/table.f0",
                                         "rm -r $d/FIELD",
                                         "rm -r $d/ANTENNA",
                                         "truncate -s 50 $d/SPECTRAL_WINDOW/table.dat",
                                         "rm $d/POLARIZATION/table.f0",
                                         "rm $d/table.dat",
                                         "rm -r $d/*",
                                         "truncate -s 10 $d/FIELD/table.f0"};

    if (!can_make(t))
        return;
    for (size_t k = 0; k < sizeof damage / sizeof *damage; k++) {
        fixture *f = open_damaged(damage[k]);
        IB_TEXT(t, ib_status_name(f->rc), "bad data");
        IB_CHECK(t, f->rc && strstr(f->err.text, "damaged.ms") && !strchr(f->err.text, '\n'));
        end(t, f);
    }
}

static void optional_parts_may_be_missing(ib_test *t)
{
    if (!can_make(t))
        return;
    fixture *f = open_damaged("rm -rf $d/OBSERVATION $d/POINTING $d/HISTORY $d/STATE $d/FEED $d/table.info");
    IB_CHECK(t, f->rc == IB_OK);
    IB_TEXT(t, f->info.telescope, "");
    end(t, f);
}

static void reading_changes_nothing(ib_test *t)
{
    if (!can_make(t))
        return;
    fixture *f = open_damaged("chmod -R a-w $d; cd $d && find . -exec cksum {} + 2>&1 | sort >../before");
    IB_CHECK(t, f->rc == IB_OK);
    read_window(t, f, 0);
    end(t, f);
    IB_CHECK(t, !shell("cd '%s'/damaged.ms && find . -exec cksum {} + 2>&1 | sort | cmp - ../before", scratch));
    shell("chmod -R u+w '%s'", scratch);
}

static void what_is_no_input_is_refused(ib_test *t)
{
    static const struct {
        const char *make; /* $d: the path */
        ib_status   status;
        const char *text;
    } cases[] = {
        {"true", IB_EDATA, "no such file or folder"},
        {"mkdir $d", IB_EDATA, "folder without table.dat"},
        {": >$d", IB_EDATA, "empty"},
        {"echo hello >$d", IB_EDATA, "neither a MeasurementSet"},
        {"mkfifo $d", IB_EDATA, "neither a file nor a folder"},
        {"printf 'SIMPLE  =                    T%50sNAXIS   =                    0' >$d", IB_EUNSUPPORTED,
         "importfitsidi"},
        {"printf '\\037\\213' >$d", IB_EUNSUPPORTED, "unpack it"},
        {"printf 'SIMPLE  =                    T%50sNAXIS1  =                    5' >$d", IB_EDATA, "FITS image"},
    };
    char path[200], line[600];

    if (!can_make(t))
        return;
    snprintf(path, sizeof path, "%s/thing", scratch);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        snprintf(line, sizeof line, "d='%s'; rm -rf \"$d\"; %s", path, cases[k].make);
        IB_CHECK(t, system(line) == 0);
        fixture *f = open_path(path, defaults());
        IB_TEXT(t, ib_status_name(f->rc), ib_status_name(cases[k].status));
        IB_CHECK(t, f->rc && strstr(f->err.text, cases[k].text) && strstr(f->err.text, path));
        end(t, f);
    }
}

static void ranges_beyond_the_input_are_refused(ib_test *t)
{
    if (!can_make(t))
        return;
    fixture         *f = open_made("point", defaults());
    const ib_rows    rows = {.uvw = got.uvw};
    const ib_samples samples = {.vis = got.vis};

    IB_CHECK(t, f->rc == IB_OK);
    if (!f->rc) {
        const ib_range all = {0, 60}, beyond = {59, 2}, huge = {1, SIZE_MAX}, none = {60, 0}, chans = {0, 3};
        IB_CHECK(t, ib_source_rows(f->source, 0, beyond, &rows, &f->err) == IB_EINTERNAL);
        IB_CHECK(t, ib_source_rows(f->source, 0, huge, &rows, &f->err) == IB_EINTERNAL);
        IB_CHECK(t, ib_source_rows(f->source, 1, all, &rows, &f->err) == IB_EINTERNAL);
        IB_CHECK(t, ib_source_rows(f->source, 0, none, &rows, &f->err) == IB_OK);
        IB_CHECK(t, ib_source_read(f->source, 0, (ib_range){2, 2}, all, &samples, &f->err) == IB_EINTERNAL);
        IB_CHECK(t, ib_source_read(f->source, 0, chans, beyond, &samples, &f->err) == IB_EINTERNAL);
    }
    end(t, f);
}

IB_TEST_MAIN({IB_TEST(the_set_is_described), IB_TEST(visibilities_are_those_of_a_source_at_plus_l_and_m),
              IB_TEST(rows_of_different_shapes_and_undefined_cells_are_read),
              IB_TEST(windows_keep_their_own_shape_order_and_correlations),
              IB_TEST(the_same_bytes_whatever_the_ranges_are_cut_into),
              IB_TEST(weights_come_from_the_first_column_that_has_some),
              IB_TEST(autocorrelations_and_strange_uvw_are_delivered),
              IB_TEST(corrected_data_is_taken_when_it_has_values), IB_TEST(fields_are_selected_by_number_and_name),
              IB_TEST(windows_without_selected_channels_drop_out),
              IB_TEST(sets_that_contradict_themselves_are_refused), IB_TEST(damaged_sets_are_refused_in_a_sentence),
              IB_TEST(optional_parts_may_be_missing), IB_TEST(reading_changes_nothing),
              IB_TEST(what_is_no_input_is_refused), IB_TEST(ranges_beyond_the_input_are_refused)})
