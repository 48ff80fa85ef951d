#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 200
# Options that mean nothing are refused with 2 and a sentence that says what is wrong and what would be right.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
sim=sim:point,times=1,baselines=6,channels=4,imsize=32

refused 2 'suport.*support' --suport 9 $sim
refused 2 'support' --support 0 $sim
refused 2 'support' --support 2 $sim
refused 2 'support' --support 130 $sim
refused 2 'support.*7\.5' --support 7.5 $sim
refused 2 'support' --support '' $sim
refused 2 'support' $sim --support
refused 2 'kernel.*gauss' --kernel gauss $sim
refused 2 'pswf' --kernel pswf --support 9 $sim
refused 2 'oversampling' --oversampling 0 $sim
refused 2 'padding' --padding 0.5 $sim
refused 2 'padding' --padding nan $sim
refused 2 'imsize' --imsize -5 $sim
refused 2 'imsize' --imsize 99999999 $sim
refused 2 'imsize' --imsize 1e400 $sim
refused 2 'cell' --cell -1arcsec $sim
refused 2 'cell.*parsec' --cell 1parsec $sim
refused 2 'cell' --cell 30deg $sim
refused 2 'robust' --weighting briggs --robust 5 $sim
refused 2 'threads' --threads -1 $sim
refused 2 'chunks' --chunks -3 $sim
refused 2 'chunks' --chunks 3840x $sim
refused 2 'bin' --bin 0 $sim
refused 2 'memory' --memory 1kB $sim
refused 2 'memory' --memory lots $sim
refused 2 'isa.*sse9' --isa sse9 $sim
refused 2 'format' --format xml $sim
refused 2 'two\.ms' one.ms two.ms

# The simulation's own keys.
refused 2 'chiles' sim:chile
refused 2 'baselines' sim:point,baseline_s=3
refused 2 'channels' sim:point,channels=0
refused 2 'times' sim:point,times=1e99
refused 2 'flagged' sim:point,flagged=2

# Selections of nothing.
refused 2 'field' --field 7 $sim
refused 2 'field' --field nosuch $sim
refused 2 'window|spw' --spw 3 $sim
refused 2 'channel' --channels 4 $sim
refused 2 'channel' --channels 3-1 $sim

# Nobody to give work to: every rank says so with its exit code, rank 0 with a sentence.
on_each 5 --record "" $sim
for rank in 0 1 2 3 4; do
    [ "$(cat code.$rank)" = 2 ] || fail "rank $rank of 5 on 4 channels ended with $(cat code.$rank)"
done
[ "$(cat err.* | grep -c '^imgbench: ')" = 1 ] || fail "$(cat err.*)"
grep -Eq '5 ranks.*4' err.0 || fail "$(cat err.0)"
[ "$(ls)" = "$(ls | grep -E '^(code|out|err)\.')" ] || fail "left $(ls)"

# mpirun hands the code on.
status=0
on 2 --support 0 $sim 2>/dev/null || status=$?
[ $status = 2 ] || fail "mpirun ended with $status"
