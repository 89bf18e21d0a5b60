/* SPDX-License-Identifier: MIT
 *
 * relay.h - a child between libcurl and a server of HTTP/3, which loses or delays datagrams as a
 * network may; and transfers by HTTP/3 through it.
 */
#include <poll.h>

#include "page.h"

struct relay {
  int client, server, up, down; /* sockets, and how many datagrams have passed */
  struct sockaddr_in from;
};

static int server_port;

/* Whether this datagram passes: the page says so. */
static int passes(const struct relay *r, int up, size_t size);

/* The page is of no use where libcurl, or the system, has no HTTP/3. */
static void need_http3(int count, char **arguments) {
  if (count != 2) exit(2);
  if (!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP3)) {
    puts("has no HTTP/3");
    exit(0);
  }
  server_port = atoi(strrchr(arguments[1], ':') + 1);
}

static int datagram_socket(int connected_to) {
  struct sockaddr_in at = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)connected_to)};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || (connected_to ? connect : bind)(fd, (struct sockaddr *)&at, sizeof at))
    exit(2);
  return fd;
}

static void pass_up(struct relay *r) {
  char data[65536];
  socklen_t size = sizeof r->from;
  ssize_t n =
      recvfrom(r->client, data, sizeof data, 0, (struct sockaddr *)&r->from, &size);
  r->up++;
  if (n > 0 && passes(r, 1, (size_t)n)) send(r->server, data, (size_t)n, 0);
}

static void pass_down(struct relay *r) {
  char data[65536];
  ssize_t n = recv(r->server, data, sizeof data, 0);
  r->down++;
  if (n > 0 && passes(r, 0, (size_t)n))
    sendto(r->client, data, (size_t)n, 0, (struct sockaddr *)&r->from, sizeof r->from);
}

static void relay(int client) {
  struct relay r = {.client = client, .server = datagram_socket(server_port)};
  alarm(30);
  for (;;) {
    struct pollfd p[2] = {{r.client, POLLIN, 0}, {r.server, POLLIN, 0}};
    poll(p, 2, -1);
    if (p[0].revents) pass_up(&r);
    if (p[1].revents) pass_down(&r);
  }
}

static pid_t begin_relay(int *port) {
  struct sockaddr_in at;
  socklen_t size = sizeof at;
  int fd = datagram_socket(0);
  getsockname(fd, (struct sockaddr *)&at, &size);
  *port = ntohs(at.sin_port);
  return serving(relay, fd);
}

static CURL *new_http3(int port, const char *path) {
  char url[64];
  snprintf(url, sizeof url, "https://127.0.0.1:%d%s", port, path);
  CURL *easy = new_easy(url);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_3ONLY);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  return easy;
}
