/* SPDX-License-Identifier: MIT
 *
 * fake.h - a library that has no network, and its binding: easies, multis and shares that open
 * sockets, keep connections in pools and close them. One struct for all three kinds.
 */
#ifndef FAKE_H
#define FAKE_H

#include "model.h"

struct fake {
  struct cs_handle h;
  struct fake *multi, *share;        /* an easy: that it is in, that it uses */
  struct cs_link in_multi, in_share; /* an easy */
  struct cs_link easies, users;      /* a multi: in it; a share: that use it */
  struct cs_link opened;             /* an easy: what its transfer opened */
  struct cs_link connections,
      leaving;  /* leaving: a multi's, from the shares of its easies */
  int callback; /* an easy: the number of its close callback */
};

struct connection {
  struct cs_link link;
  int fd, id;
};

/* What the test decides. */
extern struct fake_plan {
  /* What the library does in a step of an easy's transfer. */
  void (*step)(struct cs_frame *f, struct fake *e);
  /* Pushes what the open callback returns: a Socket or nil. May raise. */
  void (*offer)(lua_State *L);
  /* In the close callback of the Socket at index 1. May raise. */
  int (*closing)(lua_State *L);
  /* Whether the library tells that it closes a connection. */
  int (*tells)(void);
} fake_plan;

/* Makes the classes of a state whose runtime there is. */
void fake_install(lua_State *L);
/* The data of a Socket is its id. */
int fake_socket_id(lua_State *L, int index);
void fake_set_socket_id(lua_State *L, int index, int id);
/* Like those functions of the module. */
int fake_easy(lua_State *L);
int fake_multi(lua_State *L);
int fake_share(lua_State *L);
int fake_add(lua_State *L);      /* multi, easy */
int fake_remove(lua_State *L);   /* multi, easy */
int fake_use(lua_State *L);      /* easy, share or nil */
int fake_callback(lua_State *L); /* easy, number or nil */
int fake_perform(lua_State *L);
int fake_perform_all(lua_State *L); /* multi: each of its easies */

/* What the library does. */
void fake_connect(struct cs_frame *f, struct fake *e);
/* Where the connections of e's transfers are. */
struct fake *fake_pool(struct fake *e);
void fake_disconnect(struct cs_runtime *rt, struct connection *c, int tell);
/* The connection of a share goes to the shutdown list of the multi. */
void fake_move(struct connection *c, struct fake *multi);

#endif
