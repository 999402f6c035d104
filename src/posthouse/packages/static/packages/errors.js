// Sentences of the server beside the fields that they are about.

const ERRORS = {
  recipients: "to-errors",
  cc: "cc-errors",
  title: "title-errors",
  note: "note-errors",
  terms: "terms-errors",
  outside: "outside-errors",
  encryption: "encryption-errors",
  files: "files-errors",
};

function by(id) {
  return document.getElementById(id);
}

/** Show sentences beside their fields; a field that is not named keeps what it shows. */
export function showErrors(errors) {
  for (const [field, sentences] of Object.entries(errors)) {
    const box = by(ERRORS[field]);
    if (!box) continue;
    box.replaceChildren(
      ...sentences.map((sentence) => {
        const line = document.createElement("li");
        line.textContent = sentence;
        return line;
      }),
    );
    const control = { recipients: by("to"), title: by("title"), note: by("note"), encryption: by("passphrase") }[field];
    control?.toggleAttribute("aria-invalid", sentences.length > 0);
    if (sentences.length) control?.setAttribute("aria-invalid", "true");
    if (sentences.length) box.closest("details")?.setAttribute("open", "");
    box.closest(".field, details, .card-body").classList.toggle("has-errors", sentences.length > 0);
  }
}
