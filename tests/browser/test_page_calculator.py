"""The calculator of the report answers as `scalelaw afford` does."""

import json
import math
import random
import re
import shlex

import pytest

from scalelaw.cli import main
from scalelaw.cost.afford import Desk
from scalelaw.cost.answer import SMALLEST_EQUIVALENT
from scalelaw.cost.question import (
    Question,
    parse_budget,
    parse_error,
    parse_predictions,
    parse_utilisation,
)
from scalelaw.cost.wording import LABELS
from scalelaw.errors import ScalelawError
from scalelaw.typography import number

ERRORS = [
    "30%",
    "0.2",
    "12.5%",
    "7%",
    "5.9%",
    "3%",
    "10%",
    "0.2%",
    "1e-5%",
    "60%",
    "99%",
    "110%",
    "7",
    "0,1",
]
BUDGETS = ["0.01", "20", "US$ 1,000", "2.5 million", "1e12", "1e40", "0", "$1,00"]
YEARS = [2012, 2020, 2023, 2024, 2026, 1800]
UTILISATIONS = [None, None, None, None, "40%", "0.125", "1", "1.5"]
SIDES = ("lower", "median", "upper")


def questions(desk, n, seed=1):
    """Return random settings, each as the page's state and the words of the command line."""
    rng = random.Random(seed)
    benchmarks = sorted({key for key, basis in desk.ensembles if basis == desk.run.basis})
    known = [d for d in desk.tables.hardware.devices() if d.tdp_w and d.fastest_rate()]
    owned = [d.name for d in known if d.price_usd]
    rented = [d.name for d in known if d.name in desk.tables.quotes]
    for _ in range(n):
        key = rng.choice(benchmarks)
        floor = desk.benchmarks[key].label_floor
        errors = ERRORS + ([f"{100 * floor:.10g}%", f"{50 * floor:.10g}%"] if floor else [])
        asked, value = "error", rng.choice(errors)
        if rng.random() < 0.3:
            asked, value = "budget", rng.choice(BUDGETS)
        own = rng.random() < 0.4
        either = own if rng.random() < 0.9 else not own
        count = rng.choice([1, 1, 2, min(5, len(desk.tables.grid))])
        yield {
            "benchmark": key,
            asked: value,
            "device": rng.choice(owned if either else rented),
            "year": str(rng.choice(YEARS if rng.random() < 0.2 else YEARS[:5])),
            "place": rng.sample(sorted(desk.tables.grid), count),
            "own": own,
            "form": rng.choice(["all", "all", "power", "exponential", "floored"]),
            "ignore-floor": asked == "error" and rng.random() < 0.3,
            "utilisation": rng.choice(UTILISATIONS),
            "predictions": rng.choice([None, None, "1", "3 billion", "1,012.5", "-2"])
            if asked == "error"
            else None,
        }


def expected(desk, state):
    """Return what the command prints for programs, or the words of its refusal."""
    try:
        error, budget, predictions, utilisation = (
            None if state.get(name) is None else parse(state[name])
            for name, parse in (
                ("error", parse_error),
                ("budget", parse_budget),
                ("predictions", parse_predictions),
                ("utilisation", parse_utilisation),
            )
        )
        question = Question(
            state["benchmark"],
            error,
            budget,
            state["device"],
            int(state["year"]),
            tuple(state["place"]),
            state["own"],
            state["form"],
            state["ignore-floor"],
            None,
            predictions,
            utilisation,
        )
        return json.loads(desk.answer(question).to_json()), ""
    except ScalelawError as refusal:
        return None, str(refusal)


def fill(page, state):
    """Set the form as a reader does."""
    page.select_option("#afford-benchmark", state["benchmark"])
    for name in ("error", "budget"):
        if name in state:
            page.check(f"input[name=afford-asked][value={name}]")
            page.fill(f"#afford-{name}", state[name])
    if "error" in state:
        page.set_checked("#afford-ignore", state["ignore-floor"])
        page.fill("#afford-predictions", state["predictions"] or "")
    page.select_option("#afford-device", state["device"])
    page.check(f"input[name=afford-own][value={'own' if state['own'] else 'rent'}]")
    page.fill("#afford-year", state["year"])
    while page.locator("#afford-places button").count():
        page.locator("#afford-places button").first.click()
    for place in state["place"]:
        page.select_option("#afford-place", place)
    page.select_option("#afford-form-of", state["form"])
    page.fill("#afford-utilisation", state["utilisation"] or "")


def told(page):
    """Return what the page shows: lines of figures by table, warnings, heading and refusal."""
    return page.evaluate(
        """() => {
          const at = (selector) => [...document.querySelectorAll(`#afford-answer ${selector}`)];
          const plain = (cell) => cell.textContent.replaceAll("\u00a0", " ");
          const line = (row) => ({
            ...row.dataset, unit: plain(row.cells[0]), middle: plain(row.cells[1]),
            interval: plain(row.cells[2]),
          });
          const invalid = document.querySelectorAll("#afford-form [aria-invalid=true]");
          return {
            tables: at("table").map((table) => [...table.querySelectorAll("tbody tr")].map(line)),
            warnings: at("li").map((item) => item.textContent),
            heading: at("> :is(h3, p)").map((line) => line.textContent),
            refused: document.getElementById("afford-wrong").textContent,
            command: document.getElementById("afford-command").checkVisibility(),
            invalid: [...invalid].map((input) => input.id),
          };
        }"""
    )


OPTIONS = {
    "add --ignore-floor": f'tick "{LABELS["ignore"]}"',
    "--predictions-per-day": f'"{LABELS["predictions"]}"',
    **{f"--{name}": f'"{LABELS[name]}"' for name in ("budget", "year", "utilisation", "form")},
}
"""What the page says instead of an option."""


def in_the_page(refusal):
    """Return a refusal of the command as the page says it."""
    for option, words in OPTIONS.items():
        refusal = refusal.replace(option, words)
    return re.sub(r"(to 2100, not )(\d+)$", r'\1"\2"', refusal)


def texts(row, side):
    """Return what may be shown for a figure: to three digits, where one may just be rounded off."""
    value, share = row[side], {"lower": 0.025, "median": 0.5, "upper": 0.975}[side]
    if row["quantity"] == "error":
        if value is None:
            return {"over 100%"}
        return {f"{number(100 * value * (1 + slip), 3)}%" for slip in (-2e-5, 0, 2e-5)}
    if value is None:
        return {"never" if row["share_unreachable"] > 1 - share else "beyond any number"}
    return {number(value * (1 + slip), 3) for slip in (-2e-5, 0, 2e-5)}


def differences(desk, state, found):
    """Return in words where the page and the command differ."""
    answer, refusal = expected(desk, state)
    if answer is None:
        refusal = in_the_page(refusal)
        wrong = [] if found["refused"] == refusal else [f"{found['refused']!r} not {refusal!r}"]
        return wrong + ["figures in spite of a refusal"] * bool(found["tables"])
    wrong = [f"refused: {found['refused']}"] if found["refused"] else []
    if found["warnings"] != answer["warnings"]:
        wrong.append(f"warnings {found['warnings']} not {answer['warnings']}")
    if found["heading"] != answer["heading"]:
        wrong.append(f"{found['heading']} not {answer['heading']}")
    known = {"flop", "usd", "device_hours", "kwh", "t_co2", "error"}
    stated = [
        [
            row
            for row in answer[part]
            if row["quantity"] in known
            or row["median"] is None
            or row["median"] >= SMALLEST_EQUIVALENT
        ]
        for part in ("training", "running_per_day")
        if answer[part]
    ]
    shown = [[row for row in table if row["quantity"] != "days"] for table in found["tables"]]
    if [[r["quantity"] for r in t] for t in shown] != [[r["quantity"] for r in t] for t in stated]:
        return [*wrong, f"other rows: {shown} not {stated}"]
    for mine, row in (
        (m, r) for a, b in zip(shown, stated, strict=True) for m, r in zip(a, b, strict=True)
    ):
        if mine["unit"] != row["unit"]:
            wrong.append(f"{mine['unit']} not {row['unit']}")
        for side in SIDES:
            if mine[side] not in texts(row, side):
                wrong.append(f"{row['quantity']} {side}: {mine[side]} not {row[side]}")
        if (mine["middle"], mine["interval"]) != (
            mine["median"],
            f"{mine['lower']} to {mine['upper']}",
        ):
            wrong.append(f"shown {mine['middle']} ({mine['interval']}) of {mine}")
    return wrong


@pytest.fixture(scope="module")
def desk(finished):
    with pytest.MonkeyPatch.context() as patch:
        # Input files of a run are named from its folder.
        patch.chdir(finished.path)
        return Desk(finished.path / "results")


def compare(page, desk, n, seed=1):
    """Return the differences of so many random questions, and how many were refused."""
    wrong, refused = [], 0
    for state in questions(desk, n, seed):
        fill(page, state)
        found = told(page)
        wrong += [f"{state}: {one}" for one in differences(desk, state, found)]
        refused += bool(found["refused"])
        assert "--" not in found["refused"]
        if found["refused"]:
            assert len(found["invalid"]) == 1, found
        else:
            assert found["invalid"] == []
    return wrong, refused


def test_random_questions_get_the_answers_of_the_command(open_page, report, desk):
    opened = open_page(report)
    wrong, refused = compare(opened.page, desk, 60)
    assert wrong == []
    assert 5 <= refused <= 45
    assert opened.errors == []
    assert opened.requests == []


def test_a_first_answer_is_shown_at_load(open_page, report, desk):
    page = open_page(report).page
    run = desk.run
    state = {
        "benchmark": "imagenet", "error": "5%", "device": run.device, "year": str(run.year),
        "place": run.places, "own": False, "form": "all", "ignore-floor": False,
        "utilisation": None,
    }  # fmt: skip
    assert page.input_value("#afford-error") == "5%"
    found = told(page)
    assert found["tables"]
    assert differences(desk, state, found) == []


def test_an_address_carries_the_whole_question(open_page, report, desk):
    page = open_page(report).page
    assert "#" not in page.url
    states = [s for s in questions(desk, 25, seed=4) if expected(desk, s)[0]][:3]
    assert len(states) == 3
    for n, state in enumerate(states, 3):
        fill(page, state)
        # Filled last and new each time, so that an address that has it has all.
        page.fill("#afford-devices", str(n))
        found = told(page)
        page.wait_for_function("(n) => location.hash.includes(`devices=${n}`)", arg=n)
        fragment = page.url.split("#")[1]
        again = open_page(report).page
        again.evaluate("(hash) => { location.hash = hash; }", fragment)
        again.wait_for_function(
            "(n) => document.getElementById('afford-devices').value === `${n}`", arg=n
        )
        assert told(again) == found
        assert command(again) == command(page)


def command(page):
    return page.text_content("#afford-command")


def test_the_command_gives_the_answer_that_is_shown(open_page, report, desk, finished, capsys):
    page = open_page(report).page
    for state in list(questions(desk, 8, seed=11)):
        fill(page, state)
        if not told(page)["command"]:
            assert "must" in told(page)["refused"] or "is not an error" in told(page)["refused"]
            continue
        words = shlex.split(command(page))
        assert words.pop(0) == "scalelaw"
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(finished.path)
            status = main([*words, "--json"])
        said = capsys.readouterr()
        answer, refusal = expected(desk, state)
        if answer is None:
            assert status == 1
            assert refusal in said.err
        else:
            assert json.loads(said.out) == answer


PIECES = [
    "US$", "$", "us$", " ", "\u00a0", "1", "12", "123", ",", ",000", ".", ".5", "e", "E", "+", "-",
    "3", "400", "million", "Billion", "%", "0", "_", "٣", "ſ",
]  # fmt: skip


def test_numbers_are_read_as_the_command_reads_them(open_page, report):
    rng = random.Random(3)
    texts = sorted({"".join(rng.choices(PIECES, k=rng.randint(1, 5))) for _ in range(6000)})
    page = open_page(report).page
    read = 0
    for kind, parse, most in (
        ("money", parse_budget, math.inf),
        ("count", parse_predictions, math.inf),
        ("share", parse_error, 1),
    ):
        theirs = page.evaluate(
            """([kind, texts]) => {
              const data = JSON.parse(document.getElementById("afford-data").textContent);
              return texts.map((text) => afford.parse(data, kind, text));
            }""",
            [kind, texts],
        )
        for text, value in zip(texts, theirs, strict=True):
            try:
                mine = parse(text)
            except ScalelawError:
                mine = None
            assert (value if 0 < value < most else None) == mine, (kind, text)
            read += mine is not None
    assert read > 500


@pytest.mark.parametrize(
    ("field", "typed", "refused"),
    [
        (
            "year",
            "soon",
            '"Year of prices and electricity" must be a whole number from 1990 to 2100',
        ),
        (
            "year",
            "",
            '"Year of prices and electricity" must be a whole number from 1990 to',
        ),
        ("utilisation", "lots", '"Utilisation" must lie above 0 and be at most 1, not "lots" (wri'),
        ("utilisation", "40", '"Utilisation" must lie above 0 and be at most 1, not "40" (did yo'),
        ("predictions", "1,00", '"Predictions a day" must be a positive number, not "1,00" (wri'),
        ("error", "7", '"7" is not an error between 0 and 100% (did you mean 7%?)'),
        ("error", "", '"" is not an error between 0 and 100% (write 5% or 0.05)'),
    ],
)
def test_what_is_no_question_is_refused_in_the_words_of_the_page(
    open_page, report, field, typed, refused
):
    page = open_page(report).page
    assert told(page)["command"]
    page.fill(f"#afford-{field}", typed)
    found = told(page)
    assert found["refused"].startswith(refused)
    assert found["invalid"] == [f"afford-{field}"]
    assert not found["command"]
    assert not page.is_visible("#afford-copy")


def test_what_the_command_refuses_too_keeps_its_command(open_page, report):
    page = open_page(report).page
    page.fill("#afford-error", "1e-5%")
    found = told(page)
    assert 'tick "Ignore the floor"' in found["refused"]
    assert found["command"]


def test_an_answer_for_no_place_says_which_it_took(open_page, report, desk):
    page = open_page(report).page
    while page.locator("#afford-places button").count():
        page.locator("#afford-places button").first.click()
    scenario = told(page)["heading"][1]
    assert scenario.endswith("(no place chosen: as in the run)")
    assert all(place in scenario for place in desk.run.places)


def test_with_keys_a_place_is_added_by_the_button_alone(open_page, report, desk):
    page = open_page(report).page
    chosen = page.locator("#afford-places button")
    before = chosen.all_text_contents()
    page.focus("#afford-place")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    place = page.input_value("#afford-place")
    assert place == sorted(desk.tables.grid)[1]
    assert chosen.all_text_contents() == before
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert chosen.all_text_contents() == [*before, f"{place} ×"]
    assert page.input_value("#afford-place") == ""
    page.keyboard.press("Enter")
    assert chosen.all_text_contents() == [*before, f"{place} ×"]


def test_devices_that_cannot_be_had_are_marked(open_page, report, tmp_path):
    html = report.read_text()
    start = html.index(">", html.index('id="afford-data"')) + 1
    end = html.index("</script>", start)
    data = json.loads(html[start:end])
    (device,) = data["devices"]
    data["devices"] += [
        device | {"name": "unrented", "quotes": {}},
        device | {"name": "unpriced", "price_usd": None},
    ]
    changed = tmp_path / "report.html"
    changed.write_text(html[:start] + json.dumps(data) + html[end:])
    page = open_page(changed).page
    marked = []
    for way, lack in (("rent", " (no rent known)"), ("own", " (no price known)")):
        page.check(f"input[name=afford-own][value={way}]")
        for i, name in enumerate(page.locator("#afford-device option").all_text_contents()):
            page.select_option("#afford-device", index=i)
            assert bool(told(page)["refused"]) == name.endswith(lack)
            marked += [name] * name.endswith(")")
    assert marked == ["unrented (no rent known)", "unpriced (no price known)"]


def test_days_are_device_hours_over_the_devices(open_page, report):
    page = open_page(report).page
    page.check("input[name=afford-asked][value=budget]")
    page.fill("#afford-budget", "1000000")
    days = {}
    for devices in ("1", "10"):
        page.fill("#afford-devices", devices)
        rows = {row["quantity"]: row for row in told(page)["tables"][0]}
        days[devices] = [float(rows["days"][side].replace(",", "")) for side in SIDES]
        hours = [float(rows["device_hours"][side].replace(",", "")) for side in SIDES]
        assert days[devices] == pytest.approx([h / 24 / int(devices) for h in hours], rel=0.01)
    page.fill("#afford-devices", "0")
    found = told(page)
    assert (found["tables"], found["invalid"]) == ([], ["afford-devices"])
    assert "whole number" in found["refused"]


def test_screen_readers_hear_the_gist_once_typing_pauses(open_page, report):
    page = open_page(report).page
    page.evaluate(
        """() => { window.heard = []; const said = document.getElementById("afford-said");
        new MutationObserver(() => window.heard.push(said.textContent))
          .observe(said, { childList: true }); }"""
    )
    page.fill("#afford-error", "")
    page.locator("#afford-error").press_sequentially("12.5%", delay=30)
    page.wait_for_function("() => window.heard.length")
    usd = {row["quantity"]: row for row in told(page)["tables"][0]}["usd"]
    (heard,) = page.evaluate("() => window.heard")
    assert "12.5%" in heard
    assert f"{usd['median']}, " in heard
    assert f"{usd['lower']} to {usd['upper']}" in heard
    assert page.locator("#afford [aria-live]").count() == 0


def test_what_an_address_names_and_is_not_there_is_refused(open_page, report):
    page = open_page(report).page
    page.evaluate(
        "() => { location.hash = '#afford?benchmark=imagenet&error=5%25&device=Abacus'; }"
    )
    page.wait_for_function("() => document.getElementById('afford-wrong').textContent")
    found = told(page)
    assert found["refused"] == 'no device "Abacus"'
    assert found["invalid"] == ["afford-device"]


def test_a_refusal_opens_the_settings_that_it_is_about(open_page, report):
    page = open_page(report, width=375).page
    assert not page.is_visible("#afford-year")
    page.fill("#afford-error", "x")
    assert not page.is_visible("#afford-year")
    page.evaluate("() => { location.hash = '#afford?benchmark=imagenet&error=5%25&year=1800'; }")
    page.wait_for_selector("#afford-year", state="visible")
    assert told(page)["invalid"] == ["afford-year"]


def test_without_scripts_the_command_is_named(open_page, report):
    page = open_page(report, java_script_enabled=False).page
    assert not page.is_visible("#afford-root")
    assert "scalelaw afford --benchmark imagenet" in page.inner_text("#afford noscript")
