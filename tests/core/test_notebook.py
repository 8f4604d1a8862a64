from __future__ import annotations

from dataclasses import dataclass

from fertools.core.notebook import HtmlFields, html_fields, html_table


@dataclass(frozen=True)
class Summary(HtmlFields):
    new_faces: int
    emotions: dict[str, int]
    path: str | None = None


def test_a_result_shows_its_fields() -> None:
    shown = Summary(3, {"anger": 2, "fear": 1})._repr_html_()
    assert "<caption>Summary</caption>" in shown
    assert "<td>new faces</td><td>3</td>" in shown
    assert "<td>2 anger, 1 fear</td>" in shown
    assert "<td>path</td><td></td>" in shown


def test_text_cannot_become_markup() -> None:
    evil = "<script>alert('x')</script>"
    for shown in (
        html_table(evil, (evil,), [[evil]]),
        html_fields(evil, {evil: {evil: 1}}),
        Summary(1, {}, evil)._repr_html_(),
    ):
        assert "<script>" not in shown
        assert "&lt;script&gt;" in shown
