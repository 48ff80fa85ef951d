/* SPDX-License-Identifier: BSD-3-Clause */
/* UVFITS files, made on the fly by tests/make_uvfits.py: what is in them is said there. That their samples are the right
   ones is for tests/cli/uvfits.sh. */
#include "ib_test.h"

#include "base/error.h"
#include "io/io.h"

#include <float.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[] = "/tmp/imgbench_test_uvfits_XXXXXX";

static void remove_scratch(void)
{
    char command[200];

    snprintf(command, sizeof command, "rm -rf '%s'", scratch);
    if (system(command) != 0)
        printf("# %s failed\n", command);
}

/* Path of a variant, made when it is first asked for. */
static const char *made(const char *variant)
{
    static char path[200];
    static int  ready;
    char        command[400];
    struct stat there;

    if (!ready++ && mkdtemp(scratch))
        atexit(remove_scratch);
    snprintf(path, sizeof path, "%s/%s.uvfits", scratch, variant);
    if (stat(path, &there)) {
        snprintf(command, sizeof command, "/usr/bin/python3 \"$IMGBENCH_TESTS/make_uvfits.py\" '%s' %s", path,
                 variant);
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
        f.source = NULL;
    return &f;
}

static void end(fixture *f)
{
    ib_source_close(f->source);
    ib_vis_info_clear(&f->info);
}

enum { MOST_ROWS = 84, MOST = 3 * MOST_ROWS * 4 };

static struct {
    double  uvw[MOST_ROWS][3];
    int32_t antenna[MOST_ROWS][2], field[MOST_ROWS];
    float   vis[MOST][2], weight[MOST];
    uint8_t flag[MOST];
} got;

static ib_status read_all(fixture *f, size_t spw)
{
    const ib_spw    *w = &f->info.spw[spw];
    const ib_range   chans = {0, w->n_chan}, all = {0, w->n_row};
    const ib_rows    rows = {.uvw = got.uvw, .antenna = got.antenna, .field = got.field};
    const ib_samples samples = {got.vis, got.weight, got.flag};

    if (w->n_row > MOST_ROWS || w->n_chan * w->n_row * w->n_corr > MOST)
        return IB_EUNSUPPORTED;
    if (ib_source_rows(f->source, spw, all, &rows, &f->err))
        return f->err.status;
    return ib_source_read(f->source, spw, chans, all, &samples, &f->err);
}

static void the_file_is_described(ib_test *t)
{
    fixture           *f = open_path(made("ifs"), defaults());
    const ib_vis_info *info = &f->info;

    IB_TEXT(t, ib_status_name(f->rc), ib_status_name(IB_OK));
    if (!f->rc) {
        IB_TEXT(t, ib_source_format(f->source), "uvfits");
        IB_CHECK(t, info->n_spw == 3 && info->n_field == 1 && info->n_antenna == 6);
        IB_NEAR(t, info->dish[5], 25, 0);
        IB_TEXT(t, info->telescope, "VLA");
        IB_TEXT(t, info->object, "THING");
        IB_TEXT(t, info->observer, "NOBODY");
        IB_TEXT(t, info->frame, "TOPOCENT");
        IB_TEXT(t, info->radesys, "FK5");
        IB_NEAR(t, info->field[0].ra, 150.0 / 180 * IB_PI, 2 * DBL_EPSILON * 3);
        IB_NEAR(t, info->field[0].dec, 30.0 / 180 * IB_PI, 2 * DBL_EPSILON);
        /* 6 h and 10.5 h of MJD 58000 less DATUTC; a double of days from 4713 BC resolves 40 us. */
        IB_NEAR(t, info->time_first, 58000 * 86400.0 + 6 * 3600 - 37, 1e-4);
        IB_NEAR(t, info->time_last, 58000 * 86400.0 + 10.5 * 3600 - 37, 1e-4);

        const ib_spw *last = &info->spw[2]; /* at -30 MHz, lower sideband, reference at the second channel */
        IB_CHECK(t, last->id == 2 && last->n_row == 60 && last->n_chan == 3 && last->n_corr == 4);
        IB_TEXT(t, last->name, "IF3");
        IB_NEAR(t, last->freq[0], 1.371e9, 0);
        IB_NEAR(t, last->freq[2], 1.369e9, 0);
        IB_NEAR(t, info->spw[1].freq[0], 1.418e9, 0);
        IB_NEAR(t, info->spw[1].width[0], 2e6, 0);
        IB_CHECK(t, last->corr[0] == IB_RR && last->corr[1] == IB_LL && last->corr[2] == IB_RL &&
                        last->corr[3] == IB_LR);
    }
    end(f);
}

/* The sign and the unit of u, v and w: V = exp(+2 pi i (u l + v m + w (n - 1))). The samples were made from the very u, v
   and w that are read, and rounded to float32: 2^-25, and the phases of a few turns to doubles. */
static void visibilities_are_those_of_a_source_at_plus_l_and_m(ib_test *t)
{
    const double arcsec = IB_PI / 648000, l = 140 * arcsec, m = 80 * arcsec, n1 = sqrt(1 - l * l - m * m) - 1;
    fixture     *f = open_path(made("point"), defaults());

    IB_CHECK(t, f->rc == IB_OK && read_all(f, 0) == IB_OK);
    for (size_t c = 0; !f->rc && c < 3; c++)
        for (size_t r = 0; r < 60; r++) {
            const double *b = got.uvw[r], wave = f->info.spw[0].freq[c] / IB_LIGHT;
            const double  phase = 2 * IB_PI * wave * (b[0] * l + b[1] * m + b[2] * n1);
            const size_t  i = (c * 60 + r) * 4;

            IB_NEAR(t, got.vis[i][0], cos(phase), 0x1p-25 + 1e-12);
            IB_NEAR(t, got.vis[i][1], sin(phase), 0x1p-25 + 1e-12);
            IB_CHECK(t, got.antenna[r][0] < got.antenna[r][1] && got.antenna[r][1] < 6 && got.field[r] == 0);
            IB_CHECK(t, got.weight[i] == 1.0F + (float)(r % 3) && !got.flag[i]);
        }
    end(f);
}

/* Weights that are not positive, or NaN, are flags; infinite ones are handed on as they are. */
static void weights_that_are_not_positive_are_flags(ib_test *t)
{
    fixture *f = open_path(made("badweights"), defaults());

    IB_CHECK(t, f->rc == IB_OK && read_all(f, 0) == IB_OK);
    if (!f->rc) {
        IB_CHECK(t, got.flag[3 * 4] && got.flag[(60 + 10) * 4 + 1]); /* negative */
        IB_CHECK(t, got.flag[(60 + 1) * 4] && !got.flag[1 * 4]);     /* zero */
        IB_CHECK(t, got.flag[2 * 4 + 1] && !got.flag[2 * 4]);        /* NaN */
        IB_CHECK(t, !got.flag[(120 + 5) * 4] && isinf(got.weight[(120 + 5) * 4]));
        IB_CHECK(t, isnan(got.vis[(60 + 9) * 4][0]));
    }
    end(f);
}

static void sources_are_fields(ib_test *t)
{
    ib_config cfg = defaults();

    cfg.field = "OTHER";
    fixture *f = open_path(made("sources"), cfg);
    IB_CHECK(t, f->rc == IB_OK);
    if (!f->rc) {
        IB_CHECK(t, f->info.n_field == 2 && !f->info.field[0].selected && f->info.field[1].selected);
        IB_CHECK(t, f->info.spw[0].n_row == 15 && read_all(f, 0) == IB_OK && got.field[0] == 1);
        IB_TEXT(t, f->info.object, "OTHER");
        IB_NEAR(t, f->info.field[1].ra, 150.5 / 180 * IB_PI, 2 * DBL_EPSILON * 3);
    }
    end(f);
    f = open_path(made("sources"), defaults());
    IB_CHECK(t, f->rc == IB_OK && read_all(f, 0) == IB_OK && got.field[14] == 0 && got.field[15] == 1);
    end(f);
}

/* Antennas of a second subarray come after those of the first, whose numbers they share. */
static void subarrays_have_antennas_of_their_own(ib_test *t)
{
    fixture *f = open_path(made("subarrays"), defaults());

    IB_CHECK(t, f->rc == IB_OK && f->info.n_antenna == 12 && read_all(f, 0) == IB_OK);
    for (size_t r = 0; !f->rc && r < 60; r++)
        for (int k = 0; k < 2; k++) {
            IB_CHECK(t, got.antenna[r][k] / 6 == (r >= 30));
            IB_NEAR(t, f->info.dish[got.antenna[r][k]], r < 30 ? 25 : 26, 0);
        }
    end(f);
}

static void the_same_bytes_whatever_the_ranges_are_cut_into(ib_test *t)
{
    static const char *const variants[] = {"ifs", "setups", "order"};

    for (size_t k = 0; k < sizeof variants / sizeof *variants; k++) {
        fixture *f = open_path(made(variants[k]), defaults());

        IB_CHECK(t, f->rc == IB_OK && read_all(f, f->info.n_spw - 1) == IB_OK);
        const size_t  s = f->rc ? 0 : f->info.n_spw - 1;
        const ib_spw *w = &f->info.spw[s];
        for (size_t c = 0; !f->rc && c < w->n_chan; c++)
            for (size_t r = 0; r < w->n_row; r += 7) {
                const size_t     n = w->n_row - r < 7 ? w->n_row - r : 7, at = (c * w->n_row + r) * 4;
                float            vis[28][2], weight[28];
                uint8_t          flag[28];
                double           uvw[7][3];
                const ib_rows    rows = {.uvw = uvw};
                const ib_samples samples = {vis, weight, flag};

                IB_CHECK(t, !ib_source_read(f->source, s, (ib_range){c, 1}, (ib_range){r, n}, &samples, &f->err));
                IB_CHECK(t, !ib_source_rows(f->source, s, (ib_range){r, n}, &rows, &f->err));
                IB_CHECK(t, !memcmp(vis, got.vis + at, n * 4 * sizeof *vis));
                IB_CHECK(t, !memcmp(weight, got.weight + at, n * 4 * sizeof *weight));
                IB_CHECK(t, !memcmp(flag, got.flag + at, n * 4));
                IB_CHECK(t, !memcmp(uvw, got.uvw + r, n * sizeof *uvw));
            }
        end(f);
    }
}

static void what_is_wrong_is_said(ib_test *t)
{
    static const struct {
        const char *variant;
        ib_status   status;
        const char *text;
    } cases[] = {{"empty", IB_EDATA, "GCOUNT is 0"},
                 {"nogroups", IB_EDATA, "GROUPS is not T"},
                 {"huge", IB_EDATA, "NAXIS4 is 1000000000000, more than"},
                 {"enormous", IB_EDATA, "NAXIS4 is 4.61169e+18"},
                 {"negative", IB_EDATA, "NAXIS4 is -3"},
                 {"manyparameters", IB_EDATA, "PCOUNT"},
                 {"nopcount", IB_EDATA, "PCOUNT is missing; correct"},
                 {"manygroups", IB_EDATA, "cut short"},
                 {"nanscale", IB_EDATA, "PSCAL1 is \"NaN\""},
                 {"zeroscale", IB_EDATA, "PSCAL2 is 0"},
                 {"nouu", IB_EDATA, "called UU"},
                 {"nobaseline", IB_EDATA, "called BASELINE"},
                 {"nocrval", IB_EDATA, "FREQ has no CRVAL"},
                 {"nofreq", IB_EDATA, "called FREQ"},
                 {"compressed", IB_EUNSUPPORTED, "COMPLEX has 1"},
                 {"stokes9", IB_EUNSUPPORTED, "STOKES is -9"},
                 {"equinox", IB_EUNSUPPORTED, "equinox 1987.5"},
                 {"nodirection", IB_EDATA, "phase centre"},
                 {"nofq", IB_EDATA, "no table AIPS FQ"},
                 {"fewifs", IB_EDATA, "IF FREQ has 1 values"},
                 {"badsource", IB_EDATA, "group 17 has source 3"},
                 {"badsetup", IB_EDATA, "group 17 has frequency setup 3"},
                 {"mixed", IB_EUNSUPPORTED, "FK5 and FK4"}};

    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const char *path = made(cases[k].variant);
        fixture    *f = open_path(path, defaults());

        printf("# %s: %s\n", cases[k].variant, f->rc ? f->err.text : "accepted");
        IB_TEXT(t, ib_status_name(f->rc), ib_status_name(cases[k].status));
        IB_CHECK(t, f->rc && strstr(f->err.text, cases[k].text) && strstr(f->err.text, path));
        end(f);
    }
    ib_config cfg = defaults();
    cfg.column = "DATA";
    fixture *f = open_path(made("point"), cfg);
    IB_CHECK(t, f->rc == IB_EUSAGE);
    end(f);
}

enum { MOST_BYTES = 1 << 17 };

static size_t slurp(const char *path, unsigned char *bytes)
{
    FILE  *file = fopen(path, "rb");
    size_t n = file ? fread(bytes, 1, MOST_BYTES, file) : 0;

    if (file)
        fclose(file);
    return n;
}

static fixture *open_bytes(const unsigned char *bytes, size_t n)
{
    static char path[200];

    snprintf(path, sizeof path, "%s/bytes", scratch);
    FILE *file = fopen(path, "wb");
    if (file) {
        fwrite(bytes, 1, n, file);
        fclose(file);
    }
    return open_path(path, defaults());
}

/* Cut anywhere, the file is refused, unless no more is missing than the filling of a unit and whole tables after it that
   images can do without. */
static void cut_files_are_refused(ib_test *t)
{
    static unsigned char bytes[MOST_BYTES];
    const size_t         n = slurp(made("ifs"), bytes);
    int                  accepted = 0;

    IB_CHECK(t, n > 0 && n < MOST_BYTES);
    for (size_t cut = 0; cut < n; cut += 487) {
        fixture *f = open_bytes(bytes, cut);
        bool     filling = true;

        for (size_t i = cut; i % 2880 != 0; i++)
            filling &= bytes[i] == 0;
        if (!f->rc && !filling)
            printf("# accepted although %zu of %zu bytes are missing\n", n - cut, n);
        accepted += !f->rc;
        IB_CHECK(t, f->rc ? f->rc == IB_EDATA : filling);
        end(f);
    }
    IB_CHECK(t, accepted < 13); /* two units */
}

/* Headers and tables with a few random bytes changed: refused or read, never worse. IMGBENCH_FUZZ=TRIES for more. */
static void damaged_headers_do_no_harm(ib_test *t)
{
    static const char    likely[] = "0123456789-.E' ADJPT=";
    static unsigned char good[MOST_BYTES], bad[MOST_BYTES];
    const char          *asked = getenv("IMGBENCH_FUZZ");
    const unsigned long  tries = asked ? strtoul(asked, NULL, 10) : 400;
    const size_t         n = slurp(made("sources"), good), head = 3 * 2880, tail = n - 6 * 2880;
    uint64_t             state = 1;
    size_t               read = 0, refused = 0;

    for (unsigned long k = 0; k < tries; k++) { /* three blocks of the header, or the three tables */
        memcpy(bad, good, n);
        for (unsigned long change = 0; change < 1 + k % 4; change++) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            const size_t pick = (size_t)(state >> 33) % (head + 6 * 2880);
            bad[pick < head ? pick : tail + pick - head] =
                k % 2 ? (unsigned char)(state >> 24)
                      : (unsigned char)likely[(state >> 24 & 255) % (sizeof likely - 1)];
        }
        fixture *f = open_bytes(bad, n);
        for (size_t s = 0; !f->rc && s < f->info.n_spw; s++)
            read += !read_all(f, s);
        refused += f->rc != IB_OK;
        IB_CHECK(t, f->rc != IB_EINTERNAL && f->rc != IB_EIO);
        if (f->rc == IB_EINTERNAL || f->rc == IB_EIO)
            printf("# %s: %s\n", ib_status_name(f->rc), f->err.text);
        end(f);
    }
    printf("# %zu windows read, %zu files refused\n", read, refused);
}

IB_TEST_MAIN({IB_TEST(the_file_is_described), IB_TEST(visibilities_are_those_of_a_source_at_plus_l_and_m),
              IB_TEST(weights_that_are_not_positive_are_flags), IB_TEST(sources_are_fields),
              IB_TEST(subarrays_have_antennas_of_their_own), IB_TEST(the_same_bytes_whatever_the_ranges_are_cut_into),
              IB_TEST(what_is_wrong_is_said), IB_TEST(cut_files_are_refused), IB_TEST(damaged_headers_do_no_harm)})
