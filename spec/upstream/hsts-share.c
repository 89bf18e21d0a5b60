/* SPDX-License-Identifier: MIT
 *
 * An easy with CURLOPT_HSTS that leaves a share of CURL_LOCK_DATA_HSTS crashes in its next transfer.
 *
 * Expected: the transfer. Actual: the share's cache goes with it (CURLOPT_SHARE sets data->hsts to
 * NULL), the list of files stays, and Curl_hsts_loadfiles() reads them into a cache that is not there.
 * Since 7.88.0.
 */
#include "page.h"

static int leave_share(int unused) {
  (void)unused;
  CURLSH *share = curl_share_init();
  if (curl_share_setopt(share, CURLSHOPT_SHARE, 7 /* CURL_LOCK_DATA_HSTS */)) return 2;
  CURL *easy = new_easy("file:///dev/null");
  curl_easy_setopt(easy, CURLOPT_HSTS, "/dev/null");
  curl_easy_setopt(easy, CURLOPT_SHARE, share);
  curl_easy_setopt(easy, CURLOPT_SHARE, NULL);
  return curl_easy_perform(easy) != CURLE_OK;
}

int main(void) { return tell_crash(child(leave_share, 0)); }
