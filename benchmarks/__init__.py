"""Measurements of psycoxide against other drivers: same server, same data, interleaved rounds.

`make bench` runs it; BENCHMARKING.md says how to read it. `workloads` defines what is measured,
`drivers` how each driver does it, `worker` is the process in which one driver does one workload.
"""
