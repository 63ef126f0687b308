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
curves();
timeline();
table();
selection.changed();
document.documentElement.dataset.ready = "yes";
