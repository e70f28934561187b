"""Whose key a call uses: the resolver, its cache, and the rotation of keys."""
