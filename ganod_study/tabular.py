"""How methods on tables are computed: SO-GAAL as its authors and the post run it."""

import numpy as np

from ganod_lite.gaal import SOGAAL

from . import datasets


def onecluster(data_root=None):
    """The name of the GAAL authors' table where it is at hand, else of the generated one."""
    return "onecluster" if datasets.available(data_root)["onecluster"] else datasets.GENERATED


def sogaal(job, cell, **options):
    """SO-GAAL's scores at the stop and at the end of its training, and its curves."""
    detector = SOGAAL(
        job.settings.stop_epochs, random_state=cell.seed, contamination=None, device="cpu",
        verbose=job.verbose, **options,
    ).fit(job.data.X, job.data.y)  # fmt: skip
    arrays = {"scores": detector.anomaly_score(job.data.X), "scores_at_stop": detector.scores_at_stop_}
    return arrays | {name: np.asarray(values, np.float32) for name, values in detector.history_.items()}, {}
