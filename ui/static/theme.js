// Dark unless the person chose light. Runs in the head, before anything is drawn.
(() => {
  const key = "lucidrive-theme";
  const stored = () => {
    try { return localStorage.getItem(key); } catch { return null; }
  };
  const apply = (theme) => {
    document.documentElement.dataset.theme = theme;
    document.body?.classList.toggle("dark", theme === "dark");
  };
  const current = () => (stored() === "light" ? "light" : "dark");

  apply(current());
  // Gradio sets its own class from the system's preference while it starts; ours stands.
  new MutationObserver(() => {
    if (document.body && document.body.classList.contains("dark") !== (current() === "dark")) apply(current());
  }).observe(document.documentElement, { attributes: true, childList: true, subtree: true, attributeFilter: ["class"] });

  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-toggle-theme]")) return;
    const next = current() === "dark" ? "light" : "dark";
    try { localStorage.setItem(key, next); } catch { /* private mode: the choice lasts until reload */ }
    document.documentElement.dataset.theme = next;
    document.body.classList.toggle("dark", next === "dark");
  });
})();
