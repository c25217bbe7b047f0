/** The page: connects data, table and controls. */

import { ApiError } from "./api.js";
import { toCsv } from "./csv.js";
import { element } from "./dom.js";
import { formatCount, formatInteger } from "./format.js";
import { download, openLinksOutside } from "./frame.js";
import { Loader } from "./loader.js";
import { drawEmpty, drawFailure, drawNoMatch } from "./messages.js";
import { needsEverything, selectRows } from "./selection.js";
import { Table } from "./table.js";
import { followTheme } from "./theme.js";

const ROWS_PER_PAGE = 25;

const find = (id) => document.getElementById(id);
const state = { query: "", status: "", sort: "updated", descending: true, page: 0, open: new Set() };
const table = new Table(find("table"), { onSort: sortBy, onToggle: toggle });
let loader;
let loaded = false;
let failure = null;
let frame = 0;

/** Draw at the next frame, however often something changes until then. */
function redraw() {
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(draw);
}

function draw() {
  if (failure) {
    find("content").hidden = true;
    find("count").textContent = "";
    find("pages").hidden = true;
    find("notices").replaceChildren();
    showMessage(drawFailure(failure, load));
    return;
  }
  const { series } = loader.store;
  const rows = selectRows(series, state);
  state.page = Math.max(0, Math.min(state.page, Math.ceil(rows.length / ROWS_PER_PAGE) - 1));
  const start = state.page * ROWS_PER_PAGE;
  const shown = rows.slice(start, start + ROWS_PER_PAGE);
  table.draw(shown, state);
  find("content").hidden = !shown.length;
  drawStatuses(series);
  drawPager(rows.length, start, shown.length);
  find("notices").replaceChildren(...loader.notices.map((notice) => element("p", {}, notice)));
  if (loaded && !series.length) showMessage(drawEmpty());
  else if (loaded && !shown.length) showMessage(drawNoMatch(clearFilters));
  else showMessage();
  shown.forEach((row) => loader.loadSparklines(row));
  shown.filter((row) => state.open.has(row.key)).forEach((row) => loader.loadRuns(row));
  if (loaded && needsEverything(state)) loader.complete();
}

function drawStatuses(series) {
  const names = [...new Set(series.map((row) => row.status).filter((status) => status))].sort();
  const options = [["", "All statuses"], ...names.map((name) => [name, name])];
  const node = find("status");
  const shown = [...node.options].map((option) => option.value);
  if (options.map(([value]) => value).join("\n") === shown.join("\n")) return;
  node.replaceChildren(...options.map(([value, label]) => element("option", { value }, label)));
  node.value = names.includes(state.status) ? state.status : "";
  state.status = node.value;
}

function drawPager(count, start, shown) {
  const range = count ? `${formatInteger(start + 1)}–${formatInteger(start + shown)} of ` : "";
  find("count").textContent = loaded || count ? `${range}${formatCount(count, "audience")}` : "Loading…";
  find("pages").hidden = count <= ROWS_PER_PAGE;
  find("previous").disabled = state.page === 0;
  find("next").disabled = start + ROWS_PER_PAGE >= count;
}

function showMessage(message) {
  find("message").replaceChildren(...(message ? [message] : []));
}

function sortBy(name) {
  const descending = state.sort === name ? !state.descending : !["name", "status"].includes(name);
  Object.assign(state, { sort: name, descending, page: 0 });
  find("sort").value = name;
  redraw();
}

function toggle(row) {
  if (!state.open.delete(row.key)) state.open.add(row.key);
  redraw();
}

function clearFilters() {
  Object.assign(state, { query: "", status: "", page: 0 });
  find("query").value = "";
  find("status").value = "";
  redraw();
}

async function downloadCsv() {
  find("download").disabled = true;
  try {
    await loader.complete();
    download(toCsv(selectRows(loader.store.series, state)), "iqm-audiences.csv", "text/csv;charset=utf-8");
  } finally {
    find("download").disabled = false;
  }
}

async function load() {
  const own = new Loader(() => own === loader && redraw());
  state.page = 0;
  [loader, loaded, failure] = [own, false, null];
  document.body.setAttribute("aria-busy", "true");
  showMessage();
  try {
    await own.start();
    if (own === loader) loaded = true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (own === loader) failure = error;
  }
  if (own !== loader) return;
  document.body.removeAttribute("aria-busy");
  redraw();
}

function connect() {
  find("query").addEventListener("input", ({ target }) => change({ query: target.value }));
  find("status").addEventListener("change", ({ target }) => change({ status: target.value }));
  find("sort").addEventListener("change", ({ target }) => sortBy(target.value));
  find("previous").addEventListener("click", () => turn(-1));
  find("next").addEventListener("click", () => turn(1));
  find("download").addEventListener("click", downloadCsv);
  find("refresh").addEventListener("click", load);
  find("controls").addEventListener("submit", (event) => event.preventDefault());
}

function change(values) {
  Object.assign(state, values, { page: 0 });
  redraw();
}

function turn(pages) {
  state.page += pages;
  redraw();
  scrollTo({ top: 0 });
}

followTheme();
openLinksOutside();
connect();
load();
