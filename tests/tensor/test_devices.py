"""Device strings mean what they mean to PyTorch."""
import os
import pathlib
import subprocess

import torch

PROGRAM = pathlib.Path(os.environ["TARC_BIN"]) / "programs" / "devices"

KNOWN = ["cpu", "cpu:0", "cuda", "cuda:0", "cuda:1", "cuda:15", "meta", "meta:0"]
REFUSED = ["", "gpu", "CPU", "cuda0", "cuda:", "cuda:-1", "cuda: 1", " cuda:1", "cuda:1 ", "cuda:1.0", "cuda:x", "cuda:01", "cuda:+1",
           "cuda:1:2", ":", "cpu:", "cuda::1", "cuda:99999999999", "meta:x"]


def tarc(texts):
    done = subprocess.run([PROGRAM], input="".join(t + "\n" for t in texts), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def tag(text):
    """What torch.save writes for a storage there; "-" where torch knows no such device."""
    try:
        device = torch.device(text)
    except RuntimeError:
        return "-"
    if device.type == "cuda":
        return f"cuda:{device.index or 0}"
    return device.type


def test_known_devices():
    assert tarc(KNOWN) == [tag(t) for t in KNOWN]


def test_other_texts_are_refused():
    assert tarc(REFUSED) == ["-"] * len(REFUSED)
    assert [tag(t) for t in REFUSED] == ["-"] * len(REFUSED)
