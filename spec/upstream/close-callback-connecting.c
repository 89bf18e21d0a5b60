/* SPDX-License-Identifier: MIT
 *
 * The close callback is not called for a socket of the open callback that is given up before libcurl
 * has taken notice of its connection.
 *
 * Expected: CURLOPT_CLOSESOCKETFUNCTION for each socket that CURLOPT_OPENSOCKETFUNCTION gave.
 * Actual: cf_socket_close() closes it natively where it is not "active" yet: a transfer that is
 * removed, that times out while it connects, the loser of happy eyeballs. 7.88.0 to 8.1.2; mended
 * in 8.2.0 (a70d97c46c).
 */
#include "page.h"

static int opened, closed;

static curl_socket_t open_socket(void *user, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
  (void)user;
  (void)purpose;
  opened++;
  return socket(address->family, address->socktype, address->protocol);
}

static int close_socket(void *user, curl_socket_t fd) {
  (void)user;
  closed++;
  return close(fd);
}

int main(void) {
  char url[64];
  int port, running;
  listener(&port);
  CURLM *multi = curl_multi_init();
  CURL *easy = new_easy(local_url(url, "http", port));
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
  curl_multi_add_handle(multi, easy);
  for (int round = 0; !opened && round < 100; round++)
    curl_multi_perform(multi, &running);
  curl_multi_remove_handle(multi, easy);
  curl_easy_cleanup(easy);
  curl_multi_cleanup(multi);
  printf("%d opened, %d closed by the callback\n", opened, closed);
  return opened == 1 ? closed != opened : 2;
}
