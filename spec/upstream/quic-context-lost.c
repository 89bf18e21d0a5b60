/* SPDX-License-Identifier: MIT
 *
 * A transfer by HTTP/3 that cannot begin, here for a cipher that nobody knows, loses the
 * context of its TLS: 18 KB.
 *
 * Expected: no memory left. Actual, with OpenSSL's QUIC: cf_osslq_destroy() frees what there
 * is only where the SSL of the connection has been made, and that comes last. 8.10.0 to
 * 8.18.0; 8.19.0 has no OpenSSL QUIC.
 */
#include <malloc.h>

#include "page.h"

enum { TIMES = 50, CONTEXT = 2000 };

static void transfer(void) {
  CURL *easy = new_easy("https://127.0.0.1:9/");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_3ONLY);
  curl_easy_setopt(easy, CURLOPT_TLS13_CIPHERS, "none");
  if (curl_easy_perform(easy) != CURLE_SSL_CIPHER) exit(2);
  curl_easy_cleanup(easy);
}

int main(void) {
  if (!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP3)) {
    puts("has no HTTP/3");
    return 0;
  }
  transfer(); /* what stays until the end */
  size_t before = mallinfo2().uordblks;
  for (int i = 0; i < TIMES; i++) transfer();
  long lost = (long)(mallinfo2().uordblks - before) / TIMES;
  printf("%ld bytes lost by each\n", lost);
  return lost > CONTEXT;
}
