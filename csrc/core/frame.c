/* SPDX-License-Identifier: MIT
 *
 * frame.c - one call from Lua into libcurl: on which state callbacks run, and where their
 * errors wait until libcurl has returned.
 */
#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "core.h"

void cs_enter(struct cs_frame *f, lua_State *L, struct cs_handle *h, int self) {
  f->up = h->rt->frame;
  f->L = L;
  f->handle = h;
  f->self = lua_absindex(L, self);
  CS_CHECK(lua_isuserdata(L, self));
  CS_CHECK(!cs_unbox(L, self) || cs_unbox(L, self) == h);
  lua_pushnil(L);
  f->error = lua_gettop(L);
  f->failed = f->ending = f->quiet = f->calls = 0;
  h->rt->frame = f;
}

static void sigpipe(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGPIPE);
}

void cs_quiet(struct cs_frame *f) {
  sigset_t set, before;
  if (f->handle->rt->quiet) return;
  sigpipe(&set);
  if (pthread_sigmask(SIG_BLOCK, &set, &before)) return;
  if (sigismember(&before, SIGPIPE) == 1) return;
  f->handle->rt->quiet = f->quiet = 1;
#ifdef CS_CHECKS
  f->thread = pthread_self();
#endif
}

/* Has the signals of the set that wait for this thread forgotten. */
static void drain(const sigset_t *set) {
#if defined _POSIX_REALTIME_SIGNALS && _POSIX_REALTIME_SIGNALS > 0
  struct timespec none = {0, 0};
  while (sigtimedwait(set, NULL, &none) >= 0 || errno == EINTR) continue;
#else
  sigset_t pending;
  int taken;
  if (!sigpending(&pending) && sigismember(&pending, SIGPIPE) == 1) sigwait(set, &taken);
#endif
}

/* A write to a connection that the peer has closed raises SIGPIPE in the thread that
 * writes. */
static void end_quiet(struct cs_frame *f) {
  sigset_t set;
  CS_CHECK(f->handle->rt->quiet && pthread_equal(f->thread, pthread_self()));
  f->handle->rt->quiet = 0;
  sigpipe(&set);
  drain(&set);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void cs_frame_pop(struct cs_frame *f) {
  struct cs_runtime *rt = f->handle->rt;
  CS_CHECK(rt->frame == f);
  CS_CHECK(!f->calls && lua_gettop(f->L) >= f->error);
  rt->frame = f->up;
  if (f->quiet) end_quiet(f);
}

void cs_rethrow(struct cs_frame *f) {
  if (!f->failed) return;
  lua_pushvalue(f->L, f->error);
  lua_error(f->L);
}

int cs_pcall(struct cs_frame *f, int args, int results) {
  CS_CHECK(f && f->handle->rt->frame == f);
  f->calls++;
  int failed = lua_pcall(f->L, args, results, 0);
  f->calls--;
  return failed;
}

int cs_call(struct cs_frame *f, lua_CFunction body, void *arg) {
  lua_pushcfunction(f->L, body);
  lua_pushvalue(f->L, f->self);
  lua_pushlightuserdata(f->L, arg);
  return cs_pcall(f, 2, 0);
}

void cs_frame_error(struct cs_frame *f) {
  if (f->failed) {
    f->calls++; /* its __tostring */
    cs_warn(f->L);
    f->calls--;
    return;
  }
  CS_CHECK(lua_gettop(f->L) > f->error);
  lua_replace(f->L, f->error);
  f->failed = 1;
}
