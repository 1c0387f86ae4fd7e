"""Packets that are made by hand, and protocols that few firewalls think of."""

PING_GROUPS = "0 2147483647"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


@attack
def ping_v4():
    settings(ipv4__ping_group_range=PING_GROUPS)
    s = udp(protocol=socket.IPPROTO_ICMP)
    s.sendto(echo_request(), (SINK, 0))
    return "answered" if TOKEN in s.recv(512) else "another answer"


@attack
def ping_v6():
    settings(ipv4__ping_group_range=PING_GROUPS)
    s = udp(socket.AF_INET6, socket.IPPROTO_ICMPV6)
    s.sendto(echo_request(128), (SINK_V6, 0))
    return "answered" if TOKEN in s.recv(512) else "another answer"


def raw(protocol, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_RAW, protocol)
    s.settimeout(PATIENCE)
    return s


@attack
def icmp_tunnel():
    s = raw(socket.IPPROTO_ICMP)
    s.sendto(echo_request(), (SINK, 0))
    return "answered" if TOKEN in s.recv(512) else "another answer"


@attack
def raw_protocol():
    """A protocol for experiments (RFC 3692)."""
    raw(253).sendto(TOKEN, (SINK, 0))
    return "sent"


@attack
def raw_protocol_v6():
    raw(253, socket.AF_INET6).sendto(TOKEN, (SINK_V6, 0))
    return "sent"


@attack
def raw_connected():
    s = raw(253)
    s.connect((SINK, 0))
    s.send(TOKEN)
    return "sent"


@attack
def own_header():
    raw(socket.IPPROTO_RAW).sendto(ipv4(udp_header()), (SINK, 0))
    return "sent"


@attack
def raw_sctp():
    """As a stack of SCTP in the program's own memory would."""
    raw(IPPROTO_SCTP).sendto(struct.pack("!HHII", 1024, PORT, 0, 0) + TOKEN, (SINK, 0))
    return "sent"


@attack
def sctp():
    return tell(tcp(protocol=IPPROTO_SCTP), V4)


@attack
def frame():
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, ETH_P_ALL)
    s.bind(("eth0", 0))
    s.send(hardware_address(POD_V4, NEXT_HOP) + bytes(6) + struct.pack("!H", ETH_P_IP) + ipv4(udp_header()))
    return "sent"


@attack
def cooked_frame():
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, ETH_P_ALL)
    s.sendto(ipv4(udp_header()), ("eth0", ETH_P_IP, 0, 0, hardware_address(POD_V4, NEXT_HOP)))
    return "sent"


@attack
def guest():
    """A virtual machine's packet: no socket of the pod's kernel ever had it."""
    settings(ipv4__ip_forward="1")
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"guest", IFF_TUN | IFF_NO_PI))
    guest_address = POD_V4.rsplit(".", 1)[0] + ".200"
    run("ip", "link", "set", "guest", "up")
    run("ip", "route", "add", guest_address, "dev", "guest")
    os.write(tun, ipv4(udp_header(), source=guest_address))
    return "sent"


@attack
def tunnel():
    """A device that wraps what is allowed in packets to another: the wrapper has no socket."""
    run("ip", "link", "add", "tunnel", "type", "vxlan", "id", "1", "remote", SINK, "dstport", str(PORT))
    run("ip", "link", "set", "tunnel", "up")
    run("ip", "route", "add", WAYPOINT[0], "dev", "tunnel", "src", POD_V4)
    run("ip", "neigh", "add", WAYPOINT[0], "lladdr", "02:00:00:00:00:02", "dev", "tunnel")
    try:
        udp().sendto(TOKEN, WAYPOINT)
    finally:
        run("ip", "link", "del", "tunnel")
    return "sent"


def segment(source, to, flags, sequence, acknowledged, port):
    """A TCP segment from the blackhole to the pod, as if it had come from the internet."""
    header = struct.pack("!HHIIBBHHH", port, PORT, sequence, acknowledged, 0x50, flags, 65535, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(to) + struct.pack("!HH", 6, len(header))
    total = checksum(pseudo + header)
    return ipv4(header[:16] + struct.pack("!H", total) + header[18:], 6, source, to)


@attack
def forged_inbound():
    """Makes the kernel believe that the internet has called, so that what is sent is a reply.

    Frames on loopback need no cable. The address that calls never answers, so that nothing resets
    the connection; to the pod's kernel its acknowledgements are as good as any.
    """
    caller = os.environ["BLACKHOLE"]
    SYN, ACK = 2, 16
    listener = tcp()
    listener.bind((POD_V4, PORT))
    listener.listen()
    forger = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    watcher = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    watcher.bind(("eth0", ETH_P_ALL))
    watcher.settimeout(PATIENCE)
    def forge(*fields):
        forger.sendto(segment(caller, POD_V4, *fields, PORT), ("lo", ETH_P_IP, 0, 0, bytes(6)))
    forge(SYN, 1000, 0)
    while True:
        packet = watcher.recv(1 << 16)
        if packet[9] == 6 and packet[16:20] == socket.inet_aton(caller) and packet[33] == SYN | ACK:
            break
    forge(ACK, 1001, struct.unpack("!I", packet[24:28])[0] + 1)
    connection, _ = listener.accept()
    connection.sendall(TOKEN)
    return "sent"
