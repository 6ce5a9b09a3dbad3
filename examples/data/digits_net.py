"""The network, the batches and the loops that every Python part of the demo shares.

The network is that of the PyTorch tutorials ("Training a Classifier", "Saving and Loading Models"), sized for the
8x8 images of scikit-learn's digits. `examples/demo/` holds the same in C++; both must see the same batches, so their
order comes from a generator that is three lines in any language, and not from torch's.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

BATCH = 50
LEARNING_RATE = 0.005
MOMENTUM = 0.9


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 2 * 2, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def make_optimizer(net):
    return torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)


def epoch_order(epoch, count):
    """The order in which epoch number `epoch` (from 0, counted over the whole life of the model) sees `count` samples:
    a Fisher-Yates shuffle driven by Knuth's 64-bit linear congruential generator, whose upper 31 bits are used."""
    order = list(range(count))
    state = epoch + 1
    for i in range(count - 1, 0, -1):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        j = (state >> 33) % (i + 1)
        order[i], order[j] = order[j], order[i]
    return order


def train_epoch(net, optimizer, digits, epoch):
    """One epoch over the training range; returns the loss of each batch."""
    first, last = digits["train"]
    order = torch.tensor(epoch_order(epoch, last - first)) + first
    losses = []
    net.train()
    for at in range(0, len(order), BATCH):
        batch = order[at : at + BATCH]
        optimizer.zero_grad()
        loss = F.cross_entropy(net(digits["images"][batch]), digits["labels"][batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def predict(net, digits, which="test"):
    """The class that the network gives to each sample of a range."""
    first, last = digits[which]
    net.eval()
    with torch.no_grad():
        return net(digits["images"][first:last]).argmax(1)


def count_correct(predictions, digits, which="test"):
    first, last = digits[which]
    return int((predictions == digits["labels"][first:last]).sum())


def deterministic():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
