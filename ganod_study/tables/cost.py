"""What a search costs, counted and measured."""

import numpy as np
from IPython.display import Markdown

from ..render import markdown, span


def search_bytes(n_bytes):
    """`cost.BYTES` and their sum."""
    rows = [{"for each parameter": what, "bytes": n} for what, n in n_bytes.items()]
    return markdown([*rows, {"for each parameter": "together", "bytes": sum(n_bytes.values())}])


def layer_costs(layers):
    """The layers of `cost.layers`, a row each and one for their sum: what they cost in one seed-step."""
    rows = [
        {
            "layer": layer.name,
            "parameters": layer.parameters,
            "positions": layer.positions,
            "numbers put out": layer.activations,
            "million operations": layer.operations / 1e6,
            "megabytes": layer.bytes / 1e6,
        }
        for layer in layers
    ]
    counts, amounts = ("parameters", "numbers put out"), ("million operations", "megabytes")
    rows.append({"layer": "all"} | {name: sum(row[name] for row in rows) for name in counts + amounts})
    texts = dict.fromkeys(counts, "{:,}") | dict.fromkeys(amounts, "{:,.2f}")
    return markdown([{name: texts.get(name, "{}").format(value) for name, value in row.items()} for row in rows])


def search_ways(ways, n_searches, bandwidth):
    """The ways of `cost.ways`: bytes of one seed's search, and how long n_searches of them take at bytes a second."""
    minutes = n_searches / bandwidth / 60
    rows = [{"way": way, "megabytes": f"{n / 1e6:.1f}", "minutes": f"{n * minutes:.1f}"} for way, n in ways.items()]
    return markdown(rows)


def found(search, floor, n_images, n_seeds, bandwidth, ways):
    """The page's answer: the time of all searches as measured and as the floor, at the widest network measured.

    search, floor: `cost.Measured` of these names; ways: those of `cost.ways`.
    """
    lines = []
    for record in search.records:
        ngf = max(row["ngf"] for row in record["rows"])
        of = {row["variant"]: row for row in record["rows"] if row["ngf"] == ngf}
        best = min(of, key=lambda variant: np.median(of[variant]["seconds_per_image"]))
        times = [_time(of[variant], record, n_images, n_seeds) for variant in (best, "plain loop")]
        lines.append(
            f"- **Measured on a {_kind(record)}** ({record['device']}): the {n_images:,} searches of Table 1, with "
            f"{n_seeds} seeds each and ngf = {ngf}, would take {times[0]} ({best}); a plain loop would take {times[1]}."
        )
    done = next(n for way, n in ways.items() if "what is done" in way)
    lines.append(
        f"- **Counted, not measured:** a memory of {bandwidth / 1e12:.1f} TB/s, about an H200's, needs "
        f"{done * n_images * n_seeds / bandwidth / 60:.0f} minutes to move the bytes of these searches."
    )
    for record in floor.records:
        shares = [np.median(row["share_of_floor"]) for row in record["rows"]]
        lines.append(
            f"- **Against the memory** ({record['device']}): `latent_search` runs at {min(shares):.2f} to "
            f"{max(shares):.2f} times the speed at which the memory could move the bytes of a dense implementation."
        )
    return Markdown("\n".join(lines))


def _kind(record):
    return "processor" if record["device_type"] == "cpu" else "GPU"


def _time(row, record, n_images, n_seeds):
    """What n_images searches with n_seeds would take at a row's seconds per image, as text."""
    hours = np.median(row["seconds_per_image"]) * n_images * n_seeds / record["parameters"]["n_seeds"] / 3600
    return f"{60 * hours:.1f} minutes" if hours < 2 else f"{hours:.1f} hours"


def benchmark_job(records, n_images, n_seeds):
    """What n_images searches with n_seeds would take at the seconds per image that `search` measured."""
    return _for_each_machine(
        {
            record["device"]: [
                {
                    "ngf": row["ngf"],
                    "variant": row["variant"],
                    "time": _time(row, record, n_images, n_seeds),
                    "score's relative difference": f"{row['difference']:.0e}" if row["difference"] else "0",
                }
                for row in record["rows"]
            ]
            for record in records
        }
    )


def benchmark_memory(records):
    """The peak memory that `scaling` measured, beside max_memory."""
    return _for_each_machine(
        {
            record["device"]: [
                {
                    "images": row["images"],
                    "seeds": row["seeds"],
                    "max_memory (MiB)": f"{row['max_memory'] / 2**20:.0f}",
                    "peak (MiB)": f"{(row['grown'] - row['result']) / 2**20:.1f}",
                    "share": f"{row['share_of_max_memory']:.2f}",
                }
                for row in record["rows"]
                if "max_memory" in row
            ]
            for record in records
        }
    )


def _for_each_machine(tables):
    """Tables, {machine: rows}, each under its machine's name."""
    return Markdown("\n\n".join(f"{machine}:\n\n{markdown(rows).data}" for machine, rows in tables.items()))


def benchmark_records(measurements, cpu_only=()):
    """Which benchmark ran where, and of which there is no record from a GPU. measurements: of `cost.measured`.

    cpu_only: names of those that a GPU is not asked for.
    """
    rows = [
        {
            "benchmark": record["benchmark"],
            "machine": record["device"],
            "rounds": span([len(v) for row in record["rows"] for v in row.values() if isinstance(v, list)] or [1]),
            "seconds": record["seconds"],
            "finished": record["finished"],
            "commit": record["commit"],
        }
        for each in measurements
        for record in each.records
    ]
    on_gpu = {m.name for m in measurements if any(record["device_type"] != "cpu" for record in m.records)}
    no_gpu = [m.name for m in measurements if m.name not in on_gpu.union(cpu_only)]
    note = "Every benchmark has been run on a GPU."
    if no_gpu:
        note = (
            f"**The GPU's numbers are missing** for {', '.join(no_gpu)}. On a machine with a CUDA GPU "
            "`make benchmarks ARGS='--device cuda'` measures them, and this page then shows them."
        )
    return Markdown(f"{note}\n\n{markdown(rows).data}" if rows else note)
