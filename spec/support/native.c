/* SPDX-License-Identifier: MIT
 *
 * native.c - what the specs need and no packaged module for this Lua has: processes, signals,
 * threads, limits; and what options libcurl has. Built by make test.
 */
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static int check(lua_State *L, int failed, const char *call) {
  return failed ? luaL_error(L, "%s: %s", call, strerror(errno)) : 0;
}

/* sendfds(socket, count): a byte with so many copies of descriptor 0 over a UNIX socket. */
static int native_sendfds(lua_State *L) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(250 * sizeof(int))];
  } control = {.bytes = {0}};
  size_t count = (size_t)luaL_checkinteger(L, 2) % 250;
  struct iovec part = {"x", 1};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};
  m.msg_controllen = CMSG_SPACE(count * sizeof(int));
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
  return check(L, sendmsg((int)luaL_checkinteger(L, 1), &m, 0) != 1, "sendmsg");
}

/* fork(): the child's number; 0 in the child. */
static int native_fork(lua_State *L) {
  pid_t pid = fork();
  check(L, pid < 0, "fork");
  lua_pushinteger(L, pid);
  return 1;
}

/* wait(pid): how the child ended: its exit status, or minus the signal. */
static int native_wait(lua_State *L) {
  int status;
  pid_t pid = (pid_t)luaL_checkinteger(L, 1);
  check(L, waitpid(pid, &status, 0) != pid, "waitpid");
  lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
  return 1;
}

/* exit(status): ends the process without any clean-up. */
static int native_exit(lua_State *L) { _exit((int)luaL_checkinteger(L, 1)); }

/* shutdown(fd): nothing can be sent any more. */
static int native_shutdown(lua_State *L) {
  return check(L, shutdown((int)luaL_checkinteger(L, 1), SHUT_WR), "shutdown");
}

/* default_sigpipe(): it ends the process, whatever whoever started that has set. */
static int native_default_sigpipe(lua_State *L) {
  return check(L, signal(SIGPIPE, SIG_DFL) == SIG_ERR, "signal");
}

/* block_sigpipe(): in this thread. */
static int native_block_sigpipe(lua_State *L) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return check(L, pthread_sigmask(SIG_BLOCK, &set, NULL), "pthread_sigmask");
}

/* limit(number): sets the descriptor limit; the old one. */
static int native_limit(lua_State *L) {
  struct rlimit limit;
  check(L, getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  lua_pushinteger(L, (lua_Integer)limit.rlim_cur);
  limit.rlim_cur = (rlim_t)luaL_checkinteger(L, 1);
  check(L, setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
  return 1;
}

/* ---- signals -------------------------------------------------------------------------- */

static lua_State *handling;
static volatile sig_atomic_t signals;

static void hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  if (lua_getfield(L, LUA_REGISTRYINDEX, "spec.handler") == LUA_TFUNCTION)
    lua_call(L, 0, 0);
  else
    lua_pop(L, 1);
}

/* As the lua program does: Lua may run when its next instruction does. */
static void on_signal(int number) {
  (void)number;
  signals++;
  lua_sethook(handling, hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

/* ticks(seconds, f): SIGALRM comes every so many seconds, interrupts whatever waits in the
 * kernel, and f() is called soon after. 0 ends that. How many signals came before. */
static int native_ticks(lua_State *L) {
  lua_Number seconds = luaL_checknumber(L, 1);
  struct timeval tv = {(time_t)seconds, (suseconds_t)((seconds - (time_t)seconds) * 1e6)};
  struct itimerval timer = {tv, tv};
  struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART */
  lua_settop(L, 2);
  lua_setfield(L, LUA_REGISTRYINDEX, "spec.handler");
  lua_pushinteger(L, signals);
  handling = L;
  signals = 0;
  check(L, sigaction(SIGALRM, &action, NULL), "sigaction");
  check(L, setitimer(ITIMER_REAL, &timer, NULL), "setitimer");
  if (seconds == 0) lua_sethook(L, NULL, 0, 0);
  return 1;
}

/* alarm(seconds): the end of the process in so long; 0: none. */
static int native_alarm(lua_State *L) {
  alarm((unsigned)luaL_checkinteger(L, 1));
  return 0;
}

/* ---- threads -------------------------------------------------------------------------- */

struct turn {
  lua_State *L;
  int status;
};

static void *take_turn(void *arg) {
  struct turn *t = arg;
  t->status = lua_pcall(t->L, lua_gettop(t->L) - 1, LUA_MULTRET, 0);
  return NULL;
}

/* thread(f, ...): f(...), on this state but in another thread, while this one waits. */
static int native_thread(lua_State *L) {
  pthread_t thread;
  struct turn t = {L, 0};
  errno = pthread_create(&thread, NULL, take_turn, &t);
  check(L, errno, "pthread_create");
  pthread_join(thread, NULL);
  return t.status ? lua_error(L) : lua_gettop(L);
}

/* ---- other states ----------------------------------------------------------------------- */

static const char *string_of(lua_State *L, const char *field) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, field);
  return lua_tostring(L, -1);
}

static void set_string(lua_State *L, const char *field, const char *value) {
  lua_getglobal(L, "package");
  lua_pushstring(L, value);
  lua_setfield(L, -2, field);
}

/* The first value that the state's call has left, or its error, as a text. */
static int end_call(lua_State *L, lua_State *other, int failed) {
  lua_pushboolean(L, !failed);
  lua_pushstring(L, luaL_tolstring(other, -1, NULL));
  lua_settop(other, 1);
  return 2;
}

/* state(script, number, text): a Lua state in this process, with the same modules, where the
 * script has returned a function of a number; or nil, message. */
static int native_state(lua_State *L) {
  lua_State *other = luaL_newstate();
  luaL_openlibs(other);
  set_string(other, "path", string_of(L, "path"));
  set_string(other, "cpath", string_of(L, "cpath"));
  lua_settop(other, 0);
  int failed = luaL_loadstring(other, luaL_checkstring(L, 1));
  lua_pushinteger(other, luaL_checkinteger(L, 2));
  lua_pushstring(other, luaL_checkstring(L, 3));
  if (!failed) failed = lua_pcall(other, 2, 1, 0);
  if (failed) {
    lua_pushnil(L);
    lua_pushstring(L, lua_tostring(other, -1));
    lua_close(other);
    return 2;
  }
  lua_pushlightuserdata(L, other);
  return 1;
}

/* call(state, number): calls its function: whether that succeeds, and what it returns, as a
 * text. */
static int native_call(lua_State *L) {
  lua_State *other = lua_touserdata(L, 1);
  lua_pushvalue(other, 1);
  lua_pushinteger(other, luaL_checkinteger(L, 2));
  return end_call(L, other, lua_pcall(other, 1, 1, 0));
}

/* close(state): ends it. */
static int native_close(lua_State *L) {
  lua_close(lua_touserdata(L, 1));
  return 0;
}

/* options(): what libcurl describes: the type of each option by its name, in lower case, and
 * "alias" for what is another name of one. */
static int native_options(lua_State *L) {
  static const char *const types[] = {"long",  "values", "off_t", "object",  "string",
                                      "slist", "cbptr",  "blob",  "function"};
  const struct curl_easyoption *o = NULL;
  lua_newtable(L);
  while ((o = curl_easy_option_next(o))) {
    char name[64] = "";
    for (size_t i = 0; o->name[i] && i < sizeof name - 1; i++)
      name[i] = (char)tolower((unsigned char)o->name[i]);
    lua_pushstring(L, o->flags & CURLOT_FLAG_ALIAS ? "alias" : types[o->type]);
    lua_setfield(L, -2, name);
  }
  return 1;
}

int luaopen_spec_support_native(lua_State *L);

int luaopen_spec_support_native(lua_State *L) {
  static const luaL_Reg functions[] = {{"alarm", native_alarm},
                                       {"options", native_options},
                                       {"sendfds", native_sendfds},
                                       {"block_sigpipe", native_block_sigpipe},
                                       {"default_sigpipe", native_default_sigpipe},
                                       {"exit", native_exit},
                                       {"fork", native_fork},
                                       {"limit", native_limit},
                                       {"shutdown", native_shutdown},
                                       {"state", native_state},
                                       {"call", native_call},
                                       {"close", native_close},
                                       {"thread", native_thread},
                                       {"ticks", native_ticks},
                                       {"wait", native_wait},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
