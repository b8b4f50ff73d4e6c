"""Writes the small checkpoints of this folder without torch, laid out byte by byte as torch.save does.

Run in this folder: python3 make.py. The same values come out in four files: the zip format, the format
before PyTorch 1.6, a zip with the state dict nested in a training checkpoint, and safetensors, whose
reader shares no code with the others.
"""

import collections
import io
import json
import pickle
import struct
import sys
import types
import zipfile

torch = types.ModuleType("torch")
torch._utils = types.ModuleType("torch._utils")
sys.modules["torch"] = torch
sys.modules["torch._utils"] = torch._utils


def _rebuild_tensor_v2(*arguments):
    raise NotImplementedError


def _rebuild_parameter(*arguments):
    raise NotImplementedError


for function in (_rebuild_tensor_v2, _rebuild_parameter):
    function.__module__ = "torch._utils"
    setattr(torch._utils, function.__name__, function)

CODES = {"Float": "f", "Half": "e", "Double": "d", "Long": "q", "Int": "i", "Byte": "B", "Bool": "?"}
NAMES = {"Float": "F32", "Half": "F16", "BFloat16": "BF16", "Double": "F64", "Long": "I64", "Int": "I32",
         "Byte": "U8", "Bool": "BOOL"}
for kind in NAMES:
    setattr(torch, kind + "Storage", type(kind + "Storage", (), {"__module__": "torch"}))


class Size(tuple):
    def __reduce__(self):
        return Size, (tuple(self),)


Size.__module__ = "torch"
torch.Size = Size


class Storage:
    """Values of one type; `view` is the slice of another storage that files before 1.6 could name."""

    def __init__(self, kind, values, view=None):
        self.kind, self.values, self.view = kind, values, view

    def data(self):
        if self.kind == "BFloat16":
            return b"".join(struct.pack("<f", value)[2:] for value in self.values)
        return struct.pack("<%d%s" % (len(self.values), CODES[self.kind]), *self.values)


class Tensor:
    def __init__(self, storage, offset, shape, strides, parameter=False):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides
        self.parameter = parameter

    def __reduce__(self):
        hooks = collections.OrderedDict()
        if self.parameter:
            plain = Tensor(self.storage, self.offset, self.shape, self.strides)
            return _rebuild_parameter, (plain, True, hooks)
        return _rebuild_tensor_v2, (self.storage, self.offset, self.shape, self.strides, False, hooks)

    def values(self):
        def walk(axis, position):
            if axis == len(self.shape):
                yield self.storage.values[position]
                return
            for index in range(self.shape[axis]):
                yield from walk(axis + 1, position + index * self.strides[axis])

        return list(walk(0, self.offset))


class Pickler(pickle._Pickler):
    """Gives storages persistent ids; `legacy` ids have a sixth item."""

    def __init__(self, stream, protocol, legacy):
        super().__init__(stream, protocol)
        self.legacy, self.storages = legacy, {}

    def persistent_id(self, thing):
        if not isinstance(thing, Storage):
            return None
        root, view = (thing, None) if thing.view is None else thing.view
        if id(root) not in self.storages:
            key = str(94000000000000 + 64 * len(self.storages)) if self.legacy else str(len(self.storages))
            self.storages[id(root)] = key, root
        key = self.storages[id(root)][0]
        kind = getattr(torch, thing.kind + "Storage")
        result = ("storage", kind, key, "cpu", len(root.values))
        if not self.legacy:
            return result
        return result + (None if view is None else (key + "v", view[0], view[1]),)


def write_zip(path, thing, protocol=2):
    stream = io.BytesIO()
    pickler = Pickler(stream, protocol, legacy=False)
    pickler.dump(thing)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        def add(name, data):
            archive.writestr(zipfile.ZipInfo("tiny/" + name, (1980, 1, 1, 0, 0, 0)), data)

        add("data.pkl", stream.getvalue())
        add("byteorder", "little")
        for key, storage in pickler.storages.values():
            add("data/" + key, storage.data())
        add("version", "3\n")


def write_legacy(path, thing):
    with open(path, "wb") as stream:
        system = {"protocol_version": 1001, "little_endian": True,
                  "type_sizes": {"short": 2, "int": 4, "long": 4}}
        for head in (0x1950A86A20F9469CFC6C, 1001, system):
            pickle._Pickler(stream, 2).dump(head)
        pickler = Pickler(stream, 2, legacy=True)
        pickler.dump(thing)
        found = sorted(pickler.storages.values(), key=lambda pair: pair[0])
        pickle._Pickler(stream, 2).dump([key for key, _ in found])
        for _, storage in found:
            stream.write(struct.pack("<q", len(storage.values)) + storage.data())


def write_safetensors(path, tensors):
    header, body = {}, b""
    for name, tensor in tensors.items():
        data = Storage(tensor.storage.kind, tensor.values()).data()
        header[name] = {"dtype": NAMES[tensor.storage.kind], "shape": list(tensor.shape),
                        "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text + body)


def main():
    matrix = Storage("Float", [0.5 * index - 2 for index in range(12)])
    vector = Storage("Half", [1.0, -0.25, 65504.0, 6e-8, 0.0])
    wide = Storage("Double", [1 / 3, -1e300])
    brain = Storage("BFloat16", [1.0, -2.5, 3.0])
    state = collections.OrderedDict()
    state["bert.weight"] = Tensor(matrix, 0, Size((3, 4)), (4, 1))
    state["bert.weight.tied"] = Tensor(matrix, 0, Size((3, 4)), (4, 1), parameter=True)
    state["transposed"] = Tensor(matrix, 0, Size((4, 3)), (1, 4))
    state["column"] = Tensor(matrix, 2, Size((3, 1)), (4, 1))
    state["row"] = Tensor(matrix, 8, Size((4,)), (1,))
    state["half"] = Tensor(vector, 0, Size((5,)), (1,))
    state["double"] = Tensor(wide, 0, Size((2, 1)), (1, 1))
    state["brain"] = Tensor(brain, 0, Size((3,)), (1,), parameter=True)
    state["step"] = Tensor(Storage("Long", [-(2**40)]), 0, Size(()), ())
    state["ids"] = Tensor(Storage("Int", [7, -7]), 0, Size((1, 2)), (2, 1))
    state["bytes"] = Tensor(Storage("Byte", [0, 255, 3]), 0, Size((3,)), (1,))
    state["mask"] = Tensor(Storage("Bool", [True, False]), 0, Size((2,)), (1,))
    state["empty"] = Tensor(Storage("Float", []), 0, Size((0, 4)), (4, 1))
    write_safetensors("tiny.safetensors", state)

    plain = collections.OrderedDict(state)
    plain._metadata = collections.OrderedDict([("", {"version": 1}), ("bert", {"version": 1})])
    write_zip("tiny_zip.bin", plain)
    nested = {"epoch": 3, "best": 0.25, "long": 2**70, "note": "fünf", "raw": b"\x00\xff", "none": None,
              "lists": [1, (2, 3), [-4, 100000, -(2**33)]], "rng_state": state["bytes"], "state_dict": plain}
    write_zip("tiny_nested.bin", nested, protocol=4)

    view = Storage("Float", matrix.values[8:], view=(matrix, (8, 4)))
    plain["row"] = Tensor(view, 0, Size((4,)), (1,))
    write_legacy("tiny_legacy.bin", plain)


main()
