"""Table 1 of the ADGAN paper, ours beside the paper's: the answer, means, every cell, and ADGAN against the others."""

import html

import numpy as np
from IPython.display import HTML, Markdown

from .. import datasets
from ..methods import METHODS, TABLE1
from ..reference import paper_mean, printed_means
from ..render import NOT_YET, bracketed, csv_link, markdown, not_run, number, plus_minus, signed
from ..statistics import TOLERANCE, entry_auc, paired_comparison, t_interval
from ..summaries import (
    best_means,
    cells_of,
    class_aucs,
    complete,
    from_paper,
    mean_auc,
    n_close,
    operating_points,
    over_repetitions,
    paired,
    whole,
)

MIN_CLASSES = 6  # with fewer no signed-rank p-value is below 0.05
FULL_SHADE = 0.15  # a difference that has the deepest shade of the matrix
CELL = "min-width: 0; font-size: 0.75rem; line-height: 1.25; padding: 0.15em 0.3em; text-align: center"
CELL += "; white-space: nowrap"  # book.css makes cells of words wider
SHADES = {True: "0, 114, 178", False: "213, 94, 0"}  # blue where ours is higher, orange where it is lower


def answer(stored):
    """Whether the paper's means hold, in a few sentences.

    stored: {data set's name: its stored entries}.
    """
    said = adgan({dataset: best_means(entries, ["adgan"]) for dataset, entries in stored.items()})
    close = [f"{n_close(of)} on {datasets.TITLES[d]}" for d in stored for of in from_paper(stored[d]).values()]
    if close:
        columns = (
            "**The classical columns**, run in full at the paper's scale, have means whose whole 95 % intervals lie"
        )
        said += f" {columns} within {TOLERANCE} of the paper's for {' and '.join(close)}."
    return Markdown(said)


def adgan(means, verdict=""):
    """ADGAN's means beside the paper's, in a few sentences.

    means: {data set's name: its `best_means`}; verdict: of those at the paper's scale, in words.
    """
    by_scale, lacking = {}, []
    for dataset, of in means.items():
        title, (mean, scale) = datasets.TITLES[dataset], of.get("adgan", (None, None))
        if mean:
            text = f"{plus_minus(mean.interval)} on {title} (the paper: {paper_mean(dataset, 'adgan'):.3f})"
            by_scale.setdefault(scale, []).append(text)
        if scale != "paper":
            lacking.append(title)
    said, whole = [], by_scale.pop("paper", [])
    if whole:
        verdict = verdict and f": {verdict}"
        said.append(f"**ADGAN**, run as in the paper, has a mean AUC of {' and '.join(whole)}{verdict}.")
    if lacking:
        where = f" on {' and '.join(lacking)}" if whole else ""
        said.append(f"**Not yet known for ADGAN**{where}: its run at the paper's scale is missing.")
    for scale, texts in by_scale.items():
        said.append(f"With the small networks of the scale `{scale}` its mean AUC is {' and '.join(texts)}.")
    return " ".join(said)


def matrix(dataset, stored):
    """One data set of Table 1 as the paper has it: a row for each class, a column for each method.

    Each cell has ours above the paper's; its shade says by how much they differ. Ours are at the best scale that has
    all classes, which the column's head names. stored: entries at any scales of scales.STORED.
    """
    best, title = complete(stored), datasets.TITLES[dataset]
    scale = {e.parameters["method"]: e.parameters["scale"] for e in best}
    # Of whole repetitions only, so their mean is that of the repetitions
    aucs = {m: class_aucs(cells_of(best, m)) for m in TABLE1}
    notes = _misprints(dataset)

    def row(name, classes):
        cells = ""
        for m in TABLE1:
            mark = "*" if len(classes) > 1 and m in notes else ""
            ours = np.mean([aucs[m][c] for c in classes]) if aucs[m] else None
            cells += _matrix_cell(paper_mean(dataset, m, classes), ours, mark)
        return f'<tr style="background: none"><th scope="row" style="{CELL}">{html.escape(name)}</th>{cells}</tr>'

    heads = "".join(
        f'<th scope="col" style="{CELL}; white-space: normal">{html.escape(METHODS[m].label)}<br>'
        f'<span style="font-weight: normal">{scale.get(m, NOT_YET)}</span></th>'
        for m in TABLE1
    )
    classes = range(len(datasets.CLASSES[dataset]))
    rows = [row("mean", classes), *(row(datasets.CLASSES[dataset][c], [c]) for c in classes)]
    about = (
        f"{title}: each cell has our AUC (bold) above the paper's, each head the scale of ours. Blue where ours is "
        f"higher, orange where it is lower; the deepest shade is {FULL_SHADE} or more, unshaded is within {TOLERANCE}."
    )
    about += "".join(f" * {note}" for note in notes.values())
    style = "width: 100%; table-layout: auto; margin: 0; border-collapse: collapse; font-variant-numeric: tabular-nums"
    return HTML(
        f'<p style="font-size: 0.85em; margin: 0 0 0.3em">{about}</p>'
        f'<div style="overflow-x: auto" tabindex="0" role="region" aria-label="{title}: classes by methods">'
        f'<table class="dataframe" style="{style}">'
        f'<thead><tr><th scope="col" style="{CELL}">class</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody>'
        "</table></div>"
    )


def _matrix_cell(paper, ours, mark):
    shade = ""
    if ours is not None and abs(ours - paper) > TOLERANCE:
        depth = 0.1 + 0.4 * min(1, abs(ours - paper) / FULL_SHADE)
        shade = f"; background: rgba({SHADES[bool(ours > paper)]}, {depth:.2f})"
    shown = "–" if ours is None else f"{ours:.3f}"
    return f'<td style="{CELL}{shade}"><b>{shown}</b><br>{paper:.3f}{mark}</td>'


def _misprints(dataset):
    """{method: what the paper prints in place of the mean of its own cells}, where that differs in three decimals."""
    found = {}
    for method in TABLE1:
        mean, printed = paper_mean(dataset, method), _printed_mean(dataset, method)
        if f"{mean:.3f}" != f"{printed:.3f}":
            found[method] = (
                f"The paper prints {printed:.3f} for {METHODS[method].label}; its own cells give {mean:.4f}."
            )
    return found


def _printed_mean(dataset, method):
    return printed_means()[datasets.TITLES[dataset], METHODS[method].title, METHODS[method].features]


def means(outcome, dataset, stored=()):
    """One data set of Table 1, a row for each method: AUCs averaged over classes.

    Two pairs of columns, as only means over the same classes compare: the paper and ours over all
    classes, at the best scale that has them all, which a column names; the paper and this build over
    the build's classes. The paper's is shown once where these are the same. Ours comes with the
    standard deviation over repetitions for several, with half of the 95 % interval over test images
    (DeLong) for one.

    outcome: this build's `runner.Outcome`; stored: entries at any scales of scales.STORED,
    any number of repetitions.
    """
    data = _Data(outcome, dataset, stored)
    all_, some = f"{len(data.all_classes)} classes", _class_list(data.classes, dataset)
    rows = []
    for method in TABLE1:
        row = {"method": METHODS[method].label}
        if data.in_paper:
            mean, printed = data.paper(data.all_classes, method), _printed_mean(dataset, method)
            wrong = f" (prints {printed:.3f})" if f"{mean:.3f}" != f"{printed:.3f}" else ""
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
            row = {"ADGAN's AUC minus that of": METHODS[method].label}
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


def moved(stored):
    """How far whole columns moved from the scale `medium` to `large`, a row for each data set and method that has both.

    The difference is the mean over classes, on the same test images, with Student's t interval over classes.
    stored: {data set's name: its stored entries}.
    """
    rows, scales = [], ("medium", "large")
    for dataset, entries in stored.items():
        there = whole(entries)
        of_scale = [[e for e in there if e.parameters["scale"] == scale] for scale in scales]
        for method in METHODS:
            small, large = (cells_of(some, method) for some in of_scale)
            if keys := sorted(small.keys() & large.keys()):
                for key in keys:
                    paired(small[key], large[key])  # raises if they did not score the same images
                found = over_repetitions({key: entry_auc(large[key]) - entry_auc(small[key]) for key in keys})
                row = {"data": datasets.TITLES[dataset], "method": METHODS[method].label}
                for scale, cells in zip(scales, (small, large)):
                    row[scale] = f"{mean_auc({key: cells[key] for key in keys}).value:.3f}"
                row |= {"difference": signed(t_interval(found))}
                rows.append(row | {"higher in": f"{(found > 0).sum()} of {number(len(found), 'class')}"})
    return markdown(rows) if rows else not_run("adgan")


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
    return f"{plus_minus(mean.interval)}{_repetitions(mean)}" if mean else ""


def _interval(mean):
    """As text for one class, whose interval need not be symmetric near 1; "" for None."""
    if mean is None:
        return ""
    return f"{bracketed(mean.interval)}{_repetitions(mean)}"


def _repetitions(mean):
    return f" ({number(len(mean.aucs), 'repetition')})" if len(mean.aucs) > 1 else ""


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
    return f'<td data-value="{"" if value is None else float(value)}">{text}</td>'


def _csv_columns(name, mean):
    fields = dict.fromkeys(("mean", "sd", "low", "high", "repetitions"))
    if mean:
        fields = {"mean": mean.value, "sd": mean.sd, "low": mean.interval.low, "high": mean.interval.high}
        fields["repetitions"] = len(mean.aucs)
        points = [operating_points(entry) for entry in mean.cells.values()]
        fields |= {field: float(np.mean([each[field] for each in points])) for field in points[0]}
    return {f"{name}_{field}": value for field, value in fields.items()}
