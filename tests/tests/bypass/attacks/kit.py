"""What all attacks are made of. Each is a function that tries to get TOKEN to the sink, and returns what
the client saw of it. An exception is what the client saw, too.

The program says `ready`, waits for a line, and only then attacks; an attack that must do something
before the gateway is there does it before it calls attached().
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

TOKEN = os.environ["TOKEN"].encode()
PORT = int(os.environ["PORT"])
SINK, SINK_V6 = os.environ["SINK"], os.environ["SINK_V6"]
V4, V6 = (SINK, PORT), (SINK_V6, PORT)
MAPPED = ("::ffff:" + SINK, PORT)
RESOLVER = (os.environ["RESOLVER"], 53)
WAYPOINT = (os.environ["WAYPOINT"], 7000)  # where datagrams may go
POD_V4, POD_V6 = os.environ["POD_V4"], os.environ["POD_V6"]
NEXT_HOP = POD_V4.rsplit(".", 1)[0] + ".1"
POD_CGROUP = os.environ["POD_CGROUP"]
MEETING = os.environ["MEETING"]  # the path of a Unix socket that an attack and its helper share

PATIENCE = 2  # seconds: an answer of the sink takes milliseconds
HANGS = 20  # seconds, after which the attack is ended
FEWEST_A_SECOND = 50  # attempts, of an attack that makes many
IPPROTO_MPTCP, IPPROTO_UDPLITE, IPPROTO_SCTP = 262, 136, 132
IP_OPTIONS, IP_RETOPTS = 4, 7
ETH_P_IP, ETH_P_ALL, ETH_P_ARP = 0x0800, 0x0003, 0x0806
libc = ctypes.CDLL(None, use_errno=True)

ATTACKS = {}
EARLY = set()


def attack(function):
    """Makes a function an attack that begins when the gateway is there."""
    ATTACKS[function.__name__] = function
    return function


def early(function):
    """Makes a function an attack that begins before, and calls attached() itself."""
    EARLY.add(function.__name__)
    return attack(function)


def attached():
    print("ready", flush=True)
    sys.stdin.readline()
    signal.alarm(HANGS + int(os.environ["ATTEMPTS"]) // FEWEST_A_SECOND)


def check(result):
    """The result of a call of the C library, or its error as an exception."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def tcp(family=socket.AF_INET, protocol=0):
    s = socket.socket(family, socket.SOCK_STREAM, protocol)
    s.settimeout(PATIENCE)
    return s


def udp(family=socket.AF_INET, protocol=0):
    s = socket.socket(family, socket.SOCK_DGRAM, protocol)
    s.settimeout(PATIENCE)
    return s


def heard(s):
    """What a client that waits for the sink's answer sees."""
    answer = s.recv(len(TOKEN))
    return "answered" if answer == TOKEN else "closed" if not answer else "another answer"


def tell(s, to=None):
    """Connects, if it must, and sends the token over a stream."""
    if to:
        s.connect(to)
    s.sendall(TOKEN)
    return heard(s)


def ask(s, to):
    """Sends the token as a datagram."""
    s.sendto(TOKEN, to)
    return heard(s)


def sockaddr(to, family=socket.AF_INET):
    """A sockaddr_in as the C library takes it, with any family in it."""
    return struct.pack("=H2s4s8x", family, struct.pack("!H", to[1]), socket.inet_aton(to[0]))


def disconnect(s):
    """connect(AF_UNSPEC): the socket is as if it had never been connected."""
    check(libc.connect(s.fileno(), bytes(16), 16))


def settings(**values):
    """Settings of the pod's own network namespace, where `__` is a slash."""
    for name, value in values.items():
        with open("/proc/sys/net/" + name.replace("__", "/"), "w") as file:
            file.write(value)


def local_listener(family=socket.AF_INET, address="127.0.0.1"):
    """A listener that an attack may connect to: nobody minds what stays on loopback."""
    s = tcp(family)
    s.bind((address, 0))
    s.listen()
    return s


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(payload, protocol=socket.IPPROTO_UDP, source=POD_V4, to=SINK):
    """A whole IPv4 packet."""
    length = 20 + len(payload)
    def header(total):
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 1, 0, 64, protocol, total,
                           socket.inet_aton(source), socket.inet_aton(to))
    return header(checksum(header(0))) + payload


def udp_header(payload=TOKEN, source=1024):
    """A UDP datagram without a checksum, as IPv4 allows."""
    return struct.pack("!HHHH", source, PORT, 8 + len(payload), 0) + payload


def echo_request(kind=8):
    """An ICMP echo request that carries the token."""
    def message(total):
        return struct.pack("!BBHHH", kind, 0, total, 1, 1) + TOKEN
    return message(checksum(message(0)))


def hardware_address(own, other):
    """Who has an address on eth0, by a question of the attack's own (RFC 826)."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ARP))
    s.bind(("eth0", ETH_P_ARP))
    question = struct.pack("!HHBBH6s4s6x4s", 1, ETH_P_IP, 6, 4, 1, s.getsockname()[4],
                           socket.inet_aton(own), socket.inet_aton(other))
    s.settimeout(PATIENCE)
    s.sendto(question, ("eth0", ETH_P_ARP, 0, 0, b"\xff" * 6))
    while True:
        answer = s.recv(64)
        if answer[6:8] == b"\0\2" and answer[14:18] == socket.inet_aton(other):
            return answer[8:14]


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


def saw(function, *arguments):
    """What a client sees: what the function says, or the error that ends it."""
    try:
        return function(*arguments)
    except (ConnectionResetError, BrokenPipeError):
        return "reset"  # which of the two depends on who is faster
    except TimeoutError as error:
        return errno.errorcode.get(error.errno, "no answer")
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


def main(name):
    if name not in EARLY:
        attached()
    print("saw " + saw(ATTACKS[name]), flush=True)
