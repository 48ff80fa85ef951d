/* SPDX-License-Identifier: BSD-3-Clause */
/** Aligned, counted allocation. Thread-safe. */
#ifndef IB_BASE_MEM_H
#define IB_BASE_MEM_H

#include "imgbench.h"

/** Room for n items of the given size, 64-byte aligned, not cleared; huge pages are asked for when it is large.
 *  `what` names it in the error sentence. @return NULL with IB_ENOMEM in err (also when n x size overflows). */
void *ib_alloc(size_t n, size_t size, const char *what, ib_error *err);

/** The same, cleared. */
void *ib_alloc_zero(size_t n, size_t size, const char *what, ib_error *err);

/** Accepts NULL. Only for memory from ib_alloc. */
void ib_free(void *memory);

/** Bytes held now through ib_alloc, and the largest that ever was. */
size_t ib_mem_held(void);
size_t ib_mem_peak(void);

/** Highest resident size of this process so far, and the present one (bytes; 0 where the system does not tell). */
size_t ib_mem_resident_peak(void);
size_t ib_mem_resident(void);

#endif
