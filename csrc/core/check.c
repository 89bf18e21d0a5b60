/* SPDX-License-Identifier: MIT
 *
 * check.c - an invariant does not hold: the one place that prints and ends the process,
 * in builds that are made to find that out. A proof that breaks the code by hand counts
 * on it.
 */
#include "core.h"

#ifdef CS_CHECKS

#include <stdio.h>
#include <stdlib.h>

void cs_check_failed(const char *what, const char *file, int line) {
  fprintf(stderr, "curlsock: %s:%d: this must hold: %s\n", file, line, what);
  abort();
}

#endif
