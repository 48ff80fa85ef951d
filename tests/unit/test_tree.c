/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/mem.h"
#include "gridder/tree.h"
#include "ib_test.h"

enum { LENGTH = 3 };

/* Leaves whose float sum depends on the order of additions. */
static void leaf(float *x, size_t k)
{
    for (int i = 0; i < LENGTH; i++)
        x[i] = 1.0f / (float)(k * k + (size_t)i + 1) + (float)(k % 3) * 1e5f;
}

/* The sum when leaves are dealt to ranks in contiguous runs, as the job does it. */
static void sum_over(size_t n_leaf, size_t n_rank, float *out)
{
    ib_tree  root;
    ib_error err;

    ib_tree_begin(&root, LENGTH, IB_SINGLE, 2);
    for (size_t r = 0; r < n_rank; r++) {
        ib_tree tree;
        ib_tree_begin(&tree, LENGTH, IB_SINGLE, 1);
        for (size_t k = n_leaf * r / n_rank; k < n_leaf * (r + 1) / n_rank; k++) {
            float *x = ib_tree_buffer(&tree, &err);
            leaf(x, k);
            ib_tree_push(&tree, (ib_tree_node){0, k, 0, LENGTH, x});
        }
        for (int i = 0; i < tree.n_node; i++) {
            ib_tree_node node = tree.node[i];
            node.sum = ib_tree_buffer(&root, &err);
            memcpy(node.sum, tree.node[i].sum, LENGTH * sizeof(float));
            ib_tree_push(&root, node);
        }
        ib_tree_clear(&tree);
    }
    memcpy(out, ib_tree_total(&root)->sum, LENGTH * sizeof(float));
    ib_tree_clear(&root);
}

static void the_sum_has_the_same_bits_for_any_number_of_ranks(ib_test *t)
{
    for (size_t n_leaf = 1; n_leaf <= 67; n_leaf += 3) {
        float  one[LENGTH], many[LENGTH];
        double exact = 0;

        sum_over(n_leaf, 1, one);
        for (size_t k = 0; k < n_leaf; k++) {
            float x[LENGTH];
            leaf(x, k);
            exact += (double)x[0];
        }
        IB_NEAR(t, (double)one[0], exact, exact * (double)n_leaf * 6e-8); /* half an ulp for each addition */
        for (size_t n_rank = 2; n_rank <= n_leaf; n_rank++) {
            sum_over(n_leaf, n_rank, many);
            IB_CHECK(t, !memcmp(one, many, sizeof one));
        }
    }
}

static void nothing_sums_to_nothing(ib_test *t)
{
    ib_tree tree;
    ib_tree_begin(&tree, LENGTH, IB_DOUBLE, 1);
    IB_CHECK(t, ib_tree_total(&tree) == NULL);
    ib_tree_clear(&tree);
}

static void a_missing_leaf_is_no_sum(ib_test *t)
{
    for (size_t missing = 0; missing < 8; missing++) {
        ib_tree  tree;
        ib_error err;
        ib_tree_begin(&tree, LENGTH, IB_SINGLE, 1);
        for (size_t k = 0; k < 9; k++)
            if (k != missing)
                ib_tree_push(&tree, (ib_tree_node){0, k, 0, LENGTH, ib_tree_buffer(&tree, &err)});
        IB_CHECK(t, ib_tree_total(&tree) == NULL);
        ib_tree_clear(&tree);
    }
}

IB_TEST_MAIN({IB_TEST(the_sum_has_the_same_bits_for_any_number_of_ranks), IB_TEST(nothing_sums_to_nothing),
              IB_TEST(a_missing_leaf_is_no_sum)})
