# SPDX-License-Identifier: MIT
# heatmap.gp - the matrix: a row per strategy, a column per cell and stage, colour for the figure.
#
# Blocks of the data file: [0] figures (x, y, value for the colour), [1] cells without one (x, y), [2] texts on
# dark cells, [3] texts on light cells (x, y, text).  Variables: n_columns, column[], label_w, label_h, cb_text;
# the colour range and its tics are set.

set lmargin at screen px(label_w)
set rmargin at screen px(W - 120)
set tmargin at screen py(head_h + 14)
set bmargin at screen py(H - label_h)
unset grid
set border 0
set tics scale 0
set xrange [0.5:n_columns + 0.5]
set yrange [n_series + 0.5:0.5]
set ytics ()
do for [s=1:n_series] { set ytics add (tic_name[s] s) }
set xtics () rotate by 40 right
do for [c=1:n_columns] { set xtics add (column[c] c) }
# cividis: even in lightness, the same to colour-blind readers.
set palette defined (0 '#00204d', 1 '#213d6b', 2 '#555b6c', 3 '#7b7a77', 4 '#a59c74', 5 '#d3c064', 6 '#ffea46')
set colorbox user origin px(W - 96),py(H - label_h) size px(16),(py(head_h + 14) - py(H - label_h))
# Above the bar: beside it the tics' labels would run into the text.
set label 3 cb_text at screen px(W - 12),py(head_h) right textcolor rgb ink
set key off
set label 1 heading at screen px(16),py(20) left font ',14' textcolor rgb '#202020'
set label 2 subtitle at screen px(16),py(42) left textcolor rgb '#606060'
plot dat index 1 using 1:2:($1 - 0.48):($1 + 0.48):($2 - 0.46):($2 + 0.46) with boxxyerror fs solid 1.0 noborder lc rgb '#dddddd', \
	dat index 0 using 1:2:($1 - 0.48):($1 + 0.48):($2 - 0.46):($2 + 0.46):3 with boxxyerror fs solid 1.0 noborder fc palette, \
	dat index 2 using 1:2:3 with labels textcolor rgb '#ffffff', \
	dat index 3 using 1:2:3 with labels textcolor rgb '#101010'
