/* SPDX-License-Identifier: BSD-3-Clause */
/* Native HDF5 visibilities whose parts are missing, of other types and shapes, or hold anything. An input is a list of
   changes to a good file: the part's number; 'd' removes it; 'v', a length and that many bytes are its new value;
   anything else is its new type, followed by the number of its axes, their lengths, how it is stored, and a byte that
   fills it. What libhdf5 makes of damaged bytes is its own affair. */
#include "fuzz_source.h"
#include "io/h5.h"
#include "io/vis_hdf5.h"

/* Parts of the file: objects, and attributes of objects. */
static const struct {
    const char *object, *attribute;
} parts[] = {
    {"fields", NULL},
    {"dish_diameter", NULL},
    {"site", NULL},
    {"spw0", NULL},
    {"spw0/frequency", NULL},
    {"spw0/channel_width", NULL},
    {"spw0/correlation", NULL},
    {"spw0/uvw", NULL},
    {"spw0/antenna", NULL},
    {"spw0/field", NULL},
    {"spw0/time", NULL},
    {"spw0/weight", NULL},
    {"spw0/visibility", NULL},
    {"spw0/flag", NULL},
    {"spw1", NULL},
    {"/", "format"},
    {"/", "version"},
    {"/", "n_spw"},
    {"/", "telescope"},
    {"/", "object"},
    {"/", "observer"},
    {"/", "frequency_frame"},
    {"/", "radesys"},
    {"/", "column"},
    {"/", "planes"},
    {"/", "time_first"},
    {"/", "time_last"},
    {"/", "rest_frequency"},
    {"/", "cell_l"},
    {"/", "cell_m"},
    {"/", "imsize_l"},
    {"/", "imsize_m"},
    {"spw0", "name"},
};

enum { N_PARTS = sizeof parts / sizeof *parts, MOST = 1 << 20 };

static struct {
    const uint8_t *at, *end;
} input;

static size_t take(void)
{
    return input.at < input.end ? *input.at++ : 0;
}

/* ---- a good file ------------------------------------------------------------------------------------------------- */

static size_t good_file(char *bytes)
{
    enum { ROWS = 6, SAMPLES = 3 * ROWS * IB_MAX_CORR };
    double         uvw[ROWS][3], time[ROWS];
    int32_t        antenna[ROWS][2], field[ROWS];
    float          weight[ROWS * IB_MAX_CORR], vis[SAMPLES][2];
    uint8_t        flag[SAMPLES];
    const ib_rows  rows = {uvw, antenna, field, weight, time};
    ib_samples     samples = {.vis = vis, .flag = flag};
    ib_config      cfg;
    ib_source     *source;
    ib_vis_writer *writer;
    ib_vis_info    info;
    ib_layout      layout;
    uint64_t       digest;
    ib_error       err = {IB_OK, -1, ""};

    ib_config_default(&cfg);
    cfg.input = "sim:point,times=2,baselines=3,channels=3,imsize=32";
    fuzz_expect(!ib_source_open(&source, &cfg, &info, &err), err.text);
    fuzz_expect(!ib_vis_create(fuzz_path("good"), &info, &layout, &err), err.text);
    fuzz_expect(info.spw->n_row <= ROWS && info.spw->n_chan <= 3, "rows of a small file");
    const ib_range all = {0, info.spw->n_row}, chans = {0, info.spw->n_chan};
    fuzz_expect(!ib_source_rows(source, 0, all, &rows, &err), err.text);
    fuzz_expect(!ib_source_read(source, 0, chans, all, &samples, &err), err.text);
    fuzz_expect(!ib_vis_attach(&writer, &layout, &info, &err), err.text);
    fuzz_expect(!ib_vis_put(writer, 0, all, &rows, &samples, &digest, &err), err.text);
    fuzz_expect(!ib_vis_detach(writer, &err), err.text);
    ib_source_close(source);
    ib_vis_info_clear(&info);
    FILE        *file = fopen(layout.partial, "rb");
    const size_t n = fread(bytes, 1, MOST, file);
    fuzz_expect(n > 0 && n < MOST, "a small file");
    fclose(file);
    remove(layout.partial);
    remove(layout.path);
    return n;
}

/* ---- changes ----------------------------------------------------------------------------------------------------- */

static hid_t make_type(size_t kind)
{
    static const char letters[] = "fFiubBsS";
    const hid_t       known[] = {H5T_NATIVE_FLOAT, H5T_NATIVE_DOUBLE, H5T_NATIVE_INT32, H5T_NATIVE_UINT8,
                                 H5T_STD_I16BE,    H5T_IEEE_F64BE,    H5T_C_S1,         H5T_C_S1};
    const char       *at = kind ? strchr(letters, (int)kind) : NULL;

    if (kind == 'e')
        return ib_vis_field_type();
    if (kind == 'c') {
        const hid_t complex = H5Tcreate(H5T_COMPOUND, 8);
        H5Tinsert(complex, "r", 0, H5T_NATIVE_FLOAT);
        H5Tinsert(complex, "i", 4, H5T_NATIVE_FLOAT);
        return complex;
    }
    if (kind == 'o')
        return H5Tcreate(H5T_OPAQUE, 5);
    if (kind == 'a')
        return H5Tarray_create2(H5T_NATIVE_DOUBLE, 1, &(hsize_t){3});
    const hid_t type = H5Tcopy(at ? known[at - letters] : H5T_NATIVE_INT64);
    if (kind == 's')
        H5Tset_size(type, 20);
    if (kind == 'S')
        H5Tset_size(type, H5T_VARIABLE);
    return type;
}

/* The same byte everywhere; texts of variable length are empty. */
static void fill(hid_t object, bool attribute, hid_t type, hid_t space, int byte)
{
    const hssize_t n = H5Sget_simple_extent_npoints(space);
    const size_t   bytes = n > 0 && n < 4096 ? (size_t)n * H5Tget_size(type) : 0;
    char          *value = bytes && bytes < MOST ? malloc(bytes) : NULL;

    if (!value)
        return;
    memset(value, H5Tis_variable_str(type) > 0 ? 0 : byte, bytes);
    if (attribute)
        H5Awrite(object, type, value);
    else
        H5Dwrite(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value);
    free(value);
}

static void replace(hid_t file, size_t part, size_t kind)
{
    hsize_t     shape[5];
    const int   n_axis = (int)(take() % 5);
    const hid_t type = make_type(kind), list = H5Pcreate(H5P_DATASET_CREATE);
    const char *object = parts[part].object, *attribute = parts[part].attribute;

    for (int i = 0; i < n_axis; i++) {
        shape[i] = take();
        shape[i] = shape[i] == 255 && i == 0 ? (hsize_t)1 << 40 : shape[i];
    }
    const hid_t space =
        n_axis ? H5Screate_simple(n_axis, shape, NULL) : H5Screate(take() % 2 ? H5S_NULL : H5S_SCALAR);
    const hssize_t n_item = H5Sget_simple_extent_npoints(space);
    const char     stored = (char)take();
    const int      byte = (int)take();
    if (stored == 'c' && n_axis) {
        for (int i = 0; i < n_axis; i++)
            shape[i] = shape[i] < 3 ? shape[i] : 3;
        H5Pset_chunk(list, n_axis, shape);
    } else if (stored == 'k') {
        H5Pset_layout(list, H5D_COMPACT);
    } else if (stored != 'l' && n_item < 4096) {
        H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
    }
    if (attribute && n_item < 4096) {
        const hid_t where = H5Oopen(file, object, H5P_DEFAULT);
        H5Adelete(where, attribute);
        const hid_t it = H5Acreate2(where, attribute, type, space, H5P_DEFAULT, H5P_DEFAULT);
        fill(it, true, type, space, byte);
        H5Aclose(it);
        H5Oclose(where);
    } else if (!attribute) {
        H5Ldelete(file, object, H5P_DEFAULT);
        if (kind == 'g') {
            H5Gclose(H5Gcreate2(file, object, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        } else if (kind == 'l') {
            H5Lcreate_soft(parts[take() % N_PARTS].object, file, object, H5P_DEFAULT, H5P_DEFAULT);
        } else {
            const hid_t it = H5Dcreate2(file, object, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
            fill(it, false, type, space, byte);
            H5Dclose(it);
        }
    }
    H5Sclose(space);
    H5Pclose(list);
    H5Tclose(type);
}

/* The value of what is there, or of its beginning. */
static void set_value(hid_t file, size_t part)
{
    const size_t n = take();
    const bool   attribute = parts[part].attribute != NULL;
    const hid_t  where = H5Oopen(file, parts[part].object, H5P_DEFAULT);
    const hid_t  it = attribute ? H5Aopen(where, parts[part].attribute, H5P_DEFAULT)
                                : H5Dopen2(file, parts[part].object, H5P_DEFAULT);
    const hid_t  type = attribute ? H5Aget_type(it) : H5Dget_type(it),
                space = attribute ? H5Aget_space(it) : H5Dget_space(it);
    const hssize_t n_item = H5Sget_simple_extent_npoints(space);
    const size_t   bytes = n_item > 0 && n_item < 4096 ? (size_t)n_item * H5Tget_size(type) : 0;
    char          *value = bytes ? calloc(1, bytes) : NULL;

    if (value && H5Tis_variable_str(type) <= 0) {
        if (attribute)
            H5Aread(it, type, value);
        else
            H5Dread(it, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value);
        for (size_t i = 0; i < n; i++) {
            const size_t byte = take();
            if (i < bytes)
                value[i] = (char)byte;
        }
        if (attribute)
            H5Awrite(it, type, value);
        else
            H5Dwrite(it, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value);
    }
    free(value);
    H5Sclose(space);
    H5Tclose(type);
    if (attribute)
        H5Aclose(it);
    else
        H5Dclose(it);
    H5Oclose(where);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char   good[MOST];
    static size_t n_good;

    if (!n_good)
        n_good = good_file(good);
    input.at = data;
    input.end = data + size;
    const char *path = fuzz_file("input", good, n_good);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* changes of what is not there do nothing */
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    fuzz_expect(file >= 0, "the good file opens");
    for (int change = 0; change < 16 && input.at < input.end; change++) {
        const size_t part = take() % N_PARTS, how = take();
        if (how == 'v') {
            set_value(file, part);
        } else if (how == 'd') {
            if (!parts[part].attribute) {
                H5Ldelete(file, parts[part].object, H5P_DEFAULT);
            } else {
                const hid_t where = H5Oopen(file, parts[part].object, H5P_DEFAULT);
                H5Adelete(where, parts[part].attribute);
                H5Oclose(where);
            }
        } else {
            replace(file, part, how);
        }
    }
    fuzz_expect(H5Fclose(file) >= 0 && H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0,
                "the changed file closes");
    fuzz_source(path);
    fuzz_expect(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0, "nothing of the file stays open");
    return fuzz_end();
}
