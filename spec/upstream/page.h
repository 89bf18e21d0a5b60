/* SPDX-License-Identifier: MIT
 *
 * page.h - what several pages need. A page prints the version of the libcurl that runs, and
 * what it saw; it exits 0 where libcurl does what it should, 1 where the fault shows. Anything
 * else means that the page could not tell.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((constructor)) static void tell_version(void) {
  puts(curl_version_info(CURLVERSION_NOW)->version);
  fflush(stdout);
}

/* libcurl's default prints to stdout. */
static inline size_t discard(char *data, size_t size, size_t count, void *user) {
  (void)data;
  (void)user;
  return size * count;
}

static inline CURL *new_easy(const char *url) {
  CURL *easy = curl_easy_init();
  if (!easy) exit(2);
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 2000L);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
  return easy;
}

/* A port of loopback that takes connections and says nothing. */
static inline int listener(int *port) {
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t size = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) || listen(fd, 8) ||
      getsockname(fd, (struct sockaddr *)&at, &size))
    exit(2);
  *port = ntohs(at.sin_port);
  return fd;
}

static inline const char *local_url(char url[64], const char *scheme, int port) {
  snprintf(url, 64, "%s://127.0.0.1:%d/", scheme, port);
  return url;
}

static inline int peer_port(curl_socket_t fd) {
  struct sockaddr_in at;
  socklen_t size = sizeof at;
  return getpeername(fd, (struct sockaddr *)&at, &size) ? -1 : ntohs(at.sin_port);
}

static inline int is_open(int fd) { return fcntl(fd, F_GETFD) != -1; }

static inline int descriptors(void) {
  int count = 0;
  DIR *dir = opendir("/proc/self/fd");
  if (!dir) exit(2);
  while (readdir(dir)) count++;
  closedir(dir);
  return count;
}

/* Descriptor 0 must be there, or nobody sees that it is closed. */
static inline void need_descriptor_0(void) {
  if (!is_open(0) && open("/dev/null", O_RDONLY) != 0) exit(2);
}

/* What happens in a child: the number of the signal that ended it, or how it exited, negative. */
static inline int child(int (*run)(int), int argument) {
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) _exit(run(argument));
  if (pid < 0 || waitpid(pid, &status, 0) != pid) exit(2);
  return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

/* A server in a child, for ten seconds at the most. */
static inline pid_t serving(void (*serve)(int), int server) {
  pid_t pid = fork();
  if (pid < 0) exit(2);
  if (pid > 0) return pid;
  alarm(10);
  serve(server);
  _exit(0);
}

/* What a page says of a child that must exit with 0 and may crash. */
static inline int tell_crash(int ended) {
  if (ended < 0) exit(2);
  printf(ended ? "ended by signal %d\n" : "done\n", ended);
  return ended != 0;
}
