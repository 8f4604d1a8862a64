from __future__ import annotations

import pytest

from fertools.cli.flags import find_flag
from fertools.cli.main import cli


@pytest.mark.parametrize(
    ("words", "argument", "flag"),
    [
        ("ingest a --stall 0", "stall_s", "--stall"),
        ("ingest a", "span", "--range"),
        ("ingest a", "min_face", "--min-face"),
        ("ingest a", "template", "--template"),
        ("train stargan", "overrides", "--set"),
        ("train", "resume", "--resume"),
        ("train", "overwrite", "--overwrite"),
        ("split", "workspace", "--workspace"),
        ("annotate publish", "lag_s", "--lag"),
        ("annotate --va", "token", "--token"),
        ("no-such-command", "crop_px", "--crop-px"),
        ("", "crop_px", "--crop-px"),
    ],
)
def test_an_argument_has_its_flag(words: str, argument: str, flag: str) -> None:
    assert find_flag(cli, words.split(), argument) == flag
