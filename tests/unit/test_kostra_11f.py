from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from reformeval.errors import UserError
from reformeval.register.forms import ASSISTANCE, gather
from reformeval.sources.raw.households import MEMBERS, couples, lift_to_households
from reformeval.sources.raw.kostra_11f import read_each
from reformeval.sources.raw.models import Kostra11F, Years
from tests.kostra_helpers import GRANTS, LOANS, record, save


def read(files, data, **keys):
    reading = gather(read_each(files, data, **keys))
    return reading.frame.lazy().collect(), {r.rule: r.count for r in reading.repairs}


def test_a_record_becomes_its_months(tmp_path):
    frame, repairs = read(save(tmp_path, record()), tmp_path)
    assert frame.schema == pl.Schema(ASSISTANCE)
    assert repairs == {}
    assert frame.rows() == [
        ("01019012345", "J1", "0301", date(2022, month, 1), True, 9_000.0, 0.0, 0, "1", "single",
         True, False)
        for month in (1, 2)
    ]  # fmt: skip


@pytest.mark.parametrize("year", [2022, 2023, 2024, 2025, 2026])
def test_each_year_is_read_by_its_own_layout(tmp_path, year):
    frame, _ = read(save(tmp_path, record(year), year=year), tmp_path)
    assert frame["person"].to_list() == ["01019012345"] * 2
    assert frame["period"].dt.year().unique().to_list() == [year]


def test_another_years_layout_of_the_same_length_is_noticed(tmp_path):
    files = save(tmp_path, record(2024), year=2024, layout="kostra_11f_2022")
    with pytest.raises(UserError, match="holds none of the codes"):
        read(files, tmp_path)


def test_a_year_without_a_layout_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"no layout of kostra_11f ships for 2017[\s\S]*key layout"):
        read(save(tmp_path, record(), year=2017), tmp_path)


def test_a_record_of_another_year_than_its_file(tmp_path):
    files = save(tmp_path, record(), record(VERSION="21"), layout="kostra_11f_2022")
    with pytest.raises(UserError, match=r"'VERSION' is not of 2022.*in 1 row: '21' \(line 2\)"):
        read(files, tmp_path)


def test_grants_and_loans_stay_apart_and_two_payers_are_two_cases(tmp_path):
    other = record(
        KOMMUNE_NR="4601",
        LAAN=500,
        LAAN_JAN=500,
        BIDRAG=0,
        BIDRAG_JAN=0,
        BIDRAG_FEB=0,
        STMND_2=None,
    )
    frame, repairs = read(save(tmp_path, record(), other), tmp_path)
    january = frame.filter(pl.col("period") == date(2022, 1, 1))
    assert january.select("unit", "grant", "loan").rows() == [
        ("0301", 9_000.0, 0.0), ("4601", 0.0, 500.0)
    ]  # fmt: skip
    assert january["person"].n_unique() == 1
    assert "person_in_several_records" not in repairs  # that rule is within a municipality


@pytest.mark.parametrize(
    ("marital", "bu18", "number", "family", "children"),
    [
        ("1", "2", None, "single", 0),
        ("4", "1", 2, "single_parent", 2),
        ("2", "2", None, "couple", 0),
        ("3", "1", 1, "couple_with_children", 1),
        ("3", "1", None, "couple_with_children", None),
        ("5", None, None, None, None),
        ("5", None, 3, "single_parent", 3),
        (None, "2", None, None, 0),
    ],
)
def test_family_follows_from_marital_status_and_children(
    tmp_path, marital, bu18, number, family, children
):
    text = record(EKTSTAT=marital, BU18=bu18, ANTBU18=number)
    frame, _ = read(save(tmp_path, text), tmp_path)
    assert frame.select("family", "children").row(0) == (family, children)


def test_conditions_and_sanctions(tmp_path):
    cases = {"a": ("1", "01"), "b": ("2", None), "c": (None, None)}
    lines = [
        record(VILKARSOSLOV=v, SANKSJONRED=s, PERSON_JOURNALNR=journal, PERSON_FODSELSNR=journal)
        for journal, (v, s) in cases.items()
    ]
    frame, _ = read(save(tmp_path, *lines), tmp_path)
    january = frame.filter(pl.col("period") == date(2022, 1, 1))
    assert january["conditions"].to_list() == [True, False, None]
    assert january["sanctions"].to_list() == [True, False, False]


# Which amount is zero and which is missing, and the rule that says so.
@pytest.mark.parametrize(
    ("fields", "january", "rules"),
    [
        # The other months account for the year: a blank month is zero.
        ({"BIDRAG_JAN": None, "BIDRAG": 9_000}, (True, 0.0, 0.0), set()),
        # They do not: the amount of a flagged blank month is missing, not zero.
        ({"BIDRAG_JAN": None}, (True, None, None),
         {"grant_months_do_not_add_up", "flag_without_amount"}),
        # No months at all, but a year's total: all missing; not spread, and not zero.
        ({"BIDRAG_JAN": None, "BIDRAG_FEB": None}, (True, None, None),
         {"grant_months_do_not_add_up", "flag_without_amount"}),
        # A loan alone: the blank grant was nothing.
        ({"BIDRAG_JAN": None, "BIDRAG": None, "LAAN_JAN": 700, "LAAN": 700}, (True, 0.0, 700.0),
         set()),
        # An amount without its flag.
        ({"STMND_1": None}, (True, 9_000.0, 0.0), {"amount_without_flag"}),
        # The year's total is off: months stay.
        ({"BIDRAG": 18_010}, (True, 9_000.0, 0.0), {"grant_months_do_not_add_up"}),
        # Zeros that are written are zeros.
        ({"BIDRAG_JAN": 0, "BIDRAG": 9_000}, (True, 0.0, 0.0), set()),
    ],
)  # fmt: skip
def test_missing_is_not_zero(tmp_path, fields, january, rules):
    frame, repairs = read(save(tmp_path, record(**fields)), tmp_path)
    assert frame.filter(period=date(2022, 1, 1)).select("recipient", "grant", "loan").rows() == [
        january
    ]
    assert set(repairs) == rules


def test_plausibility_rules_count_and_keep(tmp_path):
    lines = [
        record(),
        record(),  # the same record again
        record(PERSON_FODSELSNR="01019012346", PERSON_JOURNALNR="J2", BIDRAG=200, BIDRAG_JAN=100,
               BIDRAG_FEB=100),
        record(PERSON_FODSELSNR="01019012346", PERSON_JOURNALNR="J3", BIDRAG=700_000,
               BIDRAG_JAN=350_000, BIDRAG_FEB=350_000),
        record(PERSON_FODSELSNR="01019012347", PERSON_JOURNALNR="J3"),
        record(PERSON_FODSELSNR="00000000000", PERSON_JOURNALNR="J4"),
        record(PERSON_FODSELSNR="01019000100", PERSON_JOURNALNR="J5"),
        record(PERSON_FODSELSNR=None, PERSON_DUF="200012345678", PERSON_JOURNALNR="J6"),
        record(PERSON_FODSELSNR="01019012348", PERSON_JOURNALNR="J7", BIDRAG=0, BIDRAG_JAN=0,
               BIDRAG_FEB=0, STMND_1=None, STMND_2=None),
        record(PERSON_FODSELSNR="01019012349", PERSON_JOURNALNR="J8", BU18="2", ANTBU18=2),
        record(PERSON_FODSELSNR="01019012350", PERSON_JOURNALNR="J1", BYDELSNR="15"),
    ]  # fmt: skip
    frame, repairs = read(save(tmp_path, *lines), tmp_path)
    assert repairs == {
        "identical_records": 1,
        "year_amount_too_low": 2,  # the record of 200 and the one without months
        "year_amount_too_high": 1,
        "person_in_several_records": 2,
        "journal_in_several_records": 2,  # J1 of another district is another case
        "no_person_number": 3,
        "record_without_months": 1,
        "children_contradict": 1,
    }
    assert frame.height == 2 * 9
    assert frame["person"].null_count() == 2 * 3
    assert frame.filter(person="01019012350")["journal"].to_list() == ["15/J1"] * 2


def test_pseudonyms_can_end_as_stand_ins_do(tmp_path):
    files = save(tmp_path, record(PERSON_FODSELSNR="01019099999"), without_number=())
    frame, repairs = read(files, tmp_path)
    assert frame["person"].to_list() == ["01019099999"] * 2
    assert repairs == {}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"BIDRAG_JAN": "-000500"}, "column 'BIDRAG_JAN' is below 0 in 1 row: '-500' (line 2)"),
        ({"STMND_3": "13"}, "field STMND_3 (positions 56-57) holds none of the codes 03"),
        ({"BIDRAG_JAN": "90O0"}, "BIDRAG_JAN (positions 90-96) holds no whole number"),
        ({"KOMMUNE_NR": "9999"}, "unknown municipality codes in 1 row: '9999' (line 2)"),
        ({"EKTSTAT": "7"}, "field EKTSTAT (positions 43-43) holds none of the codes"),
        ({"VERSION": "x2"}, "'VERSION' is no year of two digits"),
        ({"KOMMUNE_NR": None}, "column 'KOMMUNE_NR' is empty in 1 row: line 2"),
    ],
)
def test_what_cannot_be_is_named_with_line_and_count(tmp_path, fields, message):
    files = save(tmp_path, record(), record(PERSON_JOURNALNR="J2", **fields))
    with pytest.raises(UserError) as error:
        read(files, tmp_path, known_units={"0301", "4601"})
    assert message in str(error.value)


def test_a_file_of_one_blank_means_no_cases_but_a_year_needs_some(tmp_path):
    folder = tmp_path / "kostra"
    save(tmp_path, record()).names()
    (folder / "11f_2022.dat").rename(folder / "11f_2022_0301.dat")
    (folder / "11f_2022_4601.dat").write_text(" ")
    files = Kostra11F(file="kostra/11f_{year}_*.dat", years=Years(first=2022, last=2022))
    frame, repairs = read(files, tmp_path)
    assert frame.height == 2
    assert repairs == {"file_without_cases": 1}
    (folder / "11f_2022_0301.dat").write_text(" ")
    with pytest.raises(UserError, match="the year 2022 has no records"):
        read(files, tmp_path)


def test_years_without_a_file_are_all_named(tmp_path):
    files = save(tmp_path, record()).model_copy(update={"years": Years(first=2021, last=2024)})
    with pytest.raises(UserError) as error:
        read(files, tmp_path)
    assert [p.message for p in error.value.problems] == [
        f"there is no file for {year} (config key: file)" for year in (2021, 2023, 2024)
    ]


def test_an_extract_as_csv_goes_by_the_same_names(tmp_path):
    names = ["KOMMUNE_NR", "VERSION", "BYDELSNR", "PERSON_JOURNALNR", "PERSON_FODSELSNR", "EKTSTAT",
             "BU18", "ANTBU18", "VILKARSOSLOV", "SANKSJONRED", "SANKSJONANDRE", "BIDRAG", "LAAN",
             *(f"STMND_{m}" for m in range(1, 13)), *GRANTS, *LOANS]  # fmt: skip
    row = dict.fromkeys(names, "") | {
        "KOMMUNE_NR": "301", "VERSION": "22", "PERSON_JOURNALNR": "J1", "EKTSTAT": "1", "BU18": "2",
        "PERSON_FODSELSNR": "01019012345", "BIDRAG": "9000", "BIDRAG_MARS": "9000", "STMND_3": "3",
    }  # fmt: skip
    (tmp_path / "11f.csv").write_text(f"{';'.join(names)}\n{';'.join(row.values())}\n")
    files = Kostra11F(file="11f.csv", separator=";", encoding="utf-8", unit_width=4)
    frame, repairs = read(files, tmp_path)
    assert frame.select("unit", "period", "grant").rows() == [("0301", date(2022, 3, 1), 9_000.0)]
    assert repairs == {"unit_codes_padded": 1}


def test_cases_are_lifted_to_both_of_a_couple_and_sums_stay(tmp_path):
    alone = record(PERSON_FODSELSNR="1", PERSON_JOURNALNR="J2")
    nobody = record(PERSON_FODSELSNR=None, PERSON_JOURNALNR="J3")
    frame, _ = read(save(tmp_path, record(), alone, nobody), tmp_path)
    pairs = pl.DataFrame({"person": ["01019012345", "x"], "partner": ["x", "01019012345"]})
    members = couples(pairs)
    assert members.schema == pl.Schema(MEMBERS)
    lifted = lift_to_households(frame, members)
    january = lifted.filter(period=date(2022, 1, 1)).select("person", "journal", "grant").rows()
    assert january == [("01019012345", "J1", 4_500.0), ("x", "J1", 4_500.0), ("1", "J2", 9_000.0),
                       (None, "J3", 9_000.0)]  # fmt: skip
    assert lifted["recipient"].all()
    assert lifted["grant"].sum() == frame["grant"].sum()
    # Whoever of the two is the recipient: both are, with the same amounts.
    swapped = frame.with_columns(pl.col("person").replace("01019012345", "x"))
    assert lift_to_households(swapped, members).equals(lifted)


def test_a_source_can_name_its_households_by_year(tmp_path):
    (tmp_path / "households.csv").write_text(
        "person,household,year\n01019012345,a,2022\n2,a,2022\n01019012345,b,2021\n3,b,2021\n"
    )
    households = {"file": "households.csv", "columns": {"year": "year"}}
    frame, repairs = read(save(tmp_path, record(), households=households), tmp_path)
    assert frame["person"].to_list() == ["01019012345", "2"] * 2
    assert repairs == {"lifted_to_households": 2}
