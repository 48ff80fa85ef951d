# SPDX-License-Identifier: BSD-3-Clause
# Harnesses of parsers: tests/fuzz/fuzz_X.c with the inputs of tests/fuzz/corpus/X as a test, or under libFuzzer where
# IB_SANITIZE names it (make fuzz).
file(GLOB harnesses CONFIGURE_DEPENDS fuzz/fuzz_*.c)
foreach(source ${harnesses})
  get_filename_component(name ${source} NAME_WE)
  string(REPLACE fuzz_ "" input ${name})
  add_executable(${name} EXCLUDE_FROM_ALL ${source})
  target_include_directories(${name} PRIVATE fuzz)
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE) # memfd_create, memmem
  target_link_libraries(${name} PRIVATE ib_io PkgConfig::HDF5 PkgConfig::XXHASH)
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  list(APPEND fuzzers ${name})
  if(IB_SANITIZE MATCHES fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${name} PRIVATE fuzz/replay.c)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL OFF)
    add_test(NAME fuzz.${input} COMMAND ${name} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${input})
    set_tests_properties(fuzz.${input} PROPERTIES LABELS fuzz TIMEOUT 60
                         ENVIRONMENT "${ib_test_environment};${ib_sanitizer_environment}")
  endif()
endforeach()
foreach(name fuzz_history fuzz_points fuzz_report)
  target_link_libraries(${name} PRIVATE ib_bench PkgConfig::JANSSON)
endforeach()
add_custom_target(fuzzers DEPENDS ${fuzzers})
