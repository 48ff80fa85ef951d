#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# casacore dies on a sub-table whose storage was cut in half. The launch ends as with any bad input all the same: one
# sentence, its code, a record that says failed.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
"$PYTHON" "$IMGBENCH_SOURCE/tests/make_ms.py" cut.ms mixed >/dev/null
storage=cut.ms/OBSERVATION/table.f0
size=$(stat -c %s "$storage")
truncate -s $((size / 2)) "$storage"
for ranks in 1 2; do
    rc=0
    on "$ranks" cut.ms --spw 0 --cell 20arcsec --imsize 32 --output a.hdf5 >out.txt 2>err.txt || rc=$?
    [ "$rc" = 65 ] && [ "$(grep -c '^imgbench: ' err.txt)" = 1 ] || fail "$ranks ranks: $rc, $(cat err.txt)"
    grep -q 'open cut.ms' err.txt || fail "$(cat err.txt)"
    record=$(find results -name '*.jsonl')
    tail -n 1 "$record" | grep -q '"status":"failed","exit_code":65' || fail "$(cat "$record")"
    [ -z "$(find . -name '*.part*' -o -name 'a.*hdf5')" ] || fail "left behind: $(find .)"
    rm -r results
done
