/** Requests to Airflow's public API, with the viewer's own session. */

/** Relative, because Airflow's base URL can have a path. */
const API = new URL("../api/v2/", import.meta.url);

/** The most entries that Airflow returns in one response, unless it is configured otherwise. */
export const PAGE_SIZE = 100;

/** Browsers open six connections to a server; one stays free for what the viewer does next. */
const CONNECTIONS = 5;

export class ApiError extends Error {
  /**
   * @param {number} status The HTTP status; 0 if there was no response.
   * @param {string} path The path below `/api/v2/`.
   */
  constructor(status, path) {
    super(status ? `Airflow returned HTTP ${status} for ${path}` : `Airflow didn't respond to ${path}`);
    this.status = status;
  }
}

const waiting = { visible: [], background: [] };
let running = 0;

/** Send a request when a connection is free; requests for visible rows go first. */
function enqueue(send, { background = false } = {}) {
  return new Promise((resolve, reject) => {
    waiting[background ? "background" : "visible"].push(() => send().then(resolve, reject));
    startNext();
  });
}

function startNext() {
  if (running >= CONNECTIONS) return;
  const start = waiting.visible.shift() ?? waiting.background.shift();
  if (!start) return;
  running += 1;
  start().finally(() => {
    running -= 1;
    startNext();
  });
}

async function request(path, parameters, accept) {
  const url = new URL(path, API);
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of [value].flat()) url.searchParams.append(name, each);
  }
  let response;
  try {
    response = await fetch(url, { headers: { Accept: accept }, credentials: "same-origin" });
  } catch {
    throw new ApiError(0, path);
  }
  if (!response.ok) throw new ApiError(response.status, path);
  return response;
}

function getJson(path, parameters, options) {
  return enqueue(async () => (await request(path, parameters, "application/json")).json(), options);
}

/** A page of the assets that are audiences. */
export function listAssets(offset, options) {
  return getJson("assets", { uri_pattern: "iqm://", order_by: "id", limit: PAGE_SIZE, offset }, options);
}

/** A page of the newest asset events; releases that don't filter by name return those of other assets, too. */
export function listNewestEvents(offset, options) {
  const parameters = { name_pattern: "iqm://", order_by: "-timestamp", limit: PAGE_SIZE, offset };
  return getJson("assets/events", parameters, options);
}

/** The newest events of one asset; `source` restricts them to a task or its map index. */
export function listAssetEvents(assetId, { limit, source = {}, background = false }) {
  const parameters = { asset_id: assetId, ...source, order_by: "-timestamp", limit };
  return getJson("assets/events", parameters, { background });
}

/** The newest failed task instances of some operators. */
export function listFailedTasks(operators) {
  const parameters = { state: "failed", operator: operators, order_by: "-start_date", limit: PAGE_SIZE };
  return getJson("dags/~/dagRuns/~/taskInstances", parameters);
}

/** The newest XComs with a key, without their values. */
export function listXComs(key) {
  const parameters = { xcom_key: key, order_by: "-timestamp", limit: PAGE_SIZE };
  return getJson("dags/~/dagRuns/~/taskInstances/~/xcomEntries", parameters);
}

/** An XCom's value. */
export async function getXComValue({ dag_id, run_id, task_id, map_index, key }) {
  const path = `${taskPath(dag_id, run_id, task_id)}/xcomEntries/${encodeURIComponent(key)}`;
  const entry = await getJson(path, { map_index, deserialize: false, stringify: false }, { background: true });
  return typeof entry.value === "string" ? JSON.parse(entry.value) : entry.value;
}

/** The lines of a task's log, as they arrive. */
export async function streamLog({ dagId, runId, taskId, mapIndex, tryNumber }, onLine) {
  const path = `${taskPath(dagId, runId, taskId)}/logs/${tryNumber}`;
  await enqueue(async () => {
    const response = await request(path, { map_index: mapIndex }, "application/x-ndjson");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split("\n");
      rest = lines.pop();
      lines.forEach(onLine);
    }
    if (rest) onLine(rest);
  });
}

function taskPath(dagId, runId, taskId) {
  const [dag, run, task] = [dagId, runId, taskId].map(encodeURIComponent);
  return `dags/${dag}/dagRuns/${run}/taskInstances/${task}`;
}
