"""How scores that know nothing do, beside ADGAN. Entries may be of several data sets and scales."""

import numpy as np
from IPython.display import Markdown
from scipy.stats import pearsonr

from .. import datasets
from ..methods import CONTAMINATED, KNOW_NOTHING, METHODS, SCORES, TABLE1
from ..reference import paper_mean
from ..render import NOT_YET, csv_link, markdown, not_run, number, plus_minus, signed
from ..statistics import Interval, mean_difference_interval, t_interval
from ..summaries import (
    aucs_of,
    by_dataset,
    cells_of,
    class_means,
    comparisons,
    complete,
    contaminations,
    cut_to,
    mean_auc,
    operating_points,
    over_classes,
    over_repetitions,
    paired,
)

VARIANTS = ("adgan-start", "adgan-untrained", "adgan-other-class")
TITLES = {"adgan": "ADGAN"} | dict(zip(VARIANTS, ("k = 0", "never trained", "another class")))
TITLES |= {"mean-image": "mean image"}
# All that the page shows of stored results
SHOWN = (*TABLE1, *SCORES, *VARIANTS, *(name for name, method in METHODS.items() if method.contaminated))
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
        lead = _difference(found)
        word = {True: "beats", False: "is behind", None: "can't be told from"}[lead.above()]
        lines.append(
            f"- **{title}**, at the scale `{first.parameters['scale']}`: ADGAN {word} the best score that "
            f"knows nothing, {METHODS[best].title}. On the same {len(first.arrays['labels']):,} test images it has "
            f"{plus_minus(adgan.interval)} against {plus_minus(there[best].interval)}, a mean difference of "
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
                row |= {"mean AUC": plus_minus(mean.interval), "at scale": scale}
                by_class = [paper_mean(dataset, "adgan", [c]) - mean_auc(mean.cells, [c]).value for c in mean.classes]
                if method != "adgan" and (found := comparisons(some, "adgan", method)):
                    row |= {"our ADGAN minus it": signed(_difference(found)), "ahead in": _ahead(found)}
                row["the paper's ADGAN minus it"] = signed(t_interval(by_class))
            rows.append(row)
    return markdown(rows)


def classes(entries, dataset):
    """One data set class by class: the paper's ADGAN, ours and each score; a link to the same with its intervals.

    The file also has ADGAN's AUC minus each score's, on the images that both scored, with DeLong's interval.
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
            difference = _difference(comparisons(some, "adgan", method), name) if method != "adgan" else None
            about |= dict(zip(("adgan_less_it", "less_low", "less_high"), difference or ()))
            csv_rows.append(about)
        rows.append(row)
    mean = {m: mean_auc(cells_of(some, m)).interval for m in found}
    last = {"class": "**mean**", "ADGAN, the paper": f"{paper_mean(dataset, 'adgan'):.3f}"}
    rows.append(last | {METHODS[m].label: plus_minus(interval) for m, interval in mean.items()})
    return Markdown(f"{markdown(rows).data}\n\n{csv_link(csv_rows, f'baselines-{dataset}.csv')}")


def followed(entries):
    """How closely ADGAN's AUCs over the classes go with each score's: Pearson's correlation, ours and the paper's.

    In brackets its 95 % interval by Fisher's transformation, the classes being the sample.
    """
    rows = []
    for title, some in by_dataset(complete(entries)).items():
        dataset = some[0].parameters["dataset"]
        aucs = {m: [mean.value for mean in class_means(some, m).values()] for m in ("adgan", *SCORES)}
        paper = [paper_mean(dataset, "adgan", [c]) for c in range(len(datasets.CLASSES[dataset]))]
        for method in SCORES:
            if aucs[method]:
                row = {"data": title, "score": METHODS[method].label, "our ADGAN": NOT_YET}
                for name, adgan in (("our ADGAN", aucs["adgan"]), ("the paper's ADGAN", paper)):
                    if adgan:
                        found = pearsonr(aucs[method], adgan)
                        row[name] = signed(Interval(found.statistic, *found.confidence_interval()))
                rows.append(row)
    return markdown(rows)


def variants_at(scale, entries):
    """What `variants` takes of stored entries: those of the scale, in the classes that ADGAN and all its variants have.

    The distance to the mean image is the same at every scale that has all training images: it is the best scale's.
    """
    found = []
    for some in by_dataset(entries).values():
        cells = {m: cells_of([e for e in some if e.parameters["scale"] == scale], m) for m in ("adgan", *VARIANTS)}
        common = sorted(set.intersection(*map(set, cells.values())))
        cells["mean-image"] = cells_of(complete(some), "mean-image")
        found += [of[key] for of in cells.values() for key in common if key in of]
    return found


def variants(entries):
    """ADGAN's AUC, and by how much it is above that of its variants and of the distance to the mean image.

    A row for each data set and class, with DeLong's interval for a single repetition, and one for the mean over
    classes, with Student's t.
    """
    rows, others = [], [method for method in TITLES if method != "adgan"]
    for title, some in by_dataset(entries).items():
        found = {method: comparisons(some, "adgan", method) for method in others}
        of_class = class_means(some, "adgan")
        for name in (*of_class, None) if of_class else ():
            mean = of_class[name] if name else mean_auc(cells_of(some, "adgan"))
            row = {"data": title, "class": name or "**mean**", "ADGAN": f"{mean.value:.3f}"}
            for method in others:
                difference = _difference(found[method], name)
                row[f"minus: {TITLES[method]}"] = signed(difference) if difference else "–"
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
                    row[column] = plus_minus(over_classes({key: each[name] for key, each in points.items()}))
                rows.append(row | {"prevalence": f"{prevalence:.3f}"})
    return markdown(rows)


def contaminated(entries):
    """Mean AUCs by the share of anomalies among the training images, a row for each data set and method.

    Behind them the difference between the most and none, with Student's t interval over classes.
    """
    rows = []
    for title, methods in contaminations(entries).items():
        for method, by_percent in methods.items():
            aucs = {p: aucs_of(cells) for p, cells in by_percent.items()}
            row = {"data": title, "method": METHODS[method].label}
            row |= {"at scale": next(iter(by_percent[0].values())).parameters["scale"]}
            row |= {"classes": str(len({c for c, _ in aucs[0]}))}
            row |= {f"{p} %" if p else "none": f"{over_classes(of).value:.3f}" for p, of in aucs.items()}
            most = max(aucs)
            lost = over_classes({key: aucs[most][key] - clean for key, clean in aucs[0].items()})
            rows.append(row | {f"{most} % minus none": signed(lost)})
    return markdown(rows) if rows else not_run(*(f"{method}-contaminated-1" for method in CONTAMINATED))


def contaminated_beside(entries):
    """ADGAN's mean AUC minus each other method's, without and with the most anomalies in training, on the same images.

    Over the classes that both have, with the interval over their test images (DeLong).
    """
    rows = []
    for title, methods in contaminations(entries).items():
        adgan = methods.pop("adgan", {})
        for method, by_percent in methods.items() if adgan else ():
            keys = sorted(adgan[0].keys() & by_percent[0].keys())
            if not keys:
                continue
            row = {"data": title, "ADGAN minus": METHODS[method].label}
            row |= {"classes": number(len({c for c, _ in keys}), "class")}
            for percent in (0, max(adgan)):
                samples = []
                for a, b in ((adgan[percent][key], by_percent[percent][key]) for key in keys):
                    y = paired(a, b)
                    scores = (e.arrays["scores"][: len(y)] for e in (a, b))
                    samples.append((a.arrays["test_index"][: len(y)], y, *scores))
                row[f"{percent} %" if percent else "none"] = signed(mean_difference_interval(samples))
            rows.append(row)
    return markdown(rows) if rows else not_run(*(f"{method}-contaminated-1" for method in CONTAMINATED))


def _difference(found, name=None):
    """{(class, seed): `Comparison`} of one class, or of all, as one difference with its interval; None of none.

    A single one has DeLong's interval, the mean over classes Student's t.
    """
    some = {key: c for key, c in found.items() if name in (None, key[0])}
    if len(some) == 1:
        return next(iter(some.values()))
    return over_classes({key: c.difference for key, c in some.items()}) if some else None


def _ahead(found):
    """In how many classes ADGAN is ahead, of {(class, seed): `Comparison`}, repetitions averaged."""
    leads = over_repetitions({key: c.difference for key, c in found.items()})
    return f"{(leads > 0).sum()} of {number(len(leads), 'class')}"
