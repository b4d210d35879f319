set terminal pngcairo size 1300,1100 font 'sans,11'
set output 'freeing.png'
set multiplot layout 3,1
set grid y
set xtics ('malloc' 0, 'jemalloc' 1, 'mimalloc' 2, 'span' 3)
set xrange [-0.6:3.6]
set yrange [0:*]
set key outside right top
set title 'flat out, two threads: throughput'
set ylabel 'million operations/s'
plot 'freeing.dat' index 0 using 1:2:3:4 with yerrorbars pt 4 lc rgb '#0072b2' title 'debra:batch=32768' noenhanced, 'freeing.dat' index 1 using 1:2:3:4 with yerrorbars pt 5 lc rgb '#009e73' title 'debra:free=burst,batch=32768' noenhanced, 'freeing.dat' index 2 using 1:2:3:4 with yerrorbars pt 6 lc rgb '#d55e00' title 'ebr:batch=32768' noenhanced, 'freeing.dat' index 3 using 1:2:3:4 with yerrorbars pt 7 lc rgb '#cc79a7' title 'ebr:batch=32768,free=amortized,free_per_op=2' noenhanced, 'freeing.dat' index 4 using 1:2:3:4 with yerrorbars pt 8 lc rgb '#7a5c00' title 'ebr:batch=32768,limbo=central' noenhanced, 'freeing.dat' index 5 using 1:2:3:4 with yerrorbars pt 9 lc rgb '#56b4e9' title 'ebr:batch=64' noenhanced, 'freeing.dat' index 6 using 1:2:3:4 with yerrorbars pt 10 lc rgb '#555555' title 'leak' noenhanced
set logscale y
set yrange [*:*]
set title 'one million operations/s, one thread: response of a delete, P99'
set ylabel 'us'
plot 'freeing.dat' index 7 using 1:2:3:4 with yerrorbars pt 4 lc rgb '#0072b2' title 'debra:batch=32768' noenhanced, 'freeing.dat' index 8 using 1:2:3:4 with yerrorbars pt 5 lc rgb '#009e73' title 'debra:free=burst,batch=32768' noenhanced, 'freeing.dat' index 9 using 1:2:3:4 with yerrorbars pt 6 lc rgb '#d55e00' title 'ebr:batch=32768' noenhanced, 'freeing.dat' index 10 using 1:2:3:4 with yerrorbars pt 7 lc rgb '#cc79a7' title 'ebr:batch=32768,free=amortized,free_per_op=2' noenhanced, 'freeing.dat' index 11 using 1:2:3:4 with yerrorbars pt 8 lc rgb '#7a5c00' title 'ebr:batch=32768,limbo=central' noenhanced, 'freeing.dat' index 12 using 1:2:3:4 with yerrorbars pt 9 lc rgb '#56b4e9' title 'ebr:batch=64' noenhanced, 'freeing.dat' index 13 using 1:2:3:4 with yerrorbars pt 10 lc rgb '#555555' title 'leak' noenhanced
set logscale y
set yrange [*:*]
set title 'one million operations/s, one thread: response of a delete, P99.9'
set ylabel 'us'
plot 'freeing.dat' index 14 using 1:2:3:4 with yerrorbars pt 4 lc rgb '#0072b2' title 'debra:batch=32768' noenhanced, 'freeing.dat' index 15 using 1:2:3:4 with yerrorbars pt 5 lc rgb '#009e73' title 'debra:free=burst,batch=32768' noenhanced, 'freeing.dat' index 16 using 1:2:3:4 with yerrorbars pt 6 lc rgb '#d55e00' title 'ebr:batch=32768' noenhanced, 'freeing.dat' index 17 using 1:2:3:4 with yerrorbars pt 7 lc rgb '#cc79a7' title 'ebr:batch=32768,free=amortized,free_per_op=2' noenhanced, 'freeing.dat' index 18 using 1:2:3:4 with yerrorbars pt 8 lc rgb '#7a5c00' title 'ebr:batch=32768,limbo=central' noenhanced, 'freeing.dat' index 19 using 1:2:3:4 with yerrorbars pt 9 lc rgb '#56b4e9' title 'ebr:batch=64' noenhanced, 'freeing.dat' index 20 using 1:2:3:4 with yerrorbars pt 10 lc rgb '#555555' title 'leak' noenhanced
unset multiplot
