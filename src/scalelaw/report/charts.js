"use strict";

(() => {
  const { datasets, charts } = JSON.parse(document.getElementById("charts-data").textContent);

  // Data are stored as columns, once for all charts.
  const rows = {};
  for (const [name, columns] of Object.entries(datasets)) {
    const keys = Object.keys(columns);
    rows[name] = (columns[keys[0]] ?? []).map((_, i) =>
      Object.fromEntries(keys.map((key) => [key, columns[key][i]])));
  }

  // Colours are variables of the page, so that charts follow its scheme, also while it is open.
  const text = { labelColor: "var(--ink)", titleColor: "var(--ink)" };
  const narrow = matchMedia("(max-width: 40rem)");
  const config = {
    background: null,
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: {
      ...text, domainColor: "var(--soft)", tickColor: "var(--soft)", gridColor: "var(--line)",
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, labelLimit: 180,
    },
    legend: {
      ...text, orient: "top", labelFontSize: 12, titleFontSize: 12, labelLimit: 0, symbolOpacity: 1,
      columns: { signal: "legend_columns" },
      layout: { top: { anchor: "start", direction: { signal: "narrow ? 'vertical' : 'horizontal'" } } },
      symbolStrokeColor: "var(--ink)", symbolBaseFillColor: "var(--ink)", symbolBaseStrokeColor: "var(--ink)",
    },
    customFormatTypes: true,
    range: { category: [1, 2, 3, 4, 5, 6].map((n) => `var(--c${n})`) },
  };

  function safe(url) {
    return /^https?:\/\//.test(url ?? "") ? url : null;
  }

  // As scalelaw.typography.number, with two digits for the large and small.
  function shown(value) {
    if (value === null || value === undefined) return "–";
    if (typeof value === "string") return value;
    const size = Math.abs(value);
    if (size < 1e6 && (size >= 1e-4 || size === 0)) return String(+value.toPrecision(4)).replace("-", "−");
    const [digits, power] = value.toExponential(1).split("e");
    const raised = String(+power).replace(/\d/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]).replace("-", "⁻");
    return `${digits} × 10${raised}`.replace("-", "−");
  }

  function fill(details, chart, values) {
    const mine = rows[chart.dataset].filter((row) =>
      Object.entries(values).every(([signal, value]) => !(signal in row) || row[signal] === value));
    const columns = chart.columns.map(([key, label]) => [key.startsWith("=") ? values[key.slice(1)] : key, label]);
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const [, label] of columns) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = label;
      head.append(cell);
    }
    const body = table.createTBody();
    for (const row of mine) {
      if (columns.some(([key]) => row[key] === null && values.basis === key)) continue;
      const line = body.insertRow();
      columns.forEach(([key], n) => {
        const cell = line.insertCell();
        const url = n === 0 && safe(row.url);
        if (url) {
          const link = document.createElement("a");
          link.href = url;
          link.textContent = shown(row[key]);
          cell.append(link);
        } else cell.textContent = shown(row[key]);
      });
    }
    details.querySelector(".table").replaceChildren(table);
  }

  // Vega-Lite has no titles of axes that follow a signal, Vega has.
  function follow(spec) {
    for (const axis of spec.axes) {
      const signal = /^signal:(.*)$/.exec(axis.title)?.[1];
      if (signal) axis.title = { signal };
    }
    return spec;
  }

  // What is chosen, in words, for print, where the controls are missing.
  function tell(figure, chart, values) {
    figure.querySelector(".choice")?.replaceChildren(...chart.controls.map((control) => {
      const part = document.createElement("span");
      const value = values[control.signal];
      if (control.kind === "check") {
        part.className = `line-${control.signal}`;
        part.textContent = value ? control.label : "";
        part.hidden = !value;
      } else {
        const [, label] = control.options.find(([option]) => option === value);
        part.textContent = `${control.label}: ${label}`;
      }
      return part;
    }));
  }

  // Why there are no dots or lines; a basis without records cannot be chosen.
  function explain(figure, chart, { benchmark, basis }) {
    const place = figure.querySelector(".why");
    if (!place) return;
    const has = (name) => rows.records.some((row) => row.benchmark === benchmark && row[name] !== null);
    for (const input of figure.querySelectorAll('[data-signal="basis"]')) {
      input.disabled = !input.checked && !has(input.value);
    }
    const reasons = new Map();
    for (const row of rows.refused) {
      if (row.benchmark !== benchmark || row.basis !== basis) continue;
      const { label } = chart.controls.find(({ signal }) => signal === row.direction);
      reasons.set(row.status, [...reasons.get(row.status) ?? [], label]);
    }
    const every = chart.controls.filter(({ kind }) => kind === "check").length;
    place.textContent = has(basis)
      ? [...reasons].map(([why, lines]) => `${lines.length === every ? "Lines" : lines.join(", ")}: ${why}.`).join(" ")
      : `No record of this benchmark has compute on the basis “${basis}”.`;
  }

  async function draw(figure) {
    const chart = charts[figure.dataset.chart];
    const place = figure.querySelector(".draw");
    const details = figure.querySelector("details");
    const values = {};
    const inputs = [...figure.querySelectorAll("[data-signal]")];
    const read = () => {
      for (const input of inputs) {
        if (input.type === "checkbox") values[input.dataset.signal] = input.checked;
        else if (input.type !== "radio" || input.checked) values[input.dataset.signal] = input.value;
      }
    };
    const spec = {
      ...chart.spec, config, datasets: rows, description: `${chart.title}. ${chart.text}`,
      params: [
        ...chart.spec.params ?? [],
        { name: "narrow", value: narrow.matches }, { name: "legend_columns", value: 0 },
      ],
    };
    const { view } = await vegaEmbed(place, spec, {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, expressionFunctions: { shown }, patch: follow,
    });
    // As many columns of the legend as its longest label leaves room for.
    const fit = async () => {
      const labels = [...place.querySelectorAll(".role-legend-label text")];
      const longest = Math.max(...labels.map((label) => label.getComputedTextLength()));
      const left = place.querySelector(".role-legend")?.getBoundingClientRect().left;
      const room = place.getBoundingClientRect().right - left;
      const columns = labels.length && Math.max(1, Math.floor(room / (longest + 32)));
      await view.signal("narrow", narrow.matches).signal("legend_columns", columns).resize().runAsync();
    };
    const update = () => {
      read();
      for (const [signal, value] of Object.entries(values)) view.signal(signal, value);
      tell(figure, chart, values);
      explain(figure, chart, values);
      if (details.open) fill(details, chart, values);
      return view.resize().runAsync();
    };
    for (const input of inputs) input.addEventListener("change", update);
    details.addEventListener("toggle", () => details.open && fill(details, chart, values));
    let pointer, tapped;
    place.addEventListener("pointerdown", (event) => { pointer = event.pointerType; });
    view.addEventListener("click", (event, item) => {
      const url = safe(item?.datum?.url);
      // A finger cannot hover: its first tap shows what hovering does, a second one opens.
      const first = pointer === "touch" && item?.datum !== tapped;
      tapped = item?.datum;
      if (first) event.target.dispatchEvent(new PointerEvent("pointermove", event));
      else if (url) window.open(url, "_blank", "noopener");
    });
    const svg = place.querySelector("svg");
    svg.setAttribute("aria-hidden", "true");
    figure.querySelector(".controls")?.removeAttribute("hidden");
    details.hidden = false;
    await update();
    await fit();
    addEventListener("resize", fit);
  }

  const hideTooltip = () => document.getElementById("vg-tooltip-element")?.classList.remove("visible");
  addEventListener("pointerdown", hideTooltip, true);
  addEventListener("scroll", hideTooltip, true);

  (async () => {
    for (const figure of document.querySelectorAll("figure[data-chart]")) await draw(figure);
    document.documentElement.dataset.charts = "drawn";
  })();

  // The ledger of claims: rows that do not match are hidden.
  const filter = document.getElementById("claims-filter");
  if (!filter) return;
  const claims = [...document.querySelectorAll("#claims tr[data-verdict]")];
  function narrowClaims() {
    const [group, verdict, words] = ["group", "verdict", "words"].map((name) =>
      filter.elements[name].value.trim().toLowerCase());
    let left = 0;
    for (const row of claims) {
      const has = (!group || row.dataset.group === group) && (!verdict || row.dataset.verdict === verdict) &&
        words.split(/\s+/).every((word) => row.textContent.toLowerCase().includes(word));
      row.hidden = !has;
      left += has;
    }
    for (const part of document.querySelectorAll("#claims .claims-group")) {
      part.hidden = !part.querySelector("tr[data-verdict]:not([hidden])");
    }
    document.getElementById("claims-left").textContent = `${left} of ${claims.length} claims`
      + (left ? "" : ": fewer words or “Show all” bring some back");
  }
  filter.addEventListener("input", narrowClaims);
  filter.addEventListener("reset", () => setTimeout(narrowClaims));
  filter.addEventListener("submit", (event) => event.preventDefault());
  filter.hidden = false;
  narrowClaims();
})();
