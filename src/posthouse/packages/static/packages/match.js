// Which chosen files are those that a package still awaits. Pure.

function baseName(path) {
  return path.slice(path.lastIndexOf("/") + 1);
}

/**
 * Pair the awaited files with chosen ones of the same path and size; where only the folders differ (somebody chose the
 * files and not their folder), a single file of the same name and size will do.
 * @param awaited [{path, size}] what the server wants
 * @param chosen [{path, size}] what the person chose
 * @returns {{pairs: [awaited, chosen][], missing: awaited[], changed: awaited[]}} `changed`: same path, other size
 */
export function match(awaited, chosen) {
  const byPath = new Map(chosen.map((file) => [file.path, file]));
  const byName = new Map();
  for (const file of chosen) {
    const key = `${file.size}/${baseName(file.path)}`;
    byName.set(key, byName.has(key) ? null : file);
  }
  const pairs = [];
  const missing = [];
  const changed = [];
  for (const want of awaited) {
    const exact = byPath.get(want.path);
    if (exact && exact.size === want.size) {
      pairs.push([want, exact]);
    } else if (exact) {
      changed.push(want);
    } else {
      const alike = byName.get(`${want.size}/${baseName(want.path)}`);
      if (alike) pairs.push([want, alike]);
      else missing.push(want);
    }
  }
  return { pairs, missing, changed };
}
