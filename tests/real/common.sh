# SPDX-License-Identifier: BSD-3-Clause
# Sourced by the tests of real observations: unpack a data set, image it as its description says, compare.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
: "${IMGBENCH_DATA:=$IMGBENCH_SOURCE/../shared/data}"
export IMGBENCH_DATA

# unpack DATASET: its MeasurementSet in the scratch folder; $ms is its name.
unpack() {
    dataset=$1
    [ -d "$IMGBENCH_DATA/$dataset" ] || skip "no $dataset in $IMGBENCH_DATA (IMGBENCH_DATA says where the observations are)"
    tar xzf "$IMGBENCH_DATA/$dataset"/*.tar.gz
    ms=$(ls)
}

# dirty RANKS NAME ARGUMENTS...: NAME.hdf5, NAME.psf.hdf5 and NAME.json with the conventions of the references and a
# gridder that is better than the comparison, in double precision; and NAME-single likewise.
double="--precision double --support 16 --padding 1.5 --oversampling 5000"
dirty() {
    # shellcheck disable=SC2086 # words
    one "$@" $double
    n=$1 name=$2
    shift 2
    one "$n" "$name-single" "$@" --precision single --support 8 --padding 2 --oversampling 1000
}

# one RANKS NAME ARGUMENTS...: one of them.
one() {
    n=$1 name=$2
    shift 2
    on "$n" "$ms" --output "$name.hdf5" --record "" --quiet --format json --stokes I --stokes-weight min \
        --weighting natural --wterm stack "$@" >"$name.json" 2>"$name.err" ||
        fail "imgbench $ms $* ended with $?: $(cat "$name.err")"
}

# compare NAME ROW SELECTION...: see compare.py.
bad=0
compare() {
    "$PYTHON" "$IMGBENCH_SOURCE/tests/real/compare.py" "$dataset" "$ms" "$@" || bad=1
}
