"""Your own images: what is done with each file, what is ranked, what is written, and what is never overwritten."""

import json
import sys
from dataclasses import replace
from functools import partialmethod

import numpy as np
import pandas as pd
import pytest
from helpers import put_alexnet
from PIL import Image
from scipy.ndimage import gaussian_filter

import ganod_study
from ganod_lite import ADGAN, load
from ganod_lite.gan import GANTraining
from ganod_study import datasets, own_images
from ganod_study.__main__ import main
from ganod_study.own_images import RECORD, look, look_with, n_held_back, rank, rank_with
from ganod_study.statistics import auc

MARGIN = 0.25  # above chance: what the AUC of planted images must reach at least
QUIET = {"device": "cpu", "verbose": False}


def photograph(rng, odd=False):
    """A sky above ground, of any size; an odd one has them side by side."""
    height, width = rng.integers(40, 120, 2)
    horizon = rng.uniform(0.35, 0.65)
    ground = np.linspace(0, 1, width if odd else height) > horizon
    ground = np.tile(ground, (height, 1)) if odd else np.tile(ground[:, None], (1, width))
    colours = np.array([[90, 150, 230], [80, 110, 40]]) + rng.normal(0, 15, (2, 3))
    texture = gaussian_filter(rng.normal(0, 60, (height, width, 3)), (2, 2, 0))
    return Image.fromarray(np.clip(colours[ground.astype(int)] + texture, 0, 255).astype(np.uint8))


def awkward(folder, rng):
    """Files as people have them; returns what must be said of each."""
    picture = photograph(rng)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.rotate(90, expand=True).save(folder / "rotated.JPG", exif=exif)
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    paletted = picture.convert("P")
    paletted.save(folder / "palette.png", transparency=paletted.getpixel((0, 0)))
    deep = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(folder / "déjà vu | 16.png")
    picture.save(folder / "whole.jpg")
    raw = (folder / "whole.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(raw[: len(raw) // 2])
    (folder / "empty.jpg").touch()
    (folder / "words.jpg").write_text("no image")
    (folder / "notes.txt").write_text("no image either")
    picture.resize((5, 5)).save(folder / "tiny.png")
    (folder / ".hidden.jpg").write_bytes(raw)
    return {
        "rotated.JPG": ("converted", "turned upright"),
        "cmyk.jpg": ("converted", "CMYK"),
        "palette.png": ("converted", "transparent, put on white"),
        "déjà vu | 16.png": ("converted", "grey made colour"),
        "whole.jpg": ("read", ""),
        "truncated.jpg": ("left out", "truncated"),
        "empty.jpg": ("left out", "empty"),
        "words.jpg": ("left out", "no image that Pillow knows"),
        "notes.txt": ("left out", "no image by its ending '.txt'"),
        "tiny.png": ("left out", "too small: 5 x 5 pixels; 8 are needed"),
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Normal photographs in several formats, with awkward files among them; a folder to rank; what is expected."""
    root, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    normal, check = root / "normal", root / "check"
    (normal / "more").mkdir(parents=True)
    check.mkdir()
    for i in range(130):
        photograph(rng).save(normal / ("more" if i % 2 else ".") / f"{i:03}.{('jpg', 'png', 'webp', 'bmp')[i % 4]}")
    for i in range(50):
        photograph(rng).save(check / f"normal-{i:02}.jpg")
    for i in range(20):
        photograph(rng, odd=True).save(check / f"odd-{i:02}.jpg")
    return normal, check, awkward(normal, rng)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A data root with weights for AlexNet, random ones."""
    return put_alexnet(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def looked(folders):
    return look(*folders[:2], size=8, verbose=False)


@pytest.fixture(scope="module")
def found(looked, weights, tmp_path_factory):
    """A ranking after a training that learns something, and the folder that it is written to."""
    output = tmp_path_factory.mktemp("results") / "ranking"
    with pytest.MonkeyPatch.context() as patch:
        settings = replace(own_images.SETTINGS["smoke"], n_iter=400, latent_size=16, ngf=16, batch_size=32, n_seeds=4)
        patch.setitem(own_images.SETTINGS, "lite", settings)
        return rank(looked, output, data_root=weights, **QUIET), output


@pytest.fixture
def few(tmp_path):
    """A folder of 30 small images."""
    folder, rng = tmp_path / "few", np.random.default_rng(1)
    folder.mkdir()
    for i in range(30):
        Image.fromarray(rng.integers(0, 255, (12, 12), np.uint8)).save(folder / f"{i:02}.png")
    return folder


def quick(folder, output, **options):
    return rank(look(folder, size=8, verbose=False), output, scale="smoke", data_root=output, **QUIET | options)


# --- what is done with each file ---


def test_each_file_is_named_with_what_was_done_with_it(folders, looked):
    expected = folders[2]
    rows = {row["file"]: row for row in own_images.files_rows(looked)}
    for name, (outcome, note) in expected.items():
        assert rows[name]["outcome"] == outcome, name
        assert note in rows[name]["note"], name
    assert {row["outcome"] for name, row in rows.items() if name not in expected} == {"read"}
    assert len(rows) == 130 + 70 + len(expected)
    assert looked.survey.images.shape == (205, 8, 8, 3)
    assert (len(looked.normal), len(looked.check)) == (135, 70)
    assert all(looked.name(looked.survey.files[i])[:3] in ("nor", "odd") for i in looked.check)


def test_the_table_names_all_that_is_left_out(folders, looked):
    shown = own_images.files_table(looked).data
    assert "210 files: 201 read, 4 converted, 5 left out" in shown
    for name, (outcome, _) in folders[2].items():
        assert name.replace("|", "\\|") in shown or outcome == "read"


def test_rotated_and_deep_images_look_as_the_whole_one(looked):
    of = {looked.name(file): image.astype(float) for file, image in zip(looked.survey.files, looked.survey.images)}
    whole = of["whole.jpg"]
    for name in ("rotated.JPG", "cmyk.jpg"):
        assert np.abs(of[name] - whole).mean() < 12, name
    grey = whole @ [0.299, 0.587, 0.114]
    assert np.abs(of["déjà vu | 16.png"].mean(-1) - grey).mean() < 5


# --- the ranking ---


def test_planted_images_rank_above_chance(found):
    odd = np.array([name.startswith("odd-") for name in found[0].names])
    assert odd.sum() == 20 and len(odd) == 70
    assert auc(odd.astype(int), found[0].scores["adgan"]) > 0.5 + MARGIN


def test_scores_are_written_the_most_anomalous_first(found):
    ranking, output = found
    table = pd.read_csv(output / "scores.csv")
    assert list(table)[:4] == ["file", "score", "rank", "flagged"]
    assert table["rank"].tolist() == list(range(1, 71)) and (np.diff(table["score"]) <= 0).all()
    assert dict(zip(table["file"], table["score"])) == pytest.approx(dict(zip(ranking.names, ranking.scores["adgan"])))
    for before, name in (("", "adgan"), ("knn_", "knn")):
        above = table[f"{before}score"] > ranking.thresholds[name].threshold
        assert table[f"{before}flagged"].tolist() == above.tolist()
        assert name == "knn" or 0 < above.sum() < 70
    assert sorted(table["knn_rank"]) == list(range(1, 71))
    assert table.loc[table["knn_rank"] == 1, "knn_score"].item() == table["knn_score"].max()


def test_the_threshold_is_of_images_that_were_held_back(found, looked):
    ranking = found[0]
    n = len(ranking.held_back["adgan"])
    assert n == ranking.thresholds["adgan"].n == n_held_back(135, 0.05) == 34
    held = np.sort(np.random.RandomState(0).permutation(looked.normal)[:n])
    scores = ranking.detector.anomaly_score(looked.survey.images[held])
    np.testing.assert_allclose(scores, ranking.held_back["adgan"], rtol=1e-3)
    assert (scores > ranking.thresholds["adgan"].threshold).sum() <= 0.05 * n


def test_the_output_has_the_model_and_the_figures(found, looked):
    ranking, output = found
    names = {"files.csv", "scores.csv", "findings.md", "ranking.png", "differences.png", "samples.png"}
    names |= {RECORD, "model.ganod", "features.npy"}
    assert {path.name for path in output.iterdir()} == names
    some = looked.survey.images[ranking.ranked[:5]]
    np.testing.assert_allclose(
        load(output / "model.ganod", "cpu").anomaly_score(some), ranking.scores["adgan"][:5], 1e-3
    )
    assert all(Image.open(output / f"{name}.png").width > 300 for name in ("ranking", "differences", "samples"))


def test_no_image_is_both_among_the_most_and_the_least_anomalous(found):
    all_, _ = found
    for n in (2, 5):
        few = replace(all_, ranked=all_.ranked[:n], scores={name: of[:n] for name, of in all_.scores.items()})
        titles = list(filter(None, (axis.get_title() for axis in own_images.contact_sheet(few).axes)))
        assert len(set(titles)) == len(titles) == 2 * (n // 2)


def test_generated_images_are_shown_in_their_colours():
    x = np.array([[[[-1.0, 1.0]], [[0.0, 0.004]], [[-2.0, 2.0]]]])  # (1, 3, 1, 2)
    np.testing.assert_array_equal(datasets.as_uint8(x), [[[[0, 128, 0], [255, 128, 255]]]])
    assert datasets.as_uint8(x[:, :1]).shape == (1, 1, 2)


def test_one_folder_is_ranked_itself(few, tmp_path):
    ranking = quick(few, tmp_path / "out")
    assert len(ranking.ranked) == 30 and ranking.trained.sum() == 15
    assert "15 images in the ranking were also used for training" in own_images.findings(ranking).data


def test_neighbours_of_an_image_do_not_include_itself():
    points = np.arange(8.0)[:, None]
    among = np.arange(8) < 4
    distances = own_images.neighbour_distances(points, points, among)
    assert distances[:4].tolist() == [3, 11 / 5, 9 / 5, 9 / 5]
    assert distances[7] == 2  # 0 to itself, then 1, 2, 3 and 4


# --- again, and with another folder ---


def test_a_saved_model_ranks_another_folder(found, folders, weights, tmp_path):
    ranking, output = found
    again = rank_with(output, look_with(output, folders[1], verbose=False), tmp_path / "o", data_root=weights, **QUIET)
    assert again.names == ranking.names and again.thresholds == ranking.thresholds
    for name, scores in ranking.scores.items():
        np.testing.assert_allclose(again.scores[name], scores, rtol=1e-3)
    stricter = rank_with(
        output, look_with(output, folders[1], verbose=False), tmp_path / "p", false_alarm_rate=0.2, **QUIET
    )
    assert stricter.thresholds["adgan"].threshold < ranking.thresholds["adgan"].threshold
    with pytest.raises(ValueError, match="model must be the output folder"):
        look_with(tmp_path / "o", folders[1])


def test_an_interrupted_training_goes_on(few, tmp_path, monkeypatch):
    settings = replace(own_images.SETTINGS["smoke"], n_iter=150)
    monkeypatch.setitem(own_images.SETTINGS, "smoke", settings)
    whole = quick(few, tmp_path / "whole")
    output, block, n = tmp_path / "out", GANTraining.block, []

    def interrupted(training, n_steps):
        n.append(n_steps)
        if len(n) == 4:
            raise KeyboardInterrupt
        return block(training, n_steps)

    monkeypatch.setattr(GANTraining, "run", partialmethod(GANTraining.run, checkpoint_seconds=0))
    monkeypatch.setattr(GANTraining, "block", interrupted)
    with pytest.raises(KeyboardInterrupt):
        quick(few, output)
    assert not (output / "scores.csv").exists()
    again = quick(few, output)
    assert sum(n) == settings.n_iter + n[3]  # the block that was interrupted alone is trained twice
    np.testing.assert_array_equal(again.scores["adgan"], whole.scores["adgan"])
    assert not (output / "training").exists()

    monkeypatch.setattr(ADGAN, "fit", None)  # not called: the model is there
    np.testing.assert_array_equal(quick(few, output).scores["adgan"], whole.scores["adgan"])


# --- what is said ---


def test_it_says_whether_the_generator_has_learned(found):
    ranking = found[0]
    best = np.array(ranking.held_back["mean"])
    learned = own_images.findings(replace(ranking, held_back=ranking.held_back | {"best": 0.3 * best})).data
    assert "has learned something" in learned and "0.30 times" in learned
    for share in (0.8, 1.2):
        held_back = ranking.held_back | {"best": share * best}
        assert "has not learned these images" in own_images.findings(replace(ranking, held_back=held_back)).data


def test_it_says_that_so_few_images_cannot_promise_the_rate(few, tmp_path):
    ranking = quick(few, tmp_path / "out", false_alarm_rate=0.01)
    threshold = ranking.thresholds["adgan"]
    assert threshold.n == 15 and threshold.threshold == max(ranking.held_back["adgan"])
    said = own_images.findings(ranking).data
    assert "The 1.0% asked for can't be promised" in said and "takes 99 held-back images" in said
    assert "can't be promised" not in own_images.findings(quick(few, tmp_path / "other", false_alarm_rate=0.1)).data


def test_it_says_how_far_both_rankings_agree(found, few, tmp_path):
    ranking = found[0]
    same = replace(ranking, scores={"adgan": ranking.scores["adgan"], "knn": ranking.scores["adgan"] ** 3})
    said = own_images.findings(same).data
    assert "(Spearman) of 1.00" in said and "10 of their 10 most anomalous" in said
    assert "AlexNet's weights are missing" in own_images.findings(quick(few, tmp_path / "out")).data


# --- what is refused ---


def test_folders_that_cannot_be_used_are_named(folders, tmp_path):
    normal, check, _ = folders
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        look(tmp_path / "nowhere")
    for other in (normal, normal / "more", normal.parent):
        with pytest.raises(ValueError, match="check must be apart from folder"):
            look(normal, other, verbose=False)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="empty: 0 images that can be read; 30 normal ones are needed"):
        look(empty, verbose=False)
    with pytest.raises(ValueError, match="there is nothing to rank"):
        look(normal, empty, verbose=False)
    (empty / "words.jpg").write_text("no image")
    with pytest.raises(ValueError, match="Left out: words.jpg: no image that Pillow knows"):
        look(empty, verbose=False)
    with pytest.raises(ValueError, match="size must be one of 8, 16, 32, 64, 128; got 20"):
        look(normal, size=20)


def test_nothing_of_anybody_else_is_overwritten(few, tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "scores.csv").write_text("mine")
    with pytest.raises(ValueError, match="theirs holds other files"):
        quick(few, theirs)
    assert [path.name for path in theirs.iterdir()] == ["scores.csv"]
    assert (theirs / "scores.csv").read_text() == "mine"
    with pytest.raises(ValueError, match="is a file"):
        quick(few, theirs / "scores.csv")
    for inside in (few, few / "results", few.parent):
        with pytest.raises(ValueError, match="output must be apart from the images"):
            quick(few, inside)


@pytest.mark.parametrize("name, value", [("seed", -1), ("seed", 0.5), ("device", "nowhere"), ("false_alarm_rate", 2)])
def test_what_is_refused_leaves_no_folder(name, value, few, tmp_path):
    with pytest.raises((ValueError, TypeError), match=name):
        quick(few, tmp_path / "out", **{name: value})
    assert not (tmp_path / "out").exists()


def test_results_of_another_call_are_not_overwritten(few, tmp_path):
    output = tmp_path / "out"
    quick(few, output)
    before = (output / "scores.csv").read_bytes()
    with pytest.raises(ValueError, match="results of another call, which differs in false_alarm_rate, seed"):
        quick(few, output, seed=1, false_alarm_rate=0.2)
    Image.new("L", (12, 12)).save(few / "new.png")
    with pytest.raises(ValueError, match="which differs in normal, ranked"):
        quick(few, output)
    assert (output / "scores.csv").read_bytes() == before


def test_a_range_found_in_a_folder_is_that_folder_s(few, tmp_path):
    for i in range(30):
        deep = np.random.default_rng(i).integers(100, 3000, (12, 12)).astype(np.uint16)
        Image.fromarray(deep).save(few / f"{i:02}.png")
    looked = look(few, size=8, depth="found", verbose=False)
    assert looked.survey.images.max() > 200 > look(few, size=8, verbose=False).survey.images.max()
    rank(looked, tmp_path / "out", scale="smoke", data_root=tmp_path, **QUIET)
    with pytest.raises(ValueError, match="Rank both folders in one call"):
        look_with(tmp_path / "out", few)


# --- the command ---


def test_the_command_ranks_and_ranks_again(few, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    common = ["--device", "cpu", "--data-root", str(tmp_path / "no data")]
    assert main(["own-images", "few", "--scale", "smoke", "--size", "8", *common]) == 0
    shown = capsys.readouterr().out
    assert "30 files: 30 read" in shown and "own-images-few" in shown
    assert json.loads((tmp_path / "own-images-few" / RECORD).read_text())["asked"]["scale"] == "smoke"
    assert main(["own-images", "few", "--model", "own-images-few", "--output", "again", *common]) == 0
    columns = ["file", "score", "rank", "flagged"]
    first, again = (pd.read_csv(tmp_path / name / "scores.csv")[columns] for name in ("own-images-few", "again"))
    pd.testing.assert_frame_equal(first, again, rtol=1e-3)
    with pytest.raises(SystemExit):
        main(["own-images", "few", "few", *common])
    assert "check must be apart from folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["own-images", "few", "--model", "own-images-few", "--size", "16", "--seed", "3", *common])
    assert "--size, --seed: the model has its own" in capsys.readouterr().err


def test_the_command_says_which_package_it_lacks(monkeypatch):
    monkeypatch.delattr(ganod_study, "own_images")
    monkeypatch.delitem(sys.modules, "ganod_study.own_images")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SystemExit, match=r'pandas is needed for this: pip install "ganod-lite\[book\]"'):
        main(["own-images", "few"])
