# SPDX-License-Identifier: MIT
# rects.gp - panels of horizontal bars, a row per strategy: stacked phases, counters by role.
#
# Blocks of the data file, per panel: one per kind (columns x0, x1, y0, y1), then one of texts (x, y, text).
# Variables: n_panels, panel[], n_kinds, kind[], kind_colour[], xlabel_of[], xmax[], xtics_of[] (commands), n_cols, panel_h,
# label_w, legend_h, legend_cols.

set multiplot
set key off
unset grid
set grid x lc rgb '#c8c8c8' lw 0.8 dt 3
do for [p=1:n_panels] {
	col = (p - 1) % n_cols
	row = (p - 1) / n_cols
	set lmargin at screen px(W * col / n_cols + label_w)
	set rmargin at screen px(W * (col + 1) / n_cols - 24)
	set tmargin at screen py(head_h + row * panel_h + 36)
	set bmargin at screen py(head_h + (row + 1) * panel_h - 54)
	set title panel[p] offset 0,-0.4 textcolor rgb ink
	set xlabel xlabel_of[p] textcolor rgb ink offset 0,0.3
	set xrange [0:xmax[p]]
	set yrange [n_series + 0.6:0.4]
	set ytics () scale 0
	eval xtics_of[p]
	do for [s=1:n_series] { set ytics add (tic_name[s] s) }
	plot for [k=1:n_kinds] dat index (p - 1) * (n_kinds + 1) + k - 1 \
			using 1:(0.5 * ($3 + $4)):1:2:3:4 with boxxyerror fs solid 1.0 noborder lc rgb kind_colour[k], \
		dat index (p - 1) * (n_kinds + 1) + n_kinds using 1:2:3 with labels left offset 0.6,0 textcolor rgb ink
}
unset title; unset xlabel; unset ylabel; unset tics; unset border; unset grid
set lmargin at screen 0; set rmargin at screen 1; set tmargin at screen 1; set bmargin at screen 0
set xrange [0:1]; set yrange [0:1]
set label 1 heading at screen px(16),py(20) left font ',14' textcolor rgb '#202020'
set label 2 subtitle at screen px(16),py(42) left textcolor rgb '#606060'
set key at screen 0.5,py(H - legend_h / 2.0) center center horizontal Left reverse maxcols legend_cols samplen 1.5 textcolor rgb ink
plot for [k=1:n_kinds] NaN with boxes fs solid 1.0 noborder lc rgb kind_colour[k] title kind[k]
unset multiplot
