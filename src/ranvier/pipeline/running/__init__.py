"""A pipeline in its event loop: it opens, follows its calls, and closes."""
