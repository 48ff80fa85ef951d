# SPDX-License-Identifier: BSD-3-Clause
# Tests that run the finished program: tests/LABEL/NAME.sh becomes LABEL.NAME. A script says how many processors and
# seconds it needs in its head ("# processors: 2", "# timeout: 120"); exit code 77 is "skipped".
if(NOT TARGET imgbench)
  return()
endif()
find_program(IB_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED) # Debian's, which has the packages

add_library(strike MODULE fault/strike.c) # preloaded by tests of interrupted runs
target_link_libraries(strike PRIVATE ${CMAKE_DL_LIBS})

# The program without one of its checks: a control that the tests of interrupted runs must not let pass.
set(check "memcmp(hash, was->hash[o->product][p], sizeof hash)")
file(READ ${CMAKE_SOURCE_DIR}/src/outputs.c seeing)
string(REPLACE "${check}" "0 && ${check}" blind "${seeing}")
if(blind STREQUAL seeing)
  message(FATAL_ERROR "src/outputs.c compares hashes in another way than tests/scripts.cmake knows")
endif()
file(CONFIGURE OUTPUT blind.c CONTENT "${blind}" @ONLY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/outputs.c)
add_executable(imgbench-blind ${CMAKE_SOURCE_DIR}/src/main.c ${CMAKE_CURRENT_BINARY_DIR}/blind.c)
target_link_libraries(imgbench-blind PRIVATE ib_run ib_bench OpenMP::OpenMP_C)
set_target_properties(imgbench-blind PROPERTIES LINKER_LANGUAGE CXX)

file(GLOB scripts CONFIGURE_DEPENDS cli/*.sh cluster/*.sh mpi/*.sh fault/*.sh real/*.sh bench/*.sh)
list(FILTER scripts EXCLUDE REGEX "/common[.]sh$")
if(IB_SANITIZE MATCHES thread)
  file(GLOB whole_runs CONFIGURE_DEPENDS threads/*.sh)
  list(APPEND scripts ${whole_runs})
endif()
foreach(script ${scripts})
  get_filename_component(name ${script} NAME_WE)
  get_filename_component(folder ${script} DIRECTORY)
  get_filename_component(label ${folder} NAME)
  set(processors 1)
  set(timeout 120)
  file(STRINGS ${script} head LIMIT_COUNT 12 REGEX "^# (processors|timeout): [0-9]+$")
  foreach(line ${head})
    string(REGEX MATCH "^# ([a-z]+): ([0-9]+)$" line ${line})
    set(${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
  endforeach()

  add_test(NAME ${label}.${name} COMMAND sh ${script})
  set_tests_properties(${label}.${name} PROPERTIES
    LABELS ${label} TIMEOUT ${timeout} PROCESSORS ${processors} SKIP_RETURN_CODE 77)
  set_property(TEST ${label}.${name} PROPERTY ENVIRONMENT
    IMGBENCH=$<TARGET_FILE:imgbench>
    IMGBENCH_SOURCE=${CMAKE_SOURCE_DIR}
    IMGBENCH_BUILD=${CMAKE_BINARY_DIR}
    IMGBENCH_SCRATCH=${CMAKE_BINARY_DIR}/scratch/${label}.${name}
    IMGBENCH_SANITIZED=${IB_SANITIZE}
    MPIEXEC=${MPIEXEC_EXECUTABLE}
    PYTHON=${IB_PYTHON}
    XDG_CACHE_HOME=${CMAKE_BINARY_DIR}/cache # FFT plans of the tests stay out of the user's
    OMP_NUM_THREADS=1
    OMPI_ALLOW_RUN_AS_ROOT=1
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    OMPI_MCA_rmaps_base_oversubscribe=1
    OMPI_MCA_hwloc_base_binding_policy=none
    OMPI_MCA_mpi_yield_when_idle=1
    OMPI_MCA_btl_vader_single_copy_mechanism=none
    ${ib_thread_environment}
    ASAN_OPTIONS=detect_leaks=0) # the leak detector itself may crash among the threads of Open MPI; units look for leaks
endforeach()
