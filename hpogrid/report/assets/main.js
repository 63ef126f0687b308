// The page, from top to bottom.

const SECTIONS = {
  summary, history, parallel, slices, contour, pareto, hypervolume: paretoSet, curves, timeline, trials: table,
};

head();
chooseMetric();
for (const name of data.sections) (SECTIONS[name] ?? described)(name);
if (kept) choose();
else selection.changed();
document.documentElement.dataset.ready = "yes";
return { keep, close };
