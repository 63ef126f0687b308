// The page of the parallel coordinates alone.

head();
chooseMetric();
parallel();
table();
selection.changed();
document.documentElement.dataset.ready = "yes";
