/**
 * Loads the data of the page: first what every row needs, then what visible and open rows show.
 *
 * Airflow's API returns at most 100 entries at once, and no list of the last event of each asset. So the newest events
 * are read in bulk, and an asset whose last event isn't among them is read when a row, a filter or the CSV needs it.
 */

import * as api from "./api.js";
import { OPERATORS, parseFailures } from "./failures.js";
import { reportsOfEvent, reportsOfXCom, XCOM_KEY } from "./reports.js";
import { SPARKLINE_RUNS } from "./sparkline.js";
import { Store } from "./store.js";

const FEWEST_PAGES = 3;
const MOST_PAGES = 20;

export class Loader {
  store = new Store();
  /** What couldn't be loaded, as sentences. */
  notices = [];
  #onChange;
  #histories = new Map();
  #hasAllEvents = false;

  /** @param {() => void} onChange Called whenever there is more to show. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** Load what every row needs. Throws an `ApiError` if the viewer can't see assets. */
  async start() {
    const optional = [this.#loadFailures(), this.#loadXComs()];
    const [assets, events] = await Promise.all([api.listAssets(0), api.listNewestEvents(0)]);
    this.#addAssets(assets);
    this.#addEvents(events);
    this.#onChange();
    const wanted = Math.max(FEWEST_PAGES, pagesOf(assets.total_entries));
    const pages = Math.min(MOST_PAGES, wanted, pagesOf(events.total_entries));
    // The newest rows are known by now, and what they show goes first.
    const background = { background: true };
    const addEvents = async (offset) => this.#addEvents(await api.listNewestEvents(offset, background));
    const addAssets = async (offset) => this.#addAssets(await api.listAssets(offset, background));
    await Promise.all([
      ...offsets(pages).map(addEvents),
      ...offsets(pagesOf(assets.total_entries)).map(addAssets),
    ]);
    this.#hasAllEvents = events.total_entries <= pages * api.PAGE_SIZE;
    this.#onChange();
    await Promise.all(optional);
  }

  /** Load the last event of every asset, for sorting, filtering and downloading. */
  async complete() {
    const isMissing = ({ last_asset_event: last }) => last?.id && !this.store.has(`event ${last.id}`);
    const missing = this.store.assets.filter(isMissing);
    await Promise.all(missing.map((asset) => this.#loadHistory(asset, { limit: 1, background: true })));
  }

  /** Load the runs in a row's sparklines. */
  async loadSparklines(series) {
    await this.#loadHistories(series, SPARKLINE_RUNS);
  }

  /** Load the runs of an open row. */
  async loadRuns(series) {
    await this.#loadHistories(series, api.PAGE_SIZE);
  }

  async #loadHistories(series, limit) {
    if (this.#hasAllEvents) return;
    const { source } = series.latest ?? {};
    // Many series can share the asset of a mapped task.
    const mapped = source && source.mapIndex >= 0;
    const filter = mapped
      ? { source_dag_id: source.dagId, source_task_id: source.taskId, source_map_index: source.mapIndex }
      : {};
    const assets = series.uris.map((uri) => this.store.asset(uri)).filter((asset) => asset);
    await Promise.all(assets.map((asset) => this.#loadHistory(asset, { limit, source: filter })));
  }

  async #loadHistory(asset, options) {
    const key = JSON.stringify([asset.id, options.source ?? {}]);
    if ((this.#histories.get(key) ?? 0) >= options.limit) return;
    this.#histories.set(key, options.limit);
    try {
      this.#addEvents(await api.listAssetEvents(asset.id, options));
      this.#onChange();
    } catch (error) {
      this.#addNotice("Some runs aren't shown", error);
    }
  }

  async #loadFailures() {
    try {
      const found = await api.listFailedTasks(OPERATORS);
      this.store.setFailures(parseFailures(found.task_instances));
      this.#onChange();
    } catch (error) {
      this.#addNotice("Failed uploads aren't shown", error, "task instances");
    }
  }

  async #loadXComs() {
    let entries;
    try {
      entries = (await api.listXComs(XCOM_KEY)).xcom_entries;
    } catch (error) {
      this.#addNotice("Uploads without an asset aren't shown", error, "XComs");
      return;
    }
    await Promise.all(entries.map((entry) => this.#loadXCom(entry)));
  }

  async #loadXCom(entry) {
    try {
      const value = await api.getXComValue(entry);
      const { dag_id, run_id, task_id, map_index } = entry;
      const key = `xcom ${JSON.stringify([dag_id, run_id, task_id, map_index])}`;
      this.store.addReports(key, reportsOfXCom(entry, value));
      this.#onChange();
    } catch {
      // Airflow may have deleted it since it was listed.
    }
  }

  #addNotice(missing, error, permission = "assets") {
    const reason = error.status === 403 ? `you don't have permission to read ${permission}` : error.message;
    const notice = `${missing}: ${reason}.`;
    if (this.notices.includes(notice)) return;
    this.notices.push(notice);
    this.#onChange();
  }

  #addAssets({ assets }) {
    this.store.addAssets(assets.filter((asset) => asset.uri.startsWith("iqm://")));
  }

  #addEvents({ asset_events: events }) {
    for (const event of events) this.store.addReports(`event ${event.id}`, reportsOfEvent(event));
  }
}

function pagesOf(entries) {
  return Math.ceil(entries / api.PAGE_SIZE);
}

/** The offsets of all pages but the first. */
function offsets(pages) {
  return Array.from({ length: Math.max(0, pages - 1) }, (_, index) => (index + 1) * api.PAGE_SIZE);
}
