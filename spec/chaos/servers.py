#!/usr/bin/env python3
"""Hostile servers, and what runs beside them: servers.py FIRST STEP LAST STOP COMMAND...

For each seed from FIRST to LAST (until the time STOP): runs the command with the seed, beside
servers of its own in a network namespace of its own, where there is nothing but loopback: nothing
can leave it. The servers take the ports that the protocols have by default. Each speaks its
protocol well enough that most transfers succeed; what it says is spoilt now and then. What the n-th
connection of a server does follows from the seed."""

import base64
import ctypes
import fcntl
import hashlib
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
import http3

CERTIFICATE, KEY = os.environ["CHAOS_CERT"], os.environ["CHAOS_KEY"]


class Gone(Exception):
    """The other side has closed, or this one does."""


class Peer:
    """A connection, with all that is random on it."""

    def __init__(self, sock, dice):
        self.sock, self.dice, self.rest = sock, dice, b""
        self.is_hostile = self.chance(0.4)
        sock.settimeout(5)

    def chance(self, p):
        return self.dice.random() < p

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Gone
        self.rest += data

    def read(self, n):
        while len(self.rest) < n:
            self.more()
        data, self.rest = self.rest[:n], self.rest[n:]
        return data

    def until(self, mark):
        while mark not in self.rest:
            self.more()
        data, _, self.rest = self.rest.partition(mark)
        return data

    def line(self):
        return self.until(b"\n").strip()

    def send(self, data):
        self.sock.sendall(data)

    def say(self, data):
        """Sends it, or what has become of it."""
        spoil = self.dice.random() if self.is_hostile else 1
        if spoil < 0.02:
            raise Gone
        if spoil < 0.04:
            self.send(data[: self.dice.randrange(len(data) + 1)])
            raise Gone
        if spoil < 0.06:
            self.reset()
        if spoil < 0.08:
            data = self.dice.randbytes(self.dice.randrange(1, 300))
        elif spoil < 0.10:
            data += self.dice.randbytes(self.dice.randrange(1, 60)) + b"\r\n"
        elif spoil < 0.12:
            data += data
        elif spoil < 0.14:
            at = self.dice.randrange(len(data) + 1)
            data = data[:at] + self.dice.randbytes(1) + data[at + 1 :]
        elif spoil < 0.16:
            time.sleep(self.dice.choice([0.02, 0.1, 1]))
        elif spoil < 0.20:
            for i in range(min(len(data), 200)):
                self.send(data[i : i + 1])
            data = data[200:]
        self.send(data)

    def say_line(self, text):
        self.say(text + b"\r\n")

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def start_tls(self):
        self.sock = server_tls().wrap_socket(self.sock, server_side=True)
        self.rest = b""


def server_tls(protocols=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


# ---- HTTP and what is built on it -----------------------------------------------------------


def fields(head):
    """The header lines of a request, by name."""
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def http_body(peer, headers):
    """Reads what comes after the headers of a request."""
    if b"expect" in headers and peer.chance(0.8):
        peer.say(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        body = b""
        while True:
            size = int(peer.line().split(b";")[0] or b"0", 16)
            body += peer.read(size + 2)[:-2]
            if not size:
                return body
    return peer.read(int(headers.get(b"content-length", 0)))


def ok(body, *more):
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(line + b"\r\n" for line in more)
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def redirect(to, *more):
    lines = (b"Location: " + to,) + more + (b"Content-Length: 3", b"", b"abc")
    return b"HTTP/1.1 302 Found\r\n" + b"\r\n".join(lines)


def http_slow(peer, n):
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    for _ in range(100):
        peer.send(b"z")
        time.sleep(0.005)


def http_redirects(peer, n):
    peer.say(redirect(b"/redirect/%d" % (n - 1), b"Set-Cookie: a%d=b" % n) if n else ok(b"there"))


def http_elsewhere(peer, n):
    """To other protocols and ports, also such as are not to be followed."""
    peer.say(redirect(peer.dice.choice([
        b"https://127.0.0.1:444/", b"http://localhost:81/big/9", b"ftp://127.0.0.1/f",
        b"http://127.0.0.1:9/",
        b"//127.0.0.1:13/", b"gopher://127.0.0.1/1x", b"http://user:word@127.0.0.1:81/auth",
        b"dict://127.0.0.1/d:x", b"http://[::1]/", b"http://", b"?" + b"x" * 3000])))


def http_chunks(peer, n):
    chunks = b"5\r\nhello\r\n" * max(1, n)
    peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Y\r\n\r\n" + chunks)
    peer.say(b"0\r\nY: z\r\n\r\n")


def http_headers(peer, n):
    peer.say(ok(b"", *(b"X-%d: %s" % (i, b"v" * 50) for i in range(n)), b"Set-Cookie: c=%d" % n,
        b"Strict-Transport-Security: max-age=1000",
        b'Alt-Svc: h3=":443"; ma=9, h2="127.0.0.1:444"; ma=9'))


def http_auth(peer, n):
    peer.say(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=x, nonce=abc, qop=auth\r\n"
        b"WWW-Authenticate: Basic realm=y\r\nWWW-Authenticate: NTLM\r\nWWW-Authenticate: Negotiate"
        b"\r\nContent-Length: 3\r\n\r\nabc")


def http_until_close(peer, n):
    peer.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbye")
    raise Gone


def http_interim(peer, n):
    peer.say(b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" * max(n, 1) + ok(b"late"))


def http_silence(peer, n):
    time.sleep(2)
    raise Gone


PAGES = {
    b"big": lambda peer, n: peer.say(ok(b"x" * n)), b"slow": http_slow, b"chunks": http_chunks,
    b"redirect": http_redirects, b"elsewhere": http_elsewhere, b"headers": http_headers,
    b"auth": http_auth, b"close": http_until_close, b"interim": http_interim,
    b"silence": http_silence, b"reset": lambda peer, n: peer.reset(),
    b"zip": lambda peer, n: peer.say(ok(b"not zipped", b"Content-Encoding: gzip, br")),
    b"refuse": lambda peer, n: peer.say(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"),
    b"range": lambda peer, n: peer.say(b"HTTP/1.1 206 Part\r\nContent-Range: bytes 0-4/9\r\n"
        b"Content-Length: 5\r\n\r\nhello"),
}


def websocket(peer, headers):
    key = headers.get(b"sec-websocket-key", b"")
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    peer.say(b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n")
    peer.say(b"\x81\x05hello\x82\x03abc\x89\x01x\x01\x01a\x80\x01b")
    peer.send(b"\x88\x02\x03\xe8")


def is_query(body):
    return body[2:12] == b"\1\0\0\1\0\0\0\0\0\0"


def dns_answer(query):
    """127.0.0.1, whatever the name, to whoever asks for IPv4."""
    end = query.index(b"\0", 12) + 5
    is_a = query[end - 4 : end - 2] == b"\0\1"
    head = query[:2] + b"\x81\x80\0\1\0" + (b"\1" if is_a else b"\0") + b"\0\0\0\0"
    answer = b"\xc0\x0c\0\1\0\1\0\0\0\x09\0\4\x7f\0\0\1" if is_a else b""
    return head + query[12:end] + answer


def http(peer, is_tame=False):
    while True:
        head = peer.until(b"\r\n\r\n")
        words, headers = head.split(b"\r\n")[0].split(b" "), fields(head)
        if words[0] == b"PRI":
            return http2(peer, is_tame)
        if headers.get(b"upgrade", b"").lower() == b"websocket":
            return websocket(peer, headers)
        if b"h2c" in headers.get(b"upgrade", b"") and peer.chance(0.7):
            peer.say(b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
            return http2(peer, is_tame, True)
        path = words[1].split(b"?")[0]
        path = path.split(b"/", 3)[-1] if b"://" in path else path
        name, _, number = path.strip(b"/").partition(b"/")
        body = http_body(peer, headers)
        if is_query(body):
            peer.say(ok(dns_answer(body), b"Content-Type: application/dns-message"))
        else:
            page = PAGES.get(name, lambda p, n: p.say(ok(b"hello")))
            page(peer, min(int(number), 300000) if number.isdigit() else 0)


# HTTP/2, without a look at what is asked: status 200 is \x88 in HPACK's table.


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack(">I", stream) + payload


def h2_answer(peer, stream, body):
    if is_query(body):
        peer.say(frame(1, 4, stream, b"\x88"))
        return peer.say(frame(0, 1, stream, dns_answer(body)))
    x = 1 if peer.is_tame else peer.dice.random()
    if x < 0.03:
        return peer.say(frame(3, 0, stream, struct.pack(">I", peer.dice.randrange(14))))
    if x < 0.06:
        return peer.say(frame(7, 0, 0, struct.pack(">II", peer.dice.choice([0, stream]), 0)))
    if x < 0.08:
        peer.say(frame(5, 4, stream, struct.pack(">I", 2) + b"\x82\x86\x84"))
    if x < 0.10:
        peer.say(frame(8, 0, stream, struct.pack(">I", peer.dice.choice([0, 1, 0x7FFFFFFF]))))
    if x < 0.13:
        where = b"http://127.0.0.1:81/"
        head = b"\x08\x03302\x0f\x1f" + bytes([len(where)]) + where
        return peer.say(frame(1, 5, stream, head))
    peer.say(frame(1, 4, stream, b"\x88"))
    peer.say(frame(0, 0, stream, b"h" * peer.dice.choice([0, 1, 5, 16000])))
    if x < 0.3:
        peer.say(frame(1, 5, stream, b"\x00\x01t\x01r"))
    else:
        peer.say(frame(0, 1, stream, b"end"))


def http2(peer, is_tame, upgraded=False):
    peer.is_hostile, peer.is_tame = peer.is_hostile and not is_tame, is_tame
    peer.until(b"SM\r\n\r\n")
    peer.say(frame(4, 0, 0, struct.pack(">HI", 3, peer.dice.choice([1, 100]))))
    if upgraded:
        h2_answer(peer, 1, b"")
    bodies = {}
    while True:
        head = peer.read(9)
        payload = peer.read(struct.unpack(">I", b"\0" + head[:3])[0])
        kind, flags, stream = head[3], head[4], struct.unpack(">I", head[5:])[0]
        if kind == 4 and not flags & 1:
            peer.send(frame(4, 1, 0))
        elif kind == 6 and not flags & 1:
            peer.say(frame(6, 1, 0, payload))
        elif kind == 0 and payload:
            grant = struct.pack(">I", len(payload))
            peer.send(frame(8, 0, 0, grant) + frame(8, 0, stream, grant))
            bodies[stream] = bodies.get(stream, b"") + payload
        if kind in (0, 1) and flags & 1:
            h2_answer(peer, stream, bodies.pop(stream, b""))


def https(peer):
    alpn = peer.sock.selected_alpn_protocol()
    return http2(peer, False) if alpn == "h2" else http(peer)


# For a libcurl that does not survive a hostile server of HTTP/2 (places.lua).


def tame_http(peer):
    http(peer, True)


def tame_https(peer):
    alpn = peer.sock.selected_alpn_protocol()
    return http2(peer, True) if alpn == "h2" else http(peer)


def proxy(peer):
    while True:
        if not peer.rest.startswith(b"CONNECT"):
            while b" " not in peer.rest:
                peer.more()
        if not peer.rest.startswith(b"CONNECT"):
            return http(peer)
        target = peer.until(b"\r\n\r\n").split(b" ")[1]
        if peer.chance(0.1):
            peer.say(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm=a, nonce=b\r\n"
                b"Proxy-Authenticate: Basic realm=a\r\nContent-Length: 3\r\n\r\nabc")
        else:
            peer.say(b"HTTP/1.1 200 Established\r\n\r\n")
            return tunnel(peer, int(target.rsplit(b":")[-1]))


def socks(peer):
    if peer.read(1) == b"\4":
        head = peer.read(7)
        peer.until(b"\0")
        if head[3:6] == b"\0\0\0":
            peer.until(b"\0")
        peer.say(b"\0\x5a" + head[1:3] + b"\x7f\0\0\1")
        return tunnel(peer, struct.unpack(">H", head[1:3])[0])
    peer.read(peer.read(1)[0])
    peer.say(b"\5\0")
    kind = peer.read(4)[3]
    peer.read({1: 4, 4: 16}.get(kind) or peer.read(1)[0])
    port = struct.unpack(">H", peer.read(2))[0]
    peer.say(b"\5\0\0\1\x7f\0\0\1" + struct.pack(">H", port))
    return tunnel(peer, port)


def tunnel(peer, port):
    """The server of that port, in the same thread."""
    if port in TLS_PORTS:
        peer.sock = server_tls(ALPN.get(port)).wrap_socket(peer.sock, server_side=True)
    serve_peer = TLS_PORTS.get(port) or PORTS.get(port)
    if serve_peer:
        serve_peer(peer)


# ---- files and mail -------------------------------------------------------------------------


class Ftp:
    def __init__(self, peer):
        self.peer, self.listening, self.active, self.tls = peer, None, None, False

    def run(self):
        self.peer.say_line(b"220 hello")
        while True:
            line = self.peer.line()
            name, _, argument = line.partition(b" ")
            if name.upper() == b"QUIT":
                return self.peer.say_line(b"221 bye")
            method = getattr(self, name.decode("latin1").lower(), None) if name.isalpha() else None
            if method and name.lower() not in (b"run", b"data"):
                method(argument)
            else:
                self.peer.say_line(self.PLAIN.get(name.upper(), b"500 what?"))

    PLAIN = {
        b"USER": b"331 and?", b"PASS": b"230 in", b"PWD": b'257 "/"', b"SIZE": b"213 1000",
        b"MDTM": b"213 20200101000000", b"REST": b"350 yes", b"RNFR": b"350 to?",
        b"PROT": b"200 ok",
        b"PBSZ": b"200 0", b"TYPE": b"200 ok", b"CWD": b"250 ok", b"NOOP": b"200 ok",
        b"MKD": b"257 made", b"DELE": b"250 gone", b"SYST": b"215 UNIX", b"ACCT": b"230 in",
        b"PRET": b"200 ok", b"CCC": b"200 ok", b"SITE": b"200 ok", b"ABOR": b"226 ok",
    }

    def auth(self, argument):
        self.peer.say_line(b"234 go")
        self.peer.start_tls()
        self.tls = True

    def listen(self):
        self.active = None
        self.listening = socket.create_server(("127.0.0.1", 0))
        return self.listening.getsockname()[1]

    def epsv(self, argument):
        self.peer.say_line(b"229 (|||%d|)" % self.listen())

    def pasv(self, argument):
        port = self.listen()
        host = 1 if self.peer.chance(0.9) else 2
        self.peer.say_line(b"227 (127,0,0,%d,%d,%d)" % (host, port >> 8, port & 255))

    def eprt(self, argument):
        self.active = int(argument.split(b"|")[3])
        self.peer.say_line(b"200 ok")

    def port(self, argument):
        high, low = argument.split(b",")[4:6]
        self.active = int(high) * 256 + int(low)
        self.peer.say_line(b"200 ok")

    def data(self, serve_data):
        if self.peer.chance(0.05):
            return self.peer.say_line(b"550 no")
        self.peer.say_line(b"150 here")
        try:
            with self.connect() as connection:
                serve_data(connection)
        except OSError:
            pass
        self.peer.say_line(b"226 done" if self.peer.chance(0.97) else b"426 not done")

    def connect(self):
        if self.active:
            connection = socket.create_connection(("127.0.0.1", self.active), 1)
        else:
            self.listening.settimeout(1)
            connection = self.listening.accept()[0]
            connection.settimeout(1)
            self.listening.close()
        if self.tls:
            connection = server_tls().wrap_socket(connection, server_side=True)
        return connection

    def retr(self, argument):
        self.data(lambda c: c.sendall(b"y" * self.peer.dice.choice([0, 1, 1000, 1000, 300000])))

    def list(self, argument):
        lines = b"".join(b"-rw-r--r-- 1 a b %d Jan 1 2020 f%d\r\n" % (i, i) for i in range(3))
        self.data(lambda c: c.sendall(lines))

    nlst = list

    def stor(self, argument):
        def take(connection):
            while connection.recv(65536):
                pass
        self.data(take)

    appe = stor


def ftp(peer):
    Ftp(peer).run()


def ftps(peer):
    server = Ftp(peer)
    server.tls = True
    server.run()


def imap(peer):
    peer.say_line(b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN AUTH=LOGIN SASL-IR] hello")
    while True:
        tag, _, line = peer.line().partition(b" ")
        words = line.upper().split(b" ")
        name, said = words[0], b""
        if name == b"CAPABILITY":
            said = b"* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN AUTH=LOGIN SASL-IR\r\n"
        elif name == b"SELECT":
            said = b"* 3 EXISTS\r\n* OK [UIDVALIDITY 3857529045] valid\r\n"
        elif name in (b"FETCH", b"UID"):
            said = b"* 1 FETCH (BODY[TEXT] {5}\r\nhello)\r\n"
        elif name in (b"LIST", b"LSUB"):
            said = b'* LIST () "/" x\r\n'
        elif name == b"SEARCH":
            said = b"* SEARCH 1 2 3\r\n"
        elif name == b"APPEND":
            peer.say_line(b"+ go")
            peer.read(int(words[-1].strip(b"{}+")) + 2)
        elif name == b"AUTHENTICATE" and len(words) < 3:
            peer.say_line(b"+ ")
            if peer.line() and words[1] == b"LOGIN":
                peer.say_line(b"+ ")
                peer.line()
        peer.say(said + tag + (b" OK done" if peer.chance(0.97) else b" NO") + b"\r\n")
        if name == b"STARTTLS":
            peer.start_tls()
        elif name == b"LOGOUT":
            return


def pop3(peer):
    peer.say_line(b"+OK <1.2@x> hello")
    while True:
        words = peer.line().upper().split(b" ")
        name = words[0]
        if name == b"CAPA":
            peer.say_line(b"+OK\r\nSASL PLAIN LOGIN\r\nUSER\r\nTOP\r\nUIDL\r\nSTLS\r\n.")
        elif name == b"LIST" and len(words) < 2 or name == b"UIDL":
            peer.say_line(b"+OK list\r\n1 2\r\n2 3\r\n.")
        elif name in (b"RETR", b"TOP"):
            peer.say_line(b"+OK\r\nSubject: x\r\n\r\n..hello\r\n.")
        elif name == b"AUTH" and len(words) < 3:
            for _ in range(2 if words[-1] == b"LOGIN" else 1):
                peer.say_line(b"+ ")
                peer.line()
            peer.say_line(b"+OK in")
        else:
            peer.say_line(b"+OK" if peer.chance(0.97) else b"-ERR no")
        if name == b"STLS":
            peer.start_tls()
        elif name == b"QUIT":
            return


def smtp(peer):
    peer.say_line(b"220 hello")
    while True:
        words = peer.line().upper().split(b" ")
        name = words[0]
        if name == b"EHLO":
            peer.say_line(b"250-x\r\n250-AUTH PLAIN LOGIN\r\n250-STARTTLS\r\n250 SIZE")
        elif name == b"DATA":
            peer.say_line(b"354 go")
            peer.until(b"\r\n.\r\n")
            peer.say_line(b"250 taken")
        elif name == b"AUTH":
            for _ in range(3 - len(words) + (words[1:2] == [b"LOGIN"])):
                peer.say_line(b"334 ")
                peer.line()
            peer.say_line(b"235 in")
        elif name == b"STARTTLS":
            peer.say_line(b"220 go")
            peer.start_tls()
        elif name == b"QUIT":
            return peer.say_line(b"221 bye")
        else:
            peer.say_line(b"250 ok" if peer.chance(0.97) else b"550 no")


# ---- the others -----------------------------------------------------------------------------


def rtsp(peer):
    while True:
        head = peer.until(b"\r\n\r\n")
        headers = fields(head)
        http_body(peer, headers)
        number = headers.get(b"cseq", b"1")
        lines = b"RTSP/1.0 200 OK\r\nCSeq: " + number + b"\r\nSession: 12345\r\n"
        if peer.chance(0.2):
            peer.say(b"$\0\0\4data")
        if peer.chance(0.05):
            lines = lines.replace(b"200 OK", b"401 No") + b"WWW-Authenticate: Basic realm=x\r\n"
        if head.startswith(b"DESCRIBE"):
            peer.say(lines + b"Content-Length: 3\r\n\r\nabc")
        else:
            peer.say(lines + b"Public: DESCRIBE, SETUP\r\nTransport: RTP\r\n\r\n")


def mqtt(peer):
    while True:
        kind = peer.read(1)[0] & 0xF0
        length, shift = 0, 0
        while True:
            byte = peer.read(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        packet = peer.read(length)
        if kind == 0x10:
            peer.say(b"\x20\2\0\0")
        elif kind == 0x80:
            peer.say(b"\x90\3" + packet[:2] + b"\0")
            peer.say(b"\x30\x0a\0\1ahello12")
            peer.say(b"\xe0\0")
        elif kind == 0xE0:
            return


def dictionary(peer):
    peer.say_line(b"220 hello")
    while True:
        name = peer.line().upper().split(b" ")[0]
        if name == b"QUIT":
            return peer.say_line(b"221 bye")
        elif name == b"DEFINE":
            peer.say_line(b"150 1\r\n151 x\r\nfoo\r\n.\r\n250 ok")
        else:
            peer.say_line(b"250 ok")


def telnet(peer):
    peer.say(b"\xff\xfd\x18\xff\xfd\x1f\xff\xfd\x27\xff\xfd\x23login:")
    peer.say(b"\xff\xfa\x18\1\xff\xf0\xff\xfa\x23\1\xff\xf0")
    peer.say(b"\xff\xfa\x27\1\xff\xf0\xff\xfb\1\xff\xfe\1")
    if peer.chance(0.5):
        peer.more()
    peer.say(b"bye\r\n")


def gopher(peer):
    peer.line()
    peer.say(b"iinfo\tx\ty\t1\r\n.\r\n")


def garbage(peer):
    for _ in range(3):
        peer.send(peer.dice.randbytes(peer.dice.randrange(1, 200)))
        peer.more()


def silent(peer):
    time.sleep(2)


def tftp_answers(dice, packet):
    """What is sent back; the file has three blocks."""
    kind, number = packet[:2], packet[2:4]
    if dice.random() < 0.05:
        wrong = b"\0\5\0\1no\0", dice.randbytes(30), b"", b"\0\3\0\1x", b"\0\4\xff\xff"
        return [dice.choice(wrong)]
    if kind == b"\0\1":
        return [b"\0\3\0\1" + b"q" * 512]
    if kind == b"\0\2":
        return [b"\0\4\0\0"]
    if kind == b"\0\3":
        return [b"\0\4" + number]
    if kind == b"\0\4" and number < b"\0\3":
        block = struct.unpack(">H", number)[0] + 1
        return [b"\0\3" + struct.pack(">H", block) + b"q" * (512 if block < 3 else 100)]
    return []


def tftp(sock):
    dice = random.Random(random_seed + " tftp")
    while True:
        packet, address = sock.recvfrom(70000)
        for answer in tftp_answers(dice, packet):
            try:
                sock.sendto(answer, address)
            except OSError:
                pass


ALPN = {443: ["h2", "http/1.1"], 444: ["h2", "http/1.1"]}
PORTS = {
    80: http, 21: ftp, 143: imap, 110: pop3, 25: smtp, 554: rtsp, 1883: mqtt, 2628: dictionary,
    23: telnet, 70: gopher, 1080: socks, 3128: proxy, 9: silent, 13: garbage,
    22: garbage, 81: tame_http, 389: garbage, 445: garbage, 1935: garbage,
}
TLS_PORTS = {
    443: https, 444: tame_https, 8443: http, 990: ftps, 993: imap, 995: pop3, 465: smtp, 71: gopher,
    3129: proxy,
}


def handle(connection, name, serve_peer, tls):
    dice = random.Random(random_seed + " " + name)
    try:
        peer = Peer(connection, dice)
        if tls and peer.chance(0.03):
            return garbage(peer)
        if tls:
            peer.sock = tls.wrap_socket(connection, server_side=True)
        serve_peer(peer)
    except (Gone, OSError, ValueError, IndexError, AttributeError, struct.error):
        pass
    finally:
        try:
            peer.sock.close()
        except OSError:
            pass


def accept_all(listening, port, serve_peer, tls):
    n = 0
    while True:
        connection, _ = listening.accept()
        n += 1
        arguments = (connection, "%d %d" % (port, n), serve_peer, tls)
        threading.Thread(target=handle, args=arguments, daemon=True).start()


def serve(port, serve_peer, tls=None):
    listening = socket.create_server(("127.0.0.1", port), backlog=128)
    arguments = (listening, port, serve_peer, tls)
    threading.Thread(target=accept_all, args=arguments, daemon=True).start()


def own_network():
    """Leaves the machine's network; who is not root becomes root of a namespace of users first."""
    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000 | (0x10000000 if user else 0)):
        sys.exit("servers.py: no network namespace: " + os.strerror(ctypes.get_errno()))
    if user:
        for name, text in ("setgroups", "deny"), ("uid_map", "0 %d 1" % user), \
                ("gid_map", "0 %d 1" % group):
            with open("/proc/self/" + name, "w") as file:
                file.write(text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        up = 0x1 | 0x8 | 0x40  # IFF_UP, IFF_LOOPBACK, IFF_RUNNING
        fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", up))  # SIOCSIFFLAGS


def serve_all():
    for port, serve_peer in PORTS.items():
        serve(port, serve_peer)
    for port, serve_peer in TLS_PORTS.items():
        serve(port, serve_peer, server_tls(ALPN.get(port)))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 69))
    threading.Thread(target=tftp, args=(udp,), daemon=True).start()


def run(seed, command):
    """In a process that was made for it."""
    global random_seed
    random_seed = str(seed)
    own_network()
    serve_all()
    with tempfile.TemporaryDirectory(prefix="chaos-http3.") as folder:
        server = http3.serve(folder, random_seed)
        code = subprocess.run(command + [random_seed]).returncode
        if server:
            server.stop()
    os._exit(code if code >= 0 else 128 - code)


def main():
    first, step, last, stop = map(int, sys.argv[1:5])
    codes = []
    for seed in range(first, last + 1, step):
        if time.time() >= stop:
            break
        pid = os.fork()
        if not pid:
            run(seed, sys.argv[5:])
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    sys.exit(max(codes, default=0))


main()
