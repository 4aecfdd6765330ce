"""The data of the book: MNIST, the small digits that stand in for it, and XOR.

``mnist()`` looks in the folder that ``$LOSSBOOK_DATA`` names, then in the user's
cache, then on the public mirrors. Whatever it finds is decompressed and compared
with the known sha256 before it is used. Importing this module needs NumPy alone;
pooch, tqdm and scikit-learn are loaded by the functions that use them.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import os
import tempfile
import threading
import time
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Dataset", "DatasetError", "digits", "mnist", "mnist_or_digits", "xor"]

Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
KNOCK_SECONDS = 4.0  # how long the mirrors have to show that there is a network
TIMEOUT = (4.0, 20.0)  # seconds to connect, and to wait for the next bytes


class DatasetError(RuntimeError):
    """Data are missing or damaged; the message names the file and the remedy."""


class _Unavailable(DatasetError):
    """MNIST is neither on this machine nor within reach."""


class _BadFile(ValueError):
    """What is wrong with one file; the caller knows where it lay and what helps."""


class _IdxFile(NamedTuple):
    """One of the four files, and what it holds once decompressed."""

    name: str
    shape: tuple[int, ...]
    sha256: str


_FILES = (
    _IdxFile(
        "train-images-idx3-ubyte.gz",
        (60_000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    _IdxFile(
        "train-labels-idx1-ubyte.gz",
        (60_000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    _IdxFile(
        "t10k-images-idx3-ubyte.gz",
        (10_000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    _IdxFile(
        "t10k-labels-idx1-ubyte.gz",
        (10_000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and labels, split into a training and a test set.

    Attributes
    ----------
    x_train, x_test : ndarray of uint8, shape (n, 28, 28)
        Brightness from 0 (paper) to 255 (ink).
    y_train, y_test : ndarray of int64, shape (n,)
        Labels 0 to 9. PyTorch's losses insist on int64; the others take it.
    name : str
        ``"mnist"`` or ``"digits"``.
    """

    x_train: Bytes
    y_train: Labels
    x_test: Bytes
    y_test: Labels
    name: str

    def __repr__(self) -> str:
        """Say what there is in one line that is the same on every machine."""
        side = " x ".join(str(n) for n in self.x_train.shape[1:])
        return (
            f"<{self.name}: {len(self.x_train)} training and "
            f"{len(self.x_test)} test images of {side}>"
        )


def mnist() -> Dataset:
    """Load MNIST, from this machine or from a public mirror.

    Each of the four files is looked for in the folder ``$LOSSBOOK_DATA``, then in
    the user's cache, and is downloaded into that cache otherwise, unless
    ``LOSSBOOK_OFFLINE=1``.

    Returns
    -------
    Dataset
        60,000 training and 10,000 test images of 28 x 28.

    Raises
    ------
    DatasetError
        A file in ``$LOSSBOOK_DATA`` is damaged (it is yours and stays as it is), no
        mirror gives a good copy, or the cache cannot be written.
    ImportError
        A download is due and pooch or tqdm is missing.

    References
    ----------
    LeCun, Y., Bottou, L., Bengio, Y. and Haffner, P. (1998). Gradient-based learning
    applied to document recognition. Proceedings of the IEEE, 86(11), 2278-2324.
    """
    found: dict[str, Bytes] = {}
    missing: list[_IdxFile] = []
    notes: list[str] = []
    for file in _FILES:
        values = _at_hand(file, notes)
        if values is None:
            missing.append(file)
        else:
            found[file.name] = values
    if missing:
        found |= _download_all(missing, notes)
    x_train, y_train, x_test, y_test = (found[file.name] for file in _FILES)
    return Dataset(
        x_train, y_train.astype(np.int64), x_test, y_test.astype(np.int64), "mnist"
    )


def mnist_or_digits() -> Dataset:
    """Load MNIST, or the small digits, saying so, where MNIST is out of reach.

    Returns
    -------
    Dataset
        Its ``name`` says which of the two came.

    Raises
    ------
    DatasetError
        A file in ``$LOSSBOOK_DATA`` is damaged: that is to be mended, not hidden.
    ImportError
        scikit-learn, which holds the digits, is missing too.
    """
    try:
        return mnist()
    except (_Unavailable, ImportError):
        small = digits()
        # The same words on every machine, since notebooks store what is printed.
        print(
            "MNIST is not on this machine and could not be downloaded, so "
            "scikit-learn's 1,797 small digits stand in for it "
            "(lossbook.datasets.mnist() says why)."
        )
        return small


def digits() -> Dataset:
    """Load scikit-learn's 1,797 handwritten digits, brought to 28 x 28 pixels.

    The 8 x 8 originals (0 to 16) are enlarged to 20 x 20 by cubic interpolation and
    set in the middle of 28 x 28, as MNIST's are. The last fifth of each class is
    the test set: neighbouring rows come from the same writer, and a random split
    would test on hands that were seen in training (1-nearest-neighbour then gets
    nearly 99 % right instead of 96.1 %).

    Returns
    -------
    Dataset
        1,442 training and 355 test images, the same ones every time.

    Raises
    ------
    ImportError
        scikit-learn is missing.

    References
    ----------
    Alpaydin, E. and Kaynak, C. (1998). Optical Recognition of Handwritten Digits.
    UCI Machine Learning Repository. doi:10.24432/C50P49.
    """
    source = _need("sklearn.datasets").load_digits()
    images = _enlarge(source.images.astype(np.int64))
    labels = source.target.astype(np.int64)
    test = _last_fifth_of_each_class(labels)
    return Dataset(images[~test], labels[~test], images[test], labels[test], "digits")


def xor(repeats: int = 1, noise: float = 0.0, seed: int = 0) -> tuple[Floats, Floats]:
    """Return the four points of XOR, repeated and scattered if asked.

    Parameters
    ----------
    repeats : int
        How often the four points come, at least 1.
    noise : float
        Standard deviation of the Gaussian noise added to ``x``, at least 0.
    seed : int
        Seed of that noise.

    Returns
    -------
    x : ndarray of float64, shape (4 * repeats, 2)
        The corners (0, 0), (0, 1), (1, 0), (1, 1), over and over.
    y : ndarray of float64, shape (4 * repeats,)
        1 where exactly one of the two inputs is 1, before the noise.

    Raises
    ------
    ValueError
        ``repeats`` is below 1 or ``noise`` is negative.
    """
    if repeats < 1:
        raise ValueError(f"repeats={repeats}: XOR needs its points, pass 1 or more")
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise={noise}: a standard deviation is 0 or more")
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    x = np.tile(corners, (repeats, 1))
    y = np.tile([0.0, 1.0, 1.0, 0.0], repeats)
    return x + np.random.default_rng(seed).normal(0.0, noise, x.shape), y


# --- MNIST: what is on this machine ---------------------------------------------


def _at_hand(file: _IdxFile, notes: list[str]) -> Bytes | None:
    """Return the file's values from $LOSSBOOK_DATA or the cache, if they are there."""
    own = os.environ.get("LOSSBOOK_DATA")
    if own:
        path = Path(own).expanduser() / file.name
        try:
            values = _read(path, file)
        except _BadFile as fault:
            raise DatasetError(
                f"{path}: {fault}. Replace it with a good copy or delete it; "
                "or unset LOSSBOOK_DATA, and the cache and the mirrors are used."
            ) from fault
        if values is not None:
            return values
        notes.append(f"LOSSBOOK_DATA: there is no {path}")
    path = _cache_folder() / file.name
    try:
        return _read(path, file)
    except _BadFile as fault:
        print(f"{path}: {fault}, so it is not used.")
        notes.append(f"cache: {path}: {fault}")
        return None


def _read(path: Path, file: _IdxFile) -> Bytes | None:
    """Return the values in the file at ``path``, or None where there is no file."""
    try:
        packed = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as fault:
        raise _BadFile(f"cannot be read ({fault.strerror})") from fault
    return _decode(packed, file)


def _decode(packed: bytes, file: _IdxFile) -> Bytes:
    """Unpack one gzipped IDX file, and accept nothing but the known content."""
    try:
        raw = gzip.decompress(packed)
    except EOFError as fault:
        raise _BadFile("is cut short (truncated gzip)") from fault
    except (gzip.BadGzipFile, zlib.error) as fault:
        raise _BadFile(f"is no sound gzip file ({fault})") from fault
    values = _parse_idx(raw, len(file.shape))
    if values.shape != file.shape:
        raise _BadFile(
            f"has the wrong counts ({_times(values.shape)}, "
            f"MNIST has {_times(file.shape)})"
        )
    if hashlib.sha256(raw).hexdigest() != file.sha256:
        raise _BadFile("is not MNIST (its sha256 after decompression differs)")
    return values


def _parse_idx(raw: bytes, ndim: int) -> Bytes:
    """Return the array of an IDX file: magic, one uint32 an axis, then the bytes."""
    magic = bytes([0, 0, 8, ndim])  # 8 stands for unsigned bytes
    if raw[:4] != magic:
        raise _BadFile(
            f"has the wrong magic number (0x{raw[:4].hex()}, expected 0x{magic.hex()})"
        )
    start = 4 + 4 * ndim
    if len(raw) < start:
        raise _BadFile(f"ends inside its header ({len(raw)} of {start} bytes)")
    shape = [int(n) for n in np.frombuffer(raw, ">u4", ndim, offset=4)]
    announced, present = int(np.prod(shape, dtype=object)), len(raw) - start
    if announced != present:
        raise _BadFile(
            f"has the wrong counts (its header announces {announced} values, "
            f"but {present} follow)"
        )
    # A copy, because torch warns at arrays that cannot be written.
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape).copy()


def _times(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape)


# --- MNIST: what has to be fetched ----------------------------------------------


def _cache_folder() -> Path:
    return Path(_need("pooch").os_cache("lossbook")) / "mnist"


def _download_all(files: Sequence[_IdxFile], notes: list[str]) -> dict[str, Bytes]:
    """Fetch the files into the cache; ``notes`` tell what was found before."""
    folder = _cache_folder()
    if os.environ.get("LOSSBOOK_OFFLINE", "0") not in ("", "0"):
        raise _unavailable(files[0], [*notes, "LOSSBOOK_OFFLINE forbids downloads"])
    _make_writable(folder)
    answers = _knock(MIRRORS)
    notes = [*notes, *(f"{url}: {said}" for url, said in answers.items() if said)]
    awake = [url for url, said in answers.items() if not said]
    return {file.name: _download(file, awake, folder, notes) for file in files}


def _download(
    file: _IdxFile, mirrors: Sequence[str], folder: Path, notes: Sequence[str]
) -> Bytes:
    """Fetch one file from the first mirror that has a good copy."""
    said = list(notes)
    for mirror in mirrors:
        try:
            return _fetch(mirror + file.name, folder / file.name, file)
        except (_BadFile, OSError) as fault:  # requests' errors are OSErrors
            said.append(f"{mirror}{file.name}: {fault}")
    raise _unavailable(file, said)


def _fetch(url: str, target: Path, file: _IdxFile) -> Bytes:
    """Download beside the target, look inside, and only then put it in its place."""
    handle, name = tempfile.mkstemp(".part", f"{file.name}.", target.parent)
    os.close(handle)
    part = Path(name)
    try:
        # pooch sets the total; until then it must not be 0, which makes a bar falsy.
        bar = _need("tqdm").tqdm(desc=file.name, total=1, unit="B", unit_scale=True)
        with bar:
            fetch = _need("pooch").HTTPDownloader(
                progressbar=bar, chunk_size=1 << 16, timeout=TIMEOUT
            )
            fetch(url, str(part), None)
        values = _decode(part.read_bytes(), file)
        os.replace(part, target)
        return values
    finally:
        part.unlink(missing_ok=True)


def _knock(mirrors: Sequence[str]) -> dict[str, str]:
    """Ask all mirrors at once whether they are there; "" means yes.

    A machine without a network may wait long for a name or an address, and a
    library's time limit holds for each address in turn. So the questions go out in
    threads that are left behind when the time is up.
    """
    requests = _need("requests")
    said = dict.fromkeys(mirrors, f"no answer within {KNOCK_SECONDS:g} s")

    def ask(url: str) -> None:
        try:
            requests.head(url, timeout=KNOCK_SECONDS)
            said[url] = ""
        except requests.RequestException as fault:
            # Of a failed connection only the innermost reason tells something.
            said[url] = str(getattr(fault.args[0], "reason", fault))

    threads = [threading.Thread(target=ask, args=[m], daemon=True) for m in mirrors]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + KNOCK_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(said)


def _make_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as fault:
        raise _Unavailable(
            f"{folder}: the cache cannot be written ({fault.strerror}). Make it "
            "writable, or set LOSSBOOK_DATA to a folder with the four MNIST files."
        ) from fault


def _unavailable(file: _IdxFile, said: Sequence[str]) -> _Unavailable:
    """Build the error that lists all places and what each of them said."""
    listed = "".join(f"\n  - {line}" for line in said)
    return _Unavailable(
        f"{file.name}: no good copy found.{listed}\n"
        "Connect to the network and try again, or set LOSSBOOK_DATA to a folder with "
        f"the four MNIST files ({', '.join(f.name for f in _FILES)})."
    )


# --- the small digits -----------------------------------------------------------


def _enlarge(images: npt.NDArray[np.int64]) -> Bytes:
    """Bring (n, 8, 8) values of 0 to 16 to (n, 28, 28) bytes.

    Whole numbers throughout, so that all machines get the same bytes.
    """
    weights = _cubic_weights()
    full = 16 * 2000 * 2000
    scaled = (weights @ images @ weights.T * 255 + full // 2) // full
    ink = np.clip(scaled, 0, 255).astype(np.uint8)
    return np.pad(ink, ((0, 0), (4, 4), (4, 4)))


def _cubic_weights() -> npt.NDArray[np.int64]:
    """Return the (20, 8) matrix of cubic convolution (Keys 1981), times 2000."""
    weights = np.zeros((20, 8), np.int64)
    for row in range(20):
        # Pixel centres: row i of 20 lies at (i + 1/2) 8/20 - 1/2 = (4 i - 3) / 10.
        column, t = divmod(4 * row - 3, 10)
        kernel = (
            -(t**3) + 20 * t**2 - 100 * t,
            3 * t**3 - 50 * t**2 + 2000,
            -3 * t**3 + 40 * t**2 + 100 * t,
            t**3 - 10 * t**2,
        )
        for offset, weight in enumerate(kernel, start=column - 1):
            weights[row, min(max(offset, 0), 7)] += weight
    return weights


def _last_fifth_of_each_class(labels: Labels) -> npt.NDArray[np.bool_]:
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen[rows[-(len(rows) // 5) :]] = True
    return chosen


def _need(module: str) -> Any:
    """Import a library that the core of lossbook does without."""
    try:
        with warnings.catch_warnings():
            # pooch loads tqdm's bar for notebooks, which warns without ipywidgets.
            warnings.filterwarnings("ignore", "IProgress not found")
            return importlib.import_module(module)
    except ImportError as fault:
        raise ImportError(
            f"this part of lossbook needs {module.split('.')[0]}: "
            'pip install "lossbook[data]"'
        ) from fault
