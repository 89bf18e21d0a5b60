/* SPDX-License-Identifier: MIT
 *
 * A download by HTTP/3 stops for ever where datagrams to the server are lost. Argument: the URL of a
 * server of HTTP/3 that has /big, 1 MiB (nginx).
 *
 * Expected: all of it. Actual, with OpenSSL's QUIC: a MAX_STREAM_DATA that is lost is not sent again,
 * if nothing else of its stream was in the packet (on_lost() in quic_fifd.c looks at the packet's
 * chunks; that frame makes none, and a stream whose request is acknowledged is passed over). When all
 * are lost that a stream sends for half a MiB the server may not send more, and nobody says anything.
 * With many transfers at once a server on the same machine loses them itself: its socket is full of
 * acknowledgements. OpenSSL 3.5.9, and the newest that was read.
 */
#include <time.h>

#include "relay.h"

enum {
  BIG = 1 << 20,
  STEP = 128 << 10,
  EARLY = 20 << 10,
  OVERHEAD = 27,
  SMALL = 100,
  QUIET = 60
};

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* The client grants more with each 128 KiB that it has read: for a while all that it says then is
 * lost, but for requests. (The server stops soon without acknowledgements.) */
static int passes(const struct relay *r, int up, size_t size) {
  static long long quiet_until;
  static long bytes, next = STEP - EARLY;
  (void)r;
  if (up) return size > SMALL || now() >= quiet_until;
  bytes += (long)size - OVERHEAD;
  if (bytes >= next) {
    next += STEP;
    quiet_until = now() + QUIET;
  }
  return 1;
}

static size_t count_bytes(char *data, size_t size, size_t n, void *user) {
  (void)data;
  *(long *)user += (long)(size * n);
  return size * n;
}

int main(int count, char **arguments) {
  int port;
  long got = 0;
  need_http3(count, arguments);
  pid_t relay_id = begin_relay(&port);
  CURL *easy = new_http3(port, "/big");
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 0L);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, 5L);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, count_bytes);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &got);
  CURLcode code = curl_easy_perform(easy);
  curl_easy_cleanup(easy);
  kill(relay_id, SIGKILL);
  printf("%ld of %d bytes, result %d\n", got, BIG, (int)code);
  return code == CURLE_OPERATION_TIMEDOUT ? 1 : code == CURLE_OK && got == BIG ? 0 : 2;
}
