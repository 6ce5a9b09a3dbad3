"""Writes checkpoints and goes on from them; for test_versions.py, which runs it under several versions of PyTorch.

    resume.py write FOLDER     a file {model, optimizer} for each case of CASES that this version has
    resume.py next FILE...     for each file a line: its name, and a digest of the parameters after three more steps
"""
import hashlib
import os
import sys

import torch
from torch import nn

CASES = {
    "sgd": ("SGD", dict(lr=0.1)),
    "sgd-momentum": ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)),
    "adam": ("Adam", dict(lr=0.01)),
    "adam-amsgrad": ("Adam", dict(lr=0.01, amsgrad=True, weight_decay=0.1)),
    "adam-onecycle": ("Adam", dict(lr=0.01)),
    "adamw": ("AdamW", dict(lr=0.01)),
    "rmsprop": ("RMSprop", dict(lr=0.01)),
    "rmsprop-centered": ("RMSprop", dict(lr=0.01, momentum=0.9, centered=True)),
    "adagrad": ("Adagrad", dict(lr=0.01, lr_decay=0.1, initial_accumulator_value=0.5)),
    "Adadelta": ("Adadelta", {}),
    "Adamax": ("Adamax", {}),
    "ASGD": ("ASGD", dict(lr=0.01)),
    "LBFGS": ("LBFGS", dict(lr=0.1)),
    "NAdam": ("NAdam", {}),
    "RAdam": ("RAdam", {}),
    "Rprop": ("Rprop", {}),
}


def make(case):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3, bias=False))
    cls, options = CASES[case]
    groups = model.parameters()
    if cls != "LBFGS":  # which has one group only
        groups = [{"params": model[0].parameters(), "tag": "body"}, {"params": model[2].parameters(), "lr": 0.5}]
    optimizer = getattr(torch.optim, cls)(groups, **options)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=20) if case.endswith("onecycle") else None
    return model, optimizer, schedule


def step(model, optimizer, seed):
    x = torch.randn(8, 5, generator=torch.Generator().manual_seed(seed))

    def closure():
        optimizer.zero_grad()
        loss = model(x).square().sum()
        loss.backward()
        return loss
    optimizer.step(closure)


def write(folder):
    for case in CASES:
        model, optimizer, schedule = make(case)
        for seed in range(3):
            step(model, optimizer, seed)
            if schedule is not None:
                schedule.step()
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, os.path.join(folder, case + ".pt"))


def go_on(file):
    model, optimizer, _ = make(os.path.basename(file).split(".")[0])
    checkpoint = torch.load(file)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    for seed in range(100, 103):
        step(model, optimizer, seed)
    return hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in model.parameters())).hexdigest()


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "write":
        write(sys.argv[2])
    else:
        for name in sys.argv[2:]:
            print(name, go_on(name))
