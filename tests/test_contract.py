"""The detector contract, for every method: scikit-learn's checks for tables, the same points for images."""

import itertools
import pickle
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from ganod_lite import ADGAN, GMM, KDE, MOGAAL, OCSVM, SOGAAL, IForest, training
from ganod_lite.anogan import AnoGAN
from ganod_lite.autoencoders import DCAE, VAE
from ganod_lite.base import ImageDetector, seed_from
from ganod_lite.losses import squared_l2

TABLE_DETECTORS = [
    SOGAAL(stop_epochs=2, device="cpu", verbose=False),
    MOGAAL(stop_epochs=2, k=3, device="cpu", verbose=False),
    KDE(),
    OCSVM(),
    IForest(n_estimators=10),
    GMM(mixture_sizes=(2, 3)),
]


class Distance(ImageDetector):
    """The smallest image detector: the distance to the mean of the training images and some noise."""

    def __init__(self, noise=0.1, contamination=0.1, random_state=None):
        self.noise = noise
        self.contamination = contamination
        self.random_state = random_state

    def _fit(self, X, y):
        self.seed_ = seed_from(self.random_state)
        rng = torch.Generator().manual_seed(self.seed_)
        self.centre_ = X.mean(0) + self.noise * torch.randn(X[0].shape, generator=rng)

    def _anomaly_score(self, X):
        return (X - self.centre_).square().flatten(1).sum(1).double().numpy()


# Each makes a small, fast detector from `contamination` and `random_state`.
IMAGE_DETECTORS = {
    "Distance": Distance,
    "ADGAN": lambda **parameters: ADGAN(
        2, latent_size=4, ngf=2, batch_size=8, n_seeds=2, n_steps=1, device="cpu", verbose=False, **parameters
    ),
    "AnoGAN": lambda **parameters: AnoGAN(
        2, latent_size=4, ngf=2, batch_size=8, n_steps=2, device="cpu", verbose=False, **parameters
    ),
    "DCAE": lambda **parameters: DCAE(2, latent_size=4, ngf=2, batch_size=8, device="cpu", verbose=False, **parameters),
    "VAE": lambda **parameters: VAE(2, latent_size=4, ngf=2, batch_size=8, device="cpu", verbose=False, **parameters),
}


# --- tables ---


@parametrize_with_checks(TABLE_DETECTORS)
def test_scikit_learn_accepts(estimator, check):
    check(estimator)


@pytest.mark.parametrize("detector", TABLE_DETECTORS, ids=lambda detector: type(detector).__name__)
def test_table_scores(detector):
    X = np.random.RandomState(0).uniform(size=(100, 4))
    detector = clone(detector).set_params(random_state=0).fit(X)
    scores = detector.anomaly_score(X)
    check_scores(detector, X, scores)
    np.testing.assert_array_equal(clone(detector).fit(X).anomaly_score(X), scores)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(detector)).anomaly_score(X), scores)


def check_scores(detector, X, scores):
    """How the scores, the threshold and the verdicts of a fitted detector hang together."""
    assert scores.shape == (len(X),)
    assert scores.dtype == np.float64
    np.testing.assert_array_equal(detector.score_samples(X), -scores)
    np.testing.assert_array_equal(detector.decision_function(X), -scores - detector.offset_)
    flagged = detector.predict(X)
    np.testing.assert_array_equal(flagged, np.where(-scores < detector.offset_, -1, 1))
    assert np.mean(flagged == -1) == pytest.approx(0.1, abs=0.03)
    detector.offset_ = -scores[0]
    assert detector.predict(X)[0] == 1  # on the threshold is not below it


# --- images ---


@pytest.fixture(params=IMAGE_DETECTORS)
def make(request):
    return IMAGE_DETECTORS[request.param]


@pytest.fixture
def images():
    return np.random.RandomState(0).uniform(-1, 1, size=(40, 1, 8, 8)).astype(np.float32)


@pytest.fixture
def fitted(make, images):
    return make(random_state=0).fit(images)


def test_image_scores(fitted, images):
    scores = fitted.anomaly_score(images)
    check_scores(fitted, images, scores)
    assert len(np.unique(scores)) == len(images)
    assert fitted.n_features_in_ == 64


def test_parameters_are_stored_untouched(make, images):
    state = np.random.RandomState(0)
    detector = make(contamination=0.25, random_state=state)
    before = detector.get_params()
    assert before["contamination"] == 0.25
    assert before["random_state"] is state
    assert vars(detector) == before
    detector.fit(images)
    assert all(detector.get_params()[name] is value for name, value in before.items())


def test_clone_and_random_state(fitted, images):
    twin = clone(fitted)
    assert vars(twin) == twin.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        twin.predict(images)
    scores = fitted.anomaly_score(images)
    np.testing.assert_array_equal(twin.fit(images).anomaly_score(images), scores)
    assert np.all(twin.set_params(random_state=1).fit(images).anomaly_score(images) != scores)
    unseeded = twin.set_params(random_state=None).fit(images)
    np.testing.assert_array_equal(unseeded.anomaly_score(images), unseeded.anomaly_score(images))


def test_pickle(fitted, images):
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.anomaly_score(images), fitted.anomaly_score(images))
    np.testing.assert_array_equal(copy.predict(images), fitted.predict(images))
    assert copy.offset_ == fitted.offset_


def test_scores_do_not_depend_on_the_neighbours(fitted, images):
    alone = [fitted.anomaly_score(image[None])[0] for image in images[:5]]
    np.testing.assert_allclose(alone, fitted.anomaly_score(images)[:5], rtol=1e-4)


def test_all_forms_of_the_same_images_score_alike(fitted):
    pixels = np.random.RandomState(1).randint(256, size=(3, 8, 8)).astype(np.uint8)
    scores = fitted.anomaly_score(pixels)
    floats = pixels[:, None].astype(np.float32) / 127.5 - 1
    for same in (pixels[..., None], torch.tensor(pixels), floats, torch.tensor(floats), floats.astype(np.float64)):
        np.testing.assert_allclose(fitted.anomaly_score(same), scores, rtol=1e-4)


@pytest.mark.parametrize("method", ["anomaly_score", "score_samples", "decision_function", "predict"])
def test_not_fitted(make, images, method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(make(), method)(images)


@pytest.mark.parametrize("contamination", [0, 0.6, float("nan"), "auto"])
def test_bad_contamination_is_named(make, images, contamination):
    with pytest.raises((ValueError, TypeError), match=f"contamination (== {contamination}, )?must"):
        make(contamination=contamination).fit(images)


def interrupted(detector, method, X):
    """Fit `detector` again and press Ctrl-C as it comes to `method`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(detector), method, lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            detector.fit(X)


@pytest.mark.parametrize("method", ["_fit", "_set_offset", "_anomaly_score"])
def test_a_fit_that_is_interrupted_leaves_what_was_there(make, fitted, images, method):
    unfitted = make(random_state=0)
    interrupted(unfitted, method, images[:, :, ::-1])
    assert vars(unfitted) == unfitted.get_params()
    with pytest.raises(NotFittedError):
        unfitted.anomaly_score(images)
    scores, flagged = fitted.anomaly_score(images), fitted.predict(images)
    interrupted(fitted, method, np.zeros((3, 1, 16, 16)))
    np.testing.assert_array_equal(fitted.anomaly_score(images), scores)
    np.testing.assert_array_equal(fitted.predict(images), flagged)


def test_a_failed_fit_does_not_count(images):
    detector = Distance(noise="loud")  # fails once X is validated
    with pytest.raises(TypeError):
        detector.fit(images)
    with pytest.raises(NotFittedError):
        detector.anomaly_score(images)
    assert not hasattr(detector, "n_features_in_")


@pytest.mark.parametrize("random_state", [-1, 2**32])
def test_a_random_state_out_of_range_is_named(make, images, random_state):
    with pytest.raises(ValueError, match=f"random_state must lie between 0 and .*; got {random_state}"):
        make(random_state=random_state).fit(images)


TRAINING = [
    ("n_iter", 0, "n_iter == 0, must be >= 1"), ("ngf", 0, "ngf == 0, must be >= 1"),
    ("device", "gpu", 'device must be "auto" or'), ("contamination", 0.6, "contamination == 0.6, must be <= 0.5"),
]  # fmt: skip
SEARCH = [*TRAINING, ("objective", "weight", "objective must be one of"), ("lr_z", -1.0, "lr_z == -1.0, must be >= 0")]
SEARCH += [("n_steps", -1, "n_steps == -1, must be >= 0")]
WRONG = {
    "ADGAN": [
        *SEARCH, ("n_seeds", 0, "n_seeds == 0, must be >= 1"), ("lr_theta", "no", "lr_theta"), ("loss", "l1", "loss"),
        ("loss", torch.nn.functional.mse_loss, "loss"), ("max_memory", 1, "max_memory"),
    ],
    "AnoGAN": [
        *SEARCH, ("discrimination_weight", 2, "discrimination_weight"), ("chunk_size", 0, "chunk_size"),
        ("features", "last", "features"), ("critic", 1, "critic"),
    ],
    "DCAE": TRAINING,
    "VAE": [*TRAINING, ("score", "best", "score")],
}  # fmt: skip


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(training.Training, "run", lambda *args: pytest.fail("something was trained"))


@pytest.mark.parametrize(("name", "wrong"), [(name, wrong) for name, wrongs in WRONG.items() for wrong in wrongs])
def test_what_is_wrong_with_any_step_is_said_before_anything_is_trained(name, wrong, images, no_training):
    parameter, value, message = wrong
    with pytest.raises((ValueError, TypeError), match=message):
        IMAGE_DETECTORS[name]().set_params(**{parameter: value}).fit(images)


@pytest.mark.parametrize("name", WRONG)
def test_images_must_be_squares_that_dcgan_makes(name, no_training):
    with pytest.raises(ValueError, match="image_shape: DCGAN makes square images"):
        IMAGE_DETECTORS[name]().fit(np.zeros((5, 1, 28, 28)))


def test_without_contamination_there_are_scores_but_no_threshold(make, images, monkeypatch):
    detector = make(contamination=None, random_state=0)
    with monkeypatch.context() as patch:
        patch.setattr(type(detector), "_anomaly_score", lambda *args: pytest.fail("scored"))
        detector.fit(images)
    assert detector.anomaly_score(images).shape == (40,)
    for method in (detector.predict, detector.decision_function):
        with pytest.raises(ValueError, match="contamination=None leaves the threshold unset"):
            method(images)


def test_threshold_is_set_on_a_draw_of_the_training_images():
    X = np.linspace(-1, 1, 1000)[:, None, None, None] * np.ones((1, 1, 8, 8))
    detector = Distance(random_state=0)
    scored = []
    score = detector._anomaly_score
    detector._anomaly_score = lambda X: scored.append(X) or score(X)
    detector.fit(X)
    assert [len(X) for X in scored] == [200]
    assert scored[0].min() < -0.9  # from all over, not the first 200
    assert scored[0].max() > 0.9
    assert np.mean(detector.predict(X) == -1) == pytest.approx(0.1, abs=0.05)


GOOD = np.zeros((4, 1, 8, 8))


def spoiled(value):
    X = GOOD.copy()
    X[2, 0, 3, 3] = value
    return X


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (spoiled(np.nan), ValueError, "X: images must be finite; got NaN"),
        (spoiled(np.inf), ValueError, "X: images must be finite"),
        (spoiled(1.5), ValueError, r"X: pixel values must lie in \[-1, 1\]; got \[0, 1.5\]"),
        (spoiled(-2), ValueError, r"X: pixel values must lie in \[-1, 1\]; got \[-2, 0\]"),
        (np.zeros((4, 64)), ValueError, r"X must be float images .*; got shape \(4, 64\) of float64"),
        (np.zeros((4, 64), np.uint8), ValueError, r"X must be .* or uint8 .*; got shape \(4, 64\) of uint8"),
        (GOOD.astype(int), TypeError, r"X must be .*; got shape .* of int64"),
        (np.array(["cat.png"]), TypeError, r"X must be .*; got ndarray of <U7. Open files first"),
        (np.zeros((0, 1, 8, 8)), ValueError, "images are needed; got 0"),
    ],
)
def test_bad_images_are_refused(make, fitted, X, error, message):
    with pytest.raises(error, match=message):
        make().fit(X)
    with pytest.raises(error, match=message):
        fitted.anomaly_score(X)


def test_fitting_needs_two_images_and_scoring_one(make, fitted):
    with pytest.raises(ValueError, match="X: at least 2 images are needed; got 1"):
        make().fit(GOOD[:1])
    assert fitted.anomaly_score(GOOD[:1]).shape == (1,)


@pytest.mark.parametrize("shape", [(4, 3, 8, 8), (4, 1, 16, 16)])
def test_images_must_be_shaped_as_in_training(fitted, shape):
    with pytest.raises(ValueError, match=r"X: images must be \(1, 8, 8\) .* as in training; got"):
        fitted.predict(np.zeros(shape))


@pytest.mark.parametrize("name", [name for name in IMAGE_DETECTORS if name != "Distance"])
def test_an_interrupted_fit_goes_on_from_its_checkpoint(name, tmp_path, monkeypatch):
    X = np.random.RandomState(0).randint(256, size=(12, 8, 8)).astype(np.uint8)
    detector = IMAGE_DETECTORS[name](random_state=0).set_params(n_iter=60, checkpoint=tmp_path / "checkpoint")
    expected = clone(detector).set_params(checkpoint=None).fit(X).anomaly_score(X)

    a_minute_each = SimpleNamespace(monotonic=itertools.count(0, 61).__next__, perf_counter=time.perf_counter)
    blocks, check = [], training.Training._check_finite

    def interrupted(self, losses):
        blocks.append(len(losses))
        if len(blocks) == 2:
            raise KeyboardInterrupt
        check(self, losses)

    with monkeypatch.context() as patch:
        patch.setattr(training, "time", a_minute_each)
        patch.setattr(training.Training, "_check_finite", interrupted)
        with pytest.raises(KeyboardInterrupt):
            detector.fit(X)
    assert detector.checkpoint.exists() and blocks == [25, 25]
    monkeypatch.setattr(training.Training, "_check_finite", interrupted)
    np.testing.assert_array_equal(detector.fit(X).anomaly_score(X), expected)
    assert blocks[2:] == [25, 10] and not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", [name for name in IMAGE_DETECTORS if name != "Distance"])
@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_a_checkpoint_needs_a_seed_that_stays(name, random_state, tmp_path):
    detector = IMAGE_DETECTORS[name](random_state=random_state).set_params(checkpoint=tmp_path / "checkpoint")
    with pytest.raises(ValueError, match="checkpoint: .* random_state must be an int; got "):
        detector.fit(GOOD)
    assert not any(tmp_path.iterdir())


def test_the_threshold_s_images_are_drawn_by_the_training_s_seed(monkeypatch):
    """And so from a RandomState once, however many images there are."""
    X = np.random.RandomState(1).randint(256, size=(40, 8, 8)).astype(np.uint8)
    monkeypatch.setattr(Distance, "N_THRESHOLD", 10)
    state = np.random.RandomState(5)
    detector = Distance(random_state=state).fit(X)
    assert state.randint(2**31 - 1) == np.random.RandomState(5).randint(2**31 - 1, size=2)[1]
    assert detector.offset_ == Distance(random_state=detector.seed_).fit(X).offset_


@pytest.mark.parametrize(
    ("detector", "X"),
    [(KDE(bandwidths=[1.0]), np.ones((30, 2))), (SOGAAL(2, verbose=False, contamination=None), 5 * np.ones((30, 2)))]
    + [(Distance(noise=0), np.ones((4, 1, 8, 8))), (IMAGE_DETECTORS["ADGAN"](), np.zeros((9, 8, 8), np.uint8))],
    ids=["classical", "GAAL", "images", "ADGAN"],
)
def test_warnings_point_at_the_line_that_called_the_library(detector, X, tmp_path):
    if isinstance(detector, ADGAN):
        path = tmp_path / "checkpoint"
        path.write_bytes(training.MARK + b"damaged!")
        detector.set_params(checkpoint=path, random_state=0, contamination=None)
    with pytest.warns(UserWarning) as said:
        make_pipeline(detector).fit(X)
    assert {warning.filename for warning in said} == {__file__}


@pytest.mark.parametrize("name", [name for name in IMAGE_DETECTORS if name != "Distance"])
def test_a_training_that_is_done_is_not_lost_while_the_threshold_is_set(name, tmp_path, monkeypatch):
    X = np.random.RandomState(0).randint(256, size=(12, 8, 8)).astype(np.uint8)
    detector = IMAGE_DETECTORS[name](random_state=0).set_params(n_iter=30, checkpoint=tmp_path / "checkpoint")
    expected = clone(detector).set_params(checkpoint=None).fit(X).anomaly_score(X)
    interrupted(detector, "_anomaly_score", X)
    assert detector.checkpoint.exists()
    with monkeypatch.context() as patch:
        patch.setattr(training.Training, "_check_finite", lambda *args: pytest.fail("it was trained again"))
        np.testing.assert_array_equal(detector.fit(X).anomaly_score(X), expected)
    assert not any(tmp_path.iterdir())


# --- explanations ---

LOSSES = {  # what the residuals of images X add up to
    "ADGAN": lambda detector, X: detector.search(X).losses.min(1),
    "AnoGAN": lambda detector, X: detector.search(X).residual,
    "DCAE": lambda detector, X: detector.anomaly_score(X),
    "VAE": lambda detector, X: squared_l2(detector.network_(torch.tensor(X)), torch.tensor(X)).detach(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_residuals_add_up_to_the_loss_of_the_reconstruction(name):
    X = np.random.RandomState(0).uniform(-1, 1, size=(70, 3, 8, 8)).astype(np.float32)
    detector = IMAGE_DETECTORS[name](random_state=0, contamination=None).fit(X)
    reconstruction, residual = detector.explain(X)
    assert reconstruction.shape == X.shape and np.abs(reconstruction).max() <= 1
    assert residual.shape == (70, 8, 8) and residual.min() >= 0
    np.testing.assert_allclose(residual.sum((1, 2)), LOSSES[name](detector, X), rtol=1e-4)
    distance = np.abs(reconstruction - X) if name == "AnoGAN" else (reconstruction - X) ** 2
    np.testing.assert_allclose(residual, distance.sum(1), atol=1e-5)


def test_a_loss_that_is_not_taken_pixel_by_pixel_is_named():
    X = np.random.RandomState(0).uniform(-1, 1, size=(8, 1, 8, 8)).astype(np.float32)

    def of_edges(generated, x):
        return (generated - x).unfold(3, 2, 1).diff().square().flatten(1).sum(1)

    detector = IMAGE_DETECTORS["ADGAN"](random_state=0, contamination=None).set_params(loss=of_edges).fit(X)
    with pytest.raises(ValueError, match="explain: loss=.*of_edges.* can't be taken pixel by pixel"):
        detector.explain(X)

    def of_rows(generated, x):  # which a single pixel does not refuse
        return (generated - x).diff(dim=3).square().flatten(1).sum(1)

    def of_means(generated, x):
        return (generated - x).square().flatten(1).mean(1)

    for loss in (of_rows, of_means):
        with pytest.raises(ValueError, match="explain: loss=.*of_.* is no sum over pixels"):
            detector.set_params(loss=loss).explain(X)
