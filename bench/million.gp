# Draws bench/figures/million.svg from million.csv: gnuplot bench/million.gp
set datafile separator ","
set terminal svg size 800,480 font "sans-serif,14" background "white"
set output "bench/figures/million.svg"
set title "Memory, with a fresh easy and fresh closures for each request on one multi"
set xlabel "requests"
set format x "%.0s%c"
set ylabel "MiB"
set yrange [0:*]
set y2label "number"
set y2range [0:40]
set y2tics 10
set ytics nomirror
set key outside bottom center horizontal
set grid
plot "bench/figures/million.csv" every ::1 using 1:($3/1024) with lines lw 2 title "resident", \
     "" every ::1 using 1:($4/1024) with lines lw 2 title "of Lua", \
     "" every ::1 using 1:5 axes x1y2 with lines lw 2 title "descriptors", \
     "" every ::1 using 1:7 axes x1y2 with lines lw 2 title "easies alive"
