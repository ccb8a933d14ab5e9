"""SO-GAAL's runs: on which tables, with which parameters, kept in the store like the cells of Table 1."""

import numpy as np

from ganod_lite.gaal import SOGAAL

from . import datasets
from .cells import known
from .experiments import Outcome, open_store
from .store import stopwatch

# stop_epochs of SO-GAAL for each table, from PARAMETERS.txt of the authors' repository
STOP_EPOCHS = {
    "onecluster": 1000, "Annthyroid": 22, "Arrhythmia": 70, "Ionosphere": 100, "PageBlocks": 28, "PenDigits": 6,
    "Pima": 200, "Shuttle": 90, "SpamBase": 40, "Stamps": 200, "Waveform": 10, "WDBC": 200,
}  # fmt: skip
SOGAAL_VARIANTS = {
    "official": {},
    "the post, generator's bias 1": {"variant": "post", "generator_bias": 1.0},
    "the post, generator's bias 1e-5": {"variant": "post", "generator_bias": 1e-5},
}
SOME = ("WDBC", "Stamps", "Waveform")
SOGAAL_TABLES = {"smoke": (), "lite": SOME, "medium": SOME, "paper": tuple(STOP_EPOCHS)}


def onecluster(data_root=None):
    """The name of the GAAL authors' table where it is at hand, else of the generated one."""
    return "onecluster" if datasets.available(data_root)["onecluster"] else datasets.GENERATED


def sogaal_variants(table, scale, seeds, *, store=None, data_root=None):
    """SO-GAAL's learning curves on a onecluster table: {variant: entries, one for each seed}."""
    stop = 5 if scale == "smoke" else STOP_EPOCHS["onecluster"]
    return {
        name: [run_sogaal(table, stop, seed, open_store(store), data_root=data_root, **options) for seed in seeds]
        for name, options in SOGAAL_VARIANTS.items()
    }


def sogaal_tables(scale, seeds, *, store=None, data_root=None):
    """The official SO-GAAL on the scale's GAAL tables: {table: `Outcome`}."""
    known("scale", scale, SOGAAL_TABLES)
    outcomes = {}
    for table in SOGAAL_TABLES[scale]:
        try:
            run = [run_sogaal(table, STOP_EPOCHS[table], s, open_store(store), data_root=data_root) for s in seeds]
            outcomes[table] = Outcome([], run)
        except datasets.MissingData as error:
            outcomes[table] = Outcome([], [], str(error))
    return outcomes


def run_sogaal(table, stop_epochs, seed, store, *, data_root=None, verbose=True, **options):
    """SO-GAAL on a table: the store's entry, with the scores at the stop and at the end and all curves.

    `options` go to SOGAAL (the post's variant, say) and are part of the entry's parameters.
    """
    parameters = {"dataset": table, "method": "sogaal", "seed": seed, "stop_epochs": stop_epochs, "version": 1}
    parameters |= options
    stem = store.stem(f"{table}/sogaal", f"seed{seed}", parameters)
    entry = store.get(stem)
    if entry is None:
        data = datasets.load_table(table, root=data_root)
        always = {"schedule": "full", "contamination": None, "device": "cpu", "verbose": verbose}
        detector = SOGAAL(stop_epochs, random_state=seed, **always, **options)
        with stopwatch() as seconds:
            detector.fit(data.X, data.y)
        arrays = {
            "scores": detector.anomaly_score(data.X),
            "scores_at_stop": detector.scores_at_stop_,
            "labels": data.y.astype(np.uint8),
        } | {name: np.asarray(values, np.float32) for name, values in detector.history_.items()}
        entry = store.put(stem, parameters, arrays, seconds(), "cpu")
    return entry
