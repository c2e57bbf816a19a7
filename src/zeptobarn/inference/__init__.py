"""From templates and events to a limit: likelihood, fit, intervals, critical values.

`terms` and `structure` hold what a likelihood is made of, `far` sums over events that lie far from
any signal, `likelihood` evaluates it. `newton` maximises it in one cell of the shape parameters,
`fit` in all, as far as `bounds` cannot rule them out; `ends` looks for the ends of an interval, and
`intervals` gives each dataset its limit and its `status`. `problem` makes these arrays from
templates and events. Critical values are `asymptotics`, or `calibration` with toys and Neyman's
`construction`. `model` is what a notebook holds and makes the tables of limits, `results` writes
and reads them, `load` makes models from files or from nothing.
"""
