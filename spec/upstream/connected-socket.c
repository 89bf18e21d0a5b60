/* SPDX-License-Identifier: MIT
 *
 * A connected socket that the open callback gives is connected again, although the sockopt callback
 * answers CURL_SOCKOPT_ALREADY_CONNECTED.
 *
 * Expected: the transfer uses it (here: the other side says nothing, a time limit ends it). Actual:
 * connect() fails with EISCONN: CURLE_COULDNT_CONNECT. 7.88.0 and 7.88.1; mended in 8.0.0
 * (233810bb5f).
 */
#include "page.h"

static curl_socket_t open_connected(void *user, curlsocktype purpose,
                                    struct curl_sockaddr *address) {
  int fd = socket(address->family, SOCK_STREAM, 0);
  (void)user;
  (void)purpose;
  if (connect(fd, &address->addr, address->addrlen)) exit(2);
  return fd;
}

static int say_connected(void *user, curl_socket_t fd, curlsocktype purpose) {
  (void)user;
  (void)fd;
  (void)purpose;
  return CURL_SOCKOPT_ALREADY_CONNECTED;
}

int main(void) {
  char url[64];
  int port;
  listener(&port);
  CURL *easy = new_easy(local_url(url, "http", port));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 200L);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_connected);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, say_connected);
  CURLcode code = curl_easy_perform(easy);
  curl_easy_cleanup(easy);
  printf("result %d: %s\n", code, curl_easy_strerror(code));
  return code == CURLE_COULDNT_CONNECT;
}
