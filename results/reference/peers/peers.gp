set terminal pngcairo size 1400,900 font 'sans,11'
set output 'peers.png'
set multiplot layout 2,2 title 'The shared map under sweepgen over each peer: ratio of throughput'
set logscale y 2
set yrange [0.4:16]
set ytics (0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12)
set grid y
set xtics ('2^{10}' 0, '2^{16}' 1, '2^{20}' 2, '2^{22}' 3, '2^{10}' 5, '2^{16}' 6, '2^{20}' 7, '2^{22}' 8, '2^{10}' 10, '2^{16}' 11, '2^{20}' 12, '2^{22}' 13)
set xrange [-1:14]
set key outside right top
set ylabel 'times as fast'
set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead lw 2
set title 'fresh tables, 1 thread'
set xlabel 'keys; from left to right get/insert/delete: 100/0/0,  90/5/5,  50/25/25'
plot 'peers.dat' index 0 using 1:2:3:4 with yerrorbars pt 4 ps 0.9 lc rgb '#9400d3' title 'ck_hs' noenhanced, 'peers.dat' index 1 using 1:2:3:4 with yerrorbars pt 5 ps 0.9 lc rgb '#009e73' title 'lfht-memb' noenhanced, 'peers.dat' index 2 using 1:2:3:4 with yerrorbars pt 6 ps 0.9 lc rgb '#56b4e9' title 'lfht-qsbr' noenhanced, 'peers.dat' index 3 using 1:2:3:4 with yerrorbars pt 7 ps 0.9 lc rgb '#e69f00' title 'striped' noenhanced, 'peers.dat' index 4 using 1:2:3:4 with yerrorbars pt 8 ps 0.9 lc rgb '#d62728' title 'hmap-immediate' noenhanced, 'peers.dat' index 5 using 1:2:3:4 with yerrorbars pt 9 ps 0.9 lc rgb '#333333' title 'plain' noenhanced
set title 'aged tables, 1 thread'
set xlabel 'keys; from left to right get/insert/delete: 100/0/0,  90/5/5,  50/25/25'
plot 'peers.dat' index 6 using 1:2:3:4 with yerrorbars pt 4 ps 0.9 lc rgb '#9400d3' title 'ck_hs' noenhanced, 'peers.dat' index 7 using 1:2:3:4 with yerrorbars pt 5 ps 0.9 lc rgb '#009e73' title 'lfht-memb' noenhanced, 'peers.dat' index 8 using 1:2:3:4 with yerrorbars pt 6 ps 0.9 lc rgb '#56b4e9' title 'lfht-qsbr' noenhanced, 'peers.dat' index 9 using 1:2:3:4 with yerrorbars pt 7 ps 0.9 lc rgb '#e69f00' title 'striped' noenhanced, 'peers.dat' index 10 using 1:2:3:4 with yerrorbars pt 8 ps 0.9 lc rgb '#d62728' title 'hmap-immediate' noenhanced, 'peers.dat' index 11 using 1:2:3:4 with yerrorbars pt 9 ps 0.9 lc rgb '#333333' title 'plain' noenhanced
set title 'fresh tables, 2 threads'
set xlabel 'keys; from left to right get/insert/delete: 100/0/0,  90/5/5,  50/25/25'
plot 'peers.dat' index 12 using 1:2:3:4 with yerrorbars pt 4 ps 0.9 lc rgb '#9400d3' title 'ck_hs' noenhanced, 'peers.dat' index 13 using 1:2:3:4 with yerrorbars pt 5 ps 0.9 lc rgb '#009e73' title 'lfht-memb' noenhanced, 'peers.dat' index 14 using 1:2:3:4 with yerrorbars pt 6 ps 0.9 lc rgb '#56b4e9' title 'lfht-qsbr' noenhanced, 'peers.dat' index 15 using 1:2:3:4 with yerrorbars pt 7 ps 0.9 lc rgb '#e69f00' title 'striped' noenhanced, 'peers.dat' index 16 using 1:2:3:4 with yerrorbars pt 8 ps 0.9 lc rgb '#d62728' title 'hmap-immediate' noenhanced, 'peers.dat' index 17 using 1:2:3:4 with yerrorbars pt 9 ps 0.9 lc rgb '#333333' title 'plain' noenhanced
set title 'aged tables, 2 threads'
set xlabel 'keys; from left to right get/insert/delete: 100/0/0,  90/5/5,  50/25/25'
plot 'peers.dat' index 18 using 1:2:3:4 with yerrorbars pt 4 ps 0.9 lc rgb '#9400d3' title 'ck_hs' noenhanced, 'peers.dat' index 19 using 1:2:3:4 with yerrorbars pt 5 ps 0.9 lc rgb '#009e73' title 'lfht-memb' noenhanced, 'peers.dat' index 20 using 1:2:3:4 with yerrorbars pt 6 ps 0.9 lc rgb '#56b4e9' title 'lfht-qsbr' noenhanced, 'peers.dat' index 21 using 1:2:3:4 with yerrorbars pt 7 ps 0.9 lc rgb '#e69f00' title 'striped' noenhanced, 'peers.dat' index 22 using 1:2:3:4 with yerrorbars pt 8 ps 0.9 lc rgb '#d62728' title 'hmap-immediate' noenhanced, 'peers.dat' index 23 using 1:2:3:4 with yerrorbars pt 9 ps 0.9 lc rgb '#333333' title 'plain' noenhanced
unset multiplot
