/* SPDX-License-Identifier: MIT
 *
 * posix.h - make posix includes this in every C file: the module is compiled as for a system
 * that has nothing of Linux's own. libcurl and the kernel stay what they are.
 */
#undef __linux__

#include <curl/curlver.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

/* Later ones, compiled for Linux, show this flag to the open callback. */
#if LIBCURL_VERSION_NUM < 0x081300
#undef SOCK_CLOEXEC
#endif

/* macOS has none of these; a BSD has some. */
#undef MSG_CMSG_CLOEXEC
#undef _POSIX_REALTIME_SIGNALS
#undef SO_BINDTODEVICE
#undef SO_BUSY_POLL
#undef SO_COOKIE
#undef SO_INCOMING_CPU
#undef SO_MARK
#undef SO_MAX_PACING_RATE
#undef SO_PRIORITY
#undef SO_RCVBUFFORCE
#undef SO_SNDBUFFORCE
#undef TCP_CONGESTION
#undef TCP_CORK
#undef TCP_DEFER_ACCEPT
#undef TCP_FASTOPEN_CONNECT
#undef TCP_KEEPIDLE
#undef TCP_LINGER2
#undef TCP_QUICKACK
#undef TCP_SYNCNT
#undef TCP_USER_TIMEOUT
#undef TCP_WINDOW_CLAMP
#undef IP_BIND_ADDRESS_NO_PORT
#undef IP_FREEBIND
#undef IP_MINTTL
#undef IP_MTU
#undef IP_MTU_DISCOVER
#undef IP_TRANSPARENT
#undef IPV6_FREEBIND
#undef IPV6_MINHOPCOUNT
#undef IPV6_MTU
#undef IPV6_MTU_DISCOVER
#undef IPV6_TRANSPARENT
#undef UDP_CORK
#undef UDP_GRO
#undef UDP_SEGMENT
