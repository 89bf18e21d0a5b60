/* SPDX-License-Identifier: MIT
 *
 * address.c - fuzzes curl.address with any text. What it accepts, and as what, is compared
 * with inet_pton; the text of what it accepts makes an equal address.
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>

struct expected {
  int family;
  unsigned char ip[16];
  unsigned long port, scope;
};

static int read_decimal(const char *s, unsigned long max, unsigned long *value) {
  size_t n = strspn(s, "0123456789");
  if (n == 0 || n > 10 || s[n]) return 0;
  *value = strtoul(s, NULL, 10);
  return *value <= max;
}

static int read_zone(const char *zone, unsigned long *scope) {
  if (read_decimal(zone, UINT32_MAX, scope)) return 1;
  *scope = if_nametoindex(zone);
  return *scope != 0;
}

static int read_ip6(char *host, struct expected *e) {
  char *zone = strchr(host, '%');
  e->family = AF_INET6;
  if (zone) *zone = '\0';
  int ok =
      inet_pton(AF_INET6, host, e->ip) == 1 && (!zone || read_zone(zone + 1, &e->scope));
  if (zone) *zone = '%';
  return ok;
}

static int read_port(const char *s, struct expected *e) {
  return !*s || (*s == ':' && read_decimal(s + 1, UINT16_MAX, &e->port));
}

/* What an IP address with or without port means; 0 if it is none. */
static int read_expected(char *s, struct expected *e) {
  char *end = *s == '[' ? strchr(s, ']') : NULL;
  memset(e, 0, sizeof *e);
  if (end) {
    *end = '\0';
    return read_ip6(s + 1, e) && read_port(end + 1, e);
  }
  if (read_ip6(s, e)) return 1;
  memset(e, 0, sizeof *e);
  e->family = AF_INET;
  end = strchr(s, ':');
  int ok = !end || read_port(end, e);
  if (end) *end = '\0';
  return ok && inet_pton(AF_INET, s, e->ip) == 1;
}

/* A path that a socket can be bound to, with room for its end, or a name that starts with
 * "@", which may hold NULs. */
static int is_unix(const char *text, size_t n) {
  const size_t room = sizeof((struct sockaddr_un *)0)->sun_path;
  if (n < 5 || memcmp(text, "unix:", 5)) return 0;
  text += 5, n -= 5;
  if (n > 0 && *text == '@') return n <= room;
  return n < room && !memchr(text, 0, n);
}

static int is_expected(const char *text, size_t n, struct expected *e) {
  char *copy = malloc(n + 1);
  memcpy(copy, text, n);
  copy[n] = '\0';
  int ok = strlen(copy) == n && strncmp(copy, "unix:", 5) && read_expected(copy, e);
  free(copy);
  return ok;
}

static void check_ip(const struct cs_address *a, const struct expected *e) {
  MUST(a->u.sa.sa_family == e->family);
  if (e->family == AF_INET) {
    MUST(a->len == sizeof a->u.in && ntohs(a->u.in.sin_port) == e->port);
    MUST(!memcmp(&a->u.in.sin_addr, e->ip, 4));
  } else {
    MUST(a->len == sizeof a->u.in6 && ntohs(a->u.in6.sin6_port) == e->port);
    MUST(!memcmp(&a->u.in6.sin6_addr, e->ip, 16));
    MUST(a->u.in6.sin6_scope_id == e->scope);
  }
}

/* The address on top of the stack: its text means it. [-1, +0] */
static void check_text(void) {
  fuzz_function("local a = ... local text = tostring(a) local b = curl.address(text) "
                "return a == b and b == a and tostring(b) == text and a.ip == b.ip and "
                "a.port == b.port and a.path == b.path and a.scope_id == b.scope_id and "
                "a.family == b.family");
  lua_insert(L, -2);
  MUST(fuzz_call(1, 1, "address", "address"));
  MUST(lua_toboolean(L, -1));
  lua_pop(L, 1);
}

void fuzz_one(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  struct expected e;
  fuzz_function("return (curl.address(...))");
  lua_pushlstring(L, text, size);
  int ok = fuzz_call(1, 1, "'address'", "address");
  int ip = is_expected(text, size, &e);
  MUST(ok == (ip || is_unix(text, size)));
  if (!ok) return;
  if (ip) check_ip(lua_touserdata(L, -1), &e);
  check_text();
}
