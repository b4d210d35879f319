# SPDX-License-Identifier: MIT
# pareto.gp - throughput against lifetime; the front joins what nothing beats in both.
#
# Blocks of the data file, per series: [0] measured, [1] lower bounds (x, y); the last block is the front.
# Variables: xlabel_text, ylabel_text, legend_h, legend_cols; ranges and tics are set.

set lmargin at screen px(92)
set rmargin at screen px(W - 30)
set tmargin at screen py(head_h + 14)
set bmargin at screen py(H - legend_h - 56)
set label 1 heading at screen px(16),py(20) left font ',14' textcolor rgb '#202020'
set label 2 subtitle at screen px(16),py(42) left textcolor rgb '#606060'
set xlabel xlabel_text textcolor rgb ink
set ylabel ylabel_text textcolor rgb ink offset 0.5,0
set key at screen 0.5,py(H - legend_h / 2.0) center center horizontal Left reverse maxcols legend_cols samplen 1.5 textcolor rgb ink
n_bound = has_bound ? 1 : 0
plot dat index 2 * n_series using 1:2 with lines lw 2 dt 4 lc rgb '#909090' title 'Pareto front', \
	for [s=1:n_series] dat index 2 * (s - 1) using 1:2 with points pt mark(s) ps 2 lc rgb colour[s] notitle, \
	for [s=1:n_series] dat index 2 * (s - 1) + 1 using 1:2 with points pt open_mark(s) ps 2 lw 1.6 lc rgb colour[s] notitle, \
	for [s=1:n_series] NaN with points pt mark(s) ps 1.6 lc rgb colour[s] title name[s], \
	for [i=1:n_bound] NaN with points pt 6 ps 1.6 lw 1.6 lc rgb '#606060' title 'open: the lifetime is a lower bound'
