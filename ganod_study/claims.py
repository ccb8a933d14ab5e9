"""What the papers claim, and what this project's stored results say to it: a verdict for each claim.

The claims are those of reference/claims.csv. A verdict comes from its claim's rule in RULES alone: a function of
the `Evidence` and the `Claim`. Whether a number or an order of the paper holds is decided only by results at the
scale "paper" for all ten classes; a statement about how methods behave is decided at the best scale there is, and
the verdict names the scale. At the scales whose results the repository keeps only sets of all ten classes count.
The scale "smoke" decides nothing: it shows that the code runs.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import product

import numpy as np

from . import datasets, reference, runner, scenes, search, tabular
from .methods import METHODS, TABLE1
from .reference import paper_mean
from .render import mean_sd, number, signed
from .scales import OFFICIAL, SCALES, STORED, known
from .statistics import auc, t_interval, welch_interval
from .summaries import COLLAPSED_BELOW, aucs_by_n_starts, column_aucs, entry_auc, mean_auc, over_classes, paired

PAPERS_DATA = ("mnist", "cifar10")
N_CLASSES = 10
N_COLUMNS = 10  # of Table 1
# What the pages run at a scale: methods and data sets. Whoever comes first computes it for all.
ABOUT = {
    TABLE1: ("mnist", "cifar10", "digits"),
    ("critic", "prior", "vae-prior", "vae-variance"): ("mnist", "cifar10", "digits"),
    ("search", "search-frozen"): ("mnist", "cifar10", "digits"),
    ("iforest-grid",): ("mnist", "cifar10"),
}
SOGAAL = ("sogaal", "sogaal-post-1", "sogaal-post-1e-5")
SOME_TABLES = dict.fromkeys(SCALES, ("WDBC", "Stamps", "Waveform")) | {"smoke": ()}
PLANE = "adgan-plane"  # what the page of the latent plane draws
OBJECTIVES = ("adgan-gan", "adgan-wgan", "adgan-wgan-gp")  # on the digit 0 of "digits"

# How close is close. The AUCs of neighbouring columns of Table 1 differ by about 0.01 to 0.02.
TOLERANCE = 0.02  # a mean AUC as far away as that would hardly change the table's order
SATURATED = 0.25  # of the first steps' gain: all further steps together must gain less for "saturates quickly"
MUCH = TOLERANCE  # "not by much": the paper's own gain on CIFAR-10 is 0.014 (OC-SVM)
STABLE = 0.05  # less than the 0.063 by which the best column of MNIST (0.968) is ahead of the forest (0.905)
MUCH_BETTER = 0.05  # "much better": more than twice what counts as close
FEWER_COLLAPSES = 0.2  # "much more stable": at least so much smaller a share of the runs collapses,
STEADIER = 0.5  # or, where about as many collapse, the AUC's deviation over seeds is at most this share of GAN's
MIN_RUNS = 5  # of each objective, for a share of collapses to mean anything
VERY_LOW = 0.5  # AUC: no better than guessing
LOW_LOSS = np.log(2) / 2  # half of the loss of a discriminator that can't tell
RISES = 0.5  # a loss rises if it ends that share of its range above its lowest
HIGH = 0.9  # AUC: what the post's figure 5 calls "pretty high" is not given as a number
TURNS = (500, 1500)  # epochs that count as "about 1000"
SETTLES = 2000  # epoch from which a loss
SETTLED = 0.2  # moves by no more than this share of its whole range
SMOOTH = 50  # epochs over which a curve is averaged before its turns are looked for
CLOSE = 0.05  # "close" of two AUCs over few runs, whose deviations are of that size on most tables

REPRODUCED = "reproduced"
WITHIN = f"reproduced within {TOLERANCE}"
NOT_REPRODUCED = "not reproduced"
UNDECIDED = "undecided"
DECIDED = {"paper": (REPRODUCED, NOT_REPRODUCED)} | {
    scale: (f"{REPRODUCED} at {scale}", f"{NOT_REPRODUCED} at {scale}") for scale in ("medium", "lite")
}
NOT_YET = "not yet checked at the paper's scale"
CANNOT = "can't be checked here"
VERDICTS = (REPRODUCED, WITHIN, NOT_REPRODUCED, UNDECIDED, *DECIDED["medium"], *DECIDED["lite"], NOT_YET, CANNOT)
INDICATION = "Only an indication"
FROM_BEST = ("paper", "medium", "lite", "smoke")


@dataclass(frozen=True)
class Claim:
    """A row of reference/claims.csv. value: the paper's, a number or a word; check: how it can be checked."""

    id: str
    source: str
    where: str
    claim: str
    value: str
    check: str


@dataclass(frozen=True)
class Verdict:
    """What became of a claim.

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


@dataclass(frozen=True)
class Evidence:
    """Stored results to judge by: entries of the grid, at any scales, and of SO-GAAL.

    missing: what is not among them, and why.
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

    def best(self, methods, scales=FROM_BEST):
        """What the methods share at the best scale where they share anything: (scale, {data set: shared}).

        The digits, which the paper has not, stand in only where neither of its data sets is there.
        """
        for scale, group in product(scales, (PAPERS_DATA, ("digits",))):
            found = {d: cells for d in group if (cells := self.shared(scale, d, methods))}
            if found:
                return scale, found
        return "", {}

    def sogaal(self, variant, table):
        """The entries of one of SO-GAAL's variants on a table, in order of their seeds."""
        wanted = {"dataset": table, "method": variant}
        found = [e for e in self.entries if wanted.items() <= e.parameters.items()]
        return sorted(found, key=lambda e: e.parameters["seed"])


def collect(
    scale, *, seeds=(0,), classes=None, stability_seeds=(0, 1, 2), curve_seeds=(0, 1, 2), table_runs=15, device="auto",
    **places,
):  # fmt: skip
    """The evidence: this build's, computed where the store lacks it, and the results that the repository keeps.

    seeds, classes: of the grid; stability_seeds: of the training objectives; curve_seeds and table_runs: the seeds
    and the number of SO-GAAL's runs; `places` are `store` and `data_root`.
    """
    choices = [
        (dataset, {"methods": methods, "classes": classes, "seeds": seeds})
        for methods, names in ABOUT.items()
        for dataset in names
    ] + [("digits", {"methods": OBJECTIVES, "classes": [0], "seeds": stability_seeds})]
    choices += [(name, {"methods": (PLANE,), "classes": [1], "seeds": seeds}) for name in ("mnist", "digits")]
    onecluster = tabular.onecluster(places.get("data_root"))
    choices += [(onecluster, {"methods": SOGAAL, "seeds": curve_seeds})]
    choices += [(table, {"methods": ("sogaal",), "seeds": range(table_runs)}) for table in SOME_TABLES[scale]]
    outcomes = [runner.attempt(scale, dataset, device=device, **places, **choice) for dataset, choice in choices]
    entries = [entry for outcome in outcomes for entry in outcome.entries]
    entries += [entry for dataset in (*PAPERS_DATA, *scenes.DATA) for entry in runner.stored_results(dataset)]
    return Evidence(
        tuple(entries), tuple(dict.fromkeys(why for o in outcomes for why in (o.missing, o.without) if why))
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
    return f"{mean.value:.3f} ± {mean.interval.half:.3f} ({about})"


def _gain_in_words(gain):
    return f"{gain.value:+.4f} " + (f"± {gain.half:.4f}" if np.isfinite(gain.low) else "(a single class)")


def _all(found, *methods):
    """The entries of `Evidence.best`'s second answer, a tuple."""
    return tuple(e for cells in found.values() for each in cells.values() for m, e in each.items() if m in methods)


def _each(found):
    """The pairs ((data set, class, seed), {method: entry}) of `Evidence.best`'s second answer."""
    return [((dataset, *key), each) for dataset, cells in found.items() for key, each in cells.items()]


def _data(scale, found):
    """What data a result is from, in words."""
    sets = [
        f"{datasets.TITLES[d]} ({number(len({c for c, _ in cells}), 'class')}, "
        f"{number(len({s for _, s in cells}), 'repetition')})"
        for d, cells in found.items()
    ]
    return f"{' and '.join(sets)}, scale `{scale}`"


def _figure(page, label, entries):
    """A link to a figure where this build has drawn it (not from stored results), else to its page."""
    drawn = any(e.parameters.get("scale") not in STORED for e in entries)
    return f"{{ref}}`{label}`, {{doc}}`{page}`" if drawn else f"{{doc}}`{page}`"


def _nothing(where, what):
    return Verdict("–", NOT_YET, where=where, why=f"There are no records of {what}.")


def _decided(holds, ours, scale, entries, where, why="", gains=()):
    """The verdict on a statement at the scale of its evidence; it rests on `gains`. holds: None if nothing tells."""
    if holds is None:
        return Verdict(ours, NOT_YET, scale, entries, where, why)
    if any(np.isnan(gain.low) for gain in gains):
        why = "An interval takes more than one class."
    if scale not in DECIDED:
        why = "The scale `smoke` only shows that the code runs."
    elif all(np.isfinite(gain.low) for gain in gains):
        return Verdict(ours, DECIDED[scale][0 if holds else 1], scale, entries, where, why)
    return Verdict(ours, NOT_YET, scale, entries, where, why)


def _statement(*methods, figure="", lacking):
    """Makes a rule out of judge(scale, found, entries): what the methods share at the best scale decides.

    judge returns what `_decided` takes: whether the statement holds, our numbers, why, gains.
    figure: of the ablations; lacking: what there are no records of, in words.
    """

    def rule_of(judge):
        def rule(evidence, claim):
            scale, found = evidence.best(methods)
            entries = _all(found, *methods)
            where = _figure("ablations", figure, entries) if figure else THIS_PAGE
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
        why = f"That needs all ten classes of {datasets.TITLES[dataset]} at the paper's scale."
        scale = next((scale for scale in FROM_BEST if evidence.cells(scale, dataset, method)), None)
        if scale is None:
            return Verdict("–", NOT_YET, where=where, why=why)
        mean = mean_auc(evidence.cells(scale, dataset, method))
        ours, entries = _in_words(mean), tuple(mean.cells.values())
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
    def rule(evidence, claim):
        columns = {m: cells for m in TABLE1 if (cells := evidence.cells("paper", dataset, m))}
        if len(columns) == N_COLUMNS:
            ours, lead, entries = _rank(columns)
            if lead.low <= 0 <= lead.high:
                why = "The difference to the next column may be of either sign, were there other classes."
                return Verdict(ours, UNDECIDED, "paper", entries, TABLE1_PAGE, why)
            return Verdict(ours, REPRODUCED if lead.low > 0 else NOT_REPRODUCED, "paper", entries, TABLE1_PAGE)
        why = "That needs all ten columns, all ten classes each, at the paper's scale."
        columns = {s: [m for m in TABLE1 if evidence.cells(s, dataset, m)] for s in FROM_BEST[1:]}
        for scale, there in sorted(columns.items(), key=lambda found: -len(found[1])):  # a rank among few says little
            shared = evidence.shared(scale, dataset, there) if "adgan" in there else {}
            if shared:
                ours, _, entries = _rank({m: {key: each[m] for key, each in shared.items()} for m in there})
                where = _table1(dataset, entries)
                return Verdict(f"{INDICATION}, scale `{scale}`: {ours}", NOT_YET, scale, entries, where, why)
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
        ours += f"ADGAN's mean less that {signed(lead)}"
    return ours, lead, tuple(e for cells in columns.values() for e in cells.values())


def _alexnet(evidence, claim):
    pairs = {m: (m, f"{m}-alexnet") for m in ("kde", "ocsvm")}
    wanted = list(product(PAPERS_DATA, pairs))
    for scale in FROM_BEST:
        found = {key: cells for key in wanted if (cells := evidence.shared(scale, key[0], pairs[key[1]]))}
        if len(found) == len(wanted) or found and scale != "paper":
            break
    why = "That needs KDE and OC-SVM on both features, all ten classes of both data sets, at the paper's scale."
    if not found:
        return Verdict("–", NOT_YET, where=TABLE1_PAGE, why=why)
    gains, shown, entries = {}, [], ()
    for (dataset, method), cells in found.items():
        pca, alexnet = (mean_auc({key: each[m] for key, each in cells.items()}) for m in pairs[method])
        gains[dataset, method] = alexnet.value - pca.value
        column = f"{datasets.TITLES[dataset]}, {METHODS[method].title}"
        shown.append(f"{column}: AlexNet {_in_words(alexnet)}, PCA {_in_words(pca)}")
        entries += (*pca.cells.values(), *alexnet.cells.values())
    ours = "; ".join(shown)
    if scale != "paper":
        return Verdict(f"{INDICATION}, scale `{scale}`: {ours}", NOT_YET, scale, entries, TABLE1_PAGE, why)
    holds = gains["mnist", "kde"] < -MUCH and all(gains["cifar10", m] <= MUCH for m in pairs)
    return _decided(holds, ours, scale, entries, TABLE1_PAGE)


# Rules: statements, decided at the best scale there is


@_statement("search", figure="ablation-steps", lacking="the AUC by search steps")
def _steps(scale, found, entries):
    curves = {key: column_aucs(each["search"], "scores_by_step") for key, each in _each(found)}  # (steps + 1,) each
    k, last = entries[0].parameters["n_steps"], min(map(len, curves.values())) - 1
    gain = over_classes({key: curve[k] - curve[0] for key, curve in curves.items()})
    further = over_classes({key: curve[last] - curve[k] for key, curve in curves.items()}).value
    ours = f"{_gain_in_words(gain)} from step 0 to {k}, {further:+.4f} from there to {last}; {_data(scale, found)}"
    return gain.low > 0 and further <= SATURATED * gain.value, ours, "", [gain]


@_statement(
    "search", "search-frozen", figure="ablation-theta", lacking="the same searches with and without the adaptation"
)
def _theta(scale, found, entries):
    gain = _gain(found, "search", "search-frozen")
    return gain.low > 0, f"{_gain_in_words(gain)} with the adaptation; {_data(scale, found)}", "", [gain]


def _gain(found, method, other):
    """By how much a method's AUC is above another's in the same cells, with its interval over classes."""
    differences = {}
    for key, each in _each(found):
        y = paired(each[method], each[other])
        a, b = (auc(y, each[m].arrays["scores"][: len(y)]) for m in (method, other))
        differences[key] = a - b
    return over_classes(differences)


@_statement("search", figure="ablation-seeds", lacking="the AUC by the number of starting points")
def _seeds(scale, found, entries):
    curves = {key: aucs_by_n_starts(each["search"]) for key, each in _each(found)}
    last = max(next(iter(curves.values())))
    some = max(2, last // 4)  # so that there are blocks enough for a spread
    gain = over_classes({key: curve[last][0] - curve[1].mean() for key, curve in curves.items()})
    deviation = {n: float(np.mean([curve[n].std(ddof=1) for curve in curves.values()])) for n in (1, some)}
    ours = f"{_gain_in_words(gain)} from 1 starting point to {last}; the AUC's deviation over disjoint sets of "
    ours += f"starting points: {deviation[1]:.4f} for single ones, {deviation[some]:.4f} for sets of {some}; "
    return gain.low > 0 and deviation[some] < deviation[1], ours + _data(scale, found), "", [gain]


def _latents(evidence, claim):
    scale, found = evidence.best([PLANE])
    if not found:
        return _nothing("{doc}`latent`", "searches in a plane of latents")
    dataset = next(iter(found))
    entries = _all({dataset: found[dataset]}, PLANE)
    holds, ours = search.no_structure(entries)
    where, why = _figure("latent", f"plane-{dataset}", entries), "An interval reaches across its threshold."
    return _decided(holds, ours, scale, entries, where, "" if holds is not None else why)


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
        dimensions = [s["n_components"] for s in entries[0].record["details"]["settings"]]
        means = np.mean([column_aucs(each["iforest-grid"], "scores_by_setting") for each in cells.values()], axis=0)
        spread = max(float(np.ptp(means[np.equal(dimensions, n)])) for n in set(dimensions))
        holds &= spread < STABLE
        shown.append(f"{datasets.TITLES[dataset]} by up to {spread:.3f}, with the dimension by {np.ptp(means):.3f}")
    ours = f"the forest's own parameters move the mean AUC on {', on '.join(shown)}; {_data(scale, found)}"
    why = "The dimension of PCA is no parameter of the forest, and a holdout chooses it for all methods."
    if len(found) < len(PAPERS_DATA):
        why += " The grid has been run on one of the two data sets alone."
    return _decided(holds, ours, scale, entries, where, why)


@_statement("vae", "vae-prior", "vae-variance", lacking="the three scores of the same VAE")
def _elbo(scale, found, entries):
    gains = {other: _gain(found, "vae", other) for other in ("vae-prior", "vae-variance")}
    shown = [f"{_gain_in_words(gain)} above {METHODS[o].title}" for o, gain in gains.items()]
    holds = all(gain.low > 0 and gain.value >= MUCH_BETTER for gain in gains.values())
    return holds, f"{'; '.join(shown)}; {_data(scale, found)}", "", gains.values()


@_statement(*OBJECTIVES, figure="ablation-stability", lacking="generators of both objectives")
def _stability(scale, found, entries):
    runs = {objective: _all(found, objective) for objective in OBJECTIVES}
    n_runs = len(runs["adgan-gan"])
    share = {o: np.mean([e.record["details"]["diversity"] < COLLAPSED_BELOW for e in of]) for o, of in runs.items()}
    deviation = {o: _over_seeds(found, o) for o in OBJECTIVES}
    shown = [
        f"{o.removeprefix('adgan-')} {share[o]:.0%} of {n_runs} runs"
        + (f", deviation {deviation[o]:.3f}" if deviation[o] is not None else "")
        for o in OBJECTIVES
    ]
    ours = f"collapsed: {'; '.join(shown)}; {_data(scale, found)}"
    # that of ADGAN's own generators at this scale
    wgan = f"adgan-{SCALES[scale][next(iter(found))].objective}"
    fewer = share["adgan-gan"] - share[wgan]
    as_many = abs(fewer) < FEWER_COLLAPSES
    if n_runs < MIN_RUNS:
        return None, ours, f"A share of collapses takes at least {MIN_RUNS} runs of each objective."
    if as_many and deviation[wgan] is None:
        why = "About as many runs collapse, and how steady the AUC is takes several repetitions of each class."
        return None, ours, why
    holds = deviation[wgan] <= STEADIER * deviation["adgan-gan"] if as_many else fewer >= FEWER_COLLAPSES
    return holds, ours, f"WGAN is here {wgan.removeprefix('adgan-')}, as for ADGAN's own generators at this scale."


def _over_seeds(found, method):
    """The AUC's standard deviation over the seeds of a class, pooled over classes; None for one seed each."""
    by_class = {}
    for dataset, cells in found.items():
        for (c, _), each in cells.items():
            by_class.setdefault((dataset, c), []).append(entry_auc(each[method]))
    variances = [np.var(values, ddof=1) for values in by_class.values() if len(values) > 1]
    return float(np.sqrt(np.mean(variances))) if variances else None


def _scenes_rule(judge, methods, classes):
    """Makes a rule of judge(entries): holds, our numbers, and why where that is None.

    It takes stored results of all the methods and classes, of LSUN if there are any, else of other scenes.
    """

    def rule(evidence, claim):
        for dataset, scale in product(scenes.DATA, STORED):
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
            if holds is None:
                return Verdict(ours, UNDECIDED, scale, entries, "{doc}`scenes`", why)
            return _decided(holds, ours, scale, entries, "{doc}`scenes`")
        why = "LSUN is not at hand, and there are no stored results of other scenes."
        return Verdict("–", CANNOT, where="{doc}`scenes`", why=why)

    return rule


def _pooled_scenes(entries):
    """The AUC of bedrooms against all others, with DeLong's interval over all repetitions."""
    each, mean = scenes.pooled(entries, "adgan")
    why = f"The interval reaches across the edge of {scenes.paper_auc():.3f} ± {TOLERANCE}."
    ours = f"{mean.value:.3f} [{mean.low:.3f}, {mean.high:.3f}] ({number(len(each), 'training')})"
    return mean.within(TOLERANCE, of=scenes.paper_auc()), ours, why


def _plain_scenes(entries):
    """Whether plain images rank as less anomalous; the eyes' part of the claim can't be judged by a rule."""
    holds, ours = scenes.plain_first(entries)
    why = "For one of the classes the interval takes both signs."
    return holds, f"rank correlation of ADGAN's score and the image's size as a file, within a class: {ours}", why


# Rules: SO-GAAL. Its scale is "paper" where the authors' table is learned for as long as they say.

SOGAAL_PAGE = "{ref}`sogaal-curves`, {doc}`gaal`"


def _curves_rule(variant, look):
    """look: what the claim says of one run's arrays, {what: whether it is so}; each must be in most runs."""

    def rule(evidence, claim):
        scale, entries = _sogaal_runs(evidence, variant)
        if not entries:
            return _nothing(SOGAAL_PAGE, f"the learning curves of {METHODS[variant].title}")
        looks = [look(e.arrays) for e in entries]
        counts = {what: sum(bool(each[what]) for each in looks) for what in looks[0]}
        ours = f"AUC at the end {mean_sd([float(e.arrays['auc'][-1]) for e in entries])}; of {len(entries)} runs "
        ours += ", ".join(f"{what} in {n}" for what, n in counts.items())
        return _sogaal_verdict(min(counts.values()) > len(entries) / 2, ours, scale, entries)

    return rule


def _sogaal_runs(evidence, variant):
    """The scale and the entries of a variant's learning curves."""
    for table in ("onecluster", datasets.GENERATED):
        if entries := evidence.sogaal(variant, table):
            long = entries[0].parameters["stop_epochs"] == OFFICIAL["onecluster"].stop_epochs
            return ("paper" if table == "onecluster" and long else "lite" if long else "smoke"), tuple(entries)
    return "", ()


def _sogaal_verdict(holds, ours, scale, entries):
    table, stop = (entries[0].parameters[name] for name in ("dataset", "stop_epochs"))
    ours += f"; `{table}`, generator frozen after {stop} epochs"
    if scale == "lite":
        why = "That needs the authors' table `onecluster`."
        return Verdict(f"{INDICATION}, on a generated table: {ours}", NOT_YET, scale, entries, SOGAAL_PAGE, why)
    return _decided(holds, ours, scale, entries, SOGAAL_PAGE)


def _smooth(curve):
    """Means over SMOOTH epochs."""
    width = min(SMOOTH, len(curve))
    return np.convolve(np.asarray(curve, float), np.full(width, 1 / width), mode="valid")


def _ends_badly(arrays):
    discriminator, generator = (_smooth(arrays[name]) for name in ("discriminator_loss", "generator_loss"))
    return {
        "the discriminator's loss ends low": discriminator[-1] < LOW_LOSS,
        "the generator's rises": generator[-1] - generator.min() > RISES * np.ptp(generator),
        f"the AUC ends below {VERY_LOW}": arrays["auc"][-1] < VERY_LOW,
    }


def _turns_and_settles(arrays):
    curves = [_smooth(arrays[name]) for name in ("discriminator_loss", "generator_loss")]
    turns = (np.argmin(curves[0]), np.argmax(curves[1]))  # falling and rising at first
    return {
        "both losses turn": all(TURNS[0] <= turn <= TURNS[1] for turn in turns),
        "both settle": all(len(c) > SETTLES and np.ptp(c[SETTLES:]) <= SETTLED * np.ptp(c) for c in curves),
        f"the AUC ends above {HIGH}": arrays["auc"][-1] > HIGH,
    }


def _like_keras(evidence, claim):
    scale, entries = _sogaal_runs(evidence, "sogaal-post-1e-5")
    if not entries:
        return _nothing(SOGAAL_PAGE, "the post's learning curves")
    rows = reference.rows("gaal_aucs.csv")
    (keras,) = (row for row in rows if (row["table"], row["method"]) == ("onecluster", "sogaal"))
    shown, close = [], []
    for when, scores in (("at_stop", "scores_at_stop"), ("at_end", "scores")):
        ours = [auc(e.arrays["labels"], e.arrays[scores]) for e in entries]
        theirs = float(keras[when]), float(keras[f"{when}_sd"]), int(keras["runs"])
        if len(ours) > 1:
            close.append(welch_interval((np.mean(ours), np.std(ours, ddof=1), len(ours)), theirs).within(CLOSE))
        shown.append(f"{when.replace('_', ' ')} {mean_sd(ours)}, Keras {theirs[0]:.3f} ± {theirs[1]:.3f}")
    differs = False in close
    if scale == "paper" and not differs and close != [True, True]:
        why = f"The runs of both differ too much from seed to seed to tell whether their means are within {CLOSE}."
        return Verdict("; ".join(shown), UNDECIDED, scale, entries, SOGAAL_PAGE, why)
    return _sogaal_verdict(not differs, "; ".join(shown), scale, entries)


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
    "lsun-auc": _scenes_rule(_pooled_scenes, ("adgan",), (scenes.BEDROOMS,)),
    "lsun-rankings": _scenes_rule(_plain_scenes, (scenes.RANKING, scenes.PLAIN), (0, 2, 4)),
    "wgan-stable": _stability,
    "sogaal-bias-1": _curves_rule("sogaal-post-1", _ends_badly),
    "sogaal-bias-small": _curves_rule("sogaal-post-1e-5", _turns_and_settles),
    "sogaal-matches-keras": _like_keras,
}
