/* SPDX-License-Identifier: MIT
 *
 * trace.c - curl.trace: what happens to transfers and connections, told to one function.
 */
#include "trace.h"

struct event {
  const char *name;
  struct cs_easy *e;
  const struct cs_socket *s;
  const struct cs_pool *pool;
  unsigned long long easy;       /* its id, if e is not known */
  const struct cs_address *peer; /* what is dialled */
  const char *attempt;           /* how one ended */
  const char *result;            /* of a transfer */
  int reasons;                   /* why it was refused is to be told */
};

/* How an attempt to connect ended. */
enum { UNKNOWN, LOST, FAILED, TIMED_OUT, CANCELLED };
static const char *const outcomes[] = {[LOST] = "lost",
                                       [FAILED] = "failed",
                                       [TIMED_OUT] = "timed out",
                                       [CANCELLED] = "cancelled"};

/* ---- telling ----------------------------------------------------------------------- */

static void set_id(lua_State *L, const char *key, unsigned long long id) {
  lua_pushinteger(L, (lua_Integer)id);
  lua_setfield(L, -2, key);
}

static void set_text(lua_State *L, const char *key, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

static const char *url_of(const struct cs_easy *e) {
  const char *url = NULL;
  curl_easy_getinfo(e->curl, CURLINFO_EFFECTIVE_URL, &url);
  return url;
}

/* The event of a transfer has the easy itself, unless that is being closed. */
static void set_easy(lua_State *L, const struct event *v) {
  if (!v->e) {
    if (v->easy) set_id(L, "easy", v->easy);
    return;
  }
  set_id(L, "easy", v->e->h.id);
  if (v->e->h.phase != CS_OPEN) return;
  set_text(L, "url", url_of(v->e));
  cs_push_easy(L, 1, v->e->h.rt->frame, v->e);
  if (v->reasons) {
    lua_getiuservalue(L, -1, CS_UV_REASON);
    lua_setfield(L, -3, "reason");
  }
  lua_setfield(L, -2, "handle");
}

static void set_pool(lua_State *L, const struct event *v) {
  const struct cs_pool *pool = v->pool;
  if (!pool && v->s) pool = v->s->pool;
  if (!pool && v->e) pool = cs_easy_pool(v->e);
  if (pool) set_id(L, "pool", pool->id);
}

static int tell_body(lua_State *L) {
  const struct event *v = lua_touserdata(L, 2);
  char text[CS_ADDRESS_TEXT];
  cs_push_runtime(L);
  lua_getiuservalue(L, -1, CS_UV_TRACE);
  lua_createtable(L, 0, 12);
  set_text(L, "event", v->name);
  lua_pushnumber(L, cs_now());
  lua_setfield(L, -2, "time");
  set_pool(L, v);
  if (v->s) set_id(L, "socket", v->s->id);
  if (v->peer) set_text(L, "address", cs_address_text(v->peer, text));
  if (v->attempt) set_text(L, "attempt", v->attempt);
  if (v->result) set_text(L, "result", v->result);
  set_easy(L, v);
  lua_call(L, 1, 0);
  return 0;
}

/* What the function does itself is not told; an error in it is a warning. */
static void tell(struct cs_frame *f, struct event *v) {
  struct cs_runtime *rt = f->handle->rt;
  if (rt->telling) return;
  rt->telling = 1;
  if (cs_call(f, tell_body, v)) {
    f->calls++; /* its __tostring */
    cs_warn(f->L);
    f->calls--;
  }
  rt->telling = 0;
}

/* ---- transfers --------------------------------------------------------------------- */

void cs_trace_start(struct cs_frame *f, struct cs_easy *e) {
  tell(f, &(struct event){.name = "start", .e = e});
}

void cs_trace_release(struct cs_easy *e) {
  struct cs_socket *s = e->on;
  e->on = NULL;
  if (!s) return;
  s->line.users--;
  cs_socket_unref(s);
}

/* The last request of e is over: its connection is idle, if it is there and no other
 * transfer uses it. */
static void leave(struct cs_frame *f, struct cs_easy *e) {
  struct cs_socket *s = e->on;
  if (!s) return;
  s->refs++;
  cs_trace_release(e);
  if (!s->line.users && s->state == CS_LENT && cs_same(s))
    tell(f, &(struct event){.name = "idle", .e = e, .s = s});
  cs_socket_unref(s);
}

void cs_trace_request(struct cs_frame *f, struct cs_easy *e) {
  struct cs_socket *s = cs_connection_of(e);
  if (e->on != s) leave(f, e);
  if (s && !e->on) {
    s->refs++;
    s->line.users++;
    e->on = s;
  }
  tell(f, &(struct event){.name = e->kept ? "reused" : "connected",
                          .e = e,
                          .s = s,
                          .attempt = e->kept ? NULL : "won"});
}

void cs_trace_done(struct cs_frame *f, struct cs_easy *e, const char *result) {
  leave(f, e);
  tell(f, &(struct event){.name = "done", .e = e, .result = result, .reasons = 1});
}

/* ---- sockets ----------------------------------------------------------------------- */

static int speaks_ftp(const struct cs_easy *e) {
  const char *url = url_of(e);
  return url && (url[0] | 32) == 'f' && (url[1] | 32) == 't';
}

void cs_trace_open(struct cs_frame *f, struct cs_easy *e, int fd,
                   const struct cs_address *a) {
  struct cs_socket *s = fd < 0 ? NULL : cs_ledger_find(e->h.rt, fd);
  struct event v = {.name = s ? "open" : "refused", .e = e, .s = s, .peer = a};
  v.reasons = !s;
  if (s) s->line.opener = e->h.id;
  if (s) s->line.data = e->asked && speaks_ftp(e);
  tell(f, &v);
}

void cs_trace_attempts(struct cs_easy *e, CURLcode code) {
  int outcome = e->asked ? LOST : FAILED;
  if (!e->asked && code == CURLE_OPERATION_TIMEDOUT) outcome = TIMED_OUT;
  if (!e->asked && code == CURLE_ABORTED_BY_CALLBACK) outcome = CANCELLED;
  for (struct cs_link *l = e->opened.next; l != &e->opened; l = l->next) {
    struct cs_socket *s = cs_item(l, struct cs_socket, in_opener);
    if (!cs_same(s)) s->line.outcome = outcome;
  }
}

/* Another attempt of the same transfer has connected. */
static int has_winner(const struct cs_socket *s) {
  const struct cs_pool *pool = s->pool;
  struct cs_tcp tcp;
  for (const struct cs_link *l = pool->sockets.next; l != &pool->sockets; l = l->next) {
    const struct cs_socket *other = cs_item(l, struct cs_socket, in_pool);
    if (other == s || other->line.opener != s->line.opener) continue;
    if (cs_fd_tcp(other->fd, &tcp) && tcp.connected) return 1;
  }
  return 0;
}

/* How the attempt that ends now has ended, by what the kernel says. */
static int outcome_of(const struct cs_frame *f, const struct cs_socket *s) {
  struct cs_tcp tcp;
  if (s->line.outcome) return s->line.outcome;
  if (s->fd < 0 || !cs_fd_tcp(s->fd, &tcp)) return UNKNOWN;
  if (has_winner(s)) return tcp.pending || tcp.connected ? LOST : FAILED;
  if (f->ending) return CANCELLED;
  return tcp.pending ? TIMED_OUT : FAILED;
}

/* What never was on the way to a request is no attempt at one: FTP's for data. */
static void trace_end(struct cs_frame *f, struct cs_socket *s) {
  int attempt = s->state != CS_DETACHED && !s->line.requests && !s->line.data;
  struct event v = {.name = s->state == CS_DETACHED ? "detach" : "close",
                    .s = s,
                    .easy = s->line.opener};
  if (attempt) v.attempt = outcomes[outcome_of(f, s)];
  tell(f, &v);
}

/* curl.trace(f): from now on f(event) is told what happens to transfers and connections,
 * in this Lua state; nil ends that. An event is a table with
 *   event     what has happened (below)
 *   time      when, as curl.now() tells it
 *   easy      number of the easy: this, and the next two, are unique in the Lua state
 *   pool      number of the handle whose cache the connection is in
 *   socket    number of the Socket
 *   handle    the easy, where the event is of a transfer
 *   url       the one it is at
 *   address   text of the address that is dialled
 *   attempt   how an attempt to connect ended
 *   reason    why, where something refused
 *   result    "OK", or the name of the failure
 * The events are
 *   start       a transfer begins: by easy:perform, or it was added to a multi
 *   open        libcurl has a socket (address), which is to be connected
 *   refused     there is none for the address (reason)
 *   connected   the first request of a new connection is sent next (attempt: "won")
 *   reused      a request is sent next on a connection that had one
 *   idle        no transfer uses the connection any more, and it stays
 *   close       the socket is closed; without a request (attempt) it was "lost" to
 *               another attempt, has "failed", has "timed out" or was "cancelled"
 *   detach      its close callback has taken it
 *   done        the transfer has ended (result, reason); "REMOVED" before its end
 * socket is nil where libcurl does not tell it (prereqfunction). Before libcurl 8.2 what
 * happened to attempts is known when the transfer ends: one that failed beside one that
 * won is "lost". f runs as a callback does, and what it does itself is not told; an error
 * in it becomes a warning. It is kept until the state ends, with what it mentions.
 * -> nothing */
int cs_trace(lua_State *L) {
  struct cs_runtime *rt = cs_runtime(L);
  if (!lua_isnoneornil(L, 1)) luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  cs_push_runtime(L);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, CS_UV_TRACE);
  rt->trace = lua_isnil(L, 1) ? NULL : trace_end;
  return 0;
}
