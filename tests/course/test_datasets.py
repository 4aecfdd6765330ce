from __future__ import annotations

import gzip
import hashlib
import multiprocessing
import os
import struct
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lossbook._book import datasets
from lossbook._book.datasets import DatasetError

from ._fileserver import FileServer, refusing_url, serve, silent_url

MNIST = Path(
    os.environ.get("LOSSBOOK_DATA", Path(__file__).parents[3] / "shared" / "mnist")
)
IMAGES = "train-images-idx3-ubyte.gz"
T10K = "t10k-images-idx3-ubyte.gz"
LABELS = "train-labels-idx1-ubyte.gz"


def idx(shape: tuple[int, ...], values: bytes, magic: int | None = None) -> bytes:
    magic = 0x800 + len(shape) if magic is None else magic
    return struct.pack(f">{1 + len(shape)}I", magic, *shape) + values


def tiny_mnist() -> dict[str, bytes]:
    """Decompressed content of four files: 6 training and 3 test images."""
    rng = np.random.default_rng(0)
    content = {}
    for part, n in (("train", 6), ("t10k", 3)):
        pixels, labels = rng.integers(0, 256, (n, 28, 28)), rng.integers(0, 10, n)
        content[f"{part}-images-idx3-ubyte.gz"] = idx(
            (n, 28, 28), pixels.astype(np.uint8).tobytes()
        )
        content[f"{part}-labels-idx1-ubyte.gz"] = idx(
            (n,), labels.astype(np.uint8).tobytes()
        )
    return content


TINY = tiny_mnist()
GOOD = {name: gzip.compress(raw, mtime=0) for name, raw in TINY.items()}
BY_DEFAULT = datasets.KNOCK_SECONDS
FILES = tuple(
    datasets._IdxFile(
        file.name,
        (6 if file.name.startswith("train") else 3, *file.shape[1:]),
        hashlib.sha256(TINY[file.name]).hexdigest(),
    )
    for file in datasets._FILES
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test off the internet and out of the user's cache."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(datasets, "_cache_folder", lambda: folder)
    monkeypatch.setattr(datasets, "_FILES", FILES)
    monkeypatch.setattr(datasets, "MIRRORS", (refusing_url(),))
    # A busy machine answers late; what never answers is given up where a test says so.
    monkeypatch.setattr(datasets, "KNOCK_SECONDS", 300.0)
    monkeypatch.setattr(datasets, "TIMEOUT", (300.0, 300.0))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("LOSSBOOK_DATA", raising=False)
    monkeypatch.delenv("LOSSBOOK_OFFLINE", raising=False)
    return folder


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with serve(dict(GOOD)) as site:
        monkeypatch.setattr(datasets, "MIRRORS", (site.url,))
        yield site


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name a folder with four good files in $LOSSBOOK_DATA."""
    folder = tmp_path / "own"
    fill(folder)
    monkeypatch.setenv("LOSSBOOK_DATA", str(folder))
    return folder


def fill(folder: Path) -> None:
    folder.mkdir()
    for name, packed in GOOD.items():
        (folder / name).write_bytes(packed)


def assert_is_tiny_mnist(data: datasets.Dataset) -> None:
    assert data.name == "mnist"
    assert data.x_train.tobytes() == TINY[IMAGES][16:]
    assert data.y_train.tolist() == list(TINY[LABELS][8:])
    assert data.x_test.shape == (3, 28, 28)
    assert data.y_test.shape == (3,)


def altered(name: str, change: Callable[[bytes], bytes]) -> bytes:
    return gzip.compress(change(TINY[name]), mtime=0)


# What can be wrong with a file, and the words that tell of it.
FAULTS = {
    "truncated gzip": (GOOD[IMAGES][:-50], "truncated gzip"),
    "empty file": (b"", "wrong magic"),
    "not gzip": (b"<html>Sign in to the hotel's network</html>", "no sound gzip"),
    "damaged gzip": (GOOD[IMAGES][:-8] + bytes(8), "no sound gzip"),
    "wrong magic": (
        altered(IMAGES, lambda raw: struct.pack(">I", 0x801) + raw[4:]),
        "wrong magic number (0x00000801, expected 0x00000803)",
    ),
    "short header": (gzip.compress(TINY[IMAGES][:9]), "ends inside its header"),
    "too few values": (
        altered(IMAGES, lambda raw: raw[:-784]),
        "header announces 4704 values, but 3920 follow",
    ),
    "too many values": (
        altered(IMAGES, lambda raw: raw + b"x"),
        "header announces 4704 values, but 4705 follow",
    ),
    "a huge header": (
        altered(IMAGES, lambda raw: raw[:4] + b"\xff" * 12 + raw[16:]),
        "wrong counts",
    ),
    "wrong counts": (
        gzip.compress(idx((5, 28, 28), bytes(5 * 784))),
        "wrong counts (5 x 28 x 28, MNIST has 6 x 28 x 28)",
    ),
    "wrong content": (
        altered(IMAGES, lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])),
        "sha256 after decompression differs",
    ),
}
each_fault = pytest.mark.parametrize(("packed", "words"), FAULTS.values(), ids=FAULTS)


# --- where the files come from --------------------------------------------------


def test_files_in_lossbook_data_are_read_without_cache_or_network(own, cache):
    data = datasets.mnist()
    assert_is_tiny_mnist(data)
    assert not cache.exists()
    assert repr(data) == "<mnist: 6 training and 3 test images of 28 x 28>"


def test_images_are_writable_bytes_and_labels_are_int64(own):
    data = datasets.mnist()
    assert data.x_train.dtype == np.uint8
    assert data.x_train.flags.writeable
    assert data.y_train.dtype == data.y_test.dtype == np.int64


def test_recompressed_files_are_accepted_since_the_content_counts(own):
    (own / IMAGES).write_bytes(gzip.compress(TINY[IMAGES], 1, mtime=7))
    assert_is_tiny_mnist(datasets.mnist())


def test_what_lossbook_data_lacks_is_downloaded_into_the_cache(own, cache, mirror):
    (own / LABELS).unlink()
    assert_is_tiny_mnist(datasets.mnist())
    assert mirror.asked == [LABELS]
    assert [path.name for path in cache.iterdir()] == [LABELS]
    assert not (own / LABELS).exists()


def test_the_second_run_does_not_touch_the_network(mirror, monkeypatch):
    assert_is_tiny_mnist(datasets.mnist())
    assert sorted(mirror.asked) == sorted(GOOD)
    mirror.asked.clear()
    monkeypatch.setattr(datasets, "MIRRORS", (refusing_url(),))
    assert_is_tiny_mnist(datasets.mnist())
    assert mirror.asked == []


def test_a_dead_mirror_is_passed_over(mirror, monkeypatch):
    monkeypatch.setattr(datasets, "MIRRORS", (refusing_url(), mirror.url))
    assert_is_tiny_mnist(datasets.mnist())


def test_a_mirror_that_lacks_a_file_is_passed_over(mirror, monkeypatch, cache):
    with serve({IMAGES: GOOD[IMAGES]}) as poor:
        monkeypatch.setattr(datasets, "MIRRORS", (poor.url, mirror.url))
        assert_is_tiny_mnist(datasets.mnist())
    assert IMAGES not in mirror.asked
    assert LABELS in mirror.asked


@each_fault
def test_a_mirror_with_a_bad_copy_is_passed_over(
    packed, words, mirror, monkeypatch, cache
):
    with serve({**GOOD, IMAGES: packed}) as bad:
        monkeypatch.setattr(datasets, "MIRRORS", (bad.url, mirror.url))
        assert_is_tiny_mnist(datasets.mnist())
    assert mirror.asked == [IMAGES]
    assert (cache / IMAGES).read_bytes() == GOOD[IMAGES]


def test_a_progress_bar_names_the_file(mirror, capsys):
    datasets.mnist()
    shown = capsys.readouterr()
    assert f"{IMAGES}: 100%" in shown.err
    assert shown.out == ""


# --- faults ---------------------------------------------------------------------


@each_fault
def test_a_bad_file_of_the_user_is_named_with_a_remedy_and_left_alone(
    packed, words, own, mirror
):
    (own / IMAGES).write_bytes(packed)
    with pytest.raises(DatasetError) as error:
        datasets.mnist()
    assert str(own / IMAGES) in str(error.value)
    assert words in str(error.value)
    assert "unset LOSSBOOK_DATA" in str(error.value)
    assert (own / IMAGES).read_bytes() == packed
    assert mirror.asked == []


def test_a_folder_in_place_of_a_file_is_named(own):
    (own / IMAGES).unlink()
    (own / IMAGES).mkdir()
    with pytest.raises(DatasetError, match="cannot be read"):
        datasets.mnist()


@each_fault
def test_a_bad_file_in_the_cache_is_downloaded_again_and_said_so(
    packed, words, mirror, cache, capsys
):
    fill(cache)
    (cache / IMAGES).write_bytes(packed)
    assert_is_tiny_mnist(datasets.mnist())
    assert mirror.asked == [IMAGES]
    assert (cache / IMAGES).read_bytes() == GOOD[IMAGES]
    said = capsys.readouterr().out
    assert str(cache / IMAGES) in said
    assert words in said


def test_a_bad_file_in_the_cache_is_reported_where_there_is_no_network(cache):
    fill(cache)
    (cache / IMAGES).write_bytes(GOOD[IMAGES][:-50])
    for _ in range(2):  # it is not taken for good the second time either
        with pytest.raises(DatasetError) as error:
            datasets.mnist()
        assert f"{cache / IMAGES}: is cut short (truncated gzip)" in str(error.value)


@each_fault
def test_a_bad_download_leaves_nothing_in_the_cache(packed, words, mirror, cache):
    mirror.files[IMAGES] = packed
    with pytest.raises(DatasetError) as error:
        datasets.mnist()
    assert f"{mirror.url}{IMAGES}" in str(error.value)
    assert words in str(error.value)
    assert "set LOSSBOOK_DATA" in str(error.value)
    assert list(cache.iterdir()) == []


def test_a_connection_that_breaks_off_leaves_nothing_in_the_cache(mirror, cache):
    mirror.breaks_off = True
    with pytest.raises(DatasetError, match=IMAGES):
        datasets.mnist()
    assert list(cache.iterdir()) == []


def test_an_interrupt_during_the_download_leaves_nothing_in_the_cache(
    mirror, cache, monkeypatch
):
    def interrupted(self, url, output_file, pooch):
        Path(output_file).write_bytes(GOOD[IMAGES][:100])
        raise KeyboardInterrupt

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        datasets.mnist()
    assert list(cache.iterdir()) == []


def test_without_network_all_mirrors_are_listed_with_what_each_said(monkeypatch):
    first, second = refusing_url(), refusing_url()
    monkeypatch.setattr(datasets, "MIRRORS", (first, second))
    with pytest.raises(DatasetError) as error:
        datasets.mnist()
    message = str(error.value)
    assert first in message
    assert second in message
    assert message.count("refused") == 2
    assert IMAGES in message
    assert "set LOSSBOOK_DATA" in message


def test_a_network_that_never_answers_is_given_up_soon(monkeypatch, capsys):
    monkeypatch.setattr(datasets, "KNOCK_SECONDS", 0.3)
    with silent_url() as first, silent_url() as second:
        monkeypatch.setattr(datasets, "MIRRORS", (first, second))
        # Any wait but the knock would last until pytest ends this test.
        monkeypatch.setattr(datasets, "TIMEOUT", (1e6, 1e6))
        assert datasets.mnist_or_digits().name == "digits"


def test_a_name_server_that_never_answers_is_given_up_soon(monkeypatch):
    released = threading.Event()  # no time limit of a library ends such a wait
    monkeypatch.setattr("requests.head", lambda *_, **__: released.wait())
    monkeypatch.setattr(datasets, "KNOCK_SECONDS", 0.2)
    with pytest.raises(DatasetError, match=r"no answer within 0\.2 s"):
        datasets.mnist()
    released.set()


def test_by_default_a_dead_network_costs_a_few_seconds_at_most():
    assert BY_DEFAULT <= 5


def test_an_unwritable_cache_names_the_folder_and_the_remedy(
    tmp_path, mirror, monkeypatch
):
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "cache"  # even root cannot make a folder here
    monkeypatch.setattr(datasets, "_cache_folder", lambda: folder)
    with pytest.raises(DatasetError) as error:
        datasets.mnist()
    assert str(folder) in str(error.value)
    assert "cannot be written" in str(error.value)
    assert "set LOSSBOOK_DATA" in str(error.value)
    assert mirror.asked == []


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_read_only_cache_names_the_folder(cache, mirror):
    cache.mkdir(mode=0o500)
    with pytest.raises(DatasetError, match="cannot be written"):
        datasets.mnist()


def test_offline_forbids_downloads_and_the_error_says_so(mirror, monkeypatch):
    monkeypatch.setenv("LOSSBOOK_OFFLINE", "1")
    with pytest.raises(DatasetError, match="LOSSBOOK_OFFLINE forbids downloads"):
        datasets.mnist()
    assert mirror.asked == []
    monkeypatch.setenv("LOSSBOOK_OFFLINE", "0")
    assert_is_tiny_mnist(datasets.mnist())


def test_an_error_says_that_lossbook_data_lacks_the_file(own, monkeypatch):
    (own / LABELS).unlink()
    monkeypatch.setenv("LOSSBOOK_OFFLINE", "1")
    with pytest.raises(DatasetError) as error:
        datasets.mnist()
    assert f"LOSSBOOK_DATA: there is no {own / LABELS}" in str(error.value)


# --- two processes --------------------------------------------------------------


def load_in_a_process(mirror_url: str, folder: Path) -> bytes:
    datasets._FILES, datasets.MIRRORS = FILES, (mirror_url,)
    datasets._cache_folder = lambda: folder
    datasets.KNOCK_SECONDS = 300.0
    data = datasets.mnist()
    return data.x_train.tobytes() + data.x_test.tobytes()


def test_two_processes_may_fill_one_cache_at_the_same_time(mirror, cache):
    mirror.meeting = threading.Barrier(2)  # neither gets a file before both ask for it
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        jobs = [pool.submit(load_in_a_process, mirror.url, cache) for _ in range(2)]
        loaded = [job.result() for job in jobs]
    assert loaded[0] == loaded[1] == TINY[IMAGES][16:] + TINY[T10K][16:]
    assert sorted(mirror.asked) == sorted(2 * list(GOOD))
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == GOOD


# --- the real MNIST -------------------------------------------------------------


@pytest.mark.skipif(
    not (MNIST / IMAGES).exists(),
    reason="the real MNIST is not here: set LOSSBOOK_DATA to its folder",
)
def test_the_real_mnist_is_read_in_little_more_than_the_time_to_unpack_it(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("LOSSBOOK_DATA", str(MNIST))
    monkeypatch.setenv("LOSSBOOK_OFFLINE", "1")
    before = time.process_time()  # another job must not fail it
    for name in GOOD:
        hashlib.sha256(gzip.decompress((MNIST / name).read_bytes())).digest()
    unpacked = time.process_time()
    data = datasets.mnist()
    assert time.process_time() - unpacked < 4 * (unpacked - before)
    assert data.x_train.shape == (60_000, 28, 28)
    assert data.x_test.shape == (10_000, 28, 28)
    assert data.y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(data.y_test).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    # The mean and deviation that every tutorial normalises with.
    assert data.x_train.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert data.x_train.std() / 255 == pytest.approx(0.3081, abs=5e-5)


# --- the digits -----------------------------------------------------------------


def test_the_digits_have_the_form_of_mnist():
    data = datasets.digits()
    assert data.name == "digits"
    assert data.x_train.shape == (1442, 28, 28)
    assert data.x_test.shape == (355, 28, 28)
    assert data.x_train.dtype == np.uint8
    assert data.y_train.dtype == np.int64
    assert data.x_train.max() == 255


def test_the_digits_are_the_same_bytes_on_every_machine():
    data = datasets.digits()
    content = hashlib.sha256()
    for part in (data.x_train, data.x_test):
        content.update(part.tobytes())
    for labels in (data.y_train, data.y_test):
        content.update(labels.astype(np.uint8).tobytes())
    assert content.hexdigest() == (
        "02ff72f057b24673b172efe304d367d21c3492cf3a39b8917575b455d6b72d76"
    )


def test_the_split_holds_a_fifth_of_each_class_back_without_overlap():
    data = datasets.digits()
    test, train = np.bincount(data.y_test), np.bincount(data.y_train)
    assert np.array_equal(test, (test + train) // 5)
    seen = {image.tobytes() for image in data.x_train}
    assert not any(image.tobytes() in seen for image in data.x_test)


def test_enlarging_keeps_flat_and_linear_images_as_they_are():
    flat = datasets._enlarge(np.full((1, 8, 8), 16))[0]
    assert np.all(flat[4:24, 4:24] == 255)
    assert flat.sum() == 255 * 400  # and nothing in the margin
    ramp = datasets._enlarge(np.tile(2 * np.arange(8), (1, 8, 1)))[0]
    # Away from the border, pixel centre x of 20 lies at (x + 1/2) 8/20 - 1/2 of 8.
    x = np.arange(4, 16)
    expected = 2 * ((x + 0.5) * 8 / 20 - 0.5) * 255 / 16
    assert np.abs(ramp[14, 4 + x] - expected).max() <= 0.5


def test_the_enlarged_digits_are_still_the_digits():
    from sklearn.datasets import load_digits

    original = load_digits().images
    enlarged = datasets._enlarge(original.astype(np.int64))[:, 4:24, 4:24]
    shrunk = enlarged.repeat(2, 1).repeat(2, 2).reshape(-1, 8, 5, 8, 5).mean((2, 4))
    assert np.abs(shrunk * 16 / 255 - original).mean() < 1.0


# --- MNIST or the digits --------------------------------------------------------


def test_mnist_is_taken_where_it_can_be_had(mirror, capsys):
    assert_is_tiny_mnist(datasets.mnist_or_digits())
    assert capsys.readouterr().out == ""


def test_the_digits_step_in_aloud_and_in_the_same_words_everywhere(capsys, monkeypatch):
    said = []
    for offline in ("0", "1"):
        monkeypatch.setenv("LOSSBOOK_OFFLINE", offline)
        assert datasets.mnist_or_digits().name == "digits"
        said.append(capsys.readouterr().out)
    assert "1,797 small digits stand in" in said[0]
    assert said[0] == said[1]
    assert said[0].count("\n") == 1


def test_a_damaged_file_of_the_user_is_not_hidden_by_the_digits(own):
    (own / IMAGES).write_bytes(b"")
    with pytest.raises(DatasetError, match="unset LOSSBOOK_DATA"):
        datasets.mnist_or_digits()


# --- missing libraries ----------------------------------------------------------


def test_missing_scikit_learn_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'sklearn.*pip install "lossbook\[data\]"'):
        datasets.digits()


@pytest.mark.parametrize("module", ["pooch", "tqdm"])
def test_missing_download_libraries_name_the_extra(module, mirror, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'{module}.*"lossbook\[data\]"'):
        datasets.mnist()
    assert datasets.mnist_or_digits().name == "digits"


def test_files_of_the_user_need_no_download_library(own, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert_is_tiny_mnist(datasets.mnist())


def test_importing_the_module_loads_numpy_alone():
    heavy = ["pooch", "tqdm", "sklearn", "scipy", "requests", "matplotlib", "torch"]
    code = (
        "import sys, lossbook.datasets\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# --- XOR ------------------------------------------------------------------------


def test_xor_is_one_where_exactly_one_input_is_one():
    x, y = datasets.xor()
    assert x.shape == (4, 2)
    assert x.dtype == y.dtype == np.float64
    assert {(a, b): c for (a, b), c in zip(x.tolist(), y.tolist(), strict=True)} == {
        (0, 0): 0,
        (0, 1): 1,
        (1, 0): 1,
        (1, 1): 0,
    }


def test_xor_repeats_with_noise_of_the_asked_size_and_keeps_the_labels():
    x, y = datasets.xor(repeats=500, noise=0.1, seed=3)
    clean, labels = datasets.xor(repeats=500)
    assert x.shape == (2000, 2)
    assert np.array_equal(y, labels)
    assert np.std(x - clean) == pytest.approx(0.1, rel=0.05)
    assert np.array_equal(x, datasets.xor(repeats=500, noise=0.1, seed=3)[0])
    assert not np.array_equal(x, datasets.xor(repeats=500, noise=0.1, seed=4)[0])


@pytest.mark.parametrize("wrong", [{"repeats": 0}, {"noise": -1.0}, {"noise": np.nan}])
def test_xor_refuses_values_without_meaning(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}="):
        datasets.xor(**wrong)


def test_no_warning_of_a_library_reaches_a_reader(monkeypatch):
    """In a notebook without ipywidgets, tqdm warns while pooch is being loaded."""

    def load(module):
        warnings.warn("IProgress not found. Please update jupyter.", stacklevel=2)
        return module

    monkeypatch.setattr(datasets.importlib, "import_module", load)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert datasets._need("pooch") == "pooch"
