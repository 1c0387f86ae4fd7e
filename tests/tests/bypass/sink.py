"""What stands on the internet for attacks to reach. Usage: sink.py FIRST LAST [PORT...] -- ADDRESS...

On every port it answers TCP, MPTCP, fast open and UDP with what it gets.
"""

import contextlib
import selectors
import socket
import sys

IPPROTO_MPTCP = 262
FAST_OPEN_QUEUE = 16
WITHOUT_COOKIE = "0x603"  # both ends may put data into a SYN, whether or not they have met before


def main(first, last, *rest):
    split = rest.index("--")
    ports = [*range(int(first), int(last) + 1), *map(int, rest[:split])]
    with open("/proc/sys/net/ipv4/tcp_fastopen", "w") as file:
        file.write(str(int(WITHOUT_COOKIE, 16)))
    selector = selectors.DefaultSelector()
    for address in rest[split + 1 :]:
        for port in dict.fromkeys(ports):
            selector.register(stream(address, port), selectors.EVENT_READ, accept)
            selector.register(datagram(address, port), selectors.EVENT_READ, answer)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            # Who goes away, or cannot be answered, is no concern of the others.
            with contextlib.suppress(OSError):
                key.data(selector, key.fileobj)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def stream(address, port):
    s = socket.socket(family(address), socket.SOCK_STREAM, IPPROTO_MPTCP)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, FAST_OPEN_QUEUE)
    s.listen()
    s.setblocking(False)
    return s


def datagram(address, port):
    s = socket.socket(family(address), socket.SOCK_DGRAM)
    s.bind((address, port))
    s.setblocking(False)
    return s


def accept(selector, listener):
    connection, _ = listener.accept()
    connection.setblocking(False)
    selector.register(connection, selectors.EVENT_READ, echo)


def echo(selector, connection):
    data = b""
    try:
        data = connection.recv(1 << 16)
        connection.sendall(data)
    finally:
        if not data:
            selector.unregister(connection)
            connection.close()


def answer(_, s):
    data, client = s.recvfrom(1 << 16)
    s.sendto(data, client)


main(*sys.argv[1:])
