# SPDX-License-Identifier: BSD-3-Clause
# Writes OUT from IN (cmake/build.h.in) with the state of the sources now, at build time; leaves it alone when nothing
# changed. "Dirty" looks at what is compiled, new files included.
set(IB_BUILD_COMMIT unknown)
set(IB_BUILD_DESCRIBE unknown)
set(IB_BUILD_COMMIT_TIME "")
set(IB_BUILD_DIRTY -1)
find_package(Git QUIET)
if(GIT_FOUND AND EXISTS ${SOURCE}/.git)
  # The owner of a mounted folder is often another user than the one in the container.
  set(git ${GIT_EXECUTABLE} -C ${SOURCE} -c safe.directory=*)
  execute_process(COMMAND ${git} rev-parse HEAD RESULT_VARIABLE failed OUTPUT_VARIABLE commit
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT failed)
    set(IB_BUILD_COMMIT ${commit})
    execute_process(COMMAND ${git} describe --always --tags --abbrev=10 OUTPUT_VARIABLE IB_BUILD_DESCRIBE
                    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    execute_process(COMMAND ${git} log -1 --format=%cI OUTPUT_VARIABLE IB_BUILD_COMMIT_TIME
                    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    execute_process(COMMAND ${git} status --porcelain -- CMakeLists.txt cmake include src OUTPUT_VARIABLE changes)
    if(changes)
      set(IB_BUILD_DIRTY 1)
    else()
      set(IB_BUILD_DIRTY 0)
    endif()
  endif()
endif()
include(${FACTS})
configure_file(${IN} ${OUT} @ONLY)
