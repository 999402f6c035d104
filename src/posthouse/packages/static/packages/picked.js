// What was dropped or chosen, as {path, size, file}. Folders are read to the bottom.

function entry(path, file) {
  // macOS gives names in decomposed form; the server keeps them composed.
  return { path: path.normalize("NFC"), size: file.size, file };
}

/** The files of an <input type="file">, with the folder's own name before them if a folder was chosen. */
export function fromInput(input) {
  return [...input.files].map((file) => entry(file.webkitRelativePath || file.name, file));
}

/** The files and folders that were dropped; `unreadable` are the paths that the browser could not open. */
export async function fromDrop(transfer) {
  // All at once, before the first wait: afterwards the browser takes the list back.
  const roots = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const files = [];
  const unreadable = [];
  const open = roots.filter(Boolean).map((root) => ["", root]);
  while (open.length) {
    const [folder, root] = open.pop();
    try {
      if (root instanceof File) files.push(entry(root.name, root));
      else if (root.isDirectory) open.push(...(await children(root)).map((child) => [`${folder}${root.name}/`, child]));
      else files.push(entry(`${folder}${root.name}`, await new Promise((take, fail) => root.file(take, fail))));
    } catch {
      unreadable.push(`${folder}${root.name}`);
    }
  }
  return { files, unreadable };
}

async function children(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    // A hundred at a time, until none is left.
    const some = await new Promise((take, fail) => reader.readEntries(take, fail));
    if (!some.length) return all;
    all.push(...some);
  }
}
