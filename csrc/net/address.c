/* SPDX-License-Identifier: MIT
 *
 * address.c - Address objects: their fields and methods.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "net.h"

static const char class_name[] = "curlsock.address";

static int expected(lua_State *L, int index, const char *what) {
  const char *got = cs_shown(L, index);
  return luaL_argerror(L, index, lua_pushfstring(L, "%s expected, got %s", what, got));
}

/* ---- the class -------------------------------------------------------------------- */

struct cs_address *cs_address_new(lua_State *L) {
  struct cs_address *a = lua_newuserdatauv(L, sizeof *a, 0);
  memset(a, 0, sizeof *a);
  a->socktype = SOCK_STREAM;
  cs_class_set(L, class_name);
  return a;
}

struct cs_address *cs_address_test(lua_State *L, int index) {
  return cs_class_test(L, index, class_name);
}

struct cs_address *cs_address_check(lua_State *L, int index) {
  return cs_class_check(L, index, class_name);
}

struct cs_address *cs_address_arg(lua_State *L, int index) {
  struct cs_address *a = cs_address_test(L, index);
  size_t n;
  if (a) return a;
  if (lua_type(L, index) != LUA_TSTRING) expected(L, index, "Address, or its text,");
  a = cs_address_new(L);
  const char *text = lua_tolstring(L, index, &n);
  if (!cs_address_read(a, text, n))
    expected(L, index,
             "address (\"127.0.0.1:80\", \"[::1]:80\", \"unix:/path\" or, on Linux, "
             "\"unix:@abstract\", if not too long)");
  lua_replace(L, index);
  return a;
}

/* curl.address(text): the Address that the text means: "127.0.0.1:80", "[::1]:80",
 * "[fe80::1%2]:80", "unix:/path", "unix:@abstract" (Linux), or an IP address alone, with
 * port 0. Its socktype is "stream", its protocol 0. Any other text raises an error.
 * -> Address */
int cs_address_parse(lua_State *L) {
  if (lua_type(L, 1) != LUA_TSTRING) expected(L, 1, "text of an address");
  lua_settop(L, 1);
  cs_address_arg(L, 1);
  return 1;
}

/* ---- fields ----------------------------------------------------------------------- */

/* A field of Address: get pushes its value; set takes it from index 3, and is NULL if
 * only libcurl or the kernel says what it is. */
struct field {
  const char *name;
  void (*get)(lua_State *L, struct cs_address *a);
  void (*set)(lua_State *L, struct cs_address *a);
};

static int field_error(lua_State *L, const char *name, const char *what) {
  return luaL_error(L, "address.%s: %s expected, got %s", name, what, cs_shown(L, 3));
}

/* The integer at index 3; raises an error if there is none, or not within 0..max. */
static lua_Integer field_integer(lua_State *L, const char *name, lua_Integer max,
                                 const char *what) {
  int ok = 0;
  lua_Integer value = lua_type(L, 3) == LUA_TNUMBER ? lua_tointegerx(L, 3, &ok) : 0;
  if (!ok || value < 0 || value > max) field_error(L, name, what);
  return value;
}

/* The text at index 3; "" for a value of another type. */
static const char *field_text(lua_State *L, size_t *n) {
  *n = 0;
  return lua_type(L, 3) == LUA_TSTRING ? lua_tolstring(L, 3, n) : "";
}

static void get_family(lua_State *L, struct cs_address *a) {
  cs_push_family(L, cs_address_family(a));
}

static void put_family(lua_State *L, struct cs_address *a) {
  int family = cs_family_named(L, 3);
  if (family < 0) field_error(L, "family", "\"inet\", \"inet6\" or \"unix\"");
  cs_address_set_family(a, family);
}

static void get_ip(lua_State *L, struct cs_address *a) {
  char ip[INET6_ADDRSTRLEN];
  int family = cs_address_family(a);
  const void *in = family == AF_INET ? (void *)&a->u.in.sin_addr : &a->u.in6.sin6_addr;
  if (cs_address_port(a))
    lua_pushstring(L, inet_ntop(family, in, ip, sizeof ip));
  else
    lua_pushnil(L);
}

/* In network byte order: 4 bytes or 16. */
static void get_bytes(lua_State *L, struct cs_address *a) {
  size_t size;
  const unsigned char *bytes = cs_address_bytes(a, &size);
  if (bytes)
    lua_pushlstring(L, (const char *)bytes, size);
  else
    lua_pushnil(L);
}

static void put_ip(lua_State *L, struct cs_address *a) {
  size_t n;
  const char *ip = field_text(L, &n);
  if (!cs_address_read_ip(a, ip, n)) field_error(L, "ip", "IPv4 or IPv6 address");
}

static void get_port(lua_State *L, struct cs_address *a) {
  const in_port_t *port = cs_address_port(a);
  if (port)
    lua_pushinteger(L, ntohs(*port));
  else
    lua_pushnil(L);
}

static void put_port(lua_State *L, struct cs_address *a) {
  lua_Integer value = field_integer(L, "port", UINT16_MAX, "integer from 0 to 65535");
  in_port_t *port = cs_address_port(a);
  if (!port) luaL_error(L, "address.port: an \"inet\" or \"inet6\" address expected");
  *port = htons((uint16_t)value);
}

static void get_path(lua_State *L, struct cs_address *a) {
  char path[CS_ADDRESS_TEXT];
  if (cs_address_family(a) == AF_UNIX)
    lua_pushlstring(L, path, cs_address_path(a, path));
  else
    lua_pushnil(L);
}

static void put_path(lua_State *L, struct cs_address *a) {
  size_t n;
  const char *path = field_text(L, &n);
  if (lua_type(L, 3) != LUA_TSTRING || !cs_address_set_path(a, path, n))
    field_error(L, "path", "path or, on Linux, \"@name\", not too long,");
}

static void get_scope_id(lua_State *L, struct cs_address *a) {
  if (cs_address_family(a) == AF_INET6)
    lua_pushinteger(L, a->u.in6.sin6_scope_id);
  else
    lua_pushnil(L);
}

static void put_scope_id(lua_State *L, struct cs_address *a) {
  lua_Integer id = field_integer(L, "scope_id", UINT32_MAX, "integer of 32 bits");
  if (cs_address_family(a) != AF_INET6)
    luaL_error(L, "address.scope_id: an \"inet6\" address expected");
  a->u.in6.sin6_scope_id = (uint32_t)id;
}

static void get_socktype(lua_State *L, struct cs_address *a) {
  cs_push_socktype(L, a->socktype);
}

static void get_protocol(lua_State *L, struct cs_address *a) {
  lua_pushinteger(L, a->protocol);
}

static const struct field fields[] = {{"ip", get_ip, put_ip},
                                      {"port", get_port, put_port},
                                      {"family", get_family, put_family},
                                      {"path", get_path, put_path},
                                      {"socktype", get_socktype, NULL},
                                      {"protocol", get_protocol, NULL},
                                      {"bytes", get_bytes, NULL},
                                      {"scope_id", get_scope_id, put_scope_id},
                                      {NULL, NULL, NULL}};

/* The field that the key at index 2 names, or the entry at the end. */
static const struct field *find_field(lua_State *L) {
  const char *key = cs_word(L, 2);
  const struct field *f = fields;
  while (f->name && strcmp(f->name, key)) f++;
  return f;
}

static int unknown_field(lua_State *L) {
  return luaL_error(L, "Address has no field %s", cs_shown(L, 2));
}

/* address.socktype, address.protocol, address.bytes: fields to read.
 *   socktype   "stream" or "dgram"
 *   protocol   the system's number
 *   bytes      4 or 16 bytes in network order; nil for a UNIX socket
 * (An unknown name raises an error: a guard that misspells a field must not pass.)
 * -> any */
static int address__index(lua_State *L) {
  struct cs_address *a = cs_address_check(L, 1);
  const struct field *f = find_field(L);
  if (f->name) return f->get(L, a), 1;
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(2)) == LUA_TNIL) return unknown_field(L);
  return 1;
}

/* address.family, address.ip, address.port, address.path, address.scope_id: fields that
 * can be set; what is no value of one raises an error that names it. A field is nil where
 * it has no meaning for the family; a name that is neither field nor method raises.
 *   family     "inet", "inet6" or "unix". Setting it clears the address to that family's
 *              any-address and keeps the port
 *   ip         an IPv4 or IPv6 address. Setting it sets the family, keeps the port, and
 *              clears the scope unless the text has one
 *   port       0 to 65535
 *   path       of a UNIX socket: "@name" is an abstract one (Linux), "" none
 *   scope_id   of an IPv6 address
 * -> any */
static int address__newindex(lua_State *L) {
  struct cs_address *a = cs_address_check(L, 1);
  const struct field *f = find_field(L);
  lua_settop(L, 3);
  if (!f->name) return unknown_field(L);
  if (!f->set) return luaL_error(L, "address.%s cannot be set", f->name);
  f->set(L, a);
  return 0;
}

/* tostring(address): the text that curl.address makes an equal address of. */
static int address__tostring(lua_State *L) {
  char text[CS_ADDRESS_TEXT];
  lua_pushlstring(L, text, cs_address_print(cs_address_check(L, 1), text));
  return 1;
}

static int equal(const struct cs_address *a, const struct cs_address *b) {
  char left[CS_ADDRESS_TEXT], right[CS_ADDRESS_TEXT];
  size_t n = cs_address_print(a, left);
  if (n != cs_address_print(b, right) || memcmp(left, right, n)) return 0;
  if (cs_address_is_known(a)) return 1;
  return a->len == b->len && a->len <= sizeof a->u && !memcmp(&a->u, &b->u, a->len);
}

/* address == other: same family, IP address, port and scope, or same path. */
static int address__eq(lua_State *L) {
  struct cs_address *a = cs_address_test(L, 1), *b = cs_address_test(L, 2);
  lua_pushboolean(L, a && b && equal(a, b));
  return 1;
}

/* ---- methods ---------------------------------------------------------------------- */

/* address:within(network): whether the IP address lies in the network, a text such as
 * "10.0.0.0/8", "fc00::/7", or one address. An IPv4 address that is mapped into IPv6
 * (::ffff:10.0.0.1) lies in IPv4 networks too, because it reaches the same host; a plain
 * IPv4 address never lies in an IPv6 network, nor a UNIX address in any. Raises an error
 * if the text is no network.
 * -> boolean */
static int address_within(lua_State *L) {
  const struct cs_address *a = cs_address_check(L, 1);
  struct cs_network net = {0};
  size_t n = 0;
  const char *text = lua_type(L, 2) == LUA_TSTRING ? lua_tolstring(L, 2, &n) : "";
  if (!cs_network_read(&net, text, n))
    return expected(L, 2, "network (\"10.0.0.0/8\", \"fc00::/7\")");
  lua_pushboolean(L, cs_network_has(&net, a));
  return 1;
}

/* address:copy(): an equal Address, of the same socktype and protocol, that changes by
 * itself.
 * -> Address */
static int address_copy(lua_State *L) {
  const struct cs_address *a = cs_address_check(L, 1);
  *cs_address_new(L) = *a;
  return 1;
}

/* address:unpack(): family, bytes, port, socktype and scope_id, as the fields of these
 * names are: for who looks at all of them, for each new connection.
 * -> family: string, bytes: string, port: integer, socktype: string, scope_id: integer */
static int address_unpack(lua_State *L) {
  struct cs_address *a = cs_address_check(L, 1);
  get_family(L, a);
  get_bytes(L, a);
  get_port(L, a);
  get_socktype(L, a);
  get_scope_id(L, a);
  return 5;
}

/* address:is_foreign(): true if what is sent to the IP address leaves this host; false if
 * it is one of the host's own, as the kernel has them now: those of its interfaces, all
 * that is routed to it (127.0.0.0/8), "0.0.0.0" and "::"; and for every UNIX address. If
 * the kernel does not say, nil, message, name. Systems other than Linux know their
 * interfaces' addresses alone.
 * -> boolean | nil, message, name */
static int address_is_foreign(lua_State *L) {
  int own = cs_address_is_own(cs_address_check(L, 1));
  if (own < 0) return cs_fail_errno(L, errno, "is_foreign");
  lua_pushboolean(L, !own);
  return 1;
}

/* address:socket(): a new Socket of the address's family, socktype and protocol, as
 * curl.socket makes it. On failure nil, message, name.
 * -> Socket | nil, message, name */
static int address_socket(lua_State *L) {
  const struct cs_address *a = cs_address_check(L, 1);
  lua_settop(L, 1);
  lua_pushcfunction(L, cs_socket_open);
  lua_pushinteger(L, cs_address_family(a));
  lua_pushinteger(L, a->socktype);
  lua_pushinteger(L, a->protocol);
  lua_call(L, 3, LUA_MULTRET);
  return lua_gettop(L) - 1;
}

void cs_address_class_new(lua_State *L) {
  static const luaL_Reg meta[] = {{"__newindex", address__newindex},
                                  {"__tostring", address__tostring},
                                  {"__eq", address__eq},
                                  {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"copy", address_copy},     {"is_foreign", address_is_foreign},
      {"within", address_within}, {"unpack", address_unpack},
      {"socket", address_socket}, {NULL, NULL}};
  cs_class_new(L, class_name, meta, methods);
  lua_pushvalue(L, -1);
  lua_getfield(L, -1, "__index");
  lua_pushcclosure(L, address__index, 2);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
