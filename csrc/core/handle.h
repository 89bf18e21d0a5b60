/* SPDX-License-Identifier: MIT
 *
 * handle.h - what all handles have, and how they end. A part of core.h.
 */
#ifndef CS_HANDLE_H
#define CS_HANDLE_H

#include "core.h"

#pragma GCC visibility push(hidden)

/* ---- handle.c: what easies, multis and shares have in common ----------------------- */

/* User values that every handle has; each kind adds its own after them. */
enum {
  CS_UV_POOLS = 1, /* table: id of a pool -> its anchors (pool.c) */
  CS_UV_NEXT,      /* the next handle that waits to be torn down */
  CS_UV_OWN        /* first one of the kind's own */
};

/* What a kind of handle is to the core. Nothing in here raises an error. */
struct cs_ops {
  size_t size;
  int uservalues;
  int within; /* the user value in which it has the handle that it is in; 0: none */
  /* Fills the block, which is zeroed, before anybody can see it. */
  void (*init)(struct cs_handle *h);
  /* Frees its library handle and ends its pool. 0 if it must wait for its users. */
  int (*free)(struct cs_frame *f, struct cs_handle *h);
  /* Forgets the library handle of a copy, without the library and without Lua. */
  void (*abandon)(struct cs_handle *h);
  /* Clears the user values of its own in the box at index. */
  void (*clear)(lua_State *L, int index, const struct cs_handle *h);
  /* Has cs_reach reach what it is connected with: an easy's multi and share, and what
   * those reach by other easies. */
  void (*neighbours)(struct cs_link *list, const struct cs_handle *h);
  /* One that it is connected with was reached; NULL: that would have reached it. */
  int (*is_near)(const struct cs_handle *h);
  /* To free it may mean to write on a connection. */
  int (*may_write)(const struct cs_handle *h);
  /* Its event loop must not wait for the socket any longer; NULL: it has none. */
  void (*unwatch)(struct cs_frame *f, struct cs_handle *h, struct cs_socket *s);
};

/* In the order in which a handle goes through them, each at most once (but dying). */
enum cs_phase {
  CS_MAKING, /* its maker fills it; if that fails, its box is all that has it */
  CS_OPEN,   /* methods work: in no other phase but close does any */
  CS_SHUT,   /* torn down now, or when the outermost frame ends */
  CS_DYING, /* torn down but for the library's handle, which others use: waits for them */
  CS_DEAD /* without library handle and pool: the block waits for whoever points to it */
};

/* Who points to the block: its box, unless that was finalized (orphan), and the list of
 * those that wait to be torn down (waiting). It is freed when it is dead and neither
 * does. */
struct cs_handle {
  enum cs_kind kind;
  enum cs_phase phase;
  int waiting;
  int orphan;
  unsigned forks;        /* cs_forks when it was made */
  unsigned long long id; /* unique in the runtime */
  struct cs_runtime *rt;
  struct cs_pool *pool; /* NULL once dead */
  int touches;          /* of pools until its table of them is looked through */
  struct cs_link all;   /* in rt->handles */
  struct cs_link walk;  /* in rt->walk */
};

extern const char *const cs_kind_names[];

/* Pushes the box of a new handle, in phase CS_MAKING. [-0, +1, m] */
void *cs_handle_new(lua_State *L, enum cs_kind kind);
/* Whether there is a handle of that kind at index, or the empty box of one: half made, or
 * finalized. */
int cs_handle_is(lua_State *L, int index, enum cs_kind kind);
/* The handle at index, or NULL. */
void *cs_handle_test(lua_State *L, int index, enum cs_kind kind);
/* The open handle at index; raises an error for anything else. */
void *cs_handle_check(lua_State *L, int index, enum cs_kind kind);
/* Reaches a neighbour, for cs_refuse_inside; whether one was reached. */
void cs_reach(struct cs_link *list, struct cs_handle *h);
#define cs_is_reached(handle) (!cs_link_empty(&(handle)->walk))
/* Whether a running frame reaches the handle: the library is at work in its pool. */
int cs_is_inside(struct cs_handle *h);
/* Raises an error then; call names the refused one. */
void cs_refuse_inside(lua_State *L, struct cs_handle *h, const char *call);
/* Makes a class of handles: what it does, its methods, and what all kinds have. */
void cs_handle_class(lua_State *L, enum cs_kind kind, const struct cs_ops *ops,
                     const luaL_Reg *methods);

/* ---- teardown.c: the end of a frame and the end of a handle, which call each other - */

/* Ends the frame; the outermost one tears down what waited for that. [-0, +0] */
void cs_leave(struct cs_frame *f);
/* Keeps the handle at index until the outermost frame ends; never raises. */
void cs_teardown_later(lua_State *L, int index);
/* Tears the handle at index down, in a frame of its own. Never raises: an error of a
 * callback is left on the stack and 1 returned. [-0, +(0|1)] */
int cs_teardown(lua_State *L, int index);
/* The same for h, whose box is at index if it still has one. */
int cs_teardown_of(lua_State *L, int index, struct cs_handle *h);

#pragma GCC visibility pop

#endif
