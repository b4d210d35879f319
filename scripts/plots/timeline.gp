# SPDX-License-Identifier: MIT
# timeline.gp - a gauge over time, a panel per strategy with one time axis, stages shaded and named.
#
# Blocks of the data file: one per series (seconds, value).  Variables: n_stages, stage[], stage_begin[],
# stage_end[] (seconds), panel_h; ranges and y tics are set.

set multiplot
set key off
do for [i=1:n_stages] {
	if (i % 2) {
		set object i rectangle from stage_begin[i],graph 0 to stage_end[i],graph 1 behind fs solid 1.0 noborder fc rgb '#e4ebf3'
	}
}
set lmargin at screen px(92)
set rmargin at screen px(W - 22)
set style fill transparent solid 0.25 noborder
do for [s=1:n_series] {
	set tmargin at screen py(head_h + 26 + (s - 1) * panel_h + 20)
	set bmargin at screen py(head_h + 26 + s * panel_h - 8)
	set label 2 name[s] at graph 0, graph 1 left offset 0,0.7 textcolor rgb colour[s] font ',11'
	if (s == n_series) {
		set xlabel 'time since the first stage (s)' textcolor rgb ink
		set xtics format '%g'
	} else {
		set xtics format ''
	}
	plot dat index s - 1 using 1:2 with filledcurves y1=floor_y lc rgb colour[s], \
		dat index s - 1 using 1:2 with lines lw 1.2 lc rgb colour[s]
}
unset xlabel; unset ylabel; unset logscale; unset tics; unset border; unset grid
do for [i=1:n_stages] {
	unset object i
	# Each name above the middle of its stage, on the axis of the panels.
	set label 10 + i stage[i] at screen px(92 + (W - 114) * (stage_begin[i] + stage_end[i]) / 2.0 / end_x),py(head_h + 22) center textcolor rgb ink font ',11'
}
unset label 2
set lmargin at screen 0; set rmargin at screen 1; set tmargin at screen 1; set bmargin at screen 0
set xrange [0:1]; set yrange [0:1]
set label 1 heading at screen px(16),py(20) left font ',14' textcolor rgb '#202020'
set label 3 subtitle at screen px(16),py(42) left textcolor rgb '#606060'
plot NaN notitle
unset multiplot
