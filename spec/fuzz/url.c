/* SPDX-License-Identifier: MIT
 *
 * url.c - fuzzes curl.url, get and set. A copy is equal; what an easy takes reads the same
 * again, and has the host that the Url has: whatever was set as it is.
 */
#include "fuzz.h"

#include "url.h"

static const char *const flags[] = {"urlencode",    "urldecode",          "appendquery",
                                    "guess_scheme", "non_support_scheme", "path_as_is",
                                    "allow_space",  "no_authority"};

/* Pushes the names of a few flags; how many. */
static int push_flags(struct input *in) {
  int count = 0;
  for (unsigned bits = take_byte(in); bits; bits &= bits - 1, count++)
    lua_pushstring(L, flags[__builtin_ctz(bits)]);
  return count;
}

static void push_text(struct input *in) {
  size_t n;
  const char *text = take_text(in, &n);
  lua_pushlstring(L, text, n);
}

/* url:set(part, text, flags...), with the Url at index 1. */
static void set_part(struct input *in) {
  fuzz_function("local url, part, text = ... return url:set(part, text, select(4, ...))");
  lua_pushvalue(L, 1);
  lua_pushstring(L, cs_urlparts[take_byte(in) % (CURLUPART_ZONEID + 1)].name);
  push_text(in);
  if (fuzz_call(3 + push_flags(in), 1, "'set'", "'set'")) lua_pop(L, 1);
}

/* A get of each part gives a text, nil, or nil with message and name. */
static void look(void) {
  fuzz_function(
      "local url = ... "
      "for _, part in ipairs { 'url', 'scheme', 'user', 'password', 'options', "
      "'host', 'port', 'path', 'query', 'fragment', 'zoneid' } do "
      "  local text, message, name = url:get(part) "
      "  if not text and (not message ~= not name or name == 'UNKNOWN') then "
      "    error(part) end "
      "end "
      "local copy = url:dup() "
      "if copy ~= url or tostring(copy) ~= tostring(url) and copy:get 'url' then "
      "  error 'copy' end "
      "local easy = curl.easy { url = url } "
      "if easy then easy:close() "
      "  local again = curl.url(tostring(url), 'guess_scheme', "
      "    'non_support_scheme', 'path_as_is') "
      "  if not again or again:get 'host' ~= url:get 'host' then error 'host' end "
      "end");
  lua_pushvalue(L, 1);
  MUST(fuzz_call(1, 0, "", "") == 1);
}

void fuzz_one(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  fuzz_function("local text = ... return curl.url(text, select(2, ...))");
  push_text(&in);
  if (!fuzz_call(1 + push_flags(&in), 1, "'url'", "curl.url")) return;
  if (cs_url_test(L, 1)) {
    for (unsigned n = take_byte(&in) % 4; n > 0; n--) set_part(&in);
    look();
  }
  lua_settop(L, 0);
}
