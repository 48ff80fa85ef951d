#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 600
# Whole runs under the thread sanitizer: no thread touches what another is writing.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
export XDG_CACHE_HOME="$PWD/cache" IMGBENCH_FLUSH_S=0
limit=300

# quiet N NAME ARGUMENTS...: a run on N ranks, of which the sanitizer has nothing to say.
quiet() {
    image "$@"
    ! grep -A 20 'WARNING: ThreadSanitizer' "$2.log" || fail "a race: imgbench $*"
    rm -f "$2".*
}

export OMP_NUM_THREADS=4
small=sim:point,times=2,baselines=15,channels=6,imsize=64,noise=0.5,flagged=0.1
quiet 1 cube $small --stokes corr --fits --check
quiet 2 ranks $small --chunks 3 --weighting briggs --density all
quiet 1 mfs $small --mode mfs --stokes IV --support 12
quiet 1 double $small --precision double --lookup nearest --taper 3arcsec --bin 2
quiet 1 epsilon $small,hours=9,width=20kHz --epsilon 1e-4 --frame lsrk
quiet 1 mosaic sim:aca-9eb,times=4,channels=3,imsize=96,cell=3arcsec --gridder mosaic --stokes corr
quiet 1 depth sim:chiles,times=2,channel=0.005,image=0.1 --wterm stack

"$IMGBENCH" simulate $small -o file.vis.hdf5 >simulate.log 2>&1 || fail "$(cat simulate.log)"
quiet 1 file file.vis.hdf5 --memory 128MiB
quiet 2 traced $small --trace timeline.json --chunks 3 --schedule dynamic

# Interrupted once something is finished, and gone on with.
many=sim:point,times=4,baselines=45,channels=1000,imsize=128
"$IMGBENCH" $many --output resumed.hdf5 --record "" --quiet >interrupted.log 2>&1 &
run=$!
while kill -0 $run && [ -z "$(find resumed.hdf5.run -name 'journal.*' -size +0 2>/dev/null)" ]; do
    sleep 0.1
done
kill -TERM $run
wait $run && fail "it was too quick to be interrupted" || [ $? = 75 ] || fail "$(cat interrupted.log)"
! grep -A 20 'WARNING: ThreadSanitizer' interrupted.log || fail "a race in an interrupted run"
quiet 1 resumed $many --resume
