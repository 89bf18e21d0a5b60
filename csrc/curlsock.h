/* SPDX-License-Identifier: MIT
 *
 * curlsock.h - the map of this folder: one section a file, and what must hold.
 *
 * libcurl copies the close callback and its clientp into each connection. The connection
 * then lives in a cache and may be closed long after the easy handle that made it, its Lua
 * object, its coroutine and its closures are gone. All that follows is there to keep that
 * safe. These hold everywhere:
 *
 *  1. A userdata is valid from the moment it has its metatable: created closed, then filled.
 *  2. No Lua error unwinds through a libcurl frame: all that a trampoline does with Lua,
 *     pushing arguments included, runs in cs_call.
 *  3. clientp of the close callback is the runtime, never a userdata.
 *  4. Every descriptor has exactly one owner (enum cs_state says which) and is closed once.
 *  5. The close callback of a socket is the one that its opener had when it opened it. It is
 *     user value of the Socket; changing the option later never reaches it.
 *  6. What keeps a Lua value alive is a user value, never the registry, so that a callback
 *     may mention its own handle. What is torn down is reached through C links. Inside __gc
 *     a weak table no longer finds the object, but its user values can still be read:
 *     trampolines find all Lua values from the userdata of the innermost frame.
 *  7. Callbacks run on the lua_State of the innermost frame. No frame, no Lua: the
 *     descriptor is closed natively.
 *  8. A handle that libcurl cannot free now is freed when the outermost frame ends
 *     (cs_defer), or when its last user goes (a share).
 *  9. A Socket never reaches a descriptor number that was reused: cs_same is asked first.
 * 10. Handles and sockets are on the C heap; their userdata are boxes that point to them.
 *     Lua drops a finalizer that it has no memory to call: what that should have ended then
 *     waits for the end of the state, and nothing points into the userdata that is gone.
 */
#ifndef CURLSOCK_H
#define CURLSOCK_H

#include <curl/curl.h>
#include <lauxlib.h>
#include <lua.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* Nothing is exported but luaopen_curlsock_core, also when LuaRocks compiles. */
#pragma GCC visibility push(hidden)

struct cs_easy;
struct cs_frame;
struct cs_multi;
struct cs_socket;

/* ---- intrusive doubly linked lists, so that whatever must be torn down is found
 * without Lua. A link that is in no list points to itself. ---- */
struct cs_link {
  struct cs_link *prev, *next;
};

#define cs_item(link, type, member)                                                      \
  ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void cs_link_init(struct cs_link *l) { l->prev = l->next = l; }

static inline int cs_link_empty(const struct cs_link *l) { return l->next == l; }

static inline void cs_link_drop(struct cs_link *l) {
  l->prev->next = l->next;
  l->next->prev = l->prev;
  cs_link_init(l);
}

static inline void cs_link_append(struct cs_link *list, struct cs_link *l) {
  l->prev = list->prev;
  l->next = list;
  list->prev->next = l;
  list->prev = l;
}

/* ---- runtime.c: one block per Lua state; it outlives every handle ------------------- */

struct cs_runtime {
  struct cs_frame *frame;    /* innermost call into libcurl */
  struct cs_socket **table;  /* the ledger: every Socket's descriptor, by number */
  size_t size;               /* slots of table */
  struct cs_link handles[3]; /* every struct cs_handle there is, by kind */
  struct cs_link sockets;    /* every struct cs_socket there is */
  struct cs_link walk;       /* what cs_refuse_inside has reached, while it looks */
  int live[4];               /* easies, multis, shares not torn down; open Sockets */
  int deferred;              /* handles that wait for the outermost frame to end */
  int sweeping;              /* they are being torn down now */
  int quiet;                 /* some frame has blocked SIGPIPE */
  int nosignal;              /* libcurl needs no signal to end the resolving of a name */
  int ending;                /* the state is being closed: nothing new is made */
  unsigned forks;            /* cs_forks when it was made */
};

/* The runtime of this state; raises an error when the state is being closed. */
struct cs_runtime *cs_runtime(lua_State *L);
/* Makes the runtime, once per state. */
void cs_runtime_open(lua_State *L);
/* What the box (a userdata) at index points to: NULL if nothing, or if that is no more. */
void *cs_unbox(lua_State *L, int index);
/* Remembers the box at index for cs_recall, weakly. [-0, +0, m] */
void cs_remember(lua_State *L, int index);
/* The same if its finalizer may never be called: a state that is being closed has none for
 * what is made now, and cs_recall has to find it. [-0, +0, m] */
void cs_remember_late(lua_State *L, int index);
/* Pushes the box of a handle or socket that was remembered; nil when it is gone or being
 * finalized. [-0, +1] */
void cs_recall(lua_State *L, const void *what);
/* Replaces nil on top of the stack by an empty box without user values. */
void cs_or_nobody(lua_State *L);
/* Keeps the handle at index until the outermost frame ends; never raises. */
void cs_defer(lua_State *L, int index);
/* Seconds on a clock that never goes back. */
double cs_now(void);
/* Tears down what was deferred; called with no frame left. */
void cs_sweep(lua_State *L, struct cs_runtime *rt);

/* ---- class.c: the classes of userdata ----------------------------------------------- */

/* Makes the class of that name, a static array whose address is its key: a metatable with
 * the metamethods, and __index a table of the methods. Pushes the metatable. [-0, +1, m] */
void cs_class_new(lua_State *L, const char *class, const luaL_Reg *meta,
                  const luaL_Reg *methods);
/* Hides the metatable on top of the stack from getmetatable: a script that calls a finalizer
 * by itself, while the object is in use, would free that. [-0, +0, m] */
void cs_class_hide(lua_State *L, const char *class);
/* Makes the userdata on top of the stack one of the class. */
void cs_class_set(lua_State *L, const char *class);
/* The userdata of that class at index, or NULL; cs_class_check raises an error instead. */
void *cs_class_test(lua_State *L, int index, const char *class);
void *cs_class_check(lua_State *L, int index, const char *class);

/* ---- handle.c: what easies, multis and shares have in common ------------------------ */

enum cs_kind { CS_EASY, CS_MULTI, CS_SHARE };

/* User values that every handle has; each kind adds its own after them. */
enum {
  CS_UV_POOLS = 1, /* table: struct cs_pool* -> its anchors (pool.c) */
  CS_UV_DEFER,     /* the next deferred handle */
  CS_UV_OWN        /* first one of the kind's own */
};

struct cs_handle {
  enum cs_kind kind;
  int closed;     /* closed for Lua: every method but close refuses it */
  int deferred;   /* waits in the runtime's list of deferred handles */
  int ready;      /* has its libcurl handle: counted in rt->live */
  int orphan;     /* its box was finalized: freed when it is torn down */
  unsigned forks; /* cs_forks when it was made */
  struct cs_runtime *rt;
  struct cs_pool *pool; /* NULL once torn down (and before it is filled) */
  struct cs_link all;   /* in rt->handles */
  struct cs_link walk;  /* in rt->walk */
};

/* Pushes the box of a new, closed handle of size bytes (zeroed). [-0, +1, m] */
void *cs_handle_new(lua_State *L, enum cs_kind kind, size_t size, int uservalues);
/* It has its libcurl handle: from here on it must be torn down. */
void cs_handle_ready(struct cs_handle *h);
/* The handle at index, or NULL. */
void *cs_handle_test(lua_State *L, int index, enum cs_kind kind);
/* The open handle at index; raises an error for anything else. */
void *cs_handle_check(lua_State *L, int index, enum cs_kind kind);
/* Raises an error if a running frame reaches the handle; call names the refused one. */
void cs_refuse_inside(lua_State *L, struct cs_handle *h, const char *call);
/* Tears the handle at index down, in a frame of its own. Never raises: an error of a
 * callback is left on the stack and 1 returned. [-0, +(0|1)] */
int cs_teardown(lua_State *L, int index);
/* The same for h, whose box is at index if it still has one. */
int cs_teardown_of(lua_State *L, int index, struct cs_handle *h);
/* Makes a class of handles: methods, and what all three kinds have. */
void cs_handle_class(lua_State *L, enum cs_kind kind, const luaL_Reg *methods);

/* ---- fork.c: handles that a fork has copied ------------------------------------------ */

/* How many forks led from the process that loaded the module to this one. */
extern unsigned cs_forks;
void cs_fork_watch(void); /* counts them from here on */
/* The handle was made by a parent of this process, in which it is only a copy. */
#define cs_is_copy(handle) ((handle)->forks != cs_forks)
/* Frees a copy, without libcurl and without Lua. */
void cs_abandon(struct cs_handle *h);

/* ---- frame.c: one call from Lua into libcurl ---------------------------------------- */

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
};

/* Enters libcurl on behalf of the handle whose userdata is at index self. [-0, +1] */
void cs_enter(struct cs_frame *f, lua_State *L, struct cs_handle *h, int self);
/* libcurl may write in this frame: until it ends SIGPIPE is blocked. (Every easy has the option
 * "nosignal": libcurl would ignore and restore it for each step of each transfer.) */
void cs_quiet(struct cs_frame *f);
/* Ends the frame; the outermost one tears down what was deferred. [-0, +0] */
void cs_leave(struct cs_frame *f);
/* Raises the error that waits in the frame, if any. Call after cs_leave. */
void cs_rethrow(struct cs_frame *f);
/* Calls body(handle userdata, light userdata arg) protected. 0, or the error is left on
 * the stack. [-0, +(0|1)] */
int cs_call(struct cs_frame *f, lua_CFunction body, void *arg);
/* As lua_pcall, for a function that runs inside the frame. */
int cs_pcall(struct cs_frame *f, int args, int results);
/* Takes the error on the top of the stack as the frame's, or warns if it has one. [-1, +0]*/
void cs_frame_error(struct cs_frame *f);
/* Emits the value on the top of the stack as a Lua warning; never raises. [-1, +0] */
void cs_warn(lua_State *L);

/* ---- ledger.c: who owns which descriptor -------------------------------------------- */

enum cs_state {
  CS_OWNED,    /* by the script's Socket: collected means closed */
  CS_LENT,     /* by libcurl */
  CS_CLOSING,  /* by the close trampoline, whose callback may take it */
  CS_BORROWED, /* by libcurl, which never opened it through us */
  CS_CLOSED,   /* by nobody: from here on fd is -1 */
  CS_DETACHED  /* by the script, as a number */
};

/* One descriptor. On the C heap: its userdata and the ledger each hold a reference. */
struct cs_socket {
  int refs;
  int fd;
  enum cs_state state;
  int connected; /* libcurl need not connect it */
  dev_t dev;     /* identity: a number that comes back is another socket */
  ino_t ino;
  struct cs_runtime *rt;
  struct cs_link all;       /* in the runtime's list of all */
  struct cs_pool *pool;     /* lent: where its connection lives */
  struct cs_multi *watcher; /* lent: whose event loop waits for it, or NULL */
  struct cs_link in_pool;   /* in pool->sockets */
  struct cs_link in_opener; /* in the opened list of the easy whose transfer opened it */
};

/* A closed socket with one reference, or NULL without memory. */
struct cs_socket *cs_socket_new(struct cs_runtime *rt);
void cs_socket_unref(struct cs_socket *s);
/* Gives the open descriptor fd to the closed socket s, in that state, and enters it in the
 * ledger. 0, or an errno (ENOTSOCK, EBADF, ENOMEM), and then fd is still the caller's. A
 * stale entry under this number is put aside: its event follows (cs_settle). */
int cs_socket_take(struct cs_socket *s, int fd, enum cs_state state);
/* Ends the descriptor's life in s: leaves ledger and lists, fd becomes -1. Closes nothing:
 * returns the descriptor. */
int cs_socket_end(struct cs_socket *s, enum cs_state state);
/* Closes an owned descriptor; 0 or an errno. */
int cs_socket_close(struct cs_socket *s);
/* The descriptor is still the socket that was taken. */
int cs_same(const struct cs_socket *s);
/* The entry under this number, or NULL. */
struct cs_socket *cs_ledger_find(const struct cs_runtime *rt, int fd);
/* Hands the owned socket s to libcurl, for a connection in pool, opened by e. */
void cs_lend(struct cs_socket *s, struct cs_pool *pool, struct cs_easy *e);

/* ---- pool.c: connection caches, and the Sockets of what is in them ------------------- */

/* Whoever owns a connection cache. On the C heap: sockets may outlive the handle. */
struct cs_pool {
  int refs;                /* the handle, and each socket in it */
  struct cs_handle *owner; /* key of the handle; not to be read once that is gone */
  struct cs_link sockets;
};

struct cs_pool *cs_pool_new(struct cs_handle *owner);
void cs_pool_unref(struct cs_pool *p);
/* Marks the anchors of the pool that the handle at index owns, so that they are kept even
 * while they are empty. [-0, +0, m] */
void cs_pool_begin(lua_State *L, int index, const struct cs_pool *pool);
/* Takes the mark away; needs no memory. */
void cs_pool_end(lua_State *L, int index, const struct cs_pool *pool);
/* Anchors the value on top of the stack as the Socket of s, in a pool that the handle at
 * index owns or has touched. [-1, +0, m] */
void cs_pool_anchor(lua_State *L, int index, const struct cs_socket *s,
                    const struct cs_pool *pool);
/* The handle at index may be the one that closes what is in the pools of the other. [m] */
void cs_pool_touch(lua_State *L, int index, int other);
/* No longer, for this pool; needs no memory. */
void cs_pool_forget(lua_State *L, int index, const struct cs_pool *pool);
/* Pushes the Socket of s, if the handle at index or the multi it is in leads to it; take
 * also removes its anchor. 0 if nothing does. Needs no memory. [-0, +(0|1)] */
int cs_pool_find(lua_State *L, int index, const struct cs_socket *s);
int cs_pool_take(lua_State *L, int index, const struct cs_socket *s);

/* ---- sockcall.c: the three socket trampolines --------------------------------------- */

/* Sets the trampolines on a new, reset or duplicated easy. */
CURLcode cs_sockcall_install(struct cs_easy *e);
int cs_sockets(lua_State *L); /* curl.sockets() */
/* A transfer of e ended: sockets that libcurl closed without telling get their event. */
void cs_settle(struct cs_frame *f, struct cs_easy *e);
/* The frame's handle is gone, and this was its pool: the same for what is left in it. */
void cs_settle_pool(struct cs_frame *f, struct cs_pool *p);

/* ---- easy.c, multi.c, share.c: the handles ------------------------------------------ */

/* Callbacks an easy can have; each is a user value of the easy, CS_UV_OWN + number. */
enum cs_callback {
  CS_OPENSOCKET,
  CS_CLOSESOCKET,
  CS_SOCKOPT,
  CS_WRITE,
  CS_HEADER,
  CS_READ,
  CS_SEEK,
  CS_XFERINFO,
  CS_DEBUG,
  CS_PREREQ,
  CS_NCALLBACKS
};

enum {
  CS_UV_SHARE = CS_UV_OWN + CS_NCALLBACKS, /* the share that it uses */
  CS_UV_MULTI,                             /* the multi that it is in */
  CS_UV_ERROR,                             /* what a callback of this transfer threw */
  CS_UV_REASON,                            /* why a callback refused (a string) */
  CS_UV_REST,                              /* what readfunction returned too much */
  CS_UV_VALUE,                             /* what multi:add was given for its result */
  CS_EASY_UVS = CS_UV_VALUE
};

struct cs_easy {
  struct cs_handle h;
  CURL *curl;
  struct cs_multi *multi; /* that it is in */
  struct cs_share *share; /* that it uses */
  struct cs_link in_multi, in_share, in_done, in_idle;
  struct cs_link opened;   /* sockets that the running transfer opened */
  struct cs_list *lists;   /* what libcurl does not copy (option.c) */
  struct cs_list *retired; /* replaced lists that the running transfer may still read */
  unsigned callbacks;      /* bit set of the callbacks that Lua has set */
  int failed;              /* a callback threw: CS_UV_ERROR has it, all else is aborted */
  int noprogress;          /* as the script wants it */
  long connecttimeout;     /* as the script wants it, in milliseconds; 0: the default */
  int fields;              /* postfields were set: libcurl has their size */
  int wildcard;            /* libcurl may put its own write callback in place of ours */
  int paused;              /* a callback of this transfer returned curl.PAUSE */
  int telling;             /* debugfunction runs: libcurl may point into its strings */
  int unsupported;         /* refused because this libcurl cannot do it: NOT_SUPPORTED */
  size_t rest;             /* bytes of CS_UV_REST that were handed on */
  CURLcode result;         /* of the transfer, while it waits in the multi's done list */
  int slot;                /* where the multi's CS_UV_EASIES has it */
  int leaves;              /* added with a value: it leaves the multi by itself */
  int left;                /* it has: libcurl has removed it */
  char errbuf[CURL_ERROR_SIZE];
};

enum {
  CS_UV_EASIES = CS_UV_OWN, /* table: slot -> easy, for each that was added */
  CS_UV_SOCKETFUNCTION,
  CS_UV_TIMERFUNCTION,
  CS_UV_CLOSED, /* easies that were closed while somebody waits; CS_UV_DEFER is the next */
  CS_MULTI_UVS = CS_UV_CLOSED
};

struct cs_multi {
  struct cs_handle h;
  CURLM *curl;
  struct cs_link easies;    /* that were added */
  struct cs_link done;      /* those whose result waits to be read */
  struct cs_link idle;      /* those that an old libcurl may have left undriven */
  struct cs_watch *watches; /* what libcurl waits for, by descriptor (event.c) */
  size_t size;              /* slots of watches */
  double deadline;          /* when its timer runs out, by cs_now; negative: never */
  int epoll, timer;         /* pollfd was called: both, or -1 */
  double armed;             /* when timer becomes readable; negative: never */
  int woken;                /* by wakeup, in the step that runs */
  int soon;                 /* results wait: until it is driven its time is now */
  int stepping;             /* cs_event_step looks at the deadline itself */
  int forgetful;            /* in event mode, and libcurl is older than 8.4.0 */
  int running;              /* transfers, when libcurl last said */
};

struct cs_share {
  struct cs_handle h;
  CURLSH *curl;
  struct cs_link easies; /* that use it */
  int connections;       /* it shares connections: it is a pool */
  int hsts;              /* it shares the HSTS cache */
  int dying;             /* closed while in use: freed with its last easy */
};

/* Forgets what an earlier transfer of e left. */
void cs_easy_begin(lua_State *L, struct cs_easy *e, int self);
int cs_easy_new(lua_State *L);  /* curl.easy(options) */
int cs_multi_new(lua_State *L); /* curl.multi(options) */
int cs_share_new(lua_State *L); /* curl.share(options) */
void cs_easy_class(lua_State *L);
void cs_multi_class(lua_State *L);
void cs_share_class(lua_State *L);
/* What teardown does for each kind; never raises. 0 if the handle must wait. */
int cs_easy_free(struct cs_frame *f, struct cs_easy *e);
int cs_multi_free(struct cs_frame *f, struct cs_multi *m);
int cs_share_free(struct cs_share *s);
/* Takes e out of its multi, in frame f. */
CURLMcode cs_multi_detach(struct cs_frame *f, struct cs_easy *e);
/* Ends e's use of its share; frees a dying share whose last user this was. */
void cs_share_leave(struct cs_frame *f, struct cs_easy *e);
/* Sets option share of the easy at self to the value at index (nil: none). */
CURLcode cs_share_use(lua_State *L, struct cs_easy *e, int self, int index);
/* Pushes the results of a transfer: true, or nil, message, name. Returns how many. [-0, +n] */
int cs_easy_result(lua_State *L, struct cs_easy *e, int self, CURLcode code);

/* ---- event.c: a multi as a guest in somebody's event loop ----------------------------- */

/* If name is "socketfunction" or "timerfunction", sets that option of the multi at index
 * self to the function or nil at index, and returns 1. Raises an error for another type. */
int cs_event_set(lua_State *L, struct cs_multi *m, int self, const char *name, int index);
int cs_event_pollfd(lua_State *L); /* multi:pollfd() */
int cs_event_events(lua_State *L); /* multi:events() */
/* Handles what is ready on the multi's own descriptor, in a frame. */
CURLMcode cs_event_step(struct cs_multi *m);
/* Waits for that descriptor, at most so many milliseconds; 1 if it is ready, else 0;
 * -1 and errno if it fails. */
int cs_event_wait(const struct cs_multi *m, int ms);
/* Makes that descriptor ready, for wakeup. */
void cs_event_wake(struct cs_multi *m);
/* There is a result, though nothing has happened: the event loop is to look soon. */
void cs_event_soon(struct cs_frame *f, struct cs_multi *m);
/* The socket is about to be closed: nobody may watch its descriptor any longer. */
void cs_event_closing(struct cs_frame *f, struct cs_socket *s);
/* A descriptor was opened for e, which is in a multi: an old watch of its number is stale.
 * Or none was (fd is negative): the address was refused. */
void cs_event_opened(struct cs_frame *f, struct cs_easy *e, int fd);
/* A step has ended: has libcurl go on with the transfers that it may have forgotten. */
void cs_event_drive(struct cs_multi *m, CURLMcode code);
/* Frees what the multi watches by, and tells nobody. */
void cs_event_free(struct cs_multi *m);
/* The multi's libcurl handle is gone: ends its watches, timer and descriptors. */
void cs_event_end(struct cs_frame *f, struct cs_multi *m);

/* ---- data.c: the data trampolines, and setting any callback ------------------------- */

/* Sets what every easy has from its creation (write and read: libcurl would print). */
CURLcode cs_data_install(struct cs_easy *e);
/* Sets the callback option name (already known to be of type FUNCTION) of the easy at self
 * to the value at index; nil removes it. Raises for a wrong type, or for a function option
 * that cannot be set from Lua. */
CURLcode cs_callback_set(lua_State *L, struct cs_easy *e, int self, const char *name,
                         int index);
/* Pushes the easy's userdata, found from the frame's handle at index; an empty box if that
 * does not lead to it. [-0, +1] */
void cs_push_easy(lua_State *L, int index, const struct cs_frame *f,
                  const struct cs_easy *e);
/* Takes the error on top of the stack as that of e's transfer, and has libcurl abort it.
 * [-1, +0] */
void cs_easy_error(struct cs_frame *f, struct cs_easy *e);
/* Has libcurl abort the transfer as soon as it can. */
void cs_easy_abort(struct cs_easy *e);
/* Remembers what the script sets the option to, if it is one that cs_easy_abort uses (1). */
int cs_easy_remember(struct cs_easy *e, CURLoption id, long value);
/* The unique value of curl.PAUSE. */
void cs_push_pause(lua_State *L);

/* ---- option.c, value.c: easy options by libcurl's own description ------------------- */

int cs_easy_setopt(lua_State *L); /* easy:setopt(name, value) or easy:setopt{...} */
int cs_easy_unset(lua_State *L);  /* easy:unset(name) */
/* Sets every option of the table at index on the easy at self. 0, or the number of results
 * (nil, message, name) that it pushed. */
int cs_setopt_table(lua_State *L, struct cs_easy *e, int self, int index);
/* Copies the lists of from to its duplicate. */
CURLcode cs_lists_copy(struct cs_easy *to, const struct cs_easy *from);
void cs_lists_free(struct cs_easy *e);
void cs_lists_retire_end(struct cs_easy *e); /* the transfer ended: frees retired lists */
/* The number that the value at index means for the option: an integer, a boolean, a name
 * or a list of names that are or-ed. Raises an error that names option and choices. */
curl_off_t cs_value(lua_State *L, const char *option, int id, int index);
/* The length of the table at index, which must be a list: no holes, no other keys. */
size_t cs_sequence(lua_State *L, const char *option, int index);

/* ---- info.c: easy:getinfo ----------------------------------------------------------- */

int cs_easy_getinfo(lua_State *L);

/* ---- error.c: results of failed operations, and option errors ----------------------- */

/* Each pushes nil, message, name and returns 3. */
int cs_fail_easy(lua_State *L, CURLcode code);
int cs_fail_multi(lua_State *L, CURLMcode code);
int cs_fail_share(lua_State *L, CURLSHcode code);
int cs_fail_errno(lua_State *L, int code, const char *what);
const char *cs_easy_name(CURLcode code); /* "COULDNT_CONNECT" */
const char *cs_errno_name(int code);     /* "EACCES" */
/* Pushes the value at index for a message: a number, the start of a string, or its type. It
 * never runs a metamethod. [-0, +1, m] */
const char *cs_shown(lua_State *L, int index);
/* Raises "option 'NAME': EXPECTED expected, got TYPE". */
int cs_option_error(lua_State *L, const char *name, const char *expected, int index);

/* ---- address.c: socket addresses ---------------------------------------------------- */

struct cs_address {
  int socktype; /* flag bits masked out */
  int protocol;
  socklen_t len;
  union {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    struct sockaddr_storage storage;
  } u;
};

#define CS_ADDRESS_TEXT 160 /* bytes that hold any address as text */

void cs_address_class(lua_State *L);
int cs_address_parse(lua_State *L); /* curl.address(text) */
/* Pushes a new Address with no family yet. [-0, +1, m] */
struct cs_address *cs_address_new(lua_State *L);
struct cs_address *cs_address_check(lua_State *L, int index);
/* The Address at index, or the one that the string there describes, which replaces it. */
struct cs_address *cs_address_arg(lua_State *L, int index);
/* Writes the text of the address, as tostring gives it. */
const char *cs_address_text(const struct cs_address *a, char text[CS_ADDRESS_TEXT]);
/* The text at index, to be compared with names; "" if it is none, or has a NUL in it. */
const char *cs_word(lua_State *L, int index);
/* Pushes the name of an address family or socket type; the number of any other. [-0, +1] */
void cs_push_family(lua_State *L, int family);
void cs_push_socktype(lua_State *L, int socktype);
/* The family or socket type that the name or integer at index means; none if nil. */
int cs_family_arg(lua_State *L, int index, int none);
int cs_socktype_arg(lua_State *L, int index, int none);

/* ---- socket.c: Socket objects; sockopt.c: socket options by name -------------------- */

void cs_socket_class(lua_State *L);
int cs_socket_open(lua_State *L);  /* curl.socket(family, socktype, protocol) */
int cs_socket_pair(lua_State *L);  /* curl.socketpair() */
int cs_socket_adopt(lua_State *L); /* curl.adopt(fd) */
/* Pushes a new Socket, closed: to be filled by cs_socket_take. [-0, +1, m] */
struct cs_socket *cs_socket_push(lua_State *L, struct cs_runtime *rt);
/* The Socket at index, or NULL if it is something else. */
struct cs_socket *cs_socket_test(lua_State *L, int index);
/* The Socket on top of the stack has lost its descriptor for good: it needs no finalizer. */
void cs_socket_retire(lua_State *L);
/* A new descriptor, close-on-exec, or -1 and errno. */
int cs_socket_create(int family, int socktype, int protocol);
/* The descriptor is a stream socket that has a peer. */
int cs_is_connected(int fd);
/* User values of a Socket. */
enum { CS_UV_DATA = 1, CS_UV_CLOSE, CS_SOCKET_UVS = CS_UV_CLOSE };

int cs_sockopt_set(lua_State *L); /* socket:setsockopt(level, name, value) */
int cs_sockopt_get(lua_State *L); /* socket:getsockopt(level, name) */
int cs_socket_info(lua_State *L); /* socket:info(), tcpinfo.c */
/* The Socket at index 1, whose options may be read and set now (owned, lent, closing or
 * borrowed, and still the same descriptor); raises an error for any other. */
struct cs_socket *cs_socket_open_arg(lua_State *L, const char *method);

#pragma GCC visibility pop

#endif
