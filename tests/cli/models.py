"""Names and shapes of the state_dicts of well-known models, as torchvision and transformers have them."""


def batch_norm(name, n):
    yield from ((f"{name}.{k}", (n,)) for k in ("weight", "bias", "running_mean", "running_var"))
    yield f"{name}.num_batches_tracked", ()


def linear(name, n, m):
    yield f"{name}.weight", (n, m)
    yield f"{name}.bias", (n,)


def conv1d(name, n, m):
    """transformers.pytorch_utils.Conv1D: a linear layer, transposed."""
    yield f"{name}.weight", (n, m)
    yield f"{name}.bias", (m,)


def norm(name, n):
    yield f"{name}.weight", (n,)
    yield f"{name}.bias", (n,)


def resnet50():
    yield "conv1.weight", (64, 3, 7, 7)
    yield from batch_norm("bn1", 64)
    width = 64
    for layer, (blocks, n) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), 1):
        for block in range(blocks):
            at = f"layer{layer}.{block}"
            for i, (out, into, k) in enumerate(((n, width, 1), (n, n, 3), (4 * n, n, 1)), 1):
                yield f"{at}.conv{i}.weight", (out, into, k, k)
                yield from batch_norm(f"{at}.bn{i}", out)
            if block == 0:
                yield f"{at}.downsample.0.weight", (4 * n, width, 1, 1)
                yield from batch_norm(f"{at}.downsample.1", 4 * n)
            width = 4 * n
    yield from linear("fc", 1000, 2048)


def gpt2():
    yield "wte.weight", (50257, 768)
    yield "wpe.weight", (1024, 768)
    for i in range(12):
        yield from norm(f"h.{i}.ln_1", 768)
        for part, n, m in (("attn.c_attn", 768, 2304), ("attn.c_proj", 768, 768)):
            yield from conv1d(f"h.{i}.{part}", n, m)
        yield from norm(f"h.{i}.ln_2", 768)
        yield from conv1d(f"h.{i}.mlp.c_fc", 768, 3072)
        yield from conv1d(f"h.{i}.mlp.c_proj", 3072, 768)
    yield from norm("ln_f", 768)


def bert_base():
    for kind, n in (("word", 30522), ("position", 512), ("token_type", 2)):
        yield f"embeddings.{kind}_embeddings.weight", (n, 768)
    yield from norm("embeddings.LayerNorm", 768)
    for i in range(12):
        at = f"encoder.layer.{i}"
        for part in ("query", "key", "value"):
            yield from linear(f"{at}.attention.self.{part}", 768, 768)
        yield from linear(f"{at}.attention.output.dense", 768, 768)
        yield from norm(f"{at}.attention.output.LayerNorm", 768)
        yield from linear(f"{at}.intermediate.dense", 3072, 768)
        yield from linear(f"{at}.output.dense", 768, 3072)
        yield from norm(f"{at}.output.LayerNorm", 768)
    yield from linear("pooler.dense", 768, 768)


def vit_b_16():
    yield "class_token", (1, 1, 768)
    yield from ((f"conv_proj.{n}", s) for n, s in (("weight", (768, 3, 16, 16)), ("bias", (768,))))
    yield "encoder.pos_embedding", (1, 197, 768)
    for i in range(12):
        at = f"encoder.layers.encoder_layer_{i}"
        yield from norm(f"{at}.ln_1", 768)
        yield f"{at}.self_attention.in_proj_weight", (2304, 768)
        yield f"{at}.self_attention.in_proj_bias", (2304,)
        yield from linear(f"{at}.self_attention.out_proj", 768, 768)
        yield from norm(f"{at}.ln_2", 768)
        yield from linear(f"{at}.mlp.0", 3072, 768)
        yield from linear(f"{at}.mlp.3", 768, 3072)
    yield from norm("encoder.ln", 768)
    yield from linear("heads.head", 1000, 768)


ALL = {"resnet50": resnet50, "gpt2": gpt2, "bert_base": bert_base, "vit_b_16": vit_b_16}
