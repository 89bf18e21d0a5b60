/* SPDX-License-Identifier: MIT
 *
 * An easy with CURLOPT_HSTS for which CURLOPT_HSTS_CTRL takes CURLHSTS_ENABLE back crashes in its next
 * transfer.
 *
 * Expected: the transfer, without HSTS. Actual: the cache is freed, the list of files stays, and
 * Curl_hsts_loadfiles() reads them into a cache that is not there. 7.88.0 to 8.20.0; mended in 8.21.0
 * (d6571f7a70).
 */
#include "page.h"

static int disable(int unused) {
  (void)unused;
  CURL *easy = new_easy("file:///dev/null");
  curl_easy_setopt(easy, CURLOPT_HSTS, "/dev/null");
  curl_easy_setopt(easy, CURLOPT_HSTS_CTRL, 0L);
  return curl_easy_perform(easy) != CURLE_OK;
}

int main(void) { return tell_crash(child(disable, 0)); }
