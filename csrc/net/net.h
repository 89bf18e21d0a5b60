/* SPDX-License-Identifier: MIT
 *
 * net.h - sockets and addresses: one section a file. Includes core.h, and nothing of
 * libcurl.
 */
#ifndef CS_NET_H
#define CS_NET_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "core.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SO_NOSIGPIPE is set instead */
#endif

#pragma GCC visibility push(hidden)

/* ---- errno.c: how a call of the system failed -------------------------------------- */

/* Pushes nil, message, name and returns 3. */
int cs_fail_errno(lua_State *L, int code, const char *what);
const char *cs_errno_name(int code); /* "EACCES" */

/* ---- names.c: address families and socket types ------------------------------------ */

/* Pushes the name of an address family or socket type; the number of any other.
 * [-0, +1] */
void cs_push_family(lua_State *L, int family);
void cs_push_socktype(lua_State *L, int socktype);
/* The family or socket type that the name or integer at index means; none if nil. */
int cs_family_arg(lua_State *L, int index, int none);
int cs_socktype_arg(lua_State *L, int index, int none);
/* The family that the name at index means, or -1. */
int cs_family_named(lua_State *L, int index);

/* ---- text.c: the parts of a socket address, and its text --------------------------- */

struct cs_address {
  int socktype; /* flag bits masked out */
  int protocol;
  socklen_t len;
  union {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    struct sockaddr_storage storage;
  } u;
};

#define CS_ADDRESS_TEXT 160 /* bytes that hold any address as text */

/* The family; AF_UNSPEC if the address is too short to be of the one that it names. */
int cs_address_family(const struct cs_address *a);
/* The address is of a family that has a text. */
int cs_address_is_known(const struct cs_address *a);
/* The port, in network byte order; NULL if the family has none. */
in_port_t *cs_address_port(struct cs_address *a);
/* The bytes of the IP address, in network byte order; NULL if it has none. */
const unsigned char *cs_address_bytes(const struct cs_address *a, size_t *size);
/* The kernel says how long it is: more than there is room for, maybe. */
void cs_address_set_length(struct cs_address *a, socklen_t len);
/* Changes the family: any address of the new one, with the port that it had. */
void cs_address_set_family(struct cs_address *a, int family);
/* Makes a the UNIX address of a path, or of an abstract "@name" (which may hold NULs).
 * 0 if it does not fit. */
int cs_address_set_path(struct cs_address *a, const char *path, size_t n);
/* Writes the path as cs_address_set_path reads it; returns the bytes. */
size_t cs_address_path(const struct cs_address *a, char *text);
/* Writes the text of the address and its end; returns the bytes before that. */
size_t cs_address_print(const struct cs_address *a, char text[CS_ADDRESS_TEXT]);
const char *cs_address_text(const struct cs_address *a, char text[CS_ADDRESS_TEXT]);
/* The number that n decimal digits mean, or -1 if they do not or it exceeds max. */
int64_t cs_read_number(const char *s, size_t n, int64_t max);
/* Makes a the IP address that the text means, keeping the port. 0 if it means none. */
int cs_address_read_ip(struct cs_address *a, const char *s, size_t n);
/* Makes the empty address a what the text means; 0 if it means none. */
int cs_address_read(struct cs_address *a, const char *s, size_t n);

/* ---- network.c: networks, and which addresses lie in them -------------------------- */

struct cs_network {
  struct cs_address address;
  int bits;
};

/* Reads "10.0.0.0/8", or an address alone, into an empty network; 0 if it is none. */
int cs_network_read(struct cs_network *net, const char *s, size_t n);
/* The address lies in the network. */
int cs_network_has(const struct cs_network *net, const struct cs_address *a);

/* ---- fd.c: descriptors of sockets, without Lua ------------------------------------- */

/* How long a call may take: one plain system call, or until a point in time. */
struct cs_wait {
  int timed;
  double until;
};

/* A new descriptor, close-on-exec, or -1 and errno. */
int cs_fd_open(int family, int socktype, int protocol);
/* No program that is started later inherits the descriptor. */
void cs_fd_cloexec(int fd);
/* Two that are connected with each other: 0 or an errno. */
int cs_fd_pair(int socktype, int fds[2]);
/* The next connection and the address of its peer, or -1 and errno. */
int cs_fd_accept(int fd, struct cs_address *a, const struct cs_wait *w);
/* Connects: 0 or an errno. */
int cs_fd_dial(int fd, const struct cs_address *a, const struct cs_wait *w);
/* Whether a call that just failed is to be made again. Keeps errno. */
int cs_fd_again(int fd, short events, const struct cs_wait *w);
/* The socket type, or -1 and errno. */
int cs_fd_type(int fd);
/* The descriptor is a stream or datagram socket that has a peer. */
int cs_fd_is_connected(int fd);
/* Tells the address what kind of socket it is of. */
void cs_fd_describe(struct cs_address *a, int fd);
/* The two ends of a connection: its own port, and both addresses without theirs. (Not as
 * text, which takes libc a thousand instructions each.) */
struct cs_end {
  int family; /* 0 if it is not of the family of IP */
  unsigned char bytes[16];
};
struct cs_ends {
  int port;
  struct cs_end local, peer;
};
/* Its own port alone; 0 while it has none, negative if it is not of the family of IP. */
int cs_fd_port(int fd);
/* Reads them: 0 while there is no peer. Not of the family of IP: port is 0. */
int cs_fd_ends(int fd, struct cs_ends *ends);

/* ---- netns.c: sockets in another network namespace --------------------------------- */

/* As cs_fd_open, in the network namespace of that path; -1 and ENOSYS on systems other
 * than Linux. */
int cs_netns_open(const char *path, int family, int socktype, int protocol);

/* ---- own.c: which addresses are this host's own ------------------------------------ */

/* 1 also for what has no IP address, as a path; -1 and errno if the kernel does not
 * say. */
int cs_address_is_own(const struct cs_address *address);

/* ---- socket.c: Sockets by who owns them, and how they are made --------------------- */

/* In which states a method works. */
enum {
  CS_IF_OWNED = 1 << CS_OWNED,
  CS_IF_CLOSING = CS_IF_OWNED | 1 << CS_CLOSING, /* its callback may speak, and take it */
  CS_IF_OPEN = CS_IF_CLOSING | 1 << CS_LENT | 1 << CS_BORROWED
};

/* The Socket at index 1, in any state. */
struct cs_socket *cs_socket_self(lua_State *L);
/* The Socket at index 1, in one of those states and still the same descriptor; raises
 * an error that names the method for any other. */
struct cs_socket *cs_socket_check(lua_State *L, const char *method, int states);
/* Owns the new descriptor, or closes it: 0 or an errno. */
int cs_socket_own(struct cs_socket *s, int fd);
/* The integer at index, within min..max. */
int cs_int_arg(lua_State *L, int index, int min, int max);
/* The optional seconds at index, from now on. */
struct cs_wait cs_wait_arg(lua_State *L, int index);
int cs_socket_open(lua_State *L);  /* curl.socket(family, socktype, protocol, options) */
int cs_socket_pair(lua_State *L);  /* curl.socketpair() */
int cs_socket_adopt(lua_State *L); /* curl.adopt(fd) */

/* ---- address.c: Address objects ---------------------------------------------------- */

void cs_address_class_new(lua_State *L);
int cs_address_parse(lua_State *L); /* curl.address(text) */
/* Pushes a new Address with no family yet. [-0, +1, m] */
struct cs_address *cs_address_new(lua_State *L);
/* The Address at index, or NULL; cs_address_check raises an error. */
struct cs_address *cs_address_test(lua_State *L, int index);
struct cs_address *cs_address_check(lua_State *L, int index);
/* The Address at index, or the one that the string there describes, which replaces it. */
struct cs_address *cs_address_arg(lua_State *L, int index);

/* ---- networks.c: many networks, to look addresses up in ---------------------------- */

/* The Networks at index, or NULL. */
void *cs_networks_test(lua_State *L, int index);
int cs_networks_new(lua_State *L); /* curl.networks{ "10.0.0.0/8", ... } */
void cs_networks_class_new(lua_State *L);

/* ---- optval.c: what the values of socket options look like in Lua ------------------ */

union cs_optval {
  int i;
  unsigned u;
  unsigned long rate;
  uint64_t cookie;
  struct timeval time;
  struct linger linger;
  char text[IFNAMSIZ]; /* room for the name of a congestion control too (16) */
#ifdef __linux__
  struct ucred cred;
#endif
};

struct cs_option;

/* How the values of an option are made and shown. */
struct cs_optkind {
  socklen_t size;
  /* Makes the value at index 4 what setsockopt takes and returns its size; NULL if the
   * option can only be read. */
  socklen_t (*read)(lua_State *L, const struct cs_option *o, union cs_optval *v);
  void (*push)(lua_State *L, const union cs_optval *v);
};

struct cs_option {
  const char *name;
  int number; /* -1 if this system has none */
  const struct cs_optkind *kind;
};

extern const struct cs_optkind cs_opt_int, cs_opt_bool, cs_opt_mark, cs_opt_rate,
    cs_opt_time, cs_opt_msec, cs_opt_usec, cs_opt_linger, cs_opt_text, cs_opt_cookie,
    cs_opt_family, cs_opt_type, cs_opt_error, cs_opt_flag, cs_opt_number, cs_opt_cred;

/* Raises an error about the argument at index. */
int cs_arg_error(lua_State *L, int index, const char *format, ...);
/* The integer at index 4; raises an error if it is none, or not within min..max. */
lua_Integer cs_optval_within(lua_State *L, const struct cs_option *o, lua_Integer min,
                             lua_Integer max, const char *expected);

/* ---- sockopt.c: socket options by name --------------------------------------------- */

int cs_sockopt_set(lua_State *L); /* socket:setsockopt(level, name, value) */
int cs_sockopt_get(lua_State *L); /* socket:getsockopt(level, name) */

/* ---- tcpinfo.c: what the kernel knows of a connection ------------------------------ */

int cs_socket_info(lua_State *L); /* socket:info() */
/* What is asked of one often. */
struct cs_tcp {
  int connected; /* it was at some time, or is */
  int pending;   /* it is being made */
  double idle;   /* seconds since a byte of data went over it */
};
/* 0 if the system does not tell, or the descriptor is of no TCP connection. */
int cs_fd_tcp(int fd, struct cs_tcp *tcp);

/* ---- passing.c: descriptors that go over UNIX sockets ------------------------------ */

int cs_socket_sendfd(lua_State *L); /* socket:sendfd(descriptor, data, seconds) */
int cs_socket_recvfd(lua_State *L); /* socket:recvfd(size, seconds) */

/* ---- methods.c: the methods of a Socket -------------------------------------------- */

void cs_socket_class_new(lua_State *L);

#pragma GCC visibility pop

#endif
