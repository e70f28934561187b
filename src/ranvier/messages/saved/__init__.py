"""Saves conversations and responses as versioned JSON.

`kinds` and `records` say how values are written, read and described; `parts` and `answers` are the tables of
the format; `envelope` has its version and limits; `published` makes its JSON schema.
"""
