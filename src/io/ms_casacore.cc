/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/ms_casacore.h"
extern "C" {
#include "base/error.h"
#include "base/watch.h"
}

#include <casacore/casa/Arrays/Array.h>
#include <casacore/casa/Arrays/Slicer.h>
#include <casacore/casa/Arrays/Vector.h>
#include <casacore/casa/Exceptions/Error.h>
#include <casacore/tables/DataMan/IncrStManAccessor.h>
#include <casacore/tables/DataMan/StandardStManAccessor.h>
#include <casacore/tables/DataMan/TiledStManAccessor.h>
#include <casacore/tables/Tables/ArrayColumn.h>
#include <casacore/tables/Tables/ColumnDesc.h>
#include <casacore/tables/Tables/RefRows.h>
#include <casacore/tables/Tables/ScalarColumn.h>
#include <casacore/tables/Tables/Table.h>
#include <casacore/tables/Tables/TableDesc.h>
#include <casacore/tables/Tables/TableRecord.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace casa = casacore;

static_assert(sizeof(casa::Bool) == sizeof(uint8_t), "flags are read as bytes");
static_assert(sizeof(casa::Complex) == sizeof(float[2]), "visibilities are read as pairs");

struct ib_casa {
    casa::Table table;
};

namespace
{

/* casacore looks for its settings in the home folder when the first lock is made, and gives up where there is none
   (containers, batch systems). */
const casa::TableLock &no_lock()
{
    static const casa::TableLock lock = [] {
        const bool homeless = !std::getenv("HOME");

        if (homeless)
            setenv("HOME", "/", 1);
        const casa::TableLock made(casa::TableLock::NoLocking);
        if (homeless)
            unsetenv("HOME");
        return made;
    }();
    return lock;
}

/* casacore explains itself over several lines; the first says what is wrong. */
ib_status refuse(ib_error *err, ib_status status, const char *text)
{
    const size_t n = std::strcspn(text, "\n");

    return ib_fail(err, status, "casacore: %.*s", static_cast<int>(n < 240 ? n : 240), text);
}

/* Most of casacore's exceptions tell what the system said in their text only. */
ib_status status_of(const char *text)
{
    for (int refusal : {EACCES, EPERM, EIO, EMFILE, ENFILE})
        if (std::strstr(text, std::strerror(refusal)))
            return IB_EIO;
    return IB_EDATA;
}

struct waiting {
    ib_wait wait;
    waiting()
    {
        ib_wait_begin(&wait, "reading", "the MeasurementSet");
    }
    ~waiting()
    {
        ib_wait_end(&wait);
    }
};

/* Runs the body; turns whatever it throws into a status. */
template <typename Body> ib_status guarded(ib_error *err, Body body)
{
    const waiting meanwhile;

    try {
        body();
        return IB_OK;
    } catch (const std::bad_alloc &) {
        return ib_fail(err, IB_ENOMEM, "casacore: the system refused memory; read fewer rows or channels");
    } catch (const casa::SystemCallError &e) {
        return refuse(err, e.error() == ENOENT ? IB_EDATA : IB_EIO, e.what());
    } catch (const std::exception &e) {
        return refuse(err, status_of(e.what()), e.what());
    } catch (...) {
        return ib_fail(err, IB_EDATA, "casacore: an unknown exception");
    }
}

ib_casa_type type_of(casa::DataType type)
{
    switch (type) {
    case casa::TpBool:
        return IB_CASA_BOOL;
    case casa::TpInt:
        return IB_CASA_INT;
    case casa::TpFloat:
        return IB_CASA_FLOAT;
    case casa::TpDouble:
        return IB_CASA_DOUBLE;
    case casa::TpComplex:
        return IB_CASA_COMPLEX;
    case casa::TpString:
        return IB_CASA_TEXT;
    default:
        return IB_CASA_OTHER;
    }
}

casa::IPosition position(std::initializer_list<size_t> n)
{
    casa::IPosition out(static_cast<casa::uInt>(n.size()));
    casa::uInt      axis = 0;

    for (size_t length : n)
        out[axis++] = static_cast<ssize_t>(length);
    return out;
}

casa::Slicer rows_of(ib_range rows)
{
    return casa::Slicer(position({rows.first}), position({rows.n}));
}

size_t count(const ib_range *runs, size_t n_run)
{
    size_t n = 0;

    for (size_t i = 0; i < n_run; i++)
        n += runs[i].n;
    return n;
}

casa::RefRows rows_of(const ib_range *runs, size_t n_run)
{
    casa::Vector<casa::rownr_t> slices(3 * n_run);

    for (size_t i = 0; i < n_run; i++) {
        slices[3 * i] = runs[i].first;
        slices[3 * i + 1] = runs[i].first + runs[i].n - 1;
        slices[3 * i + 2] = 1;
    }
    return casa::RefRows(slices, true);
}

template <typename T>
void read_scalars(const casa::Table &table, const char *name, const ib_range *runs, size_t n_run, void *into)
{
    casa::ScalarColumn<T> column(table, name);
    casa::Vector<T>       values(position({count(runs, n_run)}), static_cast<T *>(into), casa::SHARE);

    if (n_run == 1)
        column.getColumnRange(rows_of(runs[0]), values);
    else
        column.getColumnCells(rows_of(runs, n_run), values);
}

template <typename T>
void read_arrays(const casa::Table &table, const char *name, const ib_range *runs, size_t n_run, size_t n_corr,
                 const ib_range *chans, void *into)
{
    casa::ArrayColumn<T>  column(table, name);
    const size_t          n_row = count(runs, n_run);
    const casa::IPosition first = chans ? position({0, chans->first}) : position({0});
    const casa::IPosition shape = chans ? position({n_corr, chans->n}) : position({n_corr});
    const casa::Slicer    cell(first, shape);
    casa::Array<T>        values(chans ? position({n_corr, chans->n, n_row}) : position({n_corr, n_row}),
                          static_cast<T *>(into), casa::SHARE);

    if (n_run == 1)
        column.getColumnRange(rows_of(runs[0]), cell, values);
    else
        column.getColumnCells(rows_of(runs, n_run), cell, values);
}

template <typename T>
void read_numbers(const casa::Table &table, const char *name, size_t row, size_t n, double *into)
{
    const casa::Array<T>  all(casa::ArrayColumn<T>(table, name).get(row));
    const casa::Vector<T> cell(all.reform(position({all.size()})));

    if (cell.size() != n)
        throw casa::AipsError(casa::String(name) + " of row " + casa::String::toString(row) + " has " +
                              casa::String::toString(cell.size()) + " values instead of " +
                              casa::String::toString(n));
    for (size_t i = 0; i < n; i++)
        into[i] = static_cast<double>(cell[i]);
}

void copy_text(const casa::String &from, char *into, size_t size)
{
    std::snprintf(into, size, "%s", from.c_str());
    for (char *c = into; *c; c++)
        if (std::iscntrl(static_cast<unsigned char>(*c)))
            *c = '?';
}

/* The frame is a keyword of the column, or another column holds one per row: as text, or as a number that keywords
   translate (J2000 is 0 and ICRS 21 where none do). */
casa::String frame_of(const casa::Table &table, const char *name, size_t row)
{
    const casa::TableRecord &keywords = casa::TableColumn(table, name).keywordSet();

    if (!keywords.isDefined("MEASINFO"))
        return "";
    const casa::TableRecord info = keywords.subRecord("MEASINFO");
    if (!info.isDefined("VarRefCol"))
        return info.isDefined("Ref") ? info.asString("Ref") : casa::String();

    const casa::TableColumn per_row(table, info.asString("VarRefCol"));
    if (per_row.columnDesc().dataType() == casa::TpString)
        return per_row.asString(row);

    const casa::Int code = per_row.asInt(row);
    if (!info.isDefined("TabRefCodes") || !info.isDefined("TabRefTypes"))
        return code == 0 ? "J2000" : code == 21 ? "ICRS" : "code " + casa::String::toString(code);

    const casa::Vector<casa::uInt>   codes(info.asArrayuInt("TabRefCodes"));
    const casa::Vector<casa::String> types(info.asArrayString("TabRefTypes"));
    for (size_t i = 0; i < codes.size() && i < types.size(); i++)
        if (static_cast<casa::Int>(codes[i]) == code)
            return types[i];
    return "code " + casa::String::toString(code);
}

bool is_by_row(const casa::String &type)
{
    return type == "StandardStMan" || type == "IncrementalStMan";
}

} // namespace

ib_status ib_casa_open(ib_casa **out, const char *path, ib_error *err)
{
    return guarded(err, [&] { *out = new ib_casa{casa::Table(path, no_lock(), casa::Table::Old)}; });
}

void ib_casa_limit_cache(ib_casa *table, const char *column, size_t mebibytes)
{
    try {
        casa::ROTiledStManAccessor(table->table, column, true)
            .setMaximumCacheSize(static_cast<casa::uInt>(mebibytes));
    } catch (...) { /* not stored in tiles: there is no such cache */
    }
}

void ib_casa_keep_rows(ib_casa *table, size_t mebibytes)
{
    try {
        const casa::Record managers = table->table.dataManagerInfo();
        casa::uInt         n = 0;

        for (casa::uInt i = 0; i < managers.nfields(); i++)
            n += is_by_row(managers.subRecord(i).asString("TYPE"));
        for (casa::uInt i = 0; i < managers.nfields(); i++) {
            const casa::Record manager = managers.subRecord(i);
            const casa::String type = manager.asString("TYPE"), name = manager.asString("NAME");
            if (!is_by_row(type))
                continue;
            const casa::Int bytes = manager.subRecord("SPEC").asInt("BUCKETSIZE");
            const size_t    keep = (mebibytes << 20) / n / static_cast<size_t>(bytes > 0 ? bytes : 1 << 20);
            if (keep < 2)
                continue;
            if (type == "StandardStMan")
                casa::ROStandardStManAccessor(table->table, name).setCacheSize(static_cast<casa::uInt>(keep));
            else
                casa::ROIncrementalStManAccessor(table->table, name).setCacheSize(static_cast<casa::uInt>(keep));
        }
    } catch (...) { /* it is only slower */
    }
}

bool ib_casa_tile(const ib_casa *table, const char *column, size_t row, size_t *n_chan, size_t *n_row)
{
    try {
        const casa::IPosition n = casa::ROTiledStManAccessor(table->table, column, true).tileShape(row);

        if (n.size() < 3 || n[1] < 1 || n[2] < 1)
            return false;
        *n_chan = static_cast<size_t>(n[1]);
        *n_row = static_cast<size_t>(n[2]);
        return true;
    } catch (...) { /* another storage manager */
        return false;
    }
}

ib_status ib_casa_subtable(ib_casa **out, const ib_casa *parent, const char *name, ib_error *err)
{
    return guarded(err, [&] { *out = new ib_casa{parent->table.keywordSet().asTable(name, no_lock())}; });
}

void ib_casa_close(ib_casa *table)
{
    try {
        delete table;
    } catch (...) { /* nothing was written, so nothing can be lost */
    }
}

size_t ib_casa_rows(const ib_casa *table)
{
    return table->table.nrow();
}

ib_casa_type ib_casa_column(const ib_casa *table, const char *column, bool *array)
{
    ib_casa_type type = IB_CASA_NONE;
    ib_error     ignored;

    guarded(&ignored, [&] {
        if (!table->table.tableDesc().isColumn(column))
            return;
        const casa::ColumnDesc &desc = table->table.tableDesc().columnDesc(column);
        if (array)
            *array = desc.isArray();
        type = type_of(desc.dataType());
    });
    return type;
}

void ib_casa_columns(const ib_casa *table, ib_casa_type type, char *names, size_t size)
{
    ib_error ignored;

    guarded(&ignored, [&] {
        const casa::TableDesc &desc = table->table.tableDesc();
        casa::String           all;

        for (casa::uInt i = 0; i < desc.ncolumn(); i++)
            if (desc[i].isArray() && type_of(desc[i].dataType()) == type)
                all += (all.empty() ? "" : ", ") + desc[i].name();
        copy_text(all.empty() ? casa::String("none") : all, names, size);
    });
}

ib_status ib_casa_shapes(const ib_casa *table, const char *column, ib_range rows, ib_casa_shape *into, ib_error *err)
{
    return guarded(err, [&] {
        const casa::TableColumn cells(table->table, column);
        const bool              fixed = cells.columnDesc().isFixedShape();

        for (size_t i = 0; i < rows.n; i++) {
            ib_casa_shape &shape = into[i];
            if (fixed && i > 0) {
                shape = into[0];
                continue;
            }
            shape = ib_casa_shape{-1, {1, 1}};
            if (!cells.isDefined(rows.first + i))
                continue;
            const casa::IPosition n = cells.shape(rows.first + i);
            shape.n_axis = static_cast<int>(n.size());
            for (casa::uInt axis = 0; axis < n.size() && axis < 2; axis++)
                shape.n[axis] = static_cast<size_t>(n[axis]);
        }
    });
}

ib_status ib_casa_scalars(const ib_casa *table, const char *column, ib_casa_type type, const ib_range *runs,
                          size_t n_run, void *into, ib_error *err)
{
    return guarded(err, [&] {
        switch (type) {
        case IB_CASA_BOOL:
            read_scalars<casa::Bool>(table->table, column, runs, n_run, into);
            break;
        case IB_CASA_INT:
            read_scalars<casa::Int>(table->table, column, runs, n_run, into);
            break;
        case IB_CASA_DOUBLE:
            read_scalars<casa::Double>(table->table, column, runs, n_run, into);
            break;
        default:
            throw casa::AipsError("no scalar column of this type is read");
        }
    });
}

ib_status ib_casa_arrays(const ib_casa *table, const char *column, ib_casa_type type, const ib_range *runs,
                         size_t n_run, size_t n_corr, const ib_range *chans, void *into, ib_error *err)
{
    return guarded(err, [&] {
        const casa::Table &t = table->table;
        switch (type) {
        case IB_CASA_BOOL:
            read_arrays<casa::Bool>(t, column, runs, n_run, n_corr, chans, into);
            break;
        case IB_CASA_FLOAT:
            read_arrays<casa::Float>(t, column, runs, n_run, n_corr, chans, into);
            break;
        case IB_CASA_DOUBLE:
            read_arrays<casa::Double>(t, column, runs, n_run, n_corr, chans, into);
            break;
        case IB_CASA_COMPLEX:
            read_arrays<casa::Complex>(t, column, runs, n_run, n_corr, chans, into);
            break;
        default:
            throw casa::AipsError("no array column of this type is read");
        }
    });
}

ib_status ib_casa_numbers(const ib_casa *table, const char *column, size_t row, size_t n, double *into, ib_error *err)
{
    return guarded(err, [&] {
        if (ib_casa_column(table, column, nullptr) == IB_CASA_INT)
            read_numbers<casa::Int>(table->table, column, row, n, into);
        else
            read_numbers<casa::Double>(table->table, column, row, n, into);
    });
}

ib_status ib_casa_text(const ib_casa *table, const char *column, size_t row, char *into, size_t size, ib_error *err)
{
    return guarded(err,
                   [&] { copy_text(casa::ScalarColumn<casa::String>(table->table, column).get(row), into, size); });
}

ib_status ib_casa_frame(const ib_casa *table, const char *column, size_t row, char *into, size_t size, ib_error *err)
{
    return guarded(err, [&] { copy_text(frame_of(table->table, column, row), into, size); });
}
