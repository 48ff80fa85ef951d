#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# Ranks, threads and chunks decide who does what and when, never a bit of the result (memory: fault/memory.sh).
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
export XDG_CACHE_HOME="$PWD/cache" # FFT plans: made by the first run, read by the others, shared with no other test

# Flags, NaN under flags and whole channels without a sample; 14 channels deal unevenly to 3 and 4 ranks.
input=sim:point,times=3,baselines=45,channels=14,imsize=64,sources=4,noise=0.5,flagged=0.1,flagged_channels=0.15,nan=yes

# repeats NAME OPTIONS...: the cube and its PSF on one rank and thread, then the same bytes from every other split.
repeats() {
    name=$1
    shift
    OMP_NUM_THREADS=1 image 1 "$name" "$input" "$@"
    for ranks in 1 2 3 4 7; do
        for threads in 1 2; do
            [ "$ranks$threads" = 11 ] && continue
            again "$name" "$ranks" "$threads" "$@"
        done
    done
}

# again NAME RANKS THREADS OPTIONS...: the same bytes as NAME.
again() {
    name=$1 ranks=$2 threads=$3
    shift 3
    OMP_NUM_THREADS=$threads image "$ranks" again "$input" "$@"
    same "$name.hdf5" again.hdf5
    same "$name.psf.hdf5" again.psf.hdf5
    rm again.hdf5 again.psf.hdf5
}

repeats cube --stokes corr
again cube 1 2 --stokes corr --chunks 1
again cube 2 2 --stokes corr --chunks 3
again cube 3 1 --stokes corr --chunks 14
repeats mfs --mode mfs --stokes IV --support 12
repeats briggs --weighting briggs --robust 0 --density all --bin 2 --stokes I
repeats double --precision double --support 31 --lookup nearest --psf

input=$input,hours=9,width=20kHz
repeats frame --frame lsrk --stokes corr
again frame 2 1 --frame lsrk --stokes corr --chunks 3

# Fields in turn, each with its own centre.
input=sim:aca-9eb,times=20,channels=5,imsize=96,cell=3arcsec,flagged=0.1,flagged_channels=0.2
for run in "mosaic --stokes corr" "continuum --mode mfs --weighting briggs --stokes I"; do
    name=${run%% *}
    # shellcheck disable=SC2086 # words
    OMP_NUM_THREADS=1 image 1 "$name" "$input" --gridder mosaic ${run#* }
    for split in "1 2" "2 2" "3 1"; do
        # shellcheck disable=SC2086 # words
        again "$name" $split --gridder mosaic ${run#* }
        same "$name.weight.hdf5" again.weight.hdf5
        rm again.pb.hdf5 again.weight.hdf5
    done
done

# Half of the sky, in several slabs of w.
input=sim:point,times=3,baselines=45,channels=7,imsize=128,cell=0.5deg,freq=10MHz,width=10kHz,sources=4,noise=0.5,flagged=0.1
repeats slabs --stokes corr --no-check
grep -Eq 'in [2-9][0-9]* slabs of w' slabs.log || fail "one slab of w: $(grep 'w phase' slabs.log)"
repeats slabs_mfs --mode mfs --stokes I

# Plans of one precision stay what they are when the other one images the same shape.
rm -r cache
input=sim:point,times=1,baselines=3,channels=1,imsize=64
image 1 single "$input"
plans=$(ls cache/imgbench)
cp "cache/imgbench/$plans" plans
image 1 other "$input" --precision double
cmp plans "cache/imgbench/$plans" || fail "double precision replaced the plans of single precision"
OMP_NUM_THREADS=1 again single 1 1

# One row, one channel: nothing to share.
input=sim:point,times=1,baselines=1,channels=1,imsize=32
OMP_NUM_THREADS=1 image 1 one "$input"
again one 1 2
