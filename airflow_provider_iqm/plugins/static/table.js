/** The table: a row for each series, and below an open row its detail. */

import { drawDetail, drawError } from "./detail.js";
import { element } from "./dom.js";
import * as format from "./format.js";
import { linksOf } from "./links.js";
import { countCampaigns } from "./selection.js";
import { drawSparkline } from "./sparkline.js";
import { drawStatus } from "./status.js";

const HEADERS = [
  ["name", "Audience"],
  ["status", "Status"],
  ["records", "Records"],
  ["matchRate", "Match rate"],
  ["reach", "Reach"],
  ["cost", "Data cost"],
  ["campaigns", "Campaigns"],
  ["updated", "Updated"],
];

export class Table {
  #node;
  #onSort;
  #onToggle;
  /** The details of open rows, which keep their scroll position and cursor while others are redrawn. */
  #details = new Map();

  constructor(node, { onSort, onToggle }) {
    this.#node = node;
    this.#onSort = onSort;
    this.#onToggle = onToggle;
  }

  /**
   * Draw rows.
   *
   * @param {import("./series.js").Series[]} rows
   * @param {object} state
   */
  draw(rows, { sort, descending, open }) {
    const focused = document.activeElement?.dataset?.focusKey;
    const headers = HEADERS.map((header) => this.#drawHeader(header, sort, descending));
    this.#node.replaceChildren(
      element("thead", {}, element("tr", {}, ...headers, drawLinksHeader())),
      element("tbody", {}, ...rows.flatMap((row) => this.#drawRow(row, open.has(row.key)))),
    );
    for (const key of this.#details.keys()) if (!open.has(key)) this.#details.delete(key);
    if (focused) this.#node.querySelector(`[data-focus-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  #drawHeader([name, label], sort, descending) {
    const direction = name === sort ? (descending ? "descending" : "ascending") : "none";
    const button = element("button", { type: "button", "data-focus-key": `sort ${name}` }, label);
    button.addEventListener("click", () => this.#onSort(name));
    return element(`th.${name}`, { scope: "col", "aria-sort": direction }, button);
  }

  #drawRow(row, isOpen) {
    const id = `detail-${encodeURIComponent(row.key)}`;
    const node = element(
      "tr.row",
      {},
      element("td.name", {}, this.#drawName(row, isOpen, id)),
      cell("Status", drawStatus(row.status)),
      cell("Records", ...withSparkline(row, "records", format.formatInteger)),
      cell("Match rate", ...withSparkline(row, "matchRate", format.formatPercent)),
      cell("Reach", format.formatInteger(row.latest?.reach)),
      cell("Data cost", format.formatCost(row.latest?.cost)),
      cell("Campaigns", drawCampaigns(row.latest?.campaigns)),
      cell("Updated", element("time", { title: format.formatMoment(row.updated) }, format.formatAge(row.updated))),
      cell("Links", linksOf(row.failure ?? row.latest?.source, row.latest, row.name)),
    );
    node.addEventListener("click", (event) => {
      const selecting = !getSelection().isCollapsed;
      if (!event.target.closest("a, button") && !selecting) this.#onToggle(row);
    });
    if (!isOpen) return [node];
    const detail = element("td", { colspan: HEADERS.length + 1 }, this.#detailOf(row));
    return [node, element("tr.detail-row", { id }, detail)];
  }

  #drawName(row, isOpen, id) {
    const button = element(
      "button.toggle",
      {
        type: "button",
        "aria-expanded": String(isOpen),
        "aria-controls": isOpen ? id : null,
        "data-focus-key": `row ${row.key}`,
      },
      row.name,
    );
    button.addEventListener("click", () => this.#onToggle(row));
    const { latest, failure } = row;
    const below = failure
      ? drawError(failure)
      : element("span.subtitle", {}, latest && latest.name !== row.name ? latest.name : (latest?.source?.dagId ?? ""));
    return element("div.title", {}, button, below);
  }

  #detailOf(row) {
    const version = `${row.audiences.length} ${row.failures.length} ${row.updated}`;
    const known = this.#details.get(row.key);
    if (known?.version === version) return known.node;
    const node = drawDetail(row);
    this.#details.set(row.key, { version, node });
    return node;
  }
}

function cell(label, ...children) {
  return element("td", { "data-label": label }, ...children);
}

function drawLinksHeader() {
  return element("th", { scope: "col" }, element("span.visually-hidden", {}, "Links"));
}

function withSparkline(row, value, formatValue) {
  const values = row.audiences.map((audience) => audience[value]);
  const text = element("span.number", {}, formatValue(row.latest?.[value]));
  return [text, drawSparkline(values, `${values.length} runs`)];
}

function drawCampaigns(campaigns) {
  if (!campaigns) return format.UNKNOWN;
  const { included, excluded } = campaigns;
  const title = [
    included.length ? `Included in ${included.join(", ")}` : "",
    excluded.length ? `Excluded from ${excluded.join(", ")}` : "",
  ];
  return element("span", { title: title.filter((part) => part).join("\n") || null }, String(countCampaigns(campaigns)));
}
