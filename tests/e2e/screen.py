"""A small terminal: what a person sees of a program's output, and a program that runs on one."""

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

SEQUENCE = re.compile(r"\x1b\[(\d*)([AJK])")
NOT_PRINTED = "\x07\x08"


class Row:
    def __init__(self, characters=(), goes_on=False):
        self.characters = list(characters)
        self.goes_on = goes_on  # the next row is of the same line

    def clear_from(self, column):
        del self.characters[column:]
        self.goes_on = False


class Screen:
    """Rows, a cursor, and the few sequences that `pals` uses; any other is an AssertionError. A window that
    changes its width wraps the lines anew, or with `reflow=False` cuts them, as old terminals do."""

    def __init__(self, rows, columns, reflow=True):
        self.rows, self.columns, self.reflow = rows, columns, reflow
        self.buffer, self.top, self.y, self.x = [Row()], 0, 0, 0
        self.unread, self.draws = "", 0  # `pals` ends what it draws by clearing what is below

    def feed(self, text):
        text, self.unread, at = self.unread + text, "", 0
        while at < len(text):
            if text[at] != "\x1b":
                self._put(text[at])
                at += 1
                continue
            match = SEQUENCE.match(text, at)
            if match:
                self._do(match[2], match[1])
                at = match.end()
                continue
            assert re.fullmatch(r"\x1b(\[\d*)?", text[at:]), f"an unknown sequence: {text[at:at + 8]!r}"
            self.unread = text[at:]
            break

    def resize(self, rows, columns):
        self.rows = rows
        if columns != self.columns:
            self.columns = columns
            self._wrap_anew() if self.reflow else self._cut()
        self.top = max(0, len(self.buffer) - rows)

    def lines(self):
        """All lines, those that have left the window too, without blanks at their ends; rows where they are cut."""
        lines, text = [], ""
        for row in self.buffer:
            text += "".join(row.characters)
            if not (row.goes_on and self.reflow):
                lines.append(text.rstrip())
                text = ""
        return lines

    def _put(self, character):
        if character == "\r":
            self.x = 0
        elif character == "\n":
            self._down()
        elif character not in NOT_PRINTED:
            if self.x == self.columns:
                self.buffer[self.y].goes_on = True
                self._down()
                self.x = 0
            characters = self.buffer[self.y].characters
            characters.extend(" " * (self.x + 1 - len(characters)))
            characters[self.x] = character
            self.x += 1

    def _down(self):
        self.y += 1
        if self.y == len(self.buffer):
            self.buffer.append(Row())
        self.top = max(self.top, self.y - self.rows + 1)

    def _do(self, letter, number):
        if letter == "A":
            self.y = max(self.top, self.y - int(number or 1))
            return
        assert number in ("", "0"), number
        self.buffer[self.y].clear_from(self.x)
        if letter == "J":
            del self.buffer[self.y + 1:]
            self.draws += 1

    def _cut(self):
        for row in self.buffer:
            del row.characters[self.columns:]
        self.x = min(self.x, self.columns)

    def _wrap_anew(self):
        old, self.buffer = self.buffer, []
        text, cursor = [], None
        place = self.y, self.x
        for number, row in enumerate(old):
            if number == place[0]:
                cursor = len(text) + place[1]
            text += row.characters
            if row.goes_on:
                continue
            first = len(self.buffer)
            pieces = [text[at:at + self.columns] for at in range(0, len(text), self.columns)] or [[]]
            self.buffer += [Row(piece, True) for piece in pieces]
            self.buffer[-1].goes_on = False
            if cursor is not None:
                down = min(cursor // self.columns, len(pieces) - 1)
                self.y, self.x = first + down, cursor - down * self.columns
            text, cursor = [], None


class Terminal:
    """A program on a terminal of that size, which it controls."""

    def __init__(self, command, environment, rows, columns, reflow=True):
        self.screen, self.status = Screen(rows, columns, reflow), None
        self.process, self.master = pty.fork()
        if self.process == 0:
            self._set_size(0, rows, columns)
            os.execve(command[0], command, environment)
        self.modes = termios.tcgetattr(self.master)

    @staticmethod
    def _set_size(descriptor, rows, columns):
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows, columns):
        """As terminals do: the window first, then the program hears of it."""
        self.screen.resize(rows, columns)
        self._set_size(self.master, rows, columns)

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self, seconds=1.0):
        """What the program wrote meanwhile, put on the screen; False at its end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the program and all that had the terminal have ended
            data = b""
        self.screen.feed(data.decode())
        return bool(data)

    def wait_for(self, seen, seconds=60):
        """Until `seen(lines)` is true, which it returns; None if the program ends before that."""
        deadline = time.monotonic() + seconds
        while self.read():
            found = seen(self.screen.lines())
            if found:
                return found
            assert time.monotonic() < deadline, "\n".join(self.screen.lines())
        return None

    def finish(self):
        """Its exit code, when it has ended."""
        self.wait_for(lambda lines: False)
        status = os.waitpid(self.process, 0)[1]
        os.close(self.master)
        return os.waitstatus_to_exitcode(status)
