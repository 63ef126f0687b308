// The page, from top to bottom, or the sections of it that are asked for.

head();
chooseMetric();
const SECTIONS = {
  summary, history, parallel, importance, slices, contour, distribution, pareto, front: paretoSet, curves, timeline, trials: table,
};
for (const name of data.sections ?? Object.keys(SECTIONS)) SECTIONS[name]();
if (kept) choose();
selection.changed();
document.documentElement.dataset.ready = "yes";
return { keep, close };
