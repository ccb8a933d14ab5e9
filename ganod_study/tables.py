"""Every table of the book as a function of stored results, beside what the papers print."""

import base64
import csv
import html
import io
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import datasets
from .jobs import Cell
from .methods import METHODS, TABLE1
from .runner import open_store
from .scales import STORED
from .statistics import auc, auc_interval, paired_comparison

NOT_YET = "not yet run"
MIN_CLASSES = 6  # with fewer no signed-rank p-value is below 0.05


def paper_table1():
    """Table 1 of the ADGAN paper as {(data set's title, method's title, features, class): AUC}."""
    rows = _reference("adgan_table1.csv")
    return {(r["dataset"], r["method"], r["features"], int(r["class"])): float(r["auc"]) for r in rows}


def complete(entries):
    """Of each data set's methods the repetitions that have all its classes, at the best scale that has any."""
    found = {}
    for entry in entries:
        p = entry.parameters
        found.setdefault((p["dataset"], p["method"]), {}).setdefault(p["scale"], []).append(entry)
    whole = []
    for (dataset, _), by_scale in found.items():
        for scale in (scale for scale in STORED if scale in by_scale):
            cells = {(e.parameters["seed"], e.parameters["normal_class"]) for e in by_scale[scale]}
            n_classes = Counter(seed for seed, _ in cells)
            some = [e for e in by_scale[scale] if n_classes[e.parameters["seed"]] == len(datasets.CLASSES[dataset])]
            whole += some
            if some:
                break
    return whole


def table1_means(outcome, dataset, stored=()):
    """One data set of Table 1, a row for each method: AUCs averaged over classes.

    Two pairs of columns, as only means over the same classes compare: the paper and ours over all
    classes, at the best scale that has them all, which a column names; the paper and this build over
    the build's classes. The paper's stands there once where these are the same. Ours comes with the
    standard deviation over repetitions for several, with half of the 95 % interval over test images
    (DeLong) for one.

    outcome: this build's `experiments.Outcome`; stored: entries at any scales of experiments.STORED,
    any number of repetitions.
    """
    data = _Data(outcome, dataset, stored)
    all_, some = f"{len(data.all_classes)} classes", _class_list(data.classes, dataset)
    printed = {
        (r["dataset"], r["method"], r["features"]): float(r["mean_auc_as_printed"])
        for r in _reference("adgan_table1_means_as_printed.csv")
    }
    rows = []
    for method in TABLE1:
        row, about = {"method": METHODS[method].label}, METHODS[method]
        if data.in_paper:
            mean = data.paper_mean(data.all_classes, method)
            as_printed = printed[data.title, about.title, about.features]
            wrong = f" (prints {as_printed:.3f})" if abs(mean - as_printed) > 0.0011 else ""
            row[f"paper, {all_}"] = f"{mean:.3f}{wrong}"
            row[f"ours, {all_}"] = _with_spread(data.ours(data.all_classes, method)) or NOT_YET
            row["at scale"] = data.our_scale.get(method, "–")
        if data.classes:
            if data.in_paper and data.classes != data.all_classes:
                row[f"paper, {some}"] = f"{data.paper_mean(data.classes, method):.3f}"
            row[f"this build, {some}"] = _with_spread(data.build(data.classes, method)) or "–"
        rows.append(row)
    return _noted(outcome, _markdown(rows))


def table1(outcome, dataset, stored=()):
    """One data set of Table 1, a row for each class and method: the paper, ours and its scale, this build.

    Takes what `table1_means` takes. HTML that book/_static/results.js makes sortable, with a link to
    the same as CSV in full precision.
    """
    from IPython.display import HTML

    data = _Data(outcome, dataset, stored)
    heads = ["class", "method"] + ["paper", "ours", "at scale"] * data.in_paper + ["this build"] * bool(data.classes)
    body, csv_rows = [], []
    for c in data.all_classes if data.in_paper else data.classes:
        for method in TABLE1:
            paper, ours, build = data.paper_mean([c], method), data.ours([c], method), data.build([c], method)
            names = datasets.CLASSES[dataset][c], METHODS[method].label
            row = "".join(f'<th scope="row">{html.escape(name)}</th>' for name in names)
            if data.in_paper:
                row += _number(paper, f"{paper:.3f}") + _number(ours and ours.mean, _interval(ours) or NOT_YET)
                row += f"<td>{data.our_scale.get(method, '–')}</td>"
            if data.classes:
                row += _number(build and build.mean, _interval(build) or "–")
            body.append(f"<tr>{row}</tr>")
            about = {"dataset": data.title, "class": names[0], "method": METHODS[method].title}
            about |= {"features": METHODS[method].features, "paper": paper}
            about |= _csv_columns("ours", ours) | {"ours_scale": data.our_scale.get(method)}
            csv_rows.append(about | _csv_columns("build", build) | {"build_scale": data.scale if build else None})
    if not body:
        return outcome.show(None)
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return HTML(
        f'<div class="results">{_csv_link(csv_rows, f"table1-{dataset}.csv")}'
        f'<div class="results-box" style="overflow: auto" tabindex="0"><table class="dataframe">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div></div>"
    )


def against_adgan(outcome, dataset, stored=()):
    """ADGAN against each other method of Table 1, compared over classes by `metrics.paired_comparison`.

    Takes what `table1_means` takes. Three comparisons side by side, each over its own classes: of the
    numbers that the paper prints, of ours, each method's at its best scale, and of this build's.
    """
    data = _Data(outcome, dataset, stored)
    sources = []
    if data.in_paper:
        sources += [("paper", data.all_classes, data.paper_mean, NOT_YET)]
        sources += [("ours", data.all_classes, lambda *cell: _mean_of(data.ours(*cell)), NOT_YET)]
    if data.classes:
        name = f"this build, {len(data.classes)} class{'es' * (len(data.classes) > 1)}"
        sources += [(name, data.classes, lambda *cell: _mean_of(data.build(*cell)), "–")]
    rows = []
    for method in TABLE1:
        if method != "adgan":
            row = {"ADGAN's AUC less that of": METHODS[method].label}
            for name, classes, value, nothing in sources:
                pairs = [(value([c], "adgan"), value([c], method)) for c in classes]
                row |= {name: nothing, f"p, {name}": nothing}
                if not any(None in pair for pair in pairs):
                    row[name], row[f"p, {name}"] = _compared(pairs)
                if name == "ours":
                    scales = [data.our_scale.get(m) for m in ("adgan", method)]
                    row["at scales"] = "–" if None in scales else " and ".join(scales)
            rows.append(row)
    return _noted(outcome, _markdown(rows)) if sources else outcome.show(None)


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


def networks(entries, *, store=None):
    """The records of the networks behind the entries, each once."""
    store = open_store(store)
    names = ("dataset", "normal_class", "method", "seed", "scale")
    cells = [Cell(*(e.parameters[name] for name in names)) for e in entries]
    stems = dict.fromkeys(cell.network.stem(store) for cell in cells if cell.network)
    return records([store.get(stem) for stem in stems])


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


def benchmark_records(measurements, cpu_only=()):
    """Which benchmark ran where, and of which there is no record from a GPU. measurements: of `cost.measured`.

    cpu_only: names of those that a GPU is not asked for.
    """
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
    on_gpu = {m.name for m in measurements if any(record["device_type"] != "cpu" for record in m.records)}
    no_gpu = [m.name for m in measurements if m.name not in on_gpu.union(cpu_only)]
    note = "Every benchmark has been run on a GPU."
    if no_gpu:
        note = (
            f"**The GPU's numbers are missing** for {', '.join(no_gpu)}. On a machine with a CUDA GPU "
            "`make benchmarks ARGS='--device cuda'` measures them, and this page then shows them."
        )
    return Markdown(f"{note}\n\n{_markdown(rows).data}" if rows else note)


class _Data:
    """A data set's part of Table 1 from its three sources, each a mean over the classes asked for."""

    def __init__(self, outcome, dataset, stored):
        self.title = datasets.TITLES[dataset]
        self.all_classes = list(range(len(datasets.CLASSES[dataset])))
        self.classes = sorted({cell.normal_class for cell in outcome.cells})  # of this build
        self.scale = outcome.cells[0].scale if outcome.cells else ""
        self._paper = paper_table1()
        self.in_paper = any(title == self.title for title, *_ in self._paper)
        best = complete(stored)
        self.our_scale = {e.parameters["method"]: e.parameters["scale"] for e in best}
        self._ours, self._build = _intervals(best), _intervals(outcome.entries)

    def paper_mean(self, classes, method):
        """The mean of what the paper prints, None if it does not."""
        about = METHODS[method]
        values = [self._paper.get((self.title, about.title, about.features, c)) for c in classes]
        return None if None in values else float(np.mean(values))

    def ours(self, classes, method):
        return _summary(self._ours, classes, method)

    def build(self, classes, method):
        return _summary(self._build, classes, method)


class _Summary(NamedTuple):
    """An AUC, averaged over classes and repetitions, with its spread.

    Of several repetitions sd is the standard deviation over them; of a single one low and high are
    the ends of the 95 % interval over test images.
    """

    mean: float
    sd: float | None
    low: float | None
    high: float | None
    repetitions: int


def _intervals(entries):
    """{(class, method): {seed: AUC's interval}}"""
    found = {}
    for entry in entries:
        p = entry.parameters
        if p["method"] in TABLE1:
            of_seeds = found.setdefault((p["normal_class"], p["method"]), {})
            of_seeds[p["seed"]] = auc_interval(entry.arrays["labels"], entry.arrays["scores"])
    return found


def _summary(found, classes, method):
    """The `_Summary` over the repetitions that all `classes` have in `_intervals`' result; None if there are none."""
    by_class = [found.get((c, method), {}) for c in classes]
    repetitions = [[of_seeds[seed] for of_seeds in by_class] for seed in set.intersection(*map(set, by_class))]
    values = [float(np.mean([interval.value for interval in each])) for each in repetitions]
    if not values:
        return None
    if len(values) > 1:
        return _Summary(float(np.mean(values)), float(np.std(values, ddof=1)), None, None, len(values))
    # of a mean over classes: as if these were independent
    ends = np.array(repetitions[0])  # (n, 3): value, low, high
    below, above = (np.sqrt(np.square(ends[:, 1:] - ends[:, :1]).sum(0)) / len(ends)).tolist()
    return _Summary(values[0], None, values[0] - below, values[0] + above, 1)


def _with_spread(summary):
    """As text for a mean over classes; "" for None."""
    if summary is None:
        return ""
    if summary.repetitions > 1:
        return f"{summary.mean:.3f} ± {summary.sd:.3f} ({summary.repetitions} repetitions)"
    # the longer side: the other one may be cut off at 1
    return f"{summary.mean:.3f} ± {max(summary.mean - summary.low, summary.high - summary.mean):.3f}"


def _interval(summary):
    """As text for one class: a single repetition's interval is not symmetric near 1; "" for None."""
    if summary is None or summary.repetitions > 1:
        return _with_spread(summary)
    return f"{summary.mean:.3f} [{summary.low:.3f}, {summary.high:.3f}]"


def _mean_of(summary):
    return summary and summary.mean


def _compared(pairs):
    """A `paired_comparison` over classes as texts: the difference, and the p-value where it can say something."""
    a, b = np.transpose(pairs)
    ahead = f"ahead in {np.sum(a > b)} of {len(a)}"
    if len(a) < MIN_CLASSES:
        return f"{np.mean(a - b):+.3f}, {ahead}", "too few classes"
    found = paired_comparison(a, b)
    return f"{found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}], {ahead}", f"{found.p_value:.3f}"


def _class_list(classes, dataset):
    if classes == list(range(len(datasets.CLASSES[dataset]))):
        return f"{len(classes)} classes"
    names = [datasets.CLASSES[dataset][c] for c in classes]
    return f"class{'es' * (len(names) > 1)} {', '.join(names)}"


def _noted(outcome, table):
    """A Markdown table, and above it why all or a part of this build's numbers are missing."""
    notes = [f"*Not run in this build: {why}*\n\n" for why in (outcome.missing, outcome.without) if why]
    return type(table)("".join(notes) + table.data)


def _number(value, text):
    """A table's cell that is sorted by its number in full."""
    return f'<td data-value="{"" if value is None else repr(value)}">{text}</td>'


def _csv_columns(name, summary):
    values = summary or (None,) * len(_Summary._fields)
    return {f"{name}_{field}": value for field, value in zip(_Summary._fields, values)}


def _csv_link(rows, name):
    """A link that holds rows (dictionaries) as a CSV file called `name`."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    data = base64.b64encode(file.getvalue().encode()).decode()
    return f'<a download="{name}" href="data:text/csv;charset=utf-8;base64,{data}">{name}</a>'


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
