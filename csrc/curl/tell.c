/* SPDX-License-Identifier: MIT
 *
 * tell.c - what a multi tells the script's event loop: socketfunction and timerfunction.
 */
#include "binding.h"

struct event_call {
  struct cs_multi *multi;
  struct cs_frame *frame;
  CURL *curl; /* whose transfer it is, or NULL */
  int fd, events;
  double seconds; /* negative: none */
};

/* Pushes the function in that user value of the multi, found from the frame's handle:
 * that itself, or the multi that it is in. nil if there is none. */
static void push_function(lua_State *L, const struct event_call *c, int uservalue) {
  if (c->frame->handle->kind == CS_EASY) {
    lua_getiuservalue(L, 1, CS_UV_MULTI);
    lua_replace(L, 1);
  }
  if (cs_unbox(L, 1) == c->multi)
    lua_getiuservalue(L, 1, uservalue);
  else
    lua_pushnil(L);
}

int cs_tell_reaches(const struct cs_frame *f, const struct cs_multi *m) {
  const struct cs_easy *e = (const struct cs_easy *)f->handle;
  return f->handle == &m->h || (f->handle->kind == CS_EASY && e->multi == m);
}

struct cs_easy *cs_tell_easy(CURL *curl) {
  struct cs_easy *e = NULL;
  if (curl) curl_easy_getinfo(curl, CURLINFO_PRIVATE, (char **)&e);
  return e;
}

/* The easy of the script's, or nil for one that libcurl made for itself. */
static void push_easy(lua_State *L, const struct event_call *c) {
  const struct cs_easy *e = cs_tell_easy(c->curl);
  if (!e || e->multi != c->multi) return lua_pushnil(L);
  lua_getiuservalue(L, 1, CS_UV_EASIES);
  lua_rawgeti(L, -1, e->slot);
  lua_replace(L, -2);
}

const char *cs_tell_name(int events) {
  static const char *const names[] = {NULL, "r", "w", "rw"};
  return names[events];
}

static int socket_body(lua_State *L) {
  const struct event_call *c = lua_touserdata(L, 2);
  push_function(L, c, CS_UV_SOCKETFUNCTION);
  if (lua_isnil(L, -1)) return 0;
  lua_pushinteger(L, c->fd);
  lua_pushstring(L, cs_tell_name(c->events));
  push_easy(L, c);
  lua_call(L, 3, 0);
  return 0;
}

static int timer_body(lua_State *L) {
  const struct event_call *c = lua_touserdata(L, 2);
  push_function(L, c, CS_UV_TIMERFUNCTION);
  if (lua_isnil(L, -1)) return 0;
  if (c->seconds < 0)
    lua_pushnil(L);
  else
    lua_pushnumber(L, c->seconds);
  lua_call(L, 1, 0);
  return 0;
}

static int failure_body(lua_State *L) {
  return luaL_error(L, "multi: a descriptor cannot be watched: %s",
                    (const char *)lua_touserdata(L, 2));
}

/* An error belongs to no transfer, and does not stop any: libcurl never hears of it. */
static void tell(struct cs_frame *f, lua_CFunction body, const void *arg) {
  if (f && cs_call(f, body, (void *)arg)) cs_frame_error(f);
}

static void tell_event(lua_CFunction body, const struct event_call *c) {
  c->multi->telling++;
  tell(c->frame, body, c);
  c->multi->telling--;
}

void cs_tell_socket(struct cs_frame *f, struct cs_multi *m, CURL *curl, int fd,
                    int events) {
  struct event_call c = {m, f, curl, fd, events, -1};
  tell_event(socket_body, &c);
}

void cs_tell_timer(struct cs_frame *f, struct cs_multi *m, double seconds) {
  struct event_call c = {m, f, NULL, -1, 0, seconds};
  tell_event(timer_body, &c);
}

void cs_tell_failure(struct cs_frame *f, const char *why) { tell(f, failure_body, why); }
