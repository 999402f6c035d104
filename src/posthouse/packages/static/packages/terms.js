// When a package ends and is released, and what holds for the links of recipients outside: from the form to the call.

function by(id) {
  return document.getElementById(id);
}

const days = by("days");
const linkDays = by("link-days");

/** The part of the call that holds the terms; what was left as the page came follows the server's policy. */
export function terms() {
  const call = { days: chosen(days), after: by("after").value };
  if (by("release").value) call.release = new Date(by("release").value).toISOString();
  if (linkDays) {
    call.link = { days: chosen(linkDays), once: by("link-once").checked, password: by("link-password").value };
  }
  return call;
}

function chosen(field) {
  if (field.validity.badInput) return 0; // no number: the server says what is wanted
  if (field.value === field.defaultValue) return "policy";
  return field.value ? Math.trunc(Number(field.value)) : null;
}

if (days) {
  by("release-zone").textContent = ` (${Intl.DateTimeFormat().resolvedOptions().timeZone})`;
}
