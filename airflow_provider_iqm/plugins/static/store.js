/** What is loaded so far, and the series in it. */

import { mergeReports } from "./audiences.js";
import { groupSeries } from "./series.js";

export class Store {
  #reports = new Map();
  #failures = [];
  #assets = new Map();
  #series = null;

  /** Add reports under a key, such as an event's id; the same key twice is the same reports. */
  addReports(key, reports) {
    if (this.#reports.has(key)) return;
    this.#reports.set(key, reports);
    this.#series = null;
  }

  addAssets(assets) {
    for (const asset of assets) this.#assets.set(asset.uri, asset);
    this.#series = null;
  }

  setFailures(failures) {
    this.#failures = failures;
    this.#series = null;
  }

  has(key) {
    return this.#reports.has(key);
  }

  asset(uri) {
    return this.#assets.get(uri);
  }

  get assets() {
    return [...this.#assets.values()];
  }

  /** All series, in no particular order. */
  get series() {
    this.#series ??= groupSeries(mergeReports([...this.#reports.values()].flat()), this.#failures, this.assets);
    return this.#series;
  }
}
