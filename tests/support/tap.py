"""A tap on a process's line to RabbitMQ: single messages are held at a moment that a test names.

Everything passes through unchanged and in order, until a message is asked for: a call or an event
is held before the process gets it, or what the process says once it has committed (its answer, its
acknowledgement) before the broker gets that. Whoever is killed then dies exactly there.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pika.frame
import pika.spec

BEFORE = "before"
"""The process has not seen the message."""
AFTER = "after"
"""The process has committed what the message asked for, and nobody has been told."""
MOMENTS = (BEFORE, AFTER)
_READ_BYTES = 65_536


@dataclass
class Held:
    """A message to be held, once; ``reached`` is set when it is."""

    routing_key: str
    moment: str
    containing: bytes
    """What the message's body holds: the id of a request, or of an order."""
    reached: threading.Event = field(default_factory=threading.Event)
    is_let_go: bool = False
    _line: _Line | None = None

    def is_meant(self, message: _Message) -> bool:
        """Whether this message is the one."""
        return message.routing_key == self.routing_key and self.containing in message.content

    def release(self) -> None:
        """Let it pass after all; on a line that is cut nothing passes any more."""
        self.is_let_go = True
        if self._line is not None:
            self._line.let_go(self)


@dataclass
class _Message:
    """A message that the broker delivers, or that the process publishes, as its frames."""

    routing_key: str
    delivery_tag: int = 0
    consumer: str = ""
    frames: list[bytes] = field(default_factory=list)
    content: bytes = b""
    missing: int | None = None
    correlation_id: str | None = None
    is_call: bool = False

    def add(self, raw: bytes, frame: Any) -> bool:
        """Take one more of its frames; return whether it is complete."""
        self.frames.append(raw)
        if isinstance(frame, pika.frame.Header):
            self.missing = frame.body_size
            self.correlation_id = frame.properties.correlation_id
            self.is_call = frame.properties.reply_to is not None
        elif isinstance(frame, pika.frame.Body):
            self.content += frame.fragment
        return self.missing is not None and len(self.content) >= self.missing

    @property
    def raw(self) -> bytes:
        """Return all of it as it came."""
        return b"".join(self.frames)


class Tap:
    """Listens in the broker's place for one process, however often that connects."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._wanted: list[Held] = []
        self._lines: list[_Line] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="tap", daemon=True).start()

    def hold(self, routing_key: str, moment: str, containing: str) -> Held:
        """Hold the next such message; see `Held`."""
        held = Held(routing_key, moment, containing.encode())
        with self._lock:
            self._wanted.append(held)
        return held

    def find(self, message: _Message) -> Held | None:
        """Return by what a message is to be held, which is then not looked for any more."""
        with self._lock:
            found = next((held for held in self._wanted if held.is_meant(message)), None)
            if found is not None:
                self._wanted.remove(found)
            return found

    def forget(self) -> None:
        """Look for nothing any more."""
        with self._lock:
            self._wanted.clear()

    def cut(self) -> None:
        """End every connection, as its process's death does; what is held on them is lost."""
        for line in self._lines:
            line.cut()

    def close(self) -> None:
        """Cut every line and listen no more."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                process, _ = self._listener.accept()
                try:
                    broker = socket.create_connection(("127.0.0.1", self._broker_port))
                except OSError:
                    process.close()
                    continue
                self._lines = [line for line in self._lines if not line.is_cut]
                self._lines.append(_Line(self, process, broker))


class _Line:
    """One connection: frames go both ways, each way in a thread of its own."""

    def __init__(self, tap: Tap, process: socket.socket, broker: socket.socket) -> None:
        self._tap = tap
        self._process, self._broker = process, broker
        self._lock = threading.RLock()
        self._delivering: dict[int, _Message] = {}
        self._publishing: dict[int, _Message] = {}
        self._kept: dict[int, tuple[Held, list[bytes]]] = {}
        """By a held message's `id`, what has not passed: before, for the process; else, for the
        broker."""
        self._behind: dict[str, Held] = {}
        """Streams of events of which one is held: the next ones wait behind it."""
        self._answers: dict[str, Held] = {}
        self._acks: dict[tuple[int, int], Held] = {}
        self.is_cut = False
        for name, source, take in (
            ("tap-in", broker, self._from_broker),
            ("tap-out", process, self._from_process),
        ):
            threading.Thread(target=self._pump, args=(source, take), name=name, daemon=True).start()

    def cut(self) -> None:
        """End both connections."""
        self.is_cut = True
        for end in (self._process, self._broker):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def let_go(self, held: Held) -> None:
        """Pass on what a held message kept back."""
        with self._lock:
            _, kept = self._kept.pop(id(held), (held, []))
            self._behind = {name: each for name, each in self._behind.items() if each is not held}
            end = self._process if held.moment == BEFORE else self._broker
            with contextlib.suppress(OSError):
                end.sendall(b"".join(kept))

    def _pump(self, source: socket.socket, take: Any) -> None:
        with contextlib.suppress(OSError):
            for raw, frame in _frames(source):
                with self._lock:
                    take(raw, frame)
        self.cut()

    def _from_broker(self, raw: bytes, frame: Any) -> None:
        channel = getattr(frame, "channel_number", 0)
        method = getattr(frame, "method", None)
        if isinstance(method, pika.spec.Basic.Deliver):
            self._delivering[channel] = _Message(
                method.routing_key, method.delivery_tag, method.consumer_tag
            )
        message = self._delivering.get(channel)
        if message is None:
            self._process.sendall(raw)
        elif message.add(raw, frame):
            del self._delivering[channel]
            self._deliver(channel, message)

    def _deliver(self, channel: int, message: _Message) -> None:
        held = self._tap.find(message)
        behind = self._behind.get(message.consumer)
        if behind is not None:
            self._keep(behind, message.raw)
            if held is not None and held.moment == BEFORE:
                held.reached.set()
            return
        if held is not None and held.moment == BEFORE:
            if not message.is_call:
                self._behind[message.consumer] = held
            self._keep(held, message.raw)
            return
        if held is not None:
            self._acks[channel, message.delivery_tag] = held
            if message.is_call and message.correlation_id is not None:
                self._answers[message.correlation_id] = held
        self._process.sendall(message.raw)

    def _from_process(self, raw: bytes, frame: Any) -> None:
        channel = getattr(frame, "channel_number", 0)
        method = getattr(frame, "method", None)
        if isinstance(method, pika.spec.Basic.Publish):
            self._publishing[channel] = _Message(method.routing_key)
        elif isinstance(method, pika.spec.Basic.Ack):
            self._pass_or_keep(self._acks.pop((channel, method.delivery_tag), None), raw)
            return
        message = self._publishing.get(channel)
        if message is None:
            self._broker.sendall(raw)
        elif message.add(raw, frame):
            del self._publishing[channel]
            held = self._answers.pop(message.correlation_id or "", None)
            self._pass_or_keep(held, message.raw)

    def _pass_or_keep(self, held: Held | None, raw: bytes) -> None:
        if held is None or held.is_let_go:
            self._broker.sendall(raw)
        else:
            self._keep(held, raw)

    def _keep(self, held: Held, raw: bytes) -> None:
        held._line = self
        self._kept.setdefault(id(held), (held, []))[1].append(raw)
        held.reached.set()


def _frames(source: socket.socket) -> Iterator[tuple[bytes, Any]]:
    """Yield what arrives, frame by frame, as bytes and decoded."""
    waiting = b""
    while received := source.recv(_READ_BYTES):
        waiting += received
        while True:
            size, frame = pika.frame.decode_frame(waiting)
            if frame is None:
                break
            yield waiting[:size], frame
            waiting = waiting[size:]
