"""What a search costs, counted and measured."""

import numpy as np
from IPython.display import Markdown

from ..render import markdown


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
            "operations": layer.operations,
            "bytes": layer.bytes,
        }
        for layer in layers
    ]
    summed = ("parameters", "numbers put out", "operations", "bytes")
    rows.append({"layer": "all"} | {name: sum(row[name] for row in rows) for name in summed})
    return markdown([{name: f"{n:,}" if name in summed else str(n) for name, n in row.items()} for row in rows])


def search_ways(ways, n_searches, bandwidth):
    """The ways of `cost.ways`: bytes of one seed's search, and how long n_searches of them take at bytes a second."""
    minutes = n_searches / bandwidth / 60
    rows = [{"way": way, "megabytes": f"{n / 1e6:.1f}", "minutes": f"{n * minutes:.1f}"} for way, n in ways.items()]
    return markdown(rows)


def benchmark_job(records, n_images, n_seeds):
    """What n_images searches with n_seeds would take at the seconds per image that `search` measured."""
    rows = []
    for record in records:
        factor = n_images * n_seeds / record["parameters"]["n_seeds"]
        for row in record["rows"]:
            hours = np.median(row["seconds_per_image"]) * factor / 3600
            rows.append(
                {
                    "machine": record["device"],
                    "ngf": row["ngf"],
                    "variant": row["variant"],
                    "time": f"{60 * hours:.1f} minutes" if hours < 2 else f"{hours:.1f} hours",
                    "score's relative difference": f"{row['difference']:.0e}",
                }
            )
    return markdown(rows)


def benchmark_memory(records):
    """The peak memory that `scaling` measured, beside max_memory."""
    rows = [
        {
            "machine": record["device"],
            "images": row["images"],
            "seeds": row["seeds"],
            "max_memory (MiB)": f"{row['max_memory'] / 2**20:.0f}",
            "peak (MiB)": f"{(row['grown'] - row['result']) / 2**20:.1f}",
            "share": f"{row['share_of_max_memory']:.2f}",
        }
        for record in records
        for row in record["rows"]
        if "max_memory" in row
    ]
    return markdown(rows)


def benchmark_records(measurements, cpu_only=()):
    """Which benchmark ran where, and of which there is no record from a GPU. measurements: of `cost.measured`.

    cpu_only: names of those that a GPU is not asked for.
    """
    rows = [
        {
            "benchmark": record["benchmark"],
            "machine": record["device"],
            "rounds": max((len(v) for row in record["rows"] for v in row.values() if isinstance(v, list)), default=1),
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
