// Sizes, speeds and times in words, the same as posthouse/web/units.py writes them.

const SIZES = ["kB", "MB", "GB", "TB", "PB", "EB"];
const STEPS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

/** A number of bytes, in steps of 1000: "1.23 MB". */
export function bytes(count) {
  if (count < 1000) return Math.floor(count) === 1 ? "1 byte" : `${Math.floor(count)} bytes`;
  let value = count;
  let unit = -1;
  do {
    value /= 1000;
    unit += 1;
  } while (value >= 999.5 && unit < SIZES.length - 1);
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${SIZES[unit]}`;
}

/** A speed in bytes per second: "12.3 MB/s". */
export function rate(speed) {
  return `${bytes(speed)}/s`;
}

/** A number of seconds by its two largest units: "2 h 5 min". */
export function duration(seconds) {
  const left = Math.max(0, Math.round(seconds));
  const step = STEPS.findIndex(([length]) => left >= length);
  if (step < 0 || step === STEPS.length - 1) return `${left} s`;
  const [length, name] = STEPS[step];
  const [smaller, smallerName] = STEPS[step + 1];
  const rest = Math.floor((left % length) / smaller);
  return `${Math.floor(left / length)} ${name}${rest ? ` ${rest} ${smallerName}` : ""}`;
}
