"""Writes TensorFlow V2 checkpoints without TensorFlow: an index (a LevelDB table) and its shards."""

import struct

MAGIC = 0xDB4775248B80FB57
FLOAT = 1


def _table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def masked_crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    """A protocol buffer field: an integer, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(items, interval=16):
    out, restarts, last = bytearray(), [], b""
    for position, (key, value) in enumerate(items):
        shared = 0
        if position % interval == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    restarts = restarts or [0]
    return bytes(out) + struct.pack("<%dI" % (len(restarts) + 1), *restarts, len(restarts))


def table(items, block_items=20):
    """The bytes of a table of sorted (key, value)."""
    out, index = bytearray(), []

    def add(content):
        place = varint(len(out)) + varint(len(content))
        out.extend(content + b"\0" + struct.pack("<I", masked_crc32c(content + b"\0")))
        return place

    for first in range(0, len(items), block_items):
        part = items[first:first + block_items]
        index.append((part[-1][0], add(block(part))))
    footer = add(block([]))
    footer += add(block(index, 1))
    return bytes(out) + footer.ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def variable_name(name):
    """Google's name of a tensor of transformers', and whether it is stored transposed."""
    name = "bert." + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    name = name.replace("layer.", "layer_").replace("embeddings.weight", "embeddings")
    kernel = name.endswith(".weight")
    return (name[:-len("weight")] + "kernel" if kernel else name).replace(".", "/"), kernel


def write_checkpoint(prefix, weights, shards=1):
    """Writes name -> (shape, floats) under Google's names, with an optimizer slot beside each."""
    entries, bodies = {}, [bytearray() for _ in range(shards)]

    def add(name, shape, values):
        shard = len(entries) % shards
        data = struct.pack("<%df" % len(values), *values)
        shape = b"".join(field(2, field(1, size)) for size in shape)
        entries[name.encode()] = (field(1, FLOAT) + field(2, shape) + field(3, shard) +
                                  field(4, len(bodies[shard])) + field(5, len(data)) +
                                  varint(6 << 3 | 5) + struct.pack("<I", masked_crc32c(data)))
        bodies[shard] += data

    for name, (shape, values) in weights.items():
        variable, kernel = variable_name(name)
        if kernel:
            rows, columns = shape
            values = [values[r * columns + c] for c in range(columns) for r in range(rows)]
            shape = columns, rows
        add(variable, shape, values)
        add(variable + "/adam_m", shape[:1], [0.0] * shape[0])
    add("global_step", (), [1.0])
    entries[b""] = field(1, shards) + field(3, field(1, 1))
    with open(prefix + ".index", "wb") as stream:
        stream.write(table(sorted(entries.items())))
    for number, body in enumerate(bodies):
        with open("%s.data-%05d-of-%05d" % (prefix, number, shards), "wb") as stream:
            stream.write(body)
