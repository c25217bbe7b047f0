/** Audiences, from what all tasks reported about them. */

/**
 * Merge reports about the same audience, such as those of an upload and of the sensor that waited for it.
 *
 * A later report overrides an earlier one, except where it doesn't know a value.
 *
 * @param {import("./reports.js").Report[]} reports
 */
export function mergeReports(reports) {
  const audiences = new Map();
  for (const report of [...reports].sort((a, b) => a.time - b.time)) {
    const known = audiences.get(report.id);
    audiences.set(report.id, known ? merge(known, report) : start(report));
  }
  return [...audiences.values()];
}

function start({ time, uri, slot, ...report }) {
  return {
    ...report,
    created: time,
    updated: time,
    uris: new Set(uri ? [uri] : []),
    slots: new Set(slot ? [slot] : []),
    sources: report.source ? [report.source] : [],
  };
}

function merge(known, report) {
  const merged = { ...known };
  for (const name of ["name", "status", "records", "matchRate", "reach", "cost", "campaigns", "url", "source"]) {
    merged[name] = report[name] || report[name] === 0 ? report[name] : known[name];
  }
  // The upload's run and log say more about an audience than those of the tasks after it.
  merged.source = known.source ?? report.source;
  merged.limits = { ...known.limits, ...report.limits };
  merged.replaced = [...new Set([...known.replaced, ...report.replaced])];
  merged.updated = report.time;
  merged.uris = new Set([...known.uris, ...(report.uri ? [report.uri] : [])]);
  merged.slots = new Set([...known.slots, ...(report.slot ? [report.slot] : [])]);
  merged.sources = report.source ? [...known.sources, report.source] : known.sources;
  return merged;
}
