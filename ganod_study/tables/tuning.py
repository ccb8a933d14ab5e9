"""What tuning measured, and what its rule chooses."""

from IPython.display import Markdown

from .. import datasets
from ..render import NOT_YET, markdown, mean_sd
from ..tuning import (
    DATASETS,
    MEASURES,
    SCALE,
    choose,
    critic_option,
    deciding_measure,
    diverged,
    options_of,
    own_option,
    runs,
)
from .records import machine_once, origin

QUESTIONS = {
    "critic": "Objective and critic steps",
    "steps": "Training time",
    "batch norm": "Batch normalisation in the search",
    "size": "Size of MNIST",
    "average": "Averaged weights",
    "width": "Width of the networks",
    "batch": "Batch size",
}
MARGIN = 0.75  # the share of trainings in which a choice has to be ahead of an option to be preferred to it


def table(entries, name):
    """A question's measures, a row for each data set and option: mean (and sd) over classes and seeds.

    Below them the distance that real images have, training images in place of generated ones.
    """
    rows = []
    for dataset in DATASETS:
        found = runs(entries, name)
        for option in options_of(dataset, name):
            of = [entry for group, entry in found[option].items() if group[0] == dataset]
            rows.append({"data": datasets.TITLES[dataset], "option": option, "trainings": str(len(of))} | _summary(of))
        for resized, option in ((False, "*training images*"), (True, "*training images, resized*")):
            real = {
                group: entry.record["details"]["frechet_of_training"]
                for of in found.values()
                for group, entry in of.items()
                if group[0] == dataset and not diverged(entry) and entry.parameters["resized"] == resized
            }
            if real:
                distance = {MEASURES["frechet"]: mean_sd(list(real.values()))}
                rows.append({"data": datasets.TITLES[dataset], "option": option} | distance)
    return markdown(rows)


def _summary(entries):
    """{a measure's title: mean (and sd)} of an option's entries."""
    if not entries:
        return dict.fromkeys(MEASURES.values(), NOT_YET)
    sound = [e for e in entries if not diverged(e)]
    n_diverged = len(entries) - len(sound)
    note = f" ({n_diverged} of {len(entries)} diverged)" if n_diverged else ""
    if not sound:
        return dict.fromkeys(MEASURES.values(), "diverged")
    return {title: mean_sd([e.record["details"][measure] for e in sound]) + note for measure, title in MEASURES.items()}


def found(entries):
    """The page's answer: what the rule chooses for each question, and whether it is ahead of the scale's own option."""
    lines = []
    for name, title in QUESTIONS.items():
        choice, behind = choose(entries, name), against_own(entries, name)
        if choice is None:
            lines.append(f"- **{title}**: {NOT_YET}.")
        elif behind is None:
            lines.append(f"- **{title}**: {choice.option}, as at the scale `{SCALE}`.")
        else:
            option, ahead, n = behind
            verdict = f"better than the scale `{SCALE}`'s own option in {ahead} of {n} trainings"
            if ahead < MARGIN * n:
                verdict = f"which has the lowest mean but is {verdict}: too few to change it"
            lines.append(f"- **{title}**: {option}, {verdict}.")
    return Markdown("\n".join(lines))


def against_own(entries, name):
    """(The rule's choice in words, in how many trainings it is ahead of SCALE's own option, of how many).

    None where there is no choice, or where it is an option that the scale has.
    """
    choice = choose(entries, name)
    own = own_option(name, SCALE)
    if choice is None or choice.option in own and len(own) == 1:
        return None
    other = next(option for option in own if option != choice.option)
    if other not in choice.means:
        return None
    unit = " generator steps" if name == "steps" else ""
    return choice.option + unit, n_ahead(entries, name, choice, other), len(choice.groups)


def n_ahead(entries, name, choice, other):
    """In how many of the common trainings the rule's choice is ahead of another option."""
    found, measure = runs(entries, name), deciding_measure(name)
    mine, its = ([found[o][g].record["details"][measure] for g in choice.groups] for o in (choice.option, other))
    return sum(a < b for a, b in zip(mine, its))


def sentence(entries, name):
    """What the rule chooses, over how many trainings, and whether the project's own settings are that."""
    choice, found = choose(entries, name), runs(entries, name)
    if choice is None:
        return Markdown(f"No choice: {NOT_YET}, or no two options have run for the same class and seed.")
    title = MEASURES[deciding_measure(name)]
    where = ", ".join(
        f"{n} of {datasets.TITLES[dataset]}"
        for dataset in DATASETS
        if (n := sum(group[0] == dataset for group in choice.groups))
    )
    lines = [
        f"- The lowest mean {title}, {choice.means[choice.option]:.3f}, is that of **{choice.option}** "
        f"(over the trainings that all options share: {where})."
    ]
    if name == "steps" and choice.option == [option for option in found if found[option]][-1]:
        lines.append("- That is the most tried: more may be better still.")
    for scale in (SCALE, "large", "paper"):
        for own in own_option(name, scale):
            if own == choice.option:
                verdict = "which is the choice"
            elif own in choice.means:
                ahead, n = n_ahead(entries, name, choice, own), len(choice.groups)
                verdict = (
                    f"which is not the choice: its mean is {choice.means[own]:.3f}, and the choice is ahead of it in "
                    f"{ahead} of {n} trainings"
                )
                if ahead < MARGIN * n:
                    verdict += ", too few to prefer the choice to it"
                of_its_objective = {o: m for o, m in choice.means.items() if o.split(",")[0] == own.split(",")[0]}
                if len(of_its_objective) > 1 and own == min(of_its_objective, key=of_its_objective.get):
                    verdict += "; of those with its objective it has the lowest mean"
            elif own in found and found[own]:
                verdict = "which diverged and so is not the choice"
            elif own in found:
                verdict = f"which is {NOT_YET}"
            else:
                verdict = "which is not among the options tried, so nothing here speaks for or against it"
            lines.append(f"- The scale “{scale}” has {own}, {verdict}.")
    return Markdown("\n".join(lines))


def records(entries):
    """Where the numbers come from: a row for each entry, with the seconds of the training and of the measuring."""
    rows = [
        {
            "data": e.parameters["dataset"],
            "class": e.parameters["normal_class"],
            "seed": e.parameters["seed"],
            "candidate": _in_words(e.parameters),
            "seconds": f"{e.record['details']['seconds_of_training']:.0f} + {e.record['seconds']:.0f}",
        }
        | origin(e)
        for e in entries
    ]
    return machine_once(rows, nothing="Not yet run.")


def _in_words(p):
    words = [critic_option(p["objective"], p["n_critic"]), f"{p['n_steps']:,} steps"]
    words += [f"width {p['ngf']}", f"batches of {p['batch_size']}"]
    some = {"own statistics": p["own_statistics"], "resized": p["resized"], "averaged": "average" in p}
    return ", ".join(words + [word for word, holds in some.items() if holds])
