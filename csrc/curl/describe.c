/* SPDX-License-Identifier: MIT
 *
 * describe.c - curl.options: which options libcurl has, as it says itself.
 */
#include "describe.h"

static const char *const types[] = {
    [CURLOT_LONG] = "long",         [CURLOT_VALUES] = "values",
    [CURLOT_OFF_T] = "off_t",       [CURLOT_OBJECT] = "object",
    [CURLOT_STRING] = "string",     [CURLOT_SLIST] = "slist",
    [CURLOT_CBPTR] = "cbptr",       [CURLOT_BLOB] = "blob",
    [CURLOT_FUNCTION] = "function",
};

static const char *type_of(const struct curl_easyoption *o) {
  return (size_t)o->type < sizeof types / sizeof *types ? types[o->type] : "unknown";
}

/* The option that it is another name of. */
static const struct curl_easyoption *original(const struct curl_easyoption *o) {
  return o->flags & CURLOT_FLAG_ALIAS ? curl_easy_option_by_id(o->id) : NULL;
}

/* The next one: the last is the upvalue. */
static int next_option(lua_State *L) {
  const struct curl_easyoption *o =
      curl_easy_option_next(lua_touserdata(L, lua_upvalueindex(1)));
  if (!o) return lua_pushnil(L), 1;
  lua_pushlightuserdata(L, (void *)o);
  lua_replace(L, lua_upvalueindex(1));
  cs_push_lower(L, o->name);
  lua_pushstring(L, type_of(o));
  if (!(o = original(o))) return 2;
  cs_push_lower(L, o->name);
  return 3;
}

/* curl.options(): an iterator over all options of an easy that libcurl describes, of
 * which easy:setopt refuses a few: the name; libcurl's type: "long", "values" (bits, or
 * one of some), "off_t", "string", "slist", "blob", "function", "object" or "cbptr" (what
 * a callback is given, which cannot come from Lua); and for another name of an option
 * that one.
 * -> (fun(): string?, string?, string?) */
int cs_options(lua_State *L) {
  lua_pushnil(L);
  lua_pushcclosure(L, next_option, 1);
  return 1;
}
