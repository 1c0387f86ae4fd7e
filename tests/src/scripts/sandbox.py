"""Becomes a program, without what a systemd unit takes away from it.

Arguments: the unit, a directory that can still be written, the program and its arguments. Only the
first process of a machine is systemd; this does what systemd.exec(5) says of the unit's lines. One that
it does not know is an error, so that none is left out unseen.
"""

import ctypes
import os
import re
import socket
import stat
import struct
import subprocess
import sys

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_SLAVE = 1, 32, 4096, 16384, 1 << 19
PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 22, 24, 38, 65
EPERM, ALLOW, ERRNO = 1, 0x7FFF0000, 0x00050000

# What happens around the program's life, and what concerns nothing that a test can see.
ELSEWHERE = """
    Type ExecStart ExecReload WatchdogSec Restart RestartSec RestartPreventExitStatus TimeoutStopSec
    LimitNOFILE OOMScoreAdjust LogsDirectory LogsDirectoryMode RuntimeDirectoryMode KeyringMode
    PrivateTmp ProtectClock ProtectHostname ProtectKernelLogs ProtectKernelModules RestrictRealtime
    RestrictSUIDSGID LockPersonality SystemCallArchitectures SystemCallErrorNumber
""".split()

libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name} {arguments}")


def mount(source, target, kind, flags, data=None):
    texts = [text and text.encode() for text in (source, target, kind)]
    call("mount", *texts, ctypes.c_ulong(flags), data and data.encode())


def read(unit):
    """The lines of [Service]: each key's values, in order."""
    settings, section = {}, None
    for line in open(unit):
        line = line.strip()
        if line.startswith("["):
            section = line
        elif line and not line.startswith(("#", ";")) and section == "[Service]":
            key, value = line.split("=", 1)
            settings.setdefault(key, []).append(value)
    return settings


def defined(header, prefix):
    """Names and numbers of a C header."""
    text = open(header).read()
    return {name: int(number) for name, number in re.findall(rf"#define {prefix}(\w+)\s+(\d+)\n", text)}


def expanded(names):
    """System calls, and those of groups."""
    found = set()
    for name in names:
        if name.startswith("@"):
            listed = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True)
            lines = [line.strip() for line in listed.stdout.splitlines()[1:]]
            found |= expanded([line for line in lines if line and not line.startswith("#")])
        else:
            found.add(name)
    return found


def allowed(lines):
    calls = set()
    for line in lines:
        names = line.lstrip("~").split()
        calls = calls - expanded(names) if line.startswith("~") else calls | expanded(names)
    return calls


def seccomp(settings):
    """A filter of calls; of two of them, by an argument."""
    numbers = defined("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "__NR_")
    calls = allowed(settings["SystemCallFilter"])
    families = [getattr(socket, name) for name in settings["RestrictAddressFamilies"][0].split()]
    checked = {"socket": (16, families), "setns": (24, [CLONE_NEWNET])}
    assert settings["RestrictNamespaces"] == ["net"]
    load, equal, answer = 0x20, 0x15, 0x06
    program = []
    for name, (argument, values) in checked.items():
        of_this = [(load, 0, 0, argument)]
        of_this += [(equal, len(values) - i, 0, value) for i, value in enumerate(values)]
        of_this += [(answer, 0, 0, ERRNO | EPERM), (answer, 0, 0, ALLOW)]
        program += [(load, 0, 0, 0), (equal, 0, len(of_this), numbers[name])] + of_this
    program.append((load, 0, 0, 0))
    for name in sorted(calls & numbers.keys() - {"unshare"}):
        program += [(equal, 0, 1, numbers[name]), (answer, 0, 0, ALLOW)]
    program.append((answer, 0, 0, ERRNO | EPERM))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code)))
    call("prctl", PR_SET_SECCOMP, 2, header, 0, 0)


def files(settings, writable):
    call("unshare", CLONE_NEWNS)
    mount(None, "/", None, MS_REC | MS_SLAVE)
    assert settings["ProtectSystem"] == ["strict"]
    # The machine's own stays as it is.
    mount("none", "/run", "tmpfs", 0, "mode=755")
    made = [f"/run/{name}" for name in settings["RuntimeDirectory"]]
    for path in made:
        os.mkdir(path)
    writable = [writable, *made, *settings["ReadWritePaths"][0].split()]
    for path in [*writable, "/proc/sys"]:
        mount(path, path, None, MS_BIND | MS_REC)
    # Field 5 of each line, proc_pid_mountinfo(5); without those that another mount hides.
    mounted = [line.split()[4] for line in open("/proc/self/mountinfo")]
    for path in filter(os.path.ismount, mounted):
        kept = [*writable, "/dev", "/proc"]
        if path == "/proc/sys" or not any(f"{path}/".startswith(f"{other}/") for other in kept):
            mount(None, path, None, MS_REMOUNT | MS_BIND | MS_RDONLY)
    for path in ["/home", "/root", "/run/user"]:
        if os.path.isdir(path):
            mount("none", path, "tmpfs", MS_RDONLY, "mode=000")
    mount("none", "/dev", "tmpfs", 0, "mode=755")
    for name, minor in [("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)]:
        os.mknod(f"/dev/{name}", stat.S_IFCHR | 0o666, os.makedev(1, minor))


def main(unit, writable, *command):
    settings = read(unit)
    files(settings, writable)
    kept = settings["CapabilityBoundingSet"][0].split()
    for name, number in defined("/usr/include/linux/capability.h", "CAP_").items():
        if f"CAP_{name}" not in kept:
            call("prctl", PR_CAPBSET_DROP, number, 0, 0, 0)
    os.umask(int(settings["UMask"][0], 8))
    for name, option in [("NoNewPrivileges", PR_SET_NO_NEW_PRIVS), ("MemoryDenyWriteExecute", PR_SET_MDWE)]:
        assert settings[name] == ["yes"]
        call("prctl", option, 1, 0, 0, 0)
    done = """ProtectSystem ReadWritePaths RuntimeDirectory ProtectHome PrivateDevices ProtectKernelTunables ProtectControlGroups
              CapabilityBoundingSet UMask NoNewPrivileges MemoryDenyWriteExecute SystemCallFilter
              RestrictAddressFamilies RestrictNamespaces""".split()
    unknown = settings.keys() - {*done, *ELSEWHERE}
    assert not unknown, f"not imitated: {unknown}"
    seccomp(settings)
    os.execv(command[0], command)


main(*sys.argv[1:])
