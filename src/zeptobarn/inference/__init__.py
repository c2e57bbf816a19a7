"""From templates and events to a limit: likelihood, fit, intervals, critical values.

`terms` and `structure` hold what a likelihood is made of, `far` sums over events that lie far from
any signal, `likelihood` evaluates it. `newton` maximises it in one cell of the shape parameters,
`fit` in all, as far as `bounds` cannot rule them out; `crossing` follows the statistic to a
critical value, `ends` finds both ends of an interval with it, and `intervals` says what the
statistics are and gives each dataset its limit and its `status`. `problem` makes these arrays from
templates and events. Critical values are `asymptotics`, or `calibration`: toys by `throwing`,
Neyman's `construction` from them, and its `quantiles`. `model` is what a notebook holds and makes
the tables of limits, `results` writes and reads them, `load` makes models from files or from
nothing.
"""
