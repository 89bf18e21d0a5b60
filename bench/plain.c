/* SPDX-License-Identifier: MIT
 *
 * plain.c - what the benchmarks compare curlsock with: the tasks of task.lua, line by line,
 * in C, with the socket callbacks that a careful C program has. CURLOPT_NOSIGNAL is set, as
 * curlsock sets it: without it libcurl makes 4 to 9 more system calls a request.
 *
 *   plain TASK URL N
 *
 * prints the CPU time (user and system) of the task's loop, and what was counted.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONCURRENT = 1000 };

static struct counts { long opened, closed, bytes; } counts;

static const char *url;

static void fail(const char *what) {
  fprintf(stderr, "plain: %s\n", what);
  exit(1);
}

static void check(CURLcode code) {
  if (code) fail(curl_easy_strerror(code));
}

static void check_multi(CURLMcode code) {
  if (code) fail(curl_multi_strerror(code));
}

static double cpu_time(void) {
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

/* ---- callbacks ---------------------------------------------------------------------- */

/* As a guard would: whether the address may be dialled at all. */
static int is_allowed(curlsocktype purpose, const struct curl_sockaddr *address) {
  struct sockaddr_in in;
  if (purpose != CURLSOCKTYPE_IPCXN || address->family != AF_INET) return 0;
  memcpy(&in, &address->addr, sizeof in);
  return ntohl(in.sin_addr.s_addr) >> 16 != 0xa9fe; /* 169.254.0.0/16 */
}

static curl_socket_t open_socket(void *clientp, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
  struct counts *c = clientp;
  if (!is_allowed(purpose, address)) return CURL_SOCKET_BAD;
  int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  c->opened++;
  return fd;
}

static int close_socket(void *clientp, curl_socket_t fd) {
  struct counts *c = clientp;
  c->closed++;
  return close(fd) != 0;
}

static size_t count_bytes(char *data, size_t one, size_t size, void *clientp) {
  struct counts *c = clientp;
  (void)data;
  c->bytes += (long)(one * size);
  return one * size;
}

/* All pieces in their order, as who wants the whole body in memory has it. */
struct piece {
  struct piece *next;
  char data[];
};

struct list {
  struct piece *first, **last;
};

static size_t keep_bytes(char *data, size_t one, size_t size, void *clientp) {
  struct list *list = clientp;
  struct piece *piece = malloc(sizeof *piece + one * size);
  if (!piece) return 0;
  memcpy(piece->data, data, one * size);
  piece->next = NULL;
  *list->last = piece;
  list->last = &piece->next;
  return one * size;
}

static size_t write_bytes(char *data, size_t one, size_t size, void *clientp) {
  return fwrite(data, one, size, clientp);
}

/* libcurl would print the body. */
static size_t drop_bytes(char *data, size_t one, size_t size, void *clientp) {
  (void)data;
  (void)clientp;
  return one * size;
}

/* ---- tasks -------------------------------------------------------------------------- */

static CURL *new_easy(void) {
  CURL *easy = curl_easy_init();
  if (!easy) fail("no easy handle");
  check(curl_easy_setopt(easy, CURLOPT_URL, url));
  check(curl_easy_setopt(easy, CURLOPT_PROXY, ""));
  check(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
  check(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket));
  check(curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &counts));
  check(curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket));
  check(curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, &counts));
  check(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_bytes));
  return easy;
}

/* The CPU time of n requests. */
static double perform(CURL *easy, long n) {
  double start = cpu_time();
  for (long i = 0; i < n; i++) check(curl_easy_perform(easy));
  double time = cpu_time() - start;
  curl_easy_cleanup(easy);
  return time;
}

/* The first request, with all that libcurl sets up once, is not measured. */
static double run_new(long n) {
  CURL *easy = new_easy();
  check(curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L));
  check(curl_easy_perform(easy));
  return perform(easy, n);
}

static double run_kept(long n) {
  CURL *easy = new_easy();
  check(curl_easy_perform(easy));
  return perform(easy, n);
}

static CURL *new_download(curl_write_callback write, void *clientp) {
  CURL *easy = new_easy();
  check(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write));
  check(curl_easy_setopt(easy, CURLOPT_WRITEDATA, clientp));
  return easy;
}

static double run_download(long n) {
  return perform(new_download(count_bytes, &counts), n);
}

static double run_download512(long n) {
  CURL *easy = new_download(count_bytes, &counts);
  check(curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 524288L));
  return perform(easy, n);
}

static double run_file(long n) {
  FILE *file = fopen("/dev/null", "w");
  if (!file) fail("no /dev/null");
  double time = perform(new_download(write_bytes, file), n);
  fclose(file);
  return time;
}

static void free_pieces(struct piece *piece) {
  for (struct piece *next; piece; piece = next) {
    next = piece->next;
    free(piece);
  }
}

/* Each body on an easy of its own. */
static double run_table(long n) {
  double start = cpu_time();
  for (long i = 0; i < n; i++) {
    struct list list = {NULL, &list.first};
    perform(new_download(keep_bytes, &list), 1);
    free_pieces(list.first);
  }
  return cpu_time() - start;
}

static void finish_transfers(CURLM *multi) {
  CURLMsg *msg;
  int left;
  while ((msg = curl_multi_info_read(multi, &left))) {
    CURL *easy = msg->easy_handle;
    check(msg->data.result);
    check_multi(curl_multi_remove_handle(multi, easy));
    curl_easy_cleanup(easy);
  }
}

/* n transfers at once, each on an easy handle of its own. */
static void run_transfers(CURLM *multi, long n) {
  int running;
  for (long i = 0; i < n; i++) check_multi(curl_multi_add_handle(multi, new_easy()));
  for (;;) {
    check_multi(curl_multi_perform(multi, &running));
    finish_transfers(multi);
    if (!running) return;
    check_multi(curl_multi_poll(multi, NULL, 0, 1000, NULL));
  }
}

static void run_round(void) {
  CURLM *multi = curl_multi_init();
  if (!multi) fail("no multi handle");
  run_transfers(multi, CONCURRENT);
  check_multi(curl_multi_cleanup(multi));
}

static double run_concurrent(long n) {
  run_round();
  double start = cpu_time();
  for (long i = 0; i < n; i++) run_round();
  return cpu_time() - start;
}

/* Ends with n idle connections, for whoever looks at the memory then. */
static double run_idle(long n) {
  CURLM *multi = curl_multi_init();
  if (!multi) fail("no multi handle");
  double start = cpu_time();
  check_multi(curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, n));
  run_transfers(multi, n);
  return cpu_time() - start;
}

static const struct {
  const char *name;
  double (*run)(long n);
} tasks[] = {{"new", run_new},
             {"kept", run_kept},
             {"download", run_download},
             {"download512", run_download512},
             {"file", run_file},
             {"table", run_table},
             {"concurrent", run_concurrent},
             {"idle", run_idle}};

int main(int argc, char **argv) {
  if (argc != 4) fail("usage: plain TASK URL N");
  url = argv[2];
  check(curl_global_init(CURL_GLOBAL_DEFAULT));
  for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
    if (strcmp(tasks[i].name, argv[1])) continue;
    double time = tasks[i].run(atol(argv[3]));
    printf("cpu %.6f opened %ld closed %ld bytes %ld\n", time, counts.opened,
           counts.closed, counts.bytes);
    return 0;
  }
  fail("unknown task");
}
