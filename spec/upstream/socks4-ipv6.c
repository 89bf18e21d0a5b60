/* SPDX-License-Identifier: MIT
 *
 * A SOCKS4 proxy in front of a host that has no IPv4 address loses the entry of the name.
 *
 * Expected: CURLE_PROXY, and no memory left. Actual: do_SOCKS4() gives the entry of the cache of
 * names back only where it has found an IPv4 address. Up to 8.18.0; mended in 8.19.0.
 */
#include "page.h"

static int blocks;

static void *count_malloc(size_t size) {
  void *block = malloc(size);
  blocks += block != NULL;
  return block;
}

static void count_free(void *block) {
  blocks -= block != NULL;
  free(block);
}

static void *count_realloc(void *block, size_t size) {
  void *other = realloc(block, size);
  blocks += other && !block;
  return other;
}

static char *count_strdup(const char *text) {
  char *copy = strdup(text);
  blocks += copy != NULL;
  return copy;
}

static void *count_calloc(size_t count, size_t size) {
  void *block = calloc(count, size);
  blocks += block != NULL;
  return block;
}

static int transfer(const char *url, const char *proxy) {
  int before = blocks;
  CURL *easy = new_easy(url);
  curl_easy_setopt(easy, CURLOPT_PROXY, proxy);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 300L);
  curl_easy_perform(easy);
  curl_easy_cleanup(easy);
  return blocks - before;
}

int main(void) {
  char proxy[64];
  int port;
  listener(&port);
  if (curl_global_init_mem(CURL_GLOBAL_ALL, count_malloc, count_free, count_realloc,
                           count_strdup, count_calloc))
    return 2;
  local_url(proxy, "socks4", port);
  transfer("http://127.0.0.1/", proxy); /* what stays until the end */
  int good = transfer("http://127.0.0.1/", proxy), bad = transfer("http://[::1]/", proxy);
  if (good) return 2;
  printf("%d blocks of memory lost\n", bad);
  return bad != 0;
}
