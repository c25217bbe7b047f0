/** Uploads and waits that failed: they have no asset event. */

import { streamLog } from "./api.js";

/** The operators whose failure means that an audience wasn't updated. */
export const OPERATORS = [
  "MatchedAudienceUploadOperator",
  "SqlToMatchedAudienceOperator",
  "_IQMUploadDecoratedOperator",
  "AudienceReadySensor",
  "ReplaceAudienceOperator",
];

/** Parse failed task instances; releases that don't filter by operator return others, too. */
export function parseFailures(taskInstances) {
  return taskInstances
    .filter((each) => each.state === "failed" && OPERATORS.includes(each.operator))
    .map((each) => ({
      id: JSON.stringify([each.dag_id, each.dag_run_id, each.task_id, each.map_index]),
      dagId: each.dag_id,
      runId: each.dag_run_id,
      taskId: each.task_id,
      mapIndex: each.map_index,
      label: each.rendered_map_index ?? "",
      tryNumber: each.try_number,
      time: Date.parse(each.end_date ?? each.start_date ?? each.run_after),
    }));
}

const errors = new Map();

/** The first line of the error that failed a task; empty if its log can't be read. */
export function loadError(failure) {
  const key = `${failure.id} ${failure.tryNumber}`;
  if (!errors.has(key)) errors.set(key, readError(failure).catch(() => ""));
  return errors.get(key);
}

async function readError(failure) {
  let error = "";
  await streamLog(failure, (line) => {
    error = errorInLogLine(line) || error;
  });
  return error;
}

/** The first line of the error in a line of a structured log; empty if there is none. */
export function errorInLogLine(line) {
  // Most lines of a log have no error, and parsing takes time.
  if (!line.includes("error_detail")) return "";
  let record;
  try {
    record = JSON.parse(line);
  } catch {
    return "";
  }
  const detail = Array.isArray(record.error_detail) ? record.error_detail[0] : null;
  if (!detail) return "";
  const [message] = String(detail.exc_value ?? "").split("\n");
  return message || String(detail.exc_type ?? "");
}
