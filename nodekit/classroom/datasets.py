"""The images that lessons classify: scikit-learn's digits, and readers for MNIST and CIFAR-10 (used from lesson 08).

`digits(seed)` needs nothing but scikit-learn, which ships them. `mnist(folder)` and `cifar10(folder)` read files that
you have downloaded yourself; nothing here downloads. All give a `Split` of float32 images (n, channels, height,
width) in [0, 1] and int64 labels (n,).
"""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["Split", "cifar10", "digits", "mnist"]


@dataclass(frozen=True)
class Split:
    """images (n, channels, height, width), float32 in [0, 1], and labels (n,), int64: train, validation and test.

    Choose whatever you choose on `validation`; `test` is for the figure that you report.
    """

    train: tuple
    validation: tuple
    test: tuple

    def tensors(self, device="cpu"):
        """The same split with torch tensors."""
        import torch

        parts = [(torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)) for x, y in self.parts()]
        return Split(*parts)

    def parts(self):
        """The three, in this order."""
        return self.train, self.validation, self.test

    def __repr__(self):
        train, validation, test = (len(labels) for _, labels in self.parts())
        shape = tuple(self.train[0].shape[1:])
        return f"Split(train {train}, validation {validation}, test {test}, images {shape})"


def digits(seed, validation=150, test=450):
    """scikit-learn's digits: 1797 images (1, 8, 8) of ten handwritten digits, shuffled by the seed and split.

    Returns a Split of float32 images (n, 1, 8, 8) and labels (n,). Raises ValueError for parts that are no numbers of
    images, or leave nothing to train on.
    Source: E. Alpaydin, C. Kaynak, Optical recognition of handwritten digits, UCI machine learning repository, 1998
    (its test part, as scikit-learn ships it).
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    images, labels = (data.images[:, None] / 16).astype(np.float32), data.target.astype(np.int64)
    for name, value in (("validation", validation), ("test", test)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{name}={value!r} must be a number of images, an int >= 0.")
    if validation + test >= len(labels):
        raise ValueError(f"validation={validation} and test={test} leave nothing to train on of {len(labels)} images.")
    return shuffled(images, labels, seed, (len(labels) - validation - test, validation, test))


def shuffled(images, labels, seed, sizes):
    """A Split of the given sizes, in the order of a generator with that seed."""
    order = np.random.default_rng(seed).permutation(len(labels))
    places = np.split(order, np.cumsum(sizes)[:-1])
    return Split(*((images[rows], labels[rows]) for rows in places))


# ---- files that you have downloaded --------------------------------------------------------------------

MNIST = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
CIFAR10 = {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)}


def mnist(folder, seed=0, validation=5000):
    """MNIST from the four IDX files in `folder`, with or without .gz: images (1, 28, 28).

    `validation` images of the training files, chosen by the seed, are held back.
    Raises FileNotFoundError that names what is missing, ValueError for a file that is not what its name says.

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document recognition, 1998.
    """
    names = [name for pair in MNIST.values() for name in pair]
    paths = find(folder, names, (".gz", ""), "MNIST", "the four IDX files of Y. LeCun's MNIST, as .gz or unpacked")
    parts = []
    for images_name, labels_name in MNIST.values():
        images, labels = read_idx(paths[images_name], 3), read_idx(paths[labels_name], 1)
        if len(images) != len(labels):
            raise ValueError(f"{images_name} holds {len(images)} images, {labels_name} {len(labels)} labels.")
        if images.shape[1:] != (28, 28):
            raise ValueError(f"{images_name} holds images of {images.shape[1:]} pixels; (28, 28) was expected.")
        parts.append((images[:, None], check_labels(labels, labels_name)))
    return held_back(*parts, seed, validation)


def cifar10(folder, seed=0, validation=5000):
    """CIFAR-10 from the six files of its binary version in `folder`: images (3, 32, 32), red, green, blue.

    The version for Python holds pickles, which may run anything when opened: it is not read.
    `validation` images of the training files, chosen by the seed, are held back. Raises as `mnist`.

    Source: A. Krizhevsky, Learning multiple layers of features from tiny images, 2009.
    """
    names = [name for group in CIFAR10.values() for name in group]
    paths = find(folder, names, ("",), "CIFAR-10", "the six .bin files of A. Krizhevsky's CIFAR-10, binary version")
    parts = []
    for group in CIFAR10.values():
        read = [read_cifar(paths[name]) for name in group]
        parts.append(tuple(np.concatenate(arrays) for arrays in zip(*read, strict=True)))
    return held_back(*parts, seed, validation)


def find(folder, names, endings, what, where):
    """name -> path. Looks in the folder and in the folders right inside it. FileNotFoundError names all missing."""
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{what}: there is no folder {str(folder)!r}. Put there {where}; nothing is downloaded."
        )
    places, paths = [folder, *sorted(p for p in folder.iterdir() if p.is_dir())], {}
    for name in names:
        found = [place / (name + ending) for place in places for ending in endings]
        found = [path for path in found if path.is_file()]
        if found:
            paths[name] = found[0]
    if missing := [name for name in names if name not in paths]:
        raise FileNotFoundError(
            f"{what}: {str(folder)!r} lacks {', '.join(missing)}. Put there {where}, from the page of its author "
            "or a mirror of it; nothing is downloaded."
        )
    return paths


def read_idx(path, dimensions):
    """An IDX file of unsigned bytes: two zeros, 8 (the type), the number of dimensions, each as 4 bytes, the data."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path.name} cannot be unpacked ({error}). Is the download complete?") from error
    header = 4 + 4 * dimensions
    if raw[:4] != bytes([0, 0, 8, dimensions]) or len(raw) < header:
        raise ValueError(f"{path.name} begins with {raw[:4].hex()}; {bytes([0, 0, 8, dimensions]).hex()} was expected.")
    shape = tuple(int(n) for n in np.frombuffer(raw, ">u4", dimensions, offset=4))
    wanted = header + int(np.prod(shape, dtype=object))
    if len(raw) != wanted:
        raise ValueError(f"{path.name} says {shape}, which is {wanted} bytes with its header, but has {len(raw)}.")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def read_cifar(path):
    """(images (n, 3, 32, 32), labels (n,)) of a binary batch: each record is a label and 3072 bytes of pixels."""
    raw = np.frombuffer(path.read_bytes(), np.uint8)
    if len(raw) == 0 or len(raw) % 3073:
        raise ValueError(f"{path.name} has {len(raw)} bytes; a multiple of 3073 was expected. Is it complete?")
    records = raw.reshape(-1, 3073)
    return records[:, 1:].reshape(-1, 3, 32, 32), check_labels(records[:, 0], path.name)


def check_labels(labels, name):
    """The labels, if all are 0 to 9."""
    if len(labels) and labels.max() > 9:
        raise ValueError(f"{name} holds the label {labels.max()}; 0 to 9 were expected.")
    return labels


def held_back(train, test, seed, validation):
    """A Split: `validation` of the training images are chosen by the seed, the test images stay in their order."""
    (images, labels), (test_images, test_labels) = train, test
    if not isinstance(validation, int) or isinstance(validation, bool) or not 0 <= validation < len(labels):
        raise ValueError(f"validation={validation!r} must be an int >= 0 and below {len(labels)}, the training images.")
    order = np.random.default_rng(seed).permutation(len(labels))
    rows = order[validation:], order[:validation]
    parts = [(images[r], labels[r]) for r in rows] + [(test_images, test_labels)]
    return Split(*((x.astype(np.float32) / 255, y.astype(np.int64)) for x, y in parts))
