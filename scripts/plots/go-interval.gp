# SPDX-License-Identifier: MIT
# go-interval.gp - the interval between two ends of marking, model against runtime, one point per load.
#
#     gnuplot -e "dir='results/reference/go'" scripts/plots/go-interval.gp
#
# Reads DIR/interval.dat (reclaimbench go-compare), writes DIR/go-interval.svg.

if (!exists("dir")) dir = '.'
W = 720; H = 620
if (!exists("fmt")) fmt = 'svg'
figure = dir.'/go-interval'
load 'scripts/plots/common.gp'
set datafile separator whitespace
dat = dir.'/interval.dat'

set lmargin at screen px(92)
set rmargin at screen px(W - 30)
set tmargin at screen py(head_h + 14)
set bmargin at screen py(H - 110)
set label 1 'Time between two collections: model against the Go runtime' at screen px(16),py(20) left font ',14' textcolor rgb '#202020'
set label 2 'value_delete, every rate and GOGC; 4 KiB of garbage per operation; the lines are equal and 15 % apart' at screen px(16),py(42) left textcolor rgb '#606060'
set xlabel 'Go 1.19 runtime, ms' textcolor rgb ink
set ylabel 'model (strategy go), ms' textcolor rgb ink offset 0.5,0
set logscale xy
stats dat using 1 nooutput
lo = STATS_min / 1.5
hi = STATS_max * 1.5
set xrange [lo:hi]
set yrange [lo:hi]
set key at screen 0.5,py(H - 28) center center horizontal Left reverse maxcols 2 samplen 1.5 textcolor rgb ink
plot x with lines lw 1.5 lc rgb '#909090' notitle, \
	x * 1.15 with lines lw 1 dt 3 lc rgb '#909090' notitle, \
	x / 1.15 with lines lw 1 dt 3 lc rgb '#909090' notitle, \
	dat index 0 using 1:2 with points pt 7 ps 1 lc rgb '#0072b2' title '2^10 keys, 1k to 10k ops/s', \
	dat index 1 using 1:2 with points pt 6 ps 1 lw 1.6 lc rgb '#0072b2' title '2^10 keys, unthrottled', \
	dat index 2 using 1:2 with points pt 5 ps 1 lc rgb '#d55e00' title '2^16 keys, 1k to 10k ops/s', \
	dat index 3 using 1:2 with points pt 4 ps 1 lw 1.6 lc rgb '#d55e00' title '2^16 keys, unthrottled'
