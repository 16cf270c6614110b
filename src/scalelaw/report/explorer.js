"use strict";

// What the explorer computes; nothing in here touches the page.
const explorer = (() => {
  // A benchmark's columns; codes[c][i] is the option that combination i takes for choice c.
  function load(benchmark) {
    const columns = {};
    for (const [name, text] of Object.entries(benchmark.columns)) {
      columns[name] = arrays.unpack(text, name === "unit" || name === "law" ? Uint16Array : Float32Array);
    }
    const { unit, law } = columns;
    const units = Array.from(unit, (u) => benchmark.units[u]);
    const laws = Array.from(law, (l) => benchmark.laws[l]);
    const codes = [
      ...[0, 1].map((c) => Uint16Array.from(units, (u) => u[c])),
      ...[0, 1, 2, 3].map((c) => Uint16Array.from(laws, (l) => l[c])),
    ];
    return {
      ...benchmark, ...columns, codes, n: unit.length,
      records: units.map((u) => u[2]), papers: units.map((u) => u[3]),
    };
  }

  // The numbers of all combinations in rising order of a column.
  function order(data, name) {
    const values = data[name];
    return Uint32Array.from(values.keys()).sort((a, b) =>
      values[a] < values[b] ? -1 : values[a] > values[b] ? 1 : a - b);
  }

  // For each combination 0 if it remains, c + 1 if only choice c leaves it out, and 255 if several do.
  // ticked[c][o] says whether option o of choice c is ticked.
  function filter(data, ticked) {
    const left = new Uint8Array(data.n);
    for (let i = 0; i < data.n; i++) {
      for (let c = 0; c < ticked.length; c++) {
        if (!ticked[c][data.codes[c][i]]) left[i] = left[i] ? 255 : c + 1;
      }
    }
    return left;
  }

  // The smallest of sorted values that has at least a share q of them up to it.
  function quantile(sorted, q) {
    return sorted.length ? sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] : NaN;
  }

  // What the remaining combinations say of a column, given its order.
  function summarise(data, name, sorted, left) {
    const values = Array.from(sorted.filter((i) => left[i] === 0), (i) => data[name][i]);
    const [p5, p25, p50, p75, p95] = [0.05, 0.25, 0.5, 0.75, 0.95].map((q) => quantile(values, q));
    return {
      n: values.length, p5, p25, p50, p75, p95,
      rising: values.filter((v) => v <= 0).length,
      never: values.filter((v) => v === Infinity).length,
    };
  }

  // For each option of each choice: how many combinations have it, of those that the other choices
  // leave, and the middle of their values.
  function options(data, name, sorted, left) {
    const values = data.options.map((all) => all.map(() => []));
    for (const i of sorted) {
      for (let c = 0; c < values.length; c++) {
        if (left[i] === 0 || left[i] === c + 1) values[c][data.codes[c][i]].push(data[name][i]);
      }
    }
    return values.map((all) => all.map((v) => ({ n: v.length, middle: quantile(v, 0.5) })));
  }

  // How many of the remaining combinations support a claim, contradict it, or cannot tell.
  function judge(data, left, claim) {
    const low = claim.low ?? -Infinity, high = claim.high ?? Infinity;
    const counts = { supported: 0, contradicted: 0, open: 0 };
    for (let i = 0; i < data.n; i++) {
      if (left[i]) continue;
      const lower = data.exponent_lower[i], upper = data.exponent_upper[i];
      if (low <= lower && upper <= high) counts.supported++;
      else if (upper < low || lower > high) counts.contradicted++;
      else counts.open++;
    }
    return counts;
  }

  const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const raised = (n) =>
    String(n).replace(/\d/g, (d) => SUPERSCRIPT[d]).replace("-", "⁻");
  const grouped = (n) => n.toLocaleString("en");

  // A number as the rest of the report shows it; 10^power for large and small ones.
  function number(value) {
    if (Number.isNaN(value)) return "–";
    if (!Number.isFinite(value)) return value > 0 ? "no limit" : "−∞";
    const size = Math.abs(value);
    if (size >= 1e6 || (size > 0 && size < 1e-3)) {
      return (value < 0 ? "−" : "") + power(Math.log10(size));
    }
    const digits = size >= 100 || size === 0 ? 0 : size >= 1 ? 1 : size >= 0.1 ? 2 : 3;
    const fixed = { maximumFractionDigits: digits, minimumFractionDigits: Math.min(digits, 1) };
    return value.toLocaleString("en", fixed).replace("-", "−");
  }

  // Ten to some power, with two digits.
  function power(log10) {
    if (Number.isNaN(log10)) return "–";
    if (!Number.isFinite(log10)) return log10 > 0 ? "no limit" : "0";
    let whole = Math.floor(log10);
    let digits = (10 ** (log10 - whole)).toFixed(1);
    if (digits === "10.0") [whole, digits] = [whole + 1, "1.0"];
    return `${digits}\u00a0×\u00a010${raised(whole)}`;
  }

  // Ends of the scale, on which it is even, and its ticks. Extremes are left to the edges.
  function scale(data, name, sorted) {
    const log = name === "exponent";
    const on = Array.from(sorted, (i) => data[name][i])
      .filter((v) => Number.isFinite(v) && (v > 0 || !log)).map((v) => (log ? Math.log10(v) : v));
    if (!on.length) return { low: 0, high: 1, at: (v) => (log ? Math.log10(v) : v), ticks: [] };
    const [p25, p75] = [quantile(on, 0.25), quantile(on, 0.75)];
    let low = Math.max(quantile(on, 0.01), p25 - 4 * (p75 - p25));
    let high = Math.min(quantile(on, 0.99), p75 + 4 * (p75 - p25));
    const margin = Math.max(0.08 * (high - low), log ? 0.1 : 0.5);
    low -= margin;
    high += margin;
    const ticks = [];
    if (log) {
      const wide = high - low;
      const marks = wide > 4 ? [1] : wide > 2 ? [1, 3] : wide > 1 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7];
      for (let k = Math.floor(low); k <= high; k++) {
        for (const m of marks) {
          const v = Number(`${m}e${k}`);
          if (Math.log10(v) >= low && Math.log10(v) <= high) ticks.push([v, v.toLocaleString("en")]);
        }
      }
    } else {
      const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((s) => (high - low) / s <= 8) ?? 1000;
      for (let k = Math.ceil(low / step) * step; k <= high; k += step) ticks.push([k, `10${raised(k)}`]);
    }
    return { low, high, at: (v) => (log ? Math.log10(v) : v), ticks };
  }

  return { load, order, filter, quantile, summarise, options, judge, number, power, scale, grouped };
})();

// The page.
(() => {
  const id = (name) => document.getElementById(`explorer-${name}`);
  const root = id("root");
  if (!root) return;
  const source = JSON.parse(id("data").textContent);
  const level = root.dataset.level;
  const canvas = id("canvas"), mark = id("mark"), slider = id("slider");
  const { grouped, number, power } = explorer;

  const untick = new Set(); // "choice/option", kept from one benchmark to the next
  const loaded = new Map();
  let data, name, sorted, rank, left, remaining, rows, axis, place;
  let chosen = -1; // the combination that is told
  let picked = false; // whether the reader chose it

  function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  const key = (c, o) => `${source.choices[c].key}/${data.options[c][o].key}`;
  const shown = (value) => (name === "exponent" ? number(value) : power(value));

  function choose(benchmark) {
    if (!loaded.has(benchmark)) loaded.set(benchmark, explorer.load(source.benchmarks[benchmark]));
    data = loaded.get(benchmark);
    const targets = root.querySelector("input[value=log10_flop]");
    targets.disabled = data.target === null;
    if (targets.disabled) root.querySelector("input[value=exponent]").checked = true;
    id("target").textContent = targets.disabled
      ? "compute for a lower error (no target is set)" : `compute for ${target()}`;
    build();
    show();
  }

  const target = () => `${data.error_label} of ${Number((100 * data.target).toPrecision(6))}%`;

  function build() {
    rows = data.options.map((all) => all.map(() => ({})));
    id("options").replaceChildren(...source.choices.map((choice, c) => {
      const every = (label, on) => {
        const button = make("button", { type: "button", textContent: label });
        button.setAttribute("aria-label", `${choice.label}: tick ${label}`);
        button.addEventListener("click", () => {
          rows[c].forEach((row, o) => set(c, o, on));
          update();
        });
        return button;
      };
      const lines = data.options[c].map((option, o) => {
        const box = make("input", { type: "checkbox", checked: !untick.has(key(c, o)) });
        box.addEventListener("change", () => { set(c, o, box.checked); update(); });
        const count = make("span", { className: "n" }), middle = make("span", { className: "n" });
        const line = make("label", {}, box, make("span", { textContent: option.label }), count, middle);
        rows[c][o] = { box, count, middle, line };
        return line;
      });
      return make("fieldset", {},
        make("legend", { textContent: choice.label }),
        make("div", { className: "every" }, every("all", true), every("none", false)),
        ...lines);
    }));
  }

  function set(c, o, on) {
    rows[c][o].box.checked = on;
    if (on) untick.delete(key(c, o)); else untick.add(key(c, o));
  }

  function show() {
    name = root.querySelector("input[name=explorer-show]:checked").value;
    sorted = explorer.order(data, name);
    rank = new Uint32Array(data.n);
    sorted.forEach((i, r) => { rank[i] = r; });
    picked = false;
    axis = explorer.scale(data, name, sorted);
    id("middle").textContent = name === "exponent" ? "middle exponent" : "middle FLOP";
    id("axis").textContent = name === "exponent"
      ? "Exponent (compute goes as 1/error to this power), log scale"
      : `FLOP for ${target()}, log scale`;
    update();
  }

  function update() {
    left = explorer.filter(data, rows.map((all) => all.map((row) => row.box.checked)));
    remaining = sorted.filter((i) => left[i] === 0);
    const found = explorer.options(data, name, sorted, left);
    found.forEach((all, c) => all.forEach(({ n, middle }, o) => {
      const row = rows[c][o];
      const words = make("span", { className: "unseen", textContent: " combinations, middle value " });
      row.count.replaceChildren(grouped(n), words);
      row.middle.textContent = n ? shown(middle) : "–";
      row.line.classList.toggle("off", n === 0);
    }));
    say();
    weigh();
    slider.disabled = !remaining.length;
    slider.max = Math.max(0, remaining.length - 1);
    const again = picked ? remaining.indexOf(chosen) : -1;
    draw();
    point(again >= 0 ? again : Math.ceil(remaining.length / 2) - 1);
  }

  function say() {
    const s = explorer.summarise(data, name, sorted, left);
    id("remain").replaceChildren(
      make("strong", { textContent: `${grouped(s.n)} of ${grouped(data.n)}` }),
      s.n ? " combinations remain; the middle one " : " combinations remain.",
      ...(s.n ? [...told(s.p50), "."] : []));
    if (!s.n) {
      id("spread").textContent = "Tick at least one option of every choice.";
      return;
    }
    const what = name === "exponent" ? "exponents lie" : "figures lie";
    const parts = [
      `Half of their ${what} between ${shown(s.p25)} and ${shown(s.p75)},`,
      `nine in ten between ${shown(s.p5)} and ${shown(s.p95)}.`,
    ];
    if (name === "exponent" && s.rising) {
      parts.push(`In ${grouped(s.rising)} compute does not rise as error falls.`);
    }
    if (s.never) parts.push(`In ${grouped(s.never)} the law never reaches ${lowest()}.`);
    id("spread").textContent = parts.join(" ");
  }

  const lowest = () => (name === "exponent" ? "the lower errors of the data" : "this error");

  function told(value) {
    if (value === Infinity) return [`never reaches ${lowest()}`];
    const figure = make("strong", { textContent: shown(value) });
    return name === "exponent" ? ["has exponent ", figure] : ["takes ", figure, " FLOP"];
  }

  function weigh() {
    id("claims").replaceChildren(...data.claims.map((claim) => {
      const counts = explorer.judge(data, left, claim);
      const n = Math.max(1, remaining.length);
      const percent = (count) => `${Math.round((100 * count) / n)}%`;
      const bar = make("div", { className: "shares" });
      bar.setAttribute("aria-hidden", "true");
      for (const kind of ["supported", "open", "contradicted"]) {
        const part = make("span", { className: kind });
        part.style.flexGrow = counts[kind];
        bar.append(part);
      }
      return make("div", { className: "claim" },
        make("p", { textContent: `“${claim.claim}”` }), bar,
        make("p", { textContent: remaining.length
          ? `${percent(counts.supported)} support this, for ${percent(counts.open)} the data cannot tell, `
            + `${percent(counts.contradicted)} contradict it.`
          : "No combination remains." }));
    }));
    if (!data.claims.length) {
      const none = "No published claim is about the exponent of this benchmark.";
      id("claims").append(make("p", { className: "source", textContent: none }));
    }
  }

  const colour = (variable) => getComputedStyle(root).getPropertyValue(variable).trim();
  const EDGE = 14, BOTTOM = 8, GUTTER = 46;

  function draw() {
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width) return;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const top = EDGE, bottom = height - EDGE - BOTTOM, span = width - GUTTER - 4;
    const x = (i) => GUTTER + ((rank[i] + 0.5) / data.n) * span;
    const y = (v) => {
      const at = axis.at(v);
      // NaN is a logarithm of a number that is not positive.
      const share = Number.isNaN(at) ? -1 : (at - axis.low) / (axis.high - axis.low);
      if (share > 1) return top - EDGE / 2;
      if (share < 0) return bottom + EDGE / 2;
      return bottom - share * (bottom - top);
    };
    place = { x, y };

    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.lineWidth = 1;
    for (const [value, label] of axis.ticks) {
      const at = Math.round(y(value)) + 0.5;
      pen.strokeStyle = colour("--line");
      line(pen, GUTTER, at, width - 4, at);
      pen.fillStyle = colour("--soft");
      if (at > top + 8 && at < bottom - 8) pen.fillText(label, GUTTER - 6, at);
    }
    pen.strokeStyle = colour("--soft");
    for (const at of [top - 1, bottom + 1]) line(pen, GUTTER, at, width - 4, at);
    pen.fillText("more", GUTTER - 6, top - EDGE / 2);
    pen.fillText("less", GUTTER - 6, bottom + EDGE / 2);

    const others = sorted.filter((i) => left[i]);
    specifications(pen, others, x, y, colour("--others"), span);
    specifications(pen, remaining, x, y, colour("--chosen"), span);

    if (name === "exponent") {
      pen.strokeStyle = colour("--ink");
      pen.setLineDash([5, 4]);
      const drawn = [];
      for (const end of data.claims.flatMap((c) => [c.low, c.high])) {
        if (end === null || end <= 0 || drawn.some((d) => Math.abs(d / end - 1) < 0.05)) continue;
        drawn.push(end);
        const at = y(end);
        if (at < top || at > bottom) continue;
        line(pen, GUTTER, at, width - 4, at);
        pen.textAlign = "left";
        const words = `claim: ${number(end).replace(".0", "")}`;
        pen.fillStyle = colour("--paper");
        pen.fillRect(GUTTER + 2, at - 16, pen.measureText(words).width + 6, 15);
        pen.fillStyle = colour("--ink");
        pen.fillText(words, GUTTER + 5, at - 8);
      }
      pen.setLineDash([]);
    }
  }

  function line(pen, x0, y0, x1, y1) {
    pen.beginPath();
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
    pen.stroke();
  }

  function specifications(pen, which, x, y, ink, span) {
    const lower = data[`${name}_lower`], upper = data[`${name}_upper`];
    pen.strokeStyle = pen.fillStyle = ink;
    // Where many lines share a pixel each is fainter.
    const crowd = which.length / span;
    pen.globalAlpha = Math.max(0.14, Math.min(0.6, 0.7 / crowd));
    pen.lineWidth = crowd < 0.3 ? 1.5 : 1;
    pen.beginPath();
    for (const i of which) {
      if (Number.isNaN(lower[i]) || Number.isNaN(upper[i])) continue;
      pen.moveTo(x(i), y(lower[i]));
      pen.lineTo(x(i), y(upper[i]));
    }
    pen.stroke();
    pen.globalAlpha = 1;
    const size = crowd < 0.3 ? 4 : 2.5;
    for (const i of which) pen.fillRect(x(i) - size / 2, y(data[name][i]) - size / 2, size, size);
  }

  // Tell about one of the remaining combinations, by its place among them.
  function point(at) {
    rows.flat().forEach((row) => row.line.classList.remove("has"));
    mark.hidden = !remaining.length;
    if (!remaining.length) {
      chosen = -1;
      id("told").textContent = "";
      id("made").textContent = "";
      return;
    }
    chosen = remaining[at];
    slider.value = at;
    slider.setAttribute("aria-valuetext", `${grouped(at + 1)} of ${grouped(remaining.length)}`);
    const i = chosen;
    const range = (column, write) =>
      `${write(data[`${column}_lower`][i])} to ${write(data[`${column}_upper`][i])}`;
    const exponent = data.exponent[i], flop = data.log10_flop[i];
    const parts = [
      `Number ${grouped(at + 1)} of ${grouped(remaining.length)}: exponent ${number(exponent)}`,
      `(${level} interval ${range("exponent", number)}),`,
    ];
    if (exponent === Infinity) parts.push("because it never reaches the lower errors of the data.");
    else if (exponent <= 0) parts.push("so compute does not rise as error falls.");
    else parts.push(`so half the error takes ${number(2 ** exponent)} times the compute.`);
    if (data.target !== null) {
      parts.push(flop === Infinity
        ? `It never reaches ${target()}.`
        : `It puts ${target()} at ${power(flop)} FLOP (${range("log10_flop", power)}).`);
    }
    parts.push(`Fitted to ${grouped(data.records[i])} records of ${grouped(data.papers[i])} papers.`);
    id("told").textContent = parts.join(" ");
    id("made").textContent = source.choices
      .map((choice, c) => `${choice.label}: ${data.options[c][data.codes[c][i]].label}`).join("; ") + ".";
    source.choices.forEach((_, c) => rows[c][data.codes[c][i]].line.classList.add("has"));
    if (place) {
      mark.style.left = `${canvas.offsetLeft + place.x(i)}px`;
      mark.style.setProperty("--at", `${place.y(data[name][i])}px`);
    }
  }

  // The remaining combination nearest to the pointer, sideways first: lines may lie close.
  function nearest(event) {
    if (!remaining.length) return;
    picked = true;
    const box = canvas.getBoundingClientRect();
    const px = event.clientX - box.left, py = event.clientY - box.top;
    let best = 0, least = Infinity;
    remaining.forEach((i, at) => {
      const away = Math.hypot(3 * (place.x(i) - px), place.y(data[name][i]) - py);
      if (away < least) [best, least] = [at, away];
    });
    point(best);
  }

  for (const [n, benchmark] of source.benchmarks.entries()) {
    id("benchmark").append(make("option", { value: n, textContent: benchmark.name }));
  }
  id("benchmark").addEventListener("change", (event) => choose(Number(event.target.value)));
  for (const radio of root.querySelectorAll("input[name=explorer-show]")) {
    radio.addEventListener("change", show);
  }
  id("reset").addEventListener("click", () => {
    untick.clear();
    rows.flat().forEach((row) => { row.box.checked = true; });
    update();
  });
  slider.addEventListener("input", () => {
    picked = true;
    point(Number(slider.value));
  });
  canvas.addEventListener("pointermove", nearest);
  canvas.addEventListener("pointerdown", nearest);
  const redraw = () => { draw(); point(remaining.indexOf(chosen)); };
  root.hidden = false;
  choose(Number(id("benchmark").value));
  new ResizeObserver(redraw).observe(canvas);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
})();
