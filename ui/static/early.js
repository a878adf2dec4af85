// Keeps what is typed and sent before the page's modules are loaded; the sentence box (talk.js) takes it over.

window.lucidriveEarly = { draft: "", sent: [] };
document.addEventListener("input", ({ target }) => {
  if (target.id === "lr-text" && !target.form.dataset.ready) window.lucidriveEarly.draft = target.value;
}, true);
document.addEventListener("submit", (event) => {
  if (event.target.id !== "lr-form" || event.target.dataset.ready) return;
  event.preventDefault();
  const box = event.target.querySelector("#lr-text");
  window.lucidriveEarly.sent.push(box.value);
  box.value = window.lucidriveEarly.draft = "";
}, true);
