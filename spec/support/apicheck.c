/* SPDX-License-Identifier: MIT
 *
 * apicheck.c - part of the Lua that make apicheck builds. What grows moves, and what is freed is
 * overwritten, so that a pointer into Lua's old stack shows.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apicheck.h"

void apicheck_free(void *block) {
  if (block) memset(block, 0x55, malloc_usable_size(block));
  free(block);
}

void *apicheck_realloc(void *block, size_t size) {
  size_t old = block ? malloc_usable_size(block) : 0;
  void *moved = malloc(size);
  if (!moved) return NULL;
  if (block) memcpy(moved, block, old < size ? old : size);
  apicheck_free(block);
  return moved;
}

/* The file of the C module that called Lua; Lua's own if none did. */
static const char *caller(void) {
  void *frames[64];
  int count = backtrace(frames, 64);
  Dl_info here, there;
  if (!dladdr((void *)apicheck_free, &here)) return "";
  for (int i = 0; i < count; i++)
    if (dladdr(frames[i], &there) && there.dli_fbase != here.dli_fbase)
      return there.dli_fname;
  return here.dli_fname;
}

static void report(FILE *to, const char *assertion, const char *file, int line) {
  fprintf(to, "%s:%d: called by %s: assertion failed: %s\n", file, line, caller(),
          assertion);
}

/* Where make apicheck finds it, for not every spec looks at what its children print. */
static void report_to_file(const char *assertion, const char *file, int line) {
  const char *folder = getenv("REPORTS");
  char name[4096];
  if (!folder) return;
  snprintf(name, sizeof name, "%s/%ld", folder, (long)getpid());
  FILE *to = fopen(name, "a");
  if (!to) return;
  report(to, assertion, file, line);
  fclose(to);
}

/* luv pushes the function of a new thread onto the buffer that it is dumped to, which Lua
 * forbids, and works. */
static int is_luv_thread(const char *file) {
  return !strcmp(file, "lauxlib.c") && strstr(caller(), "luv");
}

void apicheck_failed(const char *assertion, const char *file, int line) {
  if (is_luv_thread(file)) return;
  report(stderr, assertion, file, line);
  report_to_file(assertion, file, line);
  abort();
}
