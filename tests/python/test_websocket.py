# SPDX-License-Identifier: Apache-2.0
"""Attach by WebSocket, with a client of a few lines: it speaks RFC 6455 as it should, or as a test wants it not to."""
import base64
import os
import struct

import pytest

from conftest import eventually

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode, payload=b"", final=True, masked=True, reserved=0):
    head = bytes([(0x80 if final else 0) | reserved | opcode])
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([bit | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


class WebSocket:
    def __init__(self, engine, container, query="stream=1&stdin=1&stdout=1&stderr=1", version="", early=b"", **headers):
        self.socket, self.data = engine.connect(), b""
        lines = {"Host": "x", "Connection": "keep-alive, Upgrade", "Upgrade": "WebSocket", "Sec-WebSocket-Version": "13",
                 "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": "http://x", **{
                     name.replace("_", "-"): value for name, value in headers.items()}}
        head = f"GET {version}/containers/{container}/attach/ws?{query} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
        self.socket.sendall(head.encode() + b"\r\n" + early)
        while b"\r\n\r\n" not in self.data:
            self.more()
        self.head, _, self.data = self.data.partition(b"\r\n\r\n")
        self.status = int(self.head.split()[1])

    def more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError(self.data)
        self.data += data

    def take(self, count):
        while len(self.data) < count:
            self.more()
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def send(self, *arguments, **options):
        self.socket.sendall(frame(*arguments, **options))

    def receive(self):
        first, second = self.take(2)
        assert first & 0xf0 == 0x80 and second < 128, "servers send whole frames without masks"
        length = second
        if length == 126:
            length, = struct.unpack(">H", self.take(2))
            assert length > 125
        elif length == 127:
            length, = struct.unpack(">Q", self.take(8))
            assert length > 65535
        return first & 15, self.take(length)

    def read_until(self, end, opcode=BINARY):
        text = b""
        while end not in text:
            got, payload = self.receive()
            assert got == opcode, (got, payload)
            text += payload
        return text

    def rest(self):
        """What comes until the server has closed; and its code."""
        text = b""
        while True:
            opcode, payload = self.receive()
            if opcode == CLOSE:
                self.send(CLOSE, payload)
                with pytest.raises(EOFError):
                    self.receive()
                return text, struct.unpack(">H", payload[:2])[0] if payload else None
            text += payload


@pytest.fixture
def cat(run):
    container = run("echo ready; exec cat", stdin_open=True)
    eventually(container.logs, "the container runs")
    return container


def test_handshake_and_echo(engine, cat):
    client = WebSocket(engine, cat.id, "stream=1&stdin=1&stdout=1&logs=1")
    assert client.status == 101
    head = client.head.lower()
    assert b"\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=" in head
    assert b"\r\nupgrade: websocket" in head and b"\r\nconnection: upgrade" in head and b"content-type" not in head
    client.read_until(b"ready\n")
    client.send(BINARY, b"hello\n")
    assert client.read_until(b"\n") == b"hello\n"
    client.send(TEXT, "grüße\n".encode())
    assert client.read_until(b"\n") == "grüße\n".encode()
    big = base64.b64encode(os.urandom(150000)) + b"\n"
    client.send(BINARY, big)
    assert client.read_until(b"\n") == big


def test_fragments_and_control_frames(engine, cat):
    client = WebSocket(engine, cat.id, early=frame(BINARY, b"ear", final=False) + frame(PING, b"early") + frame(0, b"ly\n"))
    assert client.receive() == (PONG, b"early")
    assert client.read_until(b"\n").endswith(b"early\n")
    for piece in (frame(TEXT, b"a", final=False), frame(0, b"", final=False), frame(PONG, b"unasked"), frame(0, b"b\n")):
        for byte in piece:  # one at a time
            client.socket.sendall(bytes([byte]))
    assert client.read_until(b"\n") == b"ab\n"
    client.send(PING, b"x" * 125)
    assert client.receive() == (PONG, b"x" * 125)


def test_closing(engine, client, cat):
    """Who leaves is answered, and the container goes on; at its end the server closes."""
    for payload, answer in ((struct.pack(">H", 1000) + b"bye", struct.pack(">H", 1000)), (b"", b""),
                            (struct.pack(">H", 4000), struct.pack(">H", 4000)), (b"x", struct.pack(">H", 1002))):
        socket = WebSocket(engine, cat.id)
        socket.send(CLOSE, payload)
        assert socket.receive() == (CLOSE, answer)
        with pytest.raises(EOFError):
            socket.receive()
    cat.reload()
    assert cat.status == "running"
    socket = WebSocket(engine, cat.id)
    socket.send(BINARY, b"last\n")
    socket.read_until(b"last\n")
    cat.kill()
    assert socket.rest() == (b"", 1000)


def test_before_the_start(engine, client, create):
    container = create("echo out; echo err >&2; exit 3")
    socket = WebSocket(engine, container.id, "stream=1&stdout=1&stderr=1")
    container.start()
    text, code = socket.rest()
    assert sorted(text.split(b"\n")) == [b"", b"err", b"out"] and code == 1000
    logs = WebSocket(engine, container.id, "logs=1&stdout=1")
    assert logs.rest() == (b"out\n", 1000)


def test_terminal(engine, run):
    container = run("read x; echo got $x; exec cat", stdin_open=True, tty=True)
    socket = WebSocket(engine, container.id)
    socket.send(TEXT, b"it\r")
    assert b"got it\r\n" in socket.read_until(b"got it\r\n")
    socket.send(BINARY, b"\x10\x11")  # ctrl-p ctrl-q
    _, code = socket.rest()
    assert code == 1000
    container.reload()
    assert container.status == "running"


def test_text_of_old_versions(engine, create):
    """Before 1.28 output comes in text frames, which are UTF-8 whatever the program writes."""
    container = create("printf 'gr\\303'; sleep 0.3; printf '\\274\\303\\237e \\377\\n'")
    socket = WebSocket(engine, container.id, "stream=1&stdout=1", version="/v1.27")
    container.start()
    assert socket.read_until(b"\n", TEXT).decode() == "grüße \ufffd\n"
    assert socket.rest() == (b"", 1000)


@pytest.mark.parametrize("wrong, code", [
    (frame(BINARY, b"hello", masked=False), 1002), (frame(BINARY, b"x", reserved=0x40), 1002), (frame(3, b"x"), 1002),
    (frame(0, b"x"), 1002), (frame(PING, b"x" * 126), 1002), (frame(PING, b"x", final=False), 1002),
    (frame(TEXT, b"x", final=False) + frame(TEXT, b"y"), 1002),
    (b"\x82\xff" + struct.pack(">Q", 1 << 40) + bytes(4), 1009),
])
def test_what_is_no_websocket_is_closed(engine, cat, wrong, code):
    socket = WebSocket(engine, cat.id)
    socket.socket.sendall(wrong)
    opcode, payload = socket.receive()
    while opcode == BINARY:
        opcode, payload = socket.receive()
    assert (opcode, payload) == (CLOSE, struct.pack(">H", code))
    with pytest.raises(EOFError):
        socket.receive()


@pytest.mark.parametrize("headers", [
    {"Sec_WebSocket_Key": None}, {"Sec_WebSocket_Key": "short"}, {"Sec_WebSocket_Version": "8"},
    {"Sec_WebSocket_Version": None}, {"Upgrade": "tcp"}, {"Upgrade": None}, {"query": "stream=1&detachKeys=ctrl-."},
])
def test_bad_handshakes(engine, cat, headers):
    client = WebSocket(engine, cat.id, **headers)
    assert client.status == 400
    assert "Sec_WebSocket_Version" not in headers or b"\r\nSec-WebSocket-Version: 13" in client.head


def test_nobody(engine):
    assert WebSocket(engine, "nobody").status == 404


def test_who_does_not_read_stops_nobody(engine, run):
    """A client that stands still for a while stops neither the container nor another client; one that vanishes leaves nothing."""
    container = run("read x; yes | head -c 600000; echo; echo done; sleep 100", stdin_open=True)
    sleeper, reader = WebSocket(engine, container.id), WebSocket(engine, container.id)
    reader.send(BINARY, b"go\n")
    reader.read_until(b"done\n")
    sleeper.socket.close()
    before = len(os.listdir(f"/proc/{engine.process.pid}/fd"))
    for _ in range(20):
        WebSocket(engine, container.id).socket.close()
    reader.send(CLOSE)
    eventually(lambda: len(os.listdir(f"/proc/{engine.process.pid}/fd")) < before, "descriptors are given back")
