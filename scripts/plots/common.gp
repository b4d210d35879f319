# SPDX-License-Identifier: MIT
# common.gp - terminal, colours and layout shared by all figures.
#
# `reclaimbench plot` writes one script per figure: the variables of that figure, this file, then the
# figure's own script.  To restyle a figure, edit the script beside the image and run
#     gnuplot NAME.gp                     (NAME.png)
#     gnuplot -e "fmt='svg'" NAME.gp      (NAME.svg)
#
# Variables set before: W, H (pixels), figure (file name), heading, subtitle, n_series, name[], colour[].
# Names come from outside: every terminal is set to `noenhanced`, and names stand in single quotes.

if (!exists("fmt")) fmt = 'png'
if (fmt eq 'svg') {
	set terminal svg noenhanced size W,H dynamic font 'DejaVu Sans,Arial,sans-serif,12' background '#ffffff'
	set output figure.'.svg'
} else {
	set terminal pngcairo noenhanced size W,H font 'DejaVu Sans,10' background '#ffffff'
	set output figure.'.png'
}
set encoding utf8
set datafile separator "\t"
set datafile missing 'NaN'
dat = figure.'.dat'

ink = '#404040'
set border 3 lc rgb '#808080' lw 1
set tics nomirror out scale 0.6 textcolor rgb ink
set grid x y lc rgb '#c8c8c8' lw 0.8 dt 3
set style fill solid 1.0 noborder
set bars small

# Filled markers for measured points, the open twins for lower bounds.
array filled[6] = [7, 5, 9, 13, 11, 15]
array hollow[6] = [6, 4, 8, 12, 10, 14]
mark(s) = filled[(s - 1) % 6 + 1]
open_mark(s) = hollow[(s - 1) % 6 + 1]

# Layout in pixels: a heading, rows of panels, the legend at the bottom.
head_h = 56
px(x) = x / (1.0 * W)
py(y) = 1.0 - y / (1.0 * H)
