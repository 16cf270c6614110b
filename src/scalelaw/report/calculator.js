"use strict";

// What `scalelaw afford` computes (cost/afford.py), from the same draws; nothing in here touches the page.
const afford = (() => {
  class Refusal extends Error {
    constructor(input, message, asked = true) {
      super(message);
      this.input = input;
      // Whether it is a question at all, which the command would answer or refuse alike.
      this.asked = asked;
    }
  }

  function load(source) {
    const floats = (text) => arrays.unpack(text, Float64Array);
    const lines = (form) => ({
      ...form, height: floats(form.height), slope: floats(form.slope), scatter: floats(form.scatter),
      floor: form.floor && Float64Array.from(arrays.unpack(form.floor, Uint16Array), (c) => form.floors[c]),
    });
    const ensemble = (e) => e && {
      ...e,
      forms: Object.fromEntries(Object.entries(e.forms).map(([name, form]) => [name, lines(form)])),
    };
    const { power_over_tdp: power, pue, utilisation, rent, place } = source.links;
    return {
      ...source,
      benchmarks: source.benchmarks.map((b) => ({
        ...b, training: ensemble(b.training), forward: ensemble(b.forward),
      })),
      links: {
        power: Object.fromEntries(Object.entries(power).map(([kind, text]) => [kind, floats(text)])),
        pue: floats(pue), utilisation: floats(utilisation),
        rent: arrays.unpack(rent, Uint32Array), place: arrays.unpack(place, Uint32Array),
      },
    };
  }

  const say = (source, name, values = {}) =>
    source.words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);

  // Digits of a positive number rounded to so many as Python does it: an exact half goes to the even digit.
  function significant(value, digits) {
    let [mantissa, power] = value.toExponential(digits - 1).split("e");
    const exact = value.toExponential(100).split("e");
    const cut = digits === 1 ? 1 : digits + 1;
    const rest = exact[0].slice(cut).replace(".", "");
    if (/^50*$/.test(rest) && Number(exact[0][cut - 1]) % 2 === 0) {
      mantissa = exact[0].slice(0, cut);
      power = exact[1];
    }
    return [mantissa, Number(power)];
  }

  const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const raised = (n) => String(n).replace(/\d/g, (d) => SUPERSCRIPT[d]).replace("-", "⁻");

  function grouped(plain) {
    const [whole, part] = plain.split(".");
    const told = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    return part ? `${told}.${part}` : told;
  }

  // As scalelaw.typography.number.
  function number(value, digits = 2) {
    if (Number.isNaN(value)) return "–";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    if (value === 0) return "0";
    const sign = value < 0 ? "−" : "";
    const [mantissa, power] = significant(Math.abs(value), digits);
    if (power >= 6 || power < -4) return `${sign}${mantissa} × 10${raised(power)}`;
    return sign + grouped(Number(`${mantissa}e${power}`).toFixed(Math.max(0, digits - 1 - power)));
  }

  // As Python's ",.15g" for numbers of everyday size.
  const plain = (value) => grouped(String(Number(value.toPrecision(15))));
  // As Python's ":g".
  function short(value) {
    if (!Number.isFinite(value)) return String(value).toLowerCase().replace("infinity", "inf");
    const rounded = Number(value.toPrecision(6)), size = Math.abs(rounded);
    const plainly = size === 0 || (size >= 1e-4 && size < 1e6);
    return (plainly ? String(rounded) : rounded.toExponential()).replace(/e([+-])(\d)$/, "e$10$2");
  }

  function money(usd) {
    return `US$ ${usd >= 1e-4 && usd < 1e15 ? plain(usd) : number(usd, 3)}`;
  }

  function inWords(source, share) {
    if (share > 0 && share < 0.01) return say(source, "few");
    if (share > 0.99 && share < 1) return say(source, "nearly_all");
    const percent = 100 * share, below = Math.floor(percent);
    const up = percent - below > 0.5 || (percent - below === 0.5 && below % 2 === 1);
    return `${below + up}%`;
  }

  // As scalelaw.cost.question._parse.
  function parse(source, kind, text) {
    const found = new RegExp(`^(?:${source.patterns[kind]})$`, "i").exec(text.trim());
    if (!found) return NaN;
    const [, digits, exponent, counted] = found;
    const power = Number(exponent ?? 0) + (source.powers[(counted ?? "").toLowerCase()] ?? 0);
    return Number(`${digits.replaceAll(",", "")}e${power}`);
  }

  // Median and interval of draws of log10 of a quantity; NaN counts as never.
  function estimate(logs, level) {
    const sorted = Float64Array.from(logs, (v) => (Number.isNaN(v) ? Infinity : v)).sort();
    const n = sorted.length, tail = (1 - level) / 2;
    const at = (q) => 10 ** sorted[Math.min(n - 1, Math.max(0, Math.ceil(n * q - 1)))];
    let never = 0;
    for (const v of sorted) never += !Number.isFinite(v);
    return { median: at(0.5), lower: at(tail), upper: at(1 - tail), unreachable: never / n };
  }

  function formsFor(ensemble, form, error = 1) {
    if (form !== "all") return [form];
    const all = Object.keys(ensemble.forms);
    const above = all.filter((f) => f !== "floored" || error > ensemble.floor);
    return above.length ? above : all;
  }

  // log10 FLOP at which each draw of a form reaches an error.
  function logCompute(ensemble, form, error) {
    const { height, slope, scatter, pivot, floor } = ensemble.forms[form];
    return Float64Array.from(height, (h, i) => {
      if (!(slope[i] > 0)) return Infinity;
      const above = floor ? error - floor[i] : error;
      const x = form === "exponential" ? 1 / error : above > 0 ? -Math.log10(above) : Infinity;
      return h + slope[i] * (x - pivot) + scatter[i];
    });
  }

  // log10 of the error that each draw of a form reaches with log10 FLOP; NaN where it gives none.
  function logError(ensemble, form, logFlop) {
    const { height, slope, scatter, pivot, floor } = ensemble.forms[form];
    return Float64Array.from(height, (h, i) => {
      const x = (logFlop[i] - scatter[i] - h) / slope[i] + pivot;
      const error = form === "exponential" ? (x > 0 ? 1 / x : Infinity)
        : 10 ** -x + (floor ? floor[i] : 0);
      return slope[i] > 0 && error < 1 ? Math.log10(error) : NaN;
    });
  }

  // What one device-hour costs in a scenario, and what must be said of it.
  function chainOf(source, question) {
    const { links } = source, { year, own } = question;
    const device = source.devices.find((d) => d.name === question.device);
    if (!device) throw new Refusal("device", `no device "${question.device}"`);
    const notes = [];
    const kwh = Float64Array.from(links.power[device.family],
      (power, i) => (device.tdp_w * power * (own ? 1 : links.pue[i])) / 1000);
    let usd;
    if (own) {
      if (device.price_usd === null) {
        throw new Refusal("device", say(source, "no_price", { device: device.name }));
      }
      const lost = device.price_usd * source.owning.lost_per_hour;
      usd = kwh.map((k) => lost + k * source.owning.usd_per_kwh);
      notes.push(say(source, "owned"));
    } else {
      const years = Object.keys(device.quotes).map(Number)
        .sort((a, b) => Math.abs(a - year) - Math.abs(b - year) || a - b);
      if (!years.length) {
        throw new Refusal("device",
          say(source, "no_rent", { device: device.name, such: source.with_rent }));
      }
      const prices = device.quotes[years[0]];
      if (years[0] !== year) notes.push(say(source, "rent_year", { year: years[0] }));
      if (prices.length < 3) notes.push(say(source, "few_quotes", { n: prices.length }));
      usd = pick(prices, links.rent);
    }
    const places = question.places.length ? question.places : source.places;
    const found = places.map((place) => {
      const byYear = source.grid[place];
      if (!byYear) throw new Refusal("place", `no place "${place}"`);
      const years = Object.keys(byYear).map(Number);
      const past = years.filter((y) => y <= year);
      const chosen = past.length ? Math.max(...past) : Math.min(...years);
      return { place, year: chosen, grams: byYear[chosen] };
    });
    for (const old of [...new Set(found.map((f) => f.year))].sort((a, b) => a - b)) {
      if (old === year) continue;
      const mine = found.filter((f) => f.year === old).map((f) => f.place).join(", ");
      notes.push(say(source, "grid_year", { places: mine, year: old }));
    }
    const grams = pick(found.map((f) => f.grams), links.place);
    const fixed = question.utilisation;
    const logUtilisation = Float64Array.from(links.utilisation, (u) => Math.log10(fixed ?? u));
    return { device, usd, kwh, grams, logUtilisation, places, notes };
  }

  // As scalelaw.cost.chain.pick.
  function pick(options, integers) {
    return Float64Array.from(integers, (u) => options[Math.floor((u * options.length) / 2 ** 32)]);
  }

  function logCosts(chain, logFlop, atPeak) {
    const perHour = Math.log10(chain.device.peak * 3600);
    const hours = logFlop.map((f, i) => f - perHour - (atPeak ? 0 : chain.logUtilisation[i]));
    return {
      flop: logFlop,
      device_hours: hours,
      usd: hours.map((h, i) => h + Math.log10(chain.usd[i])),
      kwh: hours.map((h, i) => h + Math.log10(chain.kwh[i])),
      t_co2: hours.map((h, i) => h + Math.log10((chain.kwh[i] * chain.grams[i]) / 1e6)),
    };
  }

  // The costs of all forms' draws, one after the other.
  function joined(source, chain, ensemble, form, error, atPeak, more = 0) {
    const parts = formsFor(ensemble, form, error).map((f) =>
      logCosts(chain, logCompute(ensemble, f, error).map((c) => c + more), atPeak));
    return Object.fromEntries(source.quantities.map(([name]) =>
      [name, parts.flatMap((part) => Array.from(part[name]))]));
  }

  function check(source, question) {
    const { error, year, predictions, utilisation, typed } = question;
    const wrong = (input, words) => new Refusal(input, words, false);
    const field = (input) => say(source, "field", { label: source.labels[input] });
    const value = (input) => `"${typed[input]}"`;
    const positive = (input, amount) => {
      if (amount !== null && !(amount > 0 && amount < Infinity)) {
        throw wrong(input, say(source, "not_positive", { field: field(input), value: value(input) }));
      }
    };
    // As scalelaw.cost.question._hint.
    const hint = (text, share, otherwise) => (share >= 1 && share < 100 && !text.includes("%")
      ? say(source, "meant_percent", { text: text.trim() }) : say(source, otherwise));
    if (question.budget === null && !(error > 0 && error < 1)) {
      throw wrong("error", say(source, "bad_error",
        { text: typed.error, hint: hint(typed.error, error, "write_error") }));
    }
    positive("budget", question.budget);
    positive("predictions", predictions);
    if (utilisation !== null && !(utilisation > 0 && utilisation <= 1)) {
      throw wrong("utilisation", say(source, "utilisation_range", {
        field: field("utilisation"), value: value("utilisation"),
        hint: hint(typed.utilisation, utilisation, "write_share"),
      }));
    }
    if ((predictions ?? 0) > source.most_predictions) {
      throw wrong("predictions", say(source, "many_predictions", {
        field: field("predictions"), most: number(source.most_predictions),
        value: number(predictions),
      }));
    }
    const [first, last] = source.years;
    if (!(year >= first && year <= last)) {
      throw wrong("year", say(source, "year_range",
        { field: field("year"), first, last, value: value("year") }));
    }
  }

  function refuse(source, benchmark, error, kind, limit) {
    if (limit === null || error > limit) return;
    const label = kind === "known"
      ? say(source, "label_floor", { source: benchmark.label_floor_source }) : "";
    const refusal = say(source, "floor", {
      error: short(100 * error), side: error === limit ? "at" : "under", kind,
      floor: (kind === "known" ? short : number)(100 * limit), source: label,
    });
    const { ignore, form } = source.labels;
    throw new Refusal("error", say(source, `refused_${kind}`, {
      refusal, ignore: say(source, "tick", { label: ignore }),
      form: say(source, "field", { label: form }),
    }));
  }

  function errorBeyond(source, words, ensemble, error) {
    const [lowest, highest] = ensemble.error_range;
    if (error >= lowest && error <= highest) return [];
    const [side, nearest] = error < lowest ? ["under", lowest] : ["over", highest];
    return [say(source, words, { side, error: number(100 * nearest) })];
  }

  function beyond(source, ensemble, flop, error) {
    const said = errorBeyond(source, "error_beyond", ensemble, error);
    const most = number(ensemble.compute_range[1]);
    const decades = flop.median > 0
      ? Math.max(0, Math.log10(flop.median / ensemble.compute_range[1])) : 0;
    if (decades === Infinity) {
      said.push(say(source, flop.unreachable > 0.5 ? "most_never" : "beyond_numbers", { most }));
    } else if (decades > 0) {
      said.push(say(source, "compute_beyond", { decades: number(decades), most }));
    }
    return said;
  }

  // Answer a question: { benchmark, error, budget, device, own, year, places, form, ignoreFloor,
  // utilisation, predictions }, with null for what is not asked or left as published, NaN for what
  // is no number, and `typed`, the texts that the numbers were.
  function answer(source, question) {
    check(source, question);
    const benchmark = source.benchmarks.find((b) => b.key === question.benchmark);
    if (!benchmark) throw new Refusal("benchmark", `no benchmark "${question.benchmark}"`);
    const { form } = question, ensemble = benchmark.training;
    if (form !== "all" && !ensemble.forms[form]) {
      throw new Refusal("form", say(source, "no_form", { benchmark: benchmark.name, form }));
    }
    const chain = chainOf(source, question);
    const notes = [...chain.notes];
    let counted = "at_peak";
    if (!source.at_peak) counted = question.utilisation === null ? "over_utilisation" : "over_fixed";
    else if (question.utilisation !== null) {
      notes.push(say(source, "utilisation_idle", { basis: source.basis }));
    }
    let places = chain.places.join(", ");
    if (chain.places.length > 1) places = say(source, "one_of", { places });
    if (!question.places.length) places = say(source, "places_of_run", { places });
    const setting = [
      say(source, "scenario", {
        device: chain.device.name, holding: question.own ? "owned" : "rented", year: question.year,
        places,
      }),
      say(source, "method", {
        basis: source.basis,
        counted: say(source, counted, { share: short(100 * question.utilisation) }),
        forms: form === "all" ? say(source, "all_forms") : say(source, "one_form", { form }),
        level: source.level_words,
      }),
    ];
    return question.budget === null
      ? errorAnswer(source, question, benchmark, chain, setting, notes)
      : budgetAnswer(source, question, benchmark, chain, setting, notes);
  }

  function errorAnswer(source, question, benchmark, chain, [scenario, method], notes) {
    const { error, form } = question, ensemble = benchmark.training, { level } = source;
    if (!question.ignoreFloor) {
      refuse(source, benchmark, error, "known", benchmark.label_floor);
      if (form === "floored") refuse(source, benchmark, error, "fitted", benchmark.fitted_floor);
    }
    const logs = joined(source, chain, ensemble, form, error, source.at_peak);
    const ratio = Math.log10(chain.device.peak / source.home.peak / source.home.hours_per_year);
    const row = (name, unit, values, equivalent) => ({ name, unit, equivalent, ...estimate(values, level) });
    const training = source.quantities.map(([name, unit]) =>
      row(name, unit, logs[name], false));
    training.push(row("home_years", say(source, "home_years", { device: source.home.name }),
      logs.device_hours.map((h) => h + ratio), true));
    for (const [name, unit, quantity, value] of source.equivalents) {
      training.push(row(name, unit, logs[quantity].map((v) => v - Math.log10(value)), true));
    }
    const flop = training.find((r) => r.name === "flop");
    const warnings = [...notes, ...beyond(source, ensemble, flop, error)];
    if (form === "all" && formsFor(ensemble, form, error).length < Object.keys(ensemble.forms).length) {
      warnings.push(say(source, "floor_left_out", { floor: number(100 * ensemble.floor) }));
    }
    if (flop.unreachable) {
      warnings.push(say(source, "never_reach", { share: inWords(source, flop.unreachable) }));
    }
    const perDay = question.predictions ?? source.predictions_per_day;
    const running = [], { forward } = benchmark;
    if (forward === null) warnings.push(say(source, "no_running"));
    else {
      let mine = form;
      if (form !== "all" && !forward.forms[form]) {
        warnings.push(say(source, "running_all_forms", { form }));
        mine = "all";
      }
      warnings.push(...errorBeyond(source, "running_beyond", forward, error));
      const day = Math.log10(perDay);
      const costs = joined(source, chain, forward, mine, error, false, day);
      costs.flop = costs.flop.map((v) => v - day);
      for (const [name, unit] of source.quantities) {
        running.push(row(name, name === "flop" ? say(source, "forward") : unit, costs[name], false));
      }
    }
    const target = say(source, "target",
      { benchmark: benchmark.name, label: benchmark.error_label, error: short(100 * error) });
    const said = say(source, "per_day", { method, predictions: plain(perDay) });
    return { heading: [target, scenario, said], training, running, warnings };
  }

  function budgetAnswer(source, question, benchmark, chain, setting, notes) {
    const { form, budget } = question, ensemble = benchmark.training, { level } = source;
    const hours = chain.usd.map((usd) => Math.log10(budget / usd));
    const perHour = Math.log10(chain.device.peak * 3600);
    const logFlop = hours.map((h, i) => h + perHour + (source.at_peak ? 0 : chain.logUtilisation[i]));
    const errors = formsFor(ensemble, form).flatMap((f) => Array.from(logError(ensemble, f, logFlop)));
    const error = estimate(errors, level), flop = estimate(logFlop, level);
    const unit = Object.fromEntries(source.quantities);
    const row = (name, words, found) => ({ name, unit: words, equivalent: false, ...found });
    const training = [
      row("error", benchmark.error_label, error),
      row("device_hours", unit.device_hours, estimate(hours, level)),
      row("flop", unit.flop, flop),
    ];
    const warnings = [...notes], least = ensemble.compute_range[0];
    if (flop.median < least) {
      warnings.push(say(source, "compute_below", { flop: number(flop.median), least: number(least) }));
    }
    warnings.push(...beyond(source, ensemble, flop, error.median));
    const known = benchmark.label_floor;
    if (known !== null && error.lower < known) {
      warnings.push(say(source, "labels",
        { floor: number(100 * known), source: benchmark.label_floor_source }));
    }
    if (error.unreachable) {
      warnings.push(say(source, "no_error", { share: inWords(source, error.unreachable) }));
    }
    const told = say(source, "budget", { benchmark: benchmark.name, money: money(budget) });
    return { heading: [told, ...setting], training, running: [], warnings };
  }

  // A figure of a row as the command writes it; q is the share of the draws below it.
  function shown(source, row, side, q, digits = 3) {
    const value = row[side];
    if (row.name === "error") {
      return value === Infinity ? say(source, "over_all") : `${number(100 * value, digits)}%`;
    }
    if (value === Infinity) {
      return say(source, row.unreachable > 1 - q ? "never" : "no_number");
    }
    return number(value, digits);
  }

  return { load, answer, shown, parse, Refusal };
})();

// The page.
(() => {
  const id = (name) => document.getElementById(`afford-${name}`);
  const form = id("form");
  if (!form) return;
  const source = afford.load(JSON.parse(id("data").textContent));
  const FIELDS = ["benchmark", "error", "budget", "device", "year", "form", "utilisation",
    "predictions", "devices"];
  const TYPED = ["error", "budget", "year", "utilisation", "predictions"];
  const START = "#afford?";
  let places = [...source.places];

  function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  const target = (benchmark) =>
    `${Number((100 * (benchmark.targets[0] ?? benchmark.training.error_range[0])).toPrecision(6))}%`;
  const asked = () => form.querySelector("input[name=afford-asked]:checked").value;
  const owned = () => form.querySelector("input[name=afford-own]:checked").value === "own";
  const current = () => source.benchmarks.find((b) => b.key === id("benchmark").value);

  const parsed = (name, kind) => afford.parse(source, kind, id(name).value);
  // An empty field is left as it is published or as in the run.
  const optional = (name, kind) => (id(name).value.trim() === "" ? null : parsed(name, kind));

  function question() {
    const error = asked() === "error";
    return {
      benchmark: id("benchmark").value,
      error: error ? parsed("error", "share") : null,
      budget: error ? null : parsed("budget", "money"),
      device: id("device").value,
      own: owned(),
      year: /^\s*\d+\s*$/.test(id("year").value) ? Number(id("year").value) : NaN,
      places,
      form: id("form-of").value,
      ignoreFloor: error && id("ignore").checked,
      utilisation: optional("utilisation", "share"),
      predictions: error ? optional("predictions", "count") : null,
      typed: Object.fromEntries(TYPED.map((name) => [name, id(name).value])),
    };
  }

  const quoted = (text) => (/^[\w.%/:=-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

  function command(q) {
    const words = ["scalelaw", "afford", "--benchmark", q.benchmark];
    const add = (option, name) => words.push(option, q.typed[name].trim());
    if (q.budget === null) add("--error", "error");
    else add("--budget", "budget");
    words.push("--device", q.device, "--year", String(q.year));
    for (const place of q.places.length ? q.places : source.places) words.push("--place", place);
    if (q.own) words.push("--own");
    if (q.form !== "all") words.push("--form", q.form);
    if (q.ignoreFloor) words.push("--ignore-floor");
    if (q.utilisation !== null) add("--utilisation", "utilisation");
    if (q.predictions !== null) add("--predictions-per-day", "predictions");
    return words.map(quoted).join(" ");
  }

  function table(title, rows, last) {
    const cells = (row) => {
      const [lower, median, upper] = [["lower", last], ["median", 0.5], ["upper", 1 - last]]
        .map(([side, q]) => afford.shown(source, row, side, q));
      const whole = (text) => text.replace(" × ", "\u00a0×\u00a0");
      const line = make("tr", {},
        make("th", { scope: "row", textContent: row.unit }),
        make("td", { className: "n", textContent: whole(median) }),
        make("td", { className: "n", textContent: `${whole(lower)} to ${whole(upper)}` }));
      Object.assign(line.dataset, { quantity: row.name, lower, median, upper });
      return line;
    };
    const head = make("tr", {},
      make("th", { scope: "col", textContent: title }),
      make("th", { scope: "col", className: "n", textContent: "Median" }),
      make("th", { scope: "col", className: "n", textContent: `${source.level_words} interval` }));
    return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows.map(cells)));
  }

  // Days that so many devices take, from a row of device-hours.
  function days(row) {
    const n = parsed("devices", "count");
    if (!(Number.isInteger(n) && n > 0)) {
      throw new afford.Refusal("devices", "the number of devices must be a whole number above 0");
    }
    const told = { ...row, name: "days", unit: n === 1 ? "days with one device" : `days with ${n} devices` };
    for (const side of ["median", "lower", "upper"]) told[side] = row[side] / n / 24;
    return told;
  }

  function show() {
    const error = asked() === "error";
    id("error-line").hidden = id("ignore-line").hidden = id("predictions-line").hidden = !error;
    id("budget-line").hidden = error;
    for (const name of FIELDS) {
      const input = id(name === "form" ? "form-of" : name);
      input.removeAttribute("aria-invalid");
    }
    id("place").removeAttribute("aria-invalid");
    const wrong = id("wrong");
    markDevices();
    const q = question();
    id("command").textContent = command(q);
    id("command-line").hidden = false;
    try {
      const found = afford.answer(source, q);
      const rows = found.training.filter((row) => !row.equivalent || row.median >= 0.01);
      const at = rows.findIndex((row) => row.name === "device_hours");
      rows.splice(at + 1, 0, days(rows[at]));
      const [first, ...rest] = found.heading;
      const tail = (1 - source.level) / 2;
      const parts = [
        make("h3", { textContent: first }),
        ...rest.map((textContent) => make("p", { className: "source", textContent })),
        table(error ? "To train" : "What it reaches", rows, tail),
      ];
      if (found.running.length) parts.push(table("A day of predictions", found.running, tail));
      if (found.warnings.length) {
        parts.push(make("ul", { className: "warned" },
          ...found.warnings.map((textContent) => make("li", { textContent }))));
      }
      id("answer").replaceChildren(...parts);
      wrong.textContent = "";
    } catch (refusal) {
      if (!(refusal instanceof afford.Refusal)) throw refusal;
      id("answer").replaceChildren();
      wrong.textContent = refusal.message;
      id("command-line").hidden = !refusal.asked;
      const input = id(refusal.input === "form" ? "form-of" : refusal.input);
      input.setAttribute("aria-invalid", "true");
      if (id("more").contains(input)) id("more").open = true;
    }
  }

  // Devices without a rent, or a price if owned, can be chosen but have no answer.
  function markDevices() {
    const own = owned(), lacks = own ? " (no price known)" : " (no rent known)";
    source.devices.forEach((device, i) => {
      const known = own ? device.price_usd !== null : Object.keys(device.quotes).length > 0;
      id("device").options[i].textContent = device.name + (known ? "" : lacks);
    });
  }

  function showPlaces() {
    id("places").replaceChildren(...places.map((place) => {
      const button = make("button", { type: "button", textContent: `${place} ×` });
      button.setAttribute("aria-label", `Leave out ${place}`);
      button.addEventListener("click", () => {
        places = places.filter((p) => p !== place);
        showPlaces();
        changed();
        id("place").focus();
      });
      return make("li", {}, button);
    }));
    id("places-none").hidden = places.length > 0;
  }

  // The whole state as text for the address, in the order of the form.
  function hash() {
    const said = new URLSearchParams({ benchmark: id("benchmark").value });
    said.set(asked(), id(asked()).value);
    for (const name of ["device", "year"]) said.set(name, id(name).value);
    for (const place of places) said.append("place", place);
    if (owned()) said.set("own", "1");
    said.set("form", id("form-of").value);
    if (id("ignore").checked) said.set("ignore-floor", "1");
    for (const name of ["utilisation", "predictions"]) {
      if (id(name).value.trim()) said.set(name, id(name).value);
    }
    said.set("devices", id("devices").value);
    return START + said;
  }

  function choose(select, value) {
    // What a shared address names and this report lacks is refused by name.
    if (![...select.options].some((o) => o.value === value)) {
      select.append(make("option", { value, textContent: `${value} (not here)` }));
    }
    select.value = value;
  }

  function read() {
    if (!location.hash.startsWith(START)) return false;
    const said = new URLSearchParams(location.hash.slice(START.length));
    choose(id("benchmark"), said.get("benchmark") ?? source.benchmarks[0].key);
    const by = said.has("budget") ? "budget" : "error";
    form.querySelector(`input[name=afford-asked][value=${by}]`).checked = true;
    id(by).value = said.get(by) ?? (current() ? target(current()) : "");
    choose(id("device"), said.get("device") ?? source.device);
    id("year").value = said.get("year") ?? source.year;
    places = [...new Set(said.getAll("place"))];
    const way = said.get("own") === "1" ? "own" : "rent";
    form.querySelector(`input[name=afford-own][value=${way}]`).checked = true;
    choose(id("form-of"), said.get("form") ?? "all");
    id("ignore").checked = said.get("ignore-floor") === "1";
    for (const name of ["utilisation", "predictions"]) id(name).value = said.get(name) ?? "";
    id("devices").value = said.get("devices") ?? "8";
    showPlaces();
    show();
    return true;
  }

  // What screen readers say of an answer: the question, and dollars or the error reached.
  function gist() {
    const row = id("answer").querySelector("[data-quantity=usd], [data-quantity=error]");
    if (!row) return "";
    const { lower, median, upper } = row.dataset;
    return `${id("answer").querySelector("h3").textContent}: ${row.cells[0].textContent} ${median}, `
      + `${source.level_words} interval ${lower} to ${upper}.`;
  }

  // Browsers allow only so many changes of the address, so it waits for a pause; and so does speech.
  let waiting, silent;
  function changed() {
    show();
    clearTimeout(waiting);
    waiting = setTimeout(() => history.replaceState(null, "", hash()), 250);
    clearTimeout(silent);
    silent = setTimeout(() => { id("said").textContent = gist(); }, 1000);
  }

  const option = (value, textContent = value) => make("option", { value, textContent });
  id("benchmark").append(...source.benchmarks.map((b) => option(b.key, b.name)));
  id("device").append(...source.devices.map((d) => option(d.name)));
  id("form-of").append(...source.forms.map((f) => option(f)));
  id("place").append(option("", "add a place…"), ...Object.keys(source.grid).map((p) => option(p)));
  id("device").value = source.device;
  id("year").value = source.year;
  id("predictions").placeholder = source.predictions_per_day.toLocaleString("en");
  id("error").value = target(source.benchmarks[0]);

  id("benchmark").addEventListener("change", () => {
    // Another benchmark's target says nothing here.
    if (current()) id("error").value = target(current());
  });
  function addPlace() {
    const place = id("place").value;
    if (!place) return;
    if (!places.includes(place)) places.push(place);
    id("place").value = "";
    showPlaces();
    changed();
  }
  // Arrow keys choose every place that they pass, so that with keys only the button adds.
  let byKeys = false;
  id("place").addEventListener("keydown", () => { byKeys = true; });
  id("place").addEventListener("pointerdown", () => { byKeys = false; });
  id("place").addEventListener("change", () => { if (!byKeys) addPlace(); });
  id("add").addEventListener("click", addPlace);
  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  id("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(id("command").textContent);
      id("copied").textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(id("command"));
      id("copied").textContent = "Selected: copy it with your keyboard.";
    }
  });
  window.addEventListener("hashchange", () => { if (read()) id("root").scrollIntoView(); });

  id("more").open = matchMedia("(min-width: 48rem)").matches;
  id("root").hidden = false;
  showPlaces();
  if (read()) id("root").scrollIntoView();
  else show();
})();
