/* SPDX-License-Identifier: MIT
 *
 * fake.c - the library's connections, and the part of the binding that it calls back.
 */
#include "fake.h"

#include <stdlib.h>

struct fake_plan fake_plan;

enum { UV_CLOSE = CS_UV_OWN, UV_SHARE, UV_MULTI, UV_EASIES = CS_UV_OWN };

/* ---- connections --------------------------------------------------------------------- */

struct fake *fake_pool(struct fake *e) {
  return e->share ? e->share : e->multi ? e->multi : e;
}

static void keep(struct fake *e, int fd, int id) {
  struct connection *c = malloc(sizeof *c);
  if (!c) model_fail("no memory");
  c->fd = fd;
  c->id = id;
  cs_link_init(&c->link);
  cs_link_append(&fake_pool(e)->connections, &c->link);
}

void fake_move(struct connection *c, struct fake *multi) {
  cs_link_drop(&c->link);
  cs_link_append(&multi->leaving, &c->link);
}

static void tell(struct cs_runtime *rt, int fd, int id) {
  int now = model_id(fd), intact = now == id;
  int own = now && model_owner_of(now) == SCRIPT;
  if (!rt->frame && intact) model_excuse(id);
  cs_close_event(rt, fd);
  if (intact && model_owner_of(id) == LIBRARY) model_fail("%d was not closed", fd);
  if (!rt->frame && own && model_id(fd) != now)
    model_fail("the script's %d was closed", fd);
}

void fake_disconnect(struct cs_runtime *rt, struct connection *c, int told) {
  int fd = c->fd, id = c->id;
  cs_link_drop(&c->link);
  free(c);
  if (told)
    tell(rt, fd, id);
  else if (model_id(fd) == id && model_owner_of(id) == LIBRARY)
    model_close(fd);
}

static void disconnect_all(struct cs_runtime *rt, struct cs_link *list) {
  while (!cs_link_empty(list))
    fake_disconnect(rt, cs_item(list->next, struct connection, link), fake_plan.tells());
}

/* The library tells of each that it shuts down. */
static void shut_down_all(struct cs_runtime *rt, struct cs_link *list) {
  while (!cs_link_empty(list))
    fake_disconnect(rt, cs_item(list->next, struct connection, link), 1);
}

/* ---- the open callback ---------------------------------------------------------------- */

int fake_socket_id(lua_State *L, int index) {
  lua_getiuservalue(L, index, CS_UV_DATA);
  int id = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return id;
}

void fake_set_socket_id(lua_State *L, int index, int id) {
  index = lua_absindex(L, index);
  lua_pushinteger(L, id);
  lua_setiuservalue(L, index, CS_UV_DATA);
}

static void push_easy(lua_State *L, int index, const struct cs_frame *f,
                      const struct fake *e) {
  if (f->handle == &e->h) {
    lua_pushvalue(L, index);
  } else if (lua_getiuservalue(L, index, UV_EASIES) == LUA_TTABLE) {
    lua_rawgetp(L, -1, e);
    lua_replace(L, -2);
  }
  cs_or_empty_box(L);
}

struct open_call {
  struct fake *easy;
  int fd, id, callback;
};

enum { SELF = 1, CALL, EASY, SOCKET };

/* Where the handle is that has the anchors of the pool of e. */
static int holder_of(struct fake *e) { return fake_pool(e) == e->multi ? SELF : EASY; }

/* The Socket at SOCKET, ready to be lent. */
static void prepare(lua_State *L, struct open_call *c, struct cs_socket *s) {
  lua_pushvalue(L, SOCKET);
  lua_getiuservalue(L, EASY, UV_CLOSE);
  lua_setiuservalue(L, -2, CS_UV_CLOSE);
  c->callback = c->easy->callback;
  cs_pool_anchor(L, holder_of(c->easy), s, fake_pool(c->easy)->h.pool);
}

static void lend(struct open_call *c, struct cs_socket *s, int id) {
  cs_lend(s, fake_pool(c->easy)->h.pool, &c->easy->opened);
  if (c->easy->multi) s->watcher = &c->easy->multi->h;
  model_lent(id, c->callback);
  c->fd = s->fd;
  c->id = id;
}

static int lend_new(lua_State *L, struct open_call *c) {
  struct cs_socket *s = cs_socket_push(L, c->easy->h.rt);
  lua_replace(L, SOCKET);
  prepare(L, c, s);
  int fd = cs_fd_open(AF_UNIX, SOCK_STREAM, 0);
  int id = model_opened(fd, SCRIPT), code = cs_socket_take(s, fd, CS_OWNED);
  if (code) model_fail("take: %d", code);
  fake_set_socket_id(L, SOCKET, id);
  lend(c, s, id);
  return 0;
}

static int open_body(lua_State *L) {
  struct open_call *c = lua_touserdata(L, CALL);
  push_easy(L, SELF, c->easy->h.rt->frame, c->easy);
  fake_plan.offer(L);
  lua_settop(L, SOCKET);
  struct cs_socket *s = cs_socket_test(L, SOCKET);
  if (!s) return lend_new(L, c);
  if (s->state != CS_OWNED || !cs_same(s)) return 0;
  prepare(L, c, s);
  if (s->state == CS_OWNED) return lend(c, s, fake_socket_id(L, SOCKET)), 0;
  cs_pool_withdraw(L, holder_of(c->easy), s, fake_pool(c->easy)->h.pool);
  return 0;
}

void fake_connect(struct cs_frame *f, struct fake *e) {
  struct open_call c = {e, -1, 0, 0};
  if (cs_call(f, open_body, &c)) cs_frame_error(f);
  cs_tell_lost(f, fake_pool(e)->h.pool);
  if (c.fd >= 0) keep(e, c.fd, c.id);
}

/* ---- methods ------------------------------------------------------------------------- */

int fake_easy(lua_State *L) {
  struct fake *e = cs_handle_new(L, CS_EASY);
  e->h.phase = CS_OPEN;
  return 1;
}

int fake_multi(lua_State *L) {
  struct fake *m = cs_handle_new(L, CS_MULTI);
  lua_newtable(L);
  lua_setiuservalue(L, -2, UV_EASIES);
  m->h.phase = CS_OPEN;
  return 1;
}

int fake_share(lua_State *L) {
  struct fake *s = cs_handle_new(L, CS_SHARE);
  cs_pool_begin(L, lua_gettop(L), s->h.pool);
  s->h.phase = CS_OPEN;
  return 1;
}

static struct fake *check(lua_State *L, int index, enum cs_kind kind, const char *call) {
  struct fake *h = cs_handle_check(L, index, kind);
  cs_refuse_inside(L, &h->h, call);
  return h;
}

int fake_add(lua_State *L) {
  struct fake *m = check(L, 1, CS_MULTI, "add"), *e = check(L, 2, CS_EASY, "add");
  struct cs_frame f;
  lua_settop(L, 2);
  cs_pool_touch(L, 1, 2);
  check(L, 1, CS_MULTI, "add"); /* a finalizer may have closed them */
  check(L, 2, CS_EASY, "add");
  if (e->multi) return luaL_argerror(L, 2, "the easy is in a multi already");
  lua_getiuservalue(L, 1, UV_EASIES);
  lua_pushvalue(L, 2);
  lua_rawsetp(L, -2, e);
  check(L, 1, CS_MULTI, "add");
  check(L, 2, CS_EASY, "add");
  if (e->multi) return luaL_argerror(L, 2, "the easy is in a multi already");
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 2, UV_MULTI);
  e->multi = m;
  cs_link_append(&m->easies, &e->in_multi);
  cs_enter(&f, L, &m->h, 1);
  cs_leave(&f);
  cs_rethrow(&f);
  return 0;
}

static void unlink_easy(lua_State *L, int easy, struct fake *e) {
  lua_getiuservalue(L, easy, UV_MULTI);
  cs_or_empty_box(L);
  cs_pool_forget(L, lua_gettop(L), e->h.pool);
  if (lua_getiuservalue(L, -1, UV_EASIES) == LUA_TTABLE) {
    lua_pushnil(L);
    lua_rawsetp(L, -2, e);
  }
  lua_pop(L, 2);
  cs_clear_uservalue(L, easy, UV_MULTI);
  cs_link_drop(&e->in_multi);
  e->multi = NULL;
}

static void detach(struct cs_frame *f, struct fake *e) {
  cs_transfer_ended(f, &e->opened);
  push_easy(f->L, f->self, f, e);
  unlink_easy(f->L, lua_gettop(f->L), e);
  lua_pop(f->L, 1);
}

int fake_remove(lua_State *L) {
  struct fake *m = check(L, 1, CS_MULTI, "remove"), *e = cs_handle_check(L, 2, CS_EASY);
  struct cs_frame f;
  lua_settop(L, 2);
  if (e->multi != m) return luaL_argerror(L, 2, "the easy is not in this multi");
  cs_enter(&f, L, &m->h, 1);
  f.ending = 1;
  cs_quiet(&f);
  detach(&f, e);
  cs_leave(&f);
  cs_rethrow(&f);
  return 0;
}

static void leave_share(struct cs_frame *f, struct fake *e) {
  lua_State *L = f->L;
  struct fake *s = e->share;
  cs_link_drop(&e->in_share);
  e->share = NULL;
  push_easy(L, f->self, f, e);
  lua_getiuservalue(L, -1, UV_SHARE);
  cs_or_empty_box(L);
  if (s->h.phase == CS_DYING && cs_link_empty(&s->users) && cs_teardown_of(L, -1, &s->h))
    cs_frame_error(f);
  lua_pop(L, 1);
  cs_clear_uservalue(L, -1, UV_SHARE);
  lua_pop(L, 1);
}

int fake_use(lua_State *L) {
  struct fake *e = check(L, 1, CS_EASY, "use");
  struct fake *s = lua_isnil(L, 2) ? NULL : check(L, 2, CS_SHARE, "use");
  struct cs_frame f;
  lua_settop(L, 2);
  if (s) cs_pool_touch(L, 1, 2);
  check(L, 1, CS_EASY, "use"); /* a finalizer may have closed them */
  if (s) check(L, 2, CS_SHARE, "use");
  if (e->multi) return luaL_argerror(L, 1, "the easy is in a multi already");
  cs_enter(&f, L, &e->h, 1);
  if (e->share) leave_share(&f, e);
  if (s) {
    e->share = s;
    cs_link_append(&s->users, &e->in_share);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, 1, UV_SHARE);
  }
  cs_leave(&f);
  cs_rethrow(&f);
  return 0;
}

static int on_close(lua_State *L) {
  if (!cs_socket_test(L, 1)) model_fail("a close callback without Socket");
  model_event(fake_socket_id(L, 1), (int)lua_tointeger(L, lua_upvalueindex(1)));
  return fake_plan.closing(L);
}

int fake_callback(lua_State *L) {
  struct fake *e = cs_handle_check(L, 1, CS_EASY);
  lua_settop(L, 2);
  int number = (int)lua_tointeger(L, 2);
  if (number)
    lua_pushcclosure(L, on_close, 1);
  else
    lua_pushnil(L);
  cs_handle_check(L, 1, CS_EASY); /* a finalizer may have closed it */
  lua_setiuservalue(L, 1, UV_CLOSE);
  e->callback = number;
  return 0;
}

static void run(struct cs_frame *f, struct fake *e) {
  fake_plan.step(f, e);
  cs_transfer_ended(f, &e->opened);
}

static int perform(lua_State *L, enum cs_kind kind) {
  struct fake *h = check(L, 1, kind, "perform");
  struct cs_frame f;
  if (h->multi) return luaL_argerror(L, 1, "the easy is in a multi already");
  lua_settop(L, 1);
  cs_enter(&f, L, &h->h, 1);
  cs_quiet(&f);
  if (kind == CS_EASY) run(&f, h);
  for (struct cs_link *l = h->easies.next; l != &h->easies; l = l->next)
    run(&f, cs_item(l, struct fake, in_multi));
  cs_leave(&f);
  cs_rethrow(&f);
  return 0;
}

int fake_perform(lua_State *L) { return perform(L, CS_EASY); }

int fake_perform_all(lua_State *L) { return perform(L, CS_MULTI); }

/* ---- what a handle is to the core ----------------------------------------------------- */

static void init(struct cs_handle *h) {
  struct fake *k = (struct fake *)h;
  struct cs_link *links[] = {&k->in_multi, &k->in_share,    &k->easies, &k->users,
                             &k->opened,   &k->connections, &k->leaving};
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) cs_link_init(links[i]);
  model.live[h->kind]++;
}

/* As the event loop of a multi does: nothing waits for its sockets any longer. */
static void end_watches(const struct fake *m) {
  for (struct cs_link *l = m->h.rt->sockets.next; l != &m->h.rt->sockets; l = l->next) {
    struct cs_socket *s = cs_item(l, struct cs_socket, all);
    if (s->watcher == &m->h) s->watcher = NULL;
  }
}

static int free_easy(struct cs_frame *f, struct cs_handle *h) {
  struct fake *e = (struct fake *)h;
  if (e->multi) detach(f, e);
  disconnect_all(h->rt, &e->connections);
  cs_transfer_ended(f, &e->opened);
  if (e->share) leave_share(f, e);
  cs_pool_ended(f, h->pool, 0);
  model.live[CS_EASY]--;
  return 1;
}

static int free_multi(struct cs_frame *f, struct cs_handle *h) {
  struct fake *m = (struct fake *)h;
  while (!cs_link_empty(&m->easies))
    detach(f, cs_item(m->easies.next, struct fake, in_multi));
  disconnect_all(h->rt, &m->connections);
  shut_down_all(h->rt, &m->leaving);
  end_watches(m);
  cs_pool_ended(f, h->pool, 0);
  model.live[CS_MULTI]--;
  return 1;
}

static int free_share(struct cs_frame *f, struct cs_handle *h) {
  struct fake *s = (struct fake *)h;
  if (!cs_link_empty(&s->users)) return 0;
  disconnect_all(h->rt, &s->connections);
  cs_pool_ended(f, h->pool, 1);
  model.live[CS_SHARE]--;
  return 1;
}

static void forget(struct cs_link *list) {
  while (!cs_link_empty(list)) {
    struct connection *c = cs_item(list->next, struct connection, link);
    cs_link_drop(&c->link);
    free(c);
  }
}

static void abandon(struct cs_handle *h) {
  struct fake *k = (struct fake *)h;
  while (!cs_link_empty(&k->opened)) cs_link_drop(k->opened.next);
  while (!cs_link_empty(&k->easies))
    abandon(&cs_item(k->easies.next, struct fake, in_multi)->h);
  while (!cs_link_empty(&k->users))
    abandon(&cs_item(k->users.next, struct fake, in_share)->h);
  cs_link_drop(&k->in_multi);
  cs_link_drop(&k->in_share);
  k->multi = k->share = NULL;
  forget(&k->connections);
  forget(&k->leaving);
}

static void clear_easy(lua_State *L, int index, const struct cs_handle *h) {
  (void)h;
  cs_clear_uservalue(L, index, CS_UV_POOLS);
  for (int uv = UV_CLOSE; uv <= UV_MULTI; uv++) cs_clear_uservalue(L, index, uv);
}

static void clear_multi(lua_State *L, int index, const struct cs_handle *h) {
  (void)h;
  cs_clear_uservalue(L, index, CS_UV_POOLS);
  cs_clear_uservalue(L, index, UV_EASIES);
}

static void clear_share(lua_State *L, int index, const struct cs_handle *h) {
  cs_pool_end(L, index, h->pool);
}

static void neighbours(struct cs_link *list, const struct cs_handle *h) {
  const struct fake *k = (const struct fake *)h;
  if (k->multi) cs_reach(list, &k->multi->h);
  if (k->share) cs_reach(list, &k->share->h);
  for (const struct cs_link *l = k->easies.next; l != &k->easies; l = l->next)
    cs_reach(list, &cs_item(l, struct fake, in_multi)->h);
  for (const struct cs_link *l = k->users.next; l != &k->users; l = l->next)
    cs_reach(list, &cs_item(l, struct fake, in_share)->h);
}

static int may_write(const struct cs_handle *h) { return h->kind != CS_EASY; }

static void unwatch(struct cs_frame *f, struct cs_handle *h, struct cs_socket *s) {
  (void)f;
  if (h->kind != CS_MULTI || s->watcher != h)
    model_fail("%d is unwatched in vain", s->fd);
}

#define OPS(name, values, in)                                                            \
  {                                                                                      \
    .size = sizeof(struct fake), .uservalues = values, .within = in, .init = init,       \
    .free = free_##name, .abandon = abandon, .clear = clear_##name,                      \
    .neighbours = neighbours, .may_write = may_write, .unwatch = unwatch                 \
  }

void fake_install(lua_State *L) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const struct cs_ops ops[] = {[CS_EASY] = OPS(easy, UV_MULTI, UV_MULTI),
                                      [CS_MULTI] = OPS(multi, UV_EASIES, 0),
                                      [CS_SHARE] = OPS(share, CS_UV_NEXT, 0)};
  cs_address_class_new(L);
  cs_socket_class_new(L);
  for (int kind = 0; kind < CS_NKINDS; kind++) cs_handle_class(L, kind, &ops[kind], none);
}
