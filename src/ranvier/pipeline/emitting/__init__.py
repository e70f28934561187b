"""How events reach listeners: in order, in the context of their call."""
