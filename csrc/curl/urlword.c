/* SPDX-License-Identifier: MIT
 *
 * urlword.c - the names of the parts of a URL and of the flags of its calls: libcurl's,
 * in lower case. A flag that it does not know yet it would ignore.
 */
#include <string.h>

#include "url.h"

const struct cs_urlpart cs_urlparts[] = {
    {"url", CURLUPART_URL, CURLUE_OK},
    {"scheme", CURLUPART_SCHEME, CURLUE_NO_SCHEME},
    {"user", CURLUPART_USER, CURLUE_NO_USER},
    {"password", CURLUPART_PASSWORD, CURLUE_NO_PASSWORD},
    {"options", CURLUPART_OPTIONS, CURLUE_NO_OPTIONS},
    {"host", CURLUPART_HOST, CURLUE_NO_HOST},
    {"port", CURLUPART_PORT, CURLUE_NO_PORT},
    {"path", CURLUPART_PATH, CURLUE_OK},
    {"query", CURLUPART_QUERY, CURLUE_NO_QUERY},
    {"fragment", CURLUPART_FRAGMENT, CURLUE_NO_FRAGMENT},
    {"zoneid", CURLUPART_ZONEID, CURLUE_NO_ZONEID},
    {NULL, 0, CURLUE_OK},
};

/* By number: the newer ones are not in every header. */
static const struct flag {
  const char *name;
  unsigned bit;
  unsigned since; /* if that is newer than what this compiles with */
} flags[] = {
    {"default_port", 1 << 0, 0},      {"no_default_port", 1 << 1, 0},
    {"default_scheme", 1 << 2, 0},    {"non_support_scheme", 1 << 3, 0},
    {"path_as_is", 1 << 4, 0},        {"disallow_user", 1 << 5, 0},
    {"urldecode", 1 << 6, 0},         {"urlencode", 1 << 7, 0},
    {"appendquery", 1 << 8, 0},       {"guess_scheme", 1 << 9, 0},
    {"no_authority", 1 << 10, 0},     {"allow_space", 1 << 11, 0},
    {"punycode", 1 << 12, 0x075800},  {"puny2idn", 1 << 13, 0x080300},
    {"get_empty", 1 << 14, 0x080800}, {"no_guess_scheme", 1 << 15, 0x080900},
};

#define COUNT (sizeof flags / sizeof *flags)

/* Raises "unknown KIND 'hots': did you mean 'host'?". */
static void unknown(lua_State *L, int index, const char *kind, struct cs_names *names) {
  int is_word = lua_type(L, index) == LUA_TSTRING;
  const char *got = cs_shown(L, index);
  if (!is_word)
    luaL_argerror(L, index, lua_pushfstring(L, "%s expected, got %s", kind, got));
  const char *hint = cs_did_you_mean(L, cs_word(L, index), names);
  luaL_argerror(L, index, lua_pushfstring(L, "unknown %s %s%s", kind, got, hint));
}

const struct cs_urlpart *cs_urlpart_arg(lua_State *L, int index) {
  struct cs_names names = cs_names_of(cs_urlparts, CURLUPART_ZONEID + 1);
  const char *word = cs_word(L, index);
  const struct cs_urlpart *p = cs_urlparts;
  while (p->name && strcmp(p->name, word)) p++;
  if (!p->name) unknown(L, index, "part of a URL", &names);
  return p;
}

static const struct flag *flag_arg(lua_State *L, int index) {
  struct cs_names names = cs_names_of(flags, COUNT);
  const char *word = cs_word(L, index);
  for (size_t i = 0; i < COUNT; i++)
    if (!strcmp(flags[i].name, word)) return &flags[i];
  unknown(L, index, "flag of a URL", &names);
  return NULL;
}

int cs_urlflags_arg(lua_State *L, int index, unsigned *bits) {
  unsigned version = cs_version();
  int top = lua_gettop(L);
  *bits = 0;
  for (int i = index; i <= top; i++) {
    const struct flag *f = flag_arg(L, i);
    if (version < f->since)
      return cs_fail_old(L, lua_pushfstring(L, "flag '%s'", f->name), f->since,
                         "NOT_SUPPORTED");
    *bits |= f->bit;
  }
  return 0;
}
