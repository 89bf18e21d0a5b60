/* SPDX-License-Identifier: MIT
 *
 * pool.c - connection caches, and where the Socket of each connection in them is
 * anchored.
 *
 * The anchors of a pool are a table: slot -> Socket. It belongs to the pool's handle, and
 * whatever else may close one of its connections has it too, in its user value
 * CS_UV_POOLS, by the pool's id: an easy and a multi those of each share that was used, a
 * multi those of the easies in it. They hold the anchors, not the share: that may be
 * collected before.
 *
 * Slots and ids are small numbers, which Lua finds several times faster than addresses. A
 * socket has its slot from being anchored to its end, and gives it back once.
 */
#include <stdlib.h>

#include "core.h"

struct cs_pool *cs_pool_new(struct cs_handle *owner) {
  struct cs_pool *p = malloc(sizeof *p);
  if (!p) return NULL;
  p->refs = 1;
  p->owner = owner;
  p->id = 0;
  p->slots = NULL;
  p->nslots = p->used = p->spare = 0;
  p->lines.used = -1;
  cs_link_init(&p->sockets);
  cs_link_init(&p->lines.unkeyed);
  cs_link_init(&p->gone);
  return p;
}

static lua_Integer id_of(const struct cs_pool *p) { return (lua_Integer)p->id; }

void cs_pool_unref(struct cs_pool *p) {
  CS_CHECK(p->refs > 0);
  if (--p->refs) return;
  CS_CHECK(cs_link_empty(&p->sockets));
  cs_link_drop(&p->gone);
  free(p->slots);
  free(p);
}

/* ---- slots ------------------------------------------------------------------------- */

/* The next slot of the pool, to be taken; 0 without memory. Those that were given back
 * are a list, in which slots[i] comes after i. */
static int next_slot(struct cs_pool *p) {
  if (p->spare) return p->spare;
  if (p->used + 1 < p->nslots) return p->used + 1;
  int n = p->nslots ? 2 * p->nslots : 4;
  int *slots = realloc(p->slots, (size_t)n * sizeof *slots);
  if (!slots) return 0;
  p->slots = slots;
  p->nslots = n; /* analyzer: the pool has them, and frees them */
  return p->used + 1;
}

static void take_slot(struct cs_pool *p, struct cs_socket *s, int slot) {
  if (slot == p->spare)
    p->spare = p->slots[slot];
  else
    p->used++;
  s->slot = slot;
}

void cs_pool_give_back(struct cs_pool *p, struct cs_socket *s) {
  CS_CHECK(s->slot > 0 && s->slot <= p->used);
  p->slots[s->slot] = p->spare;
  p->spare = s->slot;
  s->slot = 0;
}

/* ---- anchors ----------------------------------------------------------------------- */

/* Forgets, in the table of pools on top of the stack, the anchors that are empty: their
 * pools are gone, or will have them made again. How many are left. */
static int prune(lua_State *L) {
  int pools = lua_gettop(L), left = 0;
  lua_pushnil(L);
  while (lua_next(L, pools)) {
    lua_pushnil(L);
    int empty = !lua_next(L, -2);
    lua_settop(L, pools + 1);
    left += !empty;
    if (!empty) continue;
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, pools);
  }
  return left;
}

/* Pushes the table of pools of the handle at index, made if there is none; a finalizer
 * that runs then may make it, too. [-0, +1, m] */
static void push_pools(lua_State *L, int index) {
  if (lua_getiuservalue(L, index, CS_UV_POOLS) == LUA_TTABLE) return;
  lua_newtable(L);
  if (lua_getiuservalue(L, index, CS_UV_POOLS) == LUA_TTABLE) {
    lua_replace(L, -3);
    lua_pop(L, 1);
    return;
  }
  lua_pop(L, 1);
  lua_replace(L, -2);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, index, CS_UV_POOLS);
}

/* Pushes the anchors of the pool that the handle at index owns, likewise. [-0, +1, m] */
static void push_own(lua_State *L, int index, const struct cs_pool *pool) {
  push_pools(L, index);
  if (lua_rawgeti(L, -1, id_of(pool)) != LUA_TTABLE) {
    lua_pop(L, 1);
    cs_note_box(L, index); /* for curl.sockets */
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, id_of(pool));
  }
  lua_replace(L, -2);
}

void cs_pool_begin(lua_State *L, int index, const struct cs_pool *pool) {
  push_own(L, index, pool);
  lua_pushboolean(L, 1);
  lua_rawseti(L, -2, 0);
  lua_pop(L, 1);
}

void cs_pool_end(lua_State *L, int index, const struct cs_pool *pool) {
  int top = lua_gettop(L);
  if (lua_getiuservalue(L, index, CS_UV_POOLS) == LUA_TTABLE &&
      lua_rawgeti(L, -1, id_of(pool)) == LUA_TTABLE) {
    lua_pushnil(L);
    lua_rawseti(L, -2, 0);
  }
  lua_settop(L, top);
}

/* A finalizer may have lent the socket meanwhile: then that has anchored it. */
void cs_pool_anchor(lua_State *L, int index, struct cs_socket *s, struct cs_pool *pool) {
  push_own(L, index, pool);
  if (!s->slot) {
    int slot = next_slot(pool);
    if (!slot) luaL_error(L, "not enough memory");
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, slot);
    take_slot(pool, s, slot);
  }
  lua_pop(L, 2);
}

/* What is not lent has a slot only while it is about to be. */
void cs_pool_withdraw(lua_State *L, int index, struct cs_socket *s,
                      struct cs_pool *pool) {
  int top = lua_gettop(L);
  if (s->pool || !s->slot) return;
  if (lua_getiuservalue(L, index, CS_UV_POOLS) == LUA_TTABLE &&
      lua_rawgeti(L, -1, id_of(pool)) == LUA_TTABLE) {
    lua_pushnil(L);
    lua_rawseti(L, -2, s->slot);
  }
  cs_pool_give_back(pool, s);
  lua_settop(L, top);
}

/* The table is looked through whenever it may have twice as many as were left then. */
void cs_pool_touch(lua_State *L, int index, int other) {
  struct cs_handle *h = cs_unbox(L, index);
  if (lua_getiuservalue(L, other, CS_UV_POOLS) != LUA_TTABLE) {
    lua_pop(L, 1);
    return;
  }
  push_pools(L, index);
  if (!h->touches--) h->touches = prune(L);
  lua_pushnil(L);
  while (lua_next(L, -3)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  lua_pop(L, 2);
}

void cs_pool_forget(lua_State *L, int index, const struct cs_pool *pool) {
  if (lua_getiuservalue(L, index, CS_UV_POOLS) == LUA_TTABLE) {
    lua_pushnil(L);
    lua_rawseti(L, -2, id_of(pool));
  }
  lua_pop(L, 1);
}

/* Pushes the anchors that have the socket, among those of the handle at index, and its
 * Socket. 0 if there are none. [-0, +(0|2)] */
static int find(lua_State *L, int index, const struct cs_socket *s) {
  int top = lua_gettop(L);
  if (lua_getiuservalue(L, index, CS_UV_POOLS) == LUA_TTABLE &&
      lua_rawgeti(L, -1, id_of(s->pool)) == LUA_TTABLE &&
      lua_rawgeti(L, -1, s->slot) == LUA_TUSERDATA && cs_unbox(L, -1) == s) {
    lua_remove(L, top + 1);
    return 1;
  }
  lua_settop(L, top);
  return 0;
}

/* The same, also for those of the handle that this one is in. */
static int find_near(lua_State *L, int index, const struct cs_socket *s) {
  const struct cs_handle *h = cs_unbox(L, index);
  if (find(L, index, s)) return 1;
  int within = h ? h->rt->ops[h->kind]->within : 0;
  if (!within) return 0;
  int found =
      lua_getiuservalue(L, index, within) == LUA_TUSERDATA && find(L, lua_gettop(L), s);
  lua_remove(L, found ? -3 : -1);
  return found;
}

int cs_pool_find(lua_State *L, int index, const struct cs_socket *s) {
  if (!find_near(L, index, s)) return 0;
  lua_remove(L, -2);
  return 1;
}

int cs_pool_unanchor(lua_State *L, int index, const struct cs_socket *s) {
  if (!find_near(L, index, s)) return 0;
  lua_pushnil(L);
  lua_rawseti(L, -3, s->slot);
  lua_remove(L, -2);
  return 1;
}
