/* SPDX-License-Identifier: MIT
 *
 * link.h - intrusive doubly linked lists, so that whatever must be torn down is found
 * without Lua. A link that is in no list points to itself.
 */
#ifndef CS_LINK_H
#define CS_LINK_H

#include <stddef.h>

#include "check.h"

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
  CS_CHECK(cs_link_empty(l));
  l->prev = list->prev; /* analyzer: keys.c has begun each of its lists */
  l->next = list;
  list->prev->next = l;
  list->prev = l;
}

#endif
