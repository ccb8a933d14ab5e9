"""Train ADGAN on MNIST's zeros and save it beside this file, with a record: python -m examples.mnist (a few minutes).

It is small so that it can be shipped: mnist-zeros.ganod takes about half a megabyte. For a good detector train longer,
with more channels.
"""

import json
from pathlib import Path

from sklearn.metrics import roc_auc_score

from ganod_lite import ADGAN
from ganod_study.datasets import load_images, one_versus_all
from ganod_study.store import circumstances, stopwatch

DETECTOR = Path(__file__).with_name("mnist-zeros.ganod")
HELD_BACK = 199  # training images for the threshold


def main():
    data = one_versus_all(load_images("mnist"), 0, n_test=300, n_holdout=0, seed=0)
    detector = ADGAN(
        1500, objective="gan", latent_size=32, ngf=16, batch_size=32, n_seeds=8, contamination=None, random_state=0,
        device="cpu",
    )  # fmt: skip
    with stopwatch() as seconds:
        detector.fit(data.x_train[HELD_BACK:])
    threshold = detector.set_threshold(data.x_train[:HELD_BACK], false_alarm_rate=0.05)
    detector.save(DETECTOR)
    record = {
        "made_by": "python -m examples.mnist",
        "detector": repr(detector),
        "n_train": len(data.x_train) - HELD_BACK,
        "seconds_of_training": round(seconds(), 1),
        "threshold": threshold._asdict(),
        "n_test": len(data.y_test),
        "auc": round(roc_auc_score(data.y_test, detector.anomaly_score(data.x_test)), 4),
        **circumstances(),
    }
    DETECTOR.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
