/* SPDX-License-Identifier: MIT
 *
 * socket.c - the box of a socket. The collector ends what the script owns; what is lent,
 * or in its close event, keeps its finalizer until that is over.
 */
#include "core.h"

const char cs_socket_class[] = "curlsock.socket";
const char cs_retired_class[] = "curlsock.socket";

struct cs_socket *cs_socket_push(lua_State *L, struct cs_runtime *rt) {
  struct cs_socket **box = lua_newuserdatauv(L, sizeof *box, CS_SOCKET_UVS);
  *box = NULL;
  cs_class_set(L, cs_socket_class);
  *box = cs_socket_new(rt);
  if (!*box) luaL_error(L, "not enough memory");
  cs_note_box_late(L, -1);
  return *box;
}

/* What a box without a socket of its own points to; never written to. */
static const struct cs_socket closed = {.fd = -1, .state = CS_CLOSED};
static const struct cs_socket detached = {.fd = -1, .state = CS_DETACHED};

/* The box may be empty: half made, or finalized. */
struct cs_socket *cs_socket_test(lua_State *L, int index) {
  if (!lua_isuserdata(L, index)) return NULL;
  void *box = cs_class_test(L, index, cs_socket_class);
  if (!box) box = cs_class_test(L, index, cs_retired_class);
  if (!box) return NULL;
  struct cs_socket *s = cs_content(L, box);
  return s ? s : (struct cs_socket *)&closed;
}

void cs_socket_retire(lua_State *L) {
  struct cs_socket **box = lua_touserdata(L, -1), *s = *box;
  CS_CHECK(s->fd < 0 && s->state >= CS_CLOSED);
  *box = (struct cs_socket *)(s->state == CS_DETACHED ? &detached : &closed);
  cs_socket_unref(s);
  cs_class_set(L, cs_retired_class);
}

/* s is not read after anything that needs memory: that may run a finalizer which closes
 * it. */
static void push_entry_of(lua_State *L, const struct cs_socket *s) {
  cs_box_of(L, s->pool->owner);
  if (lua_isnil(L, -1) || !cs_pool_find(L, lua_gettop(L), s)) {
    lua_pop(L, 1);
    lua_pushnil(L);
    lua_pushnil(L);
  }
  lua_createtable(L, 0, 3);
  lua_pushliteral(L, "lent");
  lua_setfield(L, -2, "state");
  lua_insert(L, -3);
  lua_setfield(L, -3, "socket");
  lua_setfield(L, -2, "pool");
}

/* curl.sockets(): what libcurl holds now, in the order of their descriptors. Each is a
 * table:
 *   socket   the Socket
 *   state    "lent"
 *   pool     the easy, multi or share that owns the connection cache
 * socket and pool are nil while the pool is being finalized.
 * -> HeldSocket[] */
int cs_sockets(lua_State *L) {
  const struct cs_runtime *rt = cs_runtime(L);
  lua_Integer n = 0;
  lua_newtable(L);
  for (size_t fd = 0; fd < rt->size; fd++) {
    const struct cs_socket *s = rt->table[fd];
    if (!s || s->state != CS_LENT) continue;
    push_entry_of(L, s);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}
