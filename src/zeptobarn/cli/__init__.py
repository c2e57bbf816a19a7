"""The command line, what it prints, and the compilation before a workflow's jobs.

Studies are run by Snakemake; commands are for single things.
"""
