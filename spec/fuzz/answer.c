/* SPDX-License-Identifier: MIT
 *
 * answer.c - fuzzes what else a Socket learns from the kernel: its addresses, of any bytes and
 * any length, and as much of struct tcp_info as a kernel may have.
 */
#include "kernel.h"

#include <linux/tcp.h>

struct field {
  const char *name;
  size_t offset, size;
  double units; /* 0: a count */
};

#define FIELD(name, units)                                                               \
  {                                                                                      \
#name, offsetof(struct tcp_info, tcpi_##name),                                       \
        sizeof(((struct tcp_info *)0)->tcpi_##name), units                               \
  }

/* Some of each size and unit, the first and the last ones among them. */
static const struct field fields[] = {
    FIELD(retransmits, 0),     FIELD(probes, 0),        FIELD(backoff, 0),
    FIELD(rto, 1e6),           FIELD(ato, 1e6),         FIELD(snd_mss, 0),
    FIELD(last_ack_recv, 1e3), FIELD(rtt, 1e6),         FIELD(total_retrans, 0),
    FIELD(bytes_acked, 0),     FIELD(min_rtt, 1e6),     FIELD(delivery_rate, 0),
    FIELD(busy_time, 1e6),     FIELD(bytes_retrans, 0), FIELD(rcv_ooopack, 0),
    FIELD(snd_wnd, 0),
};
enum { COUNT = sizeof fields / sizeof *fields };

/* Calls the method of the Socket at index 1: 1, and its result is on top of the stack; 0 if the
 * kernel failed, as it must say. */
static int call(const char *text) {
  fuzz_function(text);
  lua_pushvalue(L, 1);
  MUST(fuzz_call(1, 3, "", ""));
  MUST(kernel.calls > 0);
  if (kernel.code) {
    MUST(lua_isnil(L, 2));
    kernel_check_failure(3);
    return 0;
  }
  MUST(lua_isnil(L, 3) && lua_isnil(L, 4));
  lua_settop(L, 2);
  return 1;
}

/* The kernel answers with the same bytes when it is asked for socktype and protocol. */
static void check_address(void) {
  const struct cs_address *a = lua_touserdata(L, 2);
  int socktype = -1, protocol = 0;
  kernel_over(&socktype, sizeof socktype);
  kernel_over(&protocol, sizeof protocol);
  MUST(a->socktype == socktype && a->protocol == protocol);
  MUST(a->len == (kernel.len < sizeof a->u ? kernel.len : sizeof a->u));
  MUST(!memcmp(&a->u, kernel.bytes, a->len));
  fuzz_function("local a = ... return tostring(a)");
  lua_insert(L, 2);
  MUST(fuzz_call(1, 1, "", ""));
}

/* The field is in the table at index 2 if the kernel has given all of it, and else not. */
static void check_field(const struct field *f) {
  uint64_t count = 0; /* the machine is little-endian */
  lua_getfield(L, 2, f->name);
  memcpy(&count, kernel.bytes + f->offset, f->size);
  if (f->offset + f->size > kernel.len)
    MUST(lua_isnil(L, -1));
  else if (f->units > 0)
    MUST(lua_type(L, -1) == LUA_TNUMBER &&
         lua_tonumber(L, -1) == (double)count / f->units);
  else
    MUST(lua_isinteger(L, -1) && (uint64_t)lua_tointeger(L, -1) == count);
  lua_pop(L, 1);
}

static void check_info(void) {
  static const char *const states[] = {
      "unknown",   "established", "syn_sent",   "syn_recv", "fin_wait1", "fin_wait2",
      "time_wait", "close",       "close_wait", "last_ack", "listen",    "closing"};
  MUST(kernel.size == sizeof(struct tcp_info));
  lua_getfield(L, 2, "state");
  MUST(lua_isstring(L, -1));
  MUST(!strcmp(lua_tostring(L, -1), states[kernel.bytes[0] < 12 ? kernel.bytes[0] : 0]));
  lua_pop(L, 1);
  for (const struct field *f = fields; f < fields + COUNT; f++) check_field(f);
}

static void one_call(struct input *in) {
  unsigned what = take_byte(in) % 3;
  kernel_begin(in, what == 2 ? sizeof(struct tcp_info) : 160);
  if (what == 2) {
    if (call("local s = ... return s:info()")) check_info();
  } else if (call(what ? "local s = ... return s:peeraddress()"
                       : "local s = ... return s:localaddress()")) {
    check_address();
  }
  lua_settop(L, 1);
}

void fuzz_one(const uint8_t *data, size_t size) {
  fuzz_with_socket(data, size, one_call);
}
