/* SPDX-License-Identifier: MIT
 *
 * host.c - runs each scenario of scenarios.lua with the first, the second, the third...
 * allocation or system call failing, until one run is through without having met it.
 *
 * The module's objects are linked in, with their calls of malloc, close and so on replaced
 * by those below (--wrap). libcurl and Lua are the system's, with allocators of ours.
 *
 * usage: host scenarios.lua [SCENARIO [MODE [N]]]      with N: that run alone, in no child
 */
#include <errno.h>
#include <fcntl.h>
#include <lualib.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"
#include "state.h"

/* ---- what fails ----------------------------------------------------------------------- */

enum domain { LUA, LIBCURL, MODULE, SYSTEM };

static const char *const domains[] = {"Lua", "libcurl", "module", "system call"};

struct mode {
  const char *name;
  enum domain domain;
  int for_good; /* not only the n-th one, all that follow too */
};

static const struct mode modes[] = {
    {"lua", LUA, 0},          {"lua-all", LUA, 1},       {"curl", LIBCURL, 0},
    {"curl-all", LIBCURL, 1}, {"module", MODULE, 0},     {"module-all", MODULE, 1},
    {"system", SYSTEM, 0},    {"system-all", SYSTEM, 1},
};
enum { NMODES = sizeof modes / sizeof *modes };

static struct {
  int armed;
  const struct mode *mode;
  long n, count;
  int hit;
} trap;

/* Lua collects garbage and asks again before it gives up, so two in a row have to fail. */
static int fails(enum domain domain) {
  if (!trap.armed || trap.mode->domain != domain || trap.n == 0) return 0;
  long past = ++trap.count - trap.n;
  int now =
      past == 0 || (past > 0 && (trap.mode->for_good || (past == 1 && domain == LUA)));
  trap.hit |= now;
  return now;
}

/* ---- what is reported ----------------------------------------------------------------- */

/* Shared with the children. */
static struct report {
  char scenario[64];
  int mode;
  long n;        /* of the run that is under way */
  long injected; /* runs that met a failure */
  int wrong;     /* what this scenario and mode did wrong */
} * report;

__attribute__((format(printf, 1, 2))) static void wrong(const char *format, ...) {
  va_list args;
  va_start(args, format);
  printf("FAILED %s [%s %ld]: ", report->scenario, modes[report->mode].name, report->n);
  vprintf(format, args);
  printf("\n");
  fflush(stdout);
  va_end(args);
  report->wrong++;
}

/* ---- allocators ----------------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *block);

static long live[3]; /* blocks, by domain */

static void *count_block(enum domain domain, void *block) {
  if (block) live[domain]++;
  return block;
}

static void *get(enum domain domain, size_t size) {
  return fails(domain) ? NULL : count_block(domain, __real_malloc(size ? size : 1));
}

static void *get_zeroed(enum domain domain, size_t count, size_t size) {
  return fails(domain) ? NULL : count_block(domain, __real_calloc(count, size));
}

static void *resize(enum domain domain, void *old, size_t size) {
  if (!old) return get(domain, size);
  return fails(domain) ? NULL : __real_realloc(old, size);
}

static void put(enum domain domain, void *block) {
  if (block) live[domain]--;
  __real_free(block);
}

void *__wrap_malloc(size_t size) { return get(MODULE, size); }
void *__wrap_calloc(size_t count, size_t size) { return get_zeroed(MODULE, count, size); }
void *__wrap_realloc(void *old, size_t size) { return resize(MODULE, old, size); }
void __wrap_free(void *block) { put(MODULE, block); }

static void *curl_get(size_t size) { return get(LIBCURL, size); }
static void *curl_get_zeroed(size_t count, size_t size) {
  return get_zeroed(LIBCURL, count, size);
}
static void *curl_resize(void *old, size_t size) { return resize(LIBCURL, old, size); }
static void curl_put(void *block) { put(LIBCURL, block); }

static char *curl_copy(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = get(LIBCURL, size);
  return copy ? memcpy(copy, text, size) : NULL;
}

/* Making a block smaller never fails: Lua relies on it. */
static void *lua_allocate(void *unused, void *old, size_t old_size, size_t size) {
  (void)unused;
  if (size == 0) return put(LUA, old), NULL;
  if (!old) return get(LUA, size);
  return size <= old_size ? __real_realloc(old, size) : resize(LUA, old, size);
}

/* ---- system calls --------------------------------------------------------------------- */

enum { DESCRIPTORS = 256 };
static ino_t made[DESCRIPTORS]; /* what the module made under this number */
static int any_owner;           /* libcurl makes descriptors that the module closes */

static ino_t inode(int fd) {
  struct stat st;
  int __real_fstat(int, struct stat *);
  return __real_fstat(fd, &st) ? 0 : st.st_ino;
}

static int make(int fd) {
  if (fd >= 0 && fd < DESCRIPTORS) made[fd] = inode(fd);
  return fd;
}

#define WRAP(type, name, params, args, code)                                             \
  type __real_##name params;                                                             \
  type __wrap_##name params;                                                             \
  type __wrap_##name params {                                                            \
    if (fails(SYSTEM)) return errno = code, (type)-1;                                    \
    return __real_##name args;                                                           \
  }

/* The same for what waits: it may fail now and then, or nothing ever goes on. */
#define WRAP_WAIT(type, name, params, args, code)                                        \
  type __real_##name params;                                                             \
  type __wrap_##name params;                                                             \
  type __wrap_##name params {                                                            \
    if (fails(SYSTEM) && trap.count == trap.n) return errno = code, (type)-1;            \
    return __real_##name args;                                                           \
  }

/* The same for what makes a descriptor. */
#define WRAP_MAKER(name, params, args)                                                   \
  int __real_##name params;                                                              \
  int __wrap_##name params;                                                              \
  int __wrap_##name params {                                                             \
    if (fails(SYSTEM)) return errno = EMFILE, -1;                                        \
    return make(__real_##name args);                                                     \
  }

WRAP_MAKER(socket, (int family, int type, int protocol), (family, type, protocol))
WRAP_MAKER(accept4, (int fd, struct sockaddr *sa, socklen_t *len, int flags),
           (fd, sa, len, flags))
WRAP_MAKER(epoll_create1, (int flags), (flags))
WRAP_MAKER(timerfd_create, (int clock, int flags), (clock, flags))
WRAP(int, fstat, (int fd, struct stat *st), (fd, st), ENOMEM)
WRAP(int, dup3, (int from, int to, int flags), (from, to, flags), EBUSY)
WRAP(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *len),
     (fd, level, name, value, len), ENOBUFS)
WRAP(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t len),
     (fd, level, name, value, len), ENOBUFS)
WRAP(int, getsockname, (int fd, struct sockaddr *sa, socklen_t *len), (fd, sa, len),
     ENOBUFS)
WRAP(int, getpeername, (int fd, struct sockaddr *sa, socklen_t *len), (fd, sa, len),
     ENOBUFS)
WRAP(int, bind, (int fd, const struct sockaddr *sa, socklen_t len), (fd, sa, len), ENOMEM)
WRAP(int, connect, (int fd, const struct sockaddr *sa, socklen_t len), (fd, sa, len),
     ENOMEM)
WRAP(int, listen, (int fd, int backlog), (fd, backlog), EADDRINUSE)
WRAP_WAIT(int, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms), ENOMEM)
WRAP(int, epoll_ctl, (int epoll, int op, int fd, struct epoll_event *ev),
     (epoll, op, fd, ev), op == EPOLL_CTL_DEL ? EBADF : ENOMEM)
WRAP_WAIT(int, epoll_wait, (int epoll, struct epoll_event *ev, int n, int ms),
          (epoll, ev, n, ms), EINTR)
WRAP(ssize_t, send, (int fd, const void *data, size_t size, int flags),
     (fd, data, size, flags), ENOBUFS)
WRAP(ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags),
     ENOMEM)

WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags),
     ENOBUFS)

ssize_t __real_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags) {
  if (fails(SYSTEM)) return errno = ENOMEM, -1;
  ssize_t n = __real_recvmsg(fd, m, flags);
  struct cmsghdr *h = n < 0 ? NULL : CMSG_FIRSTHDR(m);
  for (; h; h = CMSG_NXTHDR(m, h))
    for (size_t at = CMSG_LEN(0); at < h->cmsg_len; at += sizeof(int))
      make(*(int *)((char *)h + at));
  return n;
}

WRAP(int, setns, (int fd, int kind), (fd, kind), EPERM)

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*start)(void *), void *arg) {
  return fails(SYSTEM) ? EAGAIN : __real_pthread_create(thread, attr, start, arg);
}

/* The module only opens to read. */
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
  if (fails(SYSTEM)) return errno = EMFILE, -1;
  return make(__real_open(path, flags));
}

int __real_socketpair(int family, int type, int protocol, int fds[2]);
int __wrap_socketpair(int family, int type, int protocol, int fds[2]);
int __wrap_socketpair(int family, int type, int protocol, int fds[2]) {
  if (fails(SYSTEM)) return errno = EMFILE, -1;
  if (__real_socketpair(family, type, protocol, fds)) return -1;
  make(fds[0]);
  make(fds[1]);
  return 0;
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...) {
  va_list args;
  va_start(args, command);
  int value = command == F_GETFL || command == F_GETFD ? 0 : va_arg(args, int);
  va_end(args);
  if (fails(SYSTEM)) return errno = command == F_DUPFD_CLOEXEC ? EMFILE : EPERM, -1;
  fd = __real_fcntl(fd, command, value);
  return command == F_DUPFD_CLOEXEC ? make(fd) : fd;
}

FILE *__real_fdopen(int fd, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode) {
  if (fails(SYSTEM)) return errno = ENOMEM, NULL;
  return __real_fdopen(fd, mode);
}

size_t __real_fwrite(const void *data, size_t one, size_t count, FILE *file);
size_t __wrap_fwrite(const void *data, size_t one, size_t count, FILE *file);
size_t __wrap_fwrite(const void *data, size_t one, size_t count, FILE *file) {
  if (fails(SYSTEM)) return errno = ENOSPC, 0;
  return __real_fwrite(data, one, count, file);
}

/* Every fstat fails: what libcurl has closed without a word cannot be told from what is open,
 * and to close a number once more is better than to lose a descriptor. */
static int is_blind(void) {
  return trap.hit && trap.mode->domain == SYSTEM && trap.mode->for_good;
}

/* The descriptor is gone also where close fails. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd) {
  ino_t is = inode(fd);
  if (!is && is_blind()) return errno = EBADF, -1;
  if (!is)
    wrong("closes descriptor %d, which is not open", fd);
  else if (!any_owner && fd < DESCRIPTORS && made[fd] != is)
    wrong("closes descriptor %d, which it did not make", fd);
  if (fd >= 0 && fd < DESCRIPTORS) made[fd] = 0;
  int code = __real_close(fd);
  if (is && fails(SYSTEM)) return errno = EIO, -1;
  return code;
}

static void list_descriptors(char open[DESCRIPTORS]) {
  for (int fd = 0; fd < DESCRIPTORS; fd++) open[fd] = inode(fd) != 0;
}

static void compare_descriptors(const char before[DESCRIPTORS]) {
  char after[DESCRIPTORS];
  list_descriptors(after);
  for (int fd = 0; fd < DESCRIPTORS; fd++) {
    if (before[fd] == after[fd]) continue;
    wrong("descriptor %d %s", fd, after[fd] ? "is left open" : "was closed");
    if (after[fd]) __real_close(fd);
  }
}

/* ---- what scenarios can call ---------------------------------------------------------- */

static struct ports ports;
static int numbers[16], nnumbers; /* descriptors that belong to no object */

/* host.fail(): from here to the scenario's end allocations, or calls, may fail. */
static int host_fail(lua_State *L) {
  (void)L;
  trap.armed = 1;
  return 0;
}

/* host.number(): a descriptor of a socket that is the script's. Whoever has it at the end,
 * the host closes it if it is still that socket. */
static int host_number(lua_State *L) {
  int fd =
      nnumbers < 16 ? make(__real_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) : -1;
  numbers[nnumbers++] = fd;
  lua_pushinteger(L, fd);
  return 1;
}

/* host.keep(fd): the same for a descriptor that a Socket was detached from. */
static int host_keep(lua_State *L) {
  numbers[nnumbers++] = (int)lua_tointeger(L, 1);
  return 0;
}

static void end_numbers(void) {
  for (; nnumbers > 0; nnumbers--) {
    int fd = numbers[nnumbers - 1];
    if (fd < 0 || !made[fd] || made[fd] != inode(fd)) continue;
    made[fd] = 0;
    __real_close(fd);
  }
}

static int luaopen_host(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"fail", host_fail}, {"keep", host_keep}, {"number", host_number}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_pushfstring(L, "http://127.0.0.1:%d/", ports.http);
  lua_setfield(L, -2, "http");
  lua_pushfstring(L, "ftp://127.0.0.1:%d/hello.txt", ports.ftp);
  lua_setfield(L, -2, "ftp");
  lua_pushfstring(L, "127.0.0.1:%d", ports.http);
  lua_setfield(L, -2, "address");
  lua_pushstring(L, modes[report->mode].name);
  lua_setfield(L, -2, "mode");
  return 1;
}

/* ---- one run -------------------------------------------------------------------------- */

static const char *file;

int luaopen_curlsock_core(lua_State *L);

static int panic(lua_State *L) {
  wrong("unprotected error: %s", lua_tostring(L, -1));
  abort();
}

static void preload(lua_State *L, const char *name, lua_CFunction open) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, open);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/* A state with the scenarios on its stack. */
static lua_State *new_state(void) {
#if LUA_VERSION_NUM >= 505
  lua_State *L = lua_newstate(lua_allocate, NULL, 0);
#else
  lua_State *L = lua_newstate(lua_allocate, NULL);
#endif
  lua_atpanic(L, panic);
  luaL_openlibs(L);
  preload(L, "curlsock.core", luaopen_curlsock_core);
  preload(L, "host", luaopen_host);
  lua_getglobal(L, "package");
  lua_pushliteral(L, "lua/?.lua;lua/?/init.lua");
  lua_setfield(L, -2, "path");
  lua_settop(L, 0);
  if (luaL_dofile(L, file)) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    exit(1);
  }
  return L;
}

/* Calls the function of that name. What went wrong is in the error, and so is what the run
 * was to prove. */
static void call(lua_State *L, const char *name, const char *what) {
  lua_getfield(L, 1, name);
  lua_getfield(L, 2, "run");
  int failed = lua_pcall(L, 1, 0, 0);
  trap.armed = 0;
  const char *text = failed ? luaL_tolstring(L, -1, NULL) : "";
  if (failed && (!trap.hit || strstr(text, "WRONG"))) wrong("%s: %s", what, text);
  if (failed && getenv("VERBOSE"))
    printf("%s [%s %ld]: %s\n", report->scenario, trap.mode->name, trap.n, text);
  lua_settop(L, 2);
}

/* The state can still be used, and nothing that the scenario made is left. */
static void check_state(lua_State *L) {
  int hit = trap.hit;
  trap.hit = 0;
  call(L, "usable", "the state is not usable");
  trap.hit = hit;
  for (int i = 0; i < 3; i++) lua_gc(L, LUA_GCCOLLECT);
  const struct cs_runtime *rt = cs_runtime(L);
  for (int i = 0; i < CS_NKINDS; i++) {
    const char *kind = cs_kind_names[i];
    if (rt->live[i]) wrong("live objects left: %d of kind %s", rt->live[i], kind);
    if (!cs_link_empty(&rt->handles[i])) wrong("a handle is left: %s", kind);
  }
  if (rt->open) wrong("open sockets left: %d", rt->open);
  if (!cs_link_empty(&rt->sockets)) wrong("a struct cs_socket is left");
  if (rt->frame) wrong("a frame is left: an error went through libcurl");
  if (rt->waiting) wrong("a handle is left waiting to be torn down");
}

static int flag(lua_State *L, const char *name) {
  lua_getfield(L, 2, name);
  int on = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return on;
}

/* Runs the scenario with the n-th failure; whether that was met. */
static int run(int scenario, long n) {
  char before[DESCRIPTORS];
  long blocks[3];
  memcpy(blocks, live, sizeof live);
  list_descriptors(before);
  report->n = n;
  trap.n = n;
  trap.count = trap.hit = 0;
  alarm(20);
  lua_State *L = new_state();
  lua_rawgeti(L, 1, scenario);
  any_owner = flag(L, "foreign");
  int closing = flag(L, "closing");
  call(L, "try", "failed");
  trap.armed = closing && trap.mode->domain != LUA;
  if (!closing) check_state(L);
  lua_close(L);
  trap.armed = 0;
  end_numbers();
  compare_descriptors(before);
  for (int i = 0; i < 3; i++)
    if (live[i] != blocks[i])
      wrong("%ld %s blocks left", live[i] - blocks[i], domains[i]);
  alarm(0);
  return trap.hit;
}

/* ---- all runs ------------------------------------------------------------------------- */

/* Runs the scenario from the n-th failure on, in a child; its status. */
static int run_from(int scenario, long n) {
  fflush(NULL);
  pid_t child = fork();
  int status = 0;
  if (child) {
    if (waitpid(child, &status, 0) != child) perror("waitpid");
    return status;
  }
  run(scenario, 0); /* without any failure */
  if (trap.hit || report->wrong) exit(0);
  for (; report->wrong < 5 && run(scenario, n); n++) report->injected++;
  exit(0);
}

/* A crash is reported, and the runs behind it go on in another child. */
static int run_all(int scenario) {
  int status;
  report->n = 0;
  do {
    status = run_from(scenario, report->n + 1);
    if (WIFSIGNALED(status))
      wrong("%s", WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status))
      wrong("exit %d", WEXITSTATUS(status));
  } while (status && report->n && report->wrong < 5);
  return report->wrong == 0;
}

static int is_excluded(lua_State *L, int mode) {
  lua_getfield(L, 2, "except");
  int excluded =
      lua_istable(L, -1) && lua_getfield(L, -1, domains[modes[mode].domain]) != LUA_TNIL;
  lua_settop(L, 2);
  return excluded;
}

static int run_scenarios(lua_State *L, const char *only, const char *mode, long n) {
  int passed = 0, failed = 0;
  for (int i = 1; lua_rawgeti(L, 1, i) == LUA_TTABLE; i++, lua_settop(L, 1)) {
    lua_getfield(L, 2, "name");
    snprintf(report->scenario, sizeof report->scenario, "%s", lua_tostring(L, -1));
    lua_settop(L, 2);
    if (only && *only && strcmp(only, report->scenario)) continue;
    for (int m = 0; m < NMODES; m++) {
      if ((mode && strcmp(mode, modes[m].name)) || is_excluded(L, m)) continue;
      report->mode = m;
      report->wrong = 0;
      trap.mode = &modes[m];
      if (n >= 0 ? (run(i, n), !report->wrong) : run_all(i))
        passed++;
      else
        failed++;
    }
  }
  printf("%ld failures injected\n%d passed, %d failed\n", report->injected, passed,
         failed);
  return passed == 0 || failed;
}

int main(int argc, char **argv) {
  report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                -1, 0);
  if (argc < 2 || report == MAP_FAILED) return fprintf(stderr, "usage: see host.c\n"), 1;
  file = argv[1];
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  any_owner = 1; /* the server closes what it likes */
  pid_t server = start_server(&ports);
  curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_get, curl_put, curl_resize, curl_copy,
                       curl_get_zeroed);
  trap.mode = modes;
  lua_State *L = new_state();
  int failed = run_scenarios(L, argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL,
                             argc > 4 ? atol(argv[4]) : -1);
  lua_close(L);
  curl_global_cleanup();
  kill(server, SIGTERM);
  return failed;
}
