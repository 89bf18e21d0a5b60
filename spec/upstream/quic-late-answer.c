/* SPDX-License-Identifier: MIT
 *
 * A connection of HTTP/3 whose server is late in the handshake answers its first request, and none
 * after that. Argument: the URL of a server of HTTP/3 that has /hello (nginx).
 *
 * Expected: both answers. Actual, with OpenSSL's QUIC: check_and_set_expiry() sends what there is when
 * QUIC's timer is due, also while the handshake goes on. Then the control stream and those of QPACK
 * are blocked (h3_send_streams()), and cf_osslq_check_and_unblock() frees the streams of transfers
 * alone: the server never gets the settings, nor the table of headers that the second request
 * refers to. 8.6.0 to 8.18.0; 8.19.0 has no OpenSSL QUIC.
 */
#include "relay.h"

enum { TRIES = 15 };

static int late_ms;

/* The first datagram tells the client how near the server is; the next ones are late for that. */
static int passes(const struct relay *r, int up, size_t size) {
  (void)size;
  if (!up && r->down == 2) usleep((useconds_t)late_ms * 1000);
  return 1;
}

/* Whether the second request of a new connection is lost. */
static int is_lost(int late) {
  int port;
  late_ms = late;
  pid_t relay_id = begin_relay(&port);
  CURL *easy = new_http3(port, "/hello");
  CURLcode first = curl_easy_perform(easy), second = curl_easy_perform(easy);
  curl_easy_cleanup(easy);
  kill(relay_id, SIGKILL);
  if (first) exit(2);
  return second == CURLE_OPERATION_TIMEDOUT;
}

/* The timer must be due just when libcurl looks at it. */
int main(int count, char **arguments) {
  int lost = 0;
  need_http3(count, arguments);
  for (int i = 1; i <= TRIES && !lost; i++) lost = is_lost(20 * i);
  puts(lost ? "the second request is lost" : "both are answered");
  return lost;
}
