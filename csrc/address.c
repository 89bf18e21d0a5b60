/* SPDX-License-Identifier: MIT
 *
 * address.c - socket addresses: from text and back, their fields, and networks.
 *
 * An address may come from the kernel or from libcurl, so nothing beyond its len is read:
 * a sun_path need not be terminated, and an address may be too short for its family.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "curlsock.h"

static const char class_name[] = "curlsock.address";

/* ---- names of families and socket types ------------------------------------------- */

struct name {
  const char *name;
  int value;
};

static const struct name families[] = {
    {"inet", AF_INET}, {"inet6", AF_INET6}, {"unix", AF_UNIX}, {NULL, 0}};

static const struct name socktypes[] = {{"stream", SOCK_STREAM},
                                        {"dgram", SOCK_DGRAM},
                                        {"seqpacket", SOCK_SEQPACKET},
                                        {"raw", SOCK_RAW},
                                        {NULL, 0}};

static void push_name(lua_State *L, const struct name *n, int value) {
  while (n->name && n->value != value) n++;
  if (n->name)
    lua_pushstring(L, n->name);
  else
    lua_pushinteger(L, value);
}

const char *cs_word(lua_State *L, int index) {
  size_t n = 0;
  const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &n) : "";
  return strlen(text) == n ? text : "";
}

/* Finds the name at index in the list: its entry, or the one at the end. */
static const struct name *find_name(lua_State *L, const struct name *n, int index) {
  const char *text = cs_word(L, index);
  while (n->name && strcmp(n->name, text)) n++;
  return n;
}

static int name_arg(lua_State *L, const struct name *names, int index,
                    const char *expected) {
  const struct name *n = find_name(L, names, index);
  int is_integer = 0;
  lua_Integer value = n->value;
  if (!n->name && lua_type(L, index) == LUA_TNUMBER)
    value = lua_tointegerx(L, index, &is_integer);
  if (!n->name && (!is_integer || value < 0 || value > INT_MAX))
    luaL_argerror(
        L, index,
        lua_pushfstring(L, "%s expected, got %s", expected, cs_shown(L, index)));
  return (int)value;
}

void cs_push_family(lua_State *L, int family) { push_name(L, families, family); }

void cs_push_socktype(lua_State *L, int socktype) { push_name(L, socktypes, socktype); }

int cs_family_arg(lua_State *L, int index, int none) {
  if (lua_isnoneornil(L, index)) return none;
  return name_arg(L, families, index, "\"inet\", \"inet6\", \"unix\" or an integer");
}

int cs_socktype_arg(lua_State *L, int index, int none) {
  if (lua_isnoneornil(L, index)) return none;
  return name_arg(L, socktypes, index,
                  "\"stream\", \"dgram\", \"seqpacket\", \"raw\" or an integer");
}

/* ---- the parts of an address ------------------------------------------------------ */

#ifdef __linux__
enum { HAS_ABSTRACT = 1 }; /* names of UNIX sockets that start with NUL */
#else
enum { HAS_ABSTRACT = 0 };
#endif

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)
#define PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)

/* The family; AF_UNSPEC if the address is too short to be of the one that it names. */
static int family_of(const struct cs_address *a) {
  size_t least = offsetof(struct sockaddr, sa_data);
  if (a->len < least) return AF_UNSPEC;
  if (a->u.sa.sa_family == AF_INET) least = sizeof a->u.in;
  if (a->u.sa.sa_family == AF_INET6) least = sizeof a->u.in6;
  return a->len < least ? AF_UNSPEC : a->u.sa.sa_family;
}

/* The address is of a family that has a text. */
static int is_known(const struct cs_address *a) {
  int family = family_of(a);
  return family == AF_INET || family == AF_INET6 || family == AF_UNIX;
}

/* The port, in network byte order; NULL if the family has none. */
static in_port_t *port_of(struct cs_address *a) {
  int family = family_of(a);
  if (family == AF_INET) return &a->u.in.sin_port;
  return family == AF_INET6 ? &a->u.in6.sin6_port : NULL;
}

/* Changes the family: any address of the new one, with the port that it had. */
static void set_family(struct cs_address *a, int family) {
  static const socklen_t inet = sizeof a->u.in, inet6 = sizeof a->u.in6;
  in_port_t *port = port_of(a), kept = port ? *port : 0;
  if (family_of(a) == family) return;
  memset(&a->u, 0, sizeof a->u);
  a->u.sa.sa_family = (sa_family_t)family;
  a->len = family == AF_INET ? inet : family == AF_INET6 ? inet6 : PATH_OFFSET;
  port = port_of(a);
  if (port) *port = kept;
  /* That of TCP means nothing to a UNIX socket: socket(2) would refuse it. */
  if (family == AF_UNIX) a->protocol = 0;
}

/* How many bytes of sun_path are the name: none if there is no name, and an abstract one
 * starts with NUL. */
static size_t unix_length(const struct cs_address *a) {
  size_t len = a->len < sizeof a->u.un ? a->len : sizeof a->u.un;
  if (len <= PATH_OFFSET) return 0;
  if (HAS_ABSTRACT && a->u.un.sun_path[0] == '\0') return len - PATH_OFFSET;
  return strnlen(a->u.un.sun_path, len - PATH_OFFSET);
}

/* Makes a the UNIX address of a path, or of an abstract "@name" (which may hold NULs).
 * libcurl prints sun_path, so a path leaves room for its end. 0 if it does not fit. */
static int set_path(struct cs_address *a, const char *path, size_t n) {
  int abstract = n > 0 && path[0] == '@';
  if (n > PATH_SIZE - !abstract || (!abstract && memchr(path, 0, n))) return 0;
  if (abstract && !HAS_ABSTRACT) return 0;
  set_family(a, AF_UNIX);
  memset(a->u.un.sun_path, 0, PATH_SIZE);
  memcpy(a->u.un.sun_path, path, n);
  if (abstract) a->u.un.sun_path[0] = '\0';
  a->len = (socklen_t)(PATH_OFFSET + n + (n > 0 && !abstract));
  return 1;
}

/* ---- to text ---------------------------------------------------------------------- */

/* Writes the path as set_path reads it; a file "@x" is written "./@x". Returns the
 * bytes. */
static size_t print_path(const struct cs_address *a, char *text) {
  const char *name = a->u.un.sun_path;
  size_t n = unix_length(a), prefix = 0;
  if (n > 0 && name[0] == '\0') {
    text[prefix++] = '@';
    name++, n--;
  } else if (n > 0 && name[0] == '@') {
    text[prefix++] = '.';
    text[prefix++] = '/';
  }
  memcpy(text + prefix, name, n);
  return prefix + n;
}

/* Writes the text of the address and its end; returns the bytes before that. */
static size_t print(const struct cs_address *a, char text[CS_ADDRESS_TEXT]) {
  char ip[INET6_ADDRSTRLEN], scope[16] = "";
  int n, family = family_of(a);
  if (family == AF_INET) {
    inet_ntop(AF_INET, &a->u.in.sin_addr, ip, sizeof ip);
    n = snprintf(text, CS_ADDRESS_TEXT, "%s:%d", ip, ntohs(a->u.in.sin_port));
  } else if (family == AF_INET6) {
    unsigned id = a->u.in6.sin6_scope_id;
    inet_ntop(AF_INET6, &a->u.in6.sin6_addr, ip, sizeof ip);
    if (id) snprintf(scope, sizeof scope, "%%%u", id);
    n = snprintf(text, CS_ADDRESS_TEXT, "[%s%s]:%d", ip, scope,
                 ntohs(a->u.in6.sin6_port));
  } else if (family == AF_UNIX) {
    memcpy(text, "unix:", 5);
    n = 5 + (int)print_path(a, text + 5);
    text[n] = '\0';
  } else {
    n = snprintf(text, CS_ADDRESS_TEXT, "family %d", family);
  }
  return (size_t)n;
}

const char *cs_address_text(const struct cs_address *a, char text[CS_ADDRESS_TEXT]) {
  print(a, text);
  return text;
}

/* ---- from text -------------------------------------------------------------------- */

/* The number that n decimal digits mean, or -1 if they do not or it exceeds max. */
static int64_t read_number(const char *s, size_t n, int64_t max) {
  int64_t value = 0;
  if (n == 0 || n > 10) return -1;
  for (; n > 0; s++, n--) {
    if (*s < '0' || *s > '9') return -1;
    value = value * 10 + (*s - '0');
  }
  return value <= max ? value : -1;
}

/* An IPv6 address with its scope, the number or the name of an interface. */
static int read_ip6(struct cs_address *a, char *ip) {
  struct in6_addr in6;
  int64_t scope = 0;
  char *zone = strchr(ip, '%');
  if (zone) {
    *zone++ = '\0';
    scope = read_number(zone, strlen(zone), UINT32_MAX);
    if (scope < 0 && !(scope = if_nametoindex(zone))) return 0;
  }
  if (inet_pton(AF_INET6, ip, &in6) != 1) return 0;
  set_family(a, AF_INET6);
  a->u.in6.sin6_addr = in6;
  a->u.in6.sin6_scope_id = (uint32_t)scope;
  return 1;
}

/* Makes a the IP address that the text means, keeping the port. 0 if it means none. */
static int read_ip(struct cs_address *a, const char *s, size_t n) {
  char ip[INET6_ADDRSTRLEN + IF_NAMESIZE];
  struct in_addr in;
  if (n >= sizeof ip || memchr(s, 0, n)) return 0;
  memcpy(ip, s, n);
  ip[n] = '\0';
  if (inet_pton(AF_INET, ip, &in) != 1) return read_ip6(a, ip);
  set_family(a, AF_INET);
  a->u.in.sin_addr = in;
  return 1;
}

/* Reads the ":port", or nothing, that follows an IP address. */
static int read_port(struct cs_address *a, const char *s, const char *end) {
  if (s == end) return 1;
  int64_t port = *s == ':' ? read_number(s + 1, (size_t)(end - s) - 1, UINT16_MAX) : -1;
  if (port < 0) return 0;
  *port_of(a) = htons((uint16_t)port);
  return 1;
}

/* Makes the empty address a what the text means; 0 if it means none. */
static int read_text(struct cs_address *a, const char *s, size_t n) {
  const char *end = s + n, *colon = memchr(s, ':', n);
  if (n >= 5 && !memcmp(s, "unix:", 5)) return set_path(a, s + 5, n - 5);
  if (n > 0 && *s == '[') {
    const char *close = memchr(s, ']', n);
    return close && read_ip(a, s + 1, (size_t)(close - s) - 1) &&
           family_of(a) == AF_INET6 && read_port(a, close + 1, end);
  }
  if (colon && memchr(colon + 1, ':', (size_t)(end - colon) - 1)) return read_ip(a, s, n);
  if (!colon) colon = end;
  return read_ip(a, s, (size_t)(colon - s)) && read_port(a, colon, end);
}

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

struct cs_address *cs_address_check(lua_State *L, int index) {
  return cs_class_check(L, index, class_name);
}

struct cs_address *cs_address_arg(lua_State *L, int index) {
  struct cs_address *a = cs_class_test(L, index, class_name);
  size_t n;
  if (a) return a;
  if (lua_type(L, index) != LUA_TSTRING) expected(L, index, "Address, or its text,");
  a = cs_address_new(L);
  const char *text = lua_tolstring(L, index, &n);
  if (!read_text(a, text, n))
    expected(L, index,
             "address (\"127.0.0.1:80\", \"[::1]:80\", \"unix:/path\" or, on Linux, "
             "\"unix:@abstract\", if not too long)");
  lua_replace(L, index);
  return a;
}

/* curl.address(text): the Address that the text means: "127.0.0.1:80", "[::1]:80",
 * "[fe80::1%2]:80", "unix:/path", "unix:@abstract" (Linux), or an IP address alone, with
 * port 0. Its socktype is "stream", its protocol 0. Any other text raises an error. */
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
  cs_push_family(L, family_of(a));
}

static void put_family(lua_State *L, struct cs_address *a) {
  const struct name *n = find_name(L, families, 3);
  if (!n->name) field_error(L, "family", "\"inet\", \"inet6\" or \"unix\"");
  set_family(a, n->value);
}

static void get_ip(lua_State *L, struct cs_address *a) {
  char ip[INET6_ADDRSTRLEN];
  int family = family_of(a);
  const void *in = family == AF_INET ? (void *)&a->u.in.sin_addr : &a->u.in6.sin6_addr;
  if (port_of(a))
    lua_pushstring(L, inet_ntop(family, in, ip, sizeof ip));
  else
    lua_pushnil(L);
}

static void put_ip(lua_State *L, struct cs_address *a) {
  size_t n;
  const char *ip = field_text(L, &n);
  if (!read_ip(a, ip, n)) field_error(L, "ip", "IPv4 or IPv6 address");
}

static void get_port(lua_State *L, struct cs_address *a) {
  const in_port_t *port = port_of(a);
  if (port)
    lua_pushinteger(L, ntohs(*port));
  else
    lua_pushnil(L);
}

static void put_port(lua_State *L, struct cs_address *a) {
  lua_Integer value = field_integer(L, "port", UINT16_MAX, "integer from 0 to 65535");
  in_port_t *port = port_of(a);
  if (!port) luaL_error(L, "address.port: an \"inet\" or \"inet6\" address expected");
  *port = htons((uint16_t)value);
}

static void get_path(lua_State *L, struct cs_address *a) {
  char path[CS_ADDRESS_TEXT];
  if (family_of(a) == AF_UNIX)
    lua_pushlstring(L, path, print_path(a, path));
  else
    lua_pushnil(L);
}

static void put_path(lua_State *L, struct cs_address *a) {
  size_t n;
  const char *path = field_text(L, &n);
  if (lua_type(L, 3) != LUA_TSTRING || !set_path(a, path, n))
    field_error(L, "path", "path or, on Linux, \"@name\", not too long,");
}

static void get_scope_id(lua_State *L, struct cs_address *a) {
  if (family_of(a) == AF_INET6)
    lua_pushinteger(L, a->u.in6.sin6_scope_id);
  else
    lua_pushnil(L);
}

static void put_scope_id(lua_State *L, struct cs_address *a) {
  lua_Integer id = field_integer(L, "scope_id", UINT32_MAX, "integer of 32 bits");
  if (family_of(a) != AF_INET6)
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

/* address[key]: a field, nil where it has no meaning for the family, or a method. An
 * unknown name raises an error: a guard that misspells a field must not pass. */
static int address__index(lua_State *L) {
  struct cs_address *a = cs_address_check(L, 1);
  const struct field *f = find_field(L);
  if (f->name) return f->get(L, a), 1;
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL) return unknown_field(L);
  return 1;
}

/* address[field] = value. family ("inet", "inet6", "unix") clears the address to that
 * family's any-address and keeps the port; ip is an IPv4 or IPv6 address (it sets the
 * family, keeps the port, and clears the scope unless it has one); port is 0 to 65535;
 * path is that of a UNIX socket, "@name" an abstract one (Linux), "" none; scope_id is that
 * of an IPv6 address. Anything else raises an error that names the field. */
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
  lua_pushlstring(L, text, print(cs_address_check(L, 1), text));
  return 1;
}

static int equal(const struct cs_address *a, const struct cs_address *b) {
  char left[CS_ADDRESS_TEXT], right[CS_ADDRESS_TEXT];
  size_t n = print(a, left);
  if (n != print(b, right) || memcmp(left, right, n)) return 0;
  if (is_known(a)) return 1;
  return a->len == b->len && a->len <= sizeof a->u && !memcmp(&a->u, &b->u, a->len);
}

/* address == other: same family, IP address, port and scope, or same path. */
static int address__eq(lua_State *L) {
  struct cs_address *a = cs_class_test(L, 1, class_name);
  struct cs_address *b = cs_class_test(L, 2, class_name);
  lua_pushboolean(L, a && b && equal(a, b));
  return 1;
}

/* ---- methods ---------------------------------------------------------------------- */

/* The bytes of a's IP address in that family, or NULL. One that is IPv4 mapped into IPv6
 * is of both: the kernel connects it by IPv4. */
static const unsigned char *bytes_in(const struct cs_address *a, int family) {
  int own = family_of(a);
  const unsigned char *in6 = a->u.in6.sin6_addr.s6_addr;
  if (own == AF_INET6 && family == AF_INET)
    return IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr) ? in6 + 12 : NULL;
  if (own != family) return NULL;
  return own == AF_INET ? (const unsigned char *)&a->u.in.sin_addr : in6;
}

/* Reads "10.0.0.0/8", or an address alone; the bits of its prefix, or -1. */
static int read_network(struct cs_address *net, const char *s, size_t n) {
  const char *slash = memchr(s, '/', n), *end = s + n;
  if (!read_ip(net, s, (size_t)((slash ? slash : end) - s))) return -1;
  if (memchr(s, '%', n)) return -1;
  int max = family_of(net) == AF_INET ? 32 : 128;
  return slash ? (int)read_number(slash + 1, (size_t)(end - slash) - 1, max) : max;
}

static int same_prefix(const unsigned char *a, const unsigned char *b, int bits) {
  int bytes = bits / 8, rest = 8 - bits % 8;
  return !memcmp(a, b, (size_t)bytes) &&
         (rest == 8 || (a[bytes] ^ b[bytes]) >> rest == 0);
}

/* address:within(network): whether the IP address lies in the network, a text such as
 * "10.0.0.0/8", "fc00::/7", or one address. An IPv4 address that is mapped into IPv6
 * (::ffff:10.0.0.1) lies in IPv4 networks too, because it reaches the same host; a plain
 * IPv4 address never lies in an IPv6 network, nor a UNIX address in any. Raises an error
 * if the text is no network. */
static int address_within(lua_State *L) {
  struct cs_address *a = cs_address_check(L, 1), net = {0};
  size_t n = 0;
  const char *text = lua_type(L, 2) == LUA_TSTRING ? lua_tolstring(L, 2, &n) : "";
  int bits = read_network(&net, text, n);
  if (bits < 0) return expected(L, 2, "network (\"10.0.0.0/8\", \"fc00::/7\")");
  const unsigned char *bytes = bytes_in(a, family_of(&net));
  const unsigned char *prefix = bytes_in(&net, family_of(&net));
  lua_pushboolean(L, bytes && same_prefix(bytes, prefix, bits));
  return 1;
}

/* address:socket(): a new Socket of the address's family, socktype and protocol, as
 * curl.socket makes it. On failure nil, message, name. */
static int address_socket(lua_State *L) {
  const struct cs_address *a = cs_address_check(L, 1);
  lua_settop(L, 1);
  lua_pushcfunction(L, cs_socket_open);
  lua_pushinteger(L, family_of(a));
  lua_pushinteger(L, a->socktype);
  lua_pushinteger(L, a->protocol);
  lua_call(L, 3, LUA_MULTRET);
  return lua_gettop(L) - 1;
}

void cs_address_class(lua_State *L) {
  static const luaL_Reg meta[] = {{"__newindex", address__newindex},
                                  {"__tostring", address__tostring},
                                  {"__eq", address__eq},
                                  {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"within", address_within}, {"socket", address_socket}, {NULL, NULL}};
  cs_class_new(L, class_name, meta, methods);
  lua_getfield(L, -1, "__index");
  lua_pushcclosure(L, address__index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
