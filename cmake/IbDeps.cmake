# SPDX-License-Identifier: BSD-3-Clause
# Libraries the product needs; packages.txt names their Debian packages.
find_package(MPI REQUIRED COMPONENTS C)
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
foreach(dep FFTW3:fftw3 FFTW3F:fftw3f HDF5:hdf5-openmpi CFITSIO:cfitsio JANSSON:jansson XXHASH:libxxhash WCSLIB:wcslib
    SQLITE:sqlite3 GSL:gsl ERFA:erfa ZLIB:zlib)
  string(REPLACE ":" ";" pair ${dep})
  list(GET pair 0 var)
  list(GET pair 1 module)
  pkg_check_modules(${var} REQUIRED IMPORTED_TARGET ${module})
endforeach()

# Dimension scales are in HDF5's high-level library, which its pkg-config file leaves out.
find_library(HDF5_HL NAMES hdf5_hl hdf5_openmpi_hl HINTS ${HDF5_LIBRARY_DIRS} REQUIRED)
target_link_libraries(PkgConfig::HDF5 INTERFACE ${HDF5_HL})

# casacore's own pkg-config file pulls in every one of its libraries: the tables suffice.
find_library(CASA_TABLES casa_tables REQUIRED)
find_library(CASA_CASA casa_casa REQUIRED)
find_path(CASA_INCLUDE casacore/tables/Tables.h REQUIRED)
add_library(casacore INTERFACE)
target_link_libraries(casacore INTERFACE ${CASA_TABLES} ${CASA_CASA})
target_include_directories(casacore SYSTEM INTERFACE ${CASA_INCLUDE} ${CASA_INCLUDE}/casacore)
