"""Reads TensorBoard's event files without TensorBoard: prints a line "tag step value" for every scalar, and fails where the
framing, a checksum or a message is not what TensorFlow's definitions say (tensorflow/core/lib/io/record_writer.h,
tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto)."""
import struct
import sys


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def fields(message: bytes):
    """Number, wire type and value of each field of a protocol buffer."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(message):
        key = varint()
        if key & 7 == 0:
            value = varint()
        else:
            size = {1: 8, 5: 4}[key & 7] if key & 7 != 2 else varint()
            assert at + size <= len(message), "a field is longer than its message"
            value, at = message[at:at + size], at + size
        yield key >> 3, key & 7, value


def records(path: str):
    data = open(path, "rb").read()
    at = 0
    while at < len(data):
        length, check = struct.unpack_from("<QI", data, at)
        assert check == crc32c(data[at:at + 8]), f"the checksum of a length at byte {at} is wrong"
        event = data[at + 12:at + 12 + length]
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == crc32c(event), f"the checksum of an event at byte {at} is wrong"
        at += 16 + length
        yield event


for number, event in enumerate(record for path in sys.argv[1:] for record in records(path)):
    step, time = 0, None
    for field, wire, value in fields(event):
        if field == 1:
            assert wire == 1
            time = struct.unpack("<d", value)[0]
        elif field == 2:
            assert wire == 0
            step = value
        elif field == 3:
            assert number == 0 and value == b"brain.Event:2", "only the first record has a version"
        elif field == 5:
            for kind, _, scalar in fields(value):
                assert kind == 1
                parts = {name: content for name, _, content in fields(scalar)}
                assert set(parts) == {1, 2}, "a value is a tag and a simple value"
                print(parts[1].decode(), step, f"{struct.unpack('<f', parts[2])[0]:.6g}")
        else:
            raise AssertionError(f"the field {field} is none of an event's")
    assert time is not None and time > 1.6e9, "an event has no time"
