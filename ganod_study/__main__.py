"""The study's commands: `python -m ganod_study run|status|merge|tune|data ...`; each explains itself with --help."""

import sys

COMMANDS = ("run", "status", "merge", "tune", "data")


def main(arguments=None):
    command, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if command == "tune":
        from . import tuning

        return tuning.main(rest)
    if command == "data":
        from . import datasets

        return datasets.main(rest)
    if command in COMMANDS:
        from . import experiments

        return experiments.main([command, *rest])
    print(f"usage: python -m ganod_study {{{','.join(COMMANDS)}}} ...", file=sys.stderr)
    return 0 if command in ("-h", "--help") else 2


if __name__ == "__main__":
    sys.exit(main())
