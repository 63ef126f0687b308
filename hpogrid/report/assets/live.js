// A page that is served: new data come as events, and what was chosen stays chosen.

const lead = document.getElementById("foot");
const source = new EventSource("events");
source.addEventListener("message", (event) => {
  const kept = shown.keep();
  shown.close();
  document.getElementById("data").textContent = event.data;
  shown = page(kept);
  document.documentElement.dataset.updates = Number(document.documentElement.dataset.updates ?? 0) + 1;
});
source.addEventListener("open", () => (lead.dataset.live = "yes"));
source.addEventListener("error", () => (lead.dataset.live = "lost"));
