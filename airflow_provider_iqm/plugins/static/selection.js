/** Which rows the table shows, and in what order. */

/** The columns by which rows can be sorted; the rows' values are in their last audience. */
export const SORT_VALUES = {
  name: (row) => row.name.toLocaleLowerCase(),
  status: (row) => row.status,
  records: (row) => row.latest?.records,
  matchRate: (row) => row.latest?.matchRate,
  reach: (row) => row.latest?.reach,
  cost: (row) => row.latest?.cost,
  campaigns: (row) => countCampaigns(row.latest?.campaigns),
  updated: (row) => row.updated,
};

/** Whether a sort or filter needs values that only an asset's last event has. */
export function needsEverything({ sort, status }) {
  return Boolean(status) || !["name", "updated"].includes(sort);
}

/**
 * Return the rows that match a text and a status, sorted; unknown values are last.
 *
 * @param {import("./series.js").Series[]} series
 */
export function selectRows(series, { query, status, sort, descending }) {
  const words = query.toLocaleLowerCase().split(/\s+/).filter((word) => word);
  const read = SORT_VALUES[sort];
  return series
    .filter((row) => (!status || row.status === status) && words.every((word) => searchText(row).includes(word)))
    .sort((a, b) => compare(read(a), read(b), descending) || compare(a.name, b.name) || compare(a.key, b.key));
}

/** The number of campaigns that use an audience; null if it isn't known. */
export function countCampaigns(campaigns) {
  return campaigns ? new Set([...campaigns.included, ...campaigns.excluded]).size : null;
}

/** What the text filter searches: names, the audience's id, Dags and tasks. */
function searchText({ name, latest, failure }) {
  const source = failure ?? latest?.source;
  const parts = [name, latest?.name, latest?.audienceId, source?.dagId, source?.taskId];
  return parts.filter((part) => part !== undefined && part !== null).join("\n").toLocaleLowerCase();
}

function compare(a, b, descending = false) {
  const unknown = (value) => value === null || value === undefined || value === "";
  if (unknown(a) || unknown(b)) return Number(unknown(a)) - Number(unknown(b));
  const order = typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
  return descending ? -order : order;
}
