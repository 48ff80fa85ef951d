#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The leaf loops compile for 64-bit ARM, without a warning, to fused multiply-adds of whole NEON vectors. Wherever a cross compiler is
# (gcc-aarch64-linux-gnu; it is large, so packages.txt does not ask for it, or IMGBENCH_AARCH64_CC).
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
cc=
for name in ${IMGBENCH_AARCH64_CC-} aarch64-linux-gnu-gcc aarch64-linux-gnu-gcc-14 aarch64-linux-gnu-gcc-13 aarch64-linux-gnu-gcc-12; do
    [ -n "$cc" ] || ! command -v "$name" >/dev/null || cc=$name
done
[ -n "$cc" ] || skip "no compiler for aarch64 (apt-get install gcc-aarch64-linux-gnu)"
cd "$IMGBENCH_SOURCE/src"
warnings='-Werror -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wno-psabi'
for precision in f32 f64; do
    for file in tile lines textbook limit; do
        # shellcheck disable=SC2086 # several words each; flags as in cmake/IbIsa.cmake
        "$cc" -std=c11 -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math $warnings -I. -I../include -DIB_ISA=base \
            -DIB_PRECISION=$precision -DIB_VECTOR_BYTES=16 -S "gridder/kernel/$file.c" -o "$IMGBENCH_SCRATCH/$file.$precision.s" ||
            fail "$file.c for $precision"
    done
    lanes=$([ $precision = f32 ] && echo 4s || echo 2d)
    for file in tile limit; do
        n=$(grep -c "fmla[[:space:]]*v[0-9]*\.$lanes" "$IMGBENCH_SCRATCH/$file.$precision.s" || :)
        echo "$file.c, $precision: $n fused multiply-adds of vectors"
        [ "$n" -ge 12 ] || fail "$file.c for $precision has $n fused multiply-adds of vectors"
    done
done
# shellcheck disable=SC2086
for file in gridder/kernel/isa gridder/kernel/reference gridder/direct; do
    "$cc" -std=c11 -O2 -ffp-contract=off $warnings -I. -I../include -S $file.c -o "$IMGBENCH_SCRATCH/other.s" || fail "$file.c"
done
# Its name among instruction sets.
"$cc" -std=c11 -I. -I../include -S gridder/kernel/isa.c -o - | grep -q '"neon"' || fail "no instruction set is called neon"
