#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The include law (docs/adr/0001): a file includes its own floor and those below it; io and gridder never meet; MPI,
# OpenMP and the libraries stay where the table says.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
cd "$IMGBENCH_SOURCE/src"
broken=0

# floor FILES -- FLOORS: the files may include headers of these floors only.
floor() {
    name=$1 allowed=$2
    shift 2
    for file in "$@"; do
        [ -f "$file" ] || continue
        seen=1
        for header in $(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$file"); do
            echo "$header" | grep -Eq "^($allowed)" ||
                { echo "src/$file (floor $name) includes \"$header\""; broken=1; }
        done
    done
    [ "$seen" ] || fail "floor $name has no file: is the table out of date?"
    seen=
}
seen=
floor base 'imgbench(_trace)?\.h$|base/|options\.def$' base/*.[ch]
floor model 'imgbench\.h$|base/|model/' model/*.[ch]
floor kernel 'kernel\.h$|simd\.h$|gridder/kernel/' gridder/kernel/*.[ch]
floor gridder 'imgbench\.h$|base/|model/|gridder/' gridder/*.[ch]
floor io 'imgbench\.h$|base/|model/|io/' io/*.[ch] io/*.cc
floor run 'imgbench\.h$|base/|model/|gridder/|io/(corner|io|file|journal|writer)\.h$|(convert|reading|run|resume|schedule|timeline)\.h$' convert.[ch] outputs.c prepare.c reading.[ch] resume.[ch] run.[ch] schedule.[ch] timeline.[ch] work.c
floor bench 'imgbench\.h$|base/|model/|bench/|io/io\.h$|gridder/(limits|measure|plan)\.h$' bench/*.[ch]

# only PATTERN WHERE: what matches may appear in files that match WHERE, nowhere else.
only() {
    pattern=$1 where=$2
    found=$(grep -rlE "$pattern" --include='*.[ch]' --include='*.cc' . | sed 's,^\./,,' | grep -Ev "^($where)$" || :)
    [ -z "$found" ] || { echo "'$pattern' is not for:" $found; broken=1; }
}
only '^ *# *include *<omp\.h>|^ *# *pragma +omp' 'watch_teams\.c|gridder/[a-z_]*\.[ch]|run\.c|main\.c|base/(machine|trace)\.c'
only '\<MPI_[A-Z][a-z]' 'base/(comm|watch)\.[ch]|io/corner\.[ch]|timeline\.[ch]|watch_mpi\.c|(outputs|prepare|work)\.c|(convert|reading|resume|run|schedule)\.[ch]|main\.c'
only '^ *# *include *<fftw3\.h>' 'gridder/[a-z_]*\.[ch]'
only '^ *# *include *<(hdf5|fitsio)\.h>' 'io/[a-z0-9_]*\.[ch]'
only '^ *# *include *<casacore/' 'io/[a-z_]*\.cc'
only '^ *# *include *<erfam?\.h>' 'model/frame\.c'
only '^ *# *include *<jansson\.h>' 'bench/[a-z_]*\.[ch]'
only '^ *# *include *<sqlite3\.h>' 'bench/history[a-z_]*\.[ch]'
only '^ *# *include *<gsl/' 'bench/[a-z_]*\.c'
only '\<(exit|abort) *\(' 'main\.c'

# Leaf loops: no libraries at all beyond sizes and types; one broadcast has no vector extension.
grep -nE '^ *# *include *<' gridder/kernel/*.[ch] | grep -vE '<(stddef|stdint|stdbool|string)\.h>|tile\.c:.*<immintrin\.h>' &&
    { echo "leaf loops include more than sizes and types"; broken=1; }
exit $broken
