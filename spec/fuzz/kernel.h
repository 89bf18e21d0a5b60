/* SPDX-License-Identifier: MIT
 *
 * kernel.h - a kernel that answers what the input says. The module's own calls come here
 * (proof.mk wraps them), libcurl's do not.
 */
#ifndef CURLSOCK_FUZZ_KERNEL_H
#define CURLSOCK_FUZZ_KERNEL_H

#include "fuzz.h"

extern struct kernel {
  int code;                 /* an errno, or 0: it does what it is asked */
  unsigned char bytes[256]; /* its answer */
  socklen_t len;
  int calls; /* since kernel_begin */
  /* The last call: which option, and what it was given, or how much it could have written. */
  int level, number;
  unsigned char given[256];
  socklen_t size;
} kernel;

/* Takes its next answer, of at most so many bytes, from the input. */
void kernel_begin(struct input *in, size_t most);
/* The two results at index and after it are the message and the name of its failure. */
void kernel_check_failure(int index);
/* What is where it wrote its answer over those bytes. */
void kernel_over(void *bytes, size_t size);

#endif
