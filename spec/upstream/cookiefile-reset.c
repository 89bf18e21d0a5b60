/* SPDX-License-Identifier: MIT
 *
 * curl_easy_reset() loses the memory of the names that CURLOPT_COOKIEFILE was given.
 *
 * Expected: curl_easy_cleanup() frees all. Actual: the list is overwritten. 7.88.0 to
 * 8.4.0; mended in 8.5.0 (70e3b534d5).
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

int main(void) {
  curl_global_init_mem(CURL_GLOBAL_DEFAULT, get, give, change, copy, zeroed);
  long before = blocks;
  CURL *easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_COOKIEFILE, "cookies.txt");
  curl_easy_reset(easy);
  curl_easy_cleanup(easy);
  printf("%ld blocks lost\n", blocks - before);
  return blocks != before;
}
