#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The history is a cache of the records: whatever happens to the database, the launches are there; a record is never
# touched, and one that cannot be read is named, not dropped in silence.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
make_records() { "$PYTHON" "$IMGBENCH_SOURCE/tests/make_records.py" "$@"; }
history() { "$IMGBENCH" "$@" --record results; }
# launches N WHAT: ls shows that many.
launches() {
    got=$(history ls --format json --limit 0 | grep -c '"run_id"' || :)
    [ "$got" = "$1" ] || fail "$2: $got launches, not $1: $(history db check)"
}
rc=0
history ls 2>err.txt || rc=$?
[ "$rc" = 7 ] && grep -q 'no history: folder results' err.txt || fail "no folder: $rc $(cat err.txt)"

# A launch of the program itself, and some that never were.
export IMGBENCH_MACHINE=quiet
"$IMGBENCH" sim:chiles,time=0.002,channel=0.0002,image=0.1 --output a.hdf5 --tag mine --quiet >run.txt 2>err.txt ||
    fail "$(cat err.txt)"
real=$(sed -n 's/^record  *//p' run.txt)
history show last >show.txt
grep -q "^record: $real" show.txt && grep -q 'worth: valid' show.txt && grep -q '^grid ' show.txt || fail "$(cat show.txt)"
history ls mine 'grid>0' support=7 | grep -q 'time=0.002' || fail "ls of a tag"
make_records results >names.txt <<'J'
{"T": 100, "commit": "1111111111111111111111111111111111111111", "params": {"support": "51"}}
{"T": 101, "commit": "1111111111111111111111111111111111111111", "error": 1}
{"T": 102, "commit": "2222222222222222222222222222222222222222", "dirty": true}
{"stop": "run", "commit": "2222222222222222222222222222222222222222", "dirty": true}
{"T": 104, "commit": "3333333333333333333333333333333333333333", "describe": "v1.0", "ranks": 4}
J
launches 6 "as recorded"
find results -name '*.jsonl*' | sort | xargs cksum >before.txt

# Terms.
# found N TERMS...
found() {
    n=$1
    shift
    rc=0
    history ls --format json "$@" >found.json 2>err.txt || rc=$?
    [ "$rc" = 0 ] || [ "$rc$n" = 70 ] || fail "ls $* ended with $rc: $(cat err.txt)"
    [ "$(grep -c '"run_id"' found.json || :)" = "$n" ] || fail "ls $*: not $n: $(cat found.json)"
}
found 1 support=51
found 2 111111
found 1 111111,support=51
found 0 222222
found 2 222222-dirty
found 1 v1.0
found 1 'ranks>1'
found 2 'T>101' status=ok
found 5 'day<2026-01-02'
found 0 'day<2026-01-01'
found 1 last
found 1 "$(sed -n 1p names.txt)"
found 1 --allow provisional 'validity!=invalid' v1.0
found 0 1.0
rc=0
history ls suport=51 2>err.txt || rc=$?
[ "$rc" = 2 ] && grep -q 'did you mean "support"' err.txt || fail "$rc $(cat err.txt)"

rc=0
history ls 'T>fast' 2>err.txt || rc=$?
[ "$rc" = 2 ] && grep -q 'T is compared with a number' err.txt || fail "$rc $(cat err.txt)"

# Wrong images, and launches that were killed, have no worth.
history show "$(sed -n 2p names.txt)" | grep -q '^worth: invalid' || fail "a wrong image"
history show "$(sed -n 4p names.txt)" | grep -q '^status: lost' || fail "a launch without an end"
found 0 111111 'T>101' --allow valid

# The database: missing, empty, not one, cut, damaged inside, of WAL mode.
rm results/imgbench.db
launches 6 "no database"
: >results/imgbench.db
launches 6 "an empty file"
echo nonsense >results/imgbench.db
history db check >check.txt || fail "a file that is no database"
grep -q 'damaged.*made anew' check.txt || fail "nothing said: $(cat check.txt)"
launches 6 "a file that is no database"
head -c 5000 results/imgbench.db >cut && mv cut results/imgbench.db
launches 6 "a database that was cut"
"$PYTHON" - <<'P'
data = bytearray(open("results/imgbench.db", "rb").read())
for i in range(4096, len(data), 97):
    data[i] ^= 0xFF
open("results/imgbench.db", "wb").write(data)
P
launches 6 "a database with spoiled pages"
"$PYTHON" -c 'import sqlite3; d = sqlite3.connect("results/imgbench.db"); d.execute("DROP TABLE metric"); d.commit()'
launches 6 "a database without a table"
"$PYTHON" -c 'import sqlite3; d = sqlite3.connect("results/imgbench.db"); d.execute("PRAGMA user_version = 1"); d.commit()'
launches 6 "a database whose tables are not those of its version"
"$PYTHON" -c 'import sqlite3; sqlite3.connect("results/imgbench.db").execute("PRAGMA journal_mode=WAL").fetchall()'
launches 6 "a database in WAL mode"

# Locked by another program: it is not asked.
"$PYTHON" - "$IMGBENCH" <<'P'
import sqlite3, subprocess, sys
d = sqlite3.connect("results/imgbench.db", isolation_level=None)
d.execute("BEGIN EXCLUSIVE")
subprocess.run([sys.argv[1], "ls"], check=True, stdout=subprocess.DEVNULL, timeout=30)
P

# A folder that cannot be written (root can: a folder in place of the database stops it, too).
rm results/imgbench.db
mkdir results/imgbench.db
launches 6 "a database that cannot be written"
history db check | grep -q 'only in memory' || fail "nothing said of it"
rmdir results/imgbench.db
launches 6 "again"

# Of a later version: refused, and made anew where that is asked for.
"$PYTHON" -c 'import sqlite3; d = sqlite3.connect("results/imgbench.db"); d.execute("PRAGMA user_version = 99"); d.commit()'
rc=0
history ls >out.txt 2>err.txt || rc=$?
[ "$rc" = 9 ] && grep -q 'later imgbench' err.txt || fail "a later database: $rc $(cat err.txt)"
history db rebuild >/dev/null
launches 6 "rebuilt"

# Of every earlier version: migrated, and whole.
for version in 4 3 2 1; do
    "$PYTHON" - $version <<'P'
import sqlite3, sys
version = int(sys.argv[1])
undo = {5: "DROP INDEX run_campaign; " + "".join(f"ALTER TABLE run DROP COLUMN {c}; " for c in ("campaign", "point", "launch", "weak", "wall_s")),
        4: "DROP TABLE note; ", 3: "", 2: "DROP TABLE verdict; "}
d = sqlite3.connect("results/imgbench.db")
for v in range(d.execute("PRAGMA user_version").fetchone()[0], version, -1):
    d.executescript(f"{undo[v]}DELETE FROM migration WHERE version = {v}; PRAGMA user_version = {v - 1}")
P
    launches 6 "a database of version $version"
    history db check | grep -q 'tables of version 5' || fail "not migrated from $version: $(history db check)"
done
"$PYTHON" -c '
import sqlite3
d = sqlite3.connect("results/imgbench.db")
assert [r[0] for r in d.execute("SELECT version FROM migration ORDER BY 1")] == [1, 2, 3, 4, 5]
assert d.execute("SELECT count(*) FROM verdict").fetchone() == (0,)
assert d.execute("SELECT count(*) FROM metric WHERE name = \"T_s\" AND rep = -1").fetchone()[0] >= 3'

# Two at once, and one that is killed.
history db rebuild >/dev/null & history db rebuild >/dev/null & wait
launches 6 "two at once"
for delay in 0.001 0.003 0.01; do
    timeout -s KILL "$delay" "$IMGBENCH" db rebuild >/dev/null 2>&1 || :
    launches 6 "killed after $delay s"
done

touch -d '2 hours ago' results/imgbench.db.1.part
touch results/imgbench.db.2.part
history db rebuild >/dev/null
[ ! -e results/imgbench.db.1.part ] && [ -e results/imgbench.db.2.part ] || fail "what a killed one left: $(ls results)"
rm results/imgbench.db.2.part

# Records: copies count once, concatenated ones as one each, one that is gone is forgotten, one that changed is read.
mkdir results/copies
cat results/quiet/*/*.jsonl >results/copies/all.jsonl
launches 6 "records and their concatenation"
mv results/quiet/2026-01 away
launches 5 "the concatenation alone, without the launch that has no end"
mv away results/quiet/2026-01
rm -r results/copies
launches 6 "without the concatenation"
find results -name '*.jsonl*' | sort | xargs cksum | cmp - before.txt || fail "a record was touched"

# What cannot be read is named; what stands before it counts.
one=$(find results -name "$(sed -n 5p names.txt).jsonl")
sed -i 's/"T_s": 104/"T_s": 4/' "$one"
history show v1.0 | grep -q 'invalid (the record was changed' || fail "a record that was edited: $(history show v1.0)"
printf '{"v": 1, "t": "run", "v": 1}\n' >results/quiet/twice.jsonl
rc=0
history db check >check.txt 2>err.txt || rc=$?
[ "$rc" = 65 ] && grep -q 'quiet/twice.jsonl.*duplicate' check.txt || fail "duplicate keys: $rc $(cat check.txt)"
history ls 2>&1 >/dev/null | grep -q '1 of 7 records' || fail "no warning"
printf '{"v": 2, "t": "run"}\n' >results/quiet/twice.jsonl
rc=0
history db check >check.txt 2>err.txt || rc=$?
[ "$rc" = 9 ] && grep -q 'newer.*later version' check.txt || fail "a later record: $rc $(cat check.txt)"
rm results/quiet/twice.jsonl
launches 6 "at the end"
! find results -name '*.part' | grep -q 'imgbench.db' || fail "left behind: $(ls results)"

# A pipe is neither a record nor a database: nobody waits for its end.
rm results/imgbench.db
mkfifo results/imgbench.db results/quiet/pipe.jsonl results/quiet/pipe.jsonl.part
timeout 20 "$IMGBENCH" ls >/dev/null || fail "pipes: $?"
rm results/quiet/pipe.jsonl*

# Texts of records act neither on a terminal nor as Markdown.
make_records foreign >/dev/null <<'J'
{"tag": "\u001b[31m\u0085a|b\n# c<script>", "input": "sim:\u001b]0;title\u0007<b>\u202e|\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"}
J
for form in table md; do
    for command in ls show trend gate; do
        "$IMGBENCH" $command --record foreign --format $form >"foreign.$command.$form" || [ $command = gate ]
    done
done
"$IMGBENCH" report --record foreign --format md -o foreign.report.md >/dev/null
"$PYTHON" - foreign.*.table foreign.*.md <<'P'
import re, sys
for name in sys.argv[1:]:
    text = open(name, encoding="utf-8", newline="").read()
    assert "sim:" in text, name
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), (name, text)
    assert not (name.endswith(".md") and re.search("<b>|<script>", text)), (name, text)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, (name, table)
P

for word in "$(printf 'tag=\033[31mred\033]0;x\007')" "$(printf '\302\2331m')"; do
    ! "$IMGBENCH" ls --record foreign "$word" >/dev/null 2>err.txt || fail "a launch of that name"
    ! LC_ALL=C grep -q "[$(printf '\001-\011\013-\037\177-\237')]" err.txt || fail "a sentence acts on the terminal: $(cat -v err.txt)"
done

# Numbers that no launch has: the others can be asked nevertheless, and a time that is none counts nowhere.
make_records odd >odd.txt <<'J'
{"T": 100}
{"T": 100, "launch": 1e300}
{"T": -1}
J
"$IMGBENCH" ls --record odd --format json >odd.json 2>err.txt || fail "odd numbers: $(cat err.txt)"
[ "$(grep -c '"run_id"' odd.json)" = 3 ] || fail "odd numbers: $(cat odd.json)"
"$IMGBENCH" show --record odd last >show.txt
grep -q '^worth: invalid (a repetition has no time above 0' show.txt || fail "a time below 0 counts: $(cat show.txt)"

# A launch that runs is told from one that was lost.
"$IMGBENCH" sim:chiles,time=0.2,channel=0.2 --output b.hdf5 --quiet >/dev/null 2>&1 &
job=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    find results -newer check.txt -name '*.part' | grep -q . && break
    sleep 0.1
done
history show last >show.txt
kill -9 "$job" && wait "$job" || :
grep -q '^status: running' show.txt || fail "a launch that runs: $(cat show.txt)"
history show last | grep -q '^status: lost' || fail "a launch that was killed: $(history show last)"
