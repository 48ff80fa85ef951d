/* SPDX-License-Identifier: BSD-3-Clause */
/* Replaced by the floor's first module. */
typedef int ib_floor_bench;
