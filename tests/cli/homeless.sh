#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Without HOME, as in containers and some batch systems, everything works; measured FFT plans are not kept.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
"$PYTHON" "$IMGBENCH_SOURCE/tests/make_ms.py" point.ms point >/dev/null
unset HOME XDG_CACHE_HOME
"$IMGBENCH" --version >/dev/null || fail "--version ended with $?"
for input in sim:point,times=2,baselines=20,channels=2 point.ms; do
    "$IMGBENCH" "$input" --cell 20arcsec --imsize 32 --output a.hdf5 --overwrite --record "" >out.txt 2>err.txt ||
        fail "$input: $(cat err.txt)"
    grep -q '^RESULT' out.txt || fail "$(cat out.txt)"
done
