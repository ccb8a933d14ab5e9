"""The study's commands: `python -m ganod_study COMMAND --help` explains each.

    python -m ganod_study run --scale paper --dataset mnist --methods adgan,critic --classes 0-9 \\
        --seeds 0-2 --time-limit 540 --store DIR        compute what the store lacks, longest first
    python -m ganod_study status --scale paper --store DIR       what of these cells is there
    python -m ganod_study merge --store DIR OTHER ...            copy what DIR lacks from other stores
    python -m ganod_study tune --dataset mnist --classes 8 --store DIR      what the paper leaves open
    python -m ganod_study own-images FOLDER [CHECK]       learn a folder of normal images, rank what differs from it
    python -m ganod_study data [mnist] [cifar10] [gaal] [alexnet] [--data-root FOLDER]       download
"""

import argparse
import sys
from pathlib import Path

from . import datasets, runner, tuning
from .methods import METHODS, TABLE1
from .scales import SCALES
from .store import Store

OF_READING = ("size", "mode", "background", "depth")  # options of own-images that a model keeps
OF_TRAINING = (*OF_READING, "scale", "seed")


def numbers(text):
    """ "0-2,5" as [0, 1, 2, 5]."""
    found = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if not (first.strip().isdecimal() and last.strip().isdecimal() and int(first) <= int(last)):
            raise argparse.ArgumentTypeError(f"numbers and rising ranges are needed, such as 0-2,5; got {text!r}")
        found += range(int(first), int(last) + 1)
    return list(dict.fromkeys(found))


def names(text):
    """ "adgan,critic" as ["adgan", "critic"]."""
    return list(dict.fromkeys(text.split(",")))


def parser():
    """The parser of all commands; each sets `command`, a function of the parsed arguments."""
    store = argparse.ArgumentParser(add_help=False)
    store.add_argument("--store", help="folder of results; default: GANOD_STORE, else build/results")
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument("--data-root", help="where the data lie; default: GANOD_DATA, else the user's cache folder")
    limits = argparse.ArgumentParser(add_help=False)
    limits.add_argument("--seeds", type=numbers, default=[0], help="one for each repetition, such as 0-2")
    limits.add_argument("--time-limit", type=float, help="seconds after which nothing is begun and a training stops")
    limits.add_argument("--device", default="auto")
    limits.add_argument("--jobs", type=int, help="jobs at a time (joblib's n_jobs); default: GANOD_JOBS, else 1")
    cells = argparse.ArgumentParser(add_help=False)
    cells.add_argument("--scale", choices=SCALES, default="lite")
    cells.add_argument(
        "--dataset", action="append", help="may be repeated; default: all images of the scale but scenes"
    )
    cells.add_argument("--methods", type=names, default=TABLE1, help=f"of {', '.join(METHODS)}; Table 1's")
    cells.add_argument("--classes", type=numbers, help="such as 0-3,7; default: those of the scale")
    cells.add_argument("--rows", choices=("same", "held-out"), default="same", help="of tables, that are scored")

    main = argparse.ArgumentParser(prog="python -m ganod_study", description="Compute what the book shows.")
    commands = main.add_subparsers(required=True, metavar="COMMAND")

    def add(name, function, summary, *parents):
        command = commands.add_parser(name, help=summary, description=summary, parents=parents)
        command.set_defaults(command=function)
        return command

    add("run", run, "compute the part of the grid that the store lacks", store, data, cells, limits)
    add("status", status, "count what of the grid the store has", store, data, cells, limits)
    command = add("merge", merge, "copy what a store lacks from other stores", store)
    command.add_argument("sources", nargs="+", help="stores to merge from")
    command = add("tune", tune, "try what the paper leaves open, without a test image", store, data, limits)
    command.add_argument("--dataset", choices=tuning.DATASETS, required=True)
    command.add_argument("--classes", type=numbers, required=True, help="such as 0-3,7")
    command.add_argument("--max-steps", type=int, help="leave out candidates with more generator steps")
    command = add("own-images", own, "learn a folder of normal images, and rank images by how much they differ", data)
    command.add_argument("folder", help="normal images; with --model: those to rank")
    command.add_argument("check", nargs="?", help="images to rank; default: those of the folder")
    command.add_argument("--output", help="where results go; default: own-images-NAME, here, by what is ranked")
    command.add_argument("--model", help="the output folder of an earlier call, whose model ranks; nothing is trained")
    command.add_argument("--scale", choices=SCALES, default="lite", help="how long to train; lite: minutes")
    command.add_argument("--size", type=int, default=32, help="height and width in pixels: 8, 16, 32, 64 or 128; 32")
    command.add_argument("--mode", choices=("RGB", "L"), help="colour or grey; default: grey if all images are")
    command.add_argument("--background", default="white", help="of transparent images; white")
    command.add_argument("--depth", choices=("type", "found"), default="type", help="range of more than 8 bits; type")
    command.add_argument("--false-alarm-rate", type=float, help="share of normal images that may be flagged; 0.05")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--device", default="auto")
    command = add("data", download, "download data sets into the data root", data)
    command.add_argument("names", nargs="*", help=f"of {', '.join(datasets.DOWNLOADS)}; all if none is named")
    return main


def main(arguments=None):
    """Run a command: its exit code, 3 where something is still to be computed."""
    commands = parser()
    args = commands.parse_args(arguments)
    try:
        return args.command(args)
    except (ValueError, NotADirectoryError, FileNotFoundError) as error:
        commands.error(str(error))


def _cells(args):
    names = args.dataset or [name for name in SCALES[args.scale] if name not in datasets.SCENES]
    return [
        c for name in names for c in runner.grid(args.scale, name, args.methods, args.classes, args.seeds, args.rows)
    ]


def _how(args):
    """The options of `runner.run`."""
    return {
        "data_root": args.data_root, "device": args.device, "time_limit": args.time_limit, "n_jobs": args.jobs,
    }  # fmt: skip


def run(args):
    runner.run(_cells(args), runner.open_store(args.store), **_how(args))
    return status(args)


def status(args):
    counts = runner.status(_cells(args), runner.open_store(args.store))
    for (dataset, method), (there, all_) in counts.items():
        print(f"{dataset:10} {method:19} {there:4} of {all_}")
    return 0 if all(there == all_ for there, all_ in counts.values()) else 3


def merge(args):
    store = runner.open_store(args.store)
    print(f"{runner.merge(store, map(Store, args.sources))} entries copied to {store.root}")
    return 0


def tune(args):
    store = runner.open_store(args.store)
    entries = tuning.tune(args.dataset, args.classes, args.seeds, store, max_steps=args.max_steps, **_how(args))
    there = sum(entry is not None for entry in entries)
    print(f"{args.dataset}: {there} of {len(entries)} candidates")
    return 0 if there == len(entries) else 3


def own(args):
    try:
        from . import own_images  # the other commands do without what tables and figures need
    except ImportError as error:
        sys.exit(f'{error.name} is needed for this: pip install "ganod-lite[book]"')
    ranked = args.folder if args.check is None else args.check
    output = args.output or f"own-images-{Path(ranked).expanduser().resolve().name}"
    options = {"data_root": args.data_root, "device": args.device}
    if args.model:
        if args.check is not None:
            raise ValueError("--model: one folder, that to rank, is needed; got two.")
        usual = vars(parser().parse_args(["own-images", "."]))
        if given := [f"--{name}" for name in OF_TRAINING if getattr(args, name) != usual[name]]:
            raise ValueError(f"{', '.join(given)}: the model has its own; leave it out with --model.")
        looked = own_images.look_with(args.model, args.folder)
        print(own_images.files_table(looked).data, flush=True)
        found = own_images.rank_with(args.model, looked, output, false_alarm_rate=args.false_alarm_rate, **options)
    else:
        how = {name: getattr(args, name) for name in OF_READING}
        looked = own_images.look(args.folder, args.check, **how)
        print(own_images.files_table(looked).data, flush=True)
        rate = {} if args.false_alarm_rate is None else {"false_alarm_rate": args.false_alarm_rate}
        try:
            found = own_images.rank(looked, output, scale=args.scale, seed=args.seed, **rate, **options)
        except KeyboardInterrupt:
            print(f"Interrupted. The same command goes on from what {output} holds.", file=sys.stderr)
            return 130
    for part in (own_images.findings(found), own_images.top_table(found)):
        print(f"\n{part.data}")
    print(f"\nAll of it, with tables and figures: {output}")
    return 0


def download(args):
    for name in args.names or datasets.DOWNLOADS:
        try:
            datasets.fetch(name, args.data_root)
        except (OSError, RuntimeError, ImportError) as error:
            sys.exit(str(error))
        print(f"{name}: in {datasets.data_root(args.data_root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
