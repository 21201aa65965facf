"""A small project on the statistics bank that runs in the tests."""

from __future__ import annotations

from pathlib import Path

import yaml

REFORM = """\
title: A placebo reform
source: bank
window: {from: 2020-04, to: 2021-12}
treatment:
  units: ["0301"]
  steps: [{id: start, from: 2021-03}]
outcomes:
  share: {measured_in: per cent}
headline: {outcome: share, group: all, estimator: did}
estimators: {did: {}}
"""


def write_bank_project(folder: Path, url: str) -> Path:
    """Config of a project with one source, `bank`, and one reform, `placebo`."""
    content = {
        "kind": "statbank",
        "title": "Registered unemployed",
        "frequency": "month",
        "obtain": "the bank",
        "url": url,
        "table": "10540",
        "selection": {"Region": "*", "Tid": "*"},
        "unit": {"column": "Region"},
        "period": {"column": "Tid"},
        "outcomes": {"share": {"column": "Prosent", "kind": "share"}},
    }
    for name, text in {
        "config.yaml": "seed: 1\n",
        "sources/bank.yaml": yaml.safe_dump(content, sort_keys=False),
        "reforms/placebo.yaml": REFORM,
    }.items():
        path = folder / "config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
