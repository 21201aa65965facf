"""The pages on adding reforms and sources show what the program really says and accepts."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reformeval.cli import app
from reformeval.config import reference
from reformeval.config.loader import load

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
UNITS = ("Alta", "Bodø", "Hamar", "Molde", "Narvik", "Skien", "Tromsø", "Voss")


def blocks(page: str, kind: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def write_panel(path: Path) -> str:
    rows = ["kommune;måned;kjønn;andel_ledige;personer"]
    for u, unit in enumerate(UNITS):
        for i in range(48):
            for s, sex in enumerate(("begge", "kvinner", "menn")):
                rate = f"{3 + 0.2 * u + 0.05 * ((u + 2) * i % 7) + 0.1 * s:.2f}".replace(".", ",")
                rows.append(
                    f"{unit};{2018 + i // 12}-{i % 12 + 1:02d};{sex};{rate};{4000 + 500 * u}"
                )
    path.write_text("\n".join(rows) + "\n", encoding="cp1252")
    return "\n".join(rows[:4]) + "\n"


def test_adding_a_reform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REFORMEVAL_DATA", raising=False)
    assert write_panel(tmp_path / "panel.csv") == blocks("adding-a-reform.md", "")[0]
    commands = [b for b in blocks("adding-a-reform.md", "console") if "reformeval " in b[:15]]
    assert len(commands) == 3
    for i, block in enumerate(commands):
        command, _, expected = block.partition("\n")
        said = CliRunner().invoke(app, command.removeprefix("$ reformeval ").split()).output
        assert said == expected
        if i == 1:
            path = tmp_path / "config/reforms/free_bus.yaml"
            text = path.read_text(encoding="utf-8")
            path.write_text(
                text.replace("[FILL IN]", "[Voss]").replace("from: FILL IN", "from: 2020-08"),
                encoding="utf-8",
            )


def test_the_reform_of_the_readme(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (example,) = blocks("../README.md", "yaml")
    (tmp_path / "config/reforms/readme.yaml").write_text(example, encoding="utf-8")
    assert load(tmp_path).study("readme").reform.title == "Free kindergarten in Finnmark"


def test_adding_a_source(tmp_path: Path) -> None:
    (tmp_path / "config/sources").mkdir(parents=True)
    (tmp_path / "config/config.yaml").write_text("reforms: all\n")
    examples = blocks("adding-a-source.md", "yaml")
    for i, text in enumerate(examples):
        (tmp_path / f"config/sources/s{i}.yaml").write_text(text, encoding="utf-8")
    assert len(load(tmp_path).sources) == len(examples) == 9


def test_the_reference_is_in_step() -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    filled = reference.fill(page)
    assert "`treatment.steps[].from`" in filled
    assert page == filled, "run python -m reformeval.config.reference docs/configuration.md"


@pytest.mark.parametrize("page", ["adding-a-reform.md", "adding-a-source.md", "configuration.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)", text)
    assert targets
    assert not [target for target in targets if not (DOCS / target).exists()]
