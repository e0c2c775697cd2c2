"""A client of protocol version 1 as proto/PROTOCOL.md describes it; no other source was read.

Frames in and out over TLS, streams told apart, credit, zstd where the system has its library. Blocking, one thread.
"""
import collections
import ctypes
import ctypes.util
import os
import socket
import ssl
import struct
import time
import uuid

from proto import wire_pb2 as wire

# section 2
HEADER = struct.Struct("<IBBHII")
VERSION = 1
HELLO, REQUEST, REPLY, CHUNK, END, ERROR, CANCEL, CREDIT, PING, PONG, EVENT, GOAWAY = range(1, 13)
FLAG_ZSTD = 1
FEATURE_ZSTD = 1

# section 6: code, request, chunk, reply
OPERATIONS = {
    "login": (1, wire.LoginRequest, None, wire.LoginReply),
    "logout": (2, wire.LogoutRequest, None, wire.LogoutReply),
    "ping": (3, wire.PingRequest, None, wire.PingReply),
    "describe": (4, wire.DescribeRequest, None, wire.DescribeReply),
    "record.get": (5, wire.GetRequest, None, wire.GetReply),
    "record.list": (6, wire.ListRequest, wire.ListChunk, wire.ListReply),
    "record.count": (7, wire.CountRequest, None, wire.CountReply),
    "record.search": (8, wire.SearchRequest, wire.ListChunk, wire.ListReply),
    "record.mutate": (9, wire.MutateRequest, None, wire.MutateReply),
    "record.history": (10, wire.HistoryRequest, wire.HistoryChunk, wire.HistoryReply),
    "record.subscribe": (11, wire.SubscribeRequest, None, wire.SubscribeReply),
    "upload": (12, wire.UploadRequest, wire.UploadChunk, wire.UploadReply),
}

TIMEOUT = 60  # seconds for one answer on a machine under load

Frame = collections.namedtuple("Frame", "type flags code stream body length")  # length: as sent


class Closed(Exception):
    """The server has closed the connection in order."""


class Refused(Exception):
    """An ERROR frame; error is its message, stream and code the frame's."""

    def __init__(self, frame):
        self.error = wire.Error.FromString(frame.body)
        self.stream = frame.stream
        self.code = frame.code
        super().__init__(f"{self.error.name}: {self.error.text}")


class Zstd:
    """Section 7 by the system's libzstd, without a Python module. Raises OSError where it is not there."""

    CONTENT_SIZE_ODD = 2**64 - 2  # this and the next mean: not told, not a frame

    def __init__(self):
        self._library = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
        for name in ("ZSTD_compress", "ZSTD_decompress", "ZSTD_compressBound"):
            getattr(self._library, name).restype = ctypes.c_size_t
        self._library.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
        self._library.ZSTD_isError.argtypes = [ctypes.c_size_t]

    def compress(self, body):
        room = self._library.ZSTD_compressBound(ctypes.c_size_t(len(body)))
        out = ctypes.create_string_buffer(room)
        size = self._library.ZSTD_compress(out, ctypes.c_size_t(room), body, ctypes.c_size_t(len(body)), 3)
        assert not self._library.ZSTD_isError(size)
        return out.raw[:size]

    def decompress(self, body, most):
        size = self._library.ZSTD_getFrameContentSize(body, ctypes.c_size_t(len(body)))
        assert size < self.CONTENT_SIZE_ODD and size <= most and size <= 8 * len(body) + 65536, "a body that §7 forbids"
        out = ctypes.create_string_buffer(size)
        got = self._library.ZSTD_decompress(out, ctypes.c_size_t(size), body, ctypes.c_size_t(len(body)))
        assert got == size
        return out.raw


class Connection:
    """One TLS connection. Frames that were read for another stream than the one that is waited for are kept."""

    def __init__(self, port, ca, host="localhost", alpn="crm/1", zstd=None):
        context = ssl.create_default_context(cafile=str(ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols([alpn])
        plain = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        try:
            self.tls = context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
        self.zstd = zstd
        self.server = None           # its Hello
        self.received_zstd = 0       # frames that came compressed
        self._waiting = collections.deque()
        self._last_stream = 0
        self._input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tls.close()

    # --- frames

    def send_bytes(self, data):
        self.tls.sendall(data)

    def send(self, kind, message=None, code=0, stream=0, compress=False):
        """message: a protobuf message, bytes, or None for an empty body."""
        body = message if isinstance(message, bytes) else message.SerializeToString() if message is not None else b""
        flags = 0
        if compress:
            body, flags = self.zstd.compress(body), FLAG_ZSTD
        self.send_bytes(HEADER.pack(len(body), VERSION, kind, flags, code, stream) + body)

    def _read(self, size):
        while len(self._input) < size:
            more = self.tls.recv(65536)
            if not more:
                raise Closed() if not self._input else AssertionError("the connection ended inside a frame")
            self._input += more
        out, self._input = self._input[:size], self._input[size:]
        return out

    def receive(self):
        """The next frame off the wire, decompressed."""
        length, version, kind, flags, code, stream = HEADER.unpack(self._read(HEADER.size))
        assert version == VERSION and HELLO <= kind <= GOAWAY and flags & ~FLAG_ZSTD == 0
        most = self.server.limits.frame_bytes if self.server else 4096
        assert length <= most
        body = self._read(length)
        if flags & FLAG_ZSTD:
            assert self.server.features & FEATURE_ZSTD
            body = self.zstd.decompress(body, most)
            self.received_zstd += 1
        return Frame(kind, flags, code, stream, body, length)

    def next_frame(self, stream=None):
        """The next frame of one stream, or of any."""
        for frame in self._waiting:
            if stream is None or frame.stream == stream:
                self._waiting.remove(frame)
                return frame
        while True:
            frame = self.receive()
            if stream is None or frame.stream == stream:
                return frame
            if frame.stream == 0 and frame.type == ERROR:
                raise Refused(frame)
            self._waiting.append(frame)

    # --- connection

    def hello(self, **fields):
        features = FEATURE_ZSTD if self.zstd else 0
        hello = wire.Hello(**{"version_min": 1, "version_max": 1, "features": features, "software": "interop/1",
                              "device": uuid.uuid4().bytes, "locale": "en", **fields})
        self.send(HELLO, hello)
        frame = self.next_frame(0)
        if frame.type == ERROR:
            raise Refused(frame)
        assert frame.type == HELLO
        self.server = wire.Hello.FromString(frame.body)
        return self.server

    def login(self, login, password):
        return self.call("login", login=login, password=password)

    # --- streams

    def ask(self, operation, request=None, compress=False, **fields):
        """Open a stream and do not wait. The stream's id."""
        code, message, _, _ = OPERATIONS[operation]
        self._last_stream += 1
        self.send(REQUEST, request if request is not None else message(**fields), code, self._last_stream, compress)
        return self._last_stream

    def expect(self, stream, kind, message):
        """The next frame of a stream, which must be of this type; an ERROR is raised."""
        frame = self.next_frame(stream)
        if frame.type == ERROR:
            raise Refused(frame)
        assert frame.type == kind, f"a frame of type {frame.type} instead of {kind}"
        return message.FromString(frame.body)

    def answer(self, operation, stream):
        return self.expect(stream, REPLY, OPERATIONS[operation][3])

    def call(self, operation, request=None, compress=False, **fields):
        return self.answer(operation, self.ask(operation, request, compress, **fields))

    def collect(self, operation, stream):
        """The chunks of a long answer and its END; credit is granted as chunks are used up."""
        _, _, chunk, reply = OPERATIONS[operation]
        chunks = []
        while True:
            frame = self.next_frame(stream)
            if frame.type == ERROR:
                raise Refused(frame)
            if frame.type == END:
                return chunks, reply.FromString(frame.body)
            assert frame.type == CHUNK
            chunks.append(chunk.FromString(frame.body))
            self.grant(stream, frame.length)

    def grant(self, stream, size):
        self.send(CREDIT, wire.Credit(bytes=size), stream=stream)

    def cancel(self, stream):
        self.send(CANCEL, stream=stream)

    def records(self, operation="record.list", **fields):
        """All records of one answer, and its END."""
        chunks, end = self.collect(operation, self.ask(operation, **fields))
        return [record for chunk in chunks for record in chunk.records], end


def new_id():
    """A UUIDv7."""
    milliseconds = time.time_ns() // 1_000_000
    tail = bytearray(os.urandom(10))
    tail[0] = tail[0] & 0x0F | 0x70
    tail[2] = tail[2] & 0x3F | 0x80
    return milliseconds.to_bytes(6, "big") + bytes(tail)
