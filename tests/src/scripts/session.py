"""Does what it is told, one line at a time, and answers each with one line; both are JSON.

A request is the text of a program. An expression is answered with its value: text and bytes as text,
and an exception, whether asked for or not, with its name. So a test sees both ends of a connection as
the programs there do, and no step of it depends on time.
"""

import ctypes
import hashlib
import json
import os
import signal
import socket
import ssl
import struct
import sys
import threading
import time
import traceback

LIMIT = 20  # seconds for one request: it hangs no longer than this
NO_LINGER = struct.pack("ii", 1, 0)  # close() then sends a reset


def connect(address, port, **options):
    """A connected socket; a name is looked up as any client would."""
    return socket.create_connection((address, port), timeout=LIMIT, **options)


def listen(address, port):
    """A listening socket."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)


def accept(listener):
    """The next connection to a listener."""
    connection, _ = listener.accept()
    connection.settimeout(LIMIT)
    return connection


def everything(connection):
    """All bytes up to the other side's end of stream."""
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def exactly(connection, count):
    """As many bytes, or fewer if the stream ends before."""
    return connection.recv(count, socket.MSG_WAITALL)


def finish(connection):
    """Ends the own side and reads the other."""
    connection.shutdown(socket.SHUT_WR)
    return everything(connection)


def reset(connection):
    """Ends a connection with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    connection.close()


def say(address, port, message):
    """Sends one message on a new connection and gives the answer."""
    with connect(address, port) as connection:
        connection.sendall(message)
        return everything(connection)


def echo(message, address="198.51.100.20"):
    """What the plain server greets with, and the message after its way there and back."""
    with connect(address, 5432) as connection:
        connection.sendall(b"echo\n" + message)
        return finish(connection)


def alert(answer):
    """The number in a fatal TLS alert (RFC 8446 section 6); anything else as it is."""
    is_alert = len(answer) == 7 and answer[:6] == b"\x15\x03\x03\x00\x02\x02"
    return f"alert {answer[6]}" if is_alert else answer


def request(host, path="/"):
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def context(*alpn):
    made = ssl.create_default_context()
    if alpn:
        made.set_alpn_protocols(alpn)
    return made


def hello(name, *alpn):
    """OpenSSL's ClientHello for a name; None sends none."""
    made = context(*alpn)
    made.check_hostname = name is not None
    sent = ssl.MemoryBIO()
    try:
        made.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        return sent.read()


def in_records(hello, size):
    """The same handshake message, in TLS records of a few bytes each."""
    message = hello[5:]
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(hello[:3] + struct.pack("!H", len(part)) + part for part in parts)


def get(name, address, port=443):
    """What the server says of itself, over TLS."""
    with context().wrap_socket(connect(address, port), server_hostname=name) as tls:
        tls.sendall(f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
        return everything(tls).split(b"\r\n\r\n")[-1].strip()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def answer(program, names):
    try:
        code = compile(program, "<request>", "eval")
    except SyntaxError:
        exec(compile(program, "<request>", "exec"), names)
        return None
    value = eval(code, names)
    return value.decode("latin-1") if isinstance(value, bytes) else value


def serve():
    names = dict(globals())  # what a request defines replaces nothing that is needed here
    for line in sys.stdin:
        signal.alarm(LIMIT)
        try:
            said = {"value": answer(json.loads(line), names)}
        except Exception as error:
            said = {"error": type(error).__name__, "trace": traceback.format_exc()}
        signal.alarm(0)
        print(json.dumps(said, default=repr), flush=True)


def too_long(signum, frame):
    raise TimeoutError(f"nothing came of it in {LIMIT} s")


signal.signal(signal.SIGALRM, too_long)
serve()
