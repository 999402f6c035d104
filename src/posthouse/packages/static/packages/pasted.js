// What somebody pastes where people are named. Pure.

const QUOTED = /"[^"]*"/g;

/** The names in a pasted text: one per line, or with commas, semicolons or tabs between; of "Eve <eve@x>" the address. */
export function namesIn(text) {
  return text
    .replace(QUOTED, (quoted) => quoted.replace(/[,;]/g, " "))
    .split(/[,;\t\r\n]+/)
    .map((piece) => (/<([^<>]+)>\s*$/.exec(piece)?.[1] ?? piece).trim())
    .filter(Boolean);
}
