/* SPDX-License-Identifier: MIT
 *
 * An easy with CURLOPT_CONNECT_ONLY that has sent, and performs again, loses its first connection.
 *
 * Expected: it is closed, or kept until the easy goes. Actual: curl_easy_send() attaches the
 * connection to the easy, and nothing detaches it before the next one takes its place. Up to 8.11.1;
 * mended in 8.12.0 (4f99efb192).
 */
#include "page.h"

int main(void) {
  char url[64];
  int port;
  size_t sent;
  listener(&port);
  int before = descriptors();
  CURL *easy = new_easy(local_url(url, "http", port));
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  if (curl_easy_perform(easy) || curl_easy_send(easy, "x", 1, &sent)) return 2;
  CURLcode code = curl_easy_perform(easy);
  curl_easy_cleanup(easy);
  printf("result %d, %d descriptors lost\n", code, descriptors() - before);
  return descriptors() != before;
}
