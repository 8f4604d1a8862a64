"""The command `fertools`: its subcommands are imported only when one is run.

`fertools --help` reads the summaries below and imports nothing else, so it answers at once.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

import click

from fertools import __version__
from fertools.cli import streams
from fertools.cli.flags import find_flag
from fertools.core.arguments import on_command_line, showing, shown
from fertools.core.errors import Interrupted
from fertools.core.explain import explain
from fertools.core.progress import on_one_line

COMMANDS = {
    "demo": "Draw a dataset and run every step on it, command by command.",
    "sample": "Draw a synthetic dataset of people who do not exist.",
    "collect": "Download videos by a word for an expression, with their provenance.",
    "ingest": "Detect, track and align every face in videos and pictures.",
    "datasets": "List the datasets that `ingest --dataset NAME` reads by their layout.",
    "identify": "Find who is who across videos.",
    "filter": "Change which faces are kept, without detecting again.",
    "select": "Choose which frames of each sequence take part.",
    "merge": "Join the shards of an ingest, or other workspaces, into one.",
    "push": "Copy the dataset to object storage, such as s3://bucket/name.",
    "pull": "Copy a dataset, or what is new in it, from object storage.",
    "export": "Write the faces in a layout of other tools, such as COCO or WebDataset.",
    "import-manifest": "Make a dataset of what `export` wrote.",
    "forget": "Remove people, videos or single faces for good.",
    "recrop": "Write crops of another template or size, without detecting again.",
    "annotate": "Label faces with valence, arousal and emotion.",
    "split": "Split the dataset into subject-independent folds.",
    "audit": "Search a split for leaks, copies and short cuts.",
    "train": "Train a system on the manifest.",
    "predict": "Predict the expressions of faces in videos and pictures.",
    "generate": "Generate faces with a trained system.",
    "weights": "List published weights, and which of them are here.",
    "evaluate": "Compute the metrics of trained runs, with intervals.",
    "compare": "Compare runs of any systems on one test set, with paired tests.",
    "experiment": "Run a paper's whole protocol, fold by fold.",
    "report": "Write the HTML report of a run or an experiment.",
    "stats": "Show what is in the dataset, in the terminal or as a page.",
    "show": "Show faces as a table, a contact sheet, in their frame, or as a film strip.",
    "browse": "Filter, sort and look at all faces in the browser.",
    "validate": "Check every invariant of the manifest.",
    "doctor": "Check what this machine can do and what is missing.",
}

# \b keeps click from joining the lines that follow it.
HELP = """From raw face video to a trustworthy expression dataset, and to the models trained on it.

All steps, typed in one folder:

\b
  fertools ingest videos/
  fertools annotate --va --prior
  fertools split --folds 10
  fertools train stargan
"""


class _LazyGroup(click.Group):
    """A group whose commands live in modules of the same name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"fertools.cli.{cmd_name.replace('-', '_')}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"fertools.cli.{cmd_name}.command is not a command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            ctx.fail(f"there is no command '{args[0]}'{_nearest(args[0])}; see fertools --help")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fertools")
@click.option("--debug", is_flag=True, help="Show tracebacks, also of sources that failed.")
def cli(debug: bool) -> None:
    """Hold the subcommands; `main` reads --debug itself, since it handles errors outside of Click."""
    del debug


def main() -> NoReturn:
    """Run the command line and leave with the documented exit code."""
    signal.signal(signal.SIGTERM, _on_terminate)
    # Threads that wait for one another sleep instead of spinning. Beside other work on two cores, spinning made
    # training ten times slower; alone it gains little. It has to be said before torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # The objects that come with modules stay. Looking through them for garbage whenever 700 are new takes a tenth of
    # the start.
    gc.set_threshold(50_000)
    # Wherever it stands: one adds it at the end of the line that failed.
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    if debug:
        # Of errors that end no work, such as that of one video among many.
        logging.basicConfig(format="%(message)s")
        logging.getLogger("fertools").setLevel(logging.DEBUG)
    # Flags are looked up for a message that names one: a machine without open files imports no command.
    with showing(lambda message: on_command_line(message, lambda name: find_flag(cli, arguments, name))):
        _run(arguments, debug=debug)


def _run(arguments: list[str], *, debug: bool) -> NoReturn:
    """Run a command and leave with its exit code."""
    try:
        streams.prepare()
        code = cli.main(arguments, prog_name="fertools", standalone_mode=False)
        streams.finish()
        _leave(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        _leave(130, "interrupted; run the same command again to resume")
    except KeyboardInterrupt:
        _leave(130, "interrupted; run the same command again to resume")
    except click.ClickException as error:
        usage = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "fertools"
        _leave(error.exit_code, f"{error.format_message()} (help: {usage} --help)")
    except Exception as error:
        if debug:
            traceback.print_exception(error)
        told = explain(error)
        if told is None:
            again = "run again with --debug and report it"
            _leave(1, f"this is a bug in fertools ({type(error).__name__}: {error}); {again}")
        if isinstance(told, streams.OutputError):
            streams.discard()
        _leave(told.exit_code, shown(told.message) or None)


def _leave(code: int, message: str | None = None) -> NoReturn:
    if message is not None:
        # A disk that is full may hold this stream too; the code says enough then.
        with contextlib.suppress(OSError):
            print(f"fertools: {on_one_line(message)}", file=sys.stderr, flush=True)
    sys.exit(code)


def _on_terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Interrupted("terminated; run the same command again to resume", exit_code=128 + signal.SIGTERM)


def _nearest(word: str) -> str:
    import difflib

    near = difflib.get_close_matches(word, COMMANDS, n=1)
    return f", did you mean '{near[0]}'" if near else ""
