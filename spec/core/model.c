/* SPDX-License-Identifier: MIT
 *
 * model.c - the model of ownership. Each close in the core comes by here: the program is linked
 * with --wrap=close.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model.h"

enum { NUMBERS = 256, IDS = 1 << 18 };

static struct item {
  int fd;
  enum model_owner owner;
  int callback, events, excused;
} items[IDS];

static int by_number[NUMBERS]; /* the id of the open descriptor */
static int ids, descriptors, forked;

struct model_counts model;
const char *model_doing = "start";

void model_fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "while it does %s: ", model_doing);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
  abort();
}

static int count_descriptors(void) {
  int n = 0;
  for (int fd = 0; fd < NUMBERS; fd++) n += fcntl(fd, F_GETFD) >= 0;
  return n;
}

void model_begin(void) {
  memset(&model, 0, sizeof model);
  memset(by_number, 0, sizeof by_number);
  ids = 0;
  descriptors = count_descriptors();
}

int model_opened(int fd, enum model_owner owner) {
  if (fd < 0 || fd >= NUMBERS) model_fail("descriptor %d (%s)", fd, strerror(errno));
  if (by_number[fd]) model_fail("%d is open twice", fd);
  if (++ids == IDS) model_fail("too many descriptors for one walk");
  items[ids] = (struct item){.fd = fd, .owner = owner};
  by_number[fd] = ids;
  model.opened++;
  return ids;
}

int model_again(int fd, enum model_owner owner) {
  items[by_number[fd]].owner = NOBODY;
  by_number[fd] = 0;
  return model_opened(fd, owner);
}

static struct item *item_of(int id) {
  if (id < 1 || id > ids) model_fail("there is no id %d", id);
  return &items[id];
}

void model_give(int id, enum model_owner owner) { item_of(id)->owner = owner; }

void model_lent(int id, int callback) {
  struct item *i = item_of(id);
  if (i->owner != SCRIPT) model_fail("%d was lent, but is not the script's", i->fd);
  i->owner = LIBRARY;
  i->callback = callback;
  model.lent++;
}

void model_event(int id, int callback) {
  struct item *i = item_of(id);
  if (!i->callback || i->events) model_fail("id %d has an event too many", id);
  if (i->callback != callback)
    model_fail("id %d has the callback %d, not %d of its opener", id, callback,
               i->callback);
  i->events++;
  model.events++;
}

void model_excuse(int id) { item_of(id)->excused = 1; }

int model_events(int id) { return item_of(id)->events; }

enum model_owner model_owner_of(int id) { return item_of(id)->owner; }

int model_fd(int id) { return item_of(id)->fd; }

int model_id(int fd) { return fd >= 0 && fd < NUMBERS ? by_number[fd] : 0; }

int model_find(enum model_owner owner, int from) {
  for (int i = 0; i < NUMBERS; i++) {
    int fd = (from + i) % NUMBERS;
    if (by_number[fd] && items[by_number[fd]].owner == owner) return fd;
  }
  return -1;
}

int __real_close(int fd);
int __wrap_close(int fd);

static int closed(int fd) {
  items[by_number[fd]].owner = NOBODY;
  by_number[fd] = 0;
  return __real_close(fd);
}

void model_close(int fd) {
  if (!model_id(fd)) model_fail("the test closes %d, which is not open", fd);
  closed(fd);
}

static int has_its_event(const struct item *i) {
  return i->events == (i->callback != 0) || i->excused || forked;
}

int __wrap_close(int fd) {
  int id = model_id(fd);
  if (!id) model_fail("the core closes %d, which nobody has", fd);
  const struct item *i = &items[id];
  if (i->owner != SCRIPT && i->owner != LIBRARY)
    model_fail("the core closes a stranger's %d", fd);
  if (i->owner == LIBRARY && !has_its_event(i))
    model_fail("%d is closed before its event", fd);
  return closed(fd);
}

void model_forked(void) {
  forked = 1;
  memset(model.live, 0, sizeof model.live);
}

static void compare(const struct cs_runtime *rt, int fd) {
  enum model_owner owner = items[by_number[fd]].owner;
  const struct cs_socket *s = cs_ledger_find(rt, fd);
  int held = s && cs_same(s);
  if (held != (owner == SCRIPT || owner == LIBRARY))
    model_fail("descriptor %d, of owner %d, is %sin the ledger", fd, owner,
               held ? "" : "not ");
  if (held && s->state != (owner == SCRIPT ? CS_OWNED : CS_LENT))
    model_fail("descriptor %d, of owner %d, has the state %d", fd, owner, s->state);
}

void model_compare(const struct cs_runtime *rt) {
  for (int fd = 0; fd < NUMBERS; fd++)
    if (by_number[fd]) compare(rt, fd);
  for (int kind = 0; kind < CS_NKINDS; kind++)
    if (rt->live[kind] != model.live[kind])
      model_fail("%d of kind %d live, not %d", rt->live[kind], kind, model.live[kind]);
}

static void end_item(int id) {
  const struct item *i = &items[id];
  if (i->owner == SCRIPT || i->owner == LIBRARY)
    model_fail("%d is open at the end", i->fd);
  if (!has_its_event(i)) model_fail("id %d has had no event", id);
  if (i->owner != NOBODY) model_close(i->fd);
}

void model_end(void) {
  for (int id = 1; id <= ids; id++) end_item(id);
  int now = count_descriptors();
  if (now != descriptors) model_fail("%d descriptors, at first %d", now, descriptors);
  if (model.thrown != model.told)
    model_fail("%ld errors thrown, %ld told", model.thrown, model.told);
  for (int kind = 0; kind < CS_NKINDS; kind++)
    if (model.live[kind]) model_fail("%d of kind %d left", model.live[kind], kind);
}
