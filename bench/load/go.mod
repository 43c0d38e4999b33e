module fairlead.dev/bench/load

go 1.22
