#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 3
# A wrong command line ends with code 2 on every rank after one sentence that helps; nothing is left behind.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"

# refused SENTENCE ARGUMENTS...
refused() {
    want=$1
    shift
    rc=0
    timeout 60 "$IMGBENCH" "$@" >out.txt 2>err.txt || rc=$?
    [ "$rc" = 2 ] || fail "imgbench $* ended with $rc: $(cat err.txt)"
    grep -qF -e "$want" err.txt || fail "imgbench $* said: $(cat err.txt)"
    [ "$(grep -c '^imgbench: ' err.txt)" = 1 ] && [ ! -s out.txt ] || fail "imgbench $* said more: $(cat out.txt err.txt)"
}
refused 'did you mean "support"' --suport 51
refused '2 is outside 3..129' --support 2
refused '"1e3" is not a whole number' --chunks 1e3
refused 'has no unit' --cell 0.4
refused 'is none of kb|pswf' --kernel sinc
refused 'two inputs' a.ms b.ms
refused 'the input is an empty text' ""
refused '--memory: 1KiB is outside 64MiB..1PiB' --memory 1KiB
refused 'simulate takes sim:' simulate a.ms -o x.h5
refused 'simulate needs the file' simulate sim:point
refused 'has no meaning here' simulate sim:point -o x.h5 --support 7
refused 'view needs a cube' view
refused 'bench takes kernel, mosaic, fft, pipeline, shapes, choice, overhead, storage or all, not nothing' bench
refused 'did you mean --supports' bench kernel --suports 7
refused 'bench --supports: 2 is outside 3..129' bench kernel --supports 7,2
refused 'is none of single|double' bench fft --precisions half
refused 'is none of table|json|md' calibrate --format xml
refused 'calibrate takes no input' calibrate now
refused 'calibrate --threads: 4096 threads share' calibrate --threads 4096
refused 'did you mean --support' sweep point --suport 7
refused '--support: 2 is outside 3..129' sweep point --support 2,7
refused '7 is given twice' sweep point --support 7,7
refused 'is not H:MM:SS' sweep point --time soon
refused 'no simulation preset' sweep nowhere
refused 'is none of slurm|torque|pbs' sweep point --submit lsf
refused 'is no name of up to' sweep point --campaign a/b
refused 'is none of auto|ideal|amdahl' scaling --fit cubic
refused 'project --ranks: 0 is outside 1..1000000' project --ranks 0
refused 'is not above 0' project --bandwidth 0
refused 'did you mean' project --suport 7
refused 'view has no option --plan' view --plan 3 x.hdf5

mkdir folder.hdf5
refused 'is a folder' simulate sim:point -o folder.hdf5 --overwrite
rmdir folder.hdf5

rc=0
on 3 --suport 51 >out.txt 2>err.txt || rc=$?
[ "$rc" = 2 ] || fail "three ranks ended with $rc"
[ "$(grep -c '^imgbench: ' err.txt)" = 1 ] || fail "three ranks said: $(cat err.txt)"

# The file of --config is read by every rank; one of its lines is named.
printf 'support = 51\nrobust = 3 # too large\n' >run.conf
refused 'run.conf line 2: robust: 3 is outside -2..2' --config run.conf
export IMGBENCH_ROBUST=x
refused 'environment: IMGBENCH_ROBUST: "x" is not a number' --plan
unset IMGBENCH_ROBUST
rc=0
"$IMGBENCH" --config nowhere.conf >/dev/null 2>err.txt || rc=$?
[ "$rc" = 74 ] || fail "a missing file of options ended with $rc"
rm -f out.txt err.txt run.conf
[ -z "$(ls)" ] || fail "left behind: $(ls)"
