/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/error.h"
#include "base/mem.h"
#include "io/file.h"
#include "io/h5.h"
#include "io/header.h"
#include "io/io.h"
#include "io/writer.h"

#include "ib_test.h"

#include <dirent.h>
#include <fitsio.h>
#include <hdf5_hl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wcslib/wcs.h>
#include <wcslib/wcshdr.h>

enum { N_CHAN = 3, N_STOKES = 2, N_PLANE = N_CHAN * N_STOKES, BLANK = 4 };

#define RADIAN 57.295779513082320877 /* degrees */

static const double  freq[N_CHAN] = {1.42e9, 1.4195e9, 1.419e9}, width[N_CHAN] = {5e5, 5e5, 5e5};
static const double  uneven[N_CHAN] = {1.42e9, 1.4195e9, 1.4e9};
static const ib_note notes[] = {{"support", "51"}, {"column", ""}};

static ib_cube cube_of(size_t nx, size_t ny)
{
    return (ib_cube){.product = "dirty",
                     .unit = "Jy/beam",
                     .nx = nx,
                     .ny = ny,
                     .n_chan = N_CHAN,
                     .n_stokes = N_STOKES,
                     .cell = {2e-5, 3e-5},
                     .ra = -1.2,
                     .dec = 0.7,
                     .freq = freq,
                     .width = width,
                     .even = true,
                     .stokes = {IB_XX, IB_YY},
                     .rest_freq = 1420405751.786,
                     .time = 58849 * 86400.0 + 3723.5,
                     .telescope = "EVLA",
                     .object = "O'Neill",
                     .observer = "",
                     .frame = "LSRK",
                     .radesys = "FK5",
                     .note = notes,
                     .n_note = 2,
                     .n_bin = ib_histogram_bins(nx, ny),
                     .n_mip = ib_mip_levels(nx, ny)};
}

static float value(size_t plane, size_t i)
{
    return plane == BLANK ? NAN : (float)(1000 * (double)plane) + (float)(i % 977) / 8;
}

/* As pixels: NaN is NaN. */
static bool differs(float got, float want)
{
    return isnan(want) ? !isnan(got) : got != want;
}

/* Plane p is channel p % 3 of Stokes p / 3. */
struct job {
    const ib_sink_ops *ops;
    const ib_cube     *cube;
    ib_writer         *writer;
    void              *sink;
    size_t             first;
    ib_status          rc;
    ib_error           err;
};

/* Every second plane, last first. */
static void *write_half(void *argument)
{
    struct job    *job = argument;
    const ib_cube *cube = job->cube;
    const size_t   n = cube->nx * cube->ny;
    float         *pixel = malloc(n * sizeof *pixel);
    ib_summary    *summary = NULL;

    job->rc = ib_summary_create(&summary, cube, &job->err);
    for (size_t p = N_PLANE; job->rc == IB_OK && p-- > 0;) {
        ib_plane plane = {
            .chan = p % N_CHAN,
            .stokes = p / N_CHAN,
            .pixel = pixel,
            .sum_of_weights = (double)p + 0.5,
            .beam = {p == BLANK ? 0 : 4e-5, 2e-5, 0.5},
            .counts = {.read = 100 + p, .gridded = p == BLANK ? 0 : 90 + p, .flagged = p == BLANK ? 100 + p : 10}};

        if (p % 2 != job->first)
            continue;
        for (size_t i = 0; i < n; i++)
            pixel[i] = value(p, i);
        ib_plane_summarise(&plane, summary);
        job->rc = job->ops->write(job->sink, &plane, &job->err);
    }
    ib_summary_destroy(summary);
    free(pixel);
    return NULL;
}

/* A whole cube by two threads that each have the file open. */
static ib_status write_cube(const ib_sink_ops *ops, const char *path, const ib_cube *cube, ib_error *err)
{
    double     beam[N_CHAN][N_STOKES][3];
    struct job job[2];
    pthread_t  thread[2];
    ib_layout  layout;

    for (size_t p = 0; p < N_PLANE; p++)
        for (int i = 0; i < 3; i++)
            beam[p % N_CHAN][p / N_CHAN][i] = p == BLANK ? (double)NAN : (double[]){4e-5, 2e-5, 0.5}[i];
    if (ops->create(path, cube, &layout, err))
        return err->status;
    for (size_t k = 0; k < 2; k++) {
        job[k] = (struct job){.ops = ops, .cube = cube, .first = k};
        if (ib_writer_create(&job[k].writer, 2, IB_WRITE_LEAST, 0, err) ||
            ops->attach(&job[k].sink, &layout, cube, job[k].writer, err))
            return err->status;
    }
    for (size_t k = 0; k < 2; k++)
        pthread_create(&thread[k], NULL, write_half, &job[k]);
    for (size_t k = 0; k < 2; k++)
        pthread_join(thread[k], NULL);
    for (size_t k = 0; k < 2; k++) {
        if (job[k].rc) {
            *err = job[k].err;
            return job[k].rc;
        }
        if (ib_writer_drain(job[k].writer, err) || ops->detach(job[k].sink, err))
            return err->status;
        ib_writer_destroy(job[k].writer);
    }
    return ops->complete(&layout, cube, &beam[0][0][0], err) ? err->status : ib_file_publish(&layout, err);
}

/* ---- a scratch folder for each test --------------------------------------------------------------------------- */

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[4][400];
    static int  next;
    char       *text = path[next++ % 4];

    snprintf(text, sizeof path[0], "%s/%s", folder, name);
    return text;
}

static void enter(void)
{
    snprintf(folder, sizeof folder, "/tmp/ib_test_sink.XXXXXX");
    if (!mkdtemp(folder))
        perror("mkdtemp");
}

/* Removes everything; the number of files that were there. */
static int leave(void)
{
    DIR *dir = opendir(folder);
    int  n = 0;

    for (struct dirent *entry; (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) {
            unlink(in_folder(entry->d_name));
            n++;
        }
    closedir(dir);
    rmdir(folder);
    return n;
}

static bool equal_files(const char *a, const char *b)
{
    FILE *fa = fopen(a, "rb"), *fb = fopen(b, "rb");
    int   ca = fa && fb ? 0 : 1, cb = 0;

    while (ca == cb && ca != EOF) {
        ca = getc(fa);
        cb = getc(fb);
    }
    if (fa)
        fclose(fa);
    if (fb)
        fclose(fb);
    return ca == cb;
}

/* ---- HDF5 ----------------------------------------------------------------------------------------------------- */

static void check_sides(ib_test *t, hid_t root, const ib_cube *cube)
{
    const hsize_t table[3] = {N_STOKES, N_CHAN, 2}, bins[3] = {N_STOKES, N_CHAN, cube->n_bin};
    double        min[N_PLANE], weights[N_PLANE], bmaj[N_PLANE];
    int64_t       nan[N_PLANE], read[N_PLANE], *histogram = malloc(N_PLANE * cube->n_bin * sizeof *histogram);
    uint64_t      hash[N_PLANE][2];
    ib_error      err;

    IB_CHECK(t, !ib_h5_read(root, "Statistics/XY/MIN", H5T_NATIVE_DOUBLE, 2, table, min, &err));
    IB_CHECK(t, !ib_h5_read(root, "Statistics/XY/NAN_COUNT", H5T_NATIVE_INT64, 2, table, nan, &err));
    IB_CHECK(t, !ib_h5_read(root, "Statistics/XY/HISTOGRAM", H5T_NATIVE_INT64, 3, bins, histogram, &err));
    IB_CHECK(t, !ib_h5_read(root, "Imaging/SUM_OF_WEIGHTS", H5T_NATIVE_DOUBLE, 2, table, weights, &err));
    IB_CHECK(t, !ib_h5_read(root, "Imaging/BMAJ", H5T_NATIVE_DOUBLE, 2, table, bmaj, &err));
    IB_CHECK(t, !ib_h5_read(root, "Imaging/READ", H5T_NATIVE_INT64, 2, table, read, &err));
    IB_CHECK(t, !ib_h5_read(root, "Provenance/CHECKSUM", H5T_NATIVE_UINT64, 3, table, hash, &err));
    for (size_t p = 0; p < N_PLANE; p++) {
        int64_t total = 0;

        for (size_t k = 0; k < cube->n_bin; k++)
            total += histogram[p * cube->n_bin + k];
        IB_CHECK(t, read[p] == 100 + (int64_t)p);
        IB_NEAR(t, weights[p], (double)p + 0.5, 0);
        IB_CHECK(t, hash[p][0] != 0 && hash[p][1] != 0);
        if (p == BLANK) {
            IB_CHECK(t, isnan(min[p]) && isnan(bmaj[p]) && total == 0);
            IB_CHECK(t, nan[p] == (int64_t)(cube->nx * cube->ny));
        } else {
            IB_NEAR(t, min[p], 1000 * (double)p, 0);
            IB_NEAR(t, bmaj[p], 4e-5 * RADIAN, 1e-18); /* one rounding of 2.3e-3 */
            IB_CHECK(t, nan[p] == 0 && total == (int64_t)(cube->nx * cube->ny));
        }
    }
    free(histogram);
}

/* Order of the header attributes, by creation as CARTA lists them. */
static herr_t note_name(hid_t object, const char *name, const H5A_info_t *info, void *list)
{
    (void)object;
    (void)info;
    strcat(strcat(list, name), " ");
    return 0;
}

static void check_header(ib_test *t, hid_t root)
{
    char     text[80], order[2000] = "";
    double   real;
    int64_t  integer;
    hsize_t  first = 0;
    ib_error err;

    IB_CHECK(t, H5Aiterate2(root, H5_INDEX_CRT_ORDER, H5_ITER_INC, &first, note_name, order) >= 0);
    IB_CHECK(t, strstr(order, "SCHEMA_VERSION HDF5_CONVERTER HDF5_CONVERTER_VERSION SIMPLE BITPIX NAXIS NAXIS1") ==
                    order);
    IB_CHECK(t, !ib_h5_text(root, "SCHEMA_VERSION", text, sizeof text, &err));
    IB_TEXT(t, text, "0.3");
    IB_CHECK(t, !ib_h5_text(root, "OBJECT", text, sizeof text, &err));
    IB_TEXT(t, text, "O'Neill");
    IB_CHECK(t, !ib_h5_text(root, "DATE-OBS", text, sizeof text, &err));
    IB_TEXT(t, text, "2020-01-01T01:02:03.500");
    IB_CHECK(t, !ib_h5_int(root, "NAXIS3", &integer, &err) && integer == N_CHAN);
    IB_CHECK(t, !ib_h5_real(root, "CDELT3", &real, &err));
    IB_NEAR(t, real, -5e5, 0);
    IB_CHECK(t, !ib_h5_real(root, "EQUINOX", &real, &err));
    IB_CHECK(t, H5Aexists(root, "OBSERVER") == 0); /* unknown: not there */
    IB_CHECK(t, ib_h5_real(root, "CTYPE1", &real, &err) == IB_EDATA);

    const hid_t name = H5Aopen(root, "CTYPE1", H5P_DEFAULT), type = H5Aget_type(name);
    IB_CHECK(t, H5Tis_variable_str(type) == 0);
    H5Tclose(type);
    H5Aclose(name);
    const hid_t provenance = H5Gopen2(root, "Provenance", H5P_DEFAULT);
    IB_CHECK(t, !ib_h5_text(provenance, "support", text, sizeof text, &err));
    IB_TEXT(t, text, "51");
    H5Gclose(provenance);
}

static void check_hdf5(ib_test *t, const char *path, const ib_cube *cube)
{
    const size_t  n = cube->nx * cube->ny;
    const hsize_t shape[4] = {N_STOKES, N_CHAN, cube->ny, cube->nx};
    float        *data = malloc(N_PLANE * n * sizeof *data);
    hid_t         file;
    ib_error      err;
    size_t        wrong = 0;

    IB_CHECK(t, !ib_h5_open(&file, path, &err));
    const hid_t root = H5Gopen2(file, "0", H5P_DEFAULT);
    IB_CHECK(t, !ib_h5_read(root, "DATA", H5T_NATIVE_FLOAT, 4, shape, data, &err));
    for (size_t p = 0; p < N_PLANE; p++)
        for (size_t i = 0; i < n; i++)
            if (differs(data[p * n + i], value(p, i)))
                wrong++;
    IB_NEAR(t, (double)wrong, 0, 0);
    check_sides(t, root, cube);
    check_header(t, root);

    const hid_t set = H5Dopen2(root, "DATA", H5P_DEFAULT), scale = H5Dopen2(root, "l", H5P_DEFAULT);
    IB_CHECK(t, H5DSis_attached(set, scale, 3) > 0);
    const hid_t list = H5Dget_create_plist(set);
    IB_CHECK(t, (H5Pget_layout(list) == H5D_CHUNKED) == (cube->nx >= 512 && cube->ny >= 512));
    H5Pclose(list);
    H5Dclose(scale);
    H5Dclose(set);
    H5Gclose(root);
    H5Fclose(file);
    free(data);
}

static void hdf5_reads_back_what_threads_wrote(ib_test *t)
{
    /* contiguous; tiled with full and with partial tiles; tiled with one row to spare */
    static const size_t sides[][2] = {{40, 30}, {300, 600}, {700, 530}, {512, 1025}};
    ib_error            err;

    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        const ib_cube      cube = cube_of(sides[i][0], sides[i][1]);
        const ib_sink_ops *ops = ib_sink_find("hdf5");

        enter();
        const char *a = in_folder("a.hdf5"), *b = in_folder("b.hdf5");
        IB_TEXT(t, write_cube(ops, a, &cube, &err) ? err.text : "", "");
        if (i == 0)
            sleep(1); /* a time stamp in the file would differ */
        IB_TEXT(t, write_cube(ops, b, &cube, &err) ? err.text : "", "");
        check_hdf5(t, a, &cube);
        IB_CHECK(t, equal_files(a, b));
        IB_NEAR(t, leave(), 2, 0);
    }
}

static void mipmaps_are_where_readers_look(ib_test *t)
{
    const ib_cube cube = cube_of(300, 600); /* 150 x 300, 75 x 150, 38 x 75 */
    const hsize_t shape[4] = {N_STOKES, N_CHAN, 75, 38};
    float        *mip = malloc(N_PLANE * 75 * 38 * sizeof *mip);
    hid_t         file;
    ib_error      err;
    double        sum = 0;

    enter();
    IB_TEXT(t, write_cube(ib_sink_find("hdf5"), in_folder("a.hdf5"), &cube, &err) ? err.text : "", "");
    IB_CHECK(t, !ib_h5_open(&file, in_folder("a.hdf5"), &err));
    IB_CHECK(t, ib_h5_has(file, "0/MipMaps/DATA/DATA_XY_2") && !ib_h5_has(file, "0/MipMaps/DATA/DATA_XY_16"));
    IB_CHECK(t, !ib_h5_read(file, "0/MipMaps/DATA/DATA_XY_8", H5T_NATIVE_FLOAT, 4, shape, mip, &err));
    for (size_t j = 0; j < 8; j++)
        for (size_t i = 8; i < 16; i++)
            sum += (double)value(5, j * 300 + i);
    /* 64 values near 5000: six pairwise additions and a division, half an ulp each */
    IB_NEAR(t, (double)mip[5 * 75 * 38 + 1], sum / 64, 7 * 0.5 * 1.2e-7 * 5200);
    IB_CHECK(t, isnan(mip[BLANK * 75 * 38]));
    H5Fclose(file);
    free(mip);
    leave();
}

static void check_picture(ib_test *t, const char *path)
{
    const size_t whole[4] = {0, 0, 40, 30}, part[4] = {5, 8, 11, 7};
    ib_picture  *p;
    ib_raster    r;
    ib_error     err;

    IB_TEXT(t, ib_picture_open(&p, path, &err) ? err.text : "", "");
    IB_CHECK(t, p->nx == 40 && p->ny == 30 && p->n_chan == N_CHAN && p->n_stokes == N_STOKES);
    IB_TEXT(t, ib_picture_stokes(p, 1), "YY");
    IB_TEXT(t, p->unit, "Jy/beam");
    IB_NEAR(t, p->freq[2], 1.419e9, 1e-6);
    IB_NEAR(t, p->cell[0], 2e-5, 2e-5 * 5e-15); /* FITS cards have 15 digits */
    IB_NEAR(t, p->dec, 0.7, 0.7 * 5e-15);
    IB_NEAR(t, p->centre[0], 20, 0);

    IB_TEXT(t, ib_picture_read(p, 2, 1, whole, 100, &r, &err) ? err.text : "", "");
    IB_CHECK(t,
             r.nx == 40 && r.ny == 30 && r.step == 1 && r.pixel[7] == value(5, 7) && r.pixel[1199] == value(5, 1199));
    IB_NEAR(t, r.beam[0], 4e-5, 4e-5 * 5e-15);
    ib_free(r.pixel);

    /* A window from (5, 8) in blocks of 4 starts at (4, 8) and holds 3 x 2 of them, the last ones incomplete. */
    IB_TEXT(t, ib_picture_read(p, 0, 1, part, 3, &r, &err) ? err.text : "", "");
    IB_CHECK(t, r.x == 4 && r.y == 8 && r.nx == 3 && r.ny == 2 && r.step == 4);
    double sum = 0;
    for (size_t y = 8; y < 12; y++)
        for (size_t x = 8; x < 12; x++)
            sum += (double)value(3, y * 40 + x);
    IB_NEAR(t, (double)r.pixel[1], sum / 16, 1.2e-7 * fabs(sum / 16));
    ib_free(r.pixel);
    IB_CHECK(t, ib_picture_read(p, 3, 0, whole, 100, &r, &err) == IB_EUSAGE && !r.pixel);
    ib_picture_close(p);
}

static void a_picture_is_one_plane_with_its_coordinates(ib_test *t)
{
    const ib_cube cube = cube_of(40, 30);
    const size_t  held = ib_mem_held(), whole[4] = {0, 0, 300, 600};
    const ib_cube large = cube_of(300, 600);
    ib_picture   *picture;
    ib_raster     r;
    ib_error      err;

    enter();
    IB_TEXT(t, write_cube(ib_sink_find("hdf5"), in_folder("a.hdf5"), &cube, &err) ? err.text : "", "");
    IB_TEXT(t, write_cube(ib_sink_find("fits"), in_folder("a.fits"), &cube, &err) ? err.text : "", "");
    IB_TEXT(t, write_cube(ib_sink_find("hdf5"), in_folder("b.hdf5"), &large, &err) ? err.text : "", "");
    check_picture(t, in_folder("a.hdf5"));
    check_picture(t, in_folder("a.fits"));

    IB_CHECK(t, !ib_picture_open(&picture, in_folder("b.hdf5"), &err)); /* from a mipmap: 600 / 8 */
    IB_CHECK(t, !ib_picture_read(picture, 2, 1, whole, 75, &r, &err) && r.nx == 38 && r.ny == 75 && r.step == 8);
    double sum = 0;
    for (size_t j = 0; j < 8; j++)
        for (size_t i = 8; i < 16; i++)
            sum += (double)value(5, j * 300 + i);
    IB_NEAR(t, (double)r.pixel[1], sum / 64, 7 * 0.5 * 1.2e-7 * 5200);
    ib_free(r.pixel);
    ib_picture_close(picture);

    IB_CHECK(t, ib_picture_open(&picture, in_folder("none"), &err) == IB_EDATA && !picture);
    IB_CHECK(t, ib_picture_open(&picture, "/proc/self/exe", &err) == IB_EDATA && !picture);
    IB_CHECK(t, ib_mem_held() == held);
    leave();
}

/* ---- FITS ----------------------------------------------------------------------------------------------------- */

static void check_beams(ib_test *t, fitsfile *file)
{
    double bmaj[N_PLANE];
    int    chan[N_PLANE], pol[N_PLANE], status = 0;
    char   extname[] = "BEAMS";

    fits_movnam_hdu(file, BINARY_TBL, extname, 0, &status);
    fits_read_col(file, TDOUBLE, 1, 1, 1, N_PLANE, NULL, bmaj, NULL, &status);
    fits_read_col(file, TINT, 4, 1, 1, N_PLANE, NULL, chan, NULL, &status);
    fits_read_col(file, TINT, 5, 1, 1, N_PLANE, NULL, pol, NULL, &status);
    IB_NEAR(t, status, 0, 0);
    for (int p = 0; p < N_PLANE; p++) {
        IB_CHECK(t, chan[p] == p % N_CHAN && pol[p] == p / N_CHAN);
        IB_NEAR(t, bmaj[p], 4e-5 * RADIAN * 3600, 0.5 * 1.2e-7 * 9); /* stored as float */
    }
}

static void fits_reads_back_what_threads_wrote(ib_test *t)
{
    const ib_cube cube = cube_of(190, 187); /* more than one buffer of swapped pixels, and not whole blocks */
    const size_t  n = 190 * 187;
    float        *data = malloc(N_PLANE * n * sizeof *data);
    fitsfile     *file = NULL;
    int           status = 0, flag = 0, any;
    size_t        wrong = 0;
    double        bmaj = 0;
    char          text[FLEN_VALUE];
    ib_error      err;

    enter();
    IB_TEXT(t, write_cube(ib_sink_find("fits"), in_folder("a.fits"), &cube, &err) ? err.text : "", "");
    sleep(1);
    IB_TEXT(t, write_cube(ib_sink_find("fits"), in_folder("b.fits"), &cube, &err) ? err.text : "", "");
    IB_CHECK(t, equal_files(in_folder("a.fits"), in_folder("b.fits")));

    fits_open_diskfile(&file, in_folder("a.fits"), READONLY, &status);
    fits_read_img(file, TFLOAT, 1, (long)(N_PLANE * n), NULL, data, &any, &status);
    fits_read_key(file, TLOGICAL, "CASAMBM", &flag, NULL, &status);
    fits_read_key(file, TDOUBLE, "BMAJ", &bmaj, NULL, &status);
    fits_read_key(file, TSTRING, "OBJECT", text, NULL, &status);
    IB_NEAR(t, status, 0, 0);
    IB_CHECK(t, flag == 1);
    IB_NEAR(t, bmaj, 4e-5 * RADIAN, 0.5e-17); /* printed with 15 digits, the last worth 1e-17 */
    IB_TEXT(t, text, "O'Neill");
    for (size_t p = 0; p < N_PLANE; p++)
        for (size_t i = 0; i < n; i++)
            if (differs(data[p * n + i], value(p, i)))
                wrong++;
    IB_NEAR(t, (double)wrong, 0, 0);
    check_beams(t, file);
    fits_close_file(file, &status);
    free(data);
    IB_NEAR(t, leave(), 2, 0);
}

/* Pixel (i, j, chan, stokes), 0-based, to world coordinates: degrees, Hz, code. */
static int world_of(const ib_cube *cube, const double pixel[4], double world[4])
{
    ib_header      header;
    char           text[IB_FITS_HEADER];
    struct wcsprm *wcs = NULL;
    int            n_wcs = 0, n_reject = 0, stat[1] = {0};
    double         first[4], image[4], phi, theta;

    ib_header_make(&header, cube, NULL);
    ib_header_fits(&header, text);
    if (wcspih(text, IB_FITS_HEADER / 80, WCSHDR_all, 0, &n_reject, &n_wcs, &wcs) || n_wcs != 1 || n_reject)
        return -1;
    for (int i = 0; i < 4; i++)
        first[i] = pixel[i] + 1;
    const int failed = wcsset(wcs) || wcsp2s(wcs, 1, 4, first, image, &phi, &theta, world, stat);
    wcsvfree(&n_wcs, &wcs);
    return failed ? -1 : 0;
}

/* WCSLIB agrees with (1.4) and (1.5) of the conventions. Both work in degrees in doubles: 1e-12 deg is 20 ulps of 291. */
static void wcslib_finds_the_directions_of_pixels(ib_test *t)
{
    const ib_cube cube = cube_of(41, 30);
    const double  centre[4] = {20, 15, 0, 0}, corner[4] = {3, 28, 2, 1};
    double        world[4];

    IB_CHECK(t, !world_of(&cube, centre, world));
    IB_NEAR(t, world[0], -1.2 * RADIAN + 360, 1e-12);
    IB_NEAR(t, world[1], 0.7 * RADIAN, 1e-12);
    IB_NEAR(t, world[2], 1.42e9, 1e-6);
    IB_NEAR(t, world[3], -5, 0);

    IB_CHECK(t, !world_of(&cube, corner, world));
    const double ra = world[0] / RADIAN + 1.2, dec = world[1] / RADIAN;
    IB_NEAR(t, cos(dec) * sin(ra), 17 * 2e-5, 1e-14);
    IB_NEAR(t, sin(dec) * cos(0.7) - cos(dec) * sin(0.7) * cos(ra), 13 * 3e-5, 1e-14);
    IB_NEAR(t, world[2], 1.419e9, 1e-6);
    IB_NEAR(t, world[3], -6, 0);
}

static void uneven_frequencies_have_a_channel_axis(ib_test *t)
{
    ib_cube      cube = cube_of(41, 30);
    const double corner[4] = {3, 28, 2, 1};
    double       world[4];

    cube.freq = uneven;
    cube.even = false;
    IB_CHECK(t, !world_of(&cube, corner, world));
    IB_NEAR(t, world[2], 3, 1e-12);
}

/* ---- refusals ------------------------------------------------------------------------------------------------- */

static void refused(ib_test *t, const char *path, ib_status status, const char *word)
{
    static const char *const names[] = {"hdf5", "fits"};
    const ib_cube            cube = cube_of(16, 16);
    ib_layout                layout;
    ib_error                 err;

    for (size_t i = 0; i < 2; i++) {
        strcpy(err.text, "accepted");
        IB_CHECK(t, ib_sink_find(names[i])->create(path, &cube, &layout, &err) == status);
        IB_TEXT(t, strstr(err.text, word) ? word : err.text, word);
    }
}

static void folders_that_do_not_serve_are_named(ib_test *t)
{
    enter();
    fclose(fopen(in_folder("file"), "w"));
    refused(t, in_folder("none/a"), IB_EIO, "none: No such file or directory; create it");
    refused(t, in_folder("file/a"), IB_EIO, "file is not a folder");
    refused(t, "/proc/a", IB_EIO, "cannot write into folder /proc");
    refused(t, in_folder(""), IB_EUSAGE, "needs the name of a file");
    IB_NEAR(t, leave(), 1, 0);
}

static void a_disk_that_is_too_small_is_refused(ib_test *t)
{
    ib_cube   cube = cube_of(16, 16);
    ib_layout layout;
    ib_error  err;

    enter();
    cube.nx = cube.ny = 65536; /* 17 GB a plane, 6e18 bytes in all: more than a file system holds */
    cube.n_mip = 0;
    cube.n_chan = 180000000;
    strcpy(err.text, "accepted");
    IB_CHECK(t, ib_sink_find("fits")->create(in_folder("a.fits"), &cube, &layout, &err) == IB_EIO);
    IB_TEXT(t, strstr(err.text, "has room for") ? "" : err.text, "");
    IB_NEAR(t, leave(), 0, 0);
}

static void nothing_is_left_of_an_abandoned_cube(ib_test *t)
{
    static const char *const names[] = {"hdf5", "fits"};
    const ib_cube            cube = cube_of(16, 16);

    for (size_t i = 0; i < 2; i++) {
        const ib_sink_ops *ops = ib_sink_find(names[i]);
        ib_layout          a, b;
        ib_error           err;

        enter();
        IB_CHECK(t, !ops->create(in_folder("cube"), &cube, &a, &err));
        IB_CHECK(t, !ops->create(in_folder("cube"), &cube, &b, &err));
        IB_CHECK(t, strcmp(a.partial, b.partial) != 0); /* two jobs */
        IB_CHECK(t, access(a.path, F_OK) != 0 && access(a.partial, F_OK) == 0);
        ib_file_abandon(&a);
        ib_file_abandon(&a);
        IB_CHECK(t, access(a.partial, F_OK) != 0);
        unlink(b.partial);
        IB_CHECK(t, ops->complete(&b, &cube, NULL, &err) == IB_EIO); /* vanished under us */
        IB_NEAR(t, leave(), 0, 0);
    }
}

/* Rows are padded to a width, at any offset, whatever is written past the page cache; small pieces between large ones stay where
   they belong. The longer rows are several buffers' worth. */
static void rows_are_written_with_their_padding(ib_test *t)
{
    enum { ROWS = 1500, STRIDE = 307, WIDTH = 306, TAKEN = 305 };
    static unsigned char from[ROWS][STRIDE], back[ROWS][WIDTH];
    const size_t         first[] = {100, 4096, 8191};
    ib_layout            layout;
    ib_error             err;
    ib_target            to;
    ib_writer           *writer = NULL;

    for (int j = 0; j < ROWS; j++)
        for (int i = 0; i < STRIDE; i++)
            from[j][i] = (unsigned char)(1 + (7 * j + i) % 250);
    enter();
    for (size_t k = 0; k < sizeof first / sizeof *first; k++) {
        size_t  wrong = 0;
        ib_pack pack;
        char    mark[2];
        IB_CHECK(t, !ib_file_begin(&layout, in_folder("rows"), 0, &err));
        IB_CHECK(t, !ib_file_reserve(&layout, first[k] + sizeof back + 1, &err));
        IB_CHECK(t, !ib_target_open(&to, &layout, &err));
        IB_CHECK(t, !ib_writer_create(&writer, 1 + k, k == 1 ? 128 << 10 : IB_WRITE_LEAST, 0, &err));
        printf("# direct writes: %s\n", to.direct < 0 ? "no" : "yes");
        ib_pack_begin(&pack, writer, &to);
        IB_CHECK(t, !ib_pack_add(&pack, "<", 1, first[k] - 1, &err));
        IB_CHECK(t, !ib_pack_rows(&pack, from, ROWS, TAKEN, STRIDE, WIDTH, first[k], &err));
        IB_CHECK(t, !ib_pack_add(&pack, ">", 1, first[k] + sizeof back, &err));
        ib_pack_send(&pack);
        IB_CHECK(t, !ib_writer_drain(writer, &err));
        IB_CHECK(t, pread(to.fd, back, sizeof back, (off_t)first[k]) == sizeof back);
        IB_CHECK(t, pread(to.fd, mark, 1, (off_t)first[k] - 1) == 1);
        IB_CHECK(t, pread(to.fd, mark + 1, 1, (off_t)(first[k] + sizeof back)) == 1);
        for (int j = 0; j < ROWS; j++)
            wrong += memcmp(back[j], from[j], TAKEN) || back[j][TAKEN];
        IB_NEAR(t, (double)wrong, 0, 0);
        IB_CHECK(t, mark[0] == '<' && mark[1] == '>');
        IB_CHECK(t, !ib_target_close(&to, &err));
        ib_writer_destroy(writer);
        ib_file_abandon(&layout);
    }
    IB_NEAR(t, leave(), 0, 0);
}

/* What the system refuses comes back to those who pack, and to the one who waits for the end; nobody hangs. */
static void a_failed_write_is_told(ib_test *t)
{
    const ib_target to = {-1, -1, "nowhere"};
    ib_writer      *writer = NULL;
    ib_error        err;
    char            bytes[1000] = {0};
    ib_status       rc = IB_OK;

    IB_CHECK(t, !ib_writer_create(&writer, 2, IB_WRITE_LEAST, 0, &err));
    for (int i = 0; i < 1000 && !rc; i++) {
        ib_pack pack;
        ib_pack_begin(&pack, writer, &to);
        rc = ib_pack_add(&pack, bytes, sizeof bytes, 0, &err);
        ib_pack_send(&pack);
    }
    IB_NEAR(t, rc, IB_EIO, 0);
    IB_NEAR(t, ib_writer_drain(writer, &err), IB_EIO, 0);
    printf("# %s\n", err.text);
    ib_writer_destroy(writer);
}

static void the_sinks_have_names(ib_test *t)
{
    IB_CHECK(t, !ib_sink_find("tiff"));
    IB_TEXT(t, ib_sink_find("hdf5")->suffix, ".hdf5");
    IB_TEXT(t, ib_sink_find("fits")->suffix, ".fits");
}

IB_TEST_MAIN({IB_TEST(the_sinks_have_names), IB_TEST(rows_are_written_with_their_padding),
              IB_TEST(a_failed_write_is_told), IB_TEST(hdf5_reads_back_what_threads_wrote),
              IB_TEST(mipmaps_are_where_readers_look), IB_TEST(a_picture_is_one_plane_with_its_coordinates),
              IB_TEST(fits_reads_back_what_threads_wrote), IB_TEST(wcslib_finds_the_directions_of_pixels),
              IB_TEST(uneven_frequencies_have_a_channel_axis), IB_TEST(folders_that_do_not_serve_are_named),
              IB_TEST(a_disk_that_is_too_small_is_refused), IB_TEST(nothing_is_left_of_an_abandoned_cube)})
