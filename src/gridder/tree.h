/* SPDX-License-Identifier: BSD-3-Clause */
/** Sums whose bits do not depend on who added what: leaves are added pair by pair in one binary tree. */
#ifndef IB_GRIDDER_TREE_H
#define IB_GRIDDER_TREE_H

#include "imgbench.h"

#include <stdbool.h>

enum { IB_TREE_NODES = 64 };

/** A sum of the leaves [index 2^level, (index + 1) 2^level), as far as they exist. What lies outside [first, end) of it
 *  is zero. */
typedef struct ib_tree_node {
    int    level;
    size_t index, first, end;
    void  *sum;
} ib_tree_node;

/** Nodes that wait for their sibling, from left to right. */
typedef struct ib_tree {
    size_t       n; /* reals of a sum */
    int          precision, n_thread;
    int          n_node, n_spare;
    ib_tree_node node[IB_TREE_NODES];
    void        *spare[IB_TREE_NODES];
} ib_tree;

void ib_tree_begin(ib_tree *tree, size_t n, int precision, int n_thread);
void ib_tree_clear(ib_tree *tree);

/** A buffer of zeros for the next node's sum; NULL: no memory. It goes back with ib_tree_push. */
void *ib_tree_buffer(ib_tree *tree, ib_error *err);

/** Add a node to the right of those there are; siblings are summed at once, by n_thread threads. Takes the buffer, which is
 *  one of the tree's or like one: from ib_alloc, with zeros outside of what the node says. */
void ib_tree_push(ib_tree *tree, ib_tree_node node);

/** The sum of all, once every leaf has been pushed; NULL: none was, or one in the middle is missing. Stays the tree's. */
const ib_tree_node *ib_tree_total(ib_tree *tree);

/** The buffer of ib_tree_total, which becomes the caller's: no nodes are left. */
void *ib_tree_take(ib_tree *tree);

/** No nodes, as in the beginning; the buffers stay. */
void ib_tree_reset(ib_tree *tree);

#endif
