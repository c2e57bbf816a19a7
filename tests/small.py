"""The small study of most tests: coarse, and quick to compute."""

SMALL = """
results: results/small
masses_GeV: [7, 10, 50, 1000]
critical_values: asymptotic
intervals:
  - {name: leff_nominal, fixed: {leff: 0}}
  - {name: leff_low, fixed: {leff: -2}}
  - {name: profiled, profiled: [leff]}
shapes: [{name: leff, anchors: [-2, -1, 0, 1, 2], low_energy: constant}]
trials: 20
trials_per_batch: 20
response: {events_per_energy_bin: 20000, energy_bin_width_log: 0.05}
"""
