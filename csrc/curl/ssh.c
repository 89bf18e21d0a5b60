/* SPDX-License-Identifier: MIT
 *
 * ssh.c - the trampolines of ssh_hostkeyfunction and ssh_keyfunction: whether an SSH
 * server is the one that is meant.
 */
#include <string.h>

#include "calling.h"
#include "rare.h"

/* What the callback answers, of which only a yes is one. */
static int is_yes(lua_State *L, const struct cs_calling *c) {
  enum cs_answer a = cs_calling_answer(L);
  if (a == CS_PAUSE || a == CS_OTHER)
    return cs_calling_wrong(L, c, (const char *)c->more);
  return a == CS_YES;
}

/* ---- the key of a server ----------------------------------------------------------- */

static const char *hostkey_type(int type) {
  switch (type) {
  case CURLKHTYPE_RSA1:
    return "rsa1";
  case CURLKHTYPE_RSA:
    return "rsa";
  case CURLKHTYPE_DSS:
    return "dss";
  case CURLKHTYPE_ECDSA:
    return "ecdsa";
  case CURLKHTYPE_ED25519:
    return "ed25519";
  default:
    return "unknown";
  }
}

/* ssh_hostkeyfunction(type, key, easy): the server has that key, in bytes; type is
 * "rsa", "ecdsa", "ed25519", "dss", "rsa1" or "unknown". Its purpose is to allow: only
 * true (or a file) goes on, all else ends the transfer with PEER_FAILED_VERIFICATION.
 * -> true | false, reason */
static int hostkey_body(lua_State *L) {
  struct cs_calling *c = cs_calling_begin(L);
  lua_pushstring(L, hostkey_type((int)c->numbers[0]));
  lua_pushlstring(L, c->data, c->size);
  lua_pushvalue(L, EASY);
  cs_calling_ask(L);
  c->answer = (size_t)is_yes(L, c);
  return 0;
}

int cs_on_ssh_hostkey(void *easy, int type, const char *key, size_t length) {
  static char expected[] = "true, or false and a reason";
  struct cs_calling c = {.easy = easy,
                         .which = CS_SSH_HOSTKEY,
                         .name = "ssh_hostkeyfunction",
                         .data = (char *)key,
                         .size = length,
                         .numbers = {type},
                         .more = expected};
  return cs_calling_run(&c, hostkey_body) || !c.answer ? CURLKHMATCH_MISMATCH
                                                       : CURLKHMATCH_OK;
}

/* ---- the key of a server, beside the file of known ones ---------------------------- */

struct key_call {
  struct cs_calling c;
  const struct curl_khkey *known, *found;
  enum curl_khmatch match;
};

/* A table, or nil for none. libcurl has keys of length 0 in base 64. */
static void push_key(lua_State *L, const struct curl_khkey *key) {
  if (!key || !key->key) return lua_pushnil(L);
  lua_createtable(L, 0, 2);
  lua_pushstring(L, hostkey_type(key->keytype));
  lua_setfield(L, -2, "type");
  lua_pushlstring(L, key->key, key->len ? key->len : strlen(key->key));
  lua_setfield(L, -2, key->len ? "key" : "base64");
}

/* The name that is the answer, or -1. */
static int named_answer(lua_State *L) {
  static const struct {
    const char *name;
    int stat;
  } names[] = {{"fine", CURLKHSTAT_FINE},
               {"fine_add_to_file", CURLKHSTAT_FINE_ADD_TO_FILE},
               {"fine_replace", CURLKHSTAT_FINE_REPLACE},
               {"reject", CURLKHSTAT_REJECT}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(cs_word(L, ANSWER), names[i].name)) return names[i].stat;
  return -1;
}

/* ssh_keyfunction(known, found, match, easy): the server has the key found, and the file
 * of ssh_knownhosts says of it: match is "ok", "mismatch" (it has known instead) or
 * "missing". A key is a table: type, as ssh_hostkeyfunction has it, and key (bytes) or
 * base64. Its purpose is to allow: true (or a file) and "fine" go on; so do
 * "fine_add_to_file" and "fine_replace", which write the file. All else, "reject" too,
 * ends the transfer with PEER_FAILED_VERIFICATION. (libcurl's CURLKHSTAT_DEFER is not
 * there: to close such a connection it asks again, for ever.)
 * -> true | "fine" | "fine_add_to_file" | "fine_replace" | "reject" | false, reason */
static int key_body(lua_State *L) {
  static const char *const matches[] = {[CURLKHMATCH_OK] = "ok",
                                        [CURLKHMATCH_MISMATCH] = "mismatch",
                                        [CURLKHMATCH_MISSING] = "missing"};
  struct cs_calling *c = cs_calling_begin(L);
  const struct key_call *k = (struct key_call *)c;
  push_key(L, k->known);
  push_key(L, k->found);
  lua_pushstring(L, k->match < CURLKHMATCH_LAST ? matches[k->match] : "unknown");
  lua_pushvalue(L, EASY);
  cs_calling_ask(L);
  int named = named_answer(L);
  if (named < 0) named = is_yes(L, c) ? CURLKHSTAT_FINE : CURLKHSTAT_REJECT;
  c->answer = (size_t)named;
  return 0;
}

int cs_on_ssh_key(CURL *curl, const struct curl_khkey *known,
                  const struct curl_khkey *found, enum curl_khmatch match, void *easy) {
  static char expected[] = "true, \"fine\", \"fine_add_to_file\", \"fine_replace\", "
                           "\"reject\", or false and a reason";
  struct key_call k = {.c = {.easy = easy,
                             .which = CS_SSH_KEY,
                             .name = "ssh_keyfunction",
                             .more = expected},
                       .known = known,
                       .found = found,
                       .match = match};
  (void)curl;
  return cs_calling_run(&k.c, key_body) ? CURLKHSTAT_REJECT : (int)k.c.answer;
}
