"""What tuning measured, and what its rule chooses."""

from IPython.display import Markdown

from .. import datasets
from ..render import NOT_YET, markdown, mean_sd
from ..tuning import (
    MEASURES,
    SCALE,
    TUNED,
    choose,
    critic_option,
    deciding_measure,
    diverged,
    options_of,
    own_option,
    runs,
)
from .records import origin


def table(entries, name):
    """A question's measures, a row for each data set and option: mean ± standard deviation over classes and seeds.

    Below them the distance that real images have, training images in place of generated ones.
    """
    rows = []
    for dataset in TUNED:
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
    """{a measure's title: mean ± sd} of an option's entries."""
    if not entries:
        return dict.fromkeys(MEASURES.values(), NOT_YET)
    sound = [e for e in entries if not diverged(e)]
    n_diverged = len(entries) - len(sound)
    note = f" ({n_diverged} of {len(entries)} diverged)" if n_diverged else ""
    if not sound:
        return dict.fromkeys(MEASURES.values(), "diverged")
    return {title: mean_sd([e.record["details"][measure] for e in sound]) + note for measure, title in MEASURES.items()}


def sentence(entries, name):
    """What the rule chooses, over how many trainings, and whether the project's own settings are that."""
    choice, found = choose(entries, name), runs(entries, name)
    if choice is None:
        return Markdown(f"No choice: {NOT_YET}, or not by two options for the same class and seed.")
    measure, title = deciding_measure(name), MEASURES[deciding_measure(name)]
    where = ", ".join(
        f"{n} of {datasets.TITLES[dataset]}"
        for dataset in TUNED
        if (n := sum(group[0] == dataset for group in choice.groups))
    )
    lines = [
        f"- The rule chooses **{choice.option}**, whose mean {title} is the lowest, {choice.means[choice.option]:.3f} "
        f"(over the trainings that all options that were run have in common: {where})."
    ]
    if name == "steps" and choice.option == [option for option in found if found[option]][-1]:
        lines.append("- That is the most that was tried: more may be better still.")
    for scale in (SCALE, "paper"):
        for own in own_option(name, scale):
            if own == choice.option:
                verdict = "which is the choice"
            elif own in choice.means:
                n_behind = sum(
                    found[choice.option][g].record["details"][measure] < found[own][g].record["details"][measure]
                    for g in choice.groups
                )
                verdict = (
                    f"which is not the choice: its mean is {choice.means[own]:.3f}, and the choice is ahead of it in "
                    f"{n_behind} of {len(choice.groups)} trainings"
                )
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
    return markdown(rows, "Not yet run.")


def _in_words(p):
    words = [critic_option(p["objective"], p["n_critic"]), f"{p['n_steps']:,} steps"]
    return ", ".join(words + ["own statistics"] * p["own_statistics"] + ["resized"] * p["resized"])
