"""Pipelines from a file: `Pipeline.from_config("ranvier.toml")`.

The tables of a file are the constructors of the code: `tables.py` makes a model of each from its signature,
so that a new option of a layer or a provider can be written in a file at once. Start reading at `plan.py`.
"""
