"""The pure functions of the page "IQM audiences": they run in Chromium, where their modules are served."""

from __future__ import annotations

import csv
import io

import pytest

from tests.integration.audiences_page import chromium
from tests.integration.fake_airflow import FakeAirflow, audience, serve, uri

MODULES = [
    "audiences",
    "csv",
    "failures",
    "format",
    "limits",
    "reports",
    "scale",
    "selection",
    "series",
    "sparkline",
]


@pytest.fixture(scope="module")
def run():
    """Call a function of a module with arguments that JSON can express, and return its result."""
    with serve(FakeAirflow()) as fake, chromium() as browser:
        page = browser.new_page(locale="en-US", timezone_id="UTC")
        page.goto(f"{fake.url}/iqm/")

        def run(code, *arguments):
            modules = MODULES
            imports = "".join(f"const {name} = await import('{fake.url}/iqm/{name}.js');" for name in modules)
            return page.evaluate(f"async given => {{ {imports} return ({code})(...given); }}", list(arguments))

        yield run


def event(name, run_number, *, asset="Customers", map_index=-1, day=None, **extra):
    return {
        "uri": uri(asset) if asset else None,
        "extra": audience(name, run_number) | {"audience_name": name, "replaced": []} | extra,
        "source_dag_id": "sync",
        "source_run_id": f"run {run_number}",
        "source_task_id": "upload",
        "source_map_index": map_index,
        "timestamp": f"2026-01-{(day or run_number) + 1:02d}T04:00:00Z",
    }


GROUP = """(events, tasks = [], assets = []) => {
  const audiencesOf = audiences.mergeReports(events.flatMap(reports.reportsOfEvent));
  return series.groupSeries(audiencesOf, failures.parseFailures(tasks), assets).map((each) => ({
    name: each.name, status: each.status, key: each.key, failures: each.failures.length,
    audiences: each.audiences.map(({ name, status, records, matchRate }) => ({ name, status, records, matchRate })),
  }));
}"""


@pytest.fixture
def group(run):
    """Return the names of the audiences in each series, by the series' name."""

    def group(*given):
        return {each["name"]: [member["name"] for member in each["audiences"]] for each in run(GROUP, *given)}

    return group


class TestSeries:
    def test_a_task_s_uploads_for_an_asset_are_one_series_whatever_their_names(self, group):
        assert group([event("Customers 2", 2), event("Customers 1", 1)]) == {
            "Customers": ["Customers 1", "Customers 2"]
        }

    def test_what_replaces_what_is_one_series_even_across_assets(self, group):
        old = event("Customers v1", 1, asset="Old list")
        new = event("Customers v2", 2, asset="New list", replaced=[old["extra"]["audience_id"]])
        new["source_task_id"] = "another"
        assert list(group([new, old]).values()) == [["Customers v1", "Customers v2"]]

    def test_mapped_tasks_are_series_by_name_whatever_their_map_index(self, group):
        days = [[("In MA", 0), ("In NJ", 1)], [("In NJ", 0), ("In MA", 1)]]
        events = [event(name, day, map_index=index) for day, lists in enumerate(days) for name, index in lists]
        assert group(events) == {"In MA": ["In MA"] * 2, "In NJ": ["In NJ"] * 2}

    def test_a_sensor_s_several_audiences_are_several_series(self, group):
        several = event("", 1, asset="All states")
        several["extra"] = {"audiences": [audience("In MA", 1), audience("In NJ", 1)]}
        assert len(group([several])) == 2

    def test_partitions_of_an_asset_are_series(self, group):
        events = [
            event(f"{state} {day}", day) | {"partition_key": state} for day in (1, 2) for state in ("Mass", "Jersey")
        ]
        assert sorted(map(len, group(events).values())) == [2, 2]

    def test_equal_ids_in_two_workspaces_are_two_audiences(self, group):
        other = event("Customers", 1) | {"uri": "iqm://other.iqm.com/Customers", "source_dag_id": "other"}
        assert len(group([event("Customers", 1), other])) == 1
        other["uri"] = "iqm://other.iqm.com/Others"
        assert set(group([event("Customers", 1), other])) == {"Customers", "Others"}

    def test_reports_about_an_audience_are_merged(self, run):
        uploaded = event("Customers", 1, status="Processing", match_rate=None)
        ready = event("Customers", 1, day=2, records=None, match_rate=57.5)
        (found,) = run(GROUP, [ready, uploaded])
        records = uploaded["extra"]["records"]
        assert found["audiences"] == [{"name": "Customers", "status": "Ready", "records": records, "matchRate": 57.5}]

    def test_events_of_other_assets_and_without_audience_are_left_out(self, group):
        other = event("Customers", 1) | {"uri": "s3://bucket/key"}
        by_hand = event("Customers", 2) | {"extra": {"from_rest_api": True}}
        odd = event("Customers", 3, audience_id="7")
        assert group([other, by_hand, odd, event("Customers", 4) | {"uri": None}]) == {}


def failed(task_id="upload", **more):
    common = {"dag_id": "sync", "dag_run_id": "run 9", "map_index": -1, "state": "failed", "try_number": 1}
    common |= {"operator": "MatchedAudienceUploadOperator", "rendered_map_index": None, "run_after": None}
    return common | {"task_id": task_id, "start_date": None, "end_date": "2026-01-20T04:00:00Z"} | more


class TestFailures:
    def test_a_failure_belongs_to_the_series_of_its_task(self, run):
        (found,) = run(GROUP, [event("Customers", 1)], [failed()])
        assert (found["status"], found["failures"]) == ("Failed", 1)

    def test_a_failure_before_the_last_upload_is_history(self, run):
        (found,) = run(GROUP, [event("Customers", 1)], [failed(end_date="2026-01-01T00:00:00Z")])
        assert (found["status"], found["failures"]) == ("Ready", 1)

    def test_a_mapped_failure_belongs_to_its_map_index(self, run):
        events = [event("In MA", 1, map_index=0), event("In NJ", 1, map_index=1)]
        found = run(GROUP, events, [failed(map_index=1)])
        assert {each["name"]: each["status"] for each in found} == {"In MA": "Ready", "In NJ": "Failed"}

    def test_a_first_upload_that_fails_has_the_name_of_its_asset(self, run):
        asset = {"id": 1, "uri": uri("Customers"), "producing_tasks": [{"dag_id": "sync", "task_id": "upload"}]}
        (found,) = run(GROUP, [], [failed()], [asset])
        assert (found["name"], found["status"]) == ("Customers", "Failed")

    def test_another_task_s_failure_belongs_to_the_only_series_of_its_dag(self, run):
        (found,) = run(GROUP, [event("Customers", 1)], [failed("wait", operator="AudienceReadySensor")])
        assert found["status"] == "Failed"

    def test_a_failure_of_an_unknown_task_is_a_series_of_its_own(self, run):
        found = run(GROUP, [], [failed(), failed(dag_run_id="run 8"), failed("other", rendered_map_index="In MA")])
        assert {each["name"]: each["failures"] for each in found} == {
            "sync \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} upload": 2,
            "In MA": 1,
        }

    def test_other_operators_and_states_are_left_out(self, run):
        assert run(GROUP, [], [failed(operator="BashOperator"), failed(state="success")]) == []

    @pytest.mark.parametrize(
        ("line", "error"),
        [
            ('{"event": "Task failed", "error_detail": [{"exc_type": "E", "exc_value": "First\\nsecond"}]}', "First"),
            ('{"event": "Task failed", "error_detail": [{"exc_type": "KeyError", "exc_value": ""}]}', "KeyError"),
            ('{"event": "the text error_detail"}', ""),
            ('{"error_detail": []}', ""),
            ("error_detail, but not JSON", ""),
        ],
    )
    def test_the_first_line_of_an_error(self, run, line, error):
        assert run("line => failures.errorInLogLine(line)", line) == error


def test_limits_follow_the_audience_before(run):
    limits = {"min_match_rate": 50, "max_match_rate_drop": 5, "max_records_drop": 10}
    audiences = [{"matchRate": rate, "records": records, "limits": limits} for rate, records in ((60, 100), (52, 95))]
    audiences.append({"matchRate": None, "records": None, "limits": {}})
    assert run("limits.matchRateFloors", audiences) == [50, 55, None]
    assert run("limits.recordFloors", audiences) == [None, 90, None]


class TestScale:
    @pytest.mark.parametrize(
        ("low", "high", "ticks"),
        [
            (0, 100, [0, 25, 50, 75, 100]),
            (61.2, 63.9, [61, 62, 63, 64]),
            (0, 0.3, [0, 0.1, 0.2, 0.3]),
            (5_000_000, 5_000_000, [4_500_000, 4_750_000, 5_000_000, 5_250_000, 5_500_000]),
        ],
    )
    def test_ticks_are_round_and_cover_the_values(self, run, low, high, ticks):
        assert run("scale.niceTicks", low, high, 4) == ticks

    def test_a_single_value_is_in_the_middle(self, run):
        assert run("value => scale.linearScale([3, 3], [0, 100])(value)", 3) == 50

    def test_the_nearest_value(self, run):
        assert [run("scale.nearestIndex", [0, 10, 20], position) for position in (-5, 6, 99)] == [0, 1, 2]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\N{FULLWIDTH EQUALS SIGN}1", "\n@1"]
)
def test_csv_cells_are_never_formulas(run, text):
    written = run("name => csv.toCsv([{ name, status: name, latest: null, failure: null }])", text)
    (row,) = csv.DictReader(io.StringIO(written.removeprefix("\ufeff"), newline=""))
    assert row["name"] == row["status"] == f"'{text}"


@pytest.mark.parametrize("text", ['with "quotes"', "a, b; c", "two\nlines", "it's", " spaces ", "Süd, 東京", ""])
def test_csv_cells_keep_their_text(run, text):
    written = run("name => csv.toCsv([{ name, status: '', latest: null, failure: null }])", text)
    assert written.startswith("\ufeff")
    (row,) = csv.DictReader(io.StringIO(written.removeprefix("\ufeff"), newline=""))
    assert row["name"] == text


def test_unknown_values_are_sorted_last_in_either_direction(run):
    rows = [{"name": str(value), "key": str(value), "latest": {"records": value}} for value in (2, None, 10)]
    state = {"query": "", "status": "", "sort": "records"}
    order = "(rows, state, descending) => selection.selectRows(rows, { ...state, descending }).map((row) => row.name)"
    assert run(order, rows, state, False) == ["2", "10", "None"]
    assert run(order, rows, state, True) == ["10", "2", "None"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "now"), (-90, "1 minute ago"), (-7300, "2 hours ago"), (-86400, "yesterday")]
)
def test_ages(run, seconds, text):
    assert run("seconds => format.formatAge(Date.now() + 1000 * seconds)", seconds) == text


def test_too_few_values_for_a_sparkline(run):
    assert run("values => sparkline.drawSparkline(values, '')", [None, 5]) is None
