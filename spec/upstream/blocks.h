/* SPDX-License-Identifier: MIT
 *
 * blocks.h - counts the blocks of memory that libcurl has: after count_blocks(), in "blocks".
 */
#include "page.h"

static long blocks;

static void *get(size_t size) {
  void *block = malloc(size);
  blocks += block != NULL;
  return block;
}

static void give(void *block) {
  blocks -= block != NULL;
  free(block);
}

static void *change(void *block, size_t size) {
  return block ? realloc(block, size) : get(size);
}

static char *copy(const char *text) {
  char *block = strdup(text);
  blocks += block != NULL;
  return block;
}

static void *zeroed(size_t count, size_t size) {
  void *block = calloc(count, size);
  blocks += block != NULL;
  return block;
}

static void count_blocks(void) {
  if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, get, give, change, copy, zeroed)) exit(2);
}
