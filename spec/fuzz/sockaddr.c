/* SPDX-License-Identifier: MIT
 *
 * sockaddr.c - fuzzes Addresses as the kernel and libcurl give them: any bytes, any length.
 * What lies behind the length is poisoned, so that AddressSanitizer sees who reads it.
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <sanitizer/asan_interface.h>

/* Any length, or one about where an address of some family is complete. */
static socklen_t take_length(struct input *in) {
  static const socklen_t complete[] = {2, 4, sizeof(struct sockaddr_in),
                                       sizeof(struct sockaddr_in6),
                                       sizeof(struct sockaddr_un)};
  unsigned byte = take_byte(in);
  return byte < 128 ? byte + 1 : complete[byte % 5] - 1 + byte / 5 % 3;
}

static struct cs_address *push_address(struct input *in) {
  static const sa_family_t families[] = {AF_INET, AF_INET6, AF_UNIX};
  struct cs_address *a = cs_address_new(L);
  a->socktype = (int)take_byte(in);
  a->protocol = (int)take_byte(in);
  unsigned family = take_byte(in) % 4;
  a->len = take_length(in);
  take_bytes(in, &a->u, a->len);
  if (family < 3 && a->len >= sizeof *families) a->u.sa.sa_family = families[family];
  return a;
}

static void poison(struct cs_address *a) {
  ASAN_POISON_MEMORY_REGION((char *)&a->u + a->len, sizeof a->u - a->len);
}

static void unpoison(struct cs_address *a) {
  ASAN_UNPOISON_MEMORY_REGION(&a->u, sizeof a->u);
}

/* The family, if the address is long enough for it. */
static int family_of(const struct cs_address *a) {
  sa_family_t family = AF_UNSPEC;
  if (a->len < sizeof family) return AF_UNSPEC;
  memcpy(&family, &a->u, sizeof family);
  if (family == AF_INET && a->len < sizeof a->u.in) return AF_UNSPEC;
  if (family == AF_INET6 && a->len < sizeof a->u.in6) return AF_UNSPEC;
  return family;
}

/* Pushes field name of the Address at index. */
static void push_field(int index, const char *name) {
  index = lua_absindex(L, index);
  fuzz_function("local address, name = ... return address[name]");
  lua_pushvalue(L, index);
  lua_pushstring(L, name);
  MUST(fuzz_call(2, 1, "", ""));
}

static int field_is(int index, const char *name, lua_Integer value) {
  push_field(index, name);
  int same = lua_isinteger(L, -1) && lua_tointeger(L, -1) == value;
  lua_pop(L, 1);
  return same;
}

static int field_is_text(int index, const char *name, const char *value) {
  push_field(index, name);
  int same = value ? lua_isstring(L, -1) && !strcmp(lua_tostring(L, -1), value)
                   : lua_isnil(L, -1);
  lua_pop(L, 1);
  return same;
}

static void check_fields(int index, const struct cs_address *a) {
  char ip[INET6_ADDRSTRLEN];
  int family = family_of(a);
  if (family == AF_INET) {
    MUST(field_is_text(index, "family", "inet"));
    MUST(field_is(index, "port", ntohs(a->u.in.sin_port)));
    MUST(
        field_is_text(index, "ip", inet_ntop(AF_INET, &a->u.in.sin_addr, ip, sizeof ip)));
  } else if (family == AF_INET6) {
    MUST(field_is_text(index, "family", "inet6"));
    MUST(field_is(index, "port", ntohs(a->u.in6.sin6_port)));
    MUST(field_is(index, "scope_id", a->u.in6.sin6_scope_id));
    MUST(field_is_text(index, "ip",
                       inet_ntop(AF_INET6, &a->u.in6.sin6_addr, ip, sizeof ip)));
  } else {
    MUST(field_is_text(index, "ip", NULL) && field_is_text(index, "port", NULL));
    push_field(index, "path");
    MUST(lua_isstring(L, -1) == (family == AF_UNIX));
    lua_pop(L, 1);
  }
}

/* The text fits, and makes an equal address again, but for a path that fills sun_path to its
 * end, which curl.address refuses. */
static void check_text(int index, const struct cs_address *a) {
  fuzz_function(
      "local a = ... local text = tostring(a) "
      "local ok, b = pcall(curl.address, text) return #text, ok, ok and a == b");
  int family = family_of(a);
  int full = family == AF_UNIX && a->len >= sizeof a->u.un - 2;
  lua_pushvalue(L, index);
  MUST(fuzz_call(1, 3, "", ""));
  MUST(lua_tointeger(L, -3) < CS_ADDRESS_TEXT);
  int parsed = lua_toboolean(L, -2), same = lua_toboolean(L, -1);
  MUST(!parsed || same);
  MUST(parsed == (family == AF_INET || family == AF_INET6 || family == AF_UNIX) || full);
  lua_pop(L, 3);
}

/* Equality is reflexive and symmetric, and for known families that of the texts. */
static void check_equal(const struct cs_address *a, const struct cs_address *b) {
  fuzz_function("local a, b = ... assert(a == a and b == b and (a == b) == (b == a)) "
                "return a == b, tostring(a) == tostring(b)");
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  MUST(fuzz_call(2, 2, "", ""));
  int same = lua_toboolean(L, -2), same_text = lua_toboolean(L, -1);
  int known =
      family_of(a) == AF_INET || family_of(a) == AF_INET6 || family_of(a) == AF_UNIX;
  MUST(!same || same_text);
  MUST(same == (known ? same_text : a->len == b->len && !memcmp(&a->u, &b->u, a->len)));
  lua_pop(L, 2);
}

/* Sets a field to a value; what was accepted can be read. */
static void set_field(struct input *in) {
  static const char *const names[] = {"family", "ip",       "port",
                                      "path",   "scope_id", "protocol"};
  const char *name = names[take_byte(in) % 6];
  fuzz_function(
      "local a, name, value = ... a[name] = value "
      "local new = a[name] if math.type(value) == 'float' then value = value // 1 end "
      "return new == value or name == 'ip'");
  lua_pushvalue(L, 1);
  lua_pushstring(L, name);
  push_value(in);
  if (!fuzz_call(3, 1, "address.", name)) return;
  MUST(lua_toboolean(L, -1));
  lua_pop(L, 1);
}

void fuzz_one(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  struct cs_address *a = push_address(&in), *b = push_address(&in);
  poison(a);
  poison(b);
  check_fields(1, a);
  check_text(1, a);
  check_equal(a, b);
  unpoison(a);
  unpoison(b);
  for (int changes = 0; changes < 4 && in.left > 0; changes++) {
    set_field(&in);
    MUST(a->len <= sizeof a->u);
    check_fields(1, a);
    check_text(1, a);
  }
  lua_settop(L, 0);
}
