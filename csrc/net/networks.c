/* SPDX-License-Identifier: MIT
 *
 * networks.c - Networks: many networks, read once, and the smallest of them in which an
 * address lies.
 *
 * They stand in the order of their first addresses, a larger one before those in it. The
 * last that begins at an address or before it has that address, or one in which it lies
 * has it, or none does.
 */
#include <stdlib.h>
#include <string.h>

#include "net.h"

static const char class_name[] = "curlsock.networks";

void *cs_networks_test(lua_State *L, int index) {
  return cs_class_test(L, index, class_name);
}

/* ---- ranges of addresses ----------------------------------------------------------- */

/* An address of 128 bits; one of IPv4 is the upper 32. */
struct place {
  uint64_t high, low;
};

struct range {
  struct place first;
  int inet6;
  int bits;
  int around; /* the smallest range in which this one lies, or -1 */
  int entry;  /* where its text and value are */
};

struct networks {
  int count;
  int inet; /* so many of them, the first ones, are of IPv4 */
  struct range ranges[];
};

static uint64_t read_bytes(const unsigned char *bytes, size_t n) {
  uint64_t value = 0;
  for (size_t i = 0; i < n; i++) value |= (uint64_t)bytes[i] << (56 - 8 * i);
  return value;
}

static struct place read_place(const unsigned char *bytes, size_t n) {
  struct place p = {0, 0};
  p.high = n == 4 ? read_bytes(bytes, 4) : read_bytes(bytes, 8);
  if (n == 16) p.low = read_bytes(bytes + 8, 8);
  return p;
}

static int compare_places(const struct place *a, const struct place *b) {
  if (a->high != b->high) return a->high < b->high ? -1 : 1;
  return (a->low > b->low) - (a->low < b->low);
}

static int compare_ranges(const void *left, const void *right) {
  const struct range *a = left, *b = right;
  if (a->inet6 != b->inet6) return a->inet6 - b->inet6;
  int order = compare_places(&a->first, &b->first);
  return order ? order : a->bits - b->bits;
}

/* The bits of p that are behind a prefix of so many. */
static struct place behind(struct place p, int bits) {
  if (bits >= 64) p.high = 0;
  if (bits >= 128) p.low = 0;
  if (bits < 64) p.high = p.high << bits >> bits;
  if (bits > 64 && bits < 128) p.low = p.low << (bits - 64) >> (bits - 64);
  return p;
}

static int range_has(const struct range *r, const struct place *p) {
  uint64_t high = r->first.high ^ p->high, low = r->first.low ^ p->low;
  if (r->bits <= 64) return r->bits == 0 || high >> (64 - r->bits) == 0;
  return high == 0 && low >> (128 - r->bits) == 0;
}

/* ---- reading them ------------------------------------------------------------------ */

/* Raises "networks: entry 3: WHAT, got VALUE"; the key and the network are on top. */
static int entry_error(lua_State *L, const char *what) {
  int key = lua_absindex(L, -2);
  const char *name = cs_shown(L, key), *got = cs_shown(L, key + 1);
  return luaL_error(L, "networks: entry %s: %s, got %s", name, what, got);
}

/* Replaces an Address on top of the stack by the text of its IP, if it has one. */
static void address_to_ip(lua_State *L) {
  const struct cs_address *a = cs_address_test(L, -1);
  size_t size;
  if (!a || !cs_address_bytes(a, &size)) return;
  lua_getfield(L, -1, "ip");
  lua_replace(L, -2);
}

/* The network on top of the stack, a text, or an Address, which its IP replaces. */
static struct cs_network read_network(lua_State *L) {
  struct cs_network net = {0};
  size_t n = 0;
  address_to_ip(L);
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : "";
  if (!cs_network_read(&net, text, n))
    entry_error(L, "network (\"10.0.0.0/8\", \"fc00::/7\") or Address expected");
  return net;
}

/* Adds the network on top of the stack; the key by which an error names it is below. */
static void add(lua_State *L, struct networks *n, int entry) {
  struct cs_network net = read_network(L);
  size_t size;
  const unsigned char *bytes = cs_address_bytes(&net.address, &size);
  struct range *r = &n->ranges[n->count];
  r->first = read_place(bytes, size);
  r->inet6 = size == 16;
  r->bits = net.bits;
  r->entry = entry;
  struct place rest = behind(r->first, r->bits);
  if (rest.high || rest.low) entry_error(L, "no bits expected behind the prefix");
  n->inet += !r->inet6;
  n->count++;
}

/* Adds the entry whose key and value are on top of the stack to n and to the table at
 * index 3, in which the text of entry e is at 2 * e + 1, and its value after that. */
static void add_entry(lua_State *L, struct networks *n) {
  int entry = n->count, listed = lua_isinteger(L, -2);
  lua_pushvalue(L, -2);
  lua_pushvalue(L, listed ? -2 : -1);
  add(L, n, entry);
  lua_rawseti(L, 3, 2 * entry + 1);
  lua_pop(L, 1);
  if (listed)
    lua_pushboolean(L, 1);
  else
    lua_pushvalue(L, -1);
  lua_rawseti(L, 3, 2 * entry + 2);
}

/* How many entries the table at index 1 has; those of its list in listed. */
static int count_entries(lua_State *L, int *listed) {
  int count = 0;
  *listed = 0;
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    count++;
    *listed += lua_isinteger(L, -2);
  }
  return count;
}

/* A hole in the list is a network that the script meant to have. */
static void check_list(lua_State *L, int listed) {
  for (int i = 1; i <= listed; i++) {
    lua_pushinteger(L, i);
    if (lua_rawgeti(L, 1, i) == LUA_TNIL) entry_error(L, "list without holes expected");
    lua_pop(L, 2);
  }
}

/* Puts them in order, and finds which lie in which. */
static void sort(lua_State *L, struct networks *n) {
  struct range *r = n->ranges;
  qsort(r, (size_t)n->count, sizeof *r, compare_ranges);
  for (int i = 0; i < n->count; i++) {
    int around = i == 0 || i == n->inet ? -1 : i - 1;
    while (around >= 0 && !range_has(&r[around], &r[i].first)) around = r[around].around;
    r[i].around = around;
    if (around < 0 || compare_ranges(&r[around], &r[i])) continue;
    lua_rawgeti(L, 3, 2 * r[around].entry + 1);
    lua_rawgeti(L, 3, 2 * r[i].entry + 1);
    luaL_error(L, "networks: %s and %s are the same network", cs_shown(L, -2),
               cs_shown(L, -1));
  }
}

/* curl.networks{ "10.0.0.0/8", address, ["fc00::/7"] = value, ... }: Networks, to look
 * addresses up in. An entry of the list is a network, or one address, as a text, or an
 * Address, of which the IP alone counts; its value is true. With a network as the key, a
 * text, the value is any. Raises an error that names the entry if it is no network, has
 * bits behind its prefix ("10.1.0.0/8"), or if the list has holes, or a network is there
 * twice.
 * -> Networks */
int cs_networks_new(lua_State *L) {
  int listed;
  luaL_argexpected(L, lua_type(L, 1) == LUA_TTABLE, 1, "table of networks");
  lua_settop(L, 1);
  int room = count_entries(L, &listed);
  check_list(L, listed);
  size_t size = offsetof(struct networks, ranges) + sizeof(struct range) * (size_t)room;
  struct networks *n = lua_newuserdatauv(L, size, 1);
  n->count = n->inet = 0;
  cs_class_set(L, class_name);
  lua_createtable(L, 2 * room, 0);
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    if (n->count == room) return luaL_error(L, "networks: the table was changed");
    add_entry(L, n);
  }
  sort(L, n);
  lua_setiuservalue(L, 2, 1);
  return 1;
}

/* ---- looking up -------------------------------------------------------------------- */

/* The smallest range that has p, or NULL. */
static const struct range *find(const struct networks *n, const struct place *p,
                                int inet6) {
  int low = inet6 ? n->inet : 0, first = low, high = inet6 ? n->count : n->inet;
  while (low < high) {
    int middle = low + (high - low) / 2;
    if (compare_places(&n->ranges[middle].first, p) <= 0)
      low = middle + 1;
    else
      high = middle;
  }
  int at = low > first ? low - 1 : -1;
  while (at >= 0 && !range_has(&n->ranges[at], p)) at = n->ranges[at].around;
  return at < 0 ? NULL : &n->ranges[at];
}

/* The IP address at index 2, an Address or its bytes; NULL if it has none. */
static const unsigned char *address_bytes(lua_State *L, size_t *size) {
  struct cs_address *a = cs_address_test(L, 2);
  const char *text = NULL;
  if (a) return cs_address_bytes(a, size);
  if (lua_type(L, 2) == LUA_TSTRING) text = lua_tolstring(L, 2, size);
  if (!text || (*size != 4 && *size != 16))
    luaL_argerror(L, 2,
                  lua_pushfstring(L, "Address, or its 4 or 16 bytes, expected, got %s",
                                  cs_shown(L, 2)));
  return (const unsigned char *)text;
}

/* networks:find(address): the smallest network in which the Address lies, or a string of
 * 4 or 16 bytes, as address.bytes has them: its text, as it was given, and its value; nil
 * if there is none, as for every UNIX address. Ports and zones do not count; an IPv4
 * address that is mapped into IPv6 is one of IPv6 here, and lies in no IPv4 network.
 * -> network: string, value: any | nil */
static int networks_find(lua_State *L) {
  const struct networks *n = cs_class_check(L, 1, class_name);
  const struct range *r = NULL;
  size_t size;
  const unsigned char *bytes = address_bytes(L, &size);
  if (bytes) {
    struct place p = read_place(bytes, size);
    r = find(n, &p, size == 16);
  }
  if (!r) return lua_pushnil(L), 1;
  lua_getiuservalue(L, 1, 1);
  lua_rawgeti(L, -1, 2 * r->entry + 1);
  lua_rawgeti(L, -2, 2 * r->entry + 2);
  return 2;
}

/* #networks: how many there are. */
static int networks__len(lua_State *L) {
  const struct networks *n = cs_class_check(L, 1, class_name);
  lua_pushinteger(L, n->count);
  return 1;
}

/* tostring(networks): "networks (63)". */
static int networks__tostring(lua_State *L) {
  const struct networks *n = cs_class_check(L, 1, class_name);
  lua_pushfstring(L, "networks (%d)", n->count);
  return 1;
}

void cs_networks_class_new(lua_State *L) {
  static const luaL_Reg meta[] = {
      {"__len", networks__len}, {"__tostring", networks__tostring}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"find", networks_find}, {NULL, NULL}};
  cs_class_new(L, class_name, meta, methods);
  lua_pop(L, 1);
}
