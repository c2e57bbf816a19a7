"""The failure study: when the conventional recipe finds no limit, and why.

Its settings, the conventional search beside ours, counts with their causes, and the explanation of
a single limit.
"""
