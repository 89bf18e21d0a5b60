/* SPDX-License-Identifier: MIT
 *
 * network.c - networks, and which addresses lie in them.
 */
#include <netinet/in.h>
#include <string.h>

#include "net.h"

/* The bytes of a's IP address in that family, or NULL. One that is IPv4 mapped into IPv6
 * is of both: the kernel connects it by IPv4. */
static const unsigned char *bytes_in(const struct cs_address *a, int family) {
  int own = cs_address_family(a);
  size_t size;
  const unsigned char *bytes = cs_address_bytes(a, &size);
  if (own == AF_INET6 && family == AF_INET)
    return IN6_IS_ADDR_V4MAPPED(&a->u.in6.sin6_addr) ? bytes + 12 : NULL;
  return own == family ? bytes : NULL;
}

int cs_network_read(struct cs_network *net, const char *s, size_t n) {
  const char *slash = memchr(s, '/', n), *end = s + n;
  struct cs_address *a = &net->address;
  if (!cs_address_read_ip(a, s, (size_t)((slash ? slash : end) - s))) return 0;
  if (memchr(s, '%', n)) return 0;
  int max = cs_address_family(a) == AF_INET ? 32 : 128;
  net->bits =
      slash ? (int)cs_read_number(slash + 1, (size_t)(end - slash) - 1, max) : max;
  return net->bits >= 0;
}

static int same_prefix(const unsigned char *a, const unsigned char *b, int bits) {
  int bytes = bits / 8, rest = 8 - bits % 8;
  /* analyzer: a network has the bytes of its own family */
  return !memcmp(a, b, (size_t)bytes) &&
         (rest == 8 || (a[bytes] ^ b[bytes]) >> rest == 0);
}

int cs_network_has(const struct cs_network *net, const struct cs_address *a) {
  int family = cs_address_family(&net->address);
  const unsigned char *bytes = bytes_in(a, family);
  return bytes && same_prefix(bytes, bytes_in(&net->address, family), net->bits);
}
