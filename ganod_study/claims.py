"""What the papers claim, and a verdict on each claim from this project's stored results.

The claims are those of reference/claims.csv. A verdict comes from its claim's rule in RULES alone: a function of
the `Evidence` and the `Claim`. Whether a number or an order of the paper holds is decided only by results at the
scale "paper" for all ten classes; a statement about how methods behave is decided at the best scale there is, which
our numbers name. At the scales whose results the repository keeps only sets of all ten classes count.
The scale "smoke" decides nothing: it only shows that the code runs. TEXTS says each rule in words, with the reason
for its threshold.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import chain, product
from typing import NamedTuple

import numpy as np

from . import datasets, gaal, reference, runner, scenes, search
from .methods import METHODS, TABLE1
from .reference import paper_mean
from .render import bracketed, number, plus_minus, signed
from .scales import OFFICIAL, SCALES, STORED, known
from .search import DIFFERS, JUDGED, SCATTERED
from .statistics import (
    CLOSE,
    TOLERANCE,
    Interval,
    all_hold,
    auc,
    entry_auc,
    share_difference,
    share_interval,
    t_interval,
    welch_interval,
)
from .summaries import (
    COLLAPSED_BELOW,
    aucs_by_n_starts,
    column_aucs,
    mean_auc,
    over_repetitions,
    paired,
)

PAPERS_DATA = ("mnist", "cifar10")
N_CLASSES = 10
# What the pages run at a scale: methods and data sets. Whoever comes first computes it for all.
ABOUT = {
    TABLE1: ("mnist", "cifar10", "digits"),
    ("critic", "prior", "vae-prior", "vae-variance"): ("mnist", "cifar10", "digits"),
    ("search", "search-frozen"): ("mnist", "cifar10", "digits"),
    ("iforest-grid",): ("mnist", "cifar10"),
}
PLANE = "adgan-plane"  # what the page of the latent plane draws
OBJECTIVES = ("adgan-gan", "adgan-wgan", "adgan-wgan-gp")  # on the digit 0 of "digits"

# The rules' thresholds; TEXTS gives their reasons.
MUCH_BETTER = 0.05  # of a mean AUC
SATURATED = 0.25  # of the gain of the first steps
FEWER_COLLAPSES = 0.2  # difference of shares of runs
STEADIER = 0.5  # ratio of standard deviations over seeds
MIN_RUNS = 5
MIN_TRAININGS = 3  # of a mean that trained networks make
LOW_AUC, HIGH_AUC = 0.5, 0.9
LOW_LOSS = np.log(2) / 2
RISES = 0.5  # of a loss's range
TURNS = (250, 750)  # epochs; what the post calls 1000 epochs is 500: see TEXTS
SETTLES = 1000  # epoch
SETTLED = 0.2  # of a loss's range
SMOOTH = 50  # epochs

REPRODUCED = "reproduced"
WITHIN = f"reproduced within {TOLERANCE}"
NOT_REPRODUCED = "not reproduced"
UNDECIDED = "undecided"
FROM_BEST = tuple(reversed(SCALES))
BELOW = {scale: (f"{REPRODUCED} at {scale}", f"{NOT_REPRODUCED} at {scale}") for scale in FROM_BEST[1:-1]}
DECIDED = {"paper": (REPRODUCED, NOT_REPRODUCED)} | BELOW
NOT_YET = "not yet checked at the paper's scale"
CANNOT = "can't be checked here"
VERDICTS = (REPRODUCED, WITHIN, NOT_REPRODUCED, UNDECIDED, *chain(*BELOW.values()), NOT_YET, CANNOT)
# What claims come to
OUTCOMES = {
    REPRODUCED: (REPRODUCED, WITHIN, *(holds for holds, _ in BELOW.values())),
    NOT_REPRODUCED: (NOT_REPRODUCED, *(fails for _, fails in BELOW.values())),
    UNDECIDED: (UNDECIDED, NOT_YET),
    "can't be checked": (CANNOT,),
}
INDICATION = "Only an indication"


@dataclass(frozen=True)
class Claim:
    """A row of reference/claims.csv. quote: the source's own words; value: what it prints, a number or a word."""

    id: str
    source: str
    where: str
    quote: str
    claim: str
    value: str


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim. `outcome` sums it up, a key of OUTCOMES.

    ours: our numbers, with spread and data; scale: theirs ("" for none); entries: those they were computed from;
    where: a MyST link to where they are drawn; why: the reason, needed where nothing is decided.
    """

    ours: str
    verdict: str
    scale: str = ""
    entries: tuple = ()
    where: str = ""
    why: str = ""

    def __post_init__(self):
        known("verdict", self.verdict, VERDICTS)
        if self.verdict in (UNDECIDED, NOT_YET, CANNOT) and not self.why:
            raise ValueError(f"why: the verdict {self.verdict!r} needs a reason.")
        if self.verdict not in (NOT_YET, CANNOT) and not self.entries:
            raise ValueError(f"entries: the verdict {self.verdict!r} needs evidence.")

    @property
    def outcome(self):
        return next(outcome for outcome, verdicts in OUTCOMES.items() if self.verdict in verdicts)

    @property
    def in_words(self):
        """The verdict, and that it is on other scenes than LSUN's where that is so."""
        elsewhere = self.verdict != CANNOT and any(entry.parameters["dataset"] == "scenes" for entry in self.entries)
        return self.verdict + ", on another data set" * elsewhere


@dataclass(frozen=True)
class Evidence:
    """Stored results to judge by: entries of the grid, at any scales, and of SO-GAAL.

    missing: what they lack, and why.
    """

    entries: tuple = ()
    missing: tuple = ()

    def cells(self, scale, dataset, method):
        """{(class, seed): entry}; at a stored scale only of seeds for which all ten classes are there."""
        return {key: each[method] for key, each in self.shared(scale, dataset, [method]).items()}

    def shared(self, scale, dataset, methods):
        """{(class, seed): {method: entry}} of what all the methods have."""
        cells = {method: {} for method in methods}
        for entry in self.entries:
            p = entry.parameters
            if (p.get("scale"), p["dataset"]) == (scale, dataset) and p["method"] in cells:
                cells[p["method"]][p["normal_class"], p["seed"]] = entry
        keys = sorted(set.intersection(*map(set, cells.values())))
        n = Counter(seed for _, seed in keys)
        return {k: {m: cells[m][k] for m in methods} for k in keys if scale not in STORED or n[k[1]] == N_CLASSES}

    def best(self, methods):
        """What the methods share at the best scale where they share anything: (scale, {data set: shared}).

        The digits, which are not the paper's, count only where neither of its data sets is available.
        """
        for scale, group in product(FROM_BEST, (PAPERS_DATA, ("digits",))):
            found = {d: cells for d in group if (cells := self.shared(scale, d, methods))}
            if found:
                return scale, found
        return "", {}

    def curves(self, variant):
        """The entries of a variant of SO-GAAL on the authors' table, learned for as long as they say, by seed."""
        wanted = {"dataset": "onecluster", "method": variant, "stop_epochs": OFFICIAL["onecluster"].stop_epochs}
        found = [e for e in gaal.of_rows(self.entries, "same") if wanted.items() <= e.parameters.items()]
        return tuple(sorted(found, key=lambda e: e.parameters["seed"]))


def collect(scale, *, seeds=(0,), classes=None, stability_seeds=(0, 1, 2), device="auto", compute=True, **places):
    """The evidence: this build's of images, and the results that the repository keeps.

    seeds, classes: of the grid; stability_seeds: of the training objectives; compute: whether to compute what the
    store lacks of them; `places` are `store` and `data_root`.
    """
    choices = [
        (dataset, {"methods": methods, "classes": classes, "seeds": seeds})
        for methods, names in ABOUT.items()
        for dataset in names
    ] + [("digits", {"methods": OBJECTIVES, "classes": [0], "seeds": stability_seeds})]
    choices += [(name, {"methods": (PLANE,), "classes": [1], "seeds": seeds}) for name in ("mnist", "digits")]
    if compute:
        outcomes = [runner.attempt(scale, dataset, device=device, **places, **choice) for dataset, choice in choices]
    else:
        outcomes = [runner.already_there(scale, dataset, places.get("store"), **choice) for dataset, choice in choices]
    entries = [entry for outcome in outcomes for entry in outcome.entries]
    entries += [entry for dataset in (*PAPERS_DATA, *datasets.SCENES) for entry in runner.stored_results(dataset)]
    return Evidence(
        (*entries, *gaal.stored()),
        tuple(dict.fromkeys(why for o in outcomes for why in (o.missing, o.without) if why)),
    )


def read_claims():
    """The claims of both sources, {id: Claim}."""
    return {row["id"]: Claim(**row) for row in reference.rows("claims.csv")}


def judge(evidence):
    """The verdicts, {id: Verdict}, in the order of the claims."""
    return {claim.id: RULES[claim.id](evidence, claim) for claim in read_claims().values()}


# Numbers in words, and what verdicts are made of


def _in_words(mean):
    """A `Mean` with half of its 95 % interval."""
    about = f"{number(len(mean.classes), 'class')}, {number(len(mean.aucs), 'repetition')}"
    return f"{plus_minus(mean.interval)} ({about})"


def _gain_in_words(gain):
    return f"{gain.value:+.4f} " + (f"± {gain.half:.4f}" if np.isfinite(gain.low) else "(a single class)")


def _by_dataset_in_words(gains):
    return ", ".join(f"{_gain_in_words(gain)} on {datasets.TITLES[dataset]}" for dataset, gain in gains.items())


def _all(found, *methods):
    """The entries of `Evidence.best`'s second answer, a tuple."""
    return tuple(e for cells in found.values() for each in cells.values() for m, e in each.items() if m in methods)


def _by_dataset(found, value):
    """value({method: entry}) in `Evidence.best`'s second answer, means over repetitions: {data set: (classes, ...)}."""
    return {d: over_repetitions({key: value(each) for key, each in cells.items()}) for d, cells in found.items()}


def _data(scale, found):
    """What data a result is from, in words."""
    sets = [
        f"{datasets.TITLES[d]} ({number(len({c for c, _ in cells}), 'class')}, "
        f"{number(len({s for _, s in cells}), 'repetition')})"
        for d, cells in found.items()
    ]
    return f"{' and '.join(sets)}, scale `{scale}`"


def _figure(page, label, entries, at_large=""):
    """A link to a figure where this build has drawn it (not from stored results), else to its page.

    at_large: the label of the page's section on stored results at the scale "large", if it has one.
    """
    scales = {e.parameters.get("scale") for e in entries}
    label = label if scales - set(STORED) else at_large if scales == {"large"} else ""
    return f"{{ref}}`{label}`, {{doc}}`{page}`" if label else f"{{doc}}`{page}`"


def _nothing(where, what):
    return Verdict("–", NOT_YET, where=where, why=f"There are no records of {what}.")


def _decided(
    holds, ours, scale, entries, where, why="", gains=(), *, unclear="An interval reaches across its threshold."
):
    """The verdict on a statement at the scale of its evidence; it rests on `gains`.

    holds: None if nothing tells; unclear: the reason then, where why has none.
    """
    if scale not in DECIDED:
        return Verdict(ours, NOT_YET, scale, entries, where, "The scale `smoke` only shows that the code runs.")
    if any(np.isnan(gain.low) for gain in gains):
        return Verdict(ours, NOT_YET, scale, entries, where, "An interval needs more than one class.")
    if holds is None:
        return Verdict(ours, UNDECIDED, scale, entries, where, why or unclear)
    return Verdict(ours, DECIDED[scale][0 if holds else 1], scale, entries, where, why)


def _statement(*methods, figure="", at_large="", lacking):
    """Makes a rule out of judge(scale, found, entries): what the methods share at the best scale decides.

    judge returns what `_decided` takes: whether the statement holds, our numbers, why, gains.
    figure, at_large: of the ablations, see `_figure`; lacking: what there are no records of, in words.
    """

    def rule_of(judge):
        def rule(evidence, claim):
            scale, found = evidence.best(methods)
            entries = _all(found, *methods)
            where = _figure("ablations", figure, entries, at_large) if figure else THIS_PAGE
            if not entries:
                return _nothing(where, lacking)
            holds, ours, *rest = judge(scale, found, entries)
            return _decided(holds, ours, scale, entries, where, *rest)

        return rule

    return rule_of


# Rules: numbers and orders, which only ten classes at the scale "paper" decide

TABLE1_PAGE = "{doc}`table1`"
THIS_PAGE = "this page"  # what no other one shows


def _table1(dataset, entries):
    return _figure("table1", "roc-mnist", entries) if dataset == "mnist" else TABLE1_PAGE


def _mean_rule(dataset, method):
    def rule(evidence, claim):
        paper, where = float(claim.value), TABLE1_PAGE if method in TABLE1 else THIS_PAGE
        why = f"A verdict needs all ten classes of {datasets.TITLES[dataset]} at the paper's scale."
        scale = next((scale for scale in FROM_BEST if evidence.cells(scale, dataset, method)), None)
        if scale is None:
            return Verdict("–", NOT_YET, where=where, why=why)
        mean = mean_auc(evidence.cells(scale, dataset, method))
        ours, entries = _in_words(mean), tuple(mean.cells.values())
        if scale == "paper" and len(mean.aucs) < MIN_TRAININGS:
            why = f"Trainings differ, so a verdict needs at least {MIN_TRAININGS} of each class."
            return Verdict(ours, UNDECIDED, scale, entries, where, why)
        if scale == "paper":
            verdict, why = {
                True: (WITHIN, ""),
                False: (NOT_REPRODUCED, ""),
                None: (UNDECIDED, f"The interval reaches across the edge of {paper:.3f} ± {TOLERANCE}."),
            }[mean.interval.within(TOLERANCE, of=paper)]
            return Verdict(ours, verdict, scale, entries, where, why)
        if printed := paper_mean(dataset, method, mean.classes):
            ours += f"; the paper's for the same {number(len(mean.classes), 'class')} {printed:.3f}"
        where = _table1(dataset, entries) if method in TABLE1 else THIS_PAGE
        return Verdict(f"{INDICATION}, scale `{scale}`: {ours}", NOT_YET, scale, entries, where, why)

    return rule


def _best_rule(dataset):
    printed = {m: [paper_mean(dataset, m, [c]) for c in range(N_CLASSES)] for m in TABLE1}
    next_best = max(printed.keys() - {"adgan"}, key=lambda m: np.mean(printed[m]))
    lead = t_interval(np.subtract(printed["adgan"], printed[next_best]))
    papers = f"; in the paper's table the lead is {signed(lead)}, over {METHODS[next_best].label}"

    def rule(evidence, claim):
        columns = {m: cells for m in TABLE1 if (cells := evidence.cells("paper", dataset, m))}
        if len(columns) == len(TABLE1):
            ours, lead, entries = _rank(columns)
            unclear = "The difference to the best other column has an interval on both sides of zero."
            return _decided(lead.above(), ours + papers, "paper", entries, TABLE1_PAGE, unclear=unclear)
        why = "A verdict needs all ten columns, with all ten classes each, at the paper's scale."
        columns = {s: [m for m in TABLE1 if evidence.cells(s, dataset, m)] for s in FROM_BEST[1:]}
        for scale, there in sorted(columns.items(), key=lambda found: -len(found[1])):  # a rank among few says little
            shared = evidence.shared(scale, dataset, there) if "adgan" in there else {}
            if shared:
                ours, _, entries = _rank({m: {key: each[m] for key, each in shared.items()} for m in there})
                where = _table1(dataset, entries)
                ours = f"{INDICATION}, scale `{scale}`: {ours}{papers}"
                return Verdict(ours, NOT_YET, scale, entries, where, why)
        return Verdict("–", NOT_YET, where=TABLE1_PAGE, why=why)

    return rule


def _rank(columns):
    """ADGAN among {method: cells} by the mean AUC: in words, its lead on the best other column, and the entries.

    The lead is the mean difference with its interval over classes, as `tables.table1.against_adgan` has it.
    """
    means = {m: mean_auc(cells) for m, cells in columns.items()}
    adgan, lead = means.pop("adgan"), None
    rank = 1 + sum(other.value > adgan.value for other in means.values())
    ours = f"rank {rank} of {len(columns)} with {_in_words(adgan)}"
    if means:
        best = max(means, key=lambda m: means[m].value)
        by_class = [[mean_auc(columns[m], [c]).value for c in adgan.classes] for m in ("adgan", best)]
        lead = t_interval(np.subtract(*by_class))
        ours += f"; the best other column is {METHODS[best].label} with {_in_words(means[best])}, "
        ours += f"ADGAN's mean minus that {signed(lead)}"
    return ours, lead, tuple(e for cells in columns.values() for e in cells.values())


def _alexnet(evidence, claim):
    pairs = {m: (m, f"{m}-alexnet") for m in ("kde", "ocsvm")}
    wanted = list(product(PAPERS_DATA, pairs))
    for scale in FROM_BEST:
        found = {key: cells for key in wanted if (cells := evidence.shared(scale, key[0], pairs[key[1]]))}
        if len(found) == len(wanted) or found and scale != "paper":
            break
    why = "A verdict needs KDE and OC-SVM on both features, for all ten classes of both data sets, at paper scale."
    if not found:
        return Verdict("–", NOT_YET, where=TABLE1_PAGE, why=why)
    judged, shown, entries = [], [], ()
    for (dataset, method), cells in found.items():
        pca, alexnet = (mean_auc({key: each[m] for key, each in cells.items()}) for m in pairs[method])
        gain = _difference(alexnet, pca)
        with_pca, with_alexnet = (paper_mean(dataset, m, pca.classes) for m in pairs[method])
        judged.append(gain.within(TOLERANCE, of=with_alexnet - with_pca))
        column = f"{datasets.TITLES[dataset]}, {METHODS[method].title}"
        shown.append(f"{column} {gain.value:+.3f} ± {gain.half:.3f} (the paper's {with_alexnet - with_pca:+.3f})")
        entries += (*pca.cells.values(), *alexnet.cells.values())
    ours = f"AlexNet's mean minus PCA's: {'; '.join(shown)}"
    if scale != "paper":
        return Verdict(f"{INDICATION}, scale `{scale}`: {ours}", NOT_YET, scale, entries, TABLE1_PAGE, why)
    return _decided(all_hold(*judged), ours, scale, entries, "{doc}`classical`")


def _difference(a, b):
    """a - b of two `Mean`s as an `Interval`. Their images are the same, so it is wider than it need be."""
    value, half = a.value - b.value, np.hypot(a.interval.half, b.interval.half)
    return Interval(value, value - half, value + half)


# Rules: statements, decided at the best scale there is


@_statement("search", figure="ablation-steps", at_large="ablation-large", lacking="the AUC by search steps")
def _steps(scale, found, entries):
    curves = _by_dataset(found, lambda each: column_aucs(each["search"], "scores_by_step"))  # (classes, steps + 1)
    k, last = entries[0].parameters["n_steps"], min(of.shape[1] for of in curves.values()) - 1
    first = {d: of[:, k] - of[:, 0] for d, of in curves.items()}
    further = {d: of[:, last] - of[:, k] for d, of in curves.items()}
    gains = {d: t_interval(first[d]) for d in found}
    less = {d: t_interval(SATURATED * first[d] - further[d]) for d in found}
    ours = f"from step 0 to {k} {_by_dataset_in_words(gains)}; from there to {last} "
    ours += f"{_by_dataset_in_words({d: t_interval(of) for d, of in further.items()})}; "
    ours += f"{SATURATED:g} of the first less the second is {_by_dataset_in_words(less)}; {_data(scale, found)}"
    parts = [*gains.values(), *less.values()]
    return all_hold(*(part.above() for part in parts)), ours, "", parts


@_statement(
    "search", "search-frozen", figure="ablation-theta", at_large="ablation-large",
    lacking="the same searches with and without the adaptation",
)  # fmt: skip
def _theta(scale, found, entries):
    gains = {d: t_interval(of) for d, of in _by_dataset(found, _adaptation).items()}
    ours = f"with the adaptation {_by_dataset_in_words(gains)}; {_data(scale, found)}"
    return all_hold(*(gain.above() for gain in gains.values())), ours, "", gains.values()


def _adaptation(each):
    """By how much the AUC with the adaptation is above that without it, on the same images."""
    y = paired(each["search"], each["search-frozen"])
    adapted, frozen = (auc(y, each[m].arrays["scores"][: len(y)]) for m in ("search", "search-frozen"))
    return adapted - frozen


@_statement(
    "search", figure="ablation-seeds", at_large="ablation-large", lacking="the AUC by the number of starting points"
)
def _seeds(scale, found, entries):
    last = max(aucs_by_n_starts(entries[0]))
    some = max(2, last // 4)  # so that there are blocks enough for a spread

    def summary(each):
        aucs = aucs_by_n_starts(each["search"])
        return np.array([aucs[last][0] - aucs[1].mean(), aucs[1].std(ddof=1), aucs[some].std(ddof=1)])

    of_classes = _by_dataset(found, summary)  # (classes, 3)
    gains = {d: t_interval(of[:, 0]) for d, of in of_classes.items()}
    single, sets = np.concatenate([*of_classes.values()])[:, 1:].mean(0)
    ours = f"from 1 starting point to {last} {_by_dataset_in_words(gains)}; the AUC's deviation over disjoint sets of "
    ours += f"starting points: {single:.4f} for single ones, {sets:.4f} for sets of {some}; {_data(scale, found)}"
    return all_hold(*(gain.above() for gain in gains.values())), ours, "", gains.values()


def _latents(evidence, claim):
    scale, found = evidence.best([PLANE])
    if not found:
        return _nothing("{doc}`latent`", "searches in a plane of latents")
    dataset = next(iter(found))
    entries = _all({dataset: found[dataset]}, PLANE)
    holds, ours = search.no_structure(entries)
    return _decided(holds, ours, scale, entries, _figure("latent", f"plane-{dataset}", entries))


def _forest(evidence, claim):
    scale, found = evidence.best(["iforest-grid"])
    entries = _all(found, "iforest-grid")
    where = "{ref}`classical-iforest`, {doc}`classical`"
    if scale != "paper":
        where = _figure("ablations", "ablation-forest", entries)
    if not entries:
        return _nothing(where, "the forest with other parameters")
    holds, shown = True, []
    for dataset, cells in found.items():
        dimensions = np.array([s["n_components"] for s in entries[0].record["details"]["settings"]])
        aucs = over_repetitions(
            {key: column_aucs(each["iforest-grid"], "scores_by_setting") for key, each in cells.items()}
        )  # (classes, settings)
        by_dimension = [aucs[:, dimensions == n] for n in np.unique(dimensions)]
        spreads = [float(np.ptp(some.mean(0))) for some in by_dimension]
        of_class = max(float(np.ptp(some, axis=1).max()) for some in by_dimension)
        holds &= max(spreads) <= TOLERANCE
        at_each = ", ".join(f"{spread:.3f} at {n}" for spread, n in zip(spreads, np.unique(dimensions)))
        shown.append(f"{datasets.TITLES[dataset]} by {at_each} dimensions (a single class by up to {of_class:.3f})")
    ours = f"the forest's own parameters move the mean AUC on {', on '.join(shown)}; {_data(scale, found)}"
    why = (
        "PCA's dimension is held fixed: it is not a parameter of the forest, and a holdout chooses it for every method."
    )
    if len(found) < len(PAPERS_DATA):
        why += " The grid has been run on only one of the two data sets."
    return _decided(holds, ours, scale, entries, where, why)


@_statement("vae", "vae-prior", "vae-variance", lacking="the three scores of the same VAE")
def _elbo(scale, found, entries):
    leads, shown = {}, []
    for dataset, cells in found.items():
        methods = ("vae", "vae-prior", "vae-variance")
        aucs = {m: over_repetitions({k: entry_auc(each[m]) for k, each in cells.items()}) for m in methods}
        listed = [f"{datasets.TITLES[dataset]}: bound {np.mean(aucs['vae']):.3f}"]
        for m in methods[1:]:
            upside_down = bool(np.mean(aucs[m]) < 0.5)
            lead = leads[dataset, m] = t_interval(aucs["vae"] - (1 - aucs[m] if upside_down else aucs[m]))
            listed.append(
                f"{METHODS[m].title.split(', ')[1]} {np.mean(aucs[m]):.3f}" + " (upside down)" * upside_down
                + f", the bound's lead {_gain_in_words(lead)}"
            )  # fmt: skip
        shown.append(", ".join(listed))
    ahead = [
        True if lead.low > 0 and lead.value >= MUCH_BETTER else False if lead.high < MUCH_BETTER else None
        for lead in leads.values()
    ]
    return all_hold(*ahead), f"{'; '.join(shown)}; {_data(scale, found)}", "", leads.values()


@_statement(*OBJECTIVES, figure="ablation-stability", lacking="generators of both objectives")
def _stability(scale, found, entries):
    runs = {objective: _all(found, objective) for objective in OBJECTIVES}
    n_runs = len(runs["adgan-gan"])
    collapsed = {o: sum(e.record["details"]["diversity"] < COLLAPSED_BELOW for e in of) for o, of in runs.items()}
    deviation = {o: _over_seeds(found, o) for o in OBJECTIVES}
    shown = [
        f"{o.removeprefix('adgan-')} {collapsed[o]} of {n_runs} runs"
        + (f", AUC's standard deviation over seeds {deviation[o]:.3f}" if deviation[o] is not None else "")
        for o in OBJECTIVES
    ]
    # that of ADGAN's own generators at this scale
    wgan = f"adgan-{SCALES[scale][next(iter(found))].objective}"
    fewer = share_difference((collapsed["adgan-gan"], n_runs), (collapsed[wgan], n_runs))
    ours = f"collapsed: {'; '.join(shown)}; gan's share minus {wgan.removeprefix('adgan-')}'s {signed(fewer)}; "
    ours += _data(scale, found)
    as_many = abs(fewer.value) < FEWER_COLLAPSES
    if n_runs < MIN_RUNS:
        return None, ours, f"Comparing shares of collapses needs at least {MIN_RUNS} runs of each objective."
    if as_many and deviation[wgan] is None:
        why = "About as many runs collapse, and judging how steady the AUC is needs several repetitions of each class."
        return None, ours, why
    holds = deviation[wgan] <= STEADIER * deviation["adgan-gan"] if as_many else fewer.above()
    if holds is None:
        return None, ours, "The interval of the difference of shares includes zero."
    return holds, ours, f"WGAN here means {wgan.removeprefix('adgan-')}, as for ADGAN's own generators at this scale."


def _over_seeds(found, method):
    """The AUC's standard deviation over the seeds of a class, pooled over classes; None for one seed each."""
    by_class = {}
    for dataset, cells in found.items():
        for (c, _), each in cells.items():
            by_class.setdefault((dataset, c), []).append(entry_auc(each[method]))
    variances = [np.var(values, ddof=1) for values in by_class.values() if len(values) > 1]
    return float(np.sqrt(np.mean(variances))) if variances else None


def _scenes_rule(judge, methods, classes, *, numbers=False):
    """Makes a rule of judge(entries): holds, our numbers, and why where that is None.

    It takes stored results of all the methods and classes, of LSUN if there are any, else of other scenes. Those
    don't decide on the paper's `numbers`.
    """

    def rule(evidence, claim):
        for dataset, scale in product(datasets.SCENES, STORED):
            there = {"dataset": dataset, "scale": scale}
            entries = [e for e in evidence.entries if there.items() <= e.parameters.items()]
            entries = [e for e in entries if e.parameters["method"] in methods]
            entries = tuple(e for e in entries if e.parameters["normal_class"] in classes)
            if {(e.parameters["method"], e.parameters["normal_class"]) for e in entries} != set(
                product(methods, classes)
            ):
                continue
            holds, ours, why = judge(entries)
            if dataset != "lsun":
                ours = f"on another data set ({datasets.TITLES[dataset]}): {ours}"
            if numbers and dataset != "lsun":
                why = "LSUN is missing here, and the paper's number is about LSUN alone."
                return Verdict(ours, CANNOT, scale, entries, "{doc}`scenes`", why)
            return _decided(holds, ours, scale, entries, "{doc}`scenes`", unclear=why)
        why = "LSUN is missing here, and the stored results of other scenes lack some of what the rule needs."
        return Verdict("–", CANNOT, where="{doc}`scenes`", why=why)

    return rule


def _pooled_scenes(entries):
    """The AUC of bedrooms against all others, with DeLong's interval over all repetitions."""
    each, mean = scenes.pooled(entries, "adgan")
    why = f"The interval reaches across the edge of {scenes.paper_auc():.3f} ± {TOLERANCE}."
    ours = f"{bracketed(mean)} ({number(len(each), 'training')})"
    return mean.within(TOLERANCE, of=scenes.paper_auc()), ours, why


def _plain_scenes(entries):
    """False if plain images of a class rank as more anomalous; else None, as the rest of the claim needs eyes."""
    holds, ours = scenes.plain_first(entries)
    why = "One of the classes has an interval with both signs, or none."
    if holds:
        why, holds = "Plain images rank as less anomalous; whether odd ones rank as more, no number tells.", None
    return holds, f"rank correlation of ADGAN's score and the image's size as a file, within a class: {ours}", why


# Rules: SO-GAAL, on the authors' table, learned for as long as they say, which is the paper's scale

SOGAAL_PAGE = "{ref}`sogaal-curves`, {doc}`gaal`"


def _curves_rule(variant, look):
    """look: what the claim says of one run's arrays, {what: whether it is so}; all of it must be so in most runs."""

    def rule(evidence, claim):
        entries = evidence.curves(variant)
        if not entries:
            return _nothing(SOGAAL_PAGE, f"the learning curves of {METHODS[variant].title}")
        looks = [look(e.arrays) for e in entries]
        counts = {what: sum(bool(each[what]) for each in looks) for what in looks[0]}
        ends = t_interval([float(e.arrays["auc"][-1]) for e in entries])
        ours = f"AUC at the end {plus_minus(ends)}; of {len(entries)} runs "
        n_all = sum(all(each.values()) for each in looks)
        share = share_interval(n_all, len(looks))
        ours += ", ".join(f"{what} in {n}" for what, n in counts.items())
        ours += f", all of this in {n_all}, a share of {bracketed(share, 2)}"
        unclear = "The interval of the share of runs in which all of it is so includes a half."
        return _decided(share.above(0.5), ours, "paper", entries, SOGAAL_PAGE, unclear=unclear)

    return rule


def _smooth(curve):
    """Means over SMOOTH epochs."""
    width = min(SMOOTH, len(curve))
    return np.convolve(np.asarray(curve, float), np.full(width, 1 / width), mode="valid")


def _ends_badly(arrays):
    discriminator, generator = (_smooth(arrays[name]) for name in ("discriminator_loss", "generator_loss"))
    return {
        "the discriminator's loss ends low": discriminator[-1] < LOW_LOSS,
        "the generator's rises": generator[-1] - generator.min() > RISES * np.ptp(generator),
        f"the AUC ends below {LOW_AUC}": arrays["auc"][-1] < LOW_AUC,
    }


def _turns_and_settles(arrays):
    curves = [_smooth(arrays[name]) for name in ("discriminator_loss", "generator_loss")]
    turns = (np.argmin(curves[0]), np.argmax(curves[1]))  # falling and rising at first
    return {
        "both losses turn": all(TURNS[0] <= turn <= TURNS[1] for turn in turns),
        "both settle": all(len(c) > SETTLES and np.ptp(c[SETTLES:]) <= SETTLED * np.ptp(c) for c in curves),
        f"the AUC ends above {HIGH_AUC}": arrays["auc"][-1] > HIGH_AUC,
    }


def _like_keras(evidence, claim):
    post, script = evidence.curves("sogaal-post-1e-5"), evidence.curves("sogaal")
    if min(len(post), len(script)) < 2:
        return _nothing(SOGAAL_PAGE, "more than one run of the post's learning curves and of the script's")
    rows = reference.rows("gaal_aucs.csv")
    (port,) = (row for row in rows if (row["table"], row["method"]) == ("onecluster", "sogaal"))
    shown, close = [], []
    for when, scores in (("at_stop", gaal.STOP), ("at_end", gaal.END)):
        aucs = [[entry_auc(e, scores) for e in runs] for runs in (post, script)]
        apart = welch_interval(*((np.mean(of), np.std(of, ddof=1), len(of)) for of in aucs))
        close.append(apart.within(CLOSE))
        of_post, of_script = (plus_minus(t_interval(of)) for of in aucs)
        shown.append(
            f"{when.replace('_', ' the ')} the post's {of_post}, the script's {of_script} "
            f"(its port {float(port[when]):.3f}), difference {apart.value:+.3f} ± {apart.half:.3f}"
        )
    ours = f"{'; '.join(shown)}; {len(post)}, {len(script)} and (port) {port['runs']} runs"
    unclear = f"Both vary too much from seed to seed to tell whether their means are within {CLOSE} of each other."
    return _decided(all_hold(*close), ours, "paper", (*post, *script), SOGAAL_PAGE, unclear=unclear)


RULES = {
    "adgan-mnist-mean": _mean_rule("mnist", "adgan"),
    "adgan-cifar10-mean": _mean_rule("cifar10", "adgan"),
    "adgan-best-mnist": _best_rule("mnist"),
    "adgan-best-cifar10": _best_rule("cifar10"),
    "discriminator-mnist": _mean_rule("mnist", "critic"),
    "discriminator-cifar10": _mean_rule("cifar10", "critic"),
    "prior-mnist": _mean_rule("mnist", "prior"),
    "prior-cifar10": _mean_rule("cifar10", "prior"),
    "k-saturates": _steps,
    "theta-helps": _theta,
    "seeds-help": _seeds,
    "latents-no-structure": _latents,
    "alexnet-no-help": _alexnet,
    "if-stable": _forest,
    "vae-elbo-best": _elbo,
    "lsun-auc": _scenes_rule(_pooled_scenes, ("adgan",), (scenes.BEDROOMS,), numbers=True),
    "lsun-rankings": _scenes_rule(_plain_scenes, (scenes.RANKING, scenes.PLAIN), (0, 2, 4)),
    "wgan-stable": _stability,
    "sogaal-bias-1": _curves_rule("sogaal-post-1", _ends_badly),
    "sogaal-bias-small": _curves_rule("sogaal-post-1e-5", _turns_and_settles),
    "sogaal-matches-keras": _like_keras,
}


class Text(NamedTuple):
    """A rule in words, with the reason for its threshold, and what would change its verdict."""

    rule: str
    change: str


NEEDED = "Only all ten classes at the scale `paper` decide"
BEHAVIOUR = 'Judged at the best scale available, on the data stored at that scale; the line "Ours" names both'
WHOLE = "The whole interval decides: undecided if it reaches across."
ALONE = "If one part fails, so does the claim."
MOST = (
    "All of this must be so in a run; undecided if the exact 95 % interval of the share of such runs includes a half."
)
ELSE = "Not reproduced if one interval lies wholly outside; else undecided."
MEAN = Text(
    f"Reproduced if our whole 95 % interval lies within {TOLERANCE} of the paper's mean; not reproduced if all of it "
    f"lies outside. {TOLERANCE} is a convention of this page, about the largest gap between neighbours among "
    f"the best columns of Table 1; a mean that far away can change its column's rank. {NEEDED}. Trainings differ by "
    f"more than test images do, so at least {MIN_TRAININGS} of each class are needed.",
    "The run at the paper's scale, if it is missing. After that, more repetitions, which narrow the interval, or "
    "other choices where the paper is silent: the networks' width and the length of training.",
)
BEST = Text(
    "Reproduced if ADGAN's mean minus that of the best other column is above zero with its whole 95 % interval over "
    f"classes; not reproduced if all of it is below zero. {NEEDED}, with all ten columns. This asks whether ADGAN "
    'would lead on other classes, too. The printed table itself, at the end of the line "Ours", does not show that: '
    "its own interval has zero inside, so getting each of its numbers right would leave this undecided.",
    "The runs of ADGAN, AnoGAN, DCAE and VAE at the paper's scale.",
)
ELSEWHERE = 'Judged on LSUN if its results are stored; otherwise on other scenes, as the line "Ours" then says'
TEXTS = {
    **dict.fromkeys(
        (
            "adgan-mnist-mean", "adgan-cifar10-mean", "discriminator-mnist", "discriminator-cifar10", "prior-mnist",
            "prior-cifar10",
        ),
        MEAN,
    ),
    "adgan-best-mnist": BEST,
    "adgan-best-cifar10": BEST,
    "k-saturates": Text(
        "On each data set the AUC rises from no step to the paper's number of steps, and all further steps together "
        f"add less than {SATURATED:g} of that rise. {WHOLE} {ALONE} The paper gives no number for \"quickly\"; a "
        f"quarter leaves no doubt that most of the gain comes first. {BEHAVIOUR}.",
        "More repetitions; larger networks.",
    ),
    "theta-helps": Text(
        "On each data set the AUC is higher with the adaptation, on the same generators, images and starting points. "
        f"{WHOLE} Zero is the threshold because the paper names no size. {BEHAVIOUR}.",
        "More repetitions; larger networks, or another learning rate than the paper's.",
    ),
    "seeds-help": Text(
        f"On each data set the AUC is higher with all starting points than with one. {WHOLE} That it varies less "
        "between sets of starting points than between single ones is shown and not judged: it could hardly be "
        f"otherwise. {BEHAVIOUR}.",
        "Larger networks, whose searches may fail elsewhere.",
    ),
    "latents-no-structure": Text(
        f"In a two-dimensional latent space, after {JUDGED} steps, the loss has an AUC above {DIFFERS} (half of the "
        "way from guessing to a perfect order, for \"differ markedly\"). The AUCs of the prior's likelihood and of the "
        f"place in the plane (the labels of the nearest dots) are within {SCATTERED} of 0.5. The paper's prior has "
        "0.554 and 0.721, and the paper calls neither a sensible score; the threshold is about twice the first one's "
        f"distance from 0.5 and half of the second's. All of this must hold for the whole intervals. {ELSE}",
        "Another generator with two latents: the plane shows one training.",
    ),
    "alexnet-no-help": Text(
        "AlexNet's mean minus PCA's, for both methods on both data sets: all four differences lie, with their whole "
        f"intervals, within {TOLERANCE} of the differences between the printed means, the tolerance used for a single "
        f"mean. {ELSE} {NEEDED}. The interval of a difference treats both means as if they shared no test images, "
        "which makes it too wide rather than too narrow.",
        "The authors' features: they do not name the layer, the size of the images or the program for KDE. "
        "{doc}`classical` shows what each of these does to the numbers.",
    ),
    "if-stable": Text(
        f"At each dimension of PCA the number of trees and of samples moves the mean AUC by no more than {TOLERANCE} "
        "from lowest to highest, which is what counts as close for all means on this page. A single class may move by "
        "more. The range has no interval, and chance widens it: it is of one fit each, and the largest over "
        f"the dimensions decides. {BEHAVIOUR}.",
        "A narrower grid: the paper does not name the parameters that it tried.",
    ),
    "vae-elbo-best": Text(
        "On each data set, on average over classes, the bound's AUC is ahead of both others by at least "
        f"{MUCH_BETTER}, more than twice what counts as close, and the whole interval of each lead is above zero. Not "
        f"reproduced if a lead's whole interval is below {MUCH_BETTER}; else undecided. A score that ranks upside down "
        "on a data set is turned round before the comparison, since the paper does not say which side it thresholds. "
        f"Knowing which way to turn it takes labels, so this favours the other scores. {BEHAVIOUR}.",
        "The VAEs at the paper's scale, wider and trained for longer.",
    ),
    "lsun-auc": Text(
        f"Reproduced if the whole 95 % interval lies within {TOLERANCE} of the paper's AUC; not reproduced if all of "
        "it lies outside. The tolerance is that of all means. LSUN decides, at the best scale available; other scenes "
        "can't.",
        "LSUN's images; a generator trained on more than a few hundred photographs.",
    ),
    "lsun-rankings": Text(
        "Not reproduced if in one of the three scenes ADGAN's score falls with the image's size as a file, a measure "
        "of how plain it is: the rank correlation's whole interval is below zero. Otherwise "
        "undecided, even if it rises in all of them, since whether captions, foreign objects and odd angles make it "
        f"rise takes eyes. {ELSEWHERE}.",
        "LSUN's images; people who say which images are unusual.",
    ),
    "wgan-stable": Text(
        f"A run collapses if its samples are less than {COLLAPSED_BELOW:g} times as far apart as training images. "
        f"The share of GAN's runs that collapse is higher by at least {FEWER_COLLAPSES:g}, and the difference's whole "
        "95 % interval (Newcombe's, on exact ones) is above zero; or, where the shares are closer than that, "
        f"WGAN's standard deviation of the AUC over seeds is at most {STEADIER:g} of GAN's. Anything "
        "smaller would not be \"much more stable\". WGAN means the objective of ADGAN's own generators at the "
        f"scale of the runs: below `paper`, with the gradient penalty. The rule needs {MIN_RUNS} runs of each and, "
        "where the shares are close, several of a class; else it is undecided, as it is where that interval includes "
        "zero. It compares the deviations without an interval. "
        f"{BEHAVIOUR}.",
        "More runs of each objective, on images that are harder than digits.",
    ),
    "sogaal-bias-1": Text(
        f"In most runs the discriminator's loss ends below {LOW_LOSS:.2f} (half of a guessing one's), the "
        f"generator's rises (ends by {RISES:g} of its range above its lowest) and the AUC ends below {LOW_AUC} (worse "
        f"than guessing, for \"very low\"). {MOST} Losses are averaged over {SMOOTH} epochs.",
        "Other seeds: the post shows one run.",
    ),
    "sogaal-bias-small": Text(
        "The post's figures have a point for each batch, of which an epoch has two, so what it calls 1000 and 2000 "
        f"epochs are 500 and 1000. In most runs both losses turn between epochs {TURNS[0]} and {TURNS[1]}, move from "
        f"epoch {SETTLES} on by no more than {SETTLED:g} of their range (\"converging\"), and the AUC ends above "
        f"{HIGH_AUC} (\"pretty high\" names no number; below it, over a tenth of the pairs are in the wrong order). "
        f"{MOST} Losses are averaged over {SMOOTH} epochs.",
        "Other seeds: the post shows one run.",
    ),
    "sogaal-matches-keras": Text(
        f"Reproduced if the whole 95 % interval (Welch) of the difference of the mean AUCs lies within {CLOSE} of "
        f"zero, both at the stop and at the end; not reproduced if all of it lies outside at one of them. {CLOSE} is "
        "about the standard deviation of a few runs on most tables. The Keras script's part is played by this book's "
        "SO-GAAL, which does what the script does. Beside it stands a port of the script, which was run independently "
        "of this project, but three times only.",
        "The script itself, run as often, or more tables: now onecluster alone decides.",
    ),
}  # fmt: skip
