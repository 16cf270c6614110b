"""Charts of the report and the filter of its claims, in a real browser."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

SCREENSHOTS = Path(__file__).parent / "screenshots"
DOTS = "#compute-error .mark-symbol path"
LINES = "#compute-error .mark-line path"


@pytest.fixture
def drawn(open_page, report):
    """Return a function that opens the report and waits for its charts."""

    def drawn(**context):
        opened = open_page(report, **context)
        opened.page.wait_for_selector("html[data-charts]", state="attached")
        return opened

    return drawn


def visible(page, selector):
    return page.locator(selector).evaluate_all(
        "all => all.filter((one) => one.getAttribute('d')).length"
    )


def test_every_chart_draws_marks_without_errors_or_requests(drawn):
    opened = drawn()
    marks = opened.page.evaluate(
        "[...document.querySelectorAll('figure[data-chart]')].map((figure) => "
        "[figure.id, figure.querySelectorAll('.draw svg [role=graphics-symbol] path, "
        ".draw svg .role-mark path').length])"
    )
    assert "compute-error" in dict(marks)
    assert all(n > 0 for _, n in marks), marks
    assert opened.errors == []
    assert opened.requests == []


def test_the_policy_allows_all_that_the_page_does_and_no_other_script(browser, report):
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(
        "window.violations = []; document.addEventListener('securitypolicyviolation', "
        "(event) => violations.push(event.violatedDirective))"
    )
    page.goto(report.resolve().as_uri())
    page.wait_for_selector("html[data-charts]", state="attached")
    assert page.evaluate("violations") == []
    page.evaluate(
        "() => { const script = document.createElement('script');"
        " script.textContent = 'window.foreign = true'; document.body.append(script); }"
    )
    # A function, as a mere expression would be evaluated anew each time, which the policy forbids.
    page.wait_for_function("() => violations.length > 0")
    assert page.evaluate("window.foreign") is None
    # In a task of its own: what the test itself evaluates is under no policy.
    page.evaluate(
        "() => { setTimeout(() => setTimeout('window.evaluated = true'));"
        " setTimeout(() => fetch('https://example.org').catch(() => null)); }"
    )
    reported = "() => violations.includes('connect-src') && violations.length > 2"
    page.wait_for_function(reported)
    assert page.evaluate("window.evaluated") is None
    context.close()


def test_toggles_show_and_hide_fitted_lines(drawn):
    page = drawn().page
    before = visible(page, LINES)
    assert before > 0
    page.locator('#compute-error input[data-signal="compute_on_error"]').uncheck()
    page.wait_for_function(
        "([selector, n]) => [...document.querySelectorAll(selector)].filter((one) => "
        "one.getAttribute('d')).length < n",
        arg=[LINES, before],
    )
    assert visible(page, LINES) == before - 1


def test_another_benchmark_shows_other_records(drawn):
    page = drawn().page
    before = visible(page, DOTS)
    page.locator("#compute-error select").select_option(index=1)
    page.wait_for_function(
        "([selector, n]) => document.querySelectorAll(selector).length !== n", arg=[DOTS, before]
    )


def test_a_basis_is_chosen_by_keyboard_and_one_without_records_cannot_be(drawn):
    page = drawn().page
    assert page.locator('#compute-error input[value="reported"]').is_disabled()
    best = page.locator('#compute-error input[value="best"]')
    best.focus()
    page.keyboard.press("Space")
    assert best.is_checked()
    assert page.locator("#compute-error .choice").text_content().count("Compute: best") == 1


def test_a_point_names_its_model_and_opens_its_paper(drawn):
    opened = drawn()
    page = opened.page
    page.context.route("http*://**/*", lambda route: route.fulfill(body="a paper"))
    dot = page.locator(DOTS).first
    dot.scroll_into_view_if_needed()
    page.mouse.move(0, 0)
    dot.hover(force=True)
    page.wait_for_selector("#vg-tooltip-element.visible")
    model, paper, date, *_, flop = page.locator("#vg-tooltip-element td.value").all_inner_texts()
    known = page.evaluate(
        "JSON.parse(document.getElementById('charts-data').textContent).datasets.records"
    )
    assert (model, paper) in set(zip(known["model"], known["paper"], strict=True))
    assert " " in paper
    assert re.fullmatch(r"\d{4}(-\d{2})?", date)
    assert re.fullmatch(r"\d\.\d × 10[⁰¹²³⁴⁵⁶⁷⁸⁹]+", flop)
    with page.context.expect_page() as opened_paper:
        dot.click(force=True)
    opened_paper.value.wait_for_url(re.compile("^https?://"), wait_until="commit")
    assert opened_paper.value.url.rstrip("/") in {url.rstrip("/") for url in known["url"]}


def test_a_first_tap_names_a_point_and_a_second_opens_its_paper(drawn):
    page = drawn(has_touch=True).page
    page.context.route("http*://**/*", lambda route: route.fulfill(body="a paper"))
    dot = page.locator(DOTS).last
    dot.scroll_into_view_if_needed()
    box = dot.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.touchscreen.tap(*middle)
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert len(page.context.pages) == 1
    with page.context.expect_page():
        page.touchscreen.tap(*middle)


def test_missing_dots_and_lines_have_a_reason(drawn):
    page = drawn().page
    known = page.evaluate("JSON.parse(document.getElementById('charts-data').textContent).datasets")
    refused = set(zip(known["refused"]["benchmark"], known["refused"]["basis"], strict=True))
    reasons = []
    for option in page.locator("#compute-error select option").all():
        benchmark = option.get_attribute("value")
        page.locator("#compute-error select").select_option(benchmark)
        for basis in ("hardware", "operations", "reported", "best"):
            radio = page.locator(f'#compute-error input[value="{basis}"]')
            mine = zip(known["records"]["benchmark"], known["records"][basis], strict=True)
            if any(name == benchmark and flop is not None for name, flop in mine):
                radio.check()
                why = page.locator("#compute-error .why").inner_text()
                assert ("not fitted" in why) == ((benchmark, basis) in refused)
                reasons.append(why)
            elif radio.is_checked():
                reasons.append(page.locator("#compute-error .why").inner_text())
                assert reasons[-1].startswith("No record")
            else:
                assert radio.is_disabled()
    assert any(reasons)


def cut_labels(page):
    """Return the texts of legends and of axes that leave their drawing or are shortened."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.draw svg text')].filter((text) => {
          const inner = text.getBoundingClientRect();
          const outer = text.closest('svg').getBoundingClientRect();
          return text.textContent.endsWith('…') || inner.right > outer.right + 1
            || inner.left < outer.left - 1;
        }).map((text) => `${text.closest('figure').id}: ${text.textContent}`)"""
    )


@pytest.mark.parametrize("width", [320, 375, 1440])
def test_no_label_of_a_chart_is_cut(drawn, width):
    assert cut_labels(drawn(width=width).page) == []


def test_charts_follow_a_change_of_width(drawn):
    page = drawn(width=1280).page
    page.set_viewport_size({"width": 320, "height": 700})
    page.wait_for_function(
        "() => [...document.querySelectorAll('.draw svg')].every((svg) => svg.clientWidth <= 320)"
    )
    page.wait_for_timeout(500)
    assert cut_labels(page) == []


def test_titles_of_axes_follow_the_choice(drawn):
    page = drawn().page
    titles = page.locator("#hardware-trends .role-axis-title text")
    select = page.locator("#hardware-trends select")
    for option in select.locator("option").all():
        select.select_option(option.get_attribute("value"))
        page.wait_for_function(
            "title => [...document.querySelectorAll('#hardware-trends .role-axis-title text')]"
            ".some((text) => text.textContent === title)",
            arg=option.inner_text(),
        )
    assert titles.count() == 2


def test_drawings_are_named_by_their_title(drawn):
    page = drawn().page
    for figure in page.locator("figure[data-chart]").all():
        title = figure.locator("figcaption strong").inner_text()
        assert figure.locator(".draw").get_attribute("aria-label").startswith(title)


def test_print_says_what_a_chart_shows(drawn):
    page = drawn().page
    page.locator('#compute-error input[data-signal="york"]').uncheck()
    page.emulate_media(media="print")
    assert page.locator("#compute-error .controls").is_hidden()
    said = page.locator("#compute-error .choice").inner_text()
    assert "Benchmark: ImageNet" in said
    assert "compute on error" in said
    assert "York" not in said


def test_rows_keep_their_name_while_a_table_scrolls(drawn):
    page = drawn(width=375).page
    left = page.evaluate(
        """() => {
          const table = [...document.querySelectorAll('.table')].find((one) =>
            one.scrollWidth > one.clientWidth + 50 && one.querySelector('th[scope=row]'));
          const name = table.querySelector('th[scope=row]');
          const before = name.getBoundingClientRect().left;
          table.scrollLeft = 50;
          return [before, name.getBoundingClientRect().left];
        }"""
    )
    assert left[0] == left[1]


def test_buttons_can_be_hit(drawn):
    low = drawn().page.evaluate(
        "[...document.querySelectorAll('main button')].filter((one) => one.offsetHeight"
        " && one.offsetHeight < 24).map((one) => one.textContent)"
    )
    assert low == []


def test_wide_tables_use_the_margins_of_wide_screens(drawn):
    wide = drawn(width=2000).page.evaluate(
        "[...document.querySelectorAll('section > .table')].filter((one) =>"
        " one.scrollWidth > one.clientWidth).map((one) => one.closest('section').id)"
    )
    assert wide == []


def test_the_numbers_of_a_chart_open_as_a_table(drawn):
    page = drawn().page
    page.locator("#compute-error summary").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#compute-error table tbody tr")
    assert page.locator("#compute-error tbody tr").count() == visible(page, DOTS)


def test_the_filter_of_claims_hides_rows(drawn):
    page = drawn().page
    rows = page.locator("#claims tr[data-verdict]")
    everything = rows.count()
    verdict = rows.first.get_attribute("data-verdict")
    page.locator('#claims-filter [name="verdict"]').select_option(verdict)
    left = page.locator(f'#claims tr[data-verdict="{verdict}"]').count()
    assert page.locator("#claims tr[data-verdict]:visible").count() == left
    assert page.locator("#claims-left").inner_text() == f"{left} of {everything} claims"
    page.locator('#claims-filter [name="words"]').fill("no claim says this")
    assert page.locator("#claims tr[data-verdict]:visible").count() == 0
    page.locator("#claims-filter button").click()
    page.wait_for_function(
        "n => document.querySelectorAll('#claims tr[data-verdict]:not([hidden])').length === n",
        arg=everything,
    )


def test_a_filter_that_matches_no_claim_says_how_to_go_on(open_page, report):
    page = open_page(report).page
    page.fill("#claims-filter [name=words]", "xyzzy")
    said = page.locator("#claims-left").inner_text()
    assert said.startswith("0 of ")
    assert "“Show all”" in said
    page.click("#claims-filter [type=reset]")
    page.wait_for_function(
        "() => !document.getElementById('claims-left').textContent.includes(':')"
    )
    assert page.locator("#claims tr[data-verdict]:visible").count() > 20


def test_without_scripts_all_claims_and_a_note_remain(open_page, report):
    page = open_page(report, java_script_enabled=False).page
    assert page.locator("#claims tr[data-verdict]:visible").count() > 0
    assert page.locator("#claims-filter").is_hidden()
    assert "Without JavaScript" in page.locator("main noscript").first.inner_text()


def test_charts_follow_a_change_of_scheme(drawn):
    page = drawn(color_scheme="light").page
    colour = "getComputedStyle(document.querySelector('#compute-error .mark-symbol path')).fill"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) != light


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 768, 1440])
def test_no_serious_violation_and_no_sideways_scrolling(drawn, width, scheme):
    page = drawn(width=width, color_scheme=scheme).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page).response["violations"]
    serious = [
        f"{rule['id']}: {node['target']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
    assert serious == []
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"report-{width}-{scheme}.png", full_page=True)


def test_the_answer_stands_on_the_first_screen(drawn):
    page = drawn(width=1280, height=800).page
    for selector in ("h1", ".lead", ".facts", "nav"):
        box = page.locator(selector).first.bounding_box()
        assert box["y"] + box["height"] <= 800, selector


def test_the_page_is_little_more_than_its_libraries(report):
    assert report.stat().st_size < 2_500_000
