#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 300
# imgbench convert: what is imaged from its file is what is imaged from the input, byte for byte, from every format; the file
# has the same bytes by any number of ranks and any memory; averages are those of a plain sum in numpy.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"

# converted N NAME INPUT OPTIONS...: NAME.h5 by N ranks, the same bytes by one.
converted() {
    by=$1 made=$2 input=$3
    shift 3
    "$IMGBENCH" convert "$input" "$made.h5" --overwrite --quiet "$@" >made.log 2>&1 || fail "convert $input: $(cat made.log)"
    on "$by" convert "$input" again.h5 --overwrite --quiet "$@" >made.log 2>&1 || fail "convert $input: $(cat made.log)"
    same "$made.h5" again.h5
    rm again.h5
}

# alike NAME...: NAME-direct.hdf5 and NAME.hdf5 have the same pixels, in the same place and frame.
alike() {
    "$PYTHON" - "$@" <<'P' || fail "images differ"
import h5py, sys
for name in sys.argv[1:]:
    a, b = h5py.File(name + "-direct.hdf5")["0"], h5py.File(name + ".hdf5")["0"]
    assert a["DATA"].size and a["DATA"][()].tobytes() == b["DATA"][()].tobytes(), name + ": pixels"
    for key in ("CRVAL1", "CRVAL2", "CRVAL3", "CDELT3", "RADESYS", "SPECSYS", "TELESCOP", "OBJECT", "DATE-OBS", "RESTFRQ"):
        assert a.attrs.get(key) == b.attrs.get(key), (name, key, a.attrs.get(key), b.attrs.get(key))
    print("ok", name, a["DATA"].shape)
P
}

# both NAME INPUT OPTIONS...: images of the input and of NAME.h5 are alike.
both() {
    what=$1 from=$2
    shift 2
    image 1 "$what-direct" "$from" --overwrite "$@"
    image 1 "$what" "$what.h5" --overwrite "$@"
    alike "$what"
}
small="--cell 20arcsec --imsize 64 --no-psf --no-check"

# MeasurementSets: two shapes of rows in two windows, weights per row, fields of several centres; UVFITS: IFs and setups.
for variant in mixed sigma fields; do
    "$PYTHON" "$IMGBENCH_SOURCE/tests/make_ms.py" $variant.ms $variant
    converted 3 $variant $variant.ms
done
# shellcheck disable=SC2086 # $small is words
{
    both mixed mixed.ms --stokes corr --spw 0 $small
    both mixed mixed.ms --stokes IV --spw 1 $small
    both sigma sigma.ms $small
    both fields fields.ms --field 0,1 --gridder mosaic --dish 25 --phasecenter 0 --mode mfs --imsize 64 --cell 20arcsec --no-psf --no-check
}
for variant in setups badweights b1950; do
    "$PYTHON" "$IMGBENCH_SOURCE/tests/make_uvfits.py" $variant.uvfits $variant
    converted 2 $variant $variant.uvfits
    # shellcheck disable=SC2086
    both $variant $variant.uvfits $small
done

# A mosaic with two kinds of dishes, and its frame.
sim=sim:hetero,times=10,channels=6,imsize=48,cell=4arcsec,flagged=0.1
on 2 simulate "$sim" hetero.h5 --quiet
converted 3 hetero2 hetero.h5
same hetero.h5 hetero2.h5
image 1 hetero-direct hetero.h5 --gridder mosaic --frame lsrk --no-check
image 1 hetero hetero2.h5 --gridder mosaic --frame lsrk --no-check
alike hetero

# Selections, by name and number.
converted 3 some setups.uvfits --spw FQ4-IF* --channels 0-1
image 1 some-direct setups.uvfits --spw FQ4-IF* --channels 0-1 $small
image 1 some some.h5 $small
alike some

# Times: the rows of two periods, and of a field that has none left; of rows one behind the other, and of rows that are not.
cat >periods.py <<'P'
import datetime, h5py, numpy, sys
f = h5py.File(sys.argv[1])
windows = [k for k in f if k.startswith("spw")]
times = numpy.unique(numpy.concatenate([f[w]["time"][:] for w in windows]))
n = len(times)
text = lambda t, u: (datetime.datetime(1858, 11, 17) + datetime.timedelta(seconds=(t + u) / 2)).isoformat()
periods = ((times[0] - 2, times[0], times[n // 3], times[n // 3 + 1]), (times[-2], times[-1], times[-1], times[-1] + 9))
if len(sys.argv) == 2:
    print(",".join(text(a, b) + "~" + text(c, d) for a, b, c, d in periods))
    sys.exit()
o = h5py.File(sys.argv[2])
for w in windows:
    time = f[w]["time"][:]
    on = ((time > times[0] - 1) & (time <= times[n // 3])) | (time == times[-1])
    assert on.any() and not on.all()
    for key in f[w]:
        a, b = f[w][key][()], o[w][key][()]
        if key == "field":  # numbered anew
            a, b = f["fields"]["name"][a], o["fields"]["name"][b]
        if key in ("uvw", "antenna", "field", "time") or key == "weight" and a.ndim == 2:
            a = a[on]
        elif a.ndim == 3:
            a = a[:, on]
        assert a.tobytes() == b.tobytes(), (w, key)
    print("ok", sys.argv[2], w, on.sum(), "of", len(on), "rows")
P
# chosen NAME INPUT: of NAME.h5, all that INPUT holds, the rows of periods.
chosen() {
    periods=$("$PYTHON" periods.py "$1.h5")
    converted 2 "$1-times" "$2" --times "$periods" --memory 96MiB
    "$PYTHON" periods.py "$1.h5" "$1-times.h5" || fail "$periods of $2"
}
chosen mixed mixed.ms
# shellcheck disable=SC2086
{
    image 1 times mixed-times.h5 --spw 0 --stokes corr $small
    image 3 times-direct mixed.ms --times "$periods" --read corner --spw 0 --stokes corr $small
}
alike times
chosen setups setups.uvfits
chosen hetero hetero.h5

# Averages. 3 fields in turn, noise, flags; rows in the order of time, of baselines, and in none.
sim=sim:aca-9eb,times=16,channels=11,imsize=48,cell=3arcsec,noise=0.3,flagged=0.2,flagged_rows=0.1,nan=yes
on 2 simulate "$sim" time.h5 --quiet
"$PYTHON" - <<'P'
import h5py, numpy, shutil
for name in ("baseline", "mess"):
    shutil.copy("time.h5", name + ".h5")
    with h5py.File(name + ".h5", "r+") as f:
        g = f["spw0"]
        pair = g["antenna"][:] @ [1000, 1]
        order = numpy.argsort(pair, kind="stable") if name == "baseline" else numpy.random.default_rng(1).permutation(len(pair))
        for key in ("uvw", "antenna", "field", "time"):
            g[key][...] = g[key][:][order]
        for key in ("visibility", "flag", "weight"):
            g[key][...] = g[key][:][order] if g[key].ndim == 2 else g[key][:][:, order]
P
cat >average.py <<'P'
import h5py, numpy, sys
step, length = int(sys.argv[2]), float(sys.argv[3])
a, b = h5py.File(sys.argv[1] + ".h5"), h5py.File(sys.argv[1] + "-average.h5")
g, o = a["spw0"], b["spw0"]
vis, flag = g["visibility"][:].astype("c16"), g["flag"][:] != 0
weight = numpy.broadcast_to(g["weight"][:].astype("f8"), vis.shape).copy()
weight[flag | ~numpy.isfinite(vis)] = 0
vis[weight == 0] = 0
time, uvw, start = g["time"][:], g["uvw"][:], []
for t in numpy.unique(time):
    if not start or length == 0 or t - start[-1] > 0.999 * length:
        start.append(t)
interval = numpy.searchsorted(start, time, "right")
key = numpy.column_stack([g["field"][:], g["antenna"][:], interval])
if length == 0:
    key = numpy.arange(len(time))[:, None]
first = {}
for row, k in enumerate(map(tuple, key)):
    first.setdefault(k, []).append(row)
rows = list(first.values())
assert len(rows) == o["uvw"].shape[0], (len(rows), o["uvw"].shape)
groups = [slice(k, k + step) for k in range(0, vis.shape[0], step)]
assert numpy.allclose(o["frequency"][:], [g["frequency"][:][s].mean() for s in groups], rtol=1e-15)
assert numpy.allclose(o["channel_width"][:], [g["channel_width"][:][s].sum() for s in groups], rtol=1e-15)
worst = 0.0
o = {key: o[key][:] for key in o}
field, antenna = g["field"][:], g["antenna"][:]
for i, r in enumerate(rows):
    w_row = weight[:, r].sum((0, 2))
    place = numpy.average(uvw[r], axis=0, weights=w_row) if w_row.sum() else uvw[r].mean(0)
    when = numpy.average(time[r] - time[0], weights=w_row) if w_row.sum() else (time[r] - time[0]).mean()
    assert numpy.allclose(o["uvw"][i], place, rtol=0, atol=1e-9) and abs(o["time"][i] - time[0] - when) < 2e-6
    assert (o["antenna"][i] == antenna[r[0]]).all() and o["field"][i] == field[r[0]]
    for k, s in enumerate(groups):
        w = weight[s][:, r].sum((0, 1))
        v = (weight[s][:, r] * vis[s][:, r]).sum((0, 1)) / numpy.where(w > 0, w, 1)
        assert ((o["flag"][k, i] != 0) == (w == 0)).all()
        assert numpy.allclose(o["weight"][k, i], w, rtol=1e-7)      # rounded once: 6e-8
        worst = max(worst, abs(o["visibility"][k, i] - v).max() / max(1, abs(v).max()))
assert worst < 1.5e-7, worst  # re and im rounded once, 6e-8 each
print("ok", sys.argv, o["visibility"].shape, "from", vis.shape, "worst", worst)
P
chosen baseline baseline.h5
refused 2 'times: "2021-02-30~" is no period' baseline.h5 --times 2021-02-30~
refused 2 'has no row then; .* is from 2021-01-01T' baseline.h5 --times 2020-01-01~2020-12-31
for how in "time 4 0" "time 1 100" "baseline 1 45" "mess 3 100"; do
    # shellcheck disable=SC2086
    set -- $how
    converted 3 "$1-average" "$1.h5" --average-channels "$2" --average-time "$3" --memory 96MiB
    "$PYTHON" average.py "$@" || fail "averages of $how"
done
# With other memory, of rows in no order, whose averages are all open at once: the same.
mv mess-average.h5 mess-much.h5
on 2 convert mess.h5 mess-average.h5 --average-channels 3 --average-time 100 --quiet
same mess-much.h5 mess-average.h5
