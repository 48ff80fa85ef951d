#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Outputs that cannot be written, or must not be.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
sim=sim:point,times=1,baselines=6,channels=4,imsize=64

refused 74 'no/such' --output no/such/cube.hdf5 $sim
refused 74 'file' --output file/cube.hdf5 $sim # while there is no such folder ...
: >file
refused 74 'file' --output file/cube.hdf5 $sim # ... and when it is a file
refused 74 '/proc' --output /proc/cube.hdf5 $sim
mkdir folder.hdf5
refused 2 'folder\.hdf5.*overwrite' --output folder.hdf5 $sim
refused 2 'folder\.hdf5' --output folder.hdf5 --overwrite $sim
if [ "$(id -u)" != 0 ]; then
    mkdir closed
    chmod 555 closed
    refused 74 'closed' --output closed/cube.hdf5 $sim
fi

# An output that exists stays as it is, unless --overwrite is given; a PSF in the way counts too.
echo precious >cube.hdf5
refused 2 'cube\.hdf5.*overwrite' --output cube.hdf5 $sim
[ "$(cat cube.hdf5)" = precious ] || fail "cube.hdf5 was touched"
mv cube.hdf5 cube.psf.hdf5
refused 2 'cube\.psf\.hdf5.*overwrite' --output cube.hdf5 $sim
[ "$(cat cube.psf.hdf5)" = precious ] || fail "cube.psf.hdf5 was touched"
image 2 cube $sim --overwrite
[ "$(head -c 4 cube.psf.hdf5 | tail -c 3)" = HDF ] || fail "cube.psf.hdf5 was not replaced"
rm cube.hdf5 cube.psf.hdf5

# What a killed process left under a name that nobody else has goes with the next start.
: >.cube.hdf5.partial.aB3xYz
: >.cube.hdf5.partial.notes
image 1 cube $sim
[ ! -e .cube.hdf5.partial.aB3xYz ] && [ -e .cube.hdf5.partial.notes ] || fail "temporary files: $(ls -A)"
rm cube.hdf5 cube.psf.hdf5

# Contradictions, and a time that is over before the start.
refused 2 'resume.*overwrite' --resume --overwrite --output cube.hdf5 $sim
export SLURM_JOB_END_TIME=1000000000
refused 2 'SLURM_JOB_END_TIME is 1000000000' --output cube.hdf5 $sim
unset SLURM_JOB_END_TIME

# A file system that takes no more (here: a limit on the size of files, whose signal is ignored).
export FILE_LIMIT=32768 # blocks of 512 bytes: 16 MiB, of which Open MPI's own files need some
refused 74 'full\.hdf5' --output full.hdf5 sim:point,times=1,baselines=6,channels=40,imsize=512
unset FILE_LIMIT

# A record that cannot be written does not undo an image.
echo in the way >results
on 2 $sim --output kept.hdf5 --quiet >kept.out 2>kept.err || fail "an image was given up for want of a record: $(cat kept.err)"
[ -s kept.hdf5 ] || fail "no cube for want of a record: $(cat kept.err)"
grep -q '^imgbench: .*results' kept.err || fail "nothing was said of the record: $(cat kept.err)"
