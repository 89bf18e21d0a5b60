/* SPDX-License-Identifier: MIT
 *
 * CURLINFO_ACTIVESOCKET names a stranger's connection after CURLOPT_SHARE was set; curl_easy_send()
 * and curl_easy_recv() would use it.
 *
 * Expected: CURL_SOCKET_BAD. Actual: libcurl remembers the last connection by a number that is
 * unique in one cache only (lastconnect_id), and looks it up in the cache that the easy would use
 * now. All versions.
 */
#include "page.h"

static CURL *connect_only(const char *url) {
  CURL *easy = new_easy(url);
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  return easy;
}

int main(void) {
  char url[64];
  int mine, strangers;
  listener(&mine);
  listener(&strangers);
  CURLSH *share = curl_share_init();
  curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
  CURL *stranger = connect_only(local_url(url, "http", strangers));
  curl_easy_setopt(stranger, CURLOPT_SHARE, share);
  CURL *easy = connect_only(local_url(url, "http", mine));
  if (curl_easy_perform(stranger) || curl_easy_perform(easy)) return 2;
  curl_easy_setopt(easy, CURLOPT_SHARE, share);
  curl_socket_t fd = CURL_SOCKET_BAD;
  curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
  int port = fd == CURL_SOCKET_BAD ? -1 : peer_port(fd);
  printf("connected to %d, a stranger to %d; active is a socket to %d\n", mine, strangers,
         port);
  curl_easy_cleanup(easy);
  curl_easy_cleanup(stranger);
  curl_share_cleanup(share);
  return port == strangers;
}
