/* SPDX-License-Identifier: MIT
 *
 * A file:// URL with %00 in its path closes descriptor 0 of the process.
 *
 * Expected: CURLE_URL_MALFORMAT, and nothing else. Actual: file_setup_connection() leaves
 * FILEPROTO's fd at calloc's 0; file_connect() fails before it sets it; file_done(), or since
 * 8.14.0 the destructor, closes what is not -1. Up to 8.12.1, and 8.14.0 to 8.19.0 (in 8.13.0 nobody
 * closes it); mended in 8.20.0 (0b182ae529).
 */
#include "page.h"

int main(void) {
  need_descriptor_0();
  CURL *easy = new_easy("file:///a%00b");
  CURLcode code = curl_easy_perform(easy);
  curl_easy_cleanup(easy);
  printf("result %d, descriptor 0 is %s\n", code, is_open(0) ? "open" : "closed");
  return !is_open(0);
}
