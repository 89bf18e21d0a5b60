/* SPDX-License-Identifier: MIT
 *
 * tcpinfo.c - what the kernel knows of a TCP connection.
 */
#include <errno.h>
#include <string.h>
#ifdef __linux__
#include <linux/tcp.h> /* all of struct tcp_info, which netinet/tcp.h has not */
#endif

#include "net.h"

#ifdef __linux__
/* A member of struct tcp_info: a count, or a time in that many units a second. */
struct field {
  const char *name;
  size_t offset, size;
  double units;
};

#define OFFSET(name) offsetof(struct tcp_info, tcpi_##name)
#define SIZE(name) sizeof(((struct tcp_info *)0)->tcpi_##name)
#define FIELD(name, units)                                                               \
  { #name, OFFSET(name), SIZE(name), units }
#define COUNT(name) FIELD(name, 0)
#define MSEC(name) FIELD(name, 1e3)
#define USEC(name) FIELD(name, 1e6)

static const struct field fields[] = {
    COUNT(retransmits),
    COUNT(probes),
    COUNT(backoff),
    USEC(rto),
    USEC(ato),
    COUNT(snd_mss),
    COUNT(rcv_mss),
    COUNT(unacked),
    COUNT(sacked),
    COUNT(lost),
    COUNT(retrans),
    MSEC(last_data_sent),
    MSEC(last_data_recv),
    MSEC(last_ack_recv),
    COUNT(pmtu),
    COUNT(rcv_ssthresh),
    USEC(rtt),
    USEC(rttvar),
    COUNT(snd_ssthresh),
    COUNT(snd_cwnd),
    COUNT(advmss),
    COUNT(reordering),
    USEC(rcv_rtt),
    COUNT(rcv_space),
    COUNT(total_retrans),
    COUNT(bytes_acked),
    COUNT(bytes_received),
    COUNT(segs_out),
    COUNT(segs_in),
    COUNT(notsent_bytes),
    USEC(min_rtt),
    COUNT(data_segs_in),
    COUNT(data_segs_out),
    COUNT(delivery_rate),
    USEC(busy_time),
    USEC(rwnd_limited),
    USEC(sndbuf_limited),
    COUNT(delivered),
    COUNT(delivered_ce),
    COUNT(bytes_sent),
    COUNT(bytes_retrans),
    COUNT(dsack_dups),
    COUNT(reord_seen),
    COUNT(rcv_ooopack),
    COUNT(snd_wnd),
};

static uint64_t read_field(const struct tcp_info *info, const struct field *f) {
  const unsigned char *at = (const unsigned char *)info + f->offset;
  uint32_t u32;
  uint64_t u64;
  if (f->size == 1) return *at;
  if (f->size == sizeof u32) return memcpy(&u32, at, sizeof u32), u32;
  return memcpy(&u64, at, sizeof u64), u64;
}

static void push_state(lua_State *L, unsigned state) {
  static const char *const names[] = {
      "unknown",   "established", "syn_sent",   "syn_recv", "fin_wait1", "fin_wait2",
      "time_wait", "close",       "close_wait", "last_ack", "listen",    "closing"};
  lua_pushstring(L, names[state < sizeof names / sizeof *names ? state : 0]);
}

/* Only what the kernel filled in: it may be older than this struct. */
static void push_info(lua_State *L, const struct tcp_info *info, socklen_t len) {
  size_t count = sizeof fields / sizeof *fields;
  lua_createtable(L, 0, (int)count + 1);
  push_state(L, info->tcpi_state);
  lua_setfield(L, -2, "state");
  for (const struct field *f = fields; f < fields + count; f++) {
    if (f->offset + f->size > len) continue;
    uint64_t value = read_field(info, f);
    if (f->units > 0)
      lua_pushnumber(L, (double)value / f->units);
    else
      lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, f->name);
  }
}

enum { SYN_SENT = 2 }; /* as netinet/tcp.h has it */

int cs_fd_tcp(int fd, struct cs_tcp *tcp) {
  struct tcp_info info = {0};
  socklen_t len = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len)) return 0;
  uint32_t sent = info.tcpi_last_data_sent, received = info.tcpi_last_data_recv;
  tcp->idle = (sent < received ? sent : received) / 1e3;
  tcp->pending = info.tcpi_state == SYN_SENT;
  tcp->connected = info.tcpi_rtt > 0;
  return 1;
}
#else
int cs_fd_tcp(int fd, struct cs_tcp *tcp) {
  (void)fd, (void)tcp;
  return 0;
}
#endif

/* socket:info(): what the kernel knows of a TCP connection: a table of counts and, in
 * seconds, times, under the names of struct tcp_info (rtt, total_retrans, snd_cwnd,
 * bytes_acked...), and state ("established", "close_wait"...). On failure, as for a
 * socket that is not TCP, nil, message, name ("ENOSYS" on systems other than Linux).
 * -> table<string, any> | nil, message, name */
int cs_socket_info(lua_State *L) {
  struct cs_socket *s = cs_socket_check(L, "info", CS_IF_OPEN);
#ifdef __linux__
  struct tcp_info info;
  socklen_t len = sizeof info;
  memset(&info, 0, sizeof info);
  if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len))
    return cs_fail_errno(L, errno, "info");
  push_info(L, &info, len);
  return 1;
#else
  (void)s;
  return cs_fail_errno(L, ENOSYS, "info");
#endif
}
