/* SPDX-License-Identifier: MIT
 *
 * A SOCKS4 proxy in front of a host that has no IPv4 address loses the entry of the name.
 *
 * Expected: CURLE_PROXY, and no memory left. Actual: do_SOCKS4() gives the entry of the cache of
 * names back only where it has found an IPv4 address. Up to 8.18.0; mended in 8.19.0.
 */
#include "blocks.h"

static long transfer(const char *url, const char *proxy) {
  long before = blocks;
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
  count_blocks();
  local_url(proxy, "socks4", port);
  transfer("http://127.0.0.1/", proxy); /* what stays until the end */
  long good = transfer("http://127.0.0.1/", proxy),
       bad = transfer("http://[::1]/", proxy);
  if (good) return 2;
  printf("%ld blocks lost\n", bad);
  return bad != 0;
}
