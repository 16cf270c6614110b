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
  const narrow = matchMedia("(max-width: 40rem)").matches;
  const config = {
    background: null,
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: {
      ...text, domainColor: "var(--soft)", tickColor: "var(--soft)", gridColor: "var(--line)",
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, labelLimit: narrow ? 125 : 180,
    },
    legend: {
      ...text, orient: "top", labelFontSize: 12, titleFontSize: 12, labelLimit: 0, columns: narrow ? 2 : 0,
      symbolStrokeColor: "var(--ink)", symbolBaseFillColor: "var(--ink)", symbolBaseStrokeColor: "var(--ink)",
    },
    range: { category: [1, 2, 3, 4, 5, 6].map((n) => `var(--c${n})`) },
  };

  function safe(url) {
    return /^https?:\/\//.test(url ?? "") ? url : null;
  }

  function shown(value) {
    if (value === null || value === undefined) return "–";
    if (typeof value === "string") return value;
    const size = Math.abs(value);
    return size >= 1e7 || (size > 0 && size < 1e-3) ? value.toExponential(2) : String(+value.toPrecision(4));
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
    const { view } = await vegaEmbed(place, { ...chart.spec, datasets: rows, config }, {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true,
    });
    const update = () => {
      read();
      for (const [signal, value] of Object.entries(values)) view.signal(signal, value);
      view.runAsync();
      if (details.open) fill(details, chart, values);
    };
    for (const input of inputs) input.addEventListener("change", update);
    details.addEventListener("toggle", () => details.open && fill(details, chart, values));
    view.addEventListener("click", (_, item) => {
      const url = safe(item?.datum?.url);
      if (url) window.open(url, "_blank", "noopener");
    });
    const svg = place.querySelector("svg");
    svg.setAttribute("aria-hidden", "true");
    figure.querySelector(".controls")?.removeAttribute("hidden");
    details.hidden = false;
    update();
  }

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
