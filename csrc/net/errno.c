/* SPDX-License-Identifier: MIT
 *
 * errno.c - how a call of the system failed: nil, message, name. The names are those of
 * errno, so that a script compares readable strings.
 */
#include <errno.h>
#include <string.h>

#include "net.h"

/* Those that every POSIX system has; some of the rest share their number with another. */
#define NAME(code) [code] = #code
static const char *const errno_names[] = {
    NAME(E2BIG),
    NAME(EACCES),
    NAME(EADDRINUSE),
    NAME(EADDRNOTAVAIL),
    NAME(EAFNOSUPPORT),
    NAME(EAGAIN),
    NAME(EALREADY),
    NAME(EBADF),
    NAME(EBADMSG),
    NAME(EBUSY),
    NAME(ECANCELED),
    NAME(ECHILD),
    NAME(ECONNABORTED),
    NAME(ECONNREFUSED),
    NAME(ECONNRESET),
    NAME(EDEADLK),
    NAME(EDESTADDRREQ),
    NAME(EDOM),
    NAME(EDQUOT),
    NAME(EEXIST),
    NAME(EFAULT),
    NAME(EFBIG),
    NAME(EHOSTUNREACH),
    NAME(EIDRM),
    NAME(EILSEQ),
    NAME(EINPROGRESS),
    NAME(EINTR),
    NAME(EINVAL),
    NAME(EIO),
    NAME(EISCONN),
    NAME(EISDIR),
    NAME(ELOOP),
    NAME(EMFILE),
    NAME(EMLINK),
    NAME(EMSGSIZE),
    NAME(EMULTIHOP),
    NAME(ENAMETOOLONG),
    NAME(ENETDOWN),
    NAME(ENETRESET),
    NAME(ENETUNREACH),
    NAME(ENFILE),
    NAME(ENOBUFS),
    NAME(ENODEV),
    NAME(ENOENT),
    NAME(ENOEXEC),
    NAME(ENOLCK),
    NAME(ENOLINK),
    NAME(ENOMEM),
    NAME(ENOMSG),
    NAME(ENOPROTOOPT),
    NAME(ENOSPC),
    NAME(ENOSYS),
    NAME(ENOTCONN),
    NAME(ENOTDIR),
    NAME(ENOTEMPTY),
    NAME(ENOTRECOVERABLE),
    NAME(ENOTSOCK),
    NAME(ENOTTY),
    NAME(ENXIO),
    NAME(EOPNOTSUPP),
    NAME(EOVERFLOW),
    NAME(EOWNERDEAD),
    NAME(EPERM),
    NAME(EPIPE),
    NAME(EPROTO),
    NAME(EPROTONOSUPPORT),
    NAME(EPROTOTYPE),
    NAME(ERANGE),
    NAME(EROFS),
    NAME(ESPIPE),
    NAME(ESRCH),
    NAME(ESTALE),
    NAME(ETIMEDOUT),
    NAME(ETXTBSY),
    NAME(EXDEV),
#if ENOTSUP != EOPNOTSUPP
    NAME(ENOTSUP),
#endif
#if EWOULDBLOCK != EAGAIN
    NAME(EWOULDBLOCK),
#endif
#ifdef ECOMM
    NAME(ECOMM),
#endif
#ifdef EHOSTDOWN
    NAME(EHOSTDOWN),
#endif
#ifdef ENODATA
    NAME(ENODATA),
#endif
#ifdef ENONET
    NAME(ENONET),
#endif
#ifdef ENOTBLK
    NAME(ENOTBLK),
#endif
#ifdef ENOTUNIQ
    NAME(ENOTUNIQ),
#endif
#ifdef EPFNOSUPPORT
    NAME(EPFNOSUPPORT),
#endif
#ifdef EREMOTEIO
    NAME(EREMOTEIO),
#endif
#ifdef ESHUTDOWN
    NAME(ESHUTDOWN),
#endif
#ifdef ESOCKTNOSUPPORT
    NAME(ESOCKTNOSUPPORT),
#endif
#ifdef ETIME
    NAME(ETIME),
#endif
#ifdef ETOOMANYREFS
    NAME(ETOOMANYREFS),
#endif
#ifdef EUSERS
    NAME(EUSERS),
#endif
};
#undef NAME

const char *cs_errno_name(int code) {
  size_t count = sizeof errno_names / sizeof *errno_names;
  return (size_t)code < count && errno_names[code] ? errno_names[code] : "UNKNOWN";
}

int cs_fail_errno(lua_State *L, int code, const char *what) {
  lua_pushnil(L);
  lua_pushstring(L, strerror(code));
  if (what) {
    lua_pushfstring(L, "%s: %s", what, lua_tostring(L, -1));
    lua_replace(L, -2);
  }
  lua_pushstring(L, cs_errno_name(code));
  return 3;
}
