# SPDX-License-Identifier: BSD-3-Clause
# ib_flags: what every target compiles with.
add_library(ib_flags INTERFACE)
target_include_directories(ib_flags INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(ib_flags INTERFACE _POSIX_C_SOURCE=200809L OMPI_SKIP_MPICXX
                           IB_VERSION="${PROJECT_VERSION}")
target_compile_options(ib_flags INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
                       $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>)
if(IB_WERROR)
  target_compile_options(ib_flags INTERFACE -Werror)
endif()
if(IB_SANITIZE)
  target_compile_definitions(ib_flags INTERFACE IB_SANITIZED)
  target_compile_options(ib_flags INTERFACE -fsanitize=${IB_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(ib_flags INTERFACE -fsanitize=${IB_SANITIZE})
endif()
