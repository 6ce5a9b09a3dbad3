"""Writes what torch.save wrote before 0.4 and before 0.1.10, as its source then did, with today's objects."""

import collections
import copyreg
import inspect
import io
import pickle
import struct
import tarfile

import torch

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
MACHINE = {"little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 8}}


class Part:
    """A storage that is a part of another one, as storage[offset : offset + size] was before 0.4."""

    def __init__(self, root, offset, size):
        self.root, self.offset, self.size = root, offset, size


class Bare:
    """A storage by itself."""

    def __init__(self, storage):
        self.storage = storage


class Old:
    """A tensor in the form in which old versions pickled it: `form` is one of the methods of Reductions."""

    def __init__(self, tensor, form, requires_grad=False, storage=None):
        self.tensor, self.form, self.requires_grad, self.storage = tensor, form, requires_grad, storage


def typed(tensor):
    return torch.storage.TypedStorage(wrap_storage=tensor.untyped_storage(), dtype=tensor.dtype, _internal=True)


def tensor_class(tensor):
    return getattr(torch, torch.storage._dtype_to_storage_type_map()[tensor.dtype].replace("Storage", "Tensor"))


class Reductions:
    """What __reduce_ex__ of each age gave."""

    @staticmethod
    def rebuild_tensor(o, storage):  # 0.1.10 to 0.3
        t = o.tensor
        return torch._utils._rebuild_tensor, (storage, t.storage_offset(), tuple(t.shape), t.stride())

    @staticmethod
    def tensor_state(o, storage):  # before that, and by __reduce__
        t = o.tensor
        return tensor_class(t), (), (storage, t.storage_offset(), tuple(t.shape), t.stride())

    @staticmethod
    def variable(o, _):
        data = Old(o.tensor, "rebuild_tensor", storage=o.storage)
        return torch.autograd.variable.Variable, (data,), (o.requires_grad, False, collections.OrderedDict())

    @staticmethod
    def parameter(o, _):
        data = Old(o.tensor, "rebuild_tensor", storage=o.storage)
        return copyreg.__newobj__, (torch.nn.Parameter, data), (o.requires_grad, False, collections.OrderedDict())

    @staticmethod
    def parameter_of_0_1(o, _):
        data = Old(o.tensor, "rebuild_tensor", storage=o.storage)
        return (
            copyreg.__newobj__,
            (torch.nn.Parameter,),
            (data, None, collections.OrderedDict(), o.requires_grad, False),
        )


def raw(storage):
    return bytes(storage._untyped_storage.tolist())


def storage_class(storage):
    return getattr(torch, storage._pickle_storage_type())


def source_of(cls):
    return inspect.getsourcefile(cls), inspect.getsource(cls)


class Pickler(pickle._Pickler):
    """The Python one, whose persistent ids may be of any type in every protocol. Storages are known by their memory."""

    def __init__(self, file, protocol):
        super().__init__(file, protocol)
        self.keys, self.classes, self.keep = {}, set(), []

    def key(self, address):
        return self.keys.setdefault(address, str(94001000 + 16 * len(self.keys)))

    def persistent_id(self, o):
        if isinstance(o, type) and issubclass(o, torch.nn.Module) and o not in self.classes:
            self.classes.add(o)
            return self.module(o)
        if isinstance(o, (Part, Bare, torch.storage.TypedStorage)):
            self.keep.append(o)
            return self.storage(o.storage if isinstance(o, Bare) else o)
        return None

    def save_reduce(self, *args, obj=None, **options):  # Python would see that Old is none of those classes
        super().save_reduce(*args, obj=None if isinstance(obj, Old) else obj, **options)

    def reducer_override(self, o):
        if isinstance(o, Old):
            storage = o.storage or typed(o.tensor)
            self.keep += [o, storage]
            return getattr(Reductions, o.form)(o, storage)
        return NotImplemented


class StreamPickler(Pickler):
    def __init__(self, file, protocol, location):
        super().__init__(file, protocol)
        self.location, self.roots = location, {}

    def module(self, cls):
        return ("module", cls, *source_of(cls))

    def storage(self, s):
        root = s.root if isinstance(s, Part) else s
        key = self.key(root.data_ptr())
        self.roots[key] = root
        view = (self.key((id(s), s.offset)), s.offset, s.size) if isinstance(s, Part) else None
        return ("storage", storage_class(root), key, self.location, root.size(), view)


def write_stream(value, file, protocol=2, location="cpu"):
    """0.1.10 to 0.3: torch.save's stream, in which storages may be parts of others."""
    body = io.BytesIO()
    pickler = StreamPickler(body, protocol, location)
    pickler.dump(value)
    with open(file, "wb") as f:
        for head in (MAGIC, PROTOCOL, MACHINE | {"protocol_version": PROTOCOL}):
            pickle.dump(head, f, protocol)
        f.write(body.getvalue())
        keys = sorted(pickler.roots)
        pickle.dump(keys, f, protocol)
        for key in keys:
            f.write(struct.pack("<q", pickler.roots[key].size()) + raw(pickler.roots[key]))


class TarPickler(Pickler):
    def __init__(self, file, protocol):
        super().__init__(file, protocol)
        self.tensors, self.storages, self.views = {}, {}, []

    def module(self, cls):
        return (cls, *source_of(cls))

    def storage(self, s):
        root = s.root if isinstance(s, Part) else s
        key = self.key(root.data_ptr())
        self.storages[key] = root
        if not isinstance(s, Part):
            return key
        view = (int(self.key((id(s), s.offset))), int(key), s.offset, s.size)
        if view not in self.views:
            self.views.append(view)
        return str(view[0])

    def persistent_id(self, o):
        if isinstance(o, Old) and o.form == "rebuild_tensor":
            o = o.tensor if o.storage is None else o
        if isinstance(o, (torch.Tensor, Old)) and not (isinstance(o, Old) and o.form != "rebuild_tensor"):
            tensor, storage = (o, typed(o)) if isinstance(o, torch.Tensor) else (o.tensor, o.storage)
            self.keep += [o, storage]
            key = self.key(("tensor", id(o)))
            self.tensors[key] = (tensor, self.storage(storage))
            return key
        return super().persistent_id(o)


def write_tar(value, file, location="cpu", format=tarfile.PAX_FORMAT, protocol=2):
    """Before 0.1.10: a tar file of four members."""

    def dump(o):
        return pickle.dumps(o, protocol)

    members = {"sys_info": dump(MACHINE | {"protocol_version": 1000})}
    body = io.BytesIO()
    pickler = TarPickler(body, protocol)
    pickler.dump(value)
    members["pickle"] = body.getvalue()

    tensors = dump(len(pickler.tensors))
    for key, (t, storage) in pickler.tensors.items():
        tensors += dump((int(key), int(storage), tensor_class(t)))
        tensors += struct.pack("<iI", t.dim(), 0xDEADBEEF)  # the upper half was never set
        tensors += struct.pack(f"<{2 * t.dim() + 1}q", *t.shape, *t.stride(), t.storage_offset())
    members["tensors"] = tensors

    storages = dump(len(pickler.storages))
    for key, s in pickler.storages.items():
        storages += dump((int(key), location, storage_class(s))) + struct.pack("<q", s.size()) + raw(s)
    members["storages"] = storages + dump(pickler.views)

    with tarfile.open(file, "w:", format=format) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mtime = 1476543210.75  # of a float, Python makes a PAX header
            tar.addfile(info, io.BytesIO(content))
