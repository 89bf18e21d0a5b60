/* SPDX-License-Identifier: MIT
 *
 * unknown.c - what is said of an option of an easy that there is not: what libcurl calls
 * it, the nearest name, or that a method was called where a function was meant.
 */
#include <string.h>

#include "options.h"
#include "policy.h"

/* What other clients call it. */
static const struct word {
  const char *word, *option;
} words[] = {
    {"agent", "useragent"},
    {"allow_redirects", "followlocation"},
    {"auth", "userpwd"},
    {"body", "postfields"},
    {"ca", "cainfo"},
    {"cert", "sslcert"},
    {"compressed", "accept_encoding"},
    {"cookies", "cookie"},
    {"data", "postfields"},
    {"follow", "followlocation"},
    {"follow_redirects", "followlocation"},
    {"form", "mimepost"},
    {"headers", "httpheader"},
    {"http2", "http_version"},
    {"insecure", "ssl_verifypeer"},
    {"json", "postfields"},
    {"key", "sslkey"},
    {"max_redirects", "maxredirs"},
    {"method", "customrequest"},
    {"multipart", "mimepost"},
    {"on_data", "writefunction"},
    {"on_header", "headerfunction"},
    {"output", "writefunction"},
    {"params", "url"},
    {"pass", "password"},
    {"progress", "xferinfofunction"},
    {"proxies", "proxy"},
    {"query", "url"},
    {"redirect", "followlocation"},
    {"sink", "writefunction"},
    {"source", "readfunction"},
    {"uri", "url"},
    {"user", "username"},
    {"verify", "ssl_verifypeer"},
};

/* Those whose value cannot come from Lua are not meant. */
static const char *next_option(struct cs_names *n) {
  const struct curl_easyoption *o = (const void *)n->at;
  do o = curl_easy_option_next(o);
  while (o && o->type == CURLOT_CBPTR);
  n->at = (const void *)o;
  return o ? o->name : NULL;
}

static const char *did_you_mean(lua_State *L, const char *name) {
  struct cs_names names = {next_option, NULL, 0, 0};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcmp(words[i].word, name))
      return lua_pushfstring(L, ": did you mean '%s'?", words[i].option);
  return cs_did_you_mean(L, strncmp(name, "CURLOPT_", 8) ? name : name + 8, &names);
}

void cs_refuse_module(lua_State *L, int index, const char *name) {
  if (!lua_istable(L, index)) return;
  lua_pushstring(L, name);
  lua_rawget(L, index);
  if (lua_iscfunction(L, -1))
    luaL_error(L, "curl.%s is no method: call it as curl.%s{...}, not curl:%s{...}", name,
               name, name);
  lua_pop(L, 1);
}

int cs_unknown_option(lua_State *L, int key) {
  const char *name = lua_tostring(L, key);
  cs_policy_refuse_late(L, key);
  return luaL_error(L, "unknown option '%s'%s", name, did_you_mean(L, name));
}
