/* SPDX-License-Identifier: MIT
 *
 * kernel.c - the kernel of kernel.h. It writes no more than it is allowed to, but whoever calls
 * it must own all of that.
 */
#include "kernel.h"

#include <errno.h>
#include <sanitizer/asan_interface.h>

struct kernel kernel;

int __wrap_getsockopt(int fd, int level, int number, void *value, socklen_t *len);
int __wrap_setsockopt(int fd, int level, int number, const void *value, socklen_t len);
int __wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len);
int __wrap_getpeername(int fd, struct sockaddr *sa, socklen_t *len);

void kernel_begin(struct input *in, size_t most) {
  unsigned fails = take_byte(in), code = take_byte(in);
  memset(&kernel, 0, sizeof kernel);
  kernel.code = fails % 4 == 0 ? (int)code + 1 : 0;
  kernel.len = (socklen_t)(take_byte(in) % (most + 1));
  take_bytes(in, kernel.bytes, kernel.len);
}

/* Tells how long its answer is, of which it writes what there is room for: so do addresses and
 * some options of the real one. */
static int answer(void *to, socklen_t *size) {
  MUST(!__asan_region_is_poisoned(to, *size));
  kernel.calls++;
  kernel.size = *size;
  if (kernel.code) return errno = kernel.code, -1;
  memcpy(to, kernel.bytes, *size < kernel.len ? *size : kernel.len);
  *size = kernel.len;
  return 0;
}

int __wrap_getsockopt(int fd, int level, int number, void *value, socklen_t *len) {
  (void)fd;
  kernel.level = level;
  kernel.number = number;
  return answer(value, len);
}

int __wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len) {
  (void)fd;
  return answer(sa, len);
}

int __wrap_getpeername(int fd, struct sockaddr *sa, socklen_t *len) {
  (void)fd;
  return answer(sa, len);
}

int __wrap_setsockopt(int fd, int level, int number, const void *value, socklen_t len) {
  (void)fd;
  MUST(len <= sizeof kernel.given);
  memcpy(kernel.given, value, len);
  kernel.calls++;
  kernel.level = level;
  kernel.number = number;
  kernel.size = len;
  return kernel.code ? errno = kernel.code, -1 : 0;
}

void kernel_check_failure(int index) {
  const char *name = strerrorname_np(kernel.code);
  MUST(lua_type(L, index) == LUA_TSTRING && lua_type(L, index + 1) == LUA_TSTRING);
  const char *told = lua_tostring(L, index + 1);
  MUST(!strcmp(told, "UNKNOWN") || (name && !strcmp(told, name)));
}

void kernel_over(void *bytes, size_t size) {
  memcpy(bytes, kernel.bytes, size < kernel.len ? size : kernel.len);
}
