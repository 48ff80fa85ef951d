#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Everything the program tells about itself comes from one table and fits the terminal; nothing needs MPI.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
unset COLUMNS
"$IMGBENCH" --help >help.txt
"$IMGBENCH" help man >imgbench.1
"$IMGBENCH" help markdown >options.md
"$IMGBENCH" help completion >completion.bash
keys=$(sed -n 's/^IB_OPT("[a-z]*", *"\([a-z-]*\)".*/\1/p' "$IMGBENCH_SOURCE/src/options.def")
[ "$(echo "$keys" | wc -l)" -gt 20 ] || fail "the table of options was not understood"
for key in $keys; do
    grep -Eq -e "^  --(\[no-\])?$key( |\$)" help.txt || fail "--help lacks $key"
    grep -q "^| \`--\(\[no-\]\)\?$key[ \`]" options.md || fail "the Markdown lacks $key"
    grep -q -e "--$key" completion.bash || fail "the completion lacks $key"
    "$IMGBENCH" help "$key" | grep -q -e "$key" || fail "help $key says nothing"
    roff=$(echo "$key" | sed 's/-/\\\\-/g')
    grep -q "$roff" imgbench.1 || fail "the man page lacks $key"
done
for topic in selection simulation records environment exit-codes inputs run convert simulate view bench calibrate sweep scaling project ls show compare trend gate ab db help weighting; do
    [ -n "$("$IMGBENCH" help "$topic")" ] || fail "help $topic says nothing"
done
[ "$(wc -L <help.txt)" -le 80 ] || fail "--help is wider than 80 columns"
COLUMNS=100 "$IMGBENCH" --help | wc -L | grep -qx '9[0-9]\|100' || fail "--help does not use a terminal of 100 columns"
bash -n completion.bash
if command -v groff >/dev/null; then
    complaints=$(groff -ww -man -Tutf8 imgbench.1 2>&1 >/dev/null)
    [ -z "$complaints" ] || fail "man page: $complaints"
fi

rc=0
"$IMGBENCH" help recods >out.txt 2>err.txt || rc=$?
[ "$rc" = 2 ] && [ ! -s out.txt ] || fail "a wrong topic ended with $rc"
grep -q 'did you mean "records"' err.txt || fail "$(cat err.txt)"

# On several ranks one of them speaks.
[ "$(on 2 --help | grep -c '^usage')" = 1 ] || fail "two ranks told their help"
