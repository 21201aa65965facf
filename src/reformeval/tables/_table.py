"""A table in words, and its three forms: HTML, LaTeX and CSV.

Cells are text that is ready to read; the CSV holds the unrounded numbers instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from reformeval.artefacts import atomically, write_text
from reformeval.report.texts import spoken

Cells = dict[str, str]


@dataclass(frozen=True)
class Column:
    """A column: its key in the rows, its heading, whether it holds numbers or long text."""

    key: str
    heading: str
    numeric: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Line:
    """A row of cells; ``strong`` for the headline, ``muted`` for what is refused."""

    cells: Cells
    strong: bool = False
    muted: bool = False


@dataclass(frozen=True, eq=False)
class Table:
    """A table with its rows under headings.

    Attributes
    ----------
    name
        File stem, and the id of the HTML table.
    sections
        Heading and rows; a table without headings has one section with an empty one.
    notes
        Sentences under the table.
    footnotes
        Reasons, numbered from 1 as the rows' ``note`` cells refer to them.
    data
        The unrounded numbers for the CSV.
    language
        Code of the language of its words: that which was spoken when it was made.
    """

    name: str
    title: str
    subtitle: str
    columns: tuple[Column, ...]
    sections: tuple[tuple[str, tuple[Line, ...]], ...]
    notes: tuple[str, ...]
    footnotes: tuple[str, ...]
    data: pl.DataFrame
    language: str = field(default_factory=spoken)

    @property
    def lines(self) -> list[Line]:
        """All rows, in order."""
        return [line for _, lines in self.sections for line in lines]


def html(table: Table, page: bool = False) -> str:
    """Write the table as HTML with its own style, as a fragment or a whole page."""
    from great_tables import GT, loc, style

    grouped = any(heading for heading, _ in table.sections)
    rows = [
        {**({"_section": heading} if grouped else {}),
         **{column.key: line.cells.get(column.key, "") for column in table.columns}}
        for heading, lines in table.sections
        for line in lines
    ]  # fmt: skip
    keys = [*(["_section"] if grouped else []), *(column.key for column in table.columns)]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(keys, pl.String))
    shown = GT(frame, groupname_col="_section" if grouped else None, id=_identifier(table.name))
    shown = shown.tab_header(table.title, table.subtitle or None)
    shown = shown.cols_label({column.key: column.heading for column in table.columns})
    for align, numeric in (("right", True), ("left", False)):
        chosen = [column.key for column in table.columns if column.numeric is numeric]
        if chosen:
            shown = shown.cols_align(align, columns=chosen)
    for column in table.columns:
        if column.wide:
            # Keeps long text readable on a narrow screen, where the table scrolls.
            shown = shown.tab_style(
                style.css("min-width: 18rem; white-space: normal"), loc.body(columns=column.key)
            )
    for kind, look in (
        ("strong", style.text(weight="bold")),
        ("muted", style.text(color="#5f5f5f")),
    ):
        picked = [i for i, line in enumerate(table.lines) if getattr(line, kind)]
        if picked:
            shown = shown.tab_style(look, loc.body(rows=picked))
    for note in [*table.notes, *(f"{i}: {text}" for i, text in enumerate(table.footnotes, 1))]:
        shown = shown.tab_source_note(note)
    shown = shown.tab_options(
        table_font_size="14px",
        table_width="100%",
        heading_align="left",
        heading_title_font_size="16px",
        heading_title_font_weight="600",
        heading_subtitle_font_size="13px",
        data_row_padding="4px",
        data_row_padding_horizontal="8px",
        column_labels_padding_horizontal="8px",
        row_group_font_weight="600",
        row_group_padding="5px",
        source_notes_font_size="12px",
        table_font_names=["system-ui", "-apple-system", "Segoe UI", "DejaVu Sans", "sans-serif"],
    )
    text: str = shown.as_raw_html(make_page=page)
    return text.replace('<html lang="en">', f'<html lang="{table.language}">', 1)


def latex(table: Table) -> str:
    r"""Write the table as a LaTeX ``longtable`` with ``booktabs`` rules."""
    spec = "".join("r" if column.numeric else "l" for column in table.columns)
    heads = " & ".join(escape(column.heading) for column in table.columns)
    width = len(table.columns)
    body = [rf"\begin{{longtable}}{{{spec}}}", rf"\caption{{{escape(table.title)}}}\\", r"\toprule"]
    body += [rf"{heads} \\", r"\midrule", r"\endhead", r"\bottomrule", r"\endfoot"]
    for heading, lines in table.sections:
        if heading:
            body.append(rf"\multicolumn{{{width}}}{{l}}{{\textbf{{{escape(heading)}}}}} \\")
        for line in lines:
            cells = [escape(line.cells.get(column.key, "")) for column in table.columns]
            if line.strong:
                cells = [rf"\textbf{{{cell}}}" if cell else "" for cell in cells]
            body.append(" & ".join(cells) + r" \\")
    body.append(r"\end{longtable}")
    notes = [table.subtitle, *table.notes]
    notes += [f"{i}: {text}" for i, text in enumerate(table.footnotes, 1)]
    told = [rf"\noindent\footnotesize {escape(note)}\par" for note in notes if note]
    return "\n".join(["% needs booktabs and longtable", *body, *told]) + "\n"


def write(table: Table, folder: Path) -> None:
    """Write ``<name>.html``, ``<name>.tex`` and ``<name>.csv`` into the folder."""
    write_text(html(table, page=True), folder / f"{table.name}.html")
    write_text(latex(table), folder / f"{table.name}.tex")
    atomically(folder / f"{table.name}.csv", lambda path: table.data.write_csv(path))


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "−": "$-$", "∞": r"$\infty$", "×": r"$\times$", "<": "$<$", ">": "$>$", "≥": r"$\geq$",
    "≤": r"$\leq$", "—": "---", "–": "--", "\u00a0": "~",
}  # fmt: skip


def escape(text: str) -> str:
    """Escape what LaTeX would read as a command, and signs outside its text fonts."""
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _identifier(name: str) -> str:
    return "table-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
