"""Image files: how they are read, and what is said of each; also of those that are all expected to be good."""

import re
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from ganod_study.image_files import as_square, image_files, list_files, read_images, survey_images

PIXELS = np.random.RandomState(0).randint(256, size=(2, 32, 32, 3), dtype=np.uint8)


def test_images_are_read_to_the_pixel_and_others_cut_to_their_centre(tmp_path):
    pixels = np.random.RandomState(0).randint(256, size=(32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, 32:64] = pixels
    Image.fromarray(wide).save(tmp_path / "b.png")
    turned = Image.Exif()
    turned[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    Image.fromarray(np.rot90(pixels)).save(tmp_path / "c.png", exif=turned)
    images = survey_images(tmp_path).images
    assert len(images) == 3
    for image in images:
        np.testing.assert_array_equal(image, pixels)
    np.testing.assert_array_equal(survey_images(list_files(tmp_path)[:1]).images, images[:1])
    small = survey_images(tmp_path, size=8).images
    assert small.shape == (3, 8, 8, 3)
    np.testing.assert_allclose(small[0].mean(axis=(0, 1)), pixels.mean(axis=(0, 1)), atol=5)


def write_16_bit_colour(path):
    """A PNG of 12-bit values in 16 bits a colour, which Pillow can't write."""
    rows = np.random.RandomState(0).randint(4096, size=(16, 16, 3)).astype(">u2")

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = np.array([16, 16], ">u4").tobytes() + bytes([16, 2, 0, 0, 0])
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


@pytest.fixture
def mixed(tmp_path):
    """A folder of what people have, each file named after what it is."""
    draw = np.random.RandomState(0)
    smooth = np.stack(np.broadcast_arrays(np.linspace(0, 200, 60), np.linspace(0, 200, 40)[:, None], 90), axis=-1)
    photo = Image.fromarray((smooth + draw.randint(10, size=smooth.shape)).astype(np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    clear = np.zeros((32, 32, 4), np.uint8)
    clear[8:24, 8:24] = (0, 0, 255, 255)
    hidden = clear.copy()
    hidden[clear[..., 3] == 0, :3] = (255, 0, 0)
    palette = photo.quantize(16)
    (tmp_path / "b" / "nested").mkdir(parents=True)
    photo.save(tmp_path / "PHOTO.JPG")
    photo.save(tmp_path / "b" / "nested" / "gr\u00fcn.png")
    photo.save(tmp_path / "turned.jpg", exif=turned)
    photo.convert("CMYK").save(tmp_path / "cmyk.jpg")
    photo.convert("L").save(tmp_path / "grey.png")
    photo.convert("1").save(tmp_path / "line.png")
    palette.save(tmp_path / "palette.png", transparency=3)
    palette.save(tmp_path / "palette.gif")
    Image.fromarray(clear).save(tmp_path / "clear.png")
    Image.fromarray(hidden).save(tmp_path / "hidden.png")
    photo.save(tmp_path / "moving.webp", save_all=True, append_images=[photo.rotate(90)], lossless=True)
    Image.fromarray(np.full((16, 16), 4095, np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)).save(tmp_path / "float.tiff")
    write_16_bit_colour(tmp_path / "deep colour.png")
    photo.crop((0, 0, 20, 30)).save(tmp_path / "enlarged.png")
    photo.crop((0, 0, 7, 30)).save(tmp_path / "small.png")
    whole = (tmp_path / "PHOTO.JPG").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: -len(whole) // 4])
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "notes.txt").write_text("no image")
    for other in (".hidden.png", "__MACOSX/._PHOTO.JPG", ".cache/a.png"):
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_text("no image")
    return tmp_path


def test_all_files_of_a_folder_are_looked_at_and_reported(mixed):
    survey = survey_images(mixed)
    white = "transparent, put on white"
    expected = {
        "PHOTO.JPG": ("read", ""),
        "gr\u00fcn.png": ("read", ""),
        "turned.jpg": ("converted", "turned upright"),
        "cmyk.jpg": ("converted", "CMYK made RGB"),
        "grey.png": ("converted", "grey made colour"),
        "line.png": ("converted", "grey made colour"),
        "palette.png": ("converted", f"palette made RGB, {white}"),
        "palette.gif": ("converted", "palette made RGB"),
        "clear.png": ("converted", white),
        "hidden.png": ("converted", white),
        "moving.webp": ("converted", "the first of 2 frames"),
        "deep.png": (
            "converted",
            "more than 8 bits scaled by the type's range (its brightest pixel is 16 of 255), "
            "enlarged from 16 x 16 pixels, grey made colour",
        ),
        "float.tiff": (
            "left out",
            "more than 8 bits a channel (mode F); whose type has no range that is meant; take the one found",
        ),
        "deep colour.png": (
            "converted",
            "more than 8 bits scaled by the type's range (its brightest pixel is 15 of 255), "
            "enlarged from 16 x 16 pixels",
        ),
        "enlarged.png": ("converted", "enlarged from 20 x 30 pixels"),
        "small.png": ("left out", "too small: 7 x 30 pixels; 8 are needed"),
        "empty.png": ("left out", "empty"),
        "text.jpg": ("left out", "no image that Pillow knows"),
        "notes.txt": ("left out", "no image by its ending '.txt'"),
    }
    found = {row.file.name: (row.outcome, row.note) for row in survey.report}
    outcome, why = found.pop("cut.jpg")
    assert outcome == "left out" and "truncated" in why
    assert found == expected
    assert survey.images.shape == (14, 32, 32, 3) and len(survey.report) == 20
    assert survey.files == [row.file for row in survey.report if row.outcome != "left out"]
    assert str(survey) == (
        "20 files: 2 read, 12 converted, 6 left out. "
        "The images are 32 x 32 pixels in colour, each cut to its central square."
    )
    shown = dict(zip((file.name for file in survey.files), survey.images))
    np.testing.assert_array_equal(shown["clear.png"], shown["hidden.png"])
    assert shown["clear.png"][0, 0].tolist() == [255] * 3 and shown["clear.png"][16, 16].tolist() == [0, 0, 255]
    np.testing.assert_array_equal(shown["gr\u00fcn.png"], shown["moving.webp"])
    assert np.abs(shown["cmyk.jpg"].astype(int) - shown["PHOTO.JPG"]).mean() < 12  # not inverted
    black = survey_images([mixed / "clear.png"], background="black")
    assert black.images[0, 0, 0].tolist() == [0] * 3 and black.report[0].note == "transparent, put on black"


def test_the_colour_mode_is_one_for_all(mixed):
    grey = [mixed / "grey.png", mixed / "line.png"]
    survey = survey_images(grey, size=16)
    assert survey.images.shape == (2, 16, 16) and "in grey" in str(survey)
    assert [row.outcome for row in survey.report] == ["read", "read"]
    both = survey_images([*grey, mixed / "PHOTO.JPG"], size=16)
    np.testing.assert_array_equal(both.images[:2], np.stack([survey.images] * 3, axis=-1))
    made = survey_images([*grey, mixed / "PHOTO.JPG"], size=16, mode="L")
    np.testing.assert_array_equal(made.images[:2], survey.images)
    assert made.report[2][1:] == ("converted", "colour made grey")
    Image.new("LA", (32, 32), (100, 0)).save(mixed / "clear grey.png")
    assert survey_images([mixed / "clear grey.png"]).images[0, 0, 0] == 255


def test_more_than_8_bits_are_scaled_by_the_range_found_in_the_folder(tmp_path):
    for name, values in (("a", [1000, 2000]), ("b", [1500, 3000])):
        Image.fromarray(np.repeat(values, 128).reshape(16, 16).astype(np.uint16)).save(tmp_path / f"{name}.png")
    survey = survey_images(tmp_path, size=16, depth="found")
    assert survey.images[:, [0, -1], 0].tolist() == [[0, 128], [64, 255]]  # (v - 1000) / 2000
    assert survey.report[0].note == "more than 8 bits scaled by the range found, 1000 to 3000"
    by_type = survey_images(tmp_path, size=16)
    assert by_type.images[:, [0, -1], 0].tolist() == [[4, 8], [6, 12]]  # v / 257
    write_16_bit_colour(tmp_path / "colour.png")
    assert survey_images(tmp_path, depth="found").report[2].outcome == "left out"
    refused = survey_images(tmp_path, depth=None).report
    assert [row.outcome for row in refused] == ["left out"] * 3
    assert all(row.note.startswith("more than 8 bits a channel (mode") for row in refused)


def test_a_pixel_that_is_not_finite_does_not_stretch_the_range_found(tmp_path):
    for name, last in (("a", 3), ("b", np.inf), ("c", np.nan)):
        Image.fromarray(np.float32([[1, 2], [2, last]]).repeat(8, 0).repeat(8, 1)).save(tmp_path / f"{name}.tiff")
    survey = survey_images(tmp_path, size=16, depth="found")
    assert survey.images[0, [0, -1], [0, -1]].tolist() == [0, 255]
    assert [row[1:] for row in survey.report[1:]] == [("left out", "NaN or infinity among its pixels")] * 2


def test_files_are_listed_in_the_order_of_their_names_in_either_form(tmp_path):
    names = ["z.png", "e\u0301b.png", "\u00e9a.png", "B.png", "a/y.png", "a.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list_files(tmp_path) == [tmp_path / names[i] for i in (3, 5, 4, 0, 2, 1)]
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        survey_images(tmp_path / "nowhere")


def test_a_folder_without_images_is_surveyed(tmp_path):
    (tmp_path / "notes.txt").touch()
    assert survey_images(tmp_path).images.shape == (0, 32, 32, 3)


def test_without_pillow_the_error_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r'Pillow is needed.*"ganod-lite\[images\]"'):
        survey_images([tmp_path / "a.png"])


@pytest.mark.parametrize("background", [None, (255, 255, 255)])
def test_a_background_that_is_no_name_of_a_colour_is_named(background):
    with pytest.raises(TypeError, match=re.escape(f'such as "white"; got {background!r}')):
        survey_images([], background=background)


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


@pytest.mark.parametrize("read", [survey_images, read_images])
@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"size": 0}, "size == 0"),
        ({"mode": "CMYK"}, r"mode must be one of \('RGB', 'L', None\); got 'CMYK'"),
        ({"depth": 8}, "depth must be one of .* got 8"),
        ({"background": "whitish"}, "whitish"),
    ],
)
def test_bad_arguments_are_named(folder, read, argument, message):
    for files in (folder, []):
        with pytest.raises(ValueError, match=message):
            read(files, **argument)


@pytest.mark.parametrize("read", [survey_images, read_images])
@pytest.mark.parametrize("files", [None, 3, [Image.new("L", (9, 9))]])
def test_what_are_no_files_is_named(read, files):
    with pytest.raises(TypeError, match="files must be the path of a folder, or a list of paths; got"):
        read(files)


def test_lists_of_files_may_begin_at_the_user_s_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    Image.new("L", (9, 9)).save(tmp_path / "é.png")
    assert read_images(["~/é.png"]).shape == (1, 32, 32, 3)
    assert survey_images(["~/é.png"]).files == [tmp_path / "é.png"]
