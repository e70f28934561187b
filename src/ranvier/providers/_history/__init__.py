"""A conversation as its target accepts it: ids, tool names, opaque parts."""
