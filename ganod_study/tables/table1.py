"""Table 1 of the ADGAN paper, ours beside the paper's: means, every cell, and ADGAN against each other method."""

import html

import numpy as np
from IPython.display import HTML

from .. import datasets
from ..methods import METHODS, TABLE1
from ..reference import ROUNDING, paper_mean, printed_means
from ..render import NOT_YET, csv_link, markdown, number
from ..statistics import paired_comparison
from ..summaries import cells_of, complete, mean_auc, operating_points

MIN_CLASSES = 6  # with fewer no signed-rank p-value is below 0.05


def means(outcome, dataset, stored=()):
    """One data set of Table 1, a row for each method: AUCs averaged over classes.

    Two pairs of columns, as only means over the same classes compare: the paper and ours over all
    classes, at the best scale that has them all, which a column names; the paper and this build over
    the build's classes. The paper's stands there once where these are the same. Ours comes with the
    standard deviation over repetitions for several, with half of the 95 % interval over test images
    (DeLong) for one.

    outcome: this build's `runner.Outcome`; stored: entries at any scales of scales.STORED,
    any number of repetitions.
    """
    data = _Data(outcome, dataset, stored)
    all_, some = f"{len(data.all_classes)} classes", _class_list(data.classes, dataset)
    rows = []
    for method in TABLE1:
        row, about = {"method": METHODS[method].label}, METHODS[method]
        if data.in_paper:
            mean = data.paper(data.all_classes, method)
            as_printed = printed_means()[data.title, about.title, about.features]
            wrong = f" (prints {as_printed:.3f})" if abs(mean - as_printed) > ROUNDING else ""
            row[f"paper, {all_}"] = f"{mean:.3f}{wrong}"
            row[f"ours, {all_}"] = _with_spread(data.ours(data.all_classes, method)) or NOT_YET
            row["at scale"] = data.our_scale.get(method, "–")
        if data.classes:
            if data.in_paper and data.classes != data.all_classes:
                row[f"paper, {some}"] = f"{data.paper(data.classes, method):.3f}"
            row[f"this build, {some}"] = _with_spread(data.build(data.classes, method)) or "–"
        rows.append(row)
    return _noted(outcome, markdown(rows))


def full(outcome, dataset, stored=()):
    """One data set of Table 1, a row for each class and method: the paper, ours and its scale, this build.

    Takes what `means` takes. HTML that book/_static/results.js makes sortable, with a link to
    the same as CSV in full precision.
    """
    data = _Data(outcome, dataset, stored)
    heads = ["class", "method"] + ["paper", "ours", "at scale"] * data.in_paper + ["this build"] * bool(data.classes)
    body, csv_rows = [], []
    for c in data.all_classes if data.in_paper else data.classes:
        for method in TABLE1:
            paper, ours, build = data.paper([c], method), data.ours([c], method), data.build([c], method)
            names = datasets.CLASSES[dataset][c], METHODS[method].label
            row = "".join(f'<th scope="row">{html.escape(name)}</th>' for name in names)
            if data.in_paper:
                row += _cell(paper, f"{paper:.3f}") + _cell(ours and ours.value, _interval(ours) or NOT_YET)
                row += f"<td>{data.our_scale.get(method, '–')}</td>"
            if data.classes:
                row += _cell(build and build.value, _interval(build) or "–")
            body.append(f"<tr>{row}</tr>")
            about = {"dataset": data.title, "class": names[0], "method": METHODS[method].title}
            about |= {"features": METHODS[method].features, "paper": paper}
            about |= _csv_columns("ours", ours) | {"ours_scale": data.our_scale.get(method)}
            csv_rows.append(about | _csv_columns("build", build) | {"build_scale": data.scale if build else None})
    if not body:
        return outcome.show(None)
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return HTML(
        f'<div class="results">{csv_link(csv_rows, f"table1-{dataset}.csv")}'
        f'<div class="results-box" style="overflow: auto" tabindex="0"><table class="dataframe">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div></div>"
    )


def against_adgan(outcome, dataset, stored=()):
    """ADGAN against each other method of Table 1, compared over classes by `statistics.paired_comparison`.

    Takes what `means` takes. Three comparisons side by side, each over its own classes: of the
    numbers that the paper prints, of ours, each method's at its best scale, and of this build's.
    """
    data = _Data(outcome, dataset, stored)
    sources = []
    if data.in_paper:
        sources += [("paper", data.all_classes, data.paper, NOT_YET)]
        sources += [("ours", data.all_classes, lambda *cell: _value(data.ours(*cell)), NOT_YET)]
    if data.classes:
        name = f"this build, {number(len(data.classes), 'class')}"
        sources += [(name, data.classes, lambda *cell: _value(data.build(*cell)), "–")]
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
    return _noted(outcome, markdown(rows)) if sources else outcome.show(None)


class _Data:
    """A data set's part of Table 1 from its three sources, each a mean over the classes asked for."""

    def __init__(self, outcome, dataset, stored):
        self.dataset, self.title = dataset, datasets.TITLES[dataset]
        self.all_classes = list(range(len(datasets.CLASSES[dataset])))
        self.classes = sorted({cell.normal_class for cell in outcome.cells})  # of this build
        self.scale = outcome.cells[0].scale if outcome.cells else ""
        self.in_paper = any(title == self.title for title, *_ in printed_means())
        best = complete(stored)
        self.our_scale = {e.parameters["method"]: e.parameters["scale"] for e in best}
        self._ours, self._build = ({m: cells_of(some, m) for m in TABLE1} for some in (best, outcome.entries))

    def paper(self, classes, method):
        return paper_mean(self.dataset, method, classes)

    def ours(self, classes, method):
        return mean_auc(self._ours[method], classes)

    def build(self, classes, method):
        return mean_auc(self._build[method], classes)


def _with_spread(mean):
    """As text for a `Mean` over classes; "" for None."""
    if mean is None:
        return ""
    if mean.sd is None:
        return f"{mean.value:.3f} ± {mean.interval.half:.3f}"
    return f"{mean.value:.3f} ± {mean.sd:.3f} ({number(len(mean.aucs), 'repetition')})"


def _interval(mean):
    """As text for one class: a single repetition's interval is not symmetric near 1; "" for None."""
    if mean is None or mean.sd is not None:
        return _with_spread(mean)
    return f"{mean.value:.3f} [{mean.interval.low:.3f}, {mean.interval.high:.3f}]"


def _value(mean):
    return mean and mean.value


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


def _cell(value, text):
    """A table's cell that is sorted by its number in full."""
    return f'<td data-value="{"" if value is None else repr(value)}">{text}</td>'


def _csv_columns(name, mean):
    fields = dict.fromkeys(("mean", "sd", "low", "high", "repetitions"))
    if mean:
        low, high = (mean.interval.low, mean.interval.high) if mean.sd is None else (None, None)
        fields = {"mean": mean.value, "sd": mean.sd, "low": low, "high": high, "repetitions": len(mean.aucs)}
        points = [operating_points(entry) for entry in mean.cells.values()]
        fields |= {field: float(np.mean([each[field] for each in points])) for field in points[0]}
    return {f"{name}_{field}": value for field, value in fields.items()}
