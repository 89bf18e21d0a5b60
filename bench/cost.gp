# Draws what bench/peers.lua has measured: gnuplot bench/cost.gp
set datafile separator ","
set terminal svg size 880,520 font "sans-serif,13" background "white"
set grid ytics

set output "bench/figures/instructions.svg"
set title "Instructions of a request, by where they go"
set style data histogram
set style histogram rowstacked gap 1 title offset 0,-2.2
set style fill solid 0.85 border -1
set boxwidth 0.75
set ylabel "thousand instructions"
set yrange [0:250]
set xtics rotate by -35 font ",11"
set bmargin 9
set key outside top center horizontal
file = "bench/figures/instructions.csv"
plot newhistogram "new connection" lt 1, \
       for [k=2:5] file index 0 every ::1 using (column(k)/1000):xtic(1) lt (k-1) \
         title word("libcurl C-library language binding", k-1), \
     newhistogram "kept connection" lt 1, \
       for [k=2:5] file index 1 using (column(k)/1000):xtic(1) lt (k-1) notitle, \
     newhistogram "10 at a time" lt 1, \
       for [k=2:5] file index 2 using (column(k)/1000):xtic(1) lt (k-1) notitle, \
     newhistogram "10, an easy each" lt 1, \
       for [k=2:5] file index 3 using (column(k)/1000):xtic(1) lt (k-1) notitle

reset
set datafile separator ","
set output "bench/figures/concurrency.svg"
set title "CPU time of a request on kept connections"
set xlabel "requests at a time"
set ylabel "microseconds"
set logscale x
set yrange [0:*]
set grid
set key top center Left reverse
file = "bench/figures/concurrency.csv"
stats file skip 1 nooutput
plot for [k=2:STATS_columns] file using 1:k with linespoints lw 2 title columnheader(k)
