#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""imgbench beside other imagers on the same data: compare.py FOLDER [--imgbench PROGRAM] [--threads 1,2] ...

FOLDER is what make_ms.py wrote. In every repetition all systems take their turn; a ratio is theirs over imgbench's time of
the same repetition and of the same work. Accuracy: relative L2 difference from the direct Fourier sum over 64 pixels of two
planes. What is not installed is named and left out.
"""
import argparse
import concurrent.futures
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

LIGHT = 299792458.0


class Data:
    """Visibilities as arrays, the image they are for, and its true pixels."""

    def __init__(self, folder):
        self.ms = os.path.join(folder, "data.ms")
        self.uvw, self.vis, self.freq = (np.load(os.path.join(folder, name + ".npy")) for name in ("uvw", "vis", "freq"))
        with open(os.path.join(folder, "image.json")) as text:
            image = json.load(text)
        self.side, self.cell, self.w = image["side"], image["cell_rad"], image.get("w", False)
        random = np.random.RandomState(7)
        self.pixels = random.randint(0, self.side, (64, 2))  # x, y
        self.planes = [(0, 0), (len(self.freq) - 1, 1)]  # channel, correlation
        self.true = [self.direct(*plane) for plane in self.planes]

    def direct(self, channel, corr):
        """The definition (docs/conventions.md) at the chosen pixels."""
        uvw = self.uvw * self.freq[channel] / LIGHT
        l, m = -(self.pixels[:, 0] - self.side // 2) * self.cell, (self.pixels[:, 1] - self.side // 2) * self.cell
        depth = (l * l + m * m) / (1 + np.sqrt(1 - l * l - m * m)) * self.w
        turns = np.outer(l, uvw[:, 0]) + np.outer(m, uvw[:, 1]) - np.outer(depth, uvw[:, 2])
        return (np.exp(-2j * np.pi * turns) @ self.vis[:, channel, corr].astype(complex)).real / len(uvw)

    def error(self, planes):
        """Relative L2 error of planes [y][x], in the order of self.planes."""
        got = np.concatenate([plane[self.pixels[:, 1], self.pixels[:, 0]] for plane in planes])
        true = np.concatenate(self.true)
        return np.linalg.norm(got - true) / np.linalg.norm(true)


def run(words):
    start = time.perf_counter()
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("%s ended with %d:\n%s" % (words[0], done.returncode, done.stderr[-2000:] or done.stdout[-2000:]))
    return time.perf_counter() - start, done.stdout


class Imgbench:
    """Two runs: all products as a program makes them, and the dirty cube alone for its phases in memory."""

    def __init__(self, data, program, threads, accuracy):
        self.data = data
        self.words = [program, data.ms, "--cell", "%.17grad" % data.cell, "--imsize", str(data.side), "--stokes", "corr",
                      "--threads", str(threads), "--record", "", "--quiet", "--overwrite", "--format", "json",
                      "--wterm", "stack" if data.w else "none"]
        self.accuracy = accuracy

    def match(self, error, folder):
        """Find the --epsilon with which images are as accurate as a peer's, and no better than they must be: epsilon is
        relative to the noise of an image, error to the image."""
        epsilon, best = min(0.1, error), None
        for _ in range(4):
            self.accuracy = ["--epsilon", "%.3g" % epsilon]
            self.time(folder)
            if self.error <= error:
                best = self.accuracy
                if self.error > 0.5 * error or epsilon == 0.1:
                    break
            epsilon = min(0.1, epsilon * 0.8 * error / self.error)
        self.accuracy = best or self.accuracy

    def time(self, folder):
        import h5py

        path = os.path.join(folder, "imgbench.hdf5")
        wall, _ = run(self.words + self.accuracy + ["--output", path])
        with h5py.File(path) as file:
            cube = file["/0/DATA"]
            self.error = self.data.error([cube[corr, channel] for channel, corr in self.data.planes])
        _, text = run(self.words + self.accuracy + ["--output", path, "--no-psf", "--no-check"])
        phase = {name: value["max_s"] for name, value in json.loads(text)["phases"].items()}
        gridding = phase["sort"] + phase["grid"] + phase["weigh"]
        return {"whole program": wall, "in memory": gridding + phase["fft"], "gridding": gridding}


class WSClean:
    """The program from Debian: dirty images and PSFs of every channel and correlation."""

    counted = "whole program"

    def __init__(self, data, threads):
        if not shutil.which("wsclean"):
            raise ImportError("wsclean is not installed")
        self.name, self.data = "WSClean", data
        self.words = ["wsclean", "-j", str(threads), "-size", str(data.side), str(data.side), "-scale",
                      "%.12gasec" % np.degrees(data.cell * 3600), "-pol", "xx,yy", "-channels-out",
                      str(len(data.freq)), "-niter", "0", "-weight", "natural", "-make-psf",
                      "-no-update-model-required"]

    def time(self, folder):
        from astropy.io import fits

        own = os.path.join(folder, "wsclean")
        shutil.rmtree(own, ignore_errors=True)
        os.mkdir(own)
        wall, _ = run(self.words + ["-name", os.path.join(own, "i"), "-temp-dir", own, self.data.ms])
        many = len(self.data.freq) > 1
        self.error = self.data.error(
            [fits.getdata("%s/i-%s%s-dirty.fits" % (own, "%04d-" % channel if many else "", ("XX", "YY")[corr]))[0, 0]
             for channel, corr in self.data.planes])
        return wall


def over_threads(threads, work, jobs):
    """work(job) for all jobs, as many at once as there are threads; the results in order."""
    if threads == 1:
        return [work(job) for job in jobs]
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, jobs))


class Ducc:
    """ducc0's gridder, with w where the data have it, plane by plane, from arrays that lie as it likes them."""

    counted = "in memory"

    def __init__(self, data, threads, epsilon):
        import ducc0

        self.name = "ducc0 %s, %sepsilon %g" % (ducc0.__version__, "with w, " if data.w else "", epsilon)
        self.data, self.threads, self.epsilon = data, threads, epsilon
        self.function = ducc0.wgridder.vis2dirty
        self.plane = {(c, p): np.ascontiguousarray(data.vis[:, c:c + 1, p]) for c in range(len(data.freq))
                      for p in range(2)}

    def image(self, plane):
        data = self.data
        return self.function(uvw=data.uvw, freq=data.freq[plane[0]:plane[0] + 1], vis=self.plane[plane],
                             npix_x=data.side, npix_y=data.side, pixsize_x=data.cell, pixsize_y=data.cell,
                             epsilon=self.epsilon, do_wgridding=self.data.w, flip_v=True, divide_by_n=False, nthreads=1)

    def time(self, folder):
        start = time.perf_counter()
        over_threads(self.threads, self.image, self.plane)
        wall = time.perf_counter() - start
        self.error = self.data.error([self.image(plane).T / len(self.data.uvw) for plane in self.data.planes])
        return wall


class Compiled:
    """A gridder as prototypes in Python have it, compiled by numba: rows, then channels, then correlations; nearest of 100
    samples per cell; double precision. The transform is not counted."""

    counted = "gridding"
    oversampling = 100

    def __init__(self, data, threads, support, padding):
        import numba

        self.name = "numba %s, row by row" % numba.__version__
        self.data, self.threads, self.support = data, threads, support
        self.n = int(np.ceil(padding * data.side / 2)) * 2
        width = min(support, 8)
        beta = np.pi * np.sqrt((width / padding * (padding - 0.5)) ** 2 - 0.8)
        offset = np.arange(-self.oversampling // 2, self.oversampling // 2 + 1) / self.oversampling
        distance = offset[:, None] + np.arange(support) - support // 2
        inside = np.maximum(0, 1 - (2 * distance / width) ** 2)
        self.table = np.where(np.abs(distance) <= width / 2, np.i0(beta * np.sqrt(inside)) / np.i0(beta), 0)
        self.distance = distance

        @numba.njit(nogil=True)
        def grid(out, uvw, vis, scale, table, support, oversampling):
            side = out.shape[2]
            for row in range(vis.shape[0]):
                for chan in range(vis.shape[1]):
                    u = uvw[row, 0] * scale[chan] + side // 2
                    v = -uvw[row, 1] * scale[chan] + side // 2
                    iu, iv = int(u + 0.5), int(v + 0.5)
                    ou = int((iu - u) * oversampling + oversampling // 2 + 0.5)
                    ov = int((iv - v) * oversampling + oversampling // 2 + 0.5)
                    iu -= support // 2
                    iv -= support // 2
                    if iu < 0 or iv < 0 or iu + support > side or iv + support > side:
                        continue
                    for corr in range(vis.shape[2]):
                        value = vis[row, chan, corr]
                        for j in range(support):
                            for i in range(support):
                                out[chan, corr, iv + j, iu + i] += value * (table[ov, j] * table[ou, i])

        self.grid = grid
        self.run(slice(0, 1), slice(0, 2))  # compile

    def run(self, channels, rows=slice(None)):
        data = self.data
        freq = data.freq[channels]
        out = np.zeros((len(freq), 2, self.n, self.n), complex)
        self.grid(out, data.uvw[rows], data.vis[rows, channels], freq / LIGHT * data.cell * self.n, self.table,
                  self.support, self.oversampling)
        return out

    def time(self, folder):
        n_chan = len(self.data.freq)
        edges = np.linspace(0, n_chan, self.threads + 1).astype(int)
        start = time.perf_counter()
        over_threads(self.threads, self.run, [slice(a, b) for a, b in zip(edges, edges[1:]) if b > a])
        wall = time.perf_counter() - start
        self.error = self.data.error([self.image(*plane) for plane in self.data.planes])
        return wall

    def image(self, channel, corr):
        data, n, side = self.data, self.n, self.data.side
        plane = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(self.run(slice(channel, channel + 1))[0, corr]))).real * n * n
        x = (np.arange(side) - side // 2) / n
        correction = np.cos(2 * np.pi * x[:, None, None] * self.distance).reshape(side, -1) @ self.table.ravel()
        correction /= self.oversampling
        first = n // 2 - side // 2
        return plane[first:first + side, first:first + side] / np.outer(correction, correction) / len(data.uvw)


def spread(values):
    return "%.3g (%.3g..%.3g)" % (statistics.median(values), min(values), max(values))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--imgbench", default=os.path.join(here, "..", "..", "build", "imgbench"))
    parser.add_argument("--threads", default="1,%d" % (os.cpu_count() or 1))
    parser.add_argument("--support", type=int, default=0, help="0: what imgbench chooses to be as accurate as the peer")
    parser.add_argument("--padding", type=float, default=1.2)
    parser.add_argument("--repetitions", type=int, default=3, help="counted ones, after one that is not")
    args = parser.parse_args()

    data, missing, rows = Data(args.folder), [], []
    fixed = ["--support", str(args.support), "--padding", str(args.padding)] if args.support else []
    for threads in sorted({int(word) for word in args.threads.split(",")}):
        peers = []
        for make in (lambda: WSClean(data, threads), lambda: Ducc(data, threads, 1e-3), lambda: Ducc(data, threads, 1e-4),
                     lambda: Compiled(data, threads, args.support or 7, args.padding)):
            try:
                peers.append(make())
            except Exception as why:  # not there, or there and unusable: named in the end
                if str(why) not in missing:
                    missing.append(str(why))
        with tempfile.TemporaryDirectory() as folder:
            for peer in peers:
                peer.time(folder)  # warms caches and plans, and says how accurate it is
            own = [Imgbench(data, args.imgbench, threads, fixed) for _ in peers]
            alone = Imgbench(data, args.imgbench, threads, fixed or ["--epsilon", "1e-4"])
            for mine, peer in zip(own, peers):
                if not fixed:
                    mine.match(peer.error, folder)
            for mine in own or [alone]:
                mine.time(folder)
            times = [[] for _ in peers]
            for _ in range(args.repetitions):
                for k, peer in enumerate(peers):
                    times[k].append((peer.time(folder), own[k].time(folder)[peer.counted]))
            for k, peer in enumerate(peers):
                rows.append([peer.name, peer.counted, str(threads), spread([a for a, _ in times[k]]),
                             spread([b for _, b in times[k]]), spread([a / b for a, b in times[k]]), "%.1e" % peer.error,
                             "%.1e" % own[k].error, " ".join(own[k].accuracy).replace("--", "")])
            if not peers:
                seconds = [alone.time(folder)["whole program"] for _ in range(args.repetitions)]
                rows.append(["none", "whole program", str(threads), "-", spread(seconds), "-", "-", "%.1e" % alone.error,
                             " ".join(alone.accuracy).replace("--", "")])

    n_row, n_chan, n_corr = data.vis.shape
    print("%d rows x %d channels x %d correlations, %d x %d pixels; imgbench %s\n" %
          (n_row, n_chan, n_corr, data.side, data.side, " ".join(fixed) or "as accurate as the peer"))
    rows.insert(0, ["peer", "counted", "threads", "peer, s", "imgbench, s", "peer / imgbench", "error", "imgbench's", "with"])
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    for why in missing:
        print("left out: " + why)


if __name__ == "__main__":
    main()
