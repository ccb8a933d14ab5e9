"""What each part of ADGAN is worth, as tables and sentences. Entries may be of several data sets."""

from itertools import pairwise

import numpy as np
from IPython.display import Markdown

from .. import datasets, summaries
from ..render import bracketed, markdown, mean_sd, not_run, number, signed, span
from ..statistics import entry_auc, share_interval, t_interval
from ..summaries import (
    OBJECTIVES,
    SEARCHES,
    STARTS,
    aucs_of,
    by_class,
    by_dataset,
    cells_of,
    comparisons,
    lacking,
    of_both,
    over_classes,
    over_repetitions,
)


def ran(groups):
    """What the outcomes {data set's name: Outcome} hold, a row for each data set, or why they are empty."""
    rows = []
    for dataset, outcome in groups.items():
        row = {"data": datasets.TITLES[dataset]}
        if not outcome.entries:
            rows.append(row | {"normal classes": f"not run in this build: {outcome.missing}"})
            continue
        p = [e.parameters for e in outcome.entries]
        classes = sorted({each["normal_class"] for each in p})
        row |= {
            "normal classes": ", ".join(datasets.CLASSES[dataset][c] for c in classes),
            "methods": ", ".join(dict.fromkeys(each["method"] for each in p)),
            "repetitions": str(len({each["seed"] for each in p})),
            "test images": span(len(e.arrays["labels"]) for e in outcome.entries),
        }
        for column, what in (("starting points", "seeds"), ("search steps", "steps")):
            numbers = [each.get(f"ablation_{what}", each.get(f"n_{what}")) for each in p]
            row |= {column: span(numbers)} if None not in numbers else {}
        rows.append(row | {"scale": ", ".join(dict.fromkeys(each["scale"] for each in p))})
    return markdown(rows)


def found(searches, large, losses, generators, constraints, stability, forests, rerun, inverses):
    """The page's answer, a line for each question: differences are means over classes with their intervals."""
    lines = []

    def differences(groups, method, reference):
        for outcome in groups.values():
            if found := comparisons(outcome.entries, method, reference):
                mean = over_classes({key: c.difference for key, c in found.items()})
                yield f"{signed(mean)} on {datasets.TITLES[outcome.entries[0].parameters['dataset']]}"

    for what, groups, method, reference in (
        ("Adapting the generator", searches, "search", "search-frozen"),
        ("Adapting a generator of the scale `large`", large, "search", "search-frozen"),
        ("Stepping z and θ in turn, as in the only other re-run,", rerun, "search-in-turn", "adgan"),
        ("One start from an encoder in place of several random ones", inverses, "search-encoder", "search"),
        ("The Laplacian pyramid in place of squared L2", losses, "adgan-laplacian", "adgan"),
        ("A VAE's decoder in place of the WGAN", generators, "adgan-vae", "adgan"),
        ("LSGAN in place of the WGAN", generators, "adgan-lsgan", "adgan"),
        (
            "The training of the WGAN paper in place of ours, at the scale `medium`,",
            constraints,
            "adgan-wgan",
            "adgan",
        ),
    ):
        if texts := list(differences(groups, method, reference)):
            lines.append(f"- **{what}** changes the mean AUC by {', '.join(texts)}.")
    collapsed = {
        OBJECTIVES[method]: f"{sum(run.collapsed for run in runs)} of {len(runs)}"
        for outcome in stability.values()
        for method, runs in summaries.stability(outcome.entries).items()
    }
    if collapsed:
        texts = [f"{name} {n}" for name, n in collapsed.items()]
        lines.append(f"- **Collapsed trainings**: {', '.join(texts)}.")
    ranges = [
        (np.ptp(forest.aucs), f"class {name} of {title}")
        for outcome in forests.values()
        for title, some in by_dataset(outcome.entries).items()
        for name, forest in summaries.forests(some).items()
    ]
    if ranges:
        most, where = max(ranges)
        lines.append(f"- **The isolation forest's settings** move a class's AUC by up to {most:.3f} ({where}).")
    return Markdown("\n".join(lines)) if lines else not_run(*SEARCHES)


def steps(entries):
    """How much more steps add to the AUC, for each data set: up to the settings' n_steps, and in parts from there on.

    Mean over classes of the difference within each class, with its 95 % interval over classes.
    """
    rows = []
    for title, of_dataset in by_dataset(entries).items():
        shown = summaries.steps_shown(of_dataset)
        for method, name in SEARCHES.items():
            curves = summaries.auc_by_step(of_dataset, method)
            if not curves:
                continue
            k = summaries.n_steps(of_dataset)
            lines = np.stack(list(curves.lines.values()))
            row = {"data": title, "generator": name, "classes": len(lines)}
            for first, last in pairwise([0, k, *(step for step in shown if step > k)] if k in shown else ()):
                gain = t_interval(lines[:, shown.index(last)] - lines[:, shown.index(first)])
                row[f"from k = {first} to {last}"] = signed(gain)
            rows.append(row)
    return markdown(rows) if rows else not_run("search")


def gains(entries):
    """What the steps do to each class' ranking, and what is left of the loss."""
    rows = []
    for title, of_dataset in by_dataset(entries).items():
        for (name, seed), g in summaries.search_gains(of_dataset).items():
            row = {"data": title, "class": name, "seed": str(seed), "AUC, k = 0": f"{g.first:.3f}"}
            row |= {f"AUC, k = {g.n_steps}": f"{g.last:.3f}", "difference": signed(g.gain)}
            row |= {f"{kind} loss left": f"{share:.0%}" for kind, share in zip(("normal", "anomalous"), g.kept)}
            rows.append(row | {"AUC of the share left": f"{g.share_auc:.3f}"})
    return markdown(rows) if rows else not_run("search")


def gains_sentence(entries):
    """Which classes a longer search helps, which it hurts, and what the losses have to do with it."""
    helps, hurts, more = {}, {}, set()  # {data set's title: {class: None}}, a class once for all repetitions
    for title, of_dataset in by_dataset(entries).items():
        for (name, _), g in summaries.search_gains(of_dataset).items():
            if g.gain.low > 0:
                helps.setdefault(title, {})[name] = None
            if g.gain.high < 0:
                hurts.setdefault(title, {})[name] = None
                if g.kept[1] < g.kept[0]:
                    more.add((title, name))
    if not summaries.cells_of(entries, "search"):
        return not_run("search")
    why = f" In {len(more)} of the classes it hurts, anomalous images lose a larger share of their loss than normal"
    why += " ones."
    helped, hurt = ("; ".join(f"{title} {', '.join(of)}" for title, of in each.items()) for each in (helps, hurts))
    return Markdown(
        f"Compared with no step at all, the search helps {helped or 'no class'} and hurts {hurt or 'none'}; for the "
        f"others the interval includes 0.{why if hurts else ''}"
    )


def paired(entries, method, reference, step=None):
    """DeLong's paired test for each data set, class and repetition: AUC(method) - AUC(reference)."""
    rows = []
    for title, of_dataset in by_dataset(entries).items():
        found = comparisons(of_dataset, method, reference, step)
        for (name, seed), c in found.items():
            row = {"data": title, "class": name, "seed": str(seed)}
            rows.append(row | {"difference": signed(c), "p": _p_value(c.p_value)})
        if found:
            mean = over_classes({key: c.difference for key, c in found.items()})
            rows.append({"data": title, "class": "mean", "difference": signed(mean)})
    return markdown(rows) if rows else not_run(*(lacking(entries, (method, reference)) or (method, reference)))


def paired_sentence(entries, method, reference, step=None, level=0.05):
    """How often the paired test finds the method better or worse, and how often chance alone would."""
    found = [c for each in by_dataset(entries).values() for c in comparisons(each, method, reference, step).values()]
    if not found:
        return not_run(*(lacking(entries, (method, reference)) or (method, reference)))
    better, worse = (sum(c.p_value < level and sign * c.difference > 0 for c in found) for sign in (1, -1))
    return Markdown(
        f"At this build's scale: of {len(found)} paired tests {better} find the AUC higher and {worse} find it lower "
        f"at p < {level:g}; if nothing differed, about {level * len(found):.1f} would find a difference by chance."
    )


def side_by_side(entries, titles):
    """Two variants of ADGAN, {method: title}, on the images that both searched, a row for each class.

    AUCs with DeLong's paired difference, the second's minus the first's, and the mean losses that are left of normal
    and of anomalous images.
    """
    rows = []
    for title, same in of_both(entries, *reversed(titles)).items():
        compared = comparisons(same, *reversed(titles))
        runs = {about: by_class(same, method) for method, about in titles.items()}
        for (name, seed), c in compared.items():
            pair = {about: found[name][seed] for about, found in runs.items()}
            row = {"data": title, "scale": same[0].parameters["scale"], "class": name, "seed": str(seed)}
            row |= {f"AUC, {about}": f"{entry_auc(entry):.3f}" for about, entry in pair.items()}
            row |= {"difference": signed(c)}
            for label, kind in enumerate(("normal", "anomalous")):
                for about, entry in pair.items():
                    loss = entry.arrays["scores"][entry.arrays["labels"] == label].mean()
                    row[f"{kind} loss, {about}"] = f"{loss:.1f}"
            rows.append(row)
        mean = over_classes({key: c.difference for key, c in compared.items()})
        rows.append({"data": title, "class": "mean", "difference": signed(mean)})
    return markdown(rows) if rows else not_run(*(lacking(entries, titles) or titles))


def encoder_starts(entries):
    """One start from an encoder beside random ones after each number of steps: losses and AUCs, means over classes."""
    rows = []
    for title, same in of_both(entries, *reversed(STARTS)).items():
        for i, k in enumerate(summaries.steps_shown(same)):
            row = {"data": title, "k": k}
            for label, kind in enumerate(("normal", "anomalous")):
                for method, about in STARTS.items():
                    loss = summaries.loss_by_step(same, method, label).mean[i]
                    row[f"{kind} loss, {about}"] = f"{loss:.1f}"
            for method, about in STARTS.items():
                row[f"AUC, {about}"] = f"{summaries.auc_by_step(same, method).mean[i]:.3f}"
            compared = comparisons(same, *reversed(STARTS), k)
            rows.append(row | {"difference": signed(over_classes({key: c.difference for key, c in compared.items()}))})
    return markdown(rows) if rows else not_run(*(lacking(entries, STARTS) or STARTS))


def encoder_sentence(entries):
    """How good inverses the encoders are, and what one start of theirs is worth beside one random start."""
    lines = []
    for title, same in of_both(entries, *reversed(STARTS)).items():
        encoders = cells_of(same, "search-encoder")
        explained = [round(100 * e.record["details"]["explained"]) for e in encoders.values()]
        one = over_repetitions(aucs_of(encoders)).mean()
        n_starts = next(iter(cells_of(same, "search").values())).arrays["losses_by_seed"].shape[1]
        lines.append(
            f"- **{title}**: an encoder explains {span(explained)} % of the variance of the latents behind generated "
            f"images that it has not seen. After {number(summaries.n_steps(same), 'step')} its one start has a mean "
            f"AUC of {one:.3f}; one random start has {summaries.auc_by_seeds(same).mean[0]:.3f}, the mean over "
            f"{n_starts} of them."
        )
    return Markdown("\n".join(lines)) if lines else not_run(*(lacking(entries, STARTS) or STARTS))


def theta_sentence(entries):
    """For which k adapting θ has widened the gap between the losses of anomalous and of normal images."""
    parts = []
    for title, of_dataset in by_dataset(entries).items():
        normal, anomalous = (summaries.theta_gains(of_dataset, label) for label in (0, 1))
        if normal:
            wider = [str(k) for k, n, a in zip(normal.x, normal.mean, anomalous.mean) if k and n > a]
            parts.append(f"{title}: " + (f"k = {', '.join(wider)}" if wider else "none"))
    if not parts:
        return not_run(*(lacking(entries, SEARCHES) or SEARCHES))
    return Markdown(
        "On average over the classes of this build, adapting θ has lowered the loss of normal images by more than that "
        f"of anomalous ones after these numbers of steps: {'; '.join(parts)}."
    )


def starts(entries):
    """Mean AUC over classes with 1, 2, 4, ... starting points, and the sd between draws of them.

    The deviation is the root of the classes' mean variance; where there is but one draw there is none.
    """
    rows = []
    for title, of_dataset in by_dataset(entries).items():
        curves = summaries.auc_by_seeds(of_dataset)
        if curves:
            spread = np.sqrt(np.mean(np.square(list(curves.bands.values())), axis=0))
            cells = [f"{m:.3f}" + ("" if np.isnan(sd) else f" (sd {sd:.3f})") for m, sd in zip(curves.mean, spread)]
            rows.append({"data": title} | {number(n, "start"): cell for n, cell in zip(curves.x, cells)})
    return markdown(rows) if rows else not_run("search")


def best_start(entries):
    """What the least loss over the starting points, as the score, adds to the AUC of their mean, over classes."""
    rows = []
    for title, of_dataset in by_dataset(entries).items():
        if searches := cells_of(of_dataset, "search"):
            leads = over_repetitions(summaries.best_starts(searches))
            row = {"data": title, "starts": span(e.arrays["losses_by_seed"].shape[1] for e in searches.values())}
            row |= {"AUC, mean of the starts": f"{over_repetitions(aucs_of(searches)).mean():.3f}"}
            row |= {"best start minus mean": signed(t_interval(leads))}
            rows.append(row | {"higher in": f"{(leads > 0).sum()} of {number(len(leads), 'class')}"})
    return markdown(rows) if rows else not_run("search")


def stability(entries):
    """For each objective the share of collapsed runs with its exact 95 % interval; AUC and diversity with sd."""
    rows = []
    for method, runs in summaries.stability(entries).items():
        collapsed = sum(run.collapsed for run in runs)
        rows.append(
            {
                "objective": OBJECTIVES[method],
                "collapsed": f"{collapsed} of {len(runs)}",
                "share, 95 % interval": bracketed(share_interval(collapsed, len(runs)), 2),
                "diversity": mean_sd([run.diversity for run in runs]),
                "AUC": mean_sd([run.auc for run in runs]),
            }
        )
    for method in lacking(entries, OBJECTIVES):
        rows.append({"objective": OBJECTIVES[method], "collapsed": "not run in this build"})
    return markdown(rows)


def forest(entries):
    """The range of an isolation forest's AUC over its settings, for each data set and class."""
    rows = [
        {
            "data": title,
            "class": name,
            "settings": len(forest.aucs),
            "lowest AUC": f"{forest.aucs.min():.3f}",
            "highest AUC": f"{forest.aucs.max():.3f}",
            "sd over settings": f"{forest.aucs.std(ddof=1):.3f}",
            "default": ", ".join(f"{value:.3f}" for value in forest.aucs[forest.default]) or "–",
        }
        for title, of_dataset in by_dataset(entries).items()
        for name, forest in summaries.forests(of_dataset).items()
    ]
    return markdown(rows) if rows else not_run("iforest-grid")


def _p_value(p):
    return f"{p:.2g}" if p >= 1e-4 else "< 0.0001"
