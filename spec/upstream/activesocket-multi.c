/* SPDX-License-Identifier: MIT
 *
 * CURLINFO_ACTIVESOCKET of an easy in a multi names the connection that the same easy made earlier,
 * by curl_easy_perform(), to somewhere else.
 *
 * Expected: the connection of the last transfer. Actual: libcurl looks its number up in the cache
 * of the multi that curl_easy_perform() made, where the same number is another connection. Up to
 * 8.6.0: since 8.7.0 curl_multi_add_handle() frees that multi (757dfdfb55).
 */
#include "page.h"

static void run(CURLM *multi) {
  int running = 1;
  for (int round = 0; running && round < 100; round++) {
    curl_multi_perform(multi, &running);
    curl_multi_poll(multi, NULL, 0, 20, NULL);
  }
}

int main(void) {
  char url[64];
  int first, second;
  listener(&first);
  listener(&second);
  CURL *easy = new_easy(local_url(url, "http", first));
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  if (curl_easy_perform(easy)) return 2;
  CURLM *multi = curl_multi_init();
  curl_easy_setopt(easy, CURLOPT_URL, local_url(url, "http", second));
  curl_multi_add_handle(multi, easy);
  run(multi);
  curl_socket_t fd = CURL_SOCKET_BAD;
  curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
  int port = fd == CURL_SOCKET_BAD ? -1 : peer_port(fd);
  printf("connected to %d, then %d; active is a socket to %d\n", first, second, port);
  curl_multi_remove_handle(multi, easy);
  curl_easy_cleanup(easy);
  curl_multi_cleanup(multi);
  return port == first;
}
