import polars as pl

from reformeval.register.forms import EXIT, JOB, PERSON_MONTH, Reading, Repair, gather, total
from reformeval.register.schema import REGISTER


def _exit(person: str) -> pl.DataFrame:
    return pl.DataFrame({"person": [person], "period": [None], "kind": ["death"]}, schema=EXIT)


def test_gathered_readings_keep_order_rows_and_repairs():
    first = Reading(_exit("b"), (Repair("r", "one.csv", 2, "m"),))
    second = Reading(_exit("a").lazy(), (Repair("q", "two.csv", 1, "m"),))
    both = gather([first, second])
    assert both.frame.lazy().collect()["person"].to_list() == ["b", "a"]
    assert [repair.rule for repair in both.repairs] == ["r", "q"]


def test_totals_add_counts_over_files_by_rule():
    repairs = [Repair("r", "2.csv", 2, "m"), Repair("r", "1.csv", 3, "m"), Repair("a", "1", 1, "n")]
    assert total(repairs) == (Repair("a", "1", 1, "n"), Repair("r", "1.csv, 2.csv", 5, "m"))


def test_a_ready_table_has_the_register_columns_with_persons_as_text():
    assert list(PERSON_MONTH) == list(REGISTER)
    assert PERSON_MONTH["person"] == pl.String == JOB["person"]
