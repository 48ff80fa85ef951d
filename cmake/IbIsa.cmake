# SPDX-License-Identifier: BSD-3-Clause
# The loops of src/gridder/kernel are compiled once per instruction set and precision: the gridder's own, the baseline of the
# benchmark, the limits of the machine. -ffp-contract=fast is said aloud: -std=c11 silently turns fused multiply-add off in
# GCC. No one looks at floating-point exceptions or errno: saying so lets choices become masks; NaN and infinity keep their
# meaning.
set(ib_kernel_objects "")
function(ib_kernel isa bytes flags)
  foreach(precision f32 f64)
    set(target ib_tile_${isa}_${precision})
    add_library(${target} OBJECT src/gridder/kernel/tile.c src/gridder/kernel/mosaic.c src/gridder/kernel/lines.c
                src/gridder/kernel/depth.c src/gridder/kernel/direct.c src/gridder/kernel/textbook.c
                src/gridder/kernel/limit.c)
    target_link_libraries(${target} PRIVATE ib_flags)
    target_compile_definitions(${target} PRIVATE IB_ISA=${isa} IB_PRECISION=${precision} IB_VECTOR_BYTES=${bytes})
    target_compile_options(${target} PRIVATE -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math -Wno-psabi ${flags})
    list(APPEND ib_kernel_objects $<TARGET_OBJECTS:${target}>)
  endforeach()
  set(ib_kernel_objects ${ib_kernel_objects} PARENT_SCOPE)
endfunction()

if(EXISTS ${CMAKE_SOURCE_DIR}/src/gridder/kernel/tile.c)
  ib_kernel(base 16 "")
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    ib_kernel(v3 32 "-march=x86-64-v3")
    ib_kernel(v4 64 "-march=x86-64-v4;-mprefer-vector-width=512")
  endif()
endif()

# Loops over every pixel of every plane. Nothing is fused: all instruction sets give the same bits.
set(ib_pixel_objects "")
function(ib_pixels isa flags)
  set(target ib_pixels_${isa})
  add_library(${target} OBJECT src/model/pixels.c)
  target_link_libraries(${target} PRIVATE ib_flags MPI::MPI_C PkgConfig::XXHASH)
  target_compile_definitions(${target} PRIVATE IB_ISA=${isa})
  target_compile_options(${target} PRIVATE -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math ${flags})
  set(ib_pixel_objects ${ib_pixel_objects} $<TARGET_OBJECTS:${target}> PARENT_SCOPE)
endfunction()

ib_pixels(base "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  ib_pixels(v3 "-march=x86-64-v3")
  ib_pixels(v4 "-march=x86-64-v4;-mprefer-vector-width=512")
endif()
