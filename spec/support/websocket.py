# A WebSocket server that nobody here wrote: python3-websockets. It echoes; a text is a command:
#   "close CODE"  closes     "ping"  pings, and tells when the pong has come
#   "fragments"   a text of three fragments     "die"  breaks the connection
#   "count N"     N texts
# On the path /lazy it takes nothing at first. Arguments: a port, one for TLS, certificate and key.
import asyncio, socket, ssl, sys
import websockets


async def serve(ws, path=None):
    if (path or ws.request.path).endswith("/lazy"):
        ws.transport.pause_reading()
        # Or the kernel takes 10 MB for it.
        ws.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        await asyncio.sleep(0.5)
        ws.transport.resume_reading()
    async for message in ws:
        if not isinstance(message, str):
            await ws.send(message)
        elif message.startswith("close"):
            await ws.close(int(message[6:]), "as you say")
        elif message == "ping":
            await (await ws.ping(b"are you there"))
            await ws.send("pong has come")
        elif message == "fragments":
            await ws.send(["one ", "two ", "three"])
        elif message == "die":
            ws.transport.abort()
        elif message.startswith("count"):
            for i in range(int(message[6:])):
                await ws.send(f"{i} " + "x" * 1000)
        else:
            await ws.send("echo " + message)


async def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*sys.argv[3:5])
    async with websockets.serve(serve, "127.0.0.1", int(sys.argv[1]), max_size=None):
        async with websockets.serve(serve, "127.0.0.1", int(sys.argv[2]), max_size=None, ssl=tls):
            await asyncio.Future()

asyncio.run(main())
