/* SPDX-License-Identifier: MIT
 *
 * nearest.c - "did you mean": of many names the one that is nearest to a word.
 */
#include <string.h>

#include "core.h"

enum { LONGEST = 63 };

static char lower(char c) { return (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c); }

static int least(int a, int b) { return a < b ? a : b; }

/* The next row of the table of distances, from the last one and that before it. */
static void next_row(const char *a, const char *b, size_t i, int rows[3][LONGEST + 1]) {
  int *before = rows[(i + 1) % 3], *last = rows[(i + 2) % 3], *row = rows[i % 3];
  row[0] = (int)i;
  for (size_t j = 1; b[j - 1]; j++) {
    char x = lower(a[i - 1]), y = lower(b[j - 1]);
    row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (x != y));
    if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y)
      row[j] = least(row[j], before[j - 2] + 1);
  }
}

/* How many letters must be put in, left out, changed or swapped with the next one. */
static int distance(const char *a, const char *b) {
  int rows[3][LONGEST + 1];
  size_t length = strlen(a);
  for (int j = 0; j <= LONGEST; j++) rows[0][j] = j;
  for (size_t i = 1; i <= length; i++) next_row(a, b, i, rows);
  return rows[length % 3][strlen(b)];
}

const char *cs_next_name(struct cs_names *n) {
  const char *const *name = (const void *)n->at;
  if (!n->left || !*name) return NULL;
  n->left--;
  n->at += n->size;
  return *name;
}

/* What is further away was not meant. */
static const char *nearest(const char *word, struct cs_names *names) {
  const char *best = NULL;
  size_t length = strlen(word);
  int least_yet = least(2 + (int)(length / 6), 4);
  if (length > LONGEST) return NULL;
  for (const char *name; (name = names->next(names));) {
    if (strlen(name) > LONGEST) continue;
    int d = distance(word, name);
    if (d < least_yet) {
      best = name;
      least_yet = d;
    }
  }
  return best;
}

void cs_push_lower(lua_State *L, const char *name) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  while (*name) luaL_addchar(&b, lower(*name++));
  luaL_pushresult(&b);
}

const char *cs_did_you_mean(lua_State *L, const char *word, struct cs_names *names) {
  const char *name = nearest(word, names);
  if (!name) return lua_pushliteral(L, "");
  cs_push_lower(L, name);
  return lua_pushfstring(L, ": did you mean '%s'?", lua_tostring(L, -1));
}
