// A page that nobody sees does not ask for news. htmx's own condition, hx-trigger="every 2s [condition]", would need
// eval, which the Content-Security-Policy forbids. What polls sends the header Posthouse-Poll (see accounts/middleware).

document.addEventListener("htmx:before:request", (event) => {
  if (document.hidden && event.detail.ctx.request.headers["Posthouse-Poll"]) event.preventDefault();
});
