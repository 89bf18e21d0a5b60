/* SPDX-License-Identifier: MIT
 *
 * A passive download by FTP over TLS hangs under curl_multi_socket_action(). Argument: the URL of a
 * file on a server that wants TLS for data, too, and begins its part of the handshake after RETR
 * (vsftpd).
 *
 * Expected: the file. Actual: while the TLS handshake of the data connection is pending, only the
 * data socket is watched; the answer on the control connection is never read, and there is no timer.
 * (curl_easy_perform() looks again after a second.) 7.87.0 to 8.6.0: ftp_domore_getsock() returns
 * early for a data connection that is not connected yet.
 */
#include "loop.h"

int main(int count, char **arguments) {
  if (count != 2) return 2;
  CURLM *multi = curl_multi_init();
  CURL *easy = new_easy(arguments[1]);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 0L);
  curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  int code = run_events(multi, easy);
  curl_easy_cleanup(easy);
  curl_multi_cleanup(multi);
  return code == 0 ? 0 : code == -1 ? 1 : 2;
}
