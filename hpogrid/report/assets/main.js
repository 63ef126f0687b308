// The page, from top to bottom.

head();
chooseMetric();
summary();
history();
parallel();
importance();
slices();
contour();
distribution();
pareto();
paretoSet();
curves();
timeline();
table();
if (kept) choose();
selection.changed();
document.documentElement.dataset.ready = "yes";
return { keep, close };
