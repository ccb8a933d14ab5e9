"""Numbers as text, rows as a Markdown table, and a note where there is nothing to show."""

import base64

import numpy as np
import pandas as pd
from IPython.display import Markdown

NOT_YET = "not yet run"
# Stored results come without their networks; a store in which they were trained has them.
NO_NETWORKS = "The store holds these results, but not the networks behind them"


def markdown(rows, nothing="None of this is run at this scale."):
    """Rows (dictionaries, their keys being the columns) as a Markdown table; without any a note."""
    if not rows:
        return note(nothing)
    frame = pd.DataFrame(rows).astype(object)
    return Markdown(frame.where(frame.notna(), "–").to_markdown(index=False, disable_numparse=True))


def note(text):
    """A note in place of what can't be shown."""
    return Markdown(f"*{text}*")


def not_run(*methods):
    """A note in place of a figure or a table that needs these methods' results."""
    return note(f"Not run in this build: there are no common results of {', '.join(methods)}.")


def csv_link(rows, name):
    """A link that holds rows (dictionaries) as a CSV file called `name`."""
    data = base64.b64encode(pd.DataFrame(rows, dtype=object).to_csv(index=False).encode()).decode()
    return f'<a download="{name}" href="data:text/csv;charset=utf-8;base64,{data}">{name}</a>'


def mean_sd(values):
    """Values as "0.912", of several "0.912 (sd 0.003)": their mean and standard deviation."""
    return f"{np.mean(values):.3f}" + (f" (sd {np.std(values, ddof=1):.3f})" if len(values) > 1 else "")


def plus_minus(interval):
    """An `Interval` as "0.912 ± 0.003": ± is half of a 95 % interval, as everywhere in the book. No ends, no ±."""
    return f"{interval.value:.3f}" + ("" if np.isnan(interval.low) else f" ± {interval.half:.3f}")


def bracketed(interval, digits=3):
    """An `Interval` as "0.912 [0.903, 0.921]"."""
    value, low, high = (f"{each:.{digits}f}" for each in interval[:3])
    return f"{value} [{low}, {high}]"


def signed(interval):
    """An `Interval` or `Comparison` as "+0.012 [-0.003, +0.027]"."""
    value, low, high = interval[:3]
    return f"{value:+.3f}" + ("" if np.isnan(low) else f" [{low:+.3f}, {high:+.3f}]")


def number(n, thing):
    """A number of things as "1 class", "2 classes"."""
    return f"{n} {thing}" if n == 1 else f"{n} {thing}{'es' if thing.endswith('s') else 's'}"


def span(numbers):
    """Numbers as "5", or as "2 to 5" where they differ."""
    found = sorted(set(numbers))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
