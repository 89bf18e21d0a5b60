/* SPDX-License-Identifier: MIT
 *
 * said.c - what the script has set of the options that may stand in a fence. Most easies
 * have one or two of them, so it is a list, and on the C heap: a table would cost each of
 * them more than all its other options.
 */
#include <stdlib.h>
#include <string.h>

#include "fence.h"

/* A canonical value (cs_push_canonical): a text, or else an integer. */
struct cs_said {
  struct cs_said *next;
  int number; /* of the option */
  int is_text;
  lua_Integer value;
  size_t length;
  char text[];
};

static const struct cs_said *find(const struct cs_easy *e, int number) {
  const struct cs_said *s = e->said;
  while (s && s->number != number) s = s->next;
  return s;
}

static void drop(struct cs_said **at) {
  struct cs_said *s = *at;
  *at = s->next;
  free(s);
}

/* Drops the first of the list that is of that option. */
static void drop_first(struct cs_said **list, int number) {
  while (*list && (*list)->number != number) list = &(*list)->next;
  if (*list) drop(list);
}

/* The value goes to the front of the list; 0 without memory. */
static int add(struct cs_easy *e, int number, lua_Integer value, const char *text,
               size_t length) {
  struct cs_said *s = malloc(sizeof *s + length);
  if (!s) return 0;
  *s = (struct cs_said){e->said, number, text != NULL, value, length};
  if (text) memcpy(s->text, text, length);
  e->said = s; /* analyzer: the easy has it, and frees it */
  return 1;
}

void cs_said_set(lua_State *L, struct cs_easy *e, int number, int index) {
  size_t length = 0;
  const char *text = NULL;
  if (lua_type(L, index) == LUA_TSTRING) text = lua_tolstring(L, index, &length);
  if (!add(e, number, lua_tointeger(L, index), text, length))
    luaL_error(L, "not enough memory");
  drop_first(&e->said->next, number);
}

void cs_said_unset(struct cs_easy *e, int number) { drop_first(&e->said, number); }

const char *cs_said_text(const struct cs_easy *e, int number, size_t *length) {
  const struct cs_said *s = find(e, number);
  *length = s ? s->length : 0;
  return s ? s->text : "";
}

void cs_said_push(lua_State *L, const struct cs_easy *e, int number) {
  const struct cs_said *s = find(e, number);
  if (!s)
    lua_pushnil(L);
  else if (s->is_text)
    lua_pushlstring(L, s->text, s->length);
  else
    lua_pushinteger(L, s->value);
}

int cs_said_copy(struct cs_easy *to, const struct cs_easy *from) {
  for (const struct cs_said *s = from->said; s; s = s->next)
    if (!add(to, s->number, s->value, s->is_text ? s->text : NULL, s->length)) return 0;
  return 1;
}

void cs_said_free(struct cs_easy *e) {
  while (e->said) drop(&e->said);
}
