"""io_uring, by its system calls: no library stands between an attack and the kernel."""

import mmap

SETUP, ENTER = 425, 426
SQPOLL, GETEVENTS, WAKEUP = 2, 1, 2
OFFSETS = {"sq": 0, "sqes": 0x10000000}
OP_SENDMSG, OP_CONNECT, OP_SEND = 9, 16, 26


class Ring:
    """A ring with one place, which is used over and over."""

    def __init__(self, flags=0):
        # struct io_uring_params: the offsets of the two rings begin at 40 and 80.
        params = ctypes.create_string_buffer(struct.pack("8x I 108x", flags), 120)
        self.fd = check(libc.syscall(SETUP, 1, params))
        self.polled = flags & SQPOLL
        self.sq = struct.unpack_from("10I", params, 40)
        self.cq = struct.unpack_from("10I", params, 80)
        size = max(self.sq[6] + 4, self.cq[5] + 2 * 16)
        self.ring = mmap.mmap(self.fd, size, offset=OFFSETS["sq"])
        self.entry = mmap.mmap(self.fd, 64, offset=OFFSETS["sqes"])

    def do(self, operation, fd, address, length, offset=0):
        """Runs one operation to its end."""
        buffer = ctypes.create_string_buffer(address, len(address))
        at = ctypes.addressof(buffer)
        self.entry[:] = struct.pack("BBHiQQI36x", operation, 0, 0, fd, offset, at, length)
        self.put(self.sq[6], 0)
        self.put(self.sq[1], self.get(self.sq[1]) + 1)
        submit, flags = (0, GETEVENTS | WAKEUP) if self.polled else (1, GETEVENTS)
        check(libc.syscall(ENTER, self.fd, submit, 1, flags, None, 0))
        head = self.get(self.cq[0])
        at = self.cq[5] + (head & self.get(self.cq[2])) * 16
        result = struct.unpack_from("i", self.ring, at + 8)[0]
        self.put(self.cq[0], head + 1)
        if result < 0:
            raise OSError(-result, os.strerror(-result))

    def get(self, at):
        return struct.unpack_from("I", self.ring, at)[0]

    def put(self, at, value):
        struct.pack_into("I", self.ring, at, value)


def connect_and_send(ring):
    s = tcp()
    s.setblocking(True)
    to = sockaddr(V4)
    ring.do(OP_CONNECT, s.fileno(), to, 0, offset=len(to))
    ring.do(OP_SEND, s.fileno(), TOKEN, len(TOKEN))
    s.settimeout(PATIENCE)
    return heard(s)


@attack
def uring_connect():
    return connect_and_send(Ring())


@attack
def uring_polled():
    """A thread of the kernel makes the call."""
    return connect_and_send(Ring(SQPOLL))


@attack
def uring_sendmsg():
    s = udp()
    to, data = ctypes.create_string_buffer(sockaddr(V4)), ctypes.create_string_buffer(TOKEN)
    vector = ctypes.create_string_buffer(struct.pack("QQ", ctypes.addressof(data), len(TOKEN)))
    message = struct.pack("QI4xQQ24x", ctypes.addressof(to), 16, ctypes.addressof(vector), 1)
    Ring().do(OP_SENDMSG, s.fileno(), message, 1)
    return heard(s)
