/* SPDX-License-Identifier: MIT
 *
 * network.c - fuzzes address:within. Which texts are networks, and what lies in them, is
 * compared bit by bit with what inet_pton reads.
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

struct network {
  int family;
  unsigned char ip[16];
  long bits;
};

/* "IP" or "IP/BITS". */
static int read_network(char *text, struct network *net) {
  char *slash = strchr(text, '/'), *bits = slash ? slash + 1 : NULL;
  if (slash) *slash = '\0';
  net->family = strchr(text, ':') ? AF_INET6 : AF_INET;
  net->bits = net->family == AF_INET ? 32 : 128;
  if (inet_pton(net->family, text, net->ip) != 1) return 0;
  if (!bits) return 1;
  size_t digits = strspn(bits, "0123456789");
  if (digits == 0 || digits > 10 || bits[digits] || atol(bits) > net->bits) return 0;
  net->bits = atol(bits);
  return 1;
}

static int is_network(const char *text, size_t n, struct network *net) {
  char *copy = malloc(n + 1);
  memcpy(copy, text, n);
  copy[n] = '\0';
  int ok = strlen(copy) == n && read_network(copy, net);
  free(copy);
  return ok;
}

static int bit(const unsigned char *ip, long i) { return ip[i / 8] >> (7 - i % 8) & 1; }

static int is_within(int family, const unsigned char *ip, const struct network *net) {
  static const unsigned char mapped[12] = {[10] = 0xff, 0xff};
  if (family == AF_INET6 && net->family == AF_INET && !memcmp(ip, mapped, 12))
    family = AF_INET, ip += 12;
  if (family != net->family) return 0;
  for (long i = 0; i < net->bits; i++)
    if (bit(ip, i) != bit(net->ip, i)) return 0;
  return 1;
}

/* Pushes an address: IPv4, IPv6, IPv4 mapped into IPv6, or none that has an IP. */
static int push_address(struct input *in, unsigned char ip[16]) {
  unsigned kind = take_byte(in) % 4;
  struct cs_address *a = cs_address_new(L);
  take_bytes(in, ip, 16);
  if (kind == 0) return AF_UNSPEC;
  if (kind == 1) memcpy(ip, (const unsigned char[12]){[10] = 0xff, 0xff}, 12);
  a->u.sa.sa_family = kind == 2 ? AF_INET : AF_INET6;
  a->len = kind == 2 ? sizeof a->u.in : sizeof a->u.in6;
  memcpy(kind == 2 ? (void *)&a->u.in.sin_addr : &a->u.in6.sin6_addr, ip,
         kind == 2 ? 4 : 16);
  return a->u.sa.sa_family;
}

/* The network is the rest of the input, or the same address with fewer or other bits. */
static const char *take_network(struct input *in, int family, unsigned char *ip,
                                size_t *n, char near[64]) {
  unsigned flip = take_byte(in), bits = take_byte(in);
  if (family == AF_UNSPEC || bits == 0) {
    *n = in->left;
    return (const char *)in->at;
  }
  unsigned char other[16];
  int size = family == AF_INET ? 32 : 128;
  memcpy(other, ip, 16);
  if (flip < 128) other[flip % size / 8] ^= (unsigned char)(0x80 >> flip % 8);
  if (family == AF_INET6 && take_byte(in) % 2)
    inet_ntop(AF_INET, other + 12, near, 64);
  else
    inet_ntop(family, other, near, 64);
  *n = strlen(near);
  if (take_byte(in) % 8 == 1) *n += (size_t)sprintf(near + *n, "%%1");
  *n += (size_t)sprintf(near + *n, "/%u", bits - 1);
  return near;
}

void fuzz_one(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  unsigned char ip[16];
  char near[64];
  struct network net;
  size_t n;
  fuzz_function("local a, network = ... return a:within(network)");
  int family = push_address(&in, ip);
  const char *text = take_network(&in, family, ip, &n, near);
  lua_pushlstring(L, text, n);
  int ok = fuzz_call(2, 1, "'within'", "'within'");
  MUST(ok == is_network(text, n, &net));
  if (!ok) return;
  MUST(lua_isboolean(L, -1));
  MUST(lua_toboolean(L, -1) == is_within(family, ip, &net));
  lua_pop(L, 1);
}
