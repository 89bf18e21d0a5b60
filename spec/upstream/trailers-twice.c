/* SPDX-License-Identifier: MIT
 *
 * A chunked upload of an easy that has sent trailers once (CURLOPT_TRAILERFUNCTION) writes before
 * its buffer.
 *
 * Expected: two uploads with trailers. Actual: trailers_state is TRAILERS_DONE for ever, so
 * Curl_fillreadbuffer() leaves no room in front of the data for the chunk's length, and writes it
 * all the same: into the heap's own data, which ends the process at a free(). Later uploads without
 * trailers do it, too, and curl_easy_reset() does not help. Up to 8.6.0; gone with the readers of
 * 8.7.0.
 */
#include "page.h"

static size_t left;

static size_t body(char *buffer, size_t size, size_t count, void *user) {
  size_t n = left < size * count ? left : size * count;
  (void)user;
  memset(buffer, 'x', n);
  left -= n;
  return n;
}

static int trailer(struct curl_slist **list, void *user) {
  (void)user;
  *list = curl_slist_append(*list, "Sum: 1");
  return CURL_TRAILERFUNC_OK;
}

/* Answers each upload when its trailers have come. */
static void serve(int server) {
  static const char yes[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  static char text[1 << 20];
  int fd = accept(server, NULL, NULL);
  size_t size = 0;
  ssize_t n;
  while ((n = recv(fd, text + size, sizeof text - 1 - size, 0)) > 0) {
    text[size += (size_t)n] = 0;
    if (size < 4 || !strstr(text, "\r\n0\r\nSum: 1\r\n\r\n")) continue;
    send(fd, yes, sizeof yes - 1, MSG_NOSIGNAL);
    size = 0;
  }
}

static int upload_twice(int port) {
  char url[64];
  CURL *easy = new_easy(local_url(url, "http", port));
  struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
  headers = curl_slist_append(headers, "Trailer: Sum");
  headers = curl_slist_append(headers, "Transfer-Encoding: chunked");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, body);
  curl_easy_setopt(easy, CURLOPT_TRAILERFUNCTION, trailer);
  int failed = 0;
  for (int i = 0; i < 2 && !failed; i++) {
    left = 1000;
    failed = curl_easy_perform(easy) != CURLE_OK;
  }
  curl_easy_cleanup(easy);
  curl_slist_free_all(headers);
  return failed;
}

int main(void) {
  int port, server = listener(&port);
  pid_t pid = serving(serve, server);
  int ended = child(upload_twice, port);
  waitpid(pid, NULL, 0);
  if (ended > 0)
    printf("ended by signal %d\n", ended);
  else
    printf(ended ? "the second upload failed\n" : "both uploads done\n");
  return ended != 0;
}
