/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/tree.h"
#include "base/mem.h"

#include <string.h>

enum { PIECE = 1 << 14 }; /* reals that a thread adds at a time */

void ib_tree_begin(ib_tree *tree, size_t n, int precision, int n_thread)
{
    memset(tree, 0, sizeof *tree);
    tree->n = n;
    tree->precision = precision;
    tree->n_thread = n_thread;
}

void ib_tree_clear(ib_tree *tree)
{
    for (int i = 0; i < tree->n_node; i++)
        ib_free(tree->node[i].sum);
    for (int i = 0; i < tree->n_spare; i++)
        ib_free(tree->spare[i]);
    memset(tree, 0, sizeof *tree);
}

void *ib_tree_buffer(ib_tree *tree, ib_error *err)
{
    if (tree->n_spare)
        return tree->spare[--tree->n_spare];
    return ib_alloc_zero(tree->n, tree->precision == IB_DOUBLE ? sizeof(double) : sizeof(float), "partial sums", err);
}

/* b into a; b is a buffer of zeros again. */
#define ADD(suffix, real)                                                                                            \
    static void add_##suffix(real *restrict a, real *restrict b, size_t n)                                           \
    {                                                                                                                \
        for (size_t i = 0; i < n; i++) {                                                                             \
            a[i] += b[i];                                                                                            \
            b[i] = 0;                                                                                                \
        }                                                                                                            \
    }

ADD(f, float)
ADD(d, double)

static void add(const ib_tree *tree, void *a, void *b, size_t first, size_t end)
{
    const bool twice = tree->precision == IB_DOUBLE;

#pragma omp parallel for schedule(static) num_threads(tree->n_thread) default(none) shared(twice, a, b, first, end)
    for (size_t i = first; i < end; i += PIECE) {
        const size_t n = end - i < PIECE ? end - i : PIECE;
        if (twice)
            add_d((double *)a + i, (double *)b + i, n);
        else
            add_f((float *)a + i, (float *)b + i, n);
    }
}

static void merge_last_two(ib_tree *tree)
{
    ib_tree_node *left = &tree->node[tree->n_node - 2], *right = left + 1;

    add(tree, left->sum, right->sum, right->first, right->end);
    left->level++;
    left->index /= 2;
    left->first = right->first < left->first ? right->first : left->first;
    left->end = right->end > left->end ? right->end : left->end;
    tree->spare[tree->n_spare++] = right->sum;
    tree->n_node--;
}

static bool siblings(const ib_tree *tree)
{
    const ib_tree_node *right = &tree->node[tree->n_node - 1], *left = right - 1;
    return tree->n_node > 1 && left->level == right->level && left->index % 2 == 0 && right->index == left->index + 1;
}

void ib_tree_push(ib_tree *tree, ib_tree_node node)
{
    tree->node[tree->n_node++] = node;
    while (siblings(tree))
        merge_last_two(tree);
}

const ib_tree_node *ib_tree_total(ib_tree *tree)
{
    while (tree->n_node > 1) {
        /* The right edge has no siblings to wait for: it rises until its left neighbour is one. */
        ib_tree_node *last = &tree->node[tree->n_node - 1];
        while (!siblings(tree)) {
            if (last->level >= last[-1].level) /* what lies between them was never pushed */
                return NULL;
            last->level++;
            last->index /= 2;
        }
        merge_last_two(tree);
    }
    return tree->n_node ? &tree->node[0] : NULL;
}

void ib_tree_reset(ib_tree *tree)
{
    const size_t real = tree->precision == IB_DOUBLE ? sizeof(double) : sizeof(float);

    for (int i = 0; i < tree->n_node; i++) {
        const ib_tree_node *node = &tree->node[i];
        memset((char *)node->sum + node->first * real, 0, (node->end - node->first) * real);
        tree->spare[tree->n_spare++] = node->sum;
    }
    tree->n_node = 0;
}

void *ib_tree_take(ib_tree *tree)
{
    tree->n_node = 0;
    return tree->node[0].sum;
}
