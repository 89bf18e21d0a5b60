/* SPDX-License-Identifier: MIT
 *
 * A file:// transfer that the progress callback ends in the call after its last byte loses its
 * descriptor.
 *
 * Expected: whenever CURLOPT_XFERINFOFUNCTION returns 1, all is closed. Actual: when the call is
 * made for a transfer that has just come to MSTATE_DONE, multi_runsingle() goes on to
 * MSTATE_COMPLETED, where the connection is detached, and multi_done() is never called: the file
 * stays open, and the connection stays in the cache, where it does what file-connect-only.c shows.
 * The descriptor is lost up to 8.13.0; since 8.14.0 FILEPROTO has a destructor.
 */
#include "page.h"

static int calls, last;

static int progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total,
                    curl_off_t up_now) {
  (void)user;
  (void)total;
  (void)now;
  (void)up_total;
  (void)up_now;
  return ++calls == last;
}

static CURLcode abort_at(int call) {
  CURL *easy = new_easy("file:///etc/passwd");
  calls = 0;
  last = call;
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, progress);
  CURLcode code = curl_easy_perform(easy);
  curl_easy_cleanup(easy);
  return code;
}

int main(void) {
  int before = descriptors(), lost = 0;
  for (int call = 1; abort_at(call) != CURLE_OK; call++) {
    int now = descriptors() - before;
    if (now > lost) printf("ended by call %d: a descriptor is lost\n", call);
    lost = now;
  }
  printf("%d descriptors lost\n", lost);
  return lost > 0;
}
