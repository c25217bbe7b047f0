"""The page "IQM audiences" with a fake of Airflow's API: size, frame, keyboard, narrow screens, permissions."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.audiences_page import cells, chromium, row
from tests.integration.fake_airflow import FakeAirflow, audience, serve

ERROR = "The list has 3 records, fewer than min_records=10,000. Nothing was uploaded."
ATTACK = '<img src=x onerror="window.attacked = true">'


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def fake():
    with serve(FakeAirflow(assets={"Customers": 40, "Newsletter": 40, "Voters in MA": 5})) as fake:
        yield fake


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US", timezone_id="UTC")
    page = context.new_page()
    page.set_default_timeout(20_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def open_page(page, fake):
    page.goto(f"{fake.url}/iqm/")
    page.locator("body:not([aria-busy])").wait_for()
    return page


def names(page):
    return page.locator(".row .toggle").all_inner_texts()


def test_a_row_has_what_the_last_event_says(page, fake):
    last = audience("Customers", 39)
    assert cells(row(open_page(page, fake), "Customers")) == {
        "Status": "Ready",
        "Records": f"{last['records']:,}",
        "Match rate": f"{last['match_rate']:.1f} %",
        "Reach": f"{last['uniques']:,}",
        "Data cost": "1.50",
        "Campaigns": "2",
        "Updated": "1 minute ago",
        "Links": "Run\nLog\nIQM",
    }
    links = row(page, "Customers").locator("a").evaluate_all("links => links.map(link => link.href)")
    run = f"{fake.url}/dags/sync/runs/scheduled__39"
    assert links == [run, f"{run}/tasks/upload_1", last["url"]]


def test_an_open_row_has_charts_with_limits_and_its_runs(page, fake):
    fake.fail("upload_2", error=ERROR)
    open_page(page, fake)
    assert cells(row(page, "Newsletter"))["Status"] == "Failed"
    row(page, "Newsletter").get_by_text(ERROR).wait_for()
    row(page, "Newsletter").get_by_role("button").click()
    runs = page.locator(".runs tbody tr")
    runs.nth(40).wait_for()
    assert runs.count() == 41
    runs.first.get_by_text(ERROR).wait_for()
    chart = page.locator(".chart").filter(has=page.get_by_role("heading", name="Match rate"))
    assert chart.locator(".line").get_attribute("points").count(",") == 40
    assert chart.locator(".failure").count() == 1
    # The first run has no previous one to compare with.
    assert len(re.findall("[ML]", chart.locator(".floor").get_attribute("d"))) == 39
    chart.locator("svg").hover(position={"x": 60, "y": 100})
    shown = chart.locator(".tooltip").inner_text()
    assert shown.startswith(f"{audience('Newsletter', 0)['match_rate']:.1f} %")
    ticks = chart.locator(".tick text").all_text_contents()
    assert [tick for tick in ticks if tick.endswith(" %")]


def test_everything_works_by_keyboard(page, fake):
    open_page(page, fake)
    page.get_by_role("button", name="Voters in MA").focus()
    page.keyboard.press("Enter")
    chart = page.locator(".plot svg").first
    chart.wait_for()
    assert page.evaluate("document.activeElement.textContent") == "Voters in MA"
    for _ in range(4):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Match rate: 5 values")
    tooltip = page.locator(".tooltip").first
    expected = [f"{audience('Voters in MA', run)['match_rate']:.1f} %" for run in range(5)]
    assert tooltip.inner_text().splitlines()[0] == expected[4]
    page.keyboard.press("ArrowLeft")
    assert tooltip.inner_text().splitlines()[0] == expected[3]
    page.keyboard.press("Home")
    assert tooltip.inner_text().splitlines()[0] == expected[0]
    page.keyboard.press("Escape")
    assert not tooltip.is_visible()
    page.get_by_role("button", name="Records").focus()
    page.keyboard.press("Enter")
    page.locator("th.records[aria-sort=descending]").wait_for()
    page.keyboard.press("Enter")
    page.locator("th.records[aria-sort=ascending]").wait_for()
    records = [audience(name, fake.assets[name] - 1)["records"] for name in names(page)]
    assert records == sorted(records)


def test_filters_and_sorting(page, fake):
    fake.fail("upload_3", error=ERROR)
    open_page(page, fake)
    page.get_by_label("Search audiences").fill("news")
    page.locator("#count").get_by_text("1\N{EN DASH}1 of 1 audience").wait_for()
    assert names(page) == ["Newsletter"]
    page.get_by_label("Search audiences").fill("nothing like it")
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("Status").select_option("Failed")
    page.locator("#count").get_by_text("1\N{EN DASH}1 of 1 audience").wait_for()
    assert names(page) == ["Voters in MA"]
    page.get_by_label("Status").select_option("")
    page.get_by_role("button", name="Audience", exact=True).click()
    page.locator("th.name[aria-sort=ascending]").wait_for()
    assert names(page) == ["Customers", "Newsletter", "Voters in MA"]


def test_a_thousand_audiences_with_a_hundred_runs_each(page, browser):
    with serve(FakeAirflow(assets={f"Audience {number:04d}": 100 for number in range(1000)})) as fake:
        durations = []
        # The first visit also loads Chromium's own parts.
        for _ in range(3):
            start = time.monotonic()
            page.goto(f"{fake.url}/iqm/")
            page.locator(".row .sparkline").nth(49).wait_for()
            page.locator("body:not([aria-busy])").wait_for()
            durations.append(time.monotonic() - start)
        assert min(durations) < 2
        assert page.locator("#count").inner_text() == "1\N{EN DASH}25 of 1,000 audiences"
        # No more than what one page of rows needs.
        assert len(fake.requests) <= 3 * 50
        assert page.locator(".row").count() == 25
        page.get_by_role("button", name="Next").click()
        page.locator("#count").get_by_text("26\N{EN DASH}50 of 1,000 audiences").wait_for()
        page.get_by_label("Search audiences").fill("0777")
        row(page, "Audience 0777").get_by_role("button").click()
        page.locator(".runs tbody tr").nth(99).wait_for()


def test_audiences_whose_last_event_is_old_are_loaded_for_sorting(page):
    describe = {"Old": 90_000, "New": 50_000}
    assets = {"Old": 1, **{f"Daily {number}": 1 for number in range(400)}, "New": 500}
    fake = FakeAirflow(assets, describe=lambda name, run: audience(name, run, records=describe.get(name, 1000)))
    with serve(fake):
        open_page(page, fake)
        page.get_by_role("button", name="Records").click()
        page.locator(".row").first.get_by_text("90,000").wait_for()
        assert names(page)[:2] == ["Old", "New"]


def test_a_csv_file_with_nothing_that_a_spreadsheet_runs(page):
    formula = '=HYPERLINK("https://evil.example","click")'
    fake = FakeAirflow({formula: 2, "Customers": 2}, describe=lambda name, run: audience(name, run, audience_name=name))
    with serve(fake):
        open_page(page, fake)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download CSV").click()
        assert download.value.suggested_filename == "iqm-audiences.csv"
        text = Path(download.value.path()).read_text(encoding="utf-8-sig")
        rows = {each["name"]: each for each in csv.DictReader(io.StringIO(text))}
        assert set(rows) == {f"'{formula}", "Customers"}
        last = audience("Customers", 1)
        assert rows["Customers"]["records"] == str(last["records"])
        assert rows["Customers"]["included_campaigns"] == "9001 9002"
        assert rows["Customers"]["run_id"] == "scheduled__1"


def test_what_others_wrote_is_text(page):
    fake = FakeAirflow(
        {ATTACK: 2},
        describe=lambda name, run: audience(name, run, url="javascript:window.attacked=true", status=ATTACK),
    )
    fake.fail("upload_1", error=ATTACK.replace('"', "'"))
    with serve(fake):
        open_page(page, fake)
        page.locator(".row .toggle").click()
        page.locator(".runs .error").wait_for()
        assert page.locator("img").count() == 0
        assert page.evaluate("window.attacked") is None
        assert names(page) == [ATTACK]
        hrefs = page.locator("a").evaluate_all("links => links.map(link => link.protocol)")
        assert set(hrefs) == {"http:", "https:"}


def test_an_empty_page_says_how_to_get_a_row(page):
    with serve(FakeAirflow()) as fake:
        open_page(page, fake)
        page.get_by_role("heading", name="No audiences yet").wait_for()
        assert 'outlets=[matched_audience_asset("Customers")]' in page.locator("pre").inner_text()


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (401, "You aren't signed in"),
        (403, "You don't have permission to see audiences"),
        (500, "Audiences can't be loaded"),
    ],
)
def test_without_permission_or_airflow_there_is_a_plain_message(page, fake, status, title):
    fake.refused = {"/api/": status}
    open_page(page, fake)
    page.get_by_role("alert").get_by_role("heading", name=title).wait_for()
    fake.refused = {}
    page.get_by_role("button", name="Retry").click()
    row(page, "Customers").wait_for()


def test_a_viewer_of_assets_only_sees_these_and_what_is_missing(page, fake):
    fake.refused = {"taskInstances": 403}
    open_page(page, fake)
    assert len(names(page)) == 3
    assert sorted(page.locator("#notices p").all_inner_texts()) == [
        "Failed uploads aren't shown: you don't have permission to read task instances.",
        "Uploads without an asset aren't shown: you don't have permission to read XComs.",
    ]


def test_runs_that_cannot_be_loaded_are_said_once_and_not_requested_forever(page):
    with serve(FakeAirflow({f"Audience {number}": 100 for number in range(30)})) as fake:
        page.route(re.compile("asset_id="), lambda route: route.fulfill(status=500))
        open_page(page, fake)
        notice = "Some runs aren't shown: Airflow returned HTTP 500 for assets/events."
        page.get_by_text(notice).wait_for()
        assert page.locator("#notices p").count() == 1
        before = len(fake.requests)
        page.wait_for_timeout(500)
        assert len(fake.requests) == before
        assert page.locator(".row").count() == 25


def test_uploads_without_an_asset_are_there(page, fake):
    fake.xcoms = {
        "plain": audience("Plain", 1, status="Processing", match_rate=None),
        "text": json.dumps(audience("As text", 1)),
        "foreign": "anything",
    }
    open_page(page, fake)
    assert cells(row(page, "Plain scheduled__1"))["Status"] == "Processing"
    assert cells(row(page, "As text scheduled__1"))["Status"] == "Ready"
    assert len(names(page)) == 5


class TestFrame:
    """In Airflow's UI, the page is in a sandboxed frame."""

    @pytest.fixture
    def framed(self, page, fake):
        fake.base = ""
        page.goto(f"{fake.url}/plugin/iqm-audiences")
        frame = page.frame_locator("iframe")
        row(frame, "Customers").wait_for()
        return frame

    def test_links_open_in_airflow_s_window(self, page, fake, framed):
        row(framed, "Customers").get_by_role("link", name="Task log of Customers").click()
        page.wait_for_url(f"{fake.url}/dags/sync/runs/scheduled__39/tasks/upload_1")

    def test_links_to_iqm_and_with_modifiers_open_a_new_tab(self, page, fake, framed):
        page.context.route("https://app.iqm.com/**", lambda route: route.fulfill(body="IQM"))
        with page.context.expect_page() as opened:
            row(framed, "Customers").get_by_role("link", name="Customers in IQM").click()
        assert opened.value.url == audience("Customers", 39)["url"]
        with page.context.expect_page() as opened:
            row(framed, "Customers").get_by_role("link", name="Dag run of Customers").click(modifiers=["Control"])
        assert opened.value.url == f"{fake.url}/dags/sync/runs/scheduled__39"

    def test_the_csv_file_is_saved(self, page, framed):
        with page.expect_download() as download:
            framed.get_by_role("button", name="Download CSV").click()
        assert download.value.suggested_filename == "iqm-audiences.csv"

    def test_the_color_mode_is_airflow_s(self, page, framed):
        colors = {}
        for mode in ("light", "dark", "light"):
            page.evaluate("mode => document.documentElement.className = mode", mode)
            framed.locator(f"html[data-theme={mode}]").wait_for(state="attached")
            colors[mode] = framed.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
        assert colors["light"] != colors["dark"]


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_has_enough_contrast(page, fake, mode):
    fake.fail("upload_2", error=ERROR)
    open_page(page, fake)
    page.evaluate("mode => document.documentElement.dataset.theme = mode", mode)
    row(page, "Newsletter").get_by_role("button").click()
    page.locator(".runs").wait_for()
    ratios = page.evaluate(CONTRAST)
    assert {text: ratio for text, ratio in ratios.items() if ratio < 4.5} == {}


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const luminance = (color) => {
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (node) => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor;
      if (color !== "rgba(0, 0, 0, 0)") return color;
    }
    return "white";
  };
  const ratios = {};
  for (const node of document.querySelectorAll("h1, h3, th, td, a, span, button:enabled, p, text, figcaption")) {
    if (!node.textContent.trim() || node.children.length) continue;
    const style = getComputedStyle(node);
    const colors = [node instanceof SVGElement ? style.fill : style.color, background(node)].map(luminance).sort();
    ratios[node.textContent.trim()] = (Math.max(...colors) + 0.05) / (Math.min(...colors) + 0.05);
  }
  return ratios;
}"""


@pytest.mark.parametrize("width", [400, 320, 768])
def test_narrow_screens_need_no_sideways_scrolling(page, fake, width):
    fake.fail("upload_2", error=ERROR)
    page.set_viewport_size({"width": width, "height": 800})
    open_page(page, fake)
    row(page, "Newsletter").get_by_role("button").click()
    page.locator(".plot svg").first.wait_for()
    wide = "[...document.querySelectorAll('body, #content, .detail')].map(node => node.scrollWidth - node.clientWidth)"
    assert page.evaluate(wide) == [0, 0, 0]
    assert row(page, "Newsletter").get_by_role("link", name="Task log of Newsletter").is_visible()
    # The headers are hidden.
    page.get_by_label("Sort by").select_option("name")
    page.locator(".row").first.get_by_role("button", name="Customers").wait_for()
    assert names(page) == ["Customers", "Newsletter", "Voters in MA"]


def test_a_base_url_with_a_path(page):
    with serve(FakeAirflow({"Customers": 3}, base="/team/airflow")) as fake:
        open_page(page, fake)
        link = row(page, "Customers").get_by_role("link", name="Dag run of Customers")
        assert link.get_attribute("href") == f"{fake.url}/dags/sync/runs/scheduled__2"
        page.goto(f"{fake.url}/plugin/iqm-audiences")
        row(page.frame_locator("iframe"), "Customers").wait_for()


def test_nothing_is_loaded_twice(page, fake):
    open_page(page, fake)
    row(page, "Customers").get_by_role("button").click()
    page.locator(".plot svg").first.wait_for()
    page.wait_for_timeout(300)
    assert [request for request, count in Counter(fake.requests).items() if count > 1] == []
    # All events fit into the first pages.
    assert not any("asset_id" in request for request in fake.requests)
