"""A convolutional network for handwritten digits, in PyTorch: one epoch a step.

The four MNIST files (train-images-idx3-ubyte and so on, also as .gz) are read from the working
directory, where hpogrid puts the input dataset. Without them the network trains on the small
digits that scikit-learn ships, and says so.
"""

import functools
import gzip
from pathlib import Path

import numpy as np
import torch
from torch import nn

TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


class MNISTTrainable:
    def setup(self, config):
        torch.set_num_threads(1)  # several trials run side by side
        self.batchsize = config["batchsize"]
        self.model = network(config["hidden"])
        # Adam takes a beta below 1; the search space includes 1.
        betas = (min(config["beta"], 0.999), 0.999)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config["lr"], betas=betas)

    def step(self):
        (images, labels), test = data()
        self.model.train()
        for batch in torch.randperm(len(labels)).split(self.batchsize):
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(images[batch]), labels[batch])
            loss.backward()
            self.optimizer.step()
        return self.evaluate(*test)

    def evaluate(self, images, labels):
        self.model.eval()
        with torch.no_grad():
            outputs = torch.cat([self.model(part) for part in images.split(1000)])
        return {
            "loss": nn.functional.cross_entropy(outputs, labels).item(),
            "accuracy": (outputs.argmax(1) == labels).float().mean().item(),
        }

    def save_checkpoint(self, folder):
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save(state, Path(folder, "state.pt"))

    def load_checkpoint(self, folder):
        state = torch.load(Path(folder, "state.pt"), weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])


def network(hidden):
    """For images of any size from 8 x 8 on."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(4),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 10),
    )


@functools.cache
def data():
    """Images and labels for training, and for testing; read once for all trials of a process."""
    missing = [name for name in TRAIN + TEST if find(name) is None]
    if not missing:
        return read(TRAIN), read(TEST)
    print(f"no MNIST here ({missing[0]} is missing): training on scikit-learn's digits")
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(labels))
    images = images.reshape(-1, 8, 8)[order] / 16
    split = len(labels) * 4 // 5
    train, test = slice(None, split), slice(split, None)
    return tensors(images[train], labels[order][train]), tensors(images[test], labels[order][test])


def find(name):
    candidates = [Path(folder, name + end) for folder in (".", "MNIST/raw") for end in ("", ".gz")]
    return next((path for path in candidates if path.exists()), None)


def read(names):
    images, labels = (read_idx(find(name)) for name in names)
    return tensors(images / 255, labels)


def read_idx(path):
    """The array in an IDX file: two zero bytes, the type, the dimensions, their sizes, the data."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    if content[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path} is no IDX file of bytes")
    sizes = np.frombuffer(content, ">i4", content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(sizes)


def tensors(images, labels):
    images = torch.tensor(images, dtype=torch.float32).unsqueeze(1)
    return images, torch.tensor(labels, dtype=torch.long)
