"""PyTorch goes on with what the C++ program saved, and is held against PyTorch alone.

Both ways start from the same checkpoint and see the same batches for the same number of epochs:

    PyTorch -> C++ -> PyTorch     the losses that tarc_demo logged, then those of PyTorch from the file that it saved
    PyTorch alone                 all of it here, from the first checkpoint

Exit status 1 when the file does not load strictly, when a prediction differs, or when the losses of any batch differ by
more than the bound.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "data"))
from digits_net import Net, count_correct, deterministic, make_optimizer, predict, train_epoch  # noqa: E402

# How far the loss of any batch may lie from PyTorch's: ten times the most that rounding did in these runs over the same
# six epochs, each against PyTorch 2.13 on one thread as it comes (AVX-512):
#   C++ all the way, g++ 12 and clang 19, -O0 to -O3 -march=native -ffast-math         7 runs, at most 3.2e-7
#   PyTorch without oneDNN                                                             1 run           8.9e-7
#   PyTorch in float64, on two threads, with oneDNN, ATen and MKL held to older CPUs   9 runs, at most 3.0e-7
#   PyTorch with every weight of the checkpoint moved at random by up to 2**-23 of it  60 runs, at most 5.1e-7
# The losses lie between 0.06 and 0.75, where float32 has steps of up to 6e-8, and each is a mean over sums of up to 120
# products that are rounded in another order. The noise does not grow from epoch to epoch, because the checkpoint was
# chosen to keep away from the kinks of the network (examples/data/make_data.py). A real fault is far above the bound:
# within one epoch a learning rate that is wrong by a thousandth makes 4e-4, lost momentum 0.1.
BOUND = 1e-5

GREEN, ORANGE, GREY = "#1b7f5c", "#d9541e", "#8a8f98"


def load(path):
    """Model and optimizer from a checkpoint, strictly, by the loader that executes nothing."""
    checkpoint = torch.load(path, weights_only=True)
    net = Net()
    net.load_state_dict(checkpoint["model_state_dict"], strict=True)
    optimizer = make_optimizer(net)
    optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
    return checkpoint, net, optimizer


def train(path, digits, epochs):
    """Trains on from a checkpoint; returns the network and the batch losses of each epoch."""
    checkpoint, net, optimizer = load(path)
    return net, [train_epoch(net, optimizer, digits, checkpoint["epoch"] + i) for i in range(epochs)]


def check_predictions(path, digits, logged):
    """The classes that C++ gave to the test digits must be PyTorch's, sample by sample."""
    checkpoint, net, _ = load(path)
    if checkpoint["epoch"] != logged["epoch"]:
        raise SystemExit(f"{path} is of epoch {checkpoint['epoch']}, the log says {logged['epoch']}")
    classes = predict(net, digits)
    correct = count_correct(classes, digits)
    different = int((classes != torch.tensor(logged["classes"])).sum())
    print(
        f"  epoch {checkpoint['epoch']}: C++ {logged['correct']}, PyTorch {correct} of {len(classes)} right,"
        f" {different} classes differ"
    )
    if different or correct != logged["correct"]:
        raise SystemExit("continue.py: C++ and PyTorch do not classify alike")


def mean(values):
    return sum(values) / len(values)


def print_table(chain, alone, first, cpp):
    print("  epoch   by        PyTorch -> C++ -> PyTorch   PyTorch alone   difference   largest of a batch")
    for i, (a, b) in enumerate(zip(chain, alone)):
        worst = max(abs(x - y) for x, y in zip(a, b))
        by = "C++" if i < cpp else "PyTorch"
        difference = abs(mean(a) - mean(b))
        print(f"  {first + i + 1:5d}   {by:8s}{mean(a):27.9f}{mean(b):16.9f}{difference:13.1e}{worst:21.1e}")


def draw(chain, alone, first, cpp, bound, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    batches = len(chain[0])
    x = [first + (i + 0.5) / batches for i in range(len(chain) * batches)]
    a, b = sum(chain, []), sum(alone, [])
    middle = [first + i + 0.5 for i in range(len(chain))]

    plt.rcParams.update({"font.size": 10.5, "axes.spines.top": False, "axes.spines.right": False})
    figure, (top, low) = plt.subplots(
        2, 1, figsize=(9, 6.2), sharex=True, height_ratios=[2.6, 1], layout="constrained", dpi=160
    )
    for axes in (top, low):
        axes.axvspan(first, first + cpp, color=ORANGE, alpha=0.09, linewidth=0)
        axes.axvline(first + cpp, color=GREY, linewidth=0.8, linestyle=":")
        axes.grid(axis="y", color=GREY, alpha=0.2, linewidth=0.6)

    top.plot(x, b, color=GREEN, alpha=0.35, linewidth=4.5, label="PyTorch alone")
    top.plot(x, a, color=ORANGE, linewidth=1.2, label="PyTorch → C++ → PyTorch")
    top.plot(middle, [mean(e) for e in alone], "o", color=GREEN, alpha=0.45, markersize=10)
    top.plot(middle, [mean(e) for e in chain], "o", color=ORANGE, markersize=4.5, label="mean of an epoch")
    top.set_ylabel("loss of a batch")
    top.set_ylim(bottom=0)
    top.legend(frameon=False, loc="upper right")
    top.set_title("One checkpoint, two languages: each goes on where the other one stopped", loc="left", fontsize=12)
    for at, who in ((first + cpp / 2, "trained in C++"), (first + (cpp + len(chain)) / 2, "trained in PyTorch")):
        top.text(at, 0.02, who, transform=top.get_xaxis_transform(), ha="center", va="bottom", color="#444444")

    difference = [abs(p - q) for p, q in zip(a, b)]  # losses that are equal have no place on a logarithmic axis
    low.plot(x, [d if d > 0 else float("nan") for d in difference], ".", color="#333333", markersize=3.5)
    low.axhline(bound, color="#b00020", linewidth=1, linestyle="--")
    low.text(first + len(chain), bound, f"bound {bound:g} ", color="#b00020", ha="right", va="bottom", fontsize=9)
    low.set_yscale("log")
    low.set_ylim(min([d for d in difference if d > 0] + [bound]) / 3, max(bound, *difference) * 10)
    low.set_ylabel("difference of the two")
    low.set_xlabel("epochs done")
    low.set_xlim(first, first + len(chain))
    low.set_xticks(range(first, first + len(chain) + 1))
    figure.align_ylabels()
    figure.savefig(path)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("digits")
    arguments.add_argument("checkpoint", help="where both ways start")
    arguments.add_argument("saved", help="what tarc_demo saved")
    arguments.add_argument("log", help="what tarc_demo logged")
    arguments.add_argument("picture")
    arguments.add_argument("--epochs", type=int, default=3, help="how many more (default 3)")
    arguments.add_argument("--bound", type=float, default=BOUND, help=f"on any batch's difference (default {BOUND:g})")
    given = arguments.parse_args()

    deterministic()
    digits = torch.load(given.digits, weights_only=True)
    log = [json.loads(line) for line in Path(given.log).read_text().splitlines()]
    cpp = [line["batch_losses"] for line in log if line["event"] == "epoch"]
    before, after = (line for line in log if line["event"] == "evaluate")

    print("the same test digits in C++ and PyTorch")
    check_predictions(given.checkpoint, digits, before)
    check_predictions(given.saved, digits, after)

    print(f"training on in PyTorch, from {given.saved} (weights_only=True, strict=True)")
    chain_net, losses = train(given.saved, digits, given.epochs)
    chain = cpp + losses
    alone_net, alone = train(given.checkpoint, digits, len(chain))

    first = before["epoch"]
    print_table(chain, alone, first, len(cpp))
    for name, net in (("PyTorch -> C++ -> PyTorch", chain_net), ("PyTorch alone", alone_net)):
        classes = predict(net, digits)
        print(f"  at the end, {name}: {count_correct(classes, digits)} of {len(classes)} test digits right")
    draw(chain, alone, first, len(cpp), given.bound, given.picture)

    worst = max(abs(x - y) for a, b in zip(chain, alone) for x, y in zip(a, b))
    verdict = "within" if worst <= given.bound else "MORE THAN"
    print(f"largest difference of a batch: {worst:.1e}, {verdict} the bound of {given.bound:g} for float32 noise")
    print(f"picture: {given.picture}")
    if not worst <= given.bound:  # a NaN is no agreement either
        raise SystemExit(1)


if __name__ == "__main__":
    main()
