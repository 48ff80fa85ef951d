/* SPDX-License-Identifier: BSD-3-Clause */
/* Native visibilities: what is written is read back, the same bytes by any number of ranks; damaged files are refused. */
#include "base/mem.h"
#include "io/file.h"
#include "io/h5.h"
#include "io/io.h"
#include "io/vis_hdf5.h"

#include "ib_test.h"

#include <stdlib.h>
#include <unistd.h>

#define SIM                                                                                                          \
    "sim:point,times=7,baselines=15,channels=9,corr=4,pol=yes,noise=0.2,flagged=0.2,nan=yes,descending=yes,fill=0.8"

static char folder[] = "vis_hdf5.XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[4][100];
    static int  at;

    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/%s", folder, name);
    return path[at];
}

typedef struct input {
    ib_source  *source;
    ib_vis_info info;
    ib_error    err;
} input;

static ib_config config(const char *path)
{
    return (ib_config){.input = path, .column = "", .field = "", .spw = "", .channels = ""};
}

static ib_status open_as(input *in, const ib_config *cfg)
{
    *in = (input){0};
    return ib_source_open(&in->source, cfg, &in->info, &in->err);
}

static void must(ib_test *t, ib_status rc, const ib_error *err)
{
    if (!rc)
        return;
    printf("# %s\n", err->text);
    IB_CHECK(t, !"this step works");
    exit(1);
}

static void must_open(ib_test *t, input *in, const ib_config *cfg)
{
    const ib_status rc = open_as(in, cfg);

    must(t, rc, &in->err);
}

static void shut(input *in)
{
    ib_source_close(in->source);
    ib_vis_info_clear(&in->info);
}

typedef struct buffers {
    ib_rows    rows;
    ib_samples samples;
} buffers;

static buffers make_buffers(const ib_vis_info *info, const ib_spw *spw, size_t n)
{
    const size_t per_row = spw->n_chan * spw->n_corr;
    buffers      b = {.rows = {.uvw = malloc(n * sizeof *b.rows.uvw),
                               .antenna = malloc(n * sizeof *b.rows.antenna),
                               .field = malloc(n * sizeof *b.rows.field),
                               .weight = malloc(n * spw->n_corr * sizeof *b.rows.weight),
                               .time = info->has_time ? malloc(n * sizeof *b.rows.time) : NULL},
                      .samples = {.vis = malloc(n * per_row * sizeof *b.samples.vis),
                                  .flag = malloc(n * per_row),
                                  .weight = malloc(n * per_row * sizeof *b.samples.weight)}};

    return b;
}

static void free_buffers(buffers *b)
{
    void *const all[] = {b->rows.uvw,  b->rows.antenna, b->rows.field,   b->rows.weight,
                         b->rows.time, b->samples.vis,  b->samples.flag, b->samples.weight};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* Write a source in pieces of at most `most` rows, the last one first; what the file then holds has the digest of what was
   written. */
static void write_file(ib_test *t, input *in, const char *path, size_t most)
{
    ib_layout      layout;
    ib_vis_writer *writer;

    must(t, ib_vis_create(path, &in->info, &layout, &in->err), &in->err);
    must(t, ib_vis_attach(&writer, &layout, &in->info, &in->err), &in->err);
    for (size_t s = 0; s < in->info.n_spw; s++) {
        const ib_spw *spw = &in->info.spw[s];
        buffers       b = make_buffers(&in->info, spw, spw->n_row);

        for (size_t k = (spw->n_row + most - 1) / most; k-- > 0;) {
            const ib_range rows = {k * most, spw->n_row - k * most < most ? spw->n_row - k * most : most};
            uint64_t       digest, again;

            must(t, ib_source_rows(in->source, s, rows, &b.rows, &in->err), &in->err);
            must(t, ib_source_read(in->source, s, (ib_range){0, spw->n_chan}, rows, &b.samples, &in->err), &in->err);
            must(t, ib_vis_put(writer, s, rows, &b.rows, &b.samples, &digest, &in->err), &in->err);
            must(t, ib_vis_digest(writer, s, rows, &again, &in->err), &in->err);
            IB_CHECK(t, digest == again);
        }
        free_buffers(&b);
    }
    must(t, ib_vis_sync(writer, &in->err), &in->err);
    must(t, ib_vis_detach(writer, &in->err), &in->err);
    must(t, ib_file_publish(&layout, &in->err), &in->err);
    IB_CHECK(t, access(layout.partial, F_OK) != 0);
}

static void simulate(ib_test *t, const char *path, size_t most)
{
    const ib_config cfg = config(SIM);
    input           in;

    must_open(t, &in, &cfg);
    write_file(t, &in, path, most);
    shut(&in);
}

static char *bytes_of(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    char *bytes;

    fseek(file, 0, SEEK_END);
    *n = (size_t)ftell(file);
    rewind(file);
    bytes = malloc(*n);
    *n = fread(bytes, 1, *n, file);
    fclose(file);
    return bytes;
}

static bool same_bytes(const char *a, const char *b)
{
    size_t     n_a, n_b;
    char      *in_a = bytes_of(a, &n_a), *in_b = bytes_of(b, &n_b);
    const bool same = n_a == n_b && !memcmp(in_a, in_b, n_a);

    free(in_a);
    free(in_b);
    return same;
}

/* Channels x rows of two inputs hold the same bits. */
static bool same_samples(input *a, input *b, size_t spw, ib_range chans_a, ib_range chans_b, ib_range rows)
{
    const size_t n = chans_a.n * rows.n * a->info.spw[spw].n_corr;
    float(*vis)[2][2] = malloc(n * sizeof *vis);
    uint8_t *flag = malloc(2 * n);
    bool     same = true;

    for (int k = 0; k < 2; k++) {
        input *in = k ? b : a;
        same &= !ib_source_read(in->source, spw, k ? chans_b : chans_a, rows,
                                &(ib_samples){.vis = (float(*)[2])vis + (size_t)k * n, .flag = flag + (size_t)k * n},
                                &in->err);
    }
    same &= !memcmp(vis, (float(*)[2])vis + n, n * sizeof(float[2])) && !memcmp(flag, flag + n, n);
    free(vis);
    free(flag);
    return same;
}

static void what_is_written_is_read(ib_test *t)
{
    const ib_config from_sim = config(SIM), from_file = config(in_folder("one.h5"));
    input           sim, file;

    simulate(t, in_folder("one.h5"), 1 << 20);
    must_open(t, &sim, &from_sim);
    must_open(t, &file, &from_file);
    const ib_spw *a = sim.info.spw, *b = file.info.spw;

    IB_TEXT(t, ib_source_format(file.source), "hdf5");
    IB_CHECK(t, a->n_row == b->n_row && b->n_chan == 9 && b->n_corr == 4 && !b->weight_per_channel);
    IB_CHECK(t, a->n_row > 60 && a->n_row < 105); /* there are holes */
    IB_CHECK(t, !memcmp(a->freq, b->freq, 9 * sizeof *a->freq) && !memcmp(a->width, b->width, 9 * sizeof *a->width));
    IB_CHECK(t, !memcmp(a->corr, b->corr, sizeof a->corr) && b->chan[8] == 8);
    IB_TEXT(t, b->name, a->name);
    IB_TEXT(t, file.info.field[0].name, "point");
    IB_CHECK(t, file.info.field[0].ra == sim.info.field[0].ra && file.info.field[0].dec == sim.info.field[0].dec);
    IB_CHECK(t, file.info.n_field == 1 && file.info.field[0].selected);
    IB_CHECK(t, file.info.n_antenna == 6 && file.info.dish[5] == 25);
    IB_TEXT(t, file.info.telescope, "EVLA");
    IB_TEXT(t, file.info.object, "point");
    IB_TEXT(t, file.info.observer, "simulation");
    IB_TEXT(t, file.info.frame, "TOPOCENT");
    IB_TEXT(t, file.info.radesys, "ICRS");
    IB_CHECK(t, file.info.time_first == sim.info.time_first && file.info.time_last == sim.info.time_last);
    IB_CHECK(t, file.info.stokes == IB_PLANES_I && file.info.rest_freq == 0);
    IB_CHECK(t, file.info.imsize[1] == 256 && file.info.cell[1] == sim.info.cell[1]);

    const size_t n = a->n_row;
    for (size_t first = 0; first < n; first += 40) {
        const ib_range rows = {first, first + 40 < n ? 40 : n - first};
        double         uvw[2][40][3];
        int32_t        antenna[2][40][2], field[2][40];
        float          weight[2][160];

        memset(weight, 0, sizeof weight);
        for (int k = 0; k < 2; k++) {
            input *in = k ? &file : &sim;
            must(t,
                 ib_source_rows(
                     in->source, 0, rows,
                     &(ib_rows){.uvw = uvw[k], .antenna = antenna[k], .field = field[k], .weight = weight[k]},
                     &in->err),
                 &in->err);
        }
        IB_CHECK(t, !memcmp(uvw[0], uvw[1], rows.n * sizeof *uvw[0]));
        IB_CHECK(t, !memcmp(antenna[0], antenna[1], rows.n * sizeof *antenna[0]));
        IB_CHECK(t, !memcmp(field[0], field[1], rows.n * sizeof *field[0]));
        IB_CHECK(t, weight[0][7] == 25 && !memcmp(weight[0], weight[1], sizeof weight[0]));
    }
    IB_CHECK(t, same_samples(&sim, &file, 0, (ib_range){0, 9}, (ib_range){0, 9}, (ib_range){0, n}));
    IB_CHECK(t, same_samples(&sim, &file, 0, (ib_range){3, 2}, (ib_range){3, 2}, (ib_range){17, 31}));
    shut(&file);
    shut(&sim);
}

static herr_t has_times(hid_t object, const char *name, const H5O_info_t *info, void *count)
{
    (void)object;
    (void)name;
    *(int *)count += info->atime || info->ctime || info->mtime || info->btime;
    return 0;
}

/* Pieces of any size; and no object carries a time, which the same second would hide. */
static void the_bytes_do_not_depend_on_who_wrote_them(ib_test *t)
{
    ib_error err;
    hid_t    file;
    int      with_times = 0;

    simulate(t, in_folder("three.h5"), 30);
    simulate(t, in_folder("little.h5"), 1);
    simulate(t, in_folder("many.h5"), 7);
    IB_CHECK(t, same_bytes(in_folder("one.h5"), in_folder("three.h5")));
    IB_CHECK(t, same_bytes(in_folder("one.h5"), in_folder("little.h5")));
    IB_CHECK(t, same_bytes(in_folder("one.h5"), in_folder("many.h5")));

    must(t, ib_h5_open(&file, in_folder("one.h5"), &err), &err);
    H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, has_times, &with_times);
    H5Fclose(file);
    IB_CHECK(t, with_times == 0);
}

static hid_t edit(const char *path)
{
    return H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
}

static void overwrite(const char *path, const char *set, hid_t type, const void *values)
{
    const hid_t file = edit(path), dataset = H5Dopen2(file, set, H5P_DEFAULT);

    H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(dataset);
    H5Fclose(file);
}

/* Everything that a later start must find in its place lies outside of region 0, which is all data. */
static void the_layout_tells_what_is_filled(ib_test *t)
{
    const ib_config cfg = config(SIM);
    ib_layout       layout;
    ib_vis_window   window;
    hid_t           file;
    input           in;

    must_open(t, &in, &cfg);
    must(t, ib_vis_create(in_folder("layout.h5"), &in.info, &layout, &in.err), &in.err);
    must(t, ib_h5_open(&file, layout.partial, &in.err), &in.err);
    must(t, ib_vis_locate(file, 0, layout.bytes, &window, &in.err), &in.err);
    IB_CHECK(t, layout.offset[0] > 0 && layout.length[0] > 0 && !layout.length[1]);
    for (int set = 0; set < IB_VIS_SETS; set++)
        IB_CHECK(t, window.at[set] >= layout.offset[0] && window.at[set] < layout.offset[0] + layout.length[0]);
    IB_CHECK(t, layout.offset[0] + layout.length[0] <= layout.bytes);
    H5Fclose(file);
    ib_file_abandon(&layout);
    shut(&in);
}

/* Two windows and three fields; the fields of rows alternate in a pattern that is not one run. */
static void selections_pick_windows_channels_and_runs_of_rows(ib_test *t)
{
    const char *path = in_folder("mosaic.h5");
    ib_config   cfg = config(SIM);
    input       in, all, some;
    int32_t     field[105];
    size_t      n_row, at = 0;

    must_open(t, &in, &cfg);
    n_row = in.info.spw->n_row;
    const ib_vis_info simulated = in.info;
    ib_spw            spw[2] = {in.info.spw[0], in.info.spw[0]};
    ib_field          fields[4];

    spw[1].n_chan = 5;
    snprintf(spw[1].name, IB_NAME, "narrow");
    for (int i = 0; i < 4; i++) {
        fields[i] = in.info.field[0];
        fields[i].selected = i != 1; /* 1 is left out of the file */
        if (i)
            snprintf(fields[i].name, IB_NAME, "field %d", i);
    }
    in.info.n_spw = 2;
    in.info.spw = spw;
    in.info.field = fields;
    in.info.n_field = 4;
    write_file(t, &in, path, 20);
    for (size_t i = 0; i < n_row; i++)
        field[i] = (int32_t)(i / 3 % 2 ? 1 : i / 50 ? 2 : 0);
    overwrite(path, "spw0/field", H5T_NATIVE_INT32, field);

    cfg = config(path);
    must_open(t, &all, &cfg);
    cfg.field = "field 2";
    cfg.channels = "2,6-7";
    must_open(t, &some, &cfg);
    IB_CHECK(t, all.info.n_spw == 2 && all.info.n_field == 3 && all.info.spw[1].n_chan == 5);
    IB_TEXT(t, all.info.field[1].name, "field 2");
    /* spw 1 has no row of field 2: only field 0 is there */
    IB_CHECK(t, some.info.n_spw == 1 && some.info.spw->n_chan == 3 && some.info.spw->chan[1] == 6);
    IB_CHECK(t, some.info.spw->freq[2] == all.info.spw->freq[7]);
    IB_CHECK(t, some.info.field[1].selected && !some.info.field[0].selected && !some.info.field[2].selected);

    for (size_t row = 0; row < n_row; row++) {
        if (field[row] != 1)
            continue;
        float  vis[2][3][4][2];
        double uvw[2][3];

        ib_source_read(all.source, 0, (ib_range){6, 2}, (ib_range){row, 1}, &(ib_samples){.vis = vis[0][0]},
                       &all.err);
        must(t,
             ib_source_read(some.source, 0, (ib_range){1, 2}, (ib_range){at, 1}, &(ib_samples){.vis = vis[1][0]},
                            &some.err),
             &some.err);
        ib_source_rows(all.source, 0, (ib_range){row, 1}, &(ib_rows){.uvw = &uvw[0]}, &all.err);
        ib_source_rows(some.source, 0, (ib_range){at, 1}, &(ib_rows){.uvw = &uvw[1]}, &some.err);
        IB_CHECK(t, !memcmp(vis[0], vis[1], 2 * sizeof vis[0][0]) && !memcmp(uvw[0], uvw[1], sizeof uvw[0]));
        at++;
    }
    IB_CHECK(t, at == some.info.spw->n_row);

    /* One request across all the runs is the same as one row at a time. */
    float(*whole)[4][2] = malloc(3 * at * sizeof *whole), (*one)[4][2] = malloc(sizeof *one);
    must(t,
         ib_source_read(some.source, 0, (ib_range){0, 3}, (ib_range){1, at - 1}, &(ib_samples){.vis = whole[0]},
                        &some.err),
         &some.err);
    for (size_t i = 0; i < 3 * (at - 1); i++) {
        ib_source_read(some.source, 0, (ib_range){i / (at - 1), 1}, (ib_range){1 + i % (at - 1), 1},
                       &(ib_samples){.vis = one[0]}, &some.err);
        IB_CHECK(t, !memcmp(one, whole[i], sizeof *one));
    }
    free(whole);
    free(one);
    shut(&all);
    shut(&some);

    cfg.field = "";
    cfg.channels = "";
    cfg.spw = "narrow";
    must_open(t, &some, &cfg);
    IB_CHECK(t, some.info.n_spw == 1 && some.info.spw->id == 1 && some.info.spw->n_chan == 5);
    IB_CHECK(t, same_samples(&in, &some, 0, (ib_range){1, 4}, (ib_range){1, 4}, (ib_range){0, n_row}));
    shut(&some);
    cfg.field = "point";
    cfg.spw = "0";
    must_open(t, &some, &cfg);
    shut(&some);
    cfg.field = "field 3";
    cfg.spw = "narrow";
    IB_CHECK(t, open_as(&some, &cfg) == IB_EUSAGE && strstr(some.err.text, "no row of the selected fields"));
    in.info = simulated;
    shut(&in);
}

/* ---- damaged files ------------------------------------------------------------------------------------------ */

/* A fresh file for a test to damage. */
static const char *fresh(ib_test *t)
{
    const char *path = in_folder("damaged.h5");

    simulate(t, path, 1 << 20);
    return path;
}

static void refused(ib_test *t, const char *path, ib_status status, const char *part)
{
    const ib_config cfg = config(path);
    const size_t    held = ib_mem_held();
    input           in;

    IB_CHECK(t, open_as(&in, &cfg) == status);
    if (!strstr(in.err.text, part))
        IB_TEXT(t, in.err.text, part);
    IB_CHECK(t, ib_mem_held() == held && H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0);
}

/* Put another data set in the place of one. */
static void replace(const char *path, const char *set, hid_t type, int n_axis, const hsize_t *shape,
                    const hsize_t *chunk)
{
    const hid_t file = edit(path);
    ib_error    err;

    H5Ldelete(file, set, H5P_DEFAULT);
    if (n_axis)
        ib_h5_lay_out(file, set, type, n_axis, shape, chunk, NULL, &err);
    H5Fclose(file);
}

static void set_attribute(const char *path, const char *name, hid_t type, const void *value)
{
    const hid_t file = edit(path), attribute = H5Aopen(file, name, H5P_DEFAULT);

    H5Awrite(attribute, type, value);
    H5Aclose(attribute);
    H5Fclose(file);
}

static void files_cut_short_are_refused(ib_test *t)
{
    const char *path = fresh(t);
    size_t      n;

    free(bytes_of(path, &n));
    IB_CHECK(t, !truncate(path, (off_t)n - 1000));
    refused(t, path, IB_EDATA, "cut short, 1000 of its");
    IB_CHECK(t, !truncate(path, 20));
    refused(t, path, IB_EDATA, "damaged.h5");
    IB_CHECK(t, !truncate(path, 8));
    refused(t, path, IB_EDATA, "damaged.h5");
}

/* It opens, then loses its end. */
static void a_file_that_shrinks_while_it_is_read_is_an_error(ib_test *t)
{
    const char     *path = fresh(t);
    const ib_config cfg = config(path);
    input           in;
    size_t          n;

    free(bytes_of(path, &n));
    must_open(t, &in, &cfg);
    const size_t samples = in.info.spw->n_row * 9 * 4;
    float(*vis)[2] = malloc(samples * sizeof *vis);

    IB_CHECK(t, !truncate(path, 4096));
    IB_CHECK(t, ib_source_read(in.source, 0, (ib_range){0, 9}, (ib_range){0, in.info.spw->n_row},
                               &(ib_samples){.vis = vis}, &in.err) == IB_EDATA);
    IB_CHECK(t, strstr(in.err.text, "data set visibility") && strstr(in.err.text, "bytes are missing"));
    free(vis);
    shut(&in);
}

static void other_hdf5_files_are_refused(ib_test *t)
{
    const char *path = in_folder("other.h5");
    ib_error    err;
    hid_t       file, group;

    ib_h5_create(&file, path, 0, &err);
    H5Fclose(file);
    refused(t, path, IB_EDATA, "its attribute format is not");
    file = edit(path);
    ib_h5_group(&group, file, "0", &err);
    ib_h5_lay_out(group, "DATA", H5T_NATIVE_FLOAT, 1, (const hsize_t[]){4}, NULL, NULL, &err);
    H5Gclose(group);
    H5Fclose(file);
    refused(t, path, IB_EDATA, "it is an image cube");
}

static void lies_about_sizes_are_refused(ib_test *t)
{
    const char     *path = fresh(t);
    const ib_config cfg = config(path);
    input           in;

    must_open(t, &in, &cfg);
    const hsize_t n_row = in.info.spw->n_row;
    shut(&in);

    replace(path, "spw0/uvw", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){n_row - 1, 3}, NULL);
    refused(t, path, IB_EDATA, "data set uvw: axis 0");
    path = fresh(t);
    replace(path, "spw0/weight", H5T_NATIVE_FLOAT, 1, (hsize_t[]){n_row}, NULL);
    refused(t, path, IB_EDATA, "data set weight: it has 1 axes");
    path = fresh(t);
    replace(path, "spw0/flag", H5T_NATIVE_UINT8, 3, (hsize_t[]){9, n_row, 2}, NULL);
    refused(t, path, IB_EDATA, "data set flag: axis 2");
    path = fresh(t);
    replace(path, "spw0/flag", H5T_NATIVE_UINT8, 3, (hsize_t[]){9, n_row, 4}, (hsize_t[]){1, n_row, 4});
    refused(t, path, IB_EDATA, "data set flag: it is not stored as one contiguous piece");
    path = fresh(t);
    replace(path, "spw0/visibility", H5T_NATIVE_DOUBLE, 3, (hsize_t[]){9, n_row, 4}, NULL);
    refused(t, path, IB_EDATA, "data set visibility: its type");
    path = fresh(t);
    replace(path, "spw0/antenna", 0, 0, NULL, NULL);
    refused(t, path, IB_EDATA, "data set antenna is missing");
    path = fresh(t);
    replace(path, "spw0/frequency", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){8}, NULL);
    refused(t, path, IB_EDATA, "data set frequency has 8 elements");
    path = fresh(t);
    replace(path, "spw0", 0, 0, NULL, NULL);
    refused(t, path, IB_EDATA, "group spw0 is missing");

    path = fresh(t);
    replace(path, "spw0/visibility", H5T_NATIVE_FLOAT, 3, (hsize_t[]){9, n_row, 5}, NULL);
    refused(t, path, IB_EDATA, "5 correlations");
}

static void impossible_values_are_refused(ib_test *t)
{
    const char  *path = fresh(t);
    double       freq[9] = {1e9, 1e9, 1e9, 1e9, -1e9, 1e9, 1e9, 1e9, 1e9};
    int32_t      corr[4] = {IB_RR, IB_RL, 77, IB_LL}, field[105] = {[40] = 3}, antenna[105][2] = {[41] = {0, 6}};
    int64_t      number = 2;
    const double infinite = HUGE_VAL;

    overwrite(path, "spw0/frequency", H5T_NATIVE_DOUBLE, freq);
    refused(t, path, IB_EDATA, "channel 4 has frequency -1e+09");
    freq[4] = NAN;
    overwrite(path, "spw0/frequency", H5T_NATIVE_DOUBLE, freq);
    refused(t, path, IB_EDATA, "channel 4 has frequency");
    path = fresh(t);
    overwrite(path, "spw0/correlation", H5T_NATIVE_INT32, corr);
    refused(t, path, IB_EDATA, "correlation 2 has the unknown code 77");
    path = fresh(t);
    overwrite(path, "spw0/field", H5T_NATIVE_INT32, field);
    refused(t, path, IB_EDATA, "row 40: field 3, but there are 1");
    path = fresh(t);
    set_attribute(path, "version", H5T_NATIVE_INT64, &number);
    refused(t, path, IB_EUNSUPPORTED, "it is version 2 of the format");
    path = fresh(t);
    set_attribute(path, "n_spw", H5T_NATIVE_INT64, &number);
    refused(t, path, IB_EDATA, "group spw1 is missing");
    path = fresh(t);
    set_attribute(path, "time_last", H5T_NATIVE_DOUBLE, &infinite);
    refused(t, path, IB_EDATA, "attribute time_last is inf");
    path = fresh(t);
    number = -4;
    set_attribute(path, "imsize_m", H5T_NATIVE_INT64, &number);
    refused(t, path, IB_EDATA, "imsize_l, imsize_m are 256, -4");

    path = fresh(t);
    overwrite(path, "spw0/antenna", H5T_NATIVE_INT32, antenna);
    const ib_config cfg = config(path);
    int32_t         read[50][2];
    input           in;

    must_open(t, &in, &cfg);
    IB_CHECK(t, ib_source_rows(in.source, 0, (ib_range){10, 50}, &(ib_rows){.antenna = read}, &in.err) == IB_EDATA);
    IB_CHECK(t, strstr(in.err.text, "row 41: antenna 6, but there are 6"));
    shut(&in);
}

static void wrong_requests_are_refused(ib_test *t)
{
    const char *path = fresh(t);
    ib_config   cfg = config(path);
    ib_layout   layout;
    input       in;

    cfg.column = "DATA";
    IB_CHECK(t, open_as(&in, &cfg) == IB_EUSAGE && strstr(in.err.text, "--column DATA"));
    cfg.column = "";
    cfg.channels = "9";
    IB_CHECK(t, open_as(&in, &cfg) == IB_EUSAGE && strstr(in.err.text, "--channels: channel \"9\""));
    cfg = config(SIM);
    must_open(t, &in, &cfg);
    IB_CHECK(t, ib_vis_create(in_folder("nowhere/x.h5"), &in.info, &layout, &in.err) == IB_EIO);
    IB_CHECK(t, strstr(in.err.text, "nowhere"));
    shut(&in);
}

static void all_memory_comes_back(ib_test *t)
{
    static const char *const names[] = {"one.h5",    "three.h5",   "little.h5", "many.h5",
                                        "mosaic.h5", "damaged.h5", "other.h5"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        IB_CHECK(t, !unlink(in_folder(names[i])));
    IB_CHECK(t, !rmdir(folder)); /* no temporary file was left */
    IB_CHECK(t, H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0);
}

static void a_folder_for_the_files(ib_test *t)
{
    IB_CHECK(t, mkdtemp(folder));
}

IB_TEST_MAIN({IB_TEST(a_folder_for_the_files), IB_TEST(what_is_written_is_read),
              IB_TEST(the_bytes_do_not_depend_on_who_wrote_them), IB_TEST(the_layout_tells_what_is_filled),
              IB_TEST(selections_pick_windows_channels_and_runs_of_rows), IB_TEST(files_cut_short_are_refused),
              IB_TEST(a_file_that_shrinks_while_it_is_read_is_an_error), IB_TEST(other_hdf5_files_are_refused),
              IB_TEST(lies_about_sizes_are_refused), IB_TEST(impossible_values_are_refused),
              IB_TEST(wrong_requests_are_refused), IB_TEST(all_memory_comes_back)})
