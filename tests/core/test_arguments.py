from __future__ import annotations

import pickle

import pytest

import fertools
from fertools.core.arguments import argument, call, either, given, in_python, on_command_line
from fertools.core.errors import InputError, Interrupted


def flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@pytest.mark.parametrize(
    ("message", "python", "shell"),
    [
        (argument("min_face"), "`min_face`", "--min-face"),
        (given("overwrite", True), "`overwrite=True`", "--overwrite"),
        (given("resume", False), "`resume=False`", "--no-resume"),
        (given("folds", 3), "`folds=3`", "--folds 3"),
        (given("prefer", "store"), "`prefer='store'`", "--prefer store"),
        (
            call("split(w, folds=10)", "split --folds 10"),
            "`fertools.split(w, folds=10)`",
            "`fertools split --folds 10`",
        ),
        (f"later{either('', ', or with --wait')}", "later", "later, or with --wait"),
        ("a {brace} and -- and --flag", "a {brace} and -- and --flag", "a {brace} and -- and --flag"),
    ],
)
def test_each_reader_is_told_in_their_words(message: str, python: str, shell: str) -> None:
    whole = f"before {message} after {message}"
    assert in_python(whole) == f"before {python} after {python}"
    assert on_command_line(whole, flag) == f"before {shell} after {shell}"


def test_an_error_carries_the_argument_that_it_is_about() -> None:
    error = InputError(f"{argument('min_face')} is 3; give more, or begin anew with {given('overwrite', True)}")
    assert str(error) == "`min_face` is 3; give more, or begin anew with `overwrite=True`"
    assert error.argument == "min_face"
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.argument, again.message) == (str(error), "min_face", error.message)
    assert InputError(f"damaged; train again with {given('resume', False)}").argument is None
    assert InputError("no such file").argument is None
    assert InputError(f"wait{either(' here', ' there')}").argument is None
    assert Interrupted("stopped", exit_code=143).exit_code == 143


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: fertools.IngestOptions(crop_px=3), "crop_px"),
        (lambda: fertools.IngestOptions(stall_s=0), "stall_s"),
        (lambda: fertools.IngestOptions(template="dlib"), "template"),
        (lambda: fertools.IngestOptions(crop_format="gif"), "crop_format"),
        (lambda: fertools.split(".", folds=1), "folds"),
        (lambda: fertools.split("."), "folds"),
        (lambda: fertools.SampleOptions(people=0), "people"),
        (lambda: fertools.FilterOptions(max_faces=-1), "max_faces"),
    ],
)
def test_public_functions_name_their_arguments(make: object, name: str) -> None:
    with pytest.raises(InputError) as caught:
        make()  # type: ignore[operator]
    assert caught.value.argument == name
    assert name in str(caught.value)
    assert "--" not in str(caught.value)
    assert flag(name) in on_command_line(caught.value.message, flag)
