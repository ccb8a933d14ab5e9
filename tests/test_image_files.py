"""Image files that are expected to be good: what is made of them, and what is said of one that is not."""

import helpers
import numpy as np
import pytest
from PIL import Image

from ganod_lite.images import survey_images
from ganod_study.image_files import as_square, image_files, read_images

PIXELS = np.random.RandomState(0).randint(256, size=(2, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Two images and a file that is none."""
    (tmp_path / "below").mkdir()
    Image.fromarray(PIXELS[0]).save(tmp_path / "a.png")
    Image.fromarray(PIXELS[1]).save(tmp_path / "below" / "b.png")
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_images_are_read_as_a_survey_reads_them(folder):
    images = read_images(folder)
    np.testing.assert_array_equal(images, PIXELS)
    np.testing.assert_array_equal(read_images(image_files(folder)[:1]), images[:1])
    for options in ({"size": 8}, {"mode": "L"}):
        np.testing.assert_array_equal(
            read_images(folder, **options), survey_images(folder, **{"mode": "RGB"} | options).images
        )
    assert [file.name for file in image_files(folder)] == ["a.png", "b.png"]


def test_images_of_any_size_are_read_and_grey_ones_are_in_colour(tmp_path):
    Image.new("L", (3, 9), 7).save(tmp_path / "a.png")
    images = read_images(tmp_path)
    assert images.shape == (1, 32, 32, 3) and (images == 7).all()


def test_one_of_pillows_images_is_made_as_a_file_is(folder):
    for size in (8, 32):
        np.testing.assert_array_equal(as_square(Image.fromarray(PIXELS[0]), size), read_images(folder, size=size)[0])
    assert as_square(Image.new("LA", (9, 5), (0, 0)), 4).min() == 255  # clear: white


def test_the_first_file_that_cannot_be_read_is_named(folder):
    Image.fromarray(np.full((16, 16), 4095, np.uint16)).save(folder / "below" / "c.png")
    with pytest.raises(ValueError, match=r"c\.png can't be read: more than 8 bits a channel \(mode I;16\)"):
        read_images(folder)
    (folder / "b.jpg").write_text("no image")
    with pytest.raises(ValueError, match=r"b\.jpg can't be read: no image that Pillow knows\."):
        read_images(folder)
    with pytest.raises(ValueError, match=r"gone\.png can't be read: .*No such file"):
        read_images([folder / "gone.png"])


def test_a_folder_without_images_is_an_error(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(FileNotFoundError, match="holds no images"):
        read_images(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        read_images(tmp_path / "nowhere")


@pytest.mark.parametrize(("argument", "message"), helpers.BAD_READING)
def test_bad_arguments_are_named(folder, argument, message):
    with pytest.raises(ValueError, match=message):
        read_images(folder, **argument)


@pytest.mark.parametrize("files", [None, 3, [Image.new("L", (9, 9))]])
def test_what_are_no_files_is_named(files):
    with pytest.raises(TypeError, match="files must be the path of a folder, or a list of paths; got"):
        read_images(files)


def test_lists_of_files_may_begin_at_the_user_s_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    Image.new("L", (9, 9)).save(tmp_path / "é.png")
    assert read_images(["~/é.png"]).shape == (1, 32, 32, 3)
