/* SPDX-License-Identifier: MIT
 *
 * CURL_LOCK_DATA_CONNECT set a second time on a share loses its connections.
 *
 * Expected: nothing changes, curl_share_cleanup() closes them. Actual: the cache is initialised
 * again. Up to 8.9.1; mended in 8.10.0 (8dd0cb73a2).
 */
#include "page.h"

int main(void) {
  char url[64];
  int port;
  listener(&port);
  int before = descriptors();
  CURLSH *share = curl_share_init();
  curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
  CURL *easy = new_easy(local_url(url, "http", port));
  curl_easy_setopt(easy, CURLOPT_SHARE, share);
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  if (curl_easy_perform(easy)) return 2;
  curl_easy_setopt(easy, CURLOPT_SHARE, NULL);
  curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
  curl_easy_cleanup(easy);
  curl_share_cleanup(share);
  printf("%d descriptors lost\n", descriptors() - before);
  return descriptors() != before;
}
