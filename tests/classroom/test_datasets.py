"""The digits are split without overlap; the files of MNIST and CIFAR-10 are read as they are, or refused in words."""

import gzip

import numpy as np
import pytest

from nodekit.classroom import datasets

pytest.importorskip("sklearn")


def test_digits_are_split_once_and_for_all():
    """All 1797 images, each in one part; the same for the same seed, another split for another seed."""
    split = datasets.digits(0)
    assert [x.shape for x, _ in split.parts()] == [(1197, 1, 8, 8), (150, 1, 8, 8), (450, 1, 8, 8)]
    assert "train 1197, validation 150, test 450, images (1, 8, 8)" in repr(split)
    images, labels = (np.concatenate(parts) for parts in zip(*split.parts(), strict=True))
    assert images.dtype == np.float32
    assert labels.dtype == np.int64
    assert (images.min(), images.max()) == (0.0, 1.0)

    from sklearn.datasets import load_digits

    data = load_digits()

    def sorted_rows(x, y):
        return sorted(map(tuple, np.column_stack([x.reshape(len(y), -1), y]).tolist()))

    assert sorted_rows(images * 16, labels) == sorted_rows(data.images, data.target)
    again, other = datasets.digits(0), datasets.digits(1)
    assert np.array_equal(again.test[1], split.test[1])
    assert not np.array_equal(other.test[1], split.test[1])


def test_as_tensors():
    torch = pytest.importorskip("torch")
    x, y = datasets.digits(3, validation=0, test=10).tensors().test
    assert x.shape == (10, 1, 8, 8)
    assert (x.dtype, y.dtype) == (torch.float32, torch.int64)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"test": 1700}, "leave nothing to train on of 1797 images"),
        ({"test": -1}, "test=-1 must be a number of images"),
        ({"validation": 0.1}, "validation=0.1 must be a number of images"),
    ],
)
def test_sizes_that_do_not_fit(sizes, words):
    with pytest.raises(ValueError, match=words):
        datasets.digits(0, **sizes)


# ---- MNIST ---------------------------------------------------------------------------------------------


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.tobytes()


@pytest.fixture
def mnist_files():
    """name -> array, as the four files hold them: 20 and 6 images."""
    rng = np.random.default_rng(0)
    files = {}
    for (images, labels), n in zip(datasets.MNIST.values(), (20, 6), strict=True):
        files[images] = rng.integers(0, 256, size=(n, 28, 28), dtype=np.uint8)
        files[labels] = rng.integers(0, 10, size=n, dtype=np.uint8)
    return files


def write_mnist(folder, files, zipped=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in files.items():
        data = array if isinstance(array, bytes) else idx(array)
        (folder / (name + ".gz" * zipped)).write_bytes(gzip.compress(data) if zipped else data)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("inside", [".", "raw"])
def test_mnist_is_read_as_it_was_written(tmp_path, mnist_files, zipped, inside):
    write_mnist(tmp_path / inside, mnist_files, zipped)
    split = datasets.mnist(tmp_path, seed=2, validation=5)
    assert [len(y) for _, y in split.parts()] == [15, 5, 6]
    order = np.random.default_rng(2).permutation(20)
    for (x, y), which, rows in (
        (split.train, "train", order[5:]),
        (split.validation, "train", order[:5]),
        (split.test, "test", slice(None)),
    ):
        images, labels = (mnist_files[name][rows] for name in datasets.MNIST[which])
        assert x.dtype == np.float32
        assert np.array_equal(np.round(x[:, 0] * 255), images)
        assert np.array_equal(y, labels)


def broken(files, name, change):
    return {**files, name: change(idx(files[name]))}


TRAIN_X, TRAIN_Y = datasets.MNIST["train"]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        (TRAIN_X, lambda raw: raw[:-1], r"says \(20, 28, 28\), which is 15696 bytes with its header, but has 15695"),
        (TRAIN_X, lambda raw: raw + b"x", "but has 15697"),
        (TRAIN_X, lambda raw: b"\x00\x00\x08\x01" + raw[4:], "begins with 00000801; 00000803 was expected"),
        (TRAIN_Y, lambda raw: b"<html>not found</html>", "begins with 3c68746d; 00000801 was expected"),
        (TRAIN_Y, lambda raw: b"", "begins with ; 00000801"),
        (TRAIN_Y, lambda raw: idx(np.zeros(19, np.uint8)), "holds 20 images, train-labels-idx1-ubyte 19 labels"),
        (TRAIN_Y, lambda raw: idx(np.full(20, 10, np.uint8)), "holds the label 10; 0 to 9"),
        (TRAIN_X, lambda raw: idx(np.zeros((20, 8, 8), np.uint8)), r"images of \(8, 8\) pixels"),
        (TRAIN_X, lambda raw: bytes([0, 0, 8, 3]) + b"\xff" * 12, "but has 16"),
    ],
)
def test_a_corrupt_mnist_file_is_one_clear_error(tmp_path, mnist_files, name, change, words):
    write_mnist(tmp_path, broken(mnist_files, name, change))
    with pytest.raises(ValueError, match=words):
        datasets.mnist(tmp_path, validation=5)


@pytest.mark.parametrize("change", [lambda raw: raw[: len(raw) // 2], lambda raw: b"not gzip", lambda raw: raw[:-9]])
def test_a_broken_download_is_named(tmp_path, mnist_files, change):
    write_mnist(tmp_path, mnist_files)
    path = tmp_path / f"{TRAIN_X}.gz"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.gz cannot be unpacked .* Is the download complete"):
        datasets.mnist(tmp_path, validation=5)


def test_missing_files_are_all_named(tmp_path, mnist_files):
    write_mnist(tmp_path, {name: mnist_files[name] for name in (TRAIN_X, TRAIN_Y)})
    with pytest.raises(FileNotFoundError, match=r"lacks t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte. Put there the"):
        datasets.mnist(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere.*; nothing is downloaded"):
        datasets.mnist(tmp_path / "nowhere")


def test_too_many_held_back(tmp_path, mnist_files):
    write_mnist(tmp_path, mnist_files)
    with pytest.raises(ValueError, match="validation=5000 must be an int >= 0 and below 20"):
        datasets.mnist(tmp_path)


# ---- CIFAR-10 ------------------------------------------------------------------------------------------


@pytest.fixture
def cifar_files():
    """name -> (n, 3073): a label, then 1024 red, 1024 green and 1024 blue numbers, row by row."""
    rng = np.random.default_rng(1)
    names = [name for group in datasets.CIFAR10.values() for name in group]
    files = {name: rng.integers(0, 256, size=(4, 3073), dtype=np.uint8) for name in names}
    for records in files.values():
        records[:, 0] %= 10
    return files


def write(folder, files):
    for name, data in files.items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.tobytes())


def test_cifar10_is_read_as_it_was_written(tmp_path, cifar_files):
    inside = tmp_path / "cifar-10-batches-bin"
    inside.mkdir()
    write(inside, cifar_files)
    split = datasets.cifar10(tmp_path, validation=0)
    assert [x.shape for x, _ in split.parts()] == [(20, 3, 32, 32), (0, 3, 32, 32), (4, 3, 32, 32)]
    records = cifar_files["test_batch.bin"]
    assert np.array_equal(split.test[1], records[:, 0])
    green_row_1 = records[2, 1 + 1024 + 32 : 1 + 1024 + 64]
    assert np.array_equal(np.round(split.test[0][2, 1, 1] * 255), green_row_1)
    every = np.concatenate([cifar_files[name] for name in datasets.CIFAR10["train"]])
    assert np.array_equal(np.sort(split.train[1]), np.sort(every[:, 0]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda records: records.tobytes()[:-5], r"data_batch_3.bin has 12287 bytes; a multiple of 3073"),
        (lambda records: b"", "data_batch_3.bin has 0 bytes"),
        (lambda records: b"\xff" * 3073, "data_batch_3.bin holds the label 255"),
    ],
)
def test_a_corrupt_batch_is_one_clear_error(tmp_path, cifar_files, change, words):
    write(tmp_path, cifar_files | {"data_batch_3.bin": change(cifar_files["data_batch_3.bin"])})
    with pytest.raises(ValueError, match=words):
        datasets.cifar10(tmp_path, validation=0)


def test_the_version_for_python_is_not_opened(tmp_path, cifar_files):
    """Pickles are not read; what is missing is named."""
    write(tmp_path, {name.removesuffix(".bin"): data for name, data in cifar_files.items()})
    with pytest.raises(FileNotFoundError, match=r"lacks data_batch_1.bin, .*binary version"):
        datasets.cifar10(tmp_path)
