"""Data sets, splits and tables: what is read, what is missing, what is damaged. No test uses the network."""

import email.message
import hashlib
import io
import os
import pickle
import re
import shlex
import sys
import urllib.request
import urllib.response
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from sklearn.datasets import load_digits

from ganod_study import datasets
from ganod_study.__main__ import main
from ganod_study.datasets import (
    EMBEDDED_TABLES,
    SHAPES,
    TABLES,
    ImageSet,
    MissingData,
    alexnet_weights,
    available,
    data_root,
    fetch,
    load_folder,
    load_images,
    load_lsun,
    load_scenes,
    load_table,
    make_onecluster,
    one_versus_all,
    read_table,
)
from ganod_study.image_files import as_square


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        pytest.fail("something tried to download")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(torch.hub, "urlopen", refuse)


@pytest.fixture
def real():
    """A function that gives the root of the real data, or skips where `name` is not there."""

    def root(name):
        if not os.environ.get("GANOD_DATA"):
            pytest.skip("needs real data: GANOD_DATA is not set")
        if not available()[name]:
            pytest.skip(f"needs real data: {name} is not under GANOD_DATA")
        return data_root()

    return root


def write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def write_mnist(raw, n=20):
    """MNIST's four files, with images that are all 255."""
    for part in ("train", "t10k"):
        write_idx(raw / f"{part}-images-idx3-ubyte", np.full((n, 28, 28), 255))
        write_idx(raw / f"{part}-labels-idx1-ubyte", np.arange(n) % 10)


def write_image(path, value=0, size=(32, 32), mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path, **options)
    return path


def write_csv(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# The root


def test_the_root_is_the_argument_then_the_environment_then_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANOD_DATA", str(tmp_path / "environment"))
    assert data_root(tmp_path / "argument") == tmp_path / "argument"
    assert data_root() == tmp_path / "environment"
    monkeypatch.setenv("GANOD_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert data_root() == tmp_path / "cache" / "ganod"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert data_root() == tmp_path / "home" / ".cache" / "ganod"
    assert not list(tmp_path.iterdir())  # looking creates nothing


@pytest.mark.parametrize(
    "use",
    [
        data_root,
        available,
        lambda root: load_images("digits", root=root),
        lambda root: load_table("WDBC", root=root),
        alexnet_weights,
        lambda root: fetch("mnist", root),
    ],
)
def test_a_root_that_is_a_file_is_an_error(tmp_path, use):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(NotADirectoryError, match=f"must be a folder; {re.escape(str(file))} is a file"):
        use(file)


# Images


def test_digits_are_scikit_learns_with_each_pixel_doubled(tmp_path):
    digits = load_images("digits", root=tmp_path / "nothing", download=True)
    assert (digits.title, digits.classes) == ("Digits", tuple("0123456789"))
    assert digits.x_train.shape == (1197, 16, 16) and digits.x_test.shape == (600, 16, 16)
    assert digits.x_train.dtype == np.uint8
    shares = np.bincount(digits.y_test) / 600 - np.bincount(digits.y_train) / 1197
    assert np.abs(shares).max() < 0.002  # stratified

    x, y = load_digits(return_X_y=True)
    mine = np.concatenate([digits.x_train, digits.x_test])
    np.testing.assert_array_equal(mine[:, ::2, ::2], mine[:, 1::2, 1::2])
    back = np.column_stack([mine[:, ::2, ::2].reshape(-1, 64) / 255 * 16, [*digits.y_train, *digits.y_test]])
    # Every digit once: the same rows in another order.
    assert sorted(map(tuple, back.round().astype(int))) == sorted(map(tuple, np.column_stack([x, y]).astype(int)))
    np.testing.assert_array_equal(load_images("digits").y_test, digits.y_test)


def test_mnist_is_padded_with_zeros(tmp_path):
    write_mnist(tmp_path / "MNIST" / "raw")
    mnist = load_images("mnist", root=tmp_path)
    assert (mnist.name, mnist.title, mnist.classes) == ("mnist", "MNIST", tuple("0123456789"))
    for x, y in ((mnist.x_train, mnist.y_train), (mnist.x_test, mnist.y_test)):
        assert x.shape == (20, 32, 32) and x.dtype == np.uint8
        assert (x[:, 2:-2, 2:-2] == 255).all() and x.sum() == 20 * 28 * 28 * 255
        np.testing.assert_array_equal(y, np.arange(20) % 10)


def test_damaged_mnist_is_an_error_that_names_the_folder(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    write_mnist(raw)
    file = raw / "t10k-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match=f"MNIST in {re.escape(str(raw))} is damaged.*Delete that folder"):
        load_images("mnist", root=tmp_path)


def test_cifar10_comes_from_torchvisions_files_before_the_folder(tmp_path, monkeypatch):
    for file in datasets.LAYOUTS["cifar10"][0]:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    with pytest.raises(ValueError, match=r"CIFAR-10 in .*cifar-10-batches-py is damaged.*corrupted"):
        load_images("cifar10", root=tmp_path)


def test_cifar10_has_one_order_in_both_layouts(tmp_path, monkeypatch):
    """That of the folder, by class and file name: the pickled batches are shuffled."""
    rng = np.random.RandomState(0)
    batches = {True: ["data_batch_1", "data_batch_2"], False: ["test_batch"]}
    for batch in sum(batches.values(), []):
        split, images = ("test" if batch == "test_batch" else "train"), rng.randint(256, size=(40, 32, 32, 3))
        labels = rng.randint(10, size=40).tolist()
        names = [f"{'ab'[i % 2]}_s_{i:06}{batch[-1]}" for i in range(40)]
        for image, label, name in zip(images.astype(np.uint8), labels, names):
            path = tmp_path / "cifar10" / split / datasets.CLASSES["cifar10"][label] / f"{name}.webp"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path, lossless=True)
        folder = tmp_path / "cifar-10-batches-py"
        folder.mkdir(exist_ok=True)
        content = {"data": images.astype(np.uint8).transpose(0, 3, 1, 2).reshape(40, -1), "labels": labels}
        (folder / batch).write_bytes(pickle.dumps(content | {"filenames": [f"{name}.png" for name in names]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(datasets.CLASSES["cifar10"])}))
    for batch in {file.name for file in folder.iterdir()} ^ set(datasets.CIFAR10_BATCHES):
        (folder / batch).touch()
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *args: True)
    for name, train in (("train_list", True), ("test_list", False)):
        monkeypatch.setattr(torchvision.datasets.CIFAR10, name, [[batch, ""] for batch in batches[train]])
    ours, folder_s = load_images("cifar10", root=tmp_path), datasets.load_folder(tmp_path / "cifar10")
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(folder_s, name), err_msg=name)
    assert ours.classes == folder_s.classes == datasets.CLASSES["cifar10"]

    monkeypatch.setattr(datasets, "CIFAR10_TEST_SHA256", datasets.digest_of_test(ours))
    (folder / "test_batch").unlink()
    np.testing.assert_array_equal(load_images("cifar10", root=tmp_path).x_test, ours.x_test)
    last = sorted((tmp_path / "cifar10" / "test" / "cat").iterdir())[-1]
    last.rename(last.with_name("a.webp"))  # the first of its class
    with pytest.raises(ValueError, match="not all of CIFAR-10: .* under the names that they have in CIFAR-10"):
        load_images("cifar10", root=tmp_path)


def test_less_than_all_of_cifar10_is_not_cifar10(tmp_path):
    for split in ("train", "test"):
        for name in datasets.CLASSES["cifar10"]:
            write_image(tmp_path / "cifar10" / split / name / "0.webp", lossless=True)
    with pytest.raises(ValueError, match="not all of CIFAR-10: it has 10 training and 10 test images"):
        load_images("cifar10", root=tmp_path)


def test_an_unknown_name_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match="'svhn'; allowed are digits, mnist, cifar10"):
        load_images("svhn")
    with pytest.raises(ValueError, match="'wdbc'; allowed are onecluster, Annthyroid.*onecluster-generated"):
        load_table("wdbc")
    with pytest.raises(ValueError, match="'digits' can't be downloaded; allowed are mnist, cifar10, gaal, alexnet"):
        fetch("digits")


# Folders of images


@pytest.mark.parametrize("test", ["test", "val"])
def test_a_folder_is_read_by_class_in_any_format(tmp_path, test):
    folder = tmp_path / "shapes"
    write_image(folder / "train" / "square" / "b.png", (10, 20, 30))
    write_image(folder / "train" / "square" / "a.bmp", (11, 20, 30))
    write_image(folder / "train" / "disc" / "z.webp", (12, 20, 30), lossless=True)
    write_image(folder / test / "square" / "gray.TIFF", 40, mode="L")
    write_image(folder / test / "odd" / "clear.png", (50, 60, 70, 0), mode="RGBA")
    for name in (".hidden.png", "notes.txt", "Thumbs.db"):
        (folder / "train" / "square" / name).write_text("no image")
    (folder / "train" / ".cache").mkdir()
    write_image(folder / "train" / "contact-sheet.png", (1, 2, 3))  # in no class

    images = load_folder(folder, size=32)
    assert (images.name, images.classes) == ("shapes", ("disc", "odd", "square"))
    assert images.x_train.shape == (3, 32, 32, 3) and images.x_train.dtype == np.uint8
    assert images.x_train[:, 5, 5, 0].tolist() == [12, 11, 10] and images.y_train.tolist() == [0, 2, 2]
    assert images.x_test[:, 5, 5].tolist() == [[255, 255, 255], [40, 40, 40]]  # clear: white
    assert images.y_test.tolist() == [1, 2]


@pytest.mark.parametrize("content", [b"", b"no image at all", "half"])
def test_an_unreadable_image_is_named(tmp_path, content):
    write_image(tmp_path / "train" / "a" / "1.png")
    bad = write_image(tmp_path / "test" / "a" / "2.png")
    if content == "half":
        Image.effect_noise((64, 64), 50).save(bad)
        content = bad.read_bytes()[:2000]
    bad.write_bytes(content)
    with pytest.raises(ValueError, match=f"The image {re.escape(str(bad))} can't be read"):
        load_folder(tmp_path)


def test_a_folder_of_another_layout_is_an_error(tmp_path):
    write_image(tmp_path / "train" / "1.png")
    with pytest.raises(FileNotFoundError, match=r"must hold the folders train and test \(or val\)"):
        load_folder(tmp_path)
    write_image(tmp_path / "test" / "a" / "1.png")
    with pytest.raises(FileNotFoundError, match="train holds no folders, one for each class"):
        load_folder(tmp_path)
    (tmp_path / "train" / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty holds no images"):
        load_folder(tmp_path)
    write_image(tmp_path / "train" / "empty" / "1.png")
    with pytest.raises(ValueError, match="size"):
        load_folder(tmp_path, size=0)


def test_folders_below_a_class_belong_to_it_and_its_name_has_one_form(tmp_path):
    for i, file in enumerate(("train/caf\u00e9/b.png", "train/caf\u00e9/camera2/a.png", "test/cafe\u0301/c.JPG")):
        write_image(tmp_path / file, i)
    for hidden in ("train/__MACOSX/caf\u00e9/b.png", "train/caf\u00e9/.thumbnails/b.png"):
        write_image(tmp_path / hidden)
    images = load_folder(tmp_path)
    assert images.classes == ("caf\u00e9",) and images.y_test.tolist() == [0]
    assert images.x_train[:, 0, 0, 0].tolist() == [0, 1]
    write_image(tmp_path / "train/stray.png")  # of no class
    (tmp_path / "train/caf\u00e9/b.png").unlink()
    images = load_folder(tmp_path)
    assert images.x_train.shape == (1, 32, 32, 3) and images.y_train.tolist() == [0]


def test_scenes_are_a_folder_under_its_own_name(tmp_path):
    with pytest.raises(MissingData, match="Scenes not found: there is no scenes/train, scenes/val under .* your own"):
        load_scenes(root=tmp_path)
    write_image(tmp_path / "scenes" / "train" / "bedroom" / "1.jpg", size=(90, 70))
    write_image(tmp_path / "scenes" / "val" / "kitchen" / "1.jpg")
    assert available(tmp_path)["scenes"]
    scenes = load_scenes(root=tmp_path)
    assert (scenes.name, scenes.classes) == ("scenes", ("bedroom", "kitchen"))
    assert scenes.x_train.shape == (1, 64, 64, 3)


@pytest.fixture
def lsun(tmp_path):
    """A root with LSUN's bedrooms and churches, 5 + 3 images each, as its authors publish them: WebP under digests."""
    lmdb, draw = pytest.importorskip("lmdb"), np.random.RandomState(0)
    for name, n in (("bedroom_train", 5), ("bedroom_val", 3), ("church_outdoor_train", 5), ("church_outdoor_val", 3)):
        path = tmp_path / "lsun" / f"{name}_lmdb"
        path.mkdir(parents=True)
        with lmdb.open(str(path), map_size=2**24) as database, database.begin(write=True) as view:
            for pixels in draw.randint(256, size=(n, 40, 60, 3), dtype=np.uint8):
                packed = io.BytesIO()
                Image.fromarray(pixels).save(packed, "webp", lossless=True)
                view.put(hashlib.sha1(packed.getvalue()).hexdigest().encode(), packed.getvalue())
    return tmp_path


def test_lsun_is_read_as_torchvision_reads_it_and_only_as_far_as_asked(lsun, monkeypatch):
    scenes = load_lsun(["church_outdoor", "bedroom"], n_train=2, size=16, root=lsun)
    assert (scenes.title, scenes.classes) == ("LSUN", ("church_outdoor", "bedroom"))
    assert scenes.x_train.shape == (4, 16, 16, 3) and scenes.y_train.tolist() == [0, 0, 1, 1]
    assert scenes.x_test.shape == (6, 16, 16, 3) and scenes.y_test.tolist() == [0] * 3 + [1] * 3
    monkeypatch.chdir(lsun)  # torchvision leaves a file
    theirs = torchvision.datasets.LSUN(lsun / "lsun", classes=["church_outdoor_train", "bedroom_train"])
    for mine, i in enumerate([0, 1, 5, 6]):
        np.testing.assert_array_equal(scenes.x_train[mine], as_square(theirs[i][0], 16))
    for database in theirs.dbs:
        database.env.close()  # which may be open once only
    decoded = []
    monkeypatch.setattr(datasets, "as_square", lambda image, size: decoded.append(size) or 0)
    load_lsun("bedroom", n_train=2, n_test=1, size=8, root=lsun)
    assert decoded == [8] * 3


def test_categories_to_train_on_may_be_a_few(lsun):
    scenes = load_lsun(["bedroom", "church_outdoor"], trained=["church_outdoor"], size=8, root=lsun)
    assert scenes.y_train.tolist() == [1] * 5 and scenes.y_test.tolist() == [0] * 3 + [1] * 3
    with pytest.raises(MissingData, match="there is no lsun/conference_room_train_lmdb, lsun/bridge_val_lmdb"):
        load_images("lsun", root=lsun)
    assert not available(lsun)["lsun"]


def test_what_is_missing_or_damaged_of_lsun_is_named(lsun, monkeypatch):
    with pytest.raises(MissingData, match="LSUN not found: .* lsun/tower_train_lmdb, lsun/tower_val_lmdb under .*lsun"):
        load_lsun(["bedroom", "tower"], root=lsun)
    with pytest.raises(ValueError, match="n_train == 0"):
        load_lsun("bedroom", n_train=0, root=lsun)
    (lsun / "lsun" / "bedroom_val_lmdb" / "data.mdb").write_bytes(b"cut" * 9999)
    with pytest.raises(ValueError, match="bedroom_val_lmdb can't be read"):
        load_lsun("bedroom", root=lsun)
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(ImportError, match=r'lmdb is needed for this: pip install "ganod-lite\[lsun\]"'):
        load_lsun("bedroom", root=lsun)


def test_without_torchvision_the_error_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    write_mnist(tmp_path / "MNIST" / "raw")
    with pytest.raises(ImportError, match=r'torchvision is needed.*"ganod-lite\[images\]"'):
        load_images("mnist", root=tmp_path)


# The split


@pytest.fixture
def numbered():
    """120 training and 200 test images of 4 classes in order; an image's only pixel is its index."""
    return ImageSet(
        "numbered",
        "Numbered",
        np.arange(120, dtype=np.uint8).reshape(-1, 1, 1),
        np.arange(120) // 30,
        np.arange(200, dtype=np.uint8).reshape(-1, 1, 1),
        np.arange(200) // 50,
        ("north", "east", "south", "west"),
    )


def test_a_split_trains_on_one_class_and_tests_on_all(numbered):
    split = one_versus_all(numbered, 2, n_test=100, n_holdout=40, seed=0)
    assert split.x_train.ravel().tolist() == list(range(60, 90))
    np.testing.assert_array_equal(split.x_test.ravel(), split.test_index)
    np.testing.assert_array_equal(split.y_test, split.test_index // 50 != 2)
    np.testing.assert_array_equal(split.y_holdout, split.x_holdout.ravel() // 50 != 2)
    assert set(split.y_test.tolist()) == {0, 1} and split.y_test.dtype == np.int64
    drawn = {*split.x_test.ravel().tolist(), *split.x_holdout.ravel().tolist()}
    assert len(drawn) == 140  # each image once: the holdout shares none with the test
    # At random over the whole test set: each class about as often as it is there, in no order.
    assert np.bincount(split.test_index // 50).min() > 15
    assert (np.diff(split.test_index) > 0).mean() < 0.7


def test_the_test_images_depend_on_the_seed_alone(numbered):
    def draw(normal_class=0, seed=0, n_test=100, **others):
        return one_versus_all(numbered, normal_class, n_test=n_test, seed=seed, **others).test_index.tolist()

    first = draw(n_holdout=20)
    assert first == draw(normal_class=3, n_holdout=20, n_train=5) == draw(n_holdout=0)
    assert first[:10] == draw(n_test=10, n_holdout=20)
    assert first != draw(n_holdout=20, seed=1)


def test_the_holdout_is_the_same_at_every_scale_and_can_be_empty(numbered):
    big, small = (one_versus_all(numbered, 0, n_test=n, n_holdout=20, seed=0) for n in (180, 10))
    np.testing.assert_array_equal(big.x_holdout, small.x_holdout)
    assert len(one_versus_all(numbered, 0, n_test=200, n_holdout=0, seed=0).x_holdout) == 0


def test_training_images_are_drawn_from_the_class(numbered):
    few, more = (
        one_versus_all(numbered, 1, n_train=n, n_test=10, n_holdout=0, seed=3).x_train.ravel() for n in (10, 20)
    )
    assert len(few) == 10 and set(few) < set(more) < set(range(30, 60))
    other = one_versus_all(numbered, 1, n_train=10, n_test=10, n_holdout=0, seed=4).x_train.ravel()
    assert set(other) != set(few)


@pytest.mark.parametrize(
    ("normal_class", "numbers", "message"),
    [
        (4, {}, "normal_class: Numbered has no class 4; allowed are the numbers 0 to 3.*north, east, south"),
        (-1, {}, "no class -1"),
        ("east", {}, "no class 'east'"),
        (
            0,
            {"n_test": 150, "n_holdout": 51},
            "n_test=150 and n_holdout=51: .* only 200 test images",
        ),
        (0, {"n_train": 31}, "n_train=31: Numbered has only 30 training images of class north"),
        (0, {"n_train": 0}, "n_train"),
        (0, {"n_test": 0}, "n_test"),
        (0, {"n_holdout": -1}, "n_holdout"),
    ],
)
def test_a_split_that_can_not_be_is_an_error(numbered, normal_class, numbers, message):
    with pytest.raises(ValueError, match=message):
        one_versus_all(numbered, normal_class, **{"n_test": 10, "n_holdout": 10, "seed": 0, **numbers})


def test_a_class_without_training_images_can_not_be_normal(numbered):
    images = numbered._replace(classes=(*numbered.classes, "nowhere"))
    with pytest.raises(ValueError, match="only 0 training images of class nowhere"):
        one_versus_all(images, 4, n_test=10, n_holdout=0, seed=0)


# Tables


def test_a_table_is_read_from_its_csv(tmp_path):
    write_csv(tmp_path / "gaal" / "WDBC.csv", '1,"nor",0.5,1e-3\n2,"out",-1,0\n3,nor,2,7')
    table = load_table("WDBC", root=tmp_path)
    assert table.name == "WDBC" and table.X.dtype == np.float64
    np.testing.assert_array_equal(table.X, [[0.5, 1e-3], [-1, 0], [2, 7]])
    np.testing.assert_array_equal(table.y, [0, 1, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('1,"nor",1,2\n2,"out",3\n', "line 2: column 4 is missing; 4 columns are needed"),
        ('1,"nor"\n', "line 1: column 3 is missing; 3 columns are needed: an id, a label"),
        ('1,"nor",1\n\n2,"out",3,4\n', "line 3, column 4: earlier rows have 3 columns only"),
        ('id,label,x\n1,"nor",1\n', 'line 1, column 2: the label must be "nor" or "out"; got \'label\''),
        ('1,"nor",1,2\n2,"out",3,x\n', "line 2, column 4: a finite number is needed; got 'x'"),
        ('1,"nor",1,\n', "line 1, column 4: a finite number is needed; got ''"),
        ('1,"nor",nan\n', "line 1, column 3: a finite number is needed; got 'nan'"),
        ('1,"nor",inf\n', "column 3"),
        ("", "holds no rows"),
    ],
)
def test_a_damaged_table_is_an_error_with_file_line_and_column(tmp_path, text, message):
    path = write_csv(tmp_path / "mine.csv", text)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}.*{message}"):
        read_table(path)


def test_a_table_that_is_no_text_is_an_error_with_the_file(tmp_path):
    (tmp_path / "mine.csv").write_bytes(b"\x1f\x8b\xff,\xfe\n1,nor,2")
    with pytest.raises(ValueError, match="mine.csv, line 1"):
        read_table(tmp_path / "mine.csv")


def test_the_generated_table_is_one_cluster_and_outliers_around_it():
    table = load_table("onecluster-generated", root="/nowhere")
    assert table.X.shape == (1000, 2) and table.y.sum() == 20
    distance = np.linalg.norm(table.X - 0.5, axis=1)
    inliers, outliers = distance[table.y == 0], distance[table.y == 1]
    assert inliers.std() < 0.04 and np.median(inliers) == pytest.approx(0.05 * 1.1774, rel=0.1)  # Rayleigh's
    assert outliers.min() > 0.2 and outliers.max() > 0.45
    assert table.X[table.y == 1].min() >= 0 and table.X[table.y == 1].max() <= 1
    for half in (table.X[table.y == 1] > 0.5).T:  # all around
        assert 3 < half.sum() < 17

    again, other = make_onecluster(random_state=0), make_onecluster(random_state=1)
    np.testing.assert_array_equal(again[0], table.X)
    assert not np.array_equal(other[0], table.X)
    X, y = make_onecluster(n_samples=300, contamination=0.5)
    assert X.shape == (300, 2) and y.sum() == 150
    with pytest.raises(ValueError, match="contamination"):
        make_onecluster(contamination=0.6)


# What is missing, and downloads


WEIGHTS = b"a state dict"


SMALL_TABLE = '1,"nor",1\n2,"out",2\n'


def fake_downloads(monkeypatch, tmp_path, break_with=None):
    """Let torchvision and torch "download" small files of ours; with `break_with` they break off half-way."""

    def archive(url, download_root, filename, md5, **options):
        if "labels" in filename and break_with is not None:
            raise break_with
        write_mnist(tmp_path / "made")
        name = Path(filename).stem
        folder = Path(download_root)
        (folder / filename).write_bytes(b"packed")
        (folder / name).write_bytes((tmp_path / "made" / name).read_bytes())

    def url(url, root, filename, md5):
        assert url == datasets.GAAL_URL
        target = Path(root, filename)
        with zipfile.ZipFile(target, "w") as packed:
            for name in TABLES:
                packed.writestr(f"GAAL-based-outlier-detection-{datasets.GAAL_COMMIT}/Data/{name}", SMALL_TABLE)
            packed.writestr(f"GAAL-based-outlier-detection-{datasets.GAAL_COMMIT}/SO-GAAL.py", "")
        if break_with is not None:
            target.write_bytes(target.read_bytes()[:-200])

    def open_url(request):
        assert request.full_url == "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
        body = io.BytesIO(WEIGHTS if break_with is None else WEIGHTS[:-1])
        return urllib.response.addinfo(body, email.message.Message())

    digest = hashlib.sha256(SMALL_TABLE.encode()).hexdigest()
    monkeypatch.setattr(datasets, "TABLES", dict.fromkeys(TABLES, digest))
    monkeypatch.setattr(torch.hub, "urlopen", open_url)
    monkeypatch.setattr(datasets, "ALEXNET_SHA256", hashlib.sha256(WEIGHTS).hexdigest()[:8])
    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", archive)
    monkeypatch.setattr(torchvision.datasets.utils, "download_url", url)


@pytest.mark.parametrize(
    ("load", "what", "places"),
    [
        (lambda root: load_images("mnist", root=root), "MNIST", "MNIST/raw/train-images-idx3-ubyte"),
        (lambda root: load_table("WDBC", root=root), "Table WDBC", "gaal/WDBC.csv"),
        (alexnet_weights, "AlexNet's weights", "weights/alexnet-owt-7be5be79.pth or weights/alexnet_features.npz"),
    ],
)
def test_missing_data_says_what_where_and_the_command_that_gets_it(tmp_path, monkeypatch, load, what, places):
    root = tmp_path / "my data"
    with pytest.raises(MissingData) as caught:
        load(root)
    message = str(caught.value)
    assert message.startswith(f"{what} not found: ") and places in message and str(root) in message
    assert not root.exists()

    python, m, module, command, *arguments = shlex.split(message.partition("To get it: ")[2])
    assert (python, m, module, command) == ("python", "-m", "ganod_study", "data")
    fake_downloads(monkeypatch, tmp_path)
    main([command, *arguments])
    load(root)


def test_missing_cifar10_names_both_layouts(tmp_path):
    (tmp_path / "cifar10" / "train").mkdir(parents=True)
    with pytest.raises(MissingData, match=r"CIFAR-10 not found: .*test_batch or cifar10/test under"):
        load_images("cifar10", root=tmp_path)


def test_available_tells_what_is_there(tmp_path):
    there = available(tmp_path / "nothing")
    assert {name for name, found in there.items() if found} == {"digits", *EMBEDDED_TABLES, *SHAPES}
    write_mnist(tmp_path / "MNIST" / "raw")
    write_csv(tmp_path / "gaal" / "Pima.csv", "")
    there = available(tmp_path)
    assert there["mnist"] and there["Pima"] and not there["WDBC"] and not there["gaal"]
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    assert not available(tmp_path)["mnist"]


def test_alexnets_weights_are_torchvisions_file_or_an_npz(tmp_path, monkeypatch):
    folder = tmp_path / "weights"
    for name in ("alexnet_features.npz", "alexnet-owt-7be5be79.pth"):  # the second wins where both are there
        assert available(tmp_path)["alexnet"] is (name != "alexnet_features.npz")
        write_csv(folder / name, "")
        assert alexnet_weights(tmp_path) == folder / name
    assert available(tmp_path)["alexnet"]
    monkeypatch.setenv("GANOD_DATA", str(tmp_path))
    assert alexnet_weights() == folder / "alexnet-owt-7be5be79.pth"


def test_an_npz_of_weights_spares_the_download(tmp_path):
    write_csv(tmp_path / "weights" / "alexnet_features.npz", "mine")
    fetch("alexnet", tmp_path)
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["alexnet_features.npz"]


def test_nothing_is_downloaded_unless_asked_for(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(datasets, "fetch", lambda name, root: asked.append(name))
    for load, name in ((load_images, "mnist"), (load_images, "cifar10"), (load_table, "WDBC")):
        with pytest.raises(MissingData):
            load(name, root=tmp_path)
    with pytest.raises(MissingData):
        alexnet_weights(tmp_path)
    assert asked == [] and list(tmp_path.iterdir()) == []
    with pytest.raises(MissingData):
        load_images("cifar10", root=tmp_path, download=True)
    assert asked == ["cifar10"]


def test_a_download_keeps_the_files_that_are_read_and_is_done_once(tmp_path, monkeypatch):
    root = tmp_path / "root"
    fake_downloads(monkeypatch, tmp_path)
    assert len(load_images("mnist", root=root, download=True).x_train) == 20
    fetch("gaal", root)
    fetch("alexnet", root)
    assert sorted(path.name for path in root.iterdir()) == ["MNIST", "gaal", "weights"]
    assert len(list(root.glob("MNIST/raw/*"))) == 4 and len(list(root.glob("gaal/*"))) == 12
    assert [path.read_bytes() for path in root.glob("weights/*")] == [WEIGHTS]
    fake_downloads(monkeypatch, tmp_path, break_with=AssertionError("downloaded again"))
    load_images("mnist", root=root, download=True)
    fetch("gaal", root)
    fetch("alexnet", root)


@pytest.mark.parametrize("name", ["mnist", "gaal", "alexnet"])
def test_a_broken_download_leaves_nothing_behind(tmp_path, monkeypatch, name):
    root = tmp_path / "root"
    mine = write_csv(root / "gaal" / "mine.csv", "mine")
    fake_downloads(monkeypatch, tmp_path, break_with=OSError("the line went dead"))
    with pytest.raises(RuntimeError, match=f"Downloading {name} failed, nothing was kept"):
        fetch(name, root)
    assert [path for path in root.rglob("*") if path.is_file()] == [mine]
    assert [path.name for path in root.iterdir()] == ["gaal"]

    with pytest.raises(SystemExit, match="nothing was kept"):
        main(["data", name, "--data-root", str(root)])
    fake_downloads(monkeypatch, tmp_path)  # and the next attempt works
    fetch(name, root)
    assert available(root)[name] and mine.read_text() == "mine"


def test_an_interrupted_download_leaves_nothing_behind(tmp_path, monkeypatch):
    fake_downloads(monkeypatch, tmp_path, break_with=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        fetch("mnist", tmp_path / "root")
    assert list((tmp_path / "root").iterdir()) == []


def test_the_command_gets_all_or_those_named(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(datasets, "fetch", lambda name, root: asked.append((name, root)))
    monkeypatch.setenv("GANOD_DATA", str(tmp_path))
    main(["data"])
    assert asked == [("mnist", None), ("cifar10", None), ("gaal", None), ("alexnet", None)]
    monkeypatch.undo()
    with pytest.raises(SystemExit):
        main(["data", "lsun", "--data-root", str(tmp_path)])
    assert "'lsun' can't be downloaded; allowed are mnist, cifar10, gaal, alexnet" in capsys.readouterr().err


def test_a_table_that_is_not_the_authors_is_refused(tmp_path, monkeypatch):
    fake_downloads(monkeypatch, tmp_path)
    monkeypatch.setitem(datasets.TABLES, "Pima", "0" * 64)
    with pytest.raises(RuntimeError, match="nothing was kept: Pima is not the authors' file"):
        fetch("gaal", tmp_path)
    assert not (tmp_path / "gaal").exists()


# The real thing


def test_real_mnist(real):
    mnist = load_images("mnist", root=real("mnist"))
    assert mnist.x_train.shape == (60_000, 32, 32) and mnist.x_test.shape == (10_000, 32, 32)
    assert mnist.y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.x_train.sum() / (60_000 * 28 * 28 * 255) == pytest.approx(0.1307, abs=1e-4)
    split = one_versus_all(mnist, 0, n_test=5000, n_holdout=500, seed=0)
    assert len(split.x_train) == 5923 and (split.y_test == 0).sum() == pytest.approx(490, abs=60)


def test_real_cifar10(real):
    cifar10 = load_images("cifar10", root=real("cifar10"))
    assert cifar10.title == "CIFAR-10" and cifar10.x_train.dtype == np.uint8
    assert cifar10.x_train.shape == (50_000, 32, 32, 3) and cifar10.x_test.shape == (10_000, 32, 32, 3)
    assert np.bincount(cifar10.y_train).tolist() == [5000] * 10
    assert np.bincount(cifar10.y_test).tolist() == [1000] * 10
    assert datasets.digest_of_test(cifar10) == datasets.CIFAR10_TEST_SHA256
    mean = cifar10.x_train.mean(axis=(0, 1, 2)) / 255
    np.testing.assert_allclose(mean, [0.4914, 0.4822, 0.4465], atol=1e-4)


def test_real_tables(real):
    root = real("gaal")
    for name, digest in TABLES.items():
        assert hashlib.sha256((root / "gaal" / f"{name}.csv").read_bytes()).hexdigest() == digest
    shapes = {name: (*table.X.shape, table.y.sum()) for name in TABLES for table in [load_table(name, root=root)]}
    assert shapes["onecluster"] == (1000, 2, 20)
    assert shapes["WDBC"] == (367, 30, 10)
    assert shapes["Pima"] == (768, 8, 268)  # its last line has no line end
    assert shapes["Arrhythmia"] == (450, 259, 206)
