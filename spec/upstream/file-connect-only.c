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

int main(void) {
  char url[64];
  int port;
  need_descriptor_0();
  listener(&port);
  CURL *easy = new_easy("file:///etc/passwd");
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  CURLcode kept = curl_easy_perform(easy);
  usleep(1100000); /* libcurl looks for dead connections once a second */
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 0L);
  curl_easy_setopt(easy, CURLOPT_URL, local_url(url, "http", port));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 100L);
  CURLcode code = curl_easy_perform(easy);
  curl_easy_cleanup(easy);
  printf("results %d, %d, descriptor 0 is %s\n", kept, code,
         is_open(0) ? "open" : "closed");
  return !is_open(0);
}
