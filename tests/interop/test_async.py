"""PyTorch opens what examples/train_async.cpp saved while it trained on: each file has the values of its own epoch."""
import os
import pathlib
import subprocess

import safetensors.torch
import torch

BIN = pathlib.Path(os.environ.get("TARC_BIN", pathlib.Path(__file__).parents[2] / "build" / "bin"))


def test_checkpoints_of_a_training_that_went_on(tmp_path):
    subprocess.run([BIN / "examples" / "train_async"], cwd=tmp_path, check=True, stdout=subprocess.PIPE)
    assert sorted(f.name for f in tmp_path.iterdir()) == [f"epoch{i}.pt" for i in range(1, 6)] + ["model.safetensors"]
    slopes = []
    for epoch in range(1, 6):
        for options in ({}, {"mmap": True}):
            c = torch.load(tmp_path / f"epoch{epoch}.pt", weights_only=True, **options)
            assert c["epoch"] == epoch and len(c["losses"]) == epoch
        slopes.append(c["model_state_dict"]["slope"].item())
        assert c["model_state_dict"]["slope"].shape == ()
    assert slopes == sorted(set(slopes)) and abs(slopes[-1] - 2) < 0.05
    assert safetensors.torch.load_file(tmp_path / "model.safetensors")["slope"].item() == slopes[-1]
