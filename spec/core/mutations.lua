-- What mutants.lua breaks: for each check the file, its text and what replaces that, maybe of more
-- than one. With says in place of check it is a bug that was found, and what the test says then.

local core, net = "csrc/core/", "csrc/net/"

return {
  {
    check = core .. "link.h: cs_link_empty(l)",
    core .. "closing.c", "    cs_link_drop(l);\n    cs_link_append(&lost, l);",
    "    cs_link_append(&lost, l);",
  },
  {
    check = core .. "pool.c: p->refs > 0",
    core .. "pool.c", "p->refs = 1;", "p->refs = -9;",
  },
  {
    check = core .. "pool.c: cs_link_empty(&p->sockets)",
    core .. "pool.c",
    "if (--p->refs) return;",
    "if (--p->refs && cs_link_empty(&p->sockets)) return;",
  },
  {
    check = core .. "socket.c: s->fd < 0 && s->state >= CS_CLOSED",
    core .. "closing.c", "if (s->state == CS_CLOSING && cs_socket_close(s)) refused = 1;", "",
  },
  {
    -- The shared closed socket, by a box that keeps its finalizer.
    check = core .. "ledger.c: s->refs > 0",
    core .. "socket.c", "  cs_socket_unref(s);\n  cs_class_set(L, cs_retired_class);",
    "  cs_socket_unref(s);",
  },
  {
    check = core .. "ledger.c: s->fd < 0 && s->state >= CS_CLOSED",
    "csrc/state.c", "    if (rt->table[fd]) cs_socket_close(rt->table[fd]);", "    continue;",
  },
  {
    check = core .. "ledger.c: cs_link_empty(&s->in_pool) && cs_link_empty(&s->in_opener)",
    core .. "closing.c",
    "  cs_link_drop(&s->in_pool);\n  cs_link_drop(&s->in_opener);\n  unwatch",
    "  cs_link_drop(&s->in_pool);\n  unwatch",
    core .. "ledger.c", "  cs_link_drop(&s->in_opener);\n", "",
  },
  {
    check = core .. "ledger.c: old->fd >= 0 && old->rt->table[old->fd] == old",
    core .. "ledger.c", "if (cs_ledger_find(s->rt, fd) == s) s->rt->table[fd] = NULL;", "",
  },
  {
    check = core .. "ledger.c: s->state >= CS_CLOSED && s->fd < 0 && !s->pool",
    net .. "socket.c", "cs_socket_own(right, fds[1])", "cs_socket_own(left, fds[1])",
  },
  {
    check = core .. "ledger.c: state == CS_OWNED || state == CS_BORROWED",
    net .. "socket.c", "int code = cs_socket_take(s, fd, CS_OWNED);\n  if (code) close(fd);",
    "int code = cs_socket_take(s, fd, CS_LENT);\n  if (code) close(fd);",
  },
  {
    check = core .. "ledger.c: !old || old->dev != s->dev || old->ino != s->ino",
    net .. "socket.c", "cs_socket_own(right, fds[1])", "cs_socket_own(right, fds[0])",
  },
  {
    check = core .. "ledger.c: state >= CS_CLOSED",
    core .. "ledger.c", "cs_socket_end(s, CS_CLOSED);\n  /*", "cs_socket_end(s, CS_CLOSING);\n  /*",
  },
  {
    check = core .. "ledger.c: s->rt",
    net .. "methods.c", "cs_socket_self(L);\n  if (s->state == CS_OWNED) cs_socket_close",
    "cs_socket_self(L);\n  if (s->state == CS_OWNED || !s->rt) cs_socket_close",
  },
  {
    check = core .. "ledger.c: s->state == CS_OWNED && !s->pool",
    core .. "ledger.c",
    "  s->state = state;\n  return 0;", "  s->state = CS_BORROWED;\n  return 0;",
  },
  {
    check = core .. "ledger.c: cs_ledger_find(s->rt, s->fd) == s",
    core .. "ledger.c", "  s->rt->table[fd] = s;\n", "",
  },
  {
    check = core .. "class.c: same || !quick",
    net .. "methods.c", "cs_class_check(L, 1, cs_socket_class), *s = *box;",
    "cs_class_check(L, 1, cs_retired_class), *s = *box;",
  },
  {
    check = core .. "teardown.c: h->phase != CS_DEAD && h->rt->frame",
    core .. "handle.c", "if (h->phase != CS_DEAD && h->rt->frame)", "if (h->phase != CS_DEAD)",
  },
  {
    check = core .. "teardown.c: h && h->waiting",
    core .. "teardown.c", "  h->waiting = 1;\n", "",
  },
  {
    check = core .. "teardown.c: h->pool && (h->phase == CS_SHUT || h->phase == CS_DYING)",
    core .. "teardown.c", "  if (h->phase < CS_SHUT) h->phase = CS_SHUT;\n  int failed",
    "  int failed",
  },
  {
    check = core .. "teardown.c: up->handle != h",
    core .. "handle.c", '  cs_refuse_inside(L, h, "close");\n', "",
  },
  {
    check = core .. "teardown.c: h->phase == CS_DEAD && h->orphan && !h->waiting && !h->pool",
    core .. "teardown.c", "if (h->orphan && h->phase == CS_DEAD && !h->waiting) free_block",
    "if (h->orphan) free_block",
  },
  {
    check = core .. "teardown.c: cs_link_empty(&h->walk)",
    core .. "handle.c", "while (!cs_link_empty(list)) cs_link_drop(list->next);",
    "cs_link_init(list);",
  },
  {
    check = core .. "handle.c: cs_link_empty(list)",
    core .. "handle.c", "while (!cs_link_empty(list)) cs_link_drop(list->next);", "",
  },
  {
    check = core .. "frame.c: lua_isuserdata(L, self)",
    core .. "teardown.c", "cs_enter(&f, L, h, index);", "cs_enter(&f, L, h, index + 1);",
  },
  {
    check = core .. "frame.c: !cs_unbox(L, self) || cs_unbox(L, self) == h",
    "spec/core/fake.c", "lua_getiuservalue(L, -1, UV_SHARE);", "lua_pushvalue(L, -1);",
  },
  {
    check = core .. "frame.c: f->handle->rt->quiet && pthread_equal(f->thread, pthread_self())",
    core .. "frame.c", "f->handle->rt->quiet = f->quiet = 1;", "f->quiet = 1;",
  },
  {
    check = core .. "frame.c: rt->frame == f",
    core .. "frame.c", "rt->frame = f->up;", "rt->frame = NULL;",
  },
  {
    check = core .. "frame.c: !f->calls && lua_gettop(f->L) >= f->error",
    core .. "frame.c", "results, 0);\n  f->calls--;", "results, 0);",
  },
  {
    check = core .. "frame.c: f && f->handle->rt->frame == f",
    core .. "frame.c", "  h->rt->frame = f;\n", "",
  },
  {
    check = core .. "frame.c: lua_gettop(f->L) > f->error",
    core .. "closing.c",
    "    cs_frame_error(f);", "    lua_settop(L, f->error);\n    cs_frame_error(f);",
  },
  {
    check = core .. "runtime.c: !rt->live[kind]",
    core .. "teardown.c", "  h->rt->live[h->kind]--;\n", "",
  },
  {
    check = core .. "runtime.c: !rt->open && !rt->waiting && !rt->frame",
    core .. "ledger.c", "  s->rt->open--;\n", "",
  },
  {
    check = core .. "runtime.c: cs_link_empty(&rt->sockets)",
    "csrc/state.c", "while (!cs_link_empty(&rt->sockets)) {", "while (0) {",
  },
  {
    check = core .. "runtime.c: cs_link_empty(&rt->things)",
    "csrc/state.c", "  cs_things_end(L, rt);\n", "",
  },
  {
    check = core .. "closing.c: s->state == CS_LENT || s->state == CS_LOST",
    core .. "closing.c", "if (!s || s->state != CS_LENT) return 0;", "if (!s) return 0;",
  },
  {
    check = core .. "closing.c: f || !reached",
    core .. "closing.c", "end_lent(f, s, 0);\n  return", "end_lent(f, s, 1);\n  return",
  },
  {
    says = "has had no event",
    core .. "closing.c", "  cs_tell_lost(f, p); /*", "  /*",
  },
  {
    says = "has had no event",
    core .. "closing.c", "  end_moved(f);\n", "",
  },
  {
    says = "was not closed",
    core .. "pool.c",
    "  if (lua_getiuservalue(L, index, CS_UV_POOLS) == LUA_TTABLE) {\n    lua_replace",
    "  if (lua_getiuservalue(L, index, CS_UV_POOLS) == LUA_TNONE) {\n    lua_replace",
  },
  {
    check = core .. "ledger.c: s->slot > 0",
    core .. "pool.c", "    take_slot(pool, s, slot);\n", "",
  },
  {
    check = core .. "pool.c: s->slot > 0 && s->slot <= p->used",
    core .. "ledger.c", "  cs_pool_give_back(s->pool, s);\n",
    "  cs_pool_give_back(s->pool, s);\n  cs_pool_give_back(s->pool, s);\n",
  },
}
