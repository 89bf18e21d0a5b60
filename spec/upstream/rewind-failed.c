/* SPDX-License-Identifier: MIT
 *
 * After a body that could not be sent again, each later transfer of the easy fails.
 *
 * Expected: an error once; a GET after it succeeds. Actual: rewind_read stays set, and the reader
 * that could not be rewound is rewound before each transfer. 8.14.1 (71bb004c29) and 8.15.0; mended
 * in 8.16.0 (a93113b5b4).
 */
#include "page.h"

static size_t body(char *buffer, size_t size, size_t count, void *user) {
  (void)size;
  (void)count;
  (void)user;
  memcpy(buffer, "12345", 5);
  return 5;
}

static int cannot_seek(void *user, curl_off_t offset, int origin) {
  (void)user;
  (void)offset;
  (void)origin;
  return CURL_SEEKFUNC_FAIL;
}

/* Redirects what has a body, and says yes to all else. */
static void serve(int server) {
  static const char away[] = "HTTP/1.1 307 No\r\nLocation: /b\r\nContent-Length: 0\r\n"
                             "Connection: close\r\n\r\n";
  static const char yes[] =
      "HTTP/1.1 200 Yes\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  for (int fd; (fd = accept(server, NULL, NULL)) >= 0; close(fd)) {
    char text[4096] = "";
    size_t size = 0;
    ssize_t n;
    int post = 0;
    while ((n = recv(fd, text + size, sizeof text - 1 - size, 0)) > 0) {
      text[size += (size_t)n] = 0;
      post = text[0] == 'P';
      if (strstr(text, post ? "\r\n\r\n12345" : "\r\n\r\n")) break;
    }
    send(fd, post ? away : yes, post ? sizeof away - 1 : sizeof yes - 1, MSG_NOSIGNAL);
  }
}

int main(void) {
  char url[64];
  int port, server = listener(&port);
  pid_t pid = serving(serve, server);
  CURL *easy = new_easy(local_url(url, "http", port));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 5L);
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, body);
  curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, cannot_seek);
  CURLcode first = curl_easy_perform(easy);
  curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  CURLcode second = curl_easy_perform(easy);
  curl_easy_cleanup(easy);
  kill(pid, SIGKILL);
  printf("results %d, %d\n", first, second);
  return first == CURLE_OK ? 2 : second != CURLE_OK;
}
