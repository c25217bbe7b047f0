/** What tasks report about audiences: the `extra` of asset events, and the XCom of tasks without an outlet. */

/** The XCom key of an audience that no asset event describes. */
export const XCOM_KEY = "audience_event";

/**
 * A task's report about an audience.
 *
 * @typedef {object} Report
 * @property {string} id The audience's id, unique across workspaces.
 * @property {string} uri The asset's URI; empty without an asset.
 * @property {string} slot What reports about the same series have in common; empty if it isn't known.
 * @property {number} time In milliseconds since 1970.
 */

/** The reports in an asset event. */
export function reportsOfEvent(event) {
  if (!event.uri?.startsWith("iqm://")) return [];
  const source = sourceOf(event.source_dag_id, event.source_run_id, event.source_task_id, event.source_map_index);
  const slot = event.partition_key ? [event.uri, event.partition_key] : slotOf(event.uri, source);
  return parseReports(event.extra, { source, slot, uri: event.uri, time: Date.parse(event.timestamp) });
}

/** The reports in the XCom of a task without an outlet. */
export function reportsOfXCom(entry, value) {
  const source = sourceOf(entry.dag_id, entry.run_id, entry.task_id, entry.map_index);
  return parseReports(value, { source, slot: slotOf("", source), uri: "", time: Date.parse(entry.timestamp) });
}

/** The audience's name in an asset's URI. */
export function nameInUri(uri) {
  const path = uri.slice(uri.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function sourceOf(dagId, runId, taskId, mapIndex) {
  return dagId && runId && taskId ? { dagId, runId, taskId, mapIndex: mapIndex ?? -1 } : null;
}

/** A mapped task can upload another list under the same map index in the next run. */
function slotOf(uri, source) {
  return source && source.mapIndex < 0 ? [uri, source.dagId, source.taskId] : null;
}

function parseReports(extra, common) {
  const several = Array.isArray(extra?.audiences);
  return (several ? extra.audiences : [extra])
    .filter((data) => Number.isInteger(data?.audience_id))
    .map((data) => parseReport(data, several ? { ...common, slot: null } : common));
}

function parseReport(data, { source, slot, uri, time }) {
  const url = safeUrl(data.url);
  const workspace = uri ? uri.slice("iqm://".length).split("/")[0] : url ? new URL(url).host : "";
  return {
    id: `${workspace}/${data.audience_id}`,
    workspace,
    audienceId: data.audience_id,
    name: String(data.audience_name ?? ""),
    status: String(data.status ?? ""),
    records: numberOrNull(data.records),
    matchRate: numberOrNull(data.match_rate),
    reach: numberOrNull(data.uniques),
    cost: numberOrNull(data.data_cost),
    campaigns: parseCampaigns(data.campaigns),
    limits: typeof data.limits === "object" && data.limits ? data.limits : {},
    replaced: ids(data.replaced).map((id) => `${workspace}/${id}`),
    url: url || (workspace ? `https://${workspace}/#/audience/${data.audience_id}` : ""),
    slot: slot ? JSON.stringify(slot) : "",
    source,
    uri,
    time,
  };
}

function parseCampaigns(value) {
  if (typeof value !== "object" || !value) return null;
  return { included: ids(value.included), excluded: ids(value.excluded) };
}

function ids(value) {
  return Array.isArray(value) ? value.filter(Number.isInteger) : [];
}

function numberOrNull(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Anyone who can run a Dag can write an event, so a link must not run a script. */
function safeUrl(value) {
  return typeof value === "string" && /^https?:\/\//i.test(value) && URL.canParse(value) ? value : "";
}
