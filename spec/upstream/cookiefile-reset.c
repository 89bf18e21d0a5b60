/* SPDX-License-Identifier: MIT
 *
 * curl_easy_reset() loses the memory of the names that CURLOPT_COOKIEFILE was given.
 *
 * Expected: curl_easy_cleanup() frees all. Actual: the list is overwritten. 7.88.0 to
 * 8.4.0; mended in 8.5.0 (70e3b534d5).
 */
#include "blocks.h"

int main(void) {
  count_blocks();
  long before = blocks;
  CURL *easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_COOKIEFILE, "cookies.txt");
  curl_easy_reset(easy);
  curl_easy_cleanup(easy);
  printf("%ld blocks lost\n", blocks - before);
  return blocks != before;
}
