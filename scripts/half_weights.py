#!/usr/bin/env python3
"""usage: half_weights.py FROM.safetensors TO.safetensors

Rounds fp32 tensors of a safetensors file to bf16, to half the size: for archives that have to be small.
"""

import array
import json
import sys


def rounded(data):
    """Little-endian fp32 as bf16, to the nearest, halves to even. Weights are finite."""
    words = array.array("I", data)
    return array.array("H", [(word + 0x7FFF + (word >> 16 & 1)) >> 16 for word in words]).tobytes()


def main():
    if len(sys.argv) != 3 or sys.byteorder != "little":
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        data = stream.read()
    parts, position = [], 0
    for tensor in (tensor for name, tensor in header.items() if name != "__metadata__"):
        begin, end = tensor["data_offsets"]
        part = data[begin:end]
        if tensor["dtype"] == "F32":
            tensor["dtype"], part = "BF16", rounded(part)
        parts.append(part)
        tensor["data_offsets"] = [position, position + len(part)]
        position += len(part)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(sys.argv[2], "wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text + b"".join(parts))


if __name__ == "__main__":
    main()
