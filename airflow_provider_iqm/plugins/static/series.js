/** Series of audiences: each row of the table is one. */

import { nameInUri } from "./reports.js";

/**
 * Audiences that replaced each other, or that have the same name, or that the same task uploaded for the same asset.
 *
 * @typedef {object} Series
 * @property {string} key Stays the same when more audiences are loaded.
 * @property {string} name
 * @property {object[]} audiences Oldest first.
 * @property {object[]} failures Oldest first.
 * @property {object|null} latest The newest audience; null as long as it isn't loaded, or if none was ever uploaded.
 * @property {object|null} failure The last failure if no audience is newer.
 * @property {string} status
 * @property {number} updated In milliseconds since 1970.
 * @property {string[]} uris The assets.
 */

/**
 * Group audiences and failures into series.
 *
 * @param {object[]} audiences The merged audiences.
 * @param {object[]} failures The failed tasks.
 * @param {object[]} assets Airflow's assets of audiences.
 * @returns {Series[]}
 */
export function groupSeries(audiences, failures, assets) {
  const groups = groupAudiences(audiences).map((members) => newGroup(members));
  const owners = countOwners(groups);
  for (const asset of assets) {
    if (!owners.has(asset.uri)) groups.push({ ...newGroup([]), uris: new Set([asset.uri]), asset });
  }
  groups.push(...assignFailures(groups, failures, assets));
  const isKnown = (group) => group.audiences.length || group.failures.length || group.asset?.last_asset_event?.id;
  return groups.filter(isKnown).map((group) => describe(group, owners));
}

/** Join audiences that have a key in common. */
function groupAudiences(audiences) {
  const parents = new Map();
  const find = (key) => {
    while (parents.has(key)) key = parents.get(key);
    return key;
  };
  const join = (a, b) => {
    const [first, second] = [find(a), find(b)];
    if (first !== second) parents.set(second, first);
  };
  for (const audience of audiences) {
    const key = `id ${audience.id}`;
    if (audience.name) join(key, `name ${audience.workspace}/${audience.name}`);
    for (const id of audience.replaced) join(key, `id ${id}`);
    for (const slot of audience.slots) join(key, `slot ${slot}`);
  }
  return [...Map.groupBy(audiences, (audience) => find(`id ${audience.id}`)).values()];
}

function newGroup(members) {
  const audiences = members.sort((a, b) => a.created - b.created);
  return { audiences, failures: [], uris: new Set(audiences.flatMap((each) => [...each.uris])), asset: null };
}

/** Count how many series share each asset: the mapped instances of a task do. */
function countOwners(groups) {
  const owners = new Map();
  for (const uri of groups.flatMap((group) => [...group.uris])) owners.set(uri, (owners.get(uri) ?? 0) + 1);
  return owners;
}

/** Add failures to the series of their task, or else of their Dag; return a new group for each task without one. */
function assignFailures(groups, failures, assets) {
  const index = indexGroups(groups, assets);
  const created = new Map();
  for (const failure of [...failures].sort((a, b) => a.time - b.time)) {
    const only = (key) => (index.get(key)?.size === 1 ? [...index.get(key)][0] : null);
    const { dagId, taskId, mapIndex } = failure;
    const task = JSON.stringify([dagId, taskId]);
    let group = only(JSON.stringify([dagId, taskId, mapIndex])) ?? only(task) ?? only(JSON.stringify([dagId]));
    if (!group) {
      const key = JSON.stringify([dagId, taskId, failure.label || mapIndex]);
      group = created.get(key) ?? newGroup([]);
      created.set(key, group);
    }
    group.failures.push(failure);
  }
  return created.values();
}

/** Index groups by Dag, by task and by map index. */
function indexGroups(groups, assets) {
  const index = new Map();
  const add = (group, ...parts) => {
    const key = JSON.stringify(parts);
    index.set(key, (index.get(key) ?? new Set()).add(group));
  };
  const byUri = Map.groupBy(
    groups.flatMap((group) => [...group.uris].map((uri) => ({ uri, group }))),
    ({ uri }) => uri,
  );
  for (const group of groups) {
    for (const { dagId, taskId, mapIndex } of group.audiences.flatMap((each) => each.sources)) {
      add(group, dagId);
      add(group, dagId, taskId);
      add(group, dagId, taskId, mapIndex);
    }
  }
  for (const asset of assets) {
    for (const { dag_id: dagId, task_id: taskId } of asset.producing_tasks ?? []) {
      for (const { group } of byUri.get(asset.uri) ?? []) {
        add(group, dagId);
        add(group, dagId, taskId);
      }
    }
  }
  return index;
}

function describe({ audiences, failures, uris, asset }, owners) {
  const latest = audiences.at(-1) ?? null;
  const last = failures.at(-1) ?? null;
  const failure = last && last.time > (latest?.updated ?? assetTime(asset) ?? 0) ? last : null;
  const name = nameSeries(audiences, failures, [...uris], owners);
  return {
    key: [...uris, latest ? name : (last?.id ?? name)].join(" "),
    name,
    audiences,
    failures,
    latest,
    failure,
    status: failure ? "Failed" : (latest?.status ?? ""),
    updated: failure?.time ?? latest?.updated ?? assetTime(asset),
    uris: [...uris],
  };
}

function assetTime(asset) {
  const timestamp = asset?.last_asset_event?.timestamp;
  return timestamp ? Date.parse(timestamp) : null;
}

/** The name of the asset if the series has it for itself; otherwise the name of the newest audience. */
function nameSeries(audiences, failures, uris, owners) {
  const own = uris.find((uri) => (owners.get(uri) ?? 1) === 1);
  if (own) return nameInUri(own);
  const latest = audiences.at(-1);
  if (latest) return latest.name || `Audience ${latest.audienceId}`;
  const { dagId, taskId, label } = failures.at(-1);
  return label || `${dagId} › ${taskId}`;
}
