"""The workloads: names and shapes of real checkpoints, Gaussian data with a fixed seed. torch.save writes each once, and every peer
takes its bytes from that file.

A size is `full`, `quick` (a tenth of the bytes of the large ones) or `smoke` (a few MB in all, for tests of the harness).
"""
import pathlib

TITLES = {
    "W1": "tutorial network + SGD",
    "W2": "ResNet-50",
    "W3": "TinyLlama-1.1B, bf16",
    "W4": "GPT-2 + Adam",
    "W5": "tensors of 64 floats",
    "W6": "tied weights and views",
}
# of the full size, to know beforehand what a machine must hold
BYTES = {"W1": 1e6, "W2": 1.1e8, "W3": 2.3e9, "W4": 1.5e9, "W5": 1e8, "W6": 1e8}
# tensors of W5, of which the largest counts for the bars; the others show the cost of one more tensor
TINY = {"full": (1000, 10_000, 100_000), "quick": (1000, 10_000), "smoke": (100, 1000)}


def randn(torch, *shape, dtype=None):
    x = torch.randn(*shape) * 0.02
    return x if dtype is None else x.to(dtype)


def cifar(torch, size):
    shapes = {"conv1": (6, 3, 5, 5), "conv2": (16, 6, 5, 5), "fc1": (120, 400), "fc2": (84, 120), "fc3": (10, 84)}
    net = {}
    for name, shape in shapes.items():
        net[name + ".weight"], net[name + ".bias"] = randn(torch, *shape), randn(torch, shape[0])
    parameters = [torch.nn.Parameter(x) for x in net.values()]
    optimizer = torch.optim.SGD(parameters, lr=0.001, momentum=0.9)
    for p in parameters:
        p.grad = randn(torch, *p.shape)
    optimizer.step()
    return {"epoch": 5, "model_state_dict": net, "optimizer_state_dict": optimizer.state_dict(), "loss": 0.4}


def resnet50(torch, size):
    """320 entries: the names of torchvision."""
    net, width = {}, 8 if size == "smoke" else 64

    def conv(name, out, inside, kernel):
        net[name + ".weight"] = randn(torch, out, inside, kernel, kernel)

    def norm(name, channels):
        for part in ("weight", "bias", "running_mean", "running_var"):
            net[f"{name}.{part}"] = randn(torch, channels)
        net[name + ".num_batches_tracked"] = torch.tensor(7)

    conv("conv1", width, 3, 7)
    norm("bn1", width)
    inside = width
    for layer, blocks in enumerate((3, 4, 6, 3), 1):
        channels = width * 2 ** (layer - 1)
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            for i, (out, into, kernel) in enumerate(((channels, inside, 1), (channels, channels, 3), (channels * 4, channels, 1)), 1):
                conv(f"{name}.conv{i}", out, into, kernel)
                norm(f"{name}.bn{i}", out)
            if block == 0:
                conv(f"{name}.downsample.0", channels * 4, inside, 1)
                norm(f"{name}.downsample.1", channels * 4)
            inside = channels * 4
    net["fc.weight"], net["fc.bias"] = randn(torch, 1000, inside), randn(torch, 1000)
    return net


def tinyllama(torch, size):
    """201 tensors in full."""
    layers, width, vocabulary, hidden = {"full": (22, 2048, 32000, 5632), "quick": (2, 2048, 8000, 5632),
                                         "smoke": (3, 64, 1000, 176)}[size]
    net, bf16 = {}, torch.bfloat16
    net["model.embed_tokens.weight"] = randn(torch, vocabulary, width, dtype=bf16)
    for i in range(layers):
        for name, shape in (("self_attn.q_proj", (width, width)), ("self_attn.k_proj", (width // 8, width)),
                            ("self_attn.v_proj", (width // 8, width)), ("self_attn.o_proj", (width, width)),
                            ("mlp.gate_proj", (hidden, width)), ("mlp.up_proj", (hidden, width)), ("mlp.down_proj", (width, hidden)),
                            ("input_layernorm", (width,)), ("post_attention_layernorm", (width,))):
            net[f"model.layers.{i}.{name}.weight"] = randn(torch, *shape, dtype=bf16)
    net["model.norm.weight"] = randn(torch, width, dtype=bf16)
    net["lm_head.weight"] = randn(torch, vocabulary, width, dtype=bf16)
    return net


def gpt2(torch, size):
    """148 parameters with two moments each, and as many steps of no dimension."""
    layers, width, vocabulary = {"full": (12, 768, 50257), "quick": (2, 768, 8000), "smoke": (2, 48, 500)}[size]
    net = {"wte.weight": (vocabulary, width), "wpe.weight": (1024, width)}
    for i in range(layers):
        for name, out, inside in (("ln_1", width, None), ("attn.c_attn", 3 * width, width), ("attn.c_proj", width, width),
                                  ("ln_2", width, None), ("mlp.c_fc", 4 * width, width), ("mlp.c_proj", width, 4 * width)):
            net[f"h.{i}.{name}.weight"] = (inside, out) if inside else (out,)
            net[f"h.{i}.{name}.bias"] = (out,)
    net["ln_f.weight"] = net["ln_f.bias"] = (width,)
    net = {name: randn(torch, *shape) for name, shape in net.items()}
    parameters = [torch.nn.Parameter(x) for x in net.values()]
    optimizer = torch.optim.Adam(parameters, lr=1e-4)
    for p in parameters:
        p.grad = randn(torch, *p.shape)
    optimizer.step()
    return {"step": 1, "model": net, "optimizer": optimizer.state_dict()}


def tiny(torch, count):
    data = randn(torch, count, 64)
    return {f"layers.{i // 100}.blocks.{i % 100}.weight": data[i].clone() for i in range(count)}


def aliases(torch, size):
    """Tied weights, and one storage under many views."""
    rows = 512 if size == "smoke" else 16384
    shared = randn(torch, rows, 256)
    net = {"embedding.weight": shared, "output.weight": shared}
    for i in range(64):
        net[f"slices.{i}"] = shared[i * (rows // 64):(i + 1) * (rows // 64)]
    for i in range(16):
        net[f"heads.{i}"] = randn(torch, rows // 16, 64).t()
    return net


MAKERS = {"W1": cifar, "W2": resnet50, "W3": tinyllama, "W4": gpt2, "W6": aliases}


def make(folder, workload, size, count=None):
    """The file of a workload; made when it is not there yet."""
    path = pathlib.Path(folder) / (f"{workload}.{size}.pt" if count is None else f"{workload}.{count}.pt")
    if not path.exists():
        import torch
        torch.manual_seed(int(workload[1:]))
        value = tiny(torch, count) if workload == "W5" else MAKERS[workload](torch, size)
        torch.save(value, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)
    return path
