"""From templates and events to a limit: likelihood, fit, intervals, critical values.

`terms`, `far` and `structure` hold what a likelihood is made of, `likelihood` evaluates it, `fit`
maximises it, `intervals` ends at a status and a limit for each dataset. `problem` makes these
arrays from templates and events. Critical values are `asymptotics`, or `calibration` with toys and
Neyman's `construction`. `model` is what a notebook holds.
"""
