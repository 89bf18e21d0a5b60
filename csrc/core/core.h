/* SPDX-License-Identifier: MIT
 *
 * core.h - who owns what, and how Lua and the library call each other: a section a file.
 *
 * The code has three floors; each includes its own header or one below, never one above:
 *
 *   core/  ownership and calls: knows Lua, and no sockets but their numbers
 *   net/   sockets and addresses, without libcurl
 *   curl/  the binding: easies, multis, shares
 *
 * On top of them state.c starts and ends a Lua state, module.c makes the module table.
 *
 * libcurl copies the close callback and its clientp into each connection. The connection
 * then lives in a cache and may be closed long after the easy handle that made it, its
 * Lua object, its coroutine and its closures are gone. All that follows is there to keep
 * that safe. These hold everywhere; where a line of C can see it, CS_CHECK does:
 *
 *  1. A userdata is valid from the moment it has its metatable: created closed, then
 *     filled.
 *  2. No Lua error unwinds through a libcurl frame: all that a trampoline does with Lua,
 *     pushing arguments included, runs in cs_call.
 *  3. clientp of the close callback is the runtime, never a userdata.
 *  4. Every descriptor has exactly one owner (enum cs_state says which) and is closed
 *     once.
 *  5. The close callback of a socket is the one that its opener had when it opened it. It
 *     is user value of the Socket; changing the option later never reaches it.
 *  6. What keeps a Lua value alive is a user value, never the registry, so that a
 *     callback may mention its own handle. What is torn down is reached through C links.
 *     Inside __gc a weak table no longer finds the object, but its user values can still
 *     be read: trampolines find all Lua values from the userdata of the innermost frame.
 *  7. Callbacks run on the lua_State of the innermost frame. No frame, no Lua: the
 *     descriptor is closed natively.
 *  8. A handle that libcurl cannot free now is freed when the outermost frame ends
 *     (cs_teardown_later), or when its last user goes (a share).
 *  9. A Socket never reaches a descriptor number that was reused: cs_same is asked first.
 * 10. Handles and sockets are on the C heap; their userdata are boxes that point to them.
 *     Lua drops a finalizer that it has no memory to call: what that should have ended
 *     then waits for the end of the state, and nothing points into the userdata that is
 *     gone.
 *
 * Words: a handle is torn down (its library handle freed, its pool told), then its block
 * is freed; a socket ends (its descriptor leaves it); a frame is left; an item of a list
 * is dropped.
 */
#ifndef CS_CORE_H
#define CS_CORE_H

#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>
#include <sys/types.h>
#ifdef CS_CHECKS
#include <pthread.h>
#endif

#include "keys.h"

/* Nothing is exported but luaopen_curlsock_core, also when LuaRocks compiles. */
#pragma GCC visibility push(hidden)

struct cs_frame;
struct cs_handle;
struct cs_pool;
struct cs_runtime;
struct cs_socket;
struct cs_thing;

/* ---- runtime.c: one block per Lua state; it outlives every handle ------------------ */

enum cs_kind { CS_EASY, CS_MULTI, CS_SHARE, CS_NKINDS };

struct cs_runtime {
  struct cs_frame *frame;   /* innermost call into the library */
  struct cs_socket **table; /* the ledger: every Socket's descriptor, by number */
  size_t size;              /* slots of table */
  const struct cs_ops *ops[CS_NKINDS]; /* what each kind of handle does */
  struct cs_link handles[CS_NKINDS];   /* every struct cs_handle there is, by kind */
  struct cs_link sockets;              /* every struct cs_socket there is */
  struct cs_link things;               /* every struct cs_thing there is */
  struct cs_link pools;   /* whose handle is gone, while sockets are left in them */
  struct cs_link walk;    /* what cs_refuse_inside has reached, while it looks */
  struct cs_keys keys;    /* of sockets, as connections */
  unsigned long long ids; /* handles and sockets that were made */
  /* Is told of the end of a lent socket; NULL: nobody listens. */
  void (*trace)(struct cs_frame *f, struct cs_socket *s);
  int telling;         /* somebody who listens is being told */
  int live[CS_NKINDS]; /* handles not torn down, by kind */
  int open;            /* descriptors that a Socket or the library holds */
  int waiting;         /* handles that wait to be torn down */
  int tearing;         /* they are being torn down now */
  int quiet;           /* some frame has blocked SIGPIPE */
  int ending;          /* the state is being closed: nothing new is made */
  unsigned traits;     /* of the library, as the binding sees it */
  unsigned forks;      /* cs_forks when it was made */
};

/* User values of the runtime's box. */
enum {
  CS_UV_WAITING = 1,
  CS_UV_BOXES,
  CS_UV_EMPTY,
  CS_UV_TRACE,
  CS_RUNTIME_UVS = CS_UV_TRACE
};

/* The runtime of this state; raises an error when the state is being closed. */
struct cs_runtime *cs_runtime(lua_State *L);
/* Pushes an empty box for a runtime, with that finalizer. [-0, +1, m] */
struct cs_runtime **cs_runtime_box(lua_State *L, lua_CFunction end);
/* The box on top of the stack is that of the state's runtime from now on. [-1, +0, m] */
void cs_runtime_register(lua_State *L);
/* A runtime without any handle; NULL without memory. */
struct cs_runtime *cs_runtime_new(void);
void cs_runtime_free(struct cs_runtime *rt);
/* Pushes the runtime's box; NULL if there is none. [-0, +1] */
struct cs_runtime **cs_push_runtime(lua_State *L);
/* What the box (a userdata) at index points to: NULL if nothing or no more; and the same
 * for a box that was found. */
void *cs_unbox(lua_State *L, int index);
void *cs_content(lua_State *L, void *box);
/* Notes the box at index for cs_box_of, weakly. [-0, +0, m] */
void cs_note_box(lua_State *L, int index);
/* The same if its finalizer may never be called: a state that is being closed has none
 * for what is made now, and cs_box_of has to find it. [-0, +0, m] */
void cs_note_box_late(lua_State *L, int index);
/* Pushes the box of a handle or socket that was noted; nil when it is gone or being
 * finalized. [-0, +1] */
void cs_box_of(lua_State *L, const void *what);
/* The same for what ends with the state: an empty box when it is not found. [-0, +1] */
void cs_last_box_of(lua_State *L, const void *what);
/* Replaces nil on top of the stack by an empty box without user values. */
void cs_or_empty_box(lua_State *L);
/* Seconds on a clock that never goes back. */
double cs_now(void);

/* Clears a user value of the box at index, an absolute one. [-0, +0] */
static inline void cs_clear_uservalue(lua_State *L, int index, int uservalue) {
  lua_pushnil(L);
  lua_setiuservalue(L, index, uservalue);
}

/* ---- thing.c: what else is on the C heap, and has a box ---------------------------- */

/* The first member of a block that nothing but its box points to. */
struct cs_thing {
  struct cs_link all; /* in rt->things */
  void (*free)(struct cs_thing *t);
};

/* Pushes an empty box of the class, for cs_thing_box. [-0, +1, m] */
void cs_thing_push(lua_State *L, const char *class);
/* The box on top of the stack has that block from now on, which free frees. [m] */
void cs_thing_box(lua_State *L, struct cs_thing *t, void (*free)(struct cs_thing *t));
/* Makes a class of things, as cs_class_new, with a finalizer; pushes nothing. [m] */
void cs_thing_class(lua_State *L, const char *class, const luaL_Reg *meta,
                    const luaL_Reg *methods);
/* The state ends: frees those that no finalizer has freed. */
void cs_things_end(lua_State *L, struct cs_runtime *rt);

/* ---- class.c: the classes of userdata ---------------------------------------------- */

/* Makes the class of that name, a static array whose address is its key: a metatable
 * with the metamethods, and __index a table of the methods. Pushes the metatable.
 * [-0, +1, m] */
void cs_class_new(lua_State *L, const char *class, const luaL_Reg *meta,
                  const luaL_Reg *methods);
/* Hides the metatable on top of the stack from getmetatable: a script that calls a
 * finalizer by itself, while the object is in use, would free that. [-0, +0, m] */
void cs_class_hide(lua_State *L, const char *class);
/* Makes the userdata on top of the stack one of the class. */
void cs_class_set(lua_State *L, const char *class);
/* The userdata of that class at index, or NULL; cs_class_check raises an error. */
void *cs_class_test(lua_State *L, int index, const char *class);
void *cs_class_check(lua_State *L, int index, const char *class);

/* ---- say.c: what a script is told -------------------------------------------------- */

/* Emits the value on the top of the stack as a Lua warning; never raises. [-1, +0] */
void cs_warn(lua_State *L);
/* Pushes the value at index for a message: a number, the start of a string, or its
 * type. It never runs a metamethod. [-0, +1, m] */
const char *cs_shown(lua_State *L, int index);
/* The text at index, to be compared with names; "" if it is none, or has a NUL in it. */
const char *cs_word(lua_State *L, int index);
/* The place in names, which end with NULL, of the word at index; else raises "EXPECTED
 * expected". */
int cs_choice_arg(lua_State *L, int index, const char *const names[],
                  const char *expected);
/* Raises "option 'NAME': EXPECTED expected, got TYPE". */
int cs_option_error(lua_State *L, const char *name, const char *expected, int index);
/* Whether the table at index is a list: no holes, no other keys. */
int cs_is_sequence(lua_State *L, int index);
/* The length of the table at index, which must be one. */
size_t cs_sequence(lua_State *L, const char *option, int index);

/* ---- nearest.c: "did you mean" ----------------------------------------------------- */

/* Names that next gives one after the other, then NULL. With cs_next_name they are the
 * first members of an array of structs. */
struct cs_names {
  const char *(*next)(struct cs_names *n);
  const char *at;
  size_t left, size;
};

#define cs_names_of(array, count)                                                        \
  { cs_next_name, (const char *)(array), count, sizeof *(array) }

const char *cs_next_name(struct cs_names *n);
void cs_push_lower(lua_State *L, const char *name); /* the name in lower case */
/* Pushes ": did you mean 'NAME'?" with the name that is nearest to the word, in lower
 * case; "" if none is near. [-0, +(1|2), m] */
const char *cs_did_you_mean(lua_State *L, const char *word, struct cs_names *names);

/* ---- frame.c: one call from Lua into the library ----------------------------------- */

struct cs_frame {
  struct cs_frame *up;
  lua_State *L;
  struct cs_handle *handle;
  int self;   /* stack index of the handle's userdata */
  int error;  /* stack index where an error that belongs to no transfer waits */
  int failed; /* that slot is in use */
  int ending; /* it ends transfers: no result will tell their errors */
  int calls;  /* Lua functions that run inside it: L's stack is theirs meanwhile */
  int quiet;  /* it has blocked SIGPIPE in this thread */
#ifdef CS_CHECKS
  pthread_t thread;
#endif
};

/* Enters the library on behalf of the handle whose userdata is at index self. [-0, +1] */
void cs_enter(struct cs_frame *f, lua_State *L, struct cs_handle *h, int self);
/* The library may write in this frame: until it ends SIGPIPE is blocked. (Every easy
 * has the option "nosignal": libcurl would ignore and restore it for each step of each
 * transfer.) */
void cs_quiet(struct cs_frame *f);
/* Ends the frame and nothing else: cs_leave is what callers want. */
void cs_frame_pop(struct cs_frame *f);
/* Raises the error that waits in the frame, if any. Call after cs_leave. */
void cs_rethrow(struct cs_frame *f);
/* Calls body(handle userdata, light userdata arg) protected. 0, or the error is left on
 * the stack. [-0, +(0|1)] */
int cs_call(struct cs_frame *f, lua_CFunction body, void *arg);
/* As lua_pcall, for a function that runs inside the frame. */
int cs_pcall(struct cs_frame *f, int args, int results);
/* Takes the error on the top of the stack as the frame's, or warns if it has one.
 * [-1, +0] */
void cs_frame_error(struct cs_frame *f);

/* ---- pool.c: connection caches, and the Sockets of what is in them ----------------- */

/* Whoever owns a connection cache. On the C heap: sockets may outlive the handle. */
struct cs_pool {
  int refs;                /* the handle, and each socket in it */
  struct cs_handle *owner; /* key of the handle; not to be read once that is gone */
  struct cs_link sockets;
  struct cs_link gone;   /* in rt->pools */
  unsigned long long id; /* of its handle */
  struct cs_lines lines; /* its sockets, as connections */
  int *slots, nslots;    /* where its anchors have the Sockets (pool.c) */
  int used, spare;
};

struct cs_pool *cs_pool_new(struct cs_handle *owner);
void cs_pool_unref(struct cs_pool *p);
/* Marks the anchors of the pool that the handle at index owns, so that they are kept even
 * while they are empty. [-0, +0, m] */
void cs_pool_begin(lua_State *L, int index, const struct cs_pool *pool);
/* Takes the mark away; needs no memory. */
void cs_pool_end(lua_State *L, int index, const struct cs_pool *pool);
/* Anchors the Socket of s, which is on top of the stack and about to be lent, in a pool
 * that the handle at index owns or has touched. [-1, +0, m] */
void cs_pool_anchor(lua_State *L, int index, struct cs_socket *s, struct cs_pool *pool);
/* It was not lent after all; needs no memory. */
void cs_pool_withdraw(lua_State *L, int index, struct cs_socket *s, struct cs_pool *pool);
/* It leaves the pool. */
void cs_pool_give_back(struct cs_pool *p, struct cs_socket *s);
/* The handle at index may be the one that closes what is in the other's pools. [m] */
void cs_pool_touch(lua_State *L, int index, int other);
/* No longer, for this pool; needs no memory. */
void cs_pool_forget(lua_State *L, int index, const struct cs_pool *pool);
/* Pushes the Socket of s, if the handle at index or the one that it is in leads to it;
 * unanchor also removes its anchor. 0 if nothing does. Needs no memory. [-0, +(0|1)] */
int cs_pool_find(lua_State *L, int index, const struct cs_socket *s);
int cs_pool_unanchor(lua_State *L, int index, const struct cs_socket *s);

/* ---- ledger.c: who owns which descriptor ------------------------------------------- */

enum cs_state {
  CS_OWNED, /* by the script's Socket: collected means closed */
  CS_LENT,  /* by the library */
  CS_LOST,  /* by the library, which closed it without a word: its close event follows */
  CS_CLOSING,  /* by the close event, whose callback may take it */
  CS_BORROWED, /* by the library, which never opened it through us */
  CS_CLOSED,   /* by nobody: from here on fd is -1 */
  CS_DETACHED  /* by the script, as a number */
};

/* One descriptor. On the C heap: its userdata and the ledger each hold a reference. */
struct cs_socket {
  int refs;
  int fd; /* -1 also when lost */
  enum cs_state state;
  unsigned long long id; /* unique in the runtime */
  int connected;         /* the library need not connect it */
  dev_t dev;             /* identity: a number that comes back is another socket */
  ino_t ino;
  struct cs_runtime *rt;
  struct cs_link all;        /* in the runtime's list of all */
  struct cs_pool *pool;      /* lent or lost: where its connection lives, */
  int slot;                  /* and where the anchors of that have its Socket; or 0 */
  struct cs_handle *watcher; /* lent: whose event loop waits for it, or NULL */
  struct cs_link in_pool;    /* in pool->sockets; the lost ones come first */
  struct cs_link in_opener;  /* in the list of what the running transfer opened */
  struct cs_line line;       /* lent: as a connection */
  int datagram;              /* the library was given it for datagrams (datagram.c) */
};

/* A closed socket with one reference, or NULL without memory. */
struct cs_socket *cs_socket_new(struct cs_runtime *rt);
void cs_socket_unref(struct cs_socket *s);
/* Gives the open descriptor fd to the closed socket s, in that state, and enters it in
 * the ledger. 0, or an errno (ENOTSOCK, EBADF, ENOMEM), and then fd is still the
 * caller's. A stale entry under this number is lost: its event follows (cs_tell_lost). */
int cs_socket_take(struct cs_socket *s, int fd, enum cs_state state);
/* Ends the descriptor's life in s: leaves ledger and lists, fd becomes -1. Closes
 * nothing: returns the descriptor. */
int cs_socket_end(struct cs_socket *s, enum cs_state state);
/* Closes an owned descriptor; 0 or an errno. */
int cs_socket_close(struct cs_socket *s);
/* The descriptor is still the socket that was taken. */
int cs_same(const struct cs_socket *s);
/* The entry under this number, or NULL. */
struct cs_socket *cs_ledger_find(const struct cs_runtime *rt, int fd);
/* Hands the owned socket s to the library, for a connection in pool; opened is the list
 * of the transfer that opened it. */
void cs_lend(struct cs_socket *s, struct cs_pool *pool, struct cs_link *opened);

/* ---- socket.c: the box of a socket, which Lua calls Socket ------------------------- */

extern const char cs_socket_class[];
extern const char cs_retired_class[]; /* the same without __gc */

/* User values of a Socket. */
enum {
  CS_UV_DATA = 1,
  CS_UV_CLOSE, /* called in its close event, */
  CS_UV_TOLD,  /* and this after it */
  CS_SOCKET_UVS = CS_UV_TOLD
};

/* Pushes a new Socket, closed: to be filled by cs_socket_take. [-0, +1, m] */
struct cs_socket *cs_socket_push(lua_State *L, struct cs_runtime *rt);
/* The Socket at index, or NULL if it is something else. */
struct cs_socket *cs_socket_test(lua_State *L, int index);
/* The Socket on top of the stack has lost its descriptor for good: it needs no
 * finalizer. */
void cs_socket_retire(lua_State *L);

int cs_sockets(lua_State *L); /* curl.sockets() */

/* ---- closing.c: the close event of a lent socket, once for each -------------------- */

/* The library closes descriptor fd: has the callback called, and closes it. 0, or 1 if
 * that failed. */
int cs_close_event(struct cs_runtime *rt, int fd);
/* Sockets of the pool whose number was handed out again get their event. */
void cs_tell_lost(struct cs_frame *f, struct cs_pool *p);
/* A transfer ended: of the sockets that it opened those that the library closed without
 * telling get their event. */
void cs_transfer_ended(struct cs_frame *f, struct cs_link *opened);
/* The frame's handle is gone, and this was its pool: what is left in it gets its event;
 * but not, if they may live on elsewhere, those that are still open. */
void cs_pool_ended(struct cs_frame *f, struct cs_pool *p, int elsewhere);

/* ---- fork.c: handles that a fork has copied ---------------------------------------- */

/* How many forks led from the process that loaded the module to this one. */
extern unsigned cs_forks;
void cs_fork_watch(void); /* counts them from here on */
/* The handle was made by a parent of this process, in which it is only a copy. */
#define cs_is_copy(handle) ((handle)->forks != cs_forks)

#pragma GCC visibility pop

#include "handle.h"

#endif
