/* SPDX-License-Identifier: MIT
 *
 * server.c - the other end of the scenarios: a web server and an FTP server of one page, in
 * a process of their own. It serves each connection until the peer closes it.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

#define PEERS 256

struct peer {
  int ftp;
  size_t used;  /* bytes of what it has asked */
  int data;     /* FTP: the port that the client told, */
  int listener; /* or where it is to connect */
  char asked[200000];
};

static struct pollfd polled[PEERS];
static struct peer *peers[PEERS];

static int listen_on_loopback(int *port) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof in;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&in, len) || listen(fd, 128) ||
      getsockname(fd, (struct sockaddr *)&in, &len)) {
    perror("oom: server");
    exit(1);
  }
  *port = ntohs(in.sin_port);
  return fd;
}

static void say(int fd, const char *text) { send(fd, text, strlen(text), MSG_NOSIGNAL); }

/* ---- HTTP ----------------------------------------------------------------------------- */

static void answer_request(int fd, const char *head) {
  char answer[256];
  static char big[65536];
  int is_big = !strncmp(head, "GET /big", 8);
  if (!strncmp(head, "GET /stall", 10)) return;
  snprintf(answer, sizeof answer,
           "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: %d\r\n%s\r\n%s",
           is_big ? (int)sizeof big : 6,
           strncmp(head, "GET /once", 9) ? "" : "Connection: close\r\n",
           is_big ? "" : "hello\n");
  say(fd, answer);
  if (is_big) send(fd, memset(big, 'x', sizeof big), sizeof big, MSG_NOSIGNAL);
}

/* Answers what has arrived as a whole; 0 if the connection is to be closed. */
static int serve_http(int fd, struct peer *p) {
  for (;;) {
    const char *end = strstr(p->asked, "\r\n\r\n"), *field;
    if (!end) return p->used < sizeof p->asked - 1;
    field = strstr(p->asked, "Content-Length: ");
    size_t size = (size_t)(end + 4 - p->asked);
    if (field && field < end) size += strtoul(field + 16, NULL, 10);
    if (p->used < size) return 1;
    if (!strncmp(p->asked, "GET /reset", 10)) return 0;
    answer_request(fd, p->asked);
    if (!strncmp(p->asked, "GET /once", 9)) return 0;
    memmove(p->asked, p->asked + size, p->used - size + 1);
    p->used -= size;
  }
}

/* ---- FTP ------------------------------------------------------------------------------ */

static int open_data(struct peer *p) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  in.sin_port = htons((unsigned short)p->data);
  if (p->listener >= 0) {
    struct pollfd one = {p->listener, POLLIN, 0};
    int fd = poll(&one, 1, 1000) > 0 ? accept(p->listener, NULL, NULL) : -1;
    close(p->listener);
    p->listener = -1;
    return fd;
  }
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof in)) close(fd), fd = -1;
  return fd;
}

static void retrieve(int fd, struct peer *p) {
  say(fd, "150 here it comes\r\n");
  int data = open_data(p);
  if (data < 0) {
    say(fd, "425 no data connection\r\n");
    return;
  }
  say(data, "hello\n");
  close(data);
  say(fd, "226 done\r\n");
}

static void wait_for_data(int fd, struct peer *p) {
  char text[64];
  if (p->listener >= 0) close(p->listener);
  p->listener = listen_on_loopback(&p->data);
  snprintf(text, sizeof text, "229 Entering (|||%d|)\r\n", p->data);
  say(fd, text);
}

static void obey(int fd, struct peer *p, const char *line) {
  if (!strncmp(line, "USER", 4))
    say(fd, "230 in\r\n");
  else if (!strncmp(line, "PWD", 3))
    say(fd, "257 \"/\"\r\n");
  else if (!strncmp(line, "EPRT", 4))
    p->data = atoi(strrchr(line, '.') + 3), say(fd, "200 good\r\n");
  else if (!strncmp(line, "EPSV", 4))
    wait_for_data(fd, p);
  else if (!strncmp(line, "SIZE", 4))
    say(fd, "213 6\r\n");
  else if (!strncmp(line, "RETR", 4))
    retrieve(fd, p);
  else
    say(fd, "200 good\r\n");
}

static int serve_ftp(int fd, struct peer *p) {
  char *end;
  while ((end = strstr(p->asked, "\r\n"))) {
    *end = '\0';
    obey(fd, p, p->asked);
    size_t size = (size_t)(end + 2 - p->asked);
    memmove(p->asked, end + 2, p->used - size + 1);
    p->used -= size;
  }
  return p->used < sizeof p->asked - 1;
}

/* ---- both ----------------------------------------------------------------------------- */

static void greet(int i) {
  int slot = 3, fd = accept4(polled[i].fd, NULL, NULL, SOCK_CLOEXEC);
  while (slot < PEERS && polled[slot].fd >= 0) slot++;
  if (fd < 0 || slot == PEERS) {
    if (fd >= 0) close(fd);
    return;
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  if (!peers[slot]) peers[slot] = malloc(sizeof *peers[slot]);
  peers[slot]->ftp = i == 2;
  peers[slot]->used = 0;
  peers[slot]->listener = -1;
  polled[slot] = (struct pollfd){fd, POLLIN, 0};
  if (i == 2) say(fd, "220 hello\r\n");
}

static void serve(int i) {
  struct peer *p = peers[i];
  int fd = polled[i].fd;
  ssize_t n = recv(fd, p->asked + p->used, sizeof p->asked - 1 - p->used, 0);
  if (n > 0) {
    p->used += (size_t)n;
    p->asked[p->used] = '\0';
    if (p->ftp ? serve_ftp(fd, p) : serve_http(fd, p)) return;
  }
  if (p->listener >= 0) close(p->listener);
  close(fd);
  polled[i].fd = -1;
}

static void serve_all(int http, int ftp) {
  for (int i = 0; i < PEERS; i++) polled[i] = (struct pollfd){-1, POLLIN, 0};
  polled[1].fd = http;
  polled[2].fd = ftp;
  while (poll(polled, PEERS, -1) >= 0)
    for (int i = 1; i < PEERS; i++) {
      if (!polled[i].revents) continue;
      if (i <= 2)
        greet(i);
      else
        serve(i);
    }
}

pid_t start_server(struct ports *ports) {
  int http = listen_on_loopback(&ports->http), ftp = listen_on_loopback(&ports->ftp);
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) serve_all(http, ftp);
    _exit(0);
  }
  close(http);
  close(ftp);
  return pid;
}
