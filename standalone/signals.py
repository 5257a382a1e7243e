"""SIGINT, SIGTERM and SIGHUP as something a green thread can wait for."""

from __future__ import annotations

import signal
import socket
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """Catches the signals that ask the process to stop.

    A handler may interrupt anything, so it does nothing; the interpreter also writes the signal's
    number to a socket, which wakes the hub at once, and whoever waits there goes on.
    """

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._write.setblocking(False)
        signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        for number in STOPPING:
            # nohup's wish is respected. Scripts start background jobs with SIGINT ignored, too, but
            # whoever then sends one means it.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _note)

    def wait(self) -> signal.Signals:
        """Return the next signal that came."""
        while True:
            for number in self._read.recv(16):
                if number in STOPPING:
                    return signal.Signals(number)


def _note(_number: int, _frame: FrameType | None) -> None:
    """Be a handler, so that the signal does not end the process."""
