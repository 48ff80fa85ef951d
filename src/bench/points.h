/* SPDX-License-Identifier: BSD-3-Clause */
/** What a sweep measures: points of a grid of settings, and the order of their launches. Pure functions. */
#ifndef IB_BENCH_POINTS_H
#define IB_BENCH_POINTS_H

#include "imgbench.h"

#include <stdbool.h>

enum { IB_MAX_AXES = 12, IB_MAX_VALUES = 32, IB_MAX_POINTS = 512 };

/** One option and the values it takes. */
typedef struct ib_axis {
    char   key[24];
    size_t n;
    char   value[IB_MAX_VALUES][24];
} ib_axis;

/** The grid: every value of every axis with every other. */
typedef struct ib_sweep_grid {
    size_t  n_axis;
    ib_axis axis[IB_MAX_AXES]; /* "ranks", "nodes" and "threads" say how, others what is computed */
    int     cores;             /* processors of a node */
    bool    spread;            /* over as few nodes as hold ranks x threads, where no axis says; else one node */
    bool    oversubscribe;     /* more threads than processors are meant */
    bool    weak;              /* image channels grow with the ranks */
    size_t  channels;          /* image channels on the smallest number of ranks; 0: not known, not limiting */
} ib_sweep_grid;

/** One setting. */
typedef struct ib_point {
    int    ranks, nodes, threads;
    size_t channels;           /* to be imaged; 0: as the input has them */
    size_t value[IB_MAX_AXES]; /* of each axis */
    char   name[160];          /* "ranks=2 threads=1 support=17", the same in every sweep that has it */
    char   excluded[160];      /* why it cannot be run; "" it can */
} ib_point;

/** Append an axis. @param list  values with commas between, or one value when `whole`
 *  @return IB_EUSAGE for an empty or overlong list, or a value that occurs twice. */
ib_status ib_axis_add(ib_sweep_grid *grid, const char *key, const char *list, bool whole, ib_error *err);

/** All points, the last axis fastest. @param point  room for IB_MAX_POINTS
 *  @return how many; 0 and IB_EUSAGE in err when they are too many, or a number of ranks, nodes or threads is none. */
size_t ib_points_plan(const ib_sweep_grid *grid, ib_point *point, ib_error *err);

/** A random order of the numbers 0 to n-1, which depends on seed and block only: launches of one block may run elsewhere. */
void ib_points_shuffle(size_t n, uint64_t seed, int block, size_t *order);

#endif
