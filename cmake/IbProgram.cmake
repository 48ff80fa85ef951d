# SPDX-License-Identifier: BSD-3-Clause
# The program, what is generated from its table of options, and what is installed.
include(GNUInstallDirs)

# ---- facts of the build, for --version, records and verdicts ----------------------------------------------------
string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
set(flags "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${type}}")
string(STRIP "${flags}" flags)
set(libraries "")
pkg_check_modules(CASACORE QUIET casacore) # only for its version
foreach(pair FFTW:FFTW3 HDF5:HDF5 casacore:CASACORE CFITSIO:CFITSIO WCSLIB:WCSLIB Jansson:JANSSON xxHash:XXHASH
     SQLite:SQLITE GSL:GSL ERFA:ERFA)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 name)
  list(GET pair 1 var)
  if(${var}_VERSION)
    string(APPEND libraries "{\"${name}\", \"${${var}_VERSION}\"}, ")
  endif()
endforeach()
set(generated ${CMAKE_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${generated}/bench)
file(WRITE ${generated}/facts.cmake.new
"set(IB_BUILD_VERSION [[${PROJECT_VERSION}]])
set(IB_BUILD_COMPILER [[${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}]])
set(IB_BUILD_FLAGS [[${flags}]])
set(IB_BUILD_TYPE [[${CMAKE_BUILD_TYPE}]])
set(IB_BUILD_SANITIZERS [[${IB_SANITIZE}]])
set(IB_BUILD_LIBRARIES [[${libraries}]])
")
configure_file(${generated}/facts.cmake.new ${generated}/facts.cmake COPYONLY)
add_custom_target(ib_build_facts
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DFACTS=${generated}/facts.cmake
          -DIN=${CMAKE_SOURCE_DIR}/cmake/build.h.in -DOUT=${generated}/bench/build.h
          -P ${CMAKE_SOURCE_DIR}/cmake/build_facts.cmake
  BYPRODUCTS ${generated}/bench/build.h
  COMMENT "Facts of this build" VERBATIM)
add_dependencies(ib_bench ib_build_facts)
target_include_directories(ib_bench PRIVATE ${generated})

if(NOT TARGET ib_run)
  return()
endif()

# ---- the program ------------------------------------------------------------------------------------------------
add_executable(imgbench src/main.c src/watch_mpi.c src/watch_teams.c)
target_link_libraries(imgbench PRIVATE ib_run ib_bench OpenMP::OpenMP_C ${CMAKE_DL_LIBS})
set_target_properties(imgbench PROPERTIES LINKER_LANGUAGE CXX RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}
                      INSTALL_RPATH_USE_LINK_PATH ON) # libraries outside the system's folders stay found

add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/imgbench.1
  COMMAND imgbench help man > ${CMAKE_BINARY_DIR}/imgbench.1
  DEPENDS imgbench COMMENT "Manual page" VERBATIM)
add_custom_command(OUTPUT ${generated}/imgbench.bash
  COMMAND imgbench help completion > ${generated}/imgbench.bash
  DEPENDS imgbench COMMENT "Completion" VERBATIM)
add_custom_target(ib_manual ALL DEPENDS ${CMAKE_BINARY_DIR}/imgbench.1 ${generated}/imgbench.bash)
add_custom_target(docs # docs/options.md is committed: the table of options is its only source
  COMMAND imgbench help markdown > ${CMAKE_SOURCE_DIR}/docs/options.md
  DEPENDS ib_manual COMMENT "docs/options.md" VERBATIM)

# ---- the library: every floor that ib_run stands on, in one archive ---------------------------------------------
add_library(ib_static STATIC $<TARGET_OBJECTS:ib_base> $<TARGET_OBJECTS:ib_model> $<TARGET_OBJECTS:ib_gridder>
            $<TARGET_OBJECTS:ib_io> $<TARGET_OBJECTS:ib_run> ${ib_kernel_objects} ${ib_pixel_objects})
set_target_properties(ib_static PROPERTIES OUTPUT_NAME imgbench LINKER_LANGUAGE CXX)

# Timelines of other programs: include/imgbench_trace.h, the C library and threads alone.
add_library(ib_trace_static STATIC src/base/recorder.c src/base/regions.c)
target_link_libraries(ib_trace_static PRIVATE ib_flags)
set_target_properties(ib_trace_static PROPERTIES OUTPUT_NAME imgbench_trace POSITION_INDEPENDENT_CODE ON)

set(IB_PC_LIBS ${HDF5_HL} ${CASA_TABLES} ${CASA_CASA} ${MPI_C_LIBRARIES} ${OpenMP_C_FLAGS} -lstdc++ -lm)
list(JOIN IB_PC_LIBS " " IB_PC_LIBS)
set(IB_PC_CFLAGS ${MPI_C_INCLUDE_DIRS})
list(TRANSFORM IB_PC_CFLAGS PREPEND -I)
list(JOIN IB_PC_CFLAGS " " IB_PC_CFLAGS)

install(TARGETS imgbench)
install(TARGETS ib_static ib_trace_static)
install(FILES include/imgbench.h include/imgbench_trace.h TYPE INCLUDE)
install(FILES ${CMAKE_BINARY_DIR}/imgbench.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${generated}/imgbench.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME imgbench)
install(DIRECTORY docs/ TYPE DOC PATTERN adr EXCLUDE)
# The prefix is known only now: `cmake --install --prefix` may change it.
install(CODE "
  set(IB_PC_LIBS [[${IB_PC_LIBS}]])
  set(IB_PC_CFLAGS [[${IB_PC_CFLAGS}]])
  set(PROJECT_VERSION [[${PROJECT_VERSION}]])
  set(PROJECT_DESCRIPTION [[${PROJECT_DESCRIPTION}]])
  set(CMAKE_INSTALL_LIBDIR [[${CMAKE_INSTALL_LIBDIR}]])
  set(CMAKE_INSTALL_INCLUDEDIR [[${CMAKE_INSTALL_INCLUDEDIR}]])
  get_filename_component(CMAKE_INSTALL_PREFIX \"\${CMAKE_INSTALL_PREFIX}\" ABSOLUTE)
  set(pc \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig/imgbench.pc\")
  configure_file([[${CMAKE_SOURCE_DIR}/cmake/imgbench.pc.in]] \"\${pc}\" @ONLY)
  configure_file([[${CMAKE_SOURCE_DIR}/cmake/imgbench_trace.pc.in]]
                 \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig/imgbench_trace.pc\" @ONLY)
  message(STATUS \"Installing: \${pc}\")
")
