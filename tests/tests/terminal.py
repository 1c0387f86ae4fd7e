"""A terminal with a program in it: what the program draws, and how it leaves the terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

# A control sequence (ECMA-48), or one character.
SEQUENCE = re.compile(r"\x1b\[([<-?]?)([0-9;]*)([@-~])|(.)", re.DOTALL)


class Terminal:
    """`width` columns, `height` rows; the program begins at once."""

    def __init__(self, argv, width=100, height=24):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.raw = b""
        self.pending = ""
        self.at = (0, 0)
        self.resize(width, height)
        self.program = subprocess.Popen(
            argv, stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True
        )

    def resize(self, width, height):
        """What is on it is drawn anew by the program, which is told."""
        self.width, self.height = width, height
        self.cells = [[" "] * width for _ in range(height)]
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        if hasattr(self, "program"):
            self.program.send_signal(signal.SIGWINCH)

    def press(self, keys):
        os.write(self.master, keys.encode())

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    def wait(self, condition, seconds=15):
        """Reads until the screen is so; what is there if it never is."""
        deadline = time.monotonic() + seconds
        while not condition(self.lines()):
            if not self.read(deadline):
                raise TimeoutError("\n".join(self.lines()))
        return "\n".join(self.lines())

    def shows(self, *texts):
        """Waits for all of these texts."""
        return self.wait(lambda lines: all(any(text in line for line in lines) for text in texts))

    def order(self, first, second):
        """Waits until one line is above another; both by how they begin."""

        def is_so(lines):
            place = lambda start: next((i for i, line in enumerate(lines) if line.startswith(start)), None)
            above, below = place(first), place(second)
            return above is not None and below is not None and above < below

        return self.wait(is_so)

    def end(self):
        """Reads to the program's end: its exit status, and what it has left otherwise than it was."""
        deadline = time.monotonic() + 15
        while self.program.poll() is None:
            self.read(min(deadline, time.monotonic() + 0.05))
            if time.monotonic() > deadline:
                raise TimeoutError("it goes on")
        while self.read(time.monotonic() + 0.05):
            pass
        left = []
        if termios.tcgetattr(self.slave) != self.before:
            left.append("modes")
        # Alternate screen (xterm's 1049) and hidden cursor (DECTCEM).
        for name, on, off in [("screen", b"\x1b[?1049h", b"\x1b[?1049l"), ("cursor", b"\x1b[?25l", b"\x1b[?25h")]:
            if self.raw.rfind(off) < self.raw.rfind(on):
                left.append(name)
        return [self.program.returncode, left]

    def read(self, deadline):
        ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return False
        data = os.read(self.master, 1 << 16)
        self.raw += data
        self.pending += data.decode(errors="surrogateescape")
        self.obey()
        return True

    def obey(self):
        while self.pending:
            # A sequence, or a character of UTF-8, may still be on its way.
            if re.fullmatch(r"\x1b(\[[<-?]?[0-9;]*)?", self.pending) or "\udc80" <= self.pending <= "\udcff":
                return
            found = SEQUENCE.match(self.pending)
            self.pending = self.pending[found.end() :]
            private, numbers, final, char = found.groups()
            row, column = self.at
            if char is None:
                numbers = [int(number or 0) for number in numbers.split(";")] if numbers else []
                if final == "H" and not private:
                    row, column = (numbers + [1, 1])[:2]
                    self.at = (row - 1, column - 1)
                elif final == "J" and numbers == [2]:
                    self.cells = [[" "] * self.width for _ in range(self.height)]
            elif char == "\r":
                self.at = (row, 0)
            elif char == "\n":
                self.at = (row + 1, column)
            else:
                if row < self.height and column < self.width:
                    self.cells[row][column] = char
                self.at = (row, column + 1)
