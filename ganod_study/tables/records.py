"""The records behind a page's numbers."""

from itertools import product

from IPython.display import Markdown

from .. import datasets
from ..jobs import Cell
from ..methods import METHODS
from ..render import NO_NETWORKS, markdown, note
from ..runner import open_store
from ..scales import SCALES
from ..statistics import entry_auc
from ..store import seconds_of


def listing(entries):
    """A row for each record."""
    return machine_once(
        [
            {
                "data": e.parameters["dataset"],
                "method": e.parameters["method"],
                "class": e.parameters.get("normal_class", "–"),
                "seed": e.parameters["seed"],
                "scale": e.parameters.get("scale", "–"),
                "AUC": f"{entry_auc(e):.4f}" if "scores" in e.arrays else "–",
                "seconds": e.record["seconds"],
            }
            | origin(e)
            for e in entries
        ]
    )


def machine_once(rows, **options):
    """Rows as a table; where all have the same machine, under its name and not in a column."""
    machines = {row["device"] for row in rows}
    if len(machines) != 1:
        return markdown(rows, **options)
    rest = [{name: value for name, value in row.items() if name != "device"} for row in rows]
    return Markdown(f"Computed on {machines.pop()}.\n\n{markdown(rest).data}")


def origin(entry):
    """The columns that say where an entry's numbers come from."""
    return {"commit": entry.record["commit"], "device": entry.device, "file": entry.record["file"]}


def networks(entries, *, store=None):
    """The records of the networks behind the entries, each once, and which of them the store lacks."""
    store = open_store(store)
    names = ("dataset", "normal_class", "method", "seed", "scale")
    cells = [Cell(*(e.parameters[name] for name in names)) for e in entries]
    found = {stem: store.get(stem) for stem in (cell.network.stem(store) for cell in cells if cell.network)}
    lacking = [stem.relative_to(store.root).as_posix() for stem, entry in found.items() if entry is None]
    listed = listing([entry for entry in found.values() if entry])
    if not lacking:
        return listed
    why = note(f"{NO_NETWORKS}: {', '.join(lacking)}.").data
    return Markdown(f"{why}\n\n{listed.data}" if len(lacking) < len(found) else why)


def totals(entries):
    """How many records there are of each column, from which commits, and the hours with fits and searches."""
    rows = []
    for dataset, method, scale in product(datasets.TITLES, METHODS, SCALES):
        wanted = {"dataset": dataset, "method": method, "scale": scale}
        if some := [e for e in entries if wanted.items() <= e.parameters.items()]:
            fits = {e.parameters["normal_class"]: e.record["details"].get("seconds_of_fit", 0) for e in some}
            hours = (sum(seconds_of(e.record) for e in some) + sum(fits.values())) / 3600
            row = {"data": datasets.TITLES[dataset], "method": method, "scale": scale}
            row |= {"records": len(some), "hours": f"{hours:.2f}"}
            row["commits"] = ", ".join(sorted({e.record["commit"] for e in some}))
            row["devices"] = "; ".join(sorted({e.device for e in some}))
            rows.append(row)
    return markdown(rows)
