# SPDX-License-Identifier: MIT
# curves.gp - panels of lines, one line per strategy: percentile curves, rates, sizes.
#
# Blocks of the data file, per panel and series: [0] measured, [1] where only a lower bound is known (dashed,
# open markers), [2] extra (extra_kind: 'cross', 'line' or 'none').  Columns: x, y, low, high.
# Variables: n_panels, panel[], ylabel_of[], yaxis_of[] (commands), n_cols, panel_h, legend_h, legend_cols,
# xlabel_text, bound_text, extra_kind, extra_text; x range and tics are set.

block(p, s, k) = ((p - 1) * n_series + (s - 1)) * 3 + k
extra_is_line = extra_kind eq 'line'
set multiplot
set key off
do for [p=1:n_panels] {
	col = (p - 1) % n_cols
	row = (p - 1) / n_cols
	set lmargin at screen px(W * col / n_cols + 84)
	set rmargin at screen px(W * (col + 1) / n_cols - 22)
	set tmargin at screen py(head_h + row * panel_h + 36)
	set bmargin at screen py(head_h + (row + 1) * panel_h - 54)
	set title panel[p] offset 0,-0.4 textcolor rgb ink
	set xlabel xlabel_text textcolor rgb ink offset 0,0.3
	set ylabel ylabel_of[p] textcolor rgb ink offset 0.5,0
	set ytics ()
	eval yaxis_of[p]
	plot for [s=1:n_series] dat index block(p, s, 1) using 1:2 with linespoints lw 1.6 dt 2 pt open_mark(s) ps 1.3 lc rgb colour[s], \
		for [s=1:n_series] dat index block(p, s, 0) using 1:2:3:4 with yerrorbars lw 0.8 pt -1 lc rgb colour[s], \
		for [s=1:n_series] dat index block(p, s, 0) using 1:2 with linespoints lw 2 pt mark(s) ps 1.1 lc rgb colour[s], \
		for [s=1:n_series] dat index block(p, s, 2) using 1:(extra_is_line ? $2 : NaN) with lines lw 1.4 dt 3 lc rgb colour[s], \
		for [s=1:n_series] dat index block(p, s, 2) using 1:(extra_is_line ? NaN : $2) with points pt 2 ps 1.9 lw 1.6 lc rgb colour[s]
}
unset title; unset xlabel; unset ylabel; unset logscale; unset tics; unset border; unset grid
set lmargin at screen 0; set rmargin at screen 1; set tmargin at screen 1; set bmargin at screen 0
set xrange [0:1]; set yrange [0:1]
set label 1 heading at screen px(16),py(20) left font ',14' textcolor rgb '#202020'
set label 2 subtitle at screen px(16),py(42) left textcolor rgb '#606060'
set key at screen 0.5,py(H - legend_h / 2.0) center center horizontal Left reverse maxcols legend_cols samplen 2.5 textcolor rgb ink
n_bound = has_bound ? 1 : 0
n_cross = extra_kind eq 'cross' ? 1 : 0
n_line = extra_is_line ? 1 : 0
plot for [s=1:n_series] NaN with linespoints lw 2 pt mark(s) ps 1.1 lc rgb colour[s] title name[s], \
	for [i=1:n_bound] NaN with linespoints lw 1.6 dt 2 pt 6 ps 1.3 lc rgb '#606060' title bound_text, \
	for [i=1:n_cross] NaN with points pt 2 ps 1.6 lw 1.6 lc rgb '#606060' title extra_text, \
	for [i=1:n_line] NaN with lines lw 1.4 dt 3 lc rgb '#606060' title extra_text
unset multiplot
