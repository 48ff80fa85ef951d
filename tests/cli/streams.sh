#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Closed streams: messages must not end up in a file that took the number of one, and a result that cannot be told is
# an error.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
small=sim:point,times=2,baselines=20,channels=3,imsize=32
run() {
    "$IMGBENCH" "$small" --record "" --output "$@"
}
run whole.hdf5 >/dev/null 2>&1
rc=0
run out.hdf5 >&- 2>err.txt || rc=$?
[ "$rc" = 74 ] && grep -q '^imgbench: write to standard output: ' err.txt || fail "without stdout: $rc, $(cat err.txt)"
run err.hdf5 >out.txt 2>&- || fail "without stderr: $?"
grep -q '^RESULT' out.txt || fail "$(cat out.txt)"
rc=0
run none.hdf5 <&- >&- 2>&- || rc=$?
[ "$rc" = 74 ] || fail "without any stream: $rc"
for name in out err none; do
    same "$name.hdf5" whole.hdf5
    same "$name.psf.hdf5" whole.psf.hdf5
done
if [ -w /dev/full ]; then
    rc=0
    run full.hdf5 >/dev/full 2>err.txt || rc=$?
    [ "$rc" = 74 ] || fail "on a full standard output: $rc, $(cat err.txt)"
fi
