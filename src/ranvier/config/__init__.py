"""Pipelines from a file: `Pipeline.from_config("ranvier.toml")`.

The tables of a file correspond to constructors: `tables.py` derives a model from the signature of each, so
that a new option of a layer or a provider works in files at once. Start reading at `plan.py`.
"""
