"""Every table of the book as a function of stored results, beside what the papers print."""

import csv
from pathlib import Path

import numpy as np

from . import datasets
from .cells import METHODS
from .experiments import gans_behind
from .metrics import auc, auc_interval

NOT_YET = "not yet run"


def paper_table1():
    """Table 1 of the ADGAN paper as {(data set's title, method's title, features, class): AUC}."""
    rows = _reference("adgan_table1.csv")
    return {(r["dataset"], r["method"], r["features"], int(r["class"])): float(r["auc"]) for r in rows}


def beside_paper(outcome, dataset, paper_scale=()):
    """One data set of Table 1, a row for each class and method: the paper, ours at paper scale, this build.

    outcome: this build's `experiments.Outcome`; paper_scale: stored entries at paper scale, any number
    of repetitions. Ours comes with its 95 % interval over test images (DeLong) for one repetition,
    with the standard deviation over repetitions for several.
    """
    if not outcome.cells:
        return outcome.show(None)
    printed, title = paper_table1(), datasets.TITLES[dataset]
    ours, here = (_by_class_and_method(entries) for entries in (paper_scale, outcome.entries))
    classes = sorted({c.normal_class for c in outcome.cells})
    nothing = _not_run(outcome) if outcome.missing else "–"
    rows = []
    for name, label in [(c, datasets.CLASSES[dataset][c]) for c in classes] + [(None, "mean")]:
        for method, about in METHODS.items():
            # over which classes a mean is taken: those of this build, in all three columns
            wanted = [name] if name is not None else classes
            papers = [printed.get((title, about.title, about.features, c)) for c in wanted]
            rows.append(
                {
                    "class": label,
                    "method": about.label,
                    "paper": f"{np.mean(papers):.3f}" if None not in papers else "–",
                    "ours at paper scale": _with_spread(ours, wanted, method) or NOT_YET,
                    "this build": _with_spread(here, wanted, method) or nothing,
                }
            )
    return _markdown(rows)


def by_class(entries):
    """AUCs (and half of their 95 % intervals) of one data set: a row for each class, a column for each method."""
    found = _by_class_and_method(entries)
    classes = sorted({c for c, _ in found})
    dataset = entries[0].parameters["dataset"]
    rows = []
    for wanted, label in [([c], datasets.CLASSES[dataset][c]) for c in classes] + [(classes, "mean")]:
        row = {about.label: _with_spread(found, wanted, m) for m, about in METHODS.items()}
        rows.append({"class": label} | {title: cell for title, cell in row.items() if cell})
    return _markdown(rows)


def chosen_dimensions(entries):
    """PCA's dimension that the holdout chose, for each classical method and class."""
    rows = {}
    for entry in entries:
        p, tried = entry.parameters, entry.record["details"].get("holdout_auc")
        if tried:
            label = datasets.CLASSES[p["dataset"]][p["normal_class"]]
            best = max(tried, key=tried.get)
            rows.setdefault(METHODS[p["method"]].label, {})[label] = f"{best} ({tried[best]:.3f})"
    return _markdown([{"method": method} | row for method, row in rows.items()])


def records(entries):
    """Where the numbers of a page come from: a row for each record."""
    rows = [
        {
            "data": e.parameters["dataset"],
            "method": e.parameters["method"],
            "class": e.parameters.get("normal_class", "–"),
            "seed": e.parameters["seed"],
            "AUC": f"{auc(e.arrays['labels'], e.arrays['scores']):.4f}" if "scores" in e.arrays else "–",
            "seconds": e.record["seconds"],
            "commit": e.record["commit"],
            "device": e.record["device"],
            "file": e.record["file"],
        }
        for e in entries
    ]
    return _markdown(rows)


def generators(entries, *, store=None):
    """The records of the generators behind ADGAN's numbers."""
    return records([gan_entry for _, gan_entry in gans_behind(entries, store).values()])


def sogaal(groups):
    """SO-GAAL's AUC at stop_epochs and at the end, mean, standard deviation and median over seeds.

    groups: {title: entries of `experiments.run_sogaal` one for each seed, or an `Outcome` of them}.
    """
    rows = []
    for title, group in groups.items():
        entries = getattr(group, "entries", group)
        if not entries:
            rows.append({"": title, "AUC at stop": _not_run(group), "AUC at end": _not_run(group)})
            continue
        row = {"": title, "stop epoch": entries[0].parameters["stop_epochs"]}
        for column, scores in (("AUC at stop", "scores_at_stop"), ("AUC at end", "scores")):
            values = [auc(e.arrays["labels"], e.arrays[scores]) for e in entries]
            row |= {column: _mean_sd(values), f"median {column.removeprefix('AUC ')}": f"{np.median(values):.3f}"}
        rows.append(row | {"runs": len(entries)})
    return _markdown(rows)


def _not_run(outcome):
    return f"not run in this build: {outcome.missing.split(':')[0].rstrip('.')}"


def search_bytes(n_bytes):
    """`cost.BYTES` and their sum."""
    rows = [{"for each parameter": what, "bytes": n} for what, n in n_bytes.items()]
    return _markdown([*rows, {"for each parameter": "together", "bytes": sum(n_bytes.values())}])


def layer_costs(layers):
    """The layers of `cost.layers`, a row each and one for their sum: what they cost in one seed-step."""
    rows = [
        {
            "layer": layer.name,
            "parameters": f"{layer.parameters:,}",
            "positions": f"{layer.positions}",
            "numbers put out": f"{layer.activations:,}",
            "operations": f"{layer.operations:,}",
            "bytes": f"{layer.bytes:,}",
        }
        for layer in layers
    ]
    total = {
        "layer": "all",
        "parameters": f"{sum(layer.parameters for layer in layers):,}",
        "numbers put out": f"{sum(layer.activations for layer in layers):,}",
        "operations": f"{sum(layer.operations for layer in layers):,}",
        "bytes": f"{sum(layer.bytes for layer in layers):,}",
    }
    return _markdown([*rows, total])


def search_ways(ways, n_searches, bandwidth):
    """The ways of `cost.ways`: bytes of one seed's search, and how long n_searches of them take at bytes a second."""
    rows = [
        {
            "way": way,
            "megabytes": f"{n_bytes / 1e6:.1f}",
            "minutes": f"{n_bytes * n_searches / bandwidth / 60:.1f}",
        }
        for way, n_bytes in ways.items()
    ]
    return _markdown(rows)


def benchmark_errand(records, n_images, n_seeds):
    """What n_images searches with n_seeds would take at the seconds per image that `search` measured."""
    rows = []
    for record in records:
        factor = n_images * n_seeds / record["parameters"]["n_seeds"]
        for row in record["rows"]:
            hours = np.median(row["seconds_per_image"]) * factor / 3600
            rows.append(
                {
                    "machine": record["device"],
                    "ngf": row["ngf"],
                    "variant": row["variant"],
                    "time": f"{60 * hours:.1f} minutes" if hours < 2 else f"{hours:.1f} hours",
                    "score's relative difference": f"{row['difference']:.0e}",
                }
            )
    return _markdown(rows)


def benchmark_memory(records):
    """The peak memory that `scaling` measured, beside max_memory."""
    rows = [
        {
            "machine": record["device"],
            "images": row["images"],
            "seeds": row["seeds"],
            "max_memory (MiB)": f"{row['max_memory'] / 2**20:.0f}",
            "peak (MiB)": f"{(row['grown'] - row['result']) / 2**20:.1f}",
            "share": f"{row['share_of_max_memory']:.2f}",
        }
        for record in records
        for row in record["rows"]
        if "max_memory" in row
    ]
    return _markdown(rows)


def benchmark_records(measurements):
    """Which benchmark ran where, and of which there is no record from a GPU. measurements: of `cost.measured`."""
    from IPython.display import Markdown

    rows = [
        {
            "benchmark": record["benchmark"],
            "machine": record["device"],
            "rounds": max((len(v) for row in record["rows"] for v in row.values() if isinstance(v, list)), default=1),
            "seconds": record["seconds"],
            "finished": record["finished"],
            "commit": record["commit"],
        }
        for each in measurements
        for record in each.records
    ]
    no_gpu = [m.name for m in measurements if all(record["device_type"] == "cpu" for record in m.records)]
    note = "Every benchmark has been run on a GPU."
    if no_gpu:
        note = (
            f"**The GPU's numbers are missing** for {', '.join(no_gpu)}. On a machine with a CUDA GPU "
            "`make benchmarks ARGS='--device cuda'` measures them, and this page then shows them."
        )
    return Markdown(f"{note}\n\n{_markdown(rows).data}" if rows else note)


def _by_class_and_method(entries):
    found = {}
    for entry in entries:
        key = entry.parameters["normal_class"], entry.parameters["method"]
        found.setdefault(key, []).append(auc_interval(entry.arrays["labels"], entry.arrays["scores"]))
    return found


def _with_spread(found, classes, method):
    """The AUC, averaged over `classes` and repetitions, with its spread; "" if a class is missing."""
    intervals = [found.get((c, method)) for c in classes]
    if None in intervals:
        return ""
    if min(map(len, intervals)) > 1:  # repetitions: of the mean over classes
        n = min(map(len, intervals))
        return _mean_sd([np.mean([i[r].value for i in intervals]) for r in range(n)])
    # the longer side: the other one may be cut off at 1
    halves = [max(i[0].high - i[0].value, i[0].value - i[0].low) for i in intervals]
    half = np.sqrt(np.sum(np.square(halves))) / len(halves)
    return f"{np.mean([i[0].value for i in intervals]):.3f} ± {half:.3f}"


def _mean_sd(values):
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


def _reference(name):
    with (Path(__file__).parent / "reference" / name).open() as file:
        return list(csv.DictReader(file))


def _markdown(rows):
    import pandas as pd
    from IPython.display import Markdown

    if not rows:
        return Markdown("*Nothing of this is run at this scale.*")
    frame = pd.DataFrame(rows).astype(object)
    frame = frame.where(frame.notna(), "–")
    return Markdown(frame.to_markdown(index=False, disable_numparse=True))
