/* SPDX-License-Identifier: MIT
 *
 * A transfer with CURLOPT_STREAM_WEIGHT crashes if an idle HTTP/2 connection in its cache has
 * something to read, if only a ping.
 *
 * Expected: the transfer, here of dict. Actual: it looks whether that connection is dead, reads the
 * frame, and h2_session_send() wants to tell the weight of its own stream: that of data->req.p.http,
 * which only HTTP has. Up to 8.1.2; mended in 8.2.0.
 */
#include "page.h"

/* Answers the first request, and pings when that is done. */
static void serve(int server) {
  static const char settings[] = "\0\0\0\4\0\0\0\0\0", yes[] = "\0\0\1\1\5\0\0\0\1\x88";
  static const char ping[] = "\0\0\10\6\0\0\0\0\0\0\0\0\0\0\0\0\0";
  int fd = accept(server, NULL, NULL);
  char text[1000];
  if (fd < 0 || recv(fd, text, sizeof text, 0) <= 0) _exit(1);
  send(fd, settings, sizeof settings - 1, 0);
  usleep(100000);
  send(fd, yes, sizeof yes - 1, 0);
  usleep(500000);
  send(fd, ping, sizeof ping - 1, 0);
  pause();
}

static int transfer_twice(int port) {
  char url[64];
  CURLM *multi = curl_multi_init();
  CURL *easies[2] = {new_easy(local_url(url, "http", port)),
                     new_easy("dict://127.0.0.1:1/")};
  curl_easy_setopt(easies[0], CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
  curl_easy_setopt(easies[1], CURLOPT_STREAM_WEIGHT, 100L);
  for (int i = 0; i < 2; i++) {
    int running = 1, left;
    curl_multi_add_handle(multi, easies[i]);
    while (running) {
      curl_multi_perform(multi, &running);
      curl_multi_poll(multi, NULL, 0, 50, NULL);
    }
    CURLMsg *msg = curl_multi_info_read(multi, &left);
    if (!msg || (i == 0 && msg->data.result)) return 2;
    sleep(2); /* connections are looked at once a second */
  }
  return 0;
}

int main(void) {
  int port, server = listener(&port);
  pid_t pid = serving(serve, server);
  int ended = child(transfer_twice, port);
  kill(pid, SIGKILL);
  return tell_crash(ended);
}
