# SPDX-License-Identifier: MIT
# go-lifetimes.gp - distribution of a dead value's lifetime over T: model, runtime and the uniform law.
#
#     gnuplot -e "dir='results/reference/go'" scripts/plots/go-lifetimes.gp
#
# Reads DIR/lifetimes.dat (reclaimbench go-compare), writes DIR/go-lifetimes.svg.

if (!exists("dir")) dir = '.'
W = 720; H = 560
if (!exists("fmt")) fmt = 'svg'
figure = dir.'/go-lifetimes'
load 'scripts/plots/common.gp'
set datafile separator whitespace
dat = dir.'/lifetimes.dat'

set lmargin at screen px(92)
set rmargin at screen px(W - 30)
set tmargin at screen py(head_h + 14)
set bmargin at screen py(H - 110)
set label 1 'How long a deleted value lives: model, Go runtime, uniform law' at screen px(16),py(20) left font ',14' textcolor rgb '#202020'
set label 2 'value_delete at 1k to 10k ops/s, GOGC 25 to 400; lifetime L over the interval T between collections' at screen px(16),py(42) left textcolor rgb '#606060'
set xlabel 'L / T' textcolor rgb ink
set ylabel 'share of the values' textcolor rgb ink offset 0.5,0
set xrange [0:1.5]
set yrange [0:1.02]
set key at screen 0.5,py(H - 28) center center horizontal Left reverse maxcols 3 samplen 2 textcolor rgb ink
plot (x < 1 ? x : 1) with lines lw 3 lc rgb '#c8c8c8' title 'uniform law', \
	dat index 0 using 1:2 with lines lw 1.6 lc rgb '#0072b2' dt 2 title 'runtime, 2^10 keys', \
	dat index 1 using 1:2 with lines lw 1.6 lc rgb '#0072b2' title 'model, 2^10 keys', \
	NaN with lines lc rgb '#ffffff' title ' ', \
	dat index 2 using 1:2 with lines lw 1.6 lc rgb '#d55e00' dt 2 title 'runtime, 2^16 keys', \
	dat index 3 using 1:2 with lines lw 1.6 lc rgb '#d55e00' title 'model, 2^16 keys'
