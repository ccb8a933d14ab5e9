"""What scores reach that know nothing, beside ADGAN. Entries may be of several data sets and scales."""

import numpy as np
from IPython.display import Markdown

from .. import datasets
from ..methods import KNOW_NOTHING, METHODS, SCORES, TABLE1
from ..reference import paper_mean
from ..render import NOT_YET, csv_link, markdown, not_run, number, signed
from ..statistics import t_interval
from ..summaries import (
    by_dataset,
    cells_of,
    class_means,
    comparisons,
    complete,
    cut_to,
    mean_auc,
    operating_points,
    over_classes,
)

VARIANTS = ("adgan-start", "adgan-untrained", "adgan-other-class")
TITLES = {"adgan": "ADGAN"} | dict(zip(VARIANTS, ("k = 0", "never trained", "another class")))
TITLES |= {"mean-image": "mean image"}
POINTS = {
    "tpr_at_1": "found at 1 %", "tpr_at_5": "found at 5 %", "average_precision": "average precision",
}  # fmt: skip


def verdict(entries):
    """Whether ADGAN beats the best score that knows nothing, for each data set: by how much, on what, and how sure."""
    lines = []
    for title, some in by_dataset(complete(entries)).items():
        same = cut_to("adgan", some)
        there = {m: mean for m in ("adgan", *KNOW_NOTHING) if (mean := mean_auc(cells_of(same, m)))}
        adgan = there.pop("adgan", None)
        if not (adgan and there):
            continue
        best = max(there, key=lambda method: there[method].value)
        found, first = comparisons(same, "adgan", best), next(iter(adgan.cells.values()))
        lead = _mean_difference(found)
        word = "beats" if lead.low > 0 else "is behind" if lead.high < 0 else "can't be told from"
        lines.append(
            f"- **{title}**, at the scale `{first.parameters['scale']}`: ADGAN {word} the best of {len(there)} scores "
            f"that know nothing, {METHODS[best].title}. On the same {len(first.arrays['labels']):,} test images it has "
            f"{_with_half(adgan.interval)} against {_with_half(there[best].interval)}, a mean difference of "
            f"{signed(lead)} over the classes, and is ahead in {_ahead(found)}. "
            f"The paper prints {paper_mean(first.parameters['dataset'], 'adgan'):.3f} for it."
        )
    return Markdown("\n".join(lines)) if lines else not_run("adgan", *KNOW_NOTHING)


def means(entries):
    """A row for each data set and score: its mean AUC, and by how much ours and the paper's ADGAN are ahead of it.

    The mean is over all its test images and draws. Ours is compared image by image, on those that both scored; the
    paper's printed numbers class by class. Intervals of differences are Student's t over classes.
    """
    rows = []
    for title, some in by_dataset(complete(entries)).items():
        dataset = some[0].parameters["dataset"]
        for method in ("adgan", *SCORES):
            mean = mean_auc(cells_of(some, method))
            row = {"data": title, "score": METHODS[method].label, "mean AUC": NOT_YET}
            if mean:
                scale = next(iter(mean.cells.values())).parameters["scale"]
                row |= {"mean AUC": _with_half(mean.interval), "at scale": scale}
                by_class = [paper_mean(dataset, "adgan", [c]) - mean_auc(mean.cells, [c]).value for c in mean.classes]
                if method != "adgan" and (found := comparisons(some, "adgan", method)):
                    row |= {"our ADGAN less it": signed(_mean_difference(found)), "ahead in": _ahead(found)}
                row["the paper's ADGAN less it"] = signed(t_interval(by_class))
            rows.append(row)
    return markdown(rows)


def classes(entries, dataset):
    """One data set class by class: the paper's ADGAN, ours and each score; a link to the same with its intervals.

    The file also has ADGAN's AUC less each score's, on the images that both scored, with DeLong's interval.
    """
    some = [e for e in complete(entries) if e.parameters["dataset"] == dataset]
    found = {m: of_class for m in ("adgan", *SCORES) if (of_class := class_means(some, m))}
    if not found:
        return not_run("adgan", *SCORES)
    rows, csv_rows = [], []
    for c, name in enumerate(datasets.CLASSES[dataset]):
        row = {"class": name, "ADGAN, the paper": f"{paper_mean(dataset, 'adgan', [c]):.3f}"}
        for method, of_class in found.items():
            mean = of_class[name]
            row[METHODS[method].label] = f"{mean.value:.3f}"
            scale = next(iter(mean.cells.values())).parameters["scale"]
            about = {"dataset": dataset, "class": name, "score": METHODS[method].label, "scale": scale}
            about |= dict(zip(("auc", "low", "high"), mean.interval)) | {"repetitions": len(mean.aucs)}
            difference = comparisons(some, "adgan", method).get((name, 0))
            about |= dict(zip(("adgan_less_it", "less_low", "less_high", "p"), difference or ()))
            csv_rows.append(about)
        rows.append(row)
    mean = {m: mean_auc(cells_of(some, m)).interval for m in found}
    last = {"class": "**mean**", "ADGAN, the paper": f"{paper_mean(dataset, 'adgan'):.3f}"}
    rows.append(last | {METHODS[m].label: _with_half(interval) for m, interval in mean.items()})
    return Markdown(f"{markdown(rows).data}\n\n{csv_link(csv_rows, f'baselines-{dataset}.csv')}")


def variants(entries):
    """ADGAN's AUC, and by how much it is above that of its variants and of the distance to the mean image.

    A row for each data set and class, with DeLong's interval for a single repetition, and one for the mean over
    classes, with Student's t.
    """
    rows, others = [], [method for method in TITLES if method != "adgan"]
    for title, some in by_dataset(entries).items():
        found = {method: comparisons(some, "adgan", method) for method in others}
        of_class = class_means(some, "adgan")
        for name in (*of_class, "**mean**") if of_class else ():
            mean = of_class.get(name) or mean_auc(cells_of(some, "adgan"))
            row = {"data": title, "class": name, "ADGAN": f"{mean.value:.3f}"}
            for method in others:
                pairs = {key: c for key, c in found[method].items() if name in (key[0], "**mean**")}
                difference = next(iter(pairs.values())) if len(pairs) == 1 else _mean_difference(pairs)
                row[f"less: {TITLES[method]}"] = signed(difference) if pairs else "–"
            rows.append(row)
    return markdown(rows) if rows else not_run("adgan", *VARIANTS)


def beyond_auc(entries):
    """True positive rates and average precision, means over classes and repetitions with 95 % intervals over classes.

    A row for each data set and method, those of Table 1 and the scores that know nothing.
    """
    rows = []
    for title, some in by_dataset(complete(entries)).items():
        for method in (*TABLE1, *SCORES):
            if cells := cells_of(some, method):
                points = {key: operating_points(entry) for key, entry in cells.items()}
                prevalence = np.mean([each["prevalence"] for each in points.values()])
                row = {"data": title, "method": METHODS[method].label}
                row |= {"at scale": next(iter(cells.values())).parameters["scale"]}
                for name, column in POINTS.items():
                    row[column] = _with_half(over_classes({key: each[name] for key, each in points.items()}))
                rows.append(row | {"prevalence": f"{prevalence:.3f}"})
    return markdown(rows)


def _mean_difference(found):
    """The mean of {(class, seed): `Comparison`} with Student's t interval over classes; None of none."""
    return over_classes({key: c.difference for key, c in found.items()}) if found else None


def _ahead(found):
    """In how many classes ADGAN is ahead, of {(class, seed): `Comparison`}, repetitions averaged."""
    names = list(dict.fromkeys(name for name, _ in found))
    ahead = sum(np.mean([c.difference for (name, _), c in found.items() if name == each]) > 0 for each in names)
    return f"{ahead} of {number(len(names), 'class')}"


def _with_half(interval):
    return f"{interval.value:.3f} ± {interval.half:.3f}"
