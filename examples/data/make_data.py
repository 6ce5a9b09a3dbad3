"""Makes the two files beside it, from scikit-learn and PyTorch alone:

digits.pt      {"images": float32 [1797, 1, 8, 8] in 0..1, "labels": int64 [1797],
                "train": [first, last], "test": [first, last]}
               The ranges are half-open. The digits are in the order in which scikit-learn ships them.
checkpoint.pt  {"epoch", "model_state_dict", "optimizer_state_dict", "loss"} after EPOCHS epochs;
               "epoch" counts the epochs done, "loss" is the mean loss over the last of them.

usage: python make_data.py [FOLDER]        needs scikit-learn, which nothing else in the demo does
"""

import sys
from pathlib import Path

import torch
import torch.nn as nn
from digits_net import Net, count_correct, deterministic, make_optimizer, predict, train_epoch

# Of the seeds 0 to 99 the one whose path stays farthest from every kink of the network: over the demo's six epochs no
# input of a ReLU comes nearer to 0, and no two largest inputs of a pooling window that are not equal nearer to each
# other, than 9.6e-7 (median over the seeds: 1.0e-7). Two programs that round differently then take the same branch
# everywhere, and what is left between their losses is rounding alone. Where a path came too near and one branch went
# the other way, losses of later batches moved by 1e-5 to 5e-2.
SEED = 45
EPOCHS = 3
TRAIN = 1500


def make_digits():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.from_numpy(bunch.images).to(torch.float32).div(16).unsqueeze(1).contiguous()
    labels = torch.from_numpy(bunch.target).to(torch.int64)
    return {"images": images, "labels": labels, "train": [0, TRAIN], "test": [TRAIN, len(labels)]}


def initialize(net):
    """He's initialization: with PyTorch's default the first epochs at this learning rate would learn nothing."""
    for module in net.modules():
        if hasattr(module, "weight"):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)


def make_checkpoint(digits):
    torch.manual_seed(SEED)
    net = Net()
    initialize(net)
    optimizer = make_optimizer(net)
    for epoch in range(EPOCHS):
        losses = train_epoch(net, optimizer, digits, epoch)
        loss = sum(losses) / len(losses)
        correct = count_correct(predict(net, digits), digits)
        print(f"epoch {epoch + 1}: loss {loss:.6f}, {correct} test digits right")
    return {
        "epoch": EPOCHS,
        "model_state_dict": net.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "loss": loss,
    }


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    deterministic()
    digits = make_digits()
    # A file object, not a path: the archive's top-level folder is then "archive", whatever the file is called.
    with open(folder / "digits.pt", "wb") as file:
        torch.save(digits, file)
    with open(folder / "checkpoint.pt", "wb") as file:
        torch.save(make_checkpoint(digits), file)


if __name__ == "__main__":
    main()
