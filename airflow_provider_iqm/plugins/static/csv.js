/** The table as a CSV file. */

const COLUMNS = {
  name: (row) => row.name,
  status: (row) => row.status,
  audience_id: (row) => row.latest?.audienceId,
  audience_name: (row) => row.latest?.name,
  records: (row) => row.latest?.records,
  match_rate: (row) => row.latest?.matchRate,
  reach: (row) => row.latest?.reach,
  data_cost: (row) => row.latest?.cost,
  included_campaigns: (row) => row.latest?.campaigns?.included.join(" "),
  excluded_campaigns: (row) => row.latest?.campaigns?.excluded.join(" "),
  updated: (row) => (row.updated ? new Date(row.updated).toISOString() : ""),
  dag_id: (row) => sourceOf(row)?.dagId,
  run_id: (row) => sourceOf(row)?.runId,
  task_id: (row) => sourceOf(row)?.taskId,
};

/** Spreadsheets take text that starts with one of these as a formula. */
const FORMULA = /^\s*[=+\-@＝＋－＠\t\r]/;

/**
 * Return series as CSV that spreadsheets open with the right encoding, and without running anything in it.
 *
 * @param {import("./series.js").Series[]} rows
 */
export function toCsv(rows) {
  const lines = [Object.keys(COLUMNS), ...rows.map((row) => Object.values(COLUMNS).map((read) => read(row)))];
  return `\uFEFF${lines.map((line) => line.map(quote).join(",")).join("\r\n")}\r\n`;
}

function quote(value) {
  if (typeof value === "number") return String(value);
  const text = String(value ?? "");
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n;\t']|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function sourceOf(row) {
  return row.failure ?? row.latest?.source;
}
