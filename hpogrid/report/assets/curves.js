// Learning curves, and the timeline of the jobs.

function curves() {
  const like = data.charts.curves.find(Boolean);
  if (!like) return;
  const none = make("p", { class: "note", hidden: true });
  selection.listeners.push(() => {
    none.hidden = data.charts.curves[objective] !== null;
    none.textContent = `No trial reported ${objectives[objective].name} more than once.`;
  });
  plotSection("curves", "Learning curves", {
    note: `What trials reported step by step. ${like.note}`, tools: [rampLegend(), none],
    chart: () => data.charts.curves[objective], view: { up: valueAxis, zooms: true }, like,
  });
}

function timeline() {
  const chart = data.charts.timeline;
  if (!chart) return;
  const lanes = chart.y.categories.length;
  plotSection("timeline", "Timeline of the jobs", {
    note: `When each trial ran, one line a job. Gaps are time in which a job ran no trial. Start: ${data.spent.first}. ${chart.note}`,
    tools: [stateLegend(["complete", "pruned", "failed", "running"])],
    chart, view: { height: 50 + Math.max(4, Math.min(26, 700 / lanes)) * lanes },
  });
}
