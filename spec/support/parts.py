# What others than curlsock read in a body of parts: a web server and a mail server, each with
# Python's own parser. Prints the two ports.
#
#   POST /          a line for each part: "PATH|name|filename|type|headers x-*|content"
#   GET /mail       the same of the last mail, after a line "from|to,to"
import base64, email, email.policy, http.server, sys, threading
from aiosmtpd.controller import Controller


def lines(message, path=""):
    if message.is_multipart():
        return [line for i, part in enumerate(message.get_payload(), 1)
                for line in lines(part, f"{path}.{i}" if path else str(i))]
    extra = ",".join(f"{k.lower()}={v}" for k, v in message.items() if k.lower().startswith("x-"))
    name = message.get_param("name", "", "content-disposition")
    content = (message.get_payload(decode=True) or b"").decode("latin-1")
    if len(content) > 1000:
        content = f"{len(content)} bytes, {content[:4]}...{content[-4:]}"
    return ["|".join([path, name, message.get_filename("") or "", message.get_content_type(), extra,
                      content.replace("\r\n", "<CRLF>").replace("\n", "<LF>")])]


class Mail:
    last = "nothing"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content)
        Mail.last = "\n".join([f"{envelope.mail_from}|{','.join(envelope.rcpt_tos)}"]
                              + lines(message) + [str(message["subject"])])
        return "250 OK"


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def body(self):
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def answer(self, text, status=200, **headers):
        data = text.encode("latin-1")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer(Mail.last if self.path == "/mail" else "GET")

    def do_POST(self):
        body = self.body()
        if self.path == "/moved":
            return self.answer("", 307, Location="/")
        kind = self.headers["content-type"]
        head = f"Content-Type: {kind}\r\n\r\n".encode("latin-1")
        if kind.startswith("application/x-www-form-urlencoded"):
            return self.answer(body.decode("latin-1"))
        length = self.headers.get("content-length") and "known" or "chunked"
        self.answer("\n".join([length] + lines(email.message_from_bytes(head + body))))


mail = Controller(Mail(), hostname="127.0.0.1", port=int(sys.argv[2]))
mail.start()
web = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Web)
web.serve_forever()
