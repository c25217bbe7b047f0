/** Numbers and times as text, in the viewer's language and time zone. */

export const UNKNOWN = "—";

const integers = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const decimals = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const percents = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const days = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const hours = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];
const DAY = 86_400_000;

const orUnknown = (format) => (value) => (value === null || value === undefined ? UNKNOWN : format(value));

export const formatInteger = orUnknown((value) => integers.format(value));
export const formatCompact = orUnknown((value) => compact.format(value));
export const formatPercent = orUnknown((value) => `${percents.format(value)} %`);
export const formatCost = orUnknown((value) => decimals.format(value));
export const formatMoment = orUnknown((value) => moments.format(value));

/** A tick of a time axis that covers `span` milliseconds. */
export function formatTick(value, span) {
  return (span < 2 * DAY ? hours : days).format(value);
}

/** A time as "5 minutes ago". */
export const formatAge = orUnknown((value) => {
  const seconds = (value - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  return relative.format(Math.trunc(seconds / length), unit);
});

/** A number of things in plain English. */
export function formatCount(count, noun) {
  return `${integers.format(count)} ${noun}${count === 1 ? "" : "s"}`;
}
