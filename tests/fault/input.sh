#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Inputs that are not there, cannot be read, or are something else.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"

refused 65 'nosuch\.ms' nosuch.ms
refused 65 'a/b' a/b
mkdir folder
refused 65 'folder' folder
: >empty
refused 65 'empty' empty
echo "not visibilities" >text
refused 65 'text' text
head -c 100000 /dev/urandom >noise.hdf5
refused 65 'noise' noise.hdf5
ln -s loop loop # unreadable for root too
refused 74 'loop' loop
if [ "$(id -u)" != 0 ]; then
    : >secret
    chmod 000 secret
    refused 74 'secret' secret
fi
: >table.dat && mkdir not.ms && mv table.dat not.ms/
refused 65 'not\.ms' not.ms
refused 65 'sim:|chiles' sim
