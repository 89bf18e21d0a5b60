/* SPDX-License-Identifier: MIT
 *
 * A transfer whose first address refuses hangs under curl_multi_socket_action(): it does not go on
 * to the next.
 *
 * Expected: the second address is dialled (here: nothing listens there either, so it fails at once).
 * Actual: libcurl waits with no descriptor watched and no timer but that of the whole attempt. Seen
 * in 7.88.1; mended in 8.4.0 (01d8473b25).
 */
#include "loop.h"

int main(void) {
  CURLM *multi = curl_multi_init();
  CURL *easy = new_easy("http://two.example:1/");
  struct curl_slist *resolve =
      curl_slist_append(NULL, "two.example:1:127.0.0.1,127.0.0.2,127.0.0.3");
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 0L);
  curl_easy_setopt(easy, CURLOPT_RESOLVE, resolve);
  int code = run_events(multi, easy);
  curl_easy_cleanup(easy);
  curl_multi_cleanup(multi);
  curl_slist_free_all(resolve);
  return code == -1 ? 1 : code == CURLE_COULDNT_CONNECT ? 0 : 2;
}
