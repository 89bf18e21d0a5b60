/* SPDX-License-Identifier: MIT
 *
 * member.c - an easy enters a multi and leaves it.
 */
#include "calling.h"
#include "trace.h"

/* Links the multi and the easy at indices 1 and 2, before libcurl runs: callbacks find
 * their values by that, and calls from inside them are refused by it. Slots are used
 * again: a table with the easies as keys is made anew ever more often, the fuller it
 * gets. */
void cs_member_enter(lua_State *L, struct cs_multi *m, struct cs_easy *e) {
  lua_getiuservalue(L, 1, CS_UV_EASIES);
  lua_pushvalue(L, 2);
  e->slot = luaL_ref(L, -2);
  if (!cs_bond_enter(e, m)) {
    luaL_unref(L, -1, e->slot);
    luaL_error(L, "not enough memory");
  }
  lua_pop(L, 1);
  e->leaves = !lua_isnil(L, 3);
  e->left = 0;
  e->control = -1;
  if (e->leaves) {
    lua_pushvalue(L, 3);
    lua_setiuservalue(L, 2, CS_UV_VALUE);
  }
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 2, CS_UV_MULTI);
  e->multi = m;
  m->members++;
  e->running = 1;
  cs_link_append(&m->easies, &e->in_multi);
  if (m->forgetful) cs_link_append(&m->idle, &e->in_idle);
}

static void drop(struct cs_easy *e) {
  cs_link_drop(&e->in_multi);
  cs_link_drop(&e->in_done);
  cs_forget_drop(e);
  cs_bond_leave(e);
  cs_easy_set_last(e, NULL);
  e->multi->members--;
  e->multi = NULL;
  e->running = 0;
}

/* The reverse, for the easy at index; cannot raise: freeing a slot needs no memory. */
void cs_member_leave(lua_State *L, int easy, struct cs_easy *e) {
  lua_getiuservalue(L, easy, CS_UV_MULTI);
  cs_or_empty_box(L);
  cs_pool_forget(L, lua_gettop(L), e->h.pool);
  if (lua_getiuservalue(L, -1, CS_UV_EASIES) == LUA_TTABLE) luaL_unref(L, -1, e->slot);
  lua_pop(L, 2);
  lua_pushnil(L);
  lua_setiuservalue(L, easy, CS_UV_MULTI);
  if (e->leaves) {
    lua_pushnil(L);
    lua_setiuservalue(L, easy, CS_UV_VALUE);
  }
  drop(e);
}

/* The easy is being closed, and somebody waits for its result: its value goes to the
 * multi's list of those. Needs no memory. (An easy is garbage only if the multi that it
 * is in is, too.) */
static void keep_value(struct cs_frame *f, struct cs_easy *e) {
  lua_State *L = f->L;
  e->leaves = 0;
  e->multi->members++; /* until that was read */
  lua_getiuservalue(L, f->self, CS_UV_MULTI);
  cs_or_empty_box(L);
  lua_getiuservalue(L, -1, CS_UV_CLOSED);
  lua_setiuservalue(L, f->self, CS_UV_NEXT);
  lua_pushvalue(L, f->self);
  lua_setiuservalue(L, -2, CS_UV_CLOSED);
  lua_pop(L, 1);
  cs_event_soon(f, e->multi);
}

CURLMcode cs_member_detach(struct cs_frame *f, struct cs_easy *e) {
  CURLMcode code = CURLM_OK;
  if (!e->left) code = curl_multi_remove_handle(e->multi->curl, e->curl);
  cs_standin_flush(f, e, CURLE_OK); /* it may still have run */
  if (cs_is_traced(f)) cs_trace_attempts(e, CURLE_ABORTED_BY_CALLBACK);
  cs_easy_ended(f, e);
  if (e->running && cs_is_traced(f)) cs_trace_done(f, e, "REMOVED");
  if (e->leaves && f->handle == &e->h && !e->h.orphan) keep_value(f, e);
  cs_push_easy(f->L, f->self, f, e);
  cs_member_leave(f->L, lua_gettop(f->L), e);
  lua_pop(f->L, 1);
  return code;
}

void cs_member_abandon(struct cs_easy *e) {
  if (e->multi) drop(e);
}
