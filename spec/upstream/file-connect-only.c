/* SPDX-License-Identifier: MIT
 *
 * CURLOPT_CONNECT_ONLY with file://, then any other protocol in the same connection cache, closes
 * descriptor 0 (http) or crashes (imap).
 *
 * Expected: the kept "connection" of file:// goes without a trace. Actual: file_disconnect() takes
 * data->req.p.file of the easy that closes it, a union: what it finds there is the http or imap of
 * the transfer that begins. Up to 8.12.1; since 8.13.0 (df672695e5) a handle of
 * libcurl's own closes it.
 */
#include "page.h"

/* A transfer after that of file://; whether descriptor 0 is closed then. */
static int keep_and_go_on(const char *scheme) {
  char url[64];
  int port;
  need_descriptor_0();
  listener(&port);
  CURL *easy = new_easy("file:///etc/passwd");
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  if (curl_easy_perform(easy)) exit(2);
  usleep(1100000); /* libcurl looks for dead connections once a second */
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 0L);
  curl_easy_setopt(easy, CURLOPT_URL, local_url(url, scheme, port));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 100L);
  curl_easy_perform(easy);
  curl_easy_cleanup(easy);
  return !is_open(0);
}

static int http(int unused) {
  (void)unused;
  return keep_and_go_on("http");
}

static int imap(int unused) {
  (void)unused;
  return keep_and_go_on("imap");
}

int main(void) {
  int by_http = child(http, 0), by_imap = child(imap, 0);
  printf("descriptor 0 is %s (http); %s %d (imap)\n", by_http ? "closed" : "open",
         by_imap > 0 ? "signal" : "exit", abs(by_imap));
  return by_http || by_imap;
}
